/* SPDX-License-Identifier: MIT */
/*
 * bench-crowd --count N --bus DIR [OPTION...]: a crowd of readers, and the
 * publisher of what they read, that do what each line of standard input says:
 *
 *   open		all connect at once; done when each has its place
 *   close		all leave
 *   events E W [R]	publishes E events, each to one topic after another,
 *			with so many under way that W deliveries are
 *			outstanding, and at most R in a second
 *   resume E		all come back at once with their last id, E events
 *			behind
 *   plain E W		a plain loop sends as many bytes to as many readers, in
 *			the same order
 *   answers		a plain loop accepts all of them at once, and sends each
 *			the bytes that the last `open` or `resume` brought
 *   pid NAME=PID	whose processor time is measured, too, or instead
 *
 * and answer each with a line of JSON. It ends with an error if an event is
 * lost, doubled, out of order, changed, or with whom it does not belong to.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sse-fcgi/publisher.h>

#include "tests/bench/bench.h"
#include "tests/bench/crowd.h"
#include "tests/bench/plain.h"

/* Which topics reader i wants, of those with the numbers below `topics`. */
enum kind {
	KIND_TOPICS,		/* i, i + step, ... by name */
	KIND_TEMPLATE,		/* all, by one template */
	KIND_OWN_TEMPLATE,	/* those with t % count == i, by its template */
};

enum { WAIT_S = 60, PIDS = 8, STRIDE = 7919 };

static const char *const kinds[] = { "topics", "template", "own-template" };

static struct {
	const char *bus, *plain_path;
	enum kind kind;
	size_t topics, each, step, size;
	struct {
		const char *name;	/* up to its `=` */
		pid_t pid;
	} pids[PIDS];
	size_t pid_count;
} opt = { .topics = 1, .each = 1, .size = 64 };

static struct crowd crowd;
static struct crowd raw;	/* the same readers, of a plain loop */
static struct plain plain = { .orders = -1 };
static struct sse_publisher *publisher;
static uint32_t *receivers;	/* of each topic, KIND_TOPICS */
static uint64_t published, outstanding;
static uint64_t gathered;	/* events for each in the last storm */
static uint64_t before_ns[PIDS];
static double before_s;

static noreturn void
fail(const char *what)
{
	errno = 0;
	bench_die(what);
}

/* ---- who wants what ---- */

static void
topic_name(size_t t, char *out, size_t size)
{
	if (opt.kind == KIND_OWN_TEMPLATE)
		snprintf(out, size, "u%zu/%zu", t % crowd.count, t);
	else
		snprintf(out, size, "t/%zu", t);
}

static void
reader_path(void *user, size_t i, char *out, size_t size)
{
	size_t at = (size_t)snprintf(out, size, "/events");

	(void)user;
	if (opt.kind == KIND_TEMPLATE)
		snprintf(out + at, size - at, "?topic=t/{n}");
	if (opt.kind == KIND_OWN_TEMPLATE)
		snprintf(out + at, size - at, "?topic=u%zu/{n}", i);
	for (size_t k = 0; k < opt.each && opt.kind == KIND_TOPICS; k++)
		at += (size_t)snprintf(out + at, size - at, "%ctopic=t/%zu",
				       k ? '&' : '?',
				       (i + k * opt.step) % opt.topics);
	if (at >= size)
		fail("a request has too many topics");
}

static bool
wants(size_t i, size_t t)
{
	size_t from = (t + opt.topics - i % opt.topics) % opt.topics;

	if (opt.kind == KIND_OWN_TEMPLATE)
		return t % crowd.count == i;
	return opt.kind == KIND_TEMPLATE ||
	       (from % opt.step == 0 && from / opt.step < opt.each);
}

static uint64_t
receivers_of(size_t t)
{
	if (opt.kind == KIND_TEMPLATE)
		return crowd.count;
	return opt.kind == KIND_TOPICS ? receivers[t] : 1;
}

