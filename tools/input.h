/* SPDX-License-Identifier: MIT */
/* input: all of a descriptor, within a bound. */
#ifndef TOOLS_INPUT_H
#define TOOLS_INPUT_H

#include <stddef.h>

/*
 * Reads to the end. 0 and bytes that the caller frees; -EMSGSIZE: more than
 * `max` bytes; -ENOMEM; or what read(2) failed with.
 */
int input_read_all(int fd, size_t max, char **ret_bytes, size_t *ret_len);

/* The length without one final line end: LF or CRLF. */
size_t input_cut_line_end(const char *bytes, size_t len);

#endif
