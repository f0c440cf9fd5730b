/* SPDX-License-Identifier: MIT */
#include "lib/sse/also.h"

#include <errno.h>

#include "lib/base/be.h"

enum { FIELD_HEAD = 3 };

bool
also_next(struct slice *rest, struct slice *ret_topic)
{
	while (rest->len >= FIELD_HEAD) {
		size_t len = be_read(rest->p + 1, 2);
		bool is_topic = rest->p[0] == ALSO_TYPE;

		if (len > rest->len - FIELD_HEAD)
			break;
		*ret_topic = (struct slice){ rest->p + FIELD_HEAD, len };
		rest->p += FIELD_HEAD + len;
		rest->len -= FIELD_HEAD + len;
		if (is_topic)
			return true;
	}
	return false;
}

int
also_append(struct buf *out, struct slice topic)
{
	char head[FIELD_HEAD] = { ALSO_TYPE };

	be_write(head + 1, 2, topic.len);
	if (buf_reserve(out, FIELD_HEAD + topic.len) < 0)
		return -ENOMEM;
	(void)buf_append(out, head, FIELD_HEAD);
	(void)buf_append_slice(out, topic);
	return 0;
}
