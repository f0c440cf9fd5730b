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
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sse-fcgi/publisher.h>

enum { WAIT_S = 60, WARM_UP = 3, BURST_MAX = 256, ROUNDS_MAX = 10000 };

struct reader {
	int fd;
	uint64_t bytes;		/* of events, without record headers, so far */
	uint32_t left;		/* of the record that was begun */
	uint8_t header[8], have;
};

struct side {			/* the worker's readers, or the loop's */
	struct reader *readers;
	int epoll;
	pid_t pid;		/* who sends to them */
	double cpu_ns[ROUNDS_MAX];
	double latency_s[ROUNDS_MAX];	/* to the last subscriber */
	unsigned rounds;
};

static size_t n_readers = 10000, data_size = 128;
static unsigned burst = 1, rounds = 50;
static char dir[64];
static pid_t supervisor;
static struct side worker, loop;

static void
stop_all(void)
{
	char command[128];

	if (supervisor > 0 && kill(supervisor, SIGTERM) == 0)
		waitpid(supervisor, NULL, 0);
	if (loop.pid > 0 && kill(loop.pid, SIGKILL) == 0)
		waitpid(loop.pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	(void)!system(command);
}

static void
die(const char *what)
{
	fprintf(stderr, "bench-fanout: %s: %s\n", what, strerror(errno));
	stop_all();
	exit(1);
}

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- what a process uses ---- */

/* Of all its threads. */
static uint64_t
cpu_ns(pid_t pid)
{
	unsigned long long sum = 0, ns;
	const struct dirent *entry;
	char path[300];
	FILE *file;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat",
			 (int)pid, entry->d_name);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%llu", &ns) != 1)
			die(path);
		fclose(file);
		sum += ns;
	}
	if (!tasks)
		die(path);
	closedir(tasks);
	return sum;
}

static long
private_kib(pid_t pid)
{
	char path[64], line[256];
	long sum = 0, kib;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "r");
	if (!file)
		die(path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Private_Clean: %ld", &kib) == 1 ||
		    sscanf(line, "Private_Dirty: %ld", &kib) == 1)
			sum += kib;
	fclose(file);
	return sum;
}

/* ---- connecting ---- */

static int
connect_to(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, name);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static size_t
put_header(char *out, char type, size_t len)
{
	const char header[8] = { 1, type, 0, 1, (char)(len >> 8), (char)len };

	memcpy(out, header, 8);
	return 8;
}

static size_t
put_pair(char *out, const char *name, const char *value)
{
	out[0] = (char)strlen(name);
	out[1] = (char)strlen(value);
	return 2 + (size_t)sprintf(out + 2, "%s%s", name, value);
}

static void
send_request(int fd)
{
	static const char begin[8] = { 0, 1 };
	char out[1024];
	size_t at = put_header(out, 1, sizeof(begin)), params;

	memcpy(out + at, begin, sizeof(begin));
	params = at + sizeof(begin);
	at = params + 8;
	at += put_pair(out + at, "REQUEST_METHOD", "GET");
	at += put_pair(out + at, "REQUEST_URI", "/events/bench");
	at += put_pair(out + at, "SCRIPT_NAME", "/events");
	put_header(out + params, 4, at - params - 8);
	at += put_header(out + at, 4, 0);
	at += put_header(out + at, 5, 0);
	if (send(fd, out, at, 0) != (ssize_t)at)
		die("send a request");
}

static void
watch(struct side *s, size_t i)
{
	struct epoll_event e = { .events = EPOLLIN, .data = { .u64 = i } };

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->readers[i].fd, &e) < 0)
		die("epoll_ctl");
}