static void
count_receivers(void)
{
	opt.step = opt.topics / opt.each;
	/* Where topics are shared, no two readers are to want all the same. */
	if (opt.each > 1 && opt.topics < opt.each * crowd.count)
		opt.step--;
	receivers = calloc(opt.topics, sizeof(*receivers));
	if (!receivers || opt.step == 0)
		fail("there must be as many topics as one reader wants");
	for (size_t i = 0; i < crowd.count; i++)
		for (size_t k = 0; k < opt.each; k++)
			receivers[(i + k * opt.step) % opt.topics]++;
}

static void
on_event(void *user, struct reader *r, uint64_t number, uint64_t topic)
{
	(void)user;
	if (number <= r->last)
		fail("an event came twice, or out of order");
	if (topic >= opt.topics || !wants((size_t)(r - crowd.readers), topic))
		fail("an event went to a reader that did not want it");
	if (r->data_len != opt.size)
		fail("an event is not as long as it was published");
	if (outstanding == 0)
		fail("more came than was published");
	outstanding--;
}

/* ---- measuring ---- */

static void
measure(void)
{
	for (size_t i = 0; i < opt.pid_count; i++)
		before_ns[i] = bench_cpu_ns(opt.pids[i].pid);
	before_s = bench_now_s();
}

/* What was used since. */
static void
tell(const char *what, uint64_t deliveries)
{
	double s = bench_now_s() - before_s;

	printf("{\"did\":\"%s\",\"s\":%.6f,\"deliveries\":%llu,\"cpu_ns\":{",
	       what, s, (unsigned long long)deliveries);
	for (size_t i = 0; i < opt.pid_count; i++)
		printf("%s\"%.*s\":%llu", i ? "," : "",
		       (int)strcspn(opt.pids[i].name, "="), opt.pids[i].name,
		       (unsigned long long)(bench_cpu_ns(opt.pids[i].pid) -
					    before_ns[i]));
	printf("}}\n");
	fflush(stdout);
}

static void
tell_plain(const char *what, uint64_t ns, double begun, uint64_t deliveries)
{
	printf("{\"did\":\"%s\",\"s\":%.6f,\"deliveries\":%llu,"
	       "\"cpu_ns\":{\"plain\":%llu}}\n", what, bench_now_s() - begun,
	       (unsigned long long)deliveries, (unsigned long long)ns);
	fflush(stdout);
}

/* ---- events ---- */

static void
publish(size_t t)
{
	char topic[64], data[8192];
	struct sse_event *e;
	int len = snprintf(data, sizeof(data), "%llu %zu ",
			   (unsigned long long)++published, t);

	memset(data + len, 'x', sizeof(data) - (size_t)len);
	topic_name(t, topic, sizeof(topic));
	if (sse_event_new(topic, data, opt.size, &e) < 0 ||
	    sse_publisher_send(publisher, e, published) < 0)
		fail(sse_publisher_error(publisher));
	sse_event_free(e);
	if (crowd.opened)
		outstanding += receivers_of(t);
}

static void
on_ack(void *user, uint64_t cookie, int result, const char *id,
       const char *reason)
{
	(void)user;
	(void)cookie;
	(void)id;
	if (result < 0)
		fail(reason);
}

static void
handle_what_came(uint64_t wait_from)
{
	if (sse_publisher_poll(publisher, crowd.opened ? 0 : 1000) < 0)
		fail(sse_publisher_error(publisher));
	if (crowd.opened)
		crowd_poll(&crowd, outstanding >= wait_from ? 1 : 0);
}

static bool
is_due(uint64_t n, uint64_t rate)
{
	return rate == 0 || bench_now_s() - before_s > (double)n / (double)rate;
}

