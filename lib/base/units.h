/* SPDX-License-Identifier: MIT */
/* units: numbers, durations and sizes as people write them. */
#ifndef LIB_BASE_UNITS_H
#define LIB_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"

/* All return 0, -EINVAL (no such thing) or -ERANGE (too large); the outputs are
 * untouched then. */

/* Decimal digits only, no sign, no blanks. */
int parse_u64(struct slice s, uint64_t *ret_value);

/* "15s" "500ms" "2m" "1h" "7d", or a bare number of seconds ("1.5" too). */
int parse_duration(struct slice s, int64_t *ret_ms);

/* "1048576" "64KiB" "1MiB" "2GiB"; also "64k" "1M" "2G", powers of 1024. */
int parse_size(struct slice s, uint64_t *ret_bytes);

/* Base 36, lower case; `out` takes 13 digits and a NUL. Returns its length. */
size_t format_base36(uint64_t value, char out[14]);
int parse_base36(struct slice s, uint64_t *ret_value);

#endif