static void
side_new(struct side *s)
{
	s->readers = calloc(n_readers, sizeof(*s->readers));
	s->epoll = epoll_create1(0);
	if (!s->readers || s->epoll < 0)
		die("set up");
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

static void
start_worker(const char *program)
{
	char address[96];
	double deadline = now_s() + 10;
	int fd;

	snprintf(address, sizeof(address), "unix:%s/web", dir);
	supervisor = fork();
	if (supervisor == 0) {
		execl(program, program, "--listen", address, "--bus", dir,
		      "--store", "memory",
		      "--heartbeat", "1h", "--max-lifetime", "0", "--drain",
		      "0", (char *)NULL);
		_exit(127);
	}
	while ((fd = connect_to("web")) < 0 || connect_to("publish") < 0 ||
	       (worker.pid = child_named(supervisor, "worker")) == 0) {
		if (now_s() > deadline)
			die("the worker does not start");
		usleep(10000);
	}
	close(fd);
}

/* Opens a stream and waits for its first record. False: that has no position
 * yet, because the worker has not found its hub. */
static int
open_stream(struct side *s, size_t i)
{
	char first[4096];
	size_t have = 0, want = 8;
	int fd = connect_to("web");

	if (fd < 0)
		die("connect to the worker");
	send_request(fd);
	while (have < want) {
		ssize_t got = recv(fd, first + have, want - have, 0);

		if (got <= 0)
			die("a stream was refused");
		have += (size_t)got;
		if (have == 8)
			want = 8 + ((size_t)(uint8_t)first[4] << 8 |
				    (uint8_t)first[5]);
	}
	if (!memmem(first, have, "\nid: ", 5)) {
		close(fd);
		return 0;
	}
	s->readers[i].fd = fd;
	watch(s, i);
	return 1;
}

/* ---- the loop ---- */

/* Sends a record of as much as it reads from `orders` to everybody, `burst`
 * times. */
static void
run_loop(int listener, int orders)
{
	static char bytes[8 + 65535];
	int *fds = calloc(n_readers, sizeof(*fds));
	uint32_t content, len;

	for (size_t i = 0; fds && i < n_readers; i++)
		fds[i] = accept(listener, NULL, NULL);
	while (fds && read(orders, &content, sizeof(content)) ==
		      sizeof(content)) {
		len = (uint32_t)put_header(bytes, 6, content) + content;
		for (size_t i = 0; i < burst * n_readers; i++)
			if (send(fds[i % n_readers], bytes, len, MSG_DONTWAIT |
				 MSG_NOSIGNAL) != (ssize_t)len)
				_exit(1);
	}
	_exit(0);
}

static int
start_loop(struct side *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), orders[2];

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/loop", dir);
	if (listener < 0 || pipe(orders) < 0 ||
	    bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(listener, 4096) < 0)
		die("start the loop");
	s->pid = fork();
	if (s->pid == 0) {
		close(orders[1]);
		run_loop(listener, orders[0]);
	}
	close(orders[0]);
	for (size_t i = 0; i < n_readers; i++) {
		s->readers[i].fd = connect_to("loop");
		if (s->readers[i].fd < 0)
			die("connect to the loop");
		watch(s, i);
	}
	close(listener);
	return orders[1];
}

/* ---- measuring ---- */

/* Counts what is in `n` bytes of records. */
static void
count_bytes(struct reader *r, const char *in, size_t n)
{
	while (n > 0) {
		size_t step = r->left < n ? r->left : n;

		r->bytes += step;
		r->left -= (uint32_t)step;
		in += step;
		n -= step;
		for (; r->left == 0 && n > 0 && r->have < 8; n--)
			r->header[r->have++] = (uint8_t)*in++;
		if (r->have == 8 && r->left == 0) {
			r->left = (uint32_t)r->header[4] << 8 | r->header[5];
			r->have = 0;
		}
	}
}

/* Waits until each reader has `bytes` more; more than that is a fault. */
static void
wait_for(struct side *s, uint64_t bytes)
{
	static char junk[65536];
	struct epoll_event events[512];
	uint64_t target = s->readers[0].bytes + bytes;
	double deadline = now_s() + WAIT_S;
	size_t left = n_readers;

	while (left > 0) {
		int n = epoll_wait(s->epoll, events, 512, 1000);

		if (now_s() > deadline)
			die("events are missing");
		for (int i = 0; i < n; i++) {
			struct reader *r = &s->readers[events[i].data.u64];
			ssize_t got = recv(r->fd, junk, sizeof(junk),
					   MSG_DONTWAIT);

			if (got <= 0)
				die("a stream ended");
			count_bytes(r, junk, (size_t)got);
			if (r->bytes > target)
				die("more came than was sent");
			left -= r->bytes == target;
		}
	}
}

