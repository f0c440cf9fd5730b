/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/complain.h"
#include "tools/duration.h"
#include "tools/lines.h"
#include "tools/outcome.h"
#include "tools/stop.h"

enum {
	FEED_POLL_MS = 500,	/* what publisher.h asks for while events wait */
	FEED_AGAIN_MS = 50,	/* between two looks for a hub that is away */
};

struct feed {
	const struct feed_options *o;	/* borrowed */
	struct sse_publisher *publisher;	/* borrowed */
	int fd;
	int stop_fd;
	struct lines lines;
	struct sse_event *held;	/* owned; waits for room in the window */
	uint64_t held_line;
	uint64_t acked, refused, skipped;
	uint64_t unsent;	/* lines that were read when all was given up */
	int64_t since_ms;	/* of waiting without any answer */
	bool input_closed;	/* nothing more is read */
	bool halted;		/* nothing more is sent */
	bool given_up;		/* nothing more is waited for */
	bool is_mute;		/* standard output takes no more ids, ... */
	int print_error;	/* ... because of this errno */
	int exit_code;		/* of the first failure */
};

static void
fail(struct feed *f, int exit_code)
{
	if (f->exit_code == EX_OK)
		f->exit_code = exit_code;
}

static void
halt(struct feed *f)
{
	f->halted = true;
	sse_event_free(f->held);
	f->held = NULL;
}

/* A line or its event was refused, here or by the hub. */
static void
refuse(struct feed *f, int result)
{
	int code = outcome_exit(result);

	fail(f, code);
	if (code != EX_DATAERR || !f->o->skip_bad)
		halt(f);
}

static void
on_ack(void *user, uint64_t line, int result, const char *id, const char *reason)
{
	struct feed *f = user;

	f->since_ms = duration_now();
	if (result < 0) {
		f->refused++;
		complain("line %" PRIu64 ": the hub refused it: %s", line,
			 reason != NULL ? reason : strerror(-result));
		refuse(f, result);
		return;
	}
	f->acked++;
	if (f->o->print_ids && puts(id) < 0 && f->print_error == 0)
		f->print_error = errno;
}

/* The next event into `held`. False: no whole line is there. */
static bool
take_line(struct feed *f)
{
	const char *line = NULL;
	size_t len = 0;
	char error[DRAFT_ERROR_SIZE];
	int r;

	r = lines_next(&f->lines, &line, &len);
	if (r == 0)
		return false;
	if (r == -EMSGSIZE)
		snprintf(error, sizeof(error), "it has more than %zu bytes; "
			 "send what is longer as a link", f->lines.max);
	else if (!f->o->is_json)
		r = draft_event(&f->o->draft, line, len, &f->held, error);
	else if (len > 0)
		r = draft_json(&f->o->draft, line, len, &f->held, error);
	f->held_line = f->lines.number;
	if (r < 0) {
		f->skipped++;
		complain("line %" PRIu64 ": %s", f->held_line, error);
		refuse(f, r);
	}
	return true;
}

static bool
send_held(struct feed *f)
{
	bool was_idle = sse_publisher_pending(f->publisher) == 0;
	int r;

	r = sse_publisher_send(f->publisher, f->held, f->held_line);
	if (r == -EAGAIN)
		return false;
	if (was_idle)
		f->since_ms = duration_now();
	if (r < 0) {
		f->skipped++;
		complain("line %" PRIu64 ": %s", f->held_line,
			 r == -ENOMEM ? "not enough memory"
				      : sse_event_error(f->held));
	}
	sse_event_free(f->held);
	f->held = NULL;
	if (r < 0)
		refuse(f, r);
	return true;
}

/* Sends all that is there; false when the window is full. */
static bool
send_lines(struct feed *f)
{
	while (!f->halted) {
		if (f->held == NULL && !take_line(f))
			break;
		if (f->held != NULL && !send_held(f))
			return false;
	}
	return true;
}

/* Events that were read, but never sent. */
static void
count_unsent(struct feed *f)
{
	const char *line;
	size_t len;
	int r;

	f->unsent = f->held != NULL;
	while ((r = lines_next(&f->lines, &line, &len)) != 0)
		f->unsent += r < 0 || len > 0 || !f->o->is_json;
}

static void
give_up(struct feed *f, int reach)
{
	int result = reach;

	/* A hub that has answered before may have taken what waits now. */
	if (reach == 0 || f->acked + f->refused > 0)
		result = -ETIMEDOUT;
	if (reach < 0)
		outcome_complain(reach, f->publisher);
	if (result != -EACCES)
		complain("no acknowledgement within %" PRId64 " ms",
			 f->o->timeout_ms);
	fail(f, outcome_exit(result));
	f->given_up = true;
	count_unsent(f);
}

