/* SPDX-License-Identifier: MIT */
/*
 * slots: how many streams this account may have open (--cgi-streams).
 *
 * A slot is a byte of a file that is locked while its process lives: the
 * kernel gives it back however that ends.
 */
#ifndef CGI_SLOTS_H
#define CGI_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cgi/home.h"

/* Whether one of so many was free; it is this process's to its end. */
bool slots_take(const struct home *h, uint64_t count);

#endif
