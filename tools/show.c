/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/complain.h"
#include "tools/jsontext.h"

static void
put_json_string(struct shown_text t)
{
	jsontext_put(t.p, t.len);
}

static void
show_json(const struct shown *e)
{
	fputs("{\"topic\":", stdout);
	put_json_string(e->topic);
	for (size_t i = 0; i < e->also_count; i++) {
		fputs(i == 0 ? ",\"also\":[" : ",", stdout);
		put_json_string(e->also[i]);
	}
	if (e->also_count > 0)
		putchar(']');
	fputs(",\"event\":", stdout);
	put_json_string(e->event);
	fputs(",\"id\":", stdout);
	put_json_string(e->id);
	if (e->time_ms > 0)
		printf(",\"time\":%" PRId64, e->time_ms);
	else
		fputs(",\"time\":null", stdout);
	fputs(",\"data\":", stdout);
	put_json_string(e->data);
	fputs("}\n", stdout);
}

/* How many bytes at `i` steer a terminal: C0 and DEL one, C1 two, others none. */
static size_t
count_steering(struct shown_text t, size_t i)
{
	unsigned char c = (unsigned char)t.p[i];
	unsigned char next = i + 1 < t.len ? (unsigned char)t.p[i + 1] : 0;

	if ((c < 0x20 && c != '\t') || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

static void
put_text(const struct show *s, struct shown_text t)
{
	size_t i, n;

	if (!s->is_terminal) {
		fwrite(t.p, 1, t.len, stdout);
		return;
	}
	for (i = 0; i < t.len; i += n ? n : 1) {
		n = count_steering(t, i);
		putchar(n ? '?' : t.p[i]);
	}
}

/* A line of the data: up to CR, LF or CRLF, as in an event stream. */
static struct shown_text
cut_line(struct shown_text *rest)
{
	struct shown_text line = { rest->p, 0 };

	while (line.len < rest->len && line.p[line.len] != '\n' &&
	       line.p[line.len] != '\r')
		line.len++;
	rest->p += line.len;
	rest->len -= line.len;
	if (rest->len > 1 && rest->p[0] == '\r' && rest->p[1] == '\n') {
		rest->p++;
		rest->len--;
	}
	return line;
}

static void
show_text(const struct show *s, const struct shown *e)
{
	struct shown_text rest = e->data;

	put_text(s, e->topic.p != NULL ? e->topic : e->event);
	for (;;) {
		putchar('\t');
		put_text(s, cut_line(&rest));
		putchar('\n');
		if (rest.len == 0)
			break;
		rest.p++;	/* the line end */
		rest.len--;
	}
}

bool
show_event(struct show *s, const struct shown *e)
{
	if (s->left == 0)
		return false;
	if (s->is_json)
		show_json(e);
	else
		show_text(s, e);
	if (s->left != UINT64_MAX)
		s->left--;
	return s->left > 0;
}

int
show_flush(bool *ret_is_over)
{
	if (fflush(stdout) == 0)
		return EX_OK;
	*ret_is_over = true;
	if (errno == EPIPE)
		return EX_OK;
	complain("cannot write to standard output: %s", strerror(errno));
	return EX_IOERR;
}