/* Sends and takes acknowledgements until neither goes on by itself. */
static void
pump(struct feed *f)
{
	uint64_t before;
	bool is_blocked;
	int reach;

	do {
		is_blocked = !send_lines(f);
		before = f->acked + f->refused;
		reach = sse_publisher_poll(f->publisher, 0);
		if (reach == -EINTR)
			reach = 0;
	} while (is_blocked && f->acked + f->refused > before);

	if (sse_publisher_pending(f->publisher) == 0)
		return;
	/* No waiting mends a refused key. */
	if (duration_now() - f->since_ms >= f->o->timeout_ms ||
	    (reach == -EACCES && f->acked + f->refused == 0))
		give_up(f, reach);
}

static bool
is_over(const struct feed *f)
{
	if (f->given_up)
		return true;
	if (sse_publisher_pending(f->publisher) > 0 || f->held != NULL)
		return false;
	return f->halted || f->input_closed;
}

static void
read_more(struct feed *f)
{
	int r = lines_read(&f->lines, f->fd);

	if (r < 0 && r != -EAGAIN && r != -EINTR) {
		complain("cannot read standard input: %s", strerror(-r));
		fail(f, r == -ENOMEM ? EX_OSERR : EX_IOERR);
		f->input_closed = true;
	}
	if (f->lines.at_end)
		f->input_closed = true;
}

static void
close_input(struct feed *f, const char *why)
{
	size_t rest = lines_unfinished(&f->lines);

	f->input_closed = true;
	complain("stopped: %s; %s", why, rest == 0 ? "finishing what was read"
		 : "finishing what was read, without the unfinished last line");
}

/*
 * A reader of the ids that goes is as good as a signal: that is how a pipeline
 * ends. A full disk is a failure.
 */
static void
flush_ids(struct feed *f)
{
	bool is_gone;

	if (!f->o->print_ids || f->is_mute)
		return;
	if (fflush(stdout) != 0 && f->print_error == 0)
		f->print_error = errno;
	if (f->print_error == 0)
		return;
	f->is_mute = true;
	is_gone = f->print_error == EPIPE;
	if (!is_gone) {
		complain("cannot write standard output: %s",
			 strerror(f->print_error));
		fail(f, EX_IOERR);
	}
	if (!f->input_closed && !f->halted)
		close_input(f, is_gone ? "standard output is closed" :
			    "the ids cannot be told any more");
}

/* Sleeps until there is something to read, to hear or to give up. */
static void
wait_for_more(struct feed *f)
{
	bool wants_input = !f->input_closed && !f->halted && f->held == NULL;
	int publisher[2];
	int n = sse_publisher_fds(f->publisher, publisher);
	struct pollfd fds[] = {
		{ .fd = f->stop_fd, .events = POLLIN },
		{ .fd = wants_input ? f->fd : -1, .events = POLLIN },
		{ .fd = publisher[0], .events = POLLIN },
		{ .fd = publisher[1], .events = POLLIN },
	};
	int64_t most = n == 0 ? FEED_AGAIN_MS : FEED_POLL_MS, left = -1;

	if (sse_publisher_pending(f->publisher) > 0) {
		left = f->since_ms + f->o->timeout_ms - duration_now();
		left = left < 0 ? 0 : left > most ? most : left;
	}
	if (poll(fds, 4, (int)left) <= 0)
		return;
	if (fds[1].revents != 0)
		read_more(f);
	if (fds[0].revents != 0) {
		f->stop_fd = -1;
		if (!f->input_closed && !f->halted)
			close_input(f, strsignal(stop_signal()));
	}
}

static void
report(const struct feed *f)
{
	const char *verb = f->acked == 1 ? "event was" : "events were";
	unsigned pending = sse_publisher_pending(f->publisher);
	char rest[160] = "";
	size_t len = 0;

	if (f->exit_code == EX_OK && stop_signal() == 0 && !f->is_mute)
		return;
	if (f->refused + f->skipped > 0)
		len += (size_t)snprintf(rest, sizeof(rest),
					", %" PRIu64 " refused",
					f->refused + f->skipped);
	if (f->unsent > 0)
		len += (size_t)snprintf(rest + len, sizeof(rest) - len,
					", %" PRIu64 " not sent", f->unsent);
	if (pending > 0)
		snprintf(rest + len, sizeof(rest) - len,
			 "; what became of %u more is unknown", pending);
	complain("%" PRIu64 " %s acknowledged%s", f->acked, verb, rest);
}

int
feed_run(struct sse_publisher *p, const struct feed_options *o, int fd)
{
	struct feed f = {
		.o = o,
		.publisher = p,
		.fd = fd,
		.lines = {
			.max = o->is_json ? FEED_JSON_MAX : FEED_LINE_MAX,
			.keep_cr = o->keep_cr,
		},
	};

	f.stop_fd = stop_catch();
	if (f.stop_fd < 0) {
		complain("cannot make a pipe: %s", strerror(-f.stop_fd));
		return EX_OSERR;
	}
	sse_publisher_set_on_ack(p, on_ack, &f);
	sse_publisher_insist(p);
	for (;;) {
		pump(&f);
		flush_ids(&f);
		if (is_over(&f))
			break;
		wait_for_more(&f);
	}
	report(&f);
	halt(&f);
	lines_done(&f.lines);
	return f.exit_code;
}
