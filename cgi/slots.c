/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cgi/slots.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

bool
slots_take(const struct home *h, uint64_t count)
{
	char path[sizeof(h->path) + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/streams", h->path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	for (uint64_t i = 0; fd >= 0 && i < count; i++) {
		struct flock slot = {
			.l_type = F_WRLCK,
			.l_whence = SEEK_SET,
			.l_start = (off_t)i,
			.l_len = 1,
		};

		if (fcntl(fd, F_SETLK, &slot) == 0)
			return true;	/* the descriptor stays open */
	}
	if (fd >= 0)
		close(fd);
	return false;
}
