/* SPDX-License-Identifier: MIT */
/*
 * curve: the keys of a bus that is served over a network (CurveZMQ, RFC 26).
 *
 * A key file is a ZeroMQ certificate as czmq and pyzmq write and read it: lines
 * `public-key = "..."` and `secret-key = "..."`, each a key in Z85, which is 40
 * printable characters; `#` begins a comment line; other lines are ignored. A
 * file with a secret is refused when other users can read it, and any of them
 * when other users can write to it. Errors never repeat what a file holds.
 */
#ifndef LIB_BUS_CURVE_H
#define LIB_BUS_CURVE_H

#include <stdbool.h>
#include <stddef.h>

enum { CURVE_BYTES = 32, CURVE_SIZE = 41 };	/* as text, with the NUL */

struct curve {			/* zeroed: no keys */
	char public[CURVE_SIZE];	/* our own pair */
	char secret[CURVE_SIZE];
	char hub[CURVE_SIZE];	/* the hub's public key */
};

static inline bool
curve_is_set(const struct curve *c)
{
	return c->secret[0] != '\0';
}

/* Reads our own pair. 0, or -EPERM or -EINVAL with a sentence. */
int curve_read_pair(struct curve *c, const char *path, char *error,
		    size_t error_size);
/* Reads the hub's public key, from a file without its secret. */
int curve_read_hub(struct curve *c, const char *path, char *error,
		   size_t error_size);

#endif