static unsigned acked;
static size_t acked_bytes;	/* that each subscriber gets of these */

static void
on_ack(void *user, uint64_t cookie, int result, const char *id,
       const char *reason)
{
	(void)user;
	(void)cookie;
	(void)reason;
	if (result < 0)
		die("an event was refused");
	acked++;
	acked_bytes += strlen("id: \ndata: \n\n") + strlen(id) + data_size;
}

/* Publishes a burst; returns what each subscriber gets of it. */
static size_t
publish(struct sse_publisher *p, const struct sse_event *e)
{
	unsigned i;

	acked = 0;
	acked_bytes = 0;
	for (i = 0; i < burst; i++)
		if (sse_publisher_send(p, e, i) < 0)
			die(sse_publisher_error(p));
	while (acked < burst)
		if (sse_publisher_poll(p, 10000) < 0)
			die(sse_publisher_error(p));
	return acked_bytes;
}

static void
take_turn(struct side *s, size_t bytes, uint64_t cpu_before, double start,
	  int counts)
{
	wait_for(s, bytes);
	if (counts) {
		s->cpu_ns[s->rounds] = (double)(cpu_ns(s->pid) - cpu_before);
		s->latency_s[s->rounds++] = now_s() - start;
	}
}

static void
one_round(struct sse_publisher *p, const struct sse_event *e, int orders,
	  int counts)
{
	uint64_t before = cpu_ns(worker.pid);
	double start = now_s();
	size_t bytes = publish(p, e);
	uint32_t each = (uint32_t)(bytes / burst);

	take_turn(&worker, bytes, before, start, counts);
	before = cpu_ns(loop.pid);
	start = now_s();
	if (write(orders, &each, sizeof(each)) != sizeof(each))
		die("order the loop");
	take_turn(&loop, (size_t)each * burst, before, start, counts);
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
	       undisturbed(worker.latency_s) * 1000, undisturbed(loop.latency_s) * 1000,
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
	struct rlimit limit;

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
	    rounds > ROUNDS_MAX) {
		fprintf(stderr, "bench-fanout: at least 1 subscriber, 1 to %d "
			"events at once, 1 to %d rounds\n", BURST_MAX,
			ROUNDS_MAX);
		exit(64);
	}
	/* Both sides' readers are descriptors of this process; beyond the hard
	 * limit only where privileges allow. */
	limit.rlim_cur = limit.rlim_max = 2 * n_readers + 64;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < 2 * n_readers + 64) {
		n_readers = (limit.rlim_cur - 64) / 2;
		fprintf(stderr, "bench-fanout: the limit of open files allows "
			"%zu subscribers\n", n_readers);
	}
}

int
main(int argc, char **argv)
{
	struct sse_publisher *p;
	struct sse_event *e;
	long kib;
	char *data;
	int orders;

	read_arguments(argc, argv);
	snprintf(dir, sizeof(dir), "/tmp/bench-fanout.XXXXXX");
	if (!mkdtemp(dir))
		die("mkdtemp");
	side_new(&worker);
	side_new(&loop);
	start_worker(argv[1]);
	orders = start_loop(&loop);
	if (sse_publisher_open(dir, &p) < 0)
		die("open a publisher");
	sse_publisher_set_on_ack(p, on_ack, NULL);
	data = malloc(data_size + 1);
	if (!data)
		die("malloc");
	memset(data, 'x', data_size);
	if (sse_event_new("bench", data, data_size, &e) < 0)
		die("make an event");
	while (!open_stream(&worker, 0))
		usleep(10000);
	kib = private_kib(worker.pid);
	for (size_t i = 1; i < n_readers; i++)
		(void)open_stream(&worker, i);
	kib = private_kib(worker.pid) - kib;
	for (unsigned i = 0; i < rounds + WARM_UP; i++)
		one_round(p, e, orders, i >= WARM_UP);
	report(kib);
	sse_event_free(e);
	free(data);
	sse_publisher_free(p);
	stop_all();
	return 0;
}
