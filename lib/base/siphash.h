/* SPDX-License-Identifier: MIT */
/* siphash: SipHash-1-3 (Aumasson and Bernstein), for tables of hostile keys. */
#ifndef LIB_BASE_SIPHASH_H
#define LIB_BASE_SIPHASH_H

#include <stdint.h>

#include "lib/base/slice.h"

uint64_t siphash13(const uint64_t key[2], struct slice s);

#endif
