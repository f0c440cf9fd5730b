/* SPDX-License-Identifier: MIT */
/* listen_make: what the files of listen.h share among themselves. */
#ifndef FCGI_LISTEN_MAKE_H
#define FCGI_LISTEN_MAKE_H

#include "fcgi/listen.h"

/* The option that gave the address, as people write it. */
const char *listen_option(const struct listen_config *c);

/* Fills in *f; returns -error. */
int listen_refuse(struct listen_fault *f, int error, int status,
		 const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * The last steps, the same for a socket found and one made: its name, who may
 * connect, whether it may be open so far, listen(2).
 */
int listen_finish(struct listener *l, const struct listen_config *c,
		  struct listen_fault *f);

/* Make l->fd and take those last steps. On failure the caller closes l. */
int listen_make_unix(struct listener *l, const struct listen_config *c,
		     const char *path, struct listen_fault *f);
int listen_make_tcp(struct listener *l, const struct listen_config *c,
		    const char *text, struct listen_fault *f);

/* Whether only this machine can reach an address. */
bool listen_is_loopback(const struct sockaddr *sa);

#endif
