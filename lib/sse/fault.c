/* SPDX-License-Identifier: MIT */
#include "lib/sse/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/base/utf8.h"

int
fault_refuse(struct event_fault *ret_fault, const char *field, size_t at,
	     const char *format, ...)
{
	va_list ap;

	if (!ret_fault)
		return -EINVAL;
	ret_fault->field = field;
	ret_fault->at = at;
	va_start(ap, format);
	(void)vsnprintf(ret_fault->why, sizeof(ret_fault->why), format, ap);
	va_end(ap);
	return -EINVAL;
}

/*
 * The first control character: C0, DEL, or C1, which is 0xC2 0x80-0x9F in
 * valid UTF-8. s.len when there is none.
 */
static size_t
find_control(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			return i;
		if (c == 0xc2 && i + 1 < s.len &&
		    (unsigned char)s.p[i + 1] < 0xa0)
			return i;
	}
	return s.len;
}

int
fault_check_text(const char *field, const char *what, struct slice s,
		 size_t max, struct event_fault *ret_fault)
{
	size_t at;

	if (s.len == 0)
		return fault_refuse(ret_fault, field, 0,
				    "%s is empty; it needs 1 to %zu bytes",
				    what, max);
	if (s.len > max)
		return fault_refuse(ret_fault, field, max,
				    "%s has %zu bytes; at most %zu are allowed",
				    what, s.len, max);
	at = utf8_valid_prefix(s);
	if (at < s.len)
		return fault_refuse(
		    ret_fault, field, at,
		    "%s is not valid UTF-8 at byte %zu (0x%02x); "
		    "send it as UTF-8",
		    what, at, (unsigned char)s.p[at]);
	at = find_control(s);
	if (at < s.len)
		return fault_refuse(
		    ret_fault, field, at,
		    "%s has a control character at byte %zu "
		    "(0x%02x); leave out line ends and the like",
		    what, at, (unsigned char)s.p[at]);
	return 0;
}
