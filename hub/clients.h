/* SPDX-License-Identifier: MIT */
/*
 * clients: the public keys that may connect, and what each may do.
 *
 * A text file, one client a line: `RIGHTS KEY [NAME]`. RIGHTS is publish,
 * follow, or publish,follow; KEY is a public key in Z85; NAME is for people.
 * `#` begins a comment line. A key on several lines has all their rights.
 */
#ifndef HUB_CLIENTS_H
#define HUB_CLIENTS_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "lib/bus/curve.h"

enum {
	CLIENTS_PUBLISH = 1,
	CLIENTS_FOLLOW = 2,	/* the endpoints follow and events */

	CLIENTS_NAME_SIZE = 65,
	CLIENTS_FILE_MOST = 1 << 18,	/* bytes: some thousand clients */
};

struct client {
	char key[CURVE_SIZE];
	char name[CLIENTS_NAME_SIZE];	/* "": none */
	unsigned rights;
};

struct clients {		/* zeroed: none */
	struct client *items;	/* owned */
	size_t count;
	/* of the file, when it was last looked at */
	struct timespec changed;
	off_t size;
	ino_t inode;
};

/*
 * Reads the file; on failure `c` is as before. 0; -ENOMEM; -EPERM: it may not
 * be read, or everybody may write to it; -EINVAL; each with a sentence.
 */
int clients_load(struct clients *c, const char *path, char *error, size_t size);

/* Reads the file again if it was changed: 1 then, else 0; or as above, and
 * once only for each change. */
int clients_refresh(struct clients *c, const char *path, char *error,
		    size_t size);

/* The same of a text that is there already; `path` is for the sentences. */
int clients_parse(struct clients *c, const char *text, const char *path,
		  char *error, size_t size);

/* What a key may do; 0: it is not listed. Its name, "" if it has none. */
unsigned clients_rights(const struct clients *c, const char *key,
			const char **ret_name);

/* PUBLISH, FOLLOW or both by name, as in the file; 0: it is none. */
unsigned clients_parse_rights(const char *text, size_t len);

void clients_done(struct clients *c);

#endif
