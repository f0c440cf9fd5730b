/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/input.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { INPUT_FIRST = 1 << 14 };	/* most events fit at once */

int
input_read_all(int fd, size_t max, char **ret_bytes, size_t *ret_len)
{
	char *bytes = NULL, *more;
	size_t len = 0, cap = 0;
	ssize_t n;
	int r = 0;

	while (r == 0) {
		if (len == cap) {
			cap = cap ? cap * 2 : INPUT_FIRST;
			more = realloc(bytes, cap);
			if (more == NULL) {
				r = -ENOMEM;
				break;
			}
			bytes = more;
		}
		n = read(fd, bytes + len, cap - len);
		if (n == 0)
			break;
		if (n < 0)
			r = errno == EINTR ? 0 : -errno;
		else
			len += (size_t)n;
		if (len > max)
			r = -EMSGSIZE;
	}
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}

size_t
input_cut_line_end(const char *bytes, size_t len)
{
	if (len > 0 && bytes[len - 1] == '\n') {
		len--;
		if (len > 0 && bytes[len - 1] == '\r')
			len--;
	}
	return len;
}
