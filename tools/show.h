/* SPDX-License-Identifier: MIT */
/*
 * show: prints events for people and for programs.
 *
 * Text: topic, a tab, the data; each further line of the data begins with a
 * tab, which no topic does. On a terminal, characters that would steer it are
 * shown as `?`.
 * JSON: one object a line, {"topic","event","id","time","data"}; what an event
 * has not is null.
 */
#ifndef TOOLS_SHOW_H
#define TOOLS_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shown_text {		/* p NULL: absent; valid UTF-8 */
	const char *p;
	size_t len;
};

enum { SHOWN_ALSO_MAX = 9 };

struct shown {
	struct shown_text topic, event, id, data;
	struct shown_text also[SHOWN_ALSO_MAX];	/* its other topics */
	size_t also_count;
	int64_t time_ms;	/* 0: unknown */
};

struct show {
	bool is_json;
	bool is_terminal;
	uint64_t left;		/* events still to show; UINT64_MAX: no end */
};

/* Prints into stdout's buffer. False when the last wanted event is shown. */
bool show_event(struct show *s, const struct shown *e);

/*
 * Hands the buffer to the system. 0, or the exit code to end with: EX_OK when
 * the reader has gone (*ret_is_over), EX_IOERR with a complaint.
 */
int show_flush(bool *ret_is_over);

#endif