static uint64_t
run_events(uint64_t events, uint64_t window, uint64_t rate)
{
	double deadline = bench_now_s() + WAIT_S;
	uint64_t left = events, deliveries = 0;

	while (left > 0 || outstanding > 0 ||
	       sse_publisher_pending(publisher) > 0) {
		while (left > 0 && outstanding < window &&
		       is_due(events - left, rate) &&
		       sse_publisher_pending(publisher) < 256) {
			size_t t = (size_t)(published * STRIDE % opt.topics);

			publish(t);
			deliveries += receivers_of(t);
			left--;
		}
		handle_what_came(left > 0 ? window : 1);
		if (bench_now_s() > deadline)
			fail("events are missing");
	}
	return deliveries;
}

static void
do_events(uint64_t events, uint64_t window, uint64_t rate)
{
	uint64_t deliveries;

	measure();
	deliveries = run_events(events, window, rate);
	tell("events", crowd.opened ? deliveries : 0);
}

/* ---- a plain loop ---- */

static void
open_plain(void)
{
	raw = (struct crowd){
		.unix_path = opt.plain_path,
		.count = crowd.count,
		.is_raw = true,
		.wait_bytes = UINT64_MAX,
	};
	plain_start_sends(&plain, opt.plain_path, crowd.count);
	crowd_begin(&raw);
	while (raw.opened < raw.count)
		if (!crowd_open_next(&raw))
			crowd_poll(&raw, 1);
}

/* About as many bytes as an event takes. */
static void
do_plain(uint64_t events, uint64_t window)
{
	struct plain_order o = {
		.len = (uint32_t)opt.size + 64,
		.count = (uint32_t)window,
		.step = STRIDE % (uint32_t)crowd.count,
	};
	uint64_t before, rounds = events / window;
	double begun;

	if (!raw.readers)
		open_plain();
	before = bench_cpu_ns(plain.pid);
	begun = bench_now_s();
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t target = raw.bytes + o.len * window;

		plain_order(&plain, &o);
		while (raw.bytes < target)
			crowd_poll(&raw, 1000);
		o.first = (uint32_t)((o.first + window * o.step) % crowd.count);
	}
	tell_plain("plain", bench_cpu_ns(plain.pid) - before, begun,
		   rounds * window);
}

/* ---- storms ---- */

/* All come, and get so many events each. */
static void
gather(uint64_t events)
{
	double deadline = bench_now_s() + WAIT_S;

	if (crowd.opened)
		fail("close first");
	outstanding = events * crowd.count;
	crowd.has_tape = true;
	crowd_open_all(&crowd);
	while (outstanding > 0) {
		crowd_poll(&crowd, 1000);
		if (bench_now_s() > deadline)
			fail("events are missing");
	}
	crowd.has_tape = false;
	gathered = events;
}

static void
do_open(void)
{
	measure();
	gather(0);
	tell("open", 0);
}

static void
do_close(void)
{
	/* What came too much would be there by now. */
	crowd_poll(&crowd, 0);
	measure();
	crowd_close_all(&crowd);
	tell("close", 0);
}

static void
do_resume(uint64_t events)
{
	crowd.resumes = true;
	measure();
	gather(events);
	tell("resume", events * crowd.count);
	crowd.resumes = false;
}

/* The same bytes by a process that does nothing but accept and send. */
static void
do_answers(void)
{
	const char *path = crowd.unix_path;
	size_t size = crowd.count * sizeof(*crowd.readers);
	struct reader *known = malloc(size);	/* their ids */
	double begun;

	if (!known || crowd.opened)
		fail("close first");
	memcpy(known, crowd.readers, size);

	plain_start_answers(&plain, opt.plain_path, crowd.tape, crowd.tape_len);
	for (size_t i = 0; i < crowd.count; i++)
		crowd.readers[i].last = 0;
	crowd.unix_path = opt.plain_path;
	begun = bench_now_s();
	gather(gathered);
	tell_plain("answers", bench_cpu_ns(plain.pid), begun, 0);
	crowd_close_all(&crowd);
	crowd.unix_path = path;
	memcpy(crowd.readers, known, size);
	free(known);
	plain_stop(&plain);
	unlink(opt.plain_path);
}

