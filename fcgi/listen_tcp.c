/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "fcgi/listen_make.h"
#include "lib/base/units.h"

/* HOST:PORT or [HOST]:PORT, the parts copied to `host` and `port`. */
static int
split_host(const char *text, char host[256], char port[6])
{
	const char *colon = strrchr(text, ':');
	struct slice h, p;
	uint64_t number;

	if (!colon)
		return -EINVAL;
	h = (struct slice){ text, (size_t)(colon - text) };
	p = slice_of(colon + 1);
	if (h.len >= 2 && h.p[0] == '[' && h.p[h.len - 1] == ']')
		h = (struct slice){ h.p + 1, h.len - 2 };
	else if (h.len > 0 && memchr(h.p, ':', h.len))
		return -EINVAL;
	if (h.len < 1 || h.len > 255 || p.len < 1 || p.len > 5 ||
	    parse_u64(p, &number) < 0 || number > 65535)
		return -EINVAL;
	snprintf(host, 256, "%.*s", (int)h.len, h.p);
	snprintf(port, 6, "%.*s", (int)p.len, p.p);
	return 0;
}

static int
bind_tcp(struct listener *l, const struct addrinfo *ai, const char *text,
	 struct listen_fault *f)
{
	int on = 1, e;

	l->fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC,
		       ai->ai_protocol);
	if (l->fd < 0)
		return listen_refuse(f, errno, EX_OSERR, "Cannot make a socket: %s.",
			     strerror(errno));
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(l->fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return 0;
	e = errno;
	return listen_refuse(f, e, e == EACCES ? EX_NOPERM : EX_CANTCREAT,
		     "Cannot listen on tcp:%.200s: %s.%s", text, strerror(e),
		     e == EADDRINUSE ? " Another program has this port." : "");
}

int
listen_make_tcp(struct listener *l, const struct listen_config *c, const char *text,
	 struct listen_fault *f)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *ai;
	char host[256], port[6];
	int r;

	if (split_host(text, host, port) < 0)
		return listen_refuse(f, EINVAL, EX_USAGE,
			     "--listen tcp:%.200s is not tcp:HOST:PORT, such "
			     "as tcp:127.0.0.1:9000 or tcp:[::1]:9000.", text);
	r = getaddrinfo(host, port, &hints, &ai);
	if (r != 0)
		return listen_refuse(f, EADDRNOTAVAIL, EX_NOHOST,
			     "--listen: the host %.200s is not known: %s.",
			     host, gai_strerror(r));
	r = bind_tcp(l, ai, text, f);
	freeaddrinfo(ai);
	return r < 0 ? r : listen_finish(l, c, f);
}
