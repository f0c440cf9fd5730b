/* SPDX-License-Identifier: MIT */
/*
 * bench-fanout SSE-FCGI [SUBSCRIBERS [SIZE [BURST [ROUNDS]]]]
 *
 * What a delivery costs a worker, beside a plain loop of send() over as many
 * sockets, in the same run: in turns, BURST events at once by the worker and by
 * the loop, one send() for each event and socket there, each waited for until
 * the last subscriber has them. Checks that nothing was lost or doubled. Prints
 * a line for people, what was measured and figures as JSON.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sse-fcgi/publisher.h>

#include "tests/bench/bench.h"
#include "tests/bench/crowd.h"
#include "tests/bench/plain.h"

enum {
	WAIT_S = 60,
	WARM_UP = 3,
	BURST_MAX = 256,
	ROUNDS_MAX = 10000,
	SIZE_MIN = 32,
	RECORD_HEADER = 8,
};

struct side {			/* the worker's readers, or the loop's */
	struct crowd crowd;
	pid_t pid;		/* who sends to them */
	double cpu_ns[ROUNDS_MAX];
	double latency_s[ROUNDS_MAX];	/* to the last subscriber */
	unsigned rounds;
};

static size_t n_readers = 10000, data_size = 128;
static unsigned burst = 1, rounds = 50;
static char dir[64], web[96], plain_path[96];
static pid_t supervisor;
static struct side worker, loop;
static struct plain plain = { .orders = -1 };
static uint64_t published, outstanding;	/* events; deliveries */

static void
stop_all(void)
{
	char command[128];

	if (supervisor > 0 && kill(supervisor, SIGTERM) == 0)
		waitpid(supervisor, NULL, 0);
	plain_stop(&plain);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	(void)!system(command);
}

/* ---- the worker ---- */

static pid_t
child_named(pid_t parent, const char *name)
{
	char path[96], comm[64];
	pid_t found = 0;
	FILE *list;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent,
		 (int)parent);
	list = fopen(path, "r");
	while (list && !found && fscanf(list, "%d", &pid) == 1) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		file = fopen(path, "r");
		if (file && fgets(comm, sizeof(comm), file) &&
		    strncmp(comm, name, strlen(name)) == 0)
			found = pid;
		if (file)
			fclose(file);
	}
	if (list)
		fclose(list);
	return found;
}