/* ---- the beginning ---- */

static void
set_pid(const char *text)
{
	const char *is = strchr(text, '=');
	size_t i = 0;

	while (i < opt.pid_count && strncmp(opt.pids[i].name, text,
					    (size_t)(is + 1 - text)) != 0)
		i++;
	if (!is || i == PIDS)
		fail("NAME=PID is wanted, of at most 8 processes");
	opt.pids[i].name = strdup(text);
	opt.pids[i].pid = (pid_t)atoi(is + 1);
	if (i == opt.pid_count)
		opt.pid_count++;
}

static void
do_line(const char *line)
{
	unsigned long long n = 0, window = 1, rate = 0;
	char what[16], name[64];

	if (sscanf(line, "pid %63s", name) == 1) {
		set_pid(name);
		printf("{\"did\":\"pid\",\"cpu_ns\":{}}\n");
		fflush(stdout);
		return;
	}
	if (sscanf(line, "%15s %llu %llu %llu", what, &n, &window, &rate) < 1)
		return;
	if (strcmp(what, "open") == 0)
		do_open();
	else if (strcmp(what, "close") == 0)
		do_close();
	else if (strcmp(what, "events") == 0)
		do_events(n, window, rate);
	else if (strcmp(what, "resume") == 0)
		do_resume(n);
	else if (strcmp(what, "plain") == 0)
		do_plain(n, window);
	else if (strcmp(what, "answers") == 0)
		do_answers();
	else
		fail("a line of standard input is not understood");
}

static enum kind
read_kind(const char *text)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i], text) == 0)
			return (enum kind)i;
	fail("--kind: topics, template or own-template");
}

static void
read_option(int c)
{
	switch (c) {
	case 'u': crowd.unix_path = optarg; break;
	case 'h': crowd.port = (uint16_t)atoi(optarg); break;
	case 'b': opt.bus = optarg; break;
	case 'n': crowd.count = strtoul(optarg, NULL, 10); break;
	case 't': opt.topics = strtoul(optarg, NULL, 10); break;
	case 'e': opt.each = strtoul(optarg, NULL, 10); break;
	case 'k': opt.kind = read_kind(optarg); break;
	case 's': opt.size = strtoul(optarg, NULL, 10); break;
	case 'p': set_pid(optarg); break;
	case 'l': opt.plain_path = optarg; break;
	default: fail("an option is not understood");
	}
}

static void
read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "unix", 1, NULL, 'u' },   { "http", 1, NULL, 'h' },
		{ "bus", 1, NULL, 'b' },    { "count", 1, NULL, 'n' },
		{ "topics", 1, NULL, 't' }, { "each", 1, NULL, 'e' },
		{ "kind", 1, NULL, 'k' },   { "size", 1, NULL, 's' },
		{ "pid", 1, NULL, 'p' },    { "plain", 1, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		read_option(c);
	if (!opt.bus || !crowd.count || !opt.topics || !opt.each ||
	    (!crowd.unix_path && !crowd.port) || opt.size < 32 ||
	    opt.size > 8192)
		fail("--count N, --bus DIR and --unix PATH or --http PORT "
		     "are needed; --size is 32 to 8192");
}

static void
at_end(void)
{
	plain_stop(&plain);
}

int
main(int argc, char **argv)
{
	char line[256];

	bench_begin("bench-crowd", at_end);
	read_options(argc, argv);
	bench_files(1 << 20);
	crowd.path = reader_path;
	crowd.on_event = on_event;
	crowd_begin(&crowd);
	count_receivers();
	if (sse_publisher_open(opt.bus, &publisher) < 0)
		fail(sse_publisher_error(publisher));
	sse_publisher_set_on_ack(publisher, on_ack, NULL);
	while (fgets(line, sizeof(line), stdin))
		do_line(line);
	sse_publisher_free(publisher);
	at_end();
	return 0;
}
