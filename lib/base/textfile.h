/* SPDX-License-Identifier: MIT */
/*
 * textfile: a small text that says whom to trust: keys, clients, rules.
 */
#ifndef LIB_BASE_TEXTFILE_H
#define LIB_BASE_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads a whole text that other users must not be able to write. At most
 * size - 1 bytes, and a NUL. *ret_is_private: neither can they read it. 0;
 * -EPERM: it may not be read, or its permissions are too wide; -EINVAL:
 * anything else; each with a sentence.
 */
int textfile_read(const char *path, char *buffer, size_t size,
		  bool *ret_is_private, char *error, size_t error_size);

/*
 * The same of one that may be longer, at most `most` bytes; also -ENOMEM. *ret_text
 * is malloc'ed.
 */
int textfile_load(const char *path, size_t most, char **ret_text, char *error,
		  size_t error_size);

#endif