static bool
accepts(const char *path)
{
	int fd = bench_connect_unix(path, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
start_worker(const char *program)
{
	char address[128], bus[96];
	double deadline = bench_now_s() + 10;

	snprintf(address, sizeof(address), "unix:%s", web);
	snprintf(bus, sizeof(bus), "%s/publish", dir);
	supervisor = fork();
	if (supervisor == 0) {
		execl(program, program, "--listen", address, "--bus", dir,
		      "--store", "memory",
		      "--heartbeat", "1h", "--max-lifetime", "0", "--drain",
		      "0", (char *)NULL);
		_exit(127);
	}
	while (!accepts(web) || !accepts(bus) ||
	       (worker.pid = child_named(supervisor, "worker")) == 0) {
		if (bench_now_s() > deadline)
			bench_die("the worker does not start");
		usleep(10000);
	}
}

static void
reader_path(void *user, size_t i, char *out, size_t size)
{
	(void)user;
	(void)i;
	snprintf(out, size, "/events/bench");
}

static void
on_event(void *user, struct reader *r, uint64_t number, uint64_t topic)
{
	(void)user;
	(void)topic;
	errno = 0;
	if (number != r->last + 1 || r->data_len != data_size)
		bench_die("an event was lost, doubled, moved or changed");
	if (outstanding-- == 0)
		bench_die("more came than was published");
}

/* The memory that the streams but the first take, in KiB. */
static long
open_readers(void)
{
	struct crowd *c = &worker.crowd;
	long kib;

	*c = (struct crowd){
		.unix_path = web,
		.count = n_readers,
		.path = reader_path,
		.on_event = on_event,
	};
	crowd_begin(c);
	while (c->opened == 0)
		(void)crowd_open_next(c);
	while (c->placed == 0)
		crowd_poll(c, 1000);
	kib = bench_private_kib(worker.pid);
	crowd_open_all(c);
	return bench_private_kib(worker.pid) - kib;
}

/* ---- the loop ---- */

static void
open_loop(void)
{
	struct crowd *c = &loop.crowd;

	*c = (struct crowd){
		.unix_path = plain_path, .count = n_readers, .is_raw = true,
	};
	plain_start_sends(&plain, plain_path, n_readers);
	loop.pid = plain.pid;
	crowd_begin(c);
	while (c->opened < c->count)
		if (!crowd_open_next(c))
			crowd_poll(c, 1);
}

/* ---- measuring ---- */

static unsigned acked;
static size_t acked_bytes;	/* that each subscriber gets of these */

static void
on_ack(void *user, uint64_t cookie, int result, const char *id,
       const char *reason)
{
	(void)user;
	(void)cookie;
	errno = 0;
	if (result < 0)
		bench_die(reason);
	acked++;
	acked_bytes += RECORD_HEADER + strlen("id: \ndata: \n\n") + strlen(id) +
		       data_size;
}

static void
publish_one(struct sse_publisher *p, char *data)
{
	struct sse_event *e;
	int len = snprintf(data, data_size + 1, "%llu 0 ",
			   (unsigned long long)++published);

	memset(data + len, 'x', data_size - (size_t)len);
	if (sse_event_new("bench", data, data_size, &e) < 0 ||
	    sse_publisher_send(p, e, 0) < 0)
		bench_die(sse_publisher_error(p));
	sse_event_free(e);
	outstanding += n_readers;
}

/* Publishes a burst; returns what each subscriber gets of it, as records. */
static size_t
publish(struct sse_publisher *p)
{
	char *data = malloc(data_size + 1);

	if (!data)
		bench_die("malloc");
	acked = 0;
	acked_bytes = 0;
	for (unsigned i = 0; i < burst; i++)
		publish_one(p, data);
	while (acked < burst)
		if (sse_publisher_poll(p, 10000) < 0)
			bench_die(sse_publisher_error(p));
	free(data);
	return acked_bytes;
}

static void
wait_for_events(void)
{
	double deadline = bench_now_s() + WAIT_S;

	while (outstanding > 0) {
		crowd_poll(&worker.crowd, 1000);
		errno = 0;
		if (bench_now_s() > deadline)
			bench_die("events are missing");
	}
}

static void
take_turn(struct side *s, uint64_t cpu_before, double start, bool counts)
{
	if (!counts)
		return;
	s->cpu_ns[s->rounds] = (double)(bench_cpu_ns(s->pid) - cpu_before);
	s->latency_s[s->rounds++] = bench_now_s() - start;
}

static void
one_round(struct sse_publisher *p, bool counts)
{
	uint64_t before = bench_cpu_ns(worker.pid);
	double start = bench_now_s();
	size_t bytes = publish(p);
	struct plain_order order = {
		.len = (uint32_t)(bytes / burst),
		.count = (uint32_t)n_readers * burst,
		.step = 1,
	};

	wait_for_events();
	take_turn(&worker, before, start, counts);
	before = bench_cpu_ns(loop.pid);
	start = bench_now_s();
	plain_order(&plain, &order);
	crowd_wait_bytes(&loop.crowd, (uint64_t)order.len * burst);
	take_turn(&loop, before, start, counts);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The lower quartile: other work on the machine makes rounds dearer, never
 * cheaper. */
static double
undisturbed(double *values)
{
	qsort(values, rounds, sizeof(*values), by_size);
	return values[rounds / 4];
}

static void
report(long kib)
{
	double deliveries = (double)n_readers * burst;
	double worker_ns = undisturbed(worker.cpu_ns) / deliveries;
	double loop_ns = undisturbed(loop.cpu_ns) / deliveries;
	double per_stream = (double)kib * 1024 / (double)n_readers;

	printf("fanout %zu x %zu B, %u at once: worker %.0f ns/delivery, "
	       "send() loop %.0f, ratio %.2f; last subscriber after %.1f ms "
	       "(loop %.1f); %.0f B of memory per idle stream\n", n_readers,
	       data_size, burst, worker_ns, loop_ns, worker_ns / loop_ns,
	       undisturbed(worker.latency_s) * 1000,
	       undisturbed(loop.latency_s) * 1000,
	       per_stream);
	printf("{\"bench\":\"fanout\",\"subscribers\":%zu,\"size\":%zu,"
	       "\"burst\":%u,\"worker_ns\":%.0f,\"loop_ns\":%.0f,"
	       "\"bytes_per_idle_stream\":%.0f}\n", n_readers, data_size,
	       burst, worker_ns, loop_ns, per_stream);
	printf("{\"figure\":\"fan-out to %zu, %zu B, %u at once: CPU per "
	       "delivery, worker / send() loop\",\"value\":%.3f,\"most\":%s}\n",
	       n_readers, data_size, burst, worker_ns / loop_ns,
	       burst > 1 ? "1" : "1.05");
}

static void
read_arguments(int argc, char **argv)
{
	size_t files;

	if (argc < 2) {
		fputs("usage: bench-fanout SSE-FCGI [SUBSCRIBERS [SIZE "
		      "[BURST [ROUNDS]]]]\n", stderr);
		exit(64);
	}
	n_readers = argc > 2 ? strtoul(argv[2], NULL, 10) : n_readers;
	data_size = argc > 3 ? strtoul(argv[3], NULL, 10) : data_size;
	burst = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : burst;
	rounds = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : rounds;
	if (burst < 1 || burst > BURST_MAX || n_readers < 1 || rounds < 1 ||
	    rounds > ROUNDS_MAX || data_size < SIZE_MIN) {
		fprintf(stderr, "bench-fanout: at least 1 subscriber and %d "
			"bytes, 1 to %d events at once, 1 to %d rounds\n",
			SIZE_MIN, BURST_MAX, ROUNDS_MAX);
		exit(64);
	}
	/* Both sides' readers are descriptors of this process. */
	files = bench_files(2 * n_readers + 64);
	if (files < 2 * n_readers + 64) {
		n_readers = (files - 64) / 2;
		fprintf(stderr, "bench-fanout: the limit of open files allows "
			"%zu subscribers\n", n_readers);
	}
}

int
main(int argc, char **argv)
{
	struct sse_publisher *p;
	long kib;

	bench_begin("bench-fanout", stop_all);
	read_arguments(argc, argv);
	snprintf(dir, sizeof(dir), "/tmp/bench-fanout.XXXXXX");
	if (!mkdtemp(dir))
		bench_die("mkdtemp");
	snprintf(web, sizeof(web), "%s/web", dir);
	snprintf(plain_path, sizeof(plain_path), "%s/plain", dir);
	open_loop();
	start_worker(argv[1]);
	if (sse_publisher_open(dir, &p) < 0)
		bench_die(sse_publisher_error(p));
	sse_publisher_set_on_ack(p, on_ack, NULL);
	kib = open_readers();
	for (unsigned i = 0; i < rounds + WARM_UP; i++)
		one_round(p, i >= WARM_UP);
	report(kib);
	sse_publisher_free(p);
	stop_all();
	return 0;
}
