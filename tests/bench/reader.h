/* SPDX-License-Identifier: MIT */
/*
 * reader: one open stream of a benchmark: its request, and what comes out of
 * the records or chunks that arrive. The data of a benchmark's events is
 * "NUMBER TOPIC xxx...", with numbers that count up.
 */
#ifndef TESTS_BENCH_READER_H
#define TESTS_BENCH_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { READER_KEEP = 64, READER_REQUEST = 8192 };

struct reader {
	int fd;				/* -1: closed */
	bool is_http;			/* chunks behind a head, else FastCGI */
	bool has_head;
	bool is_placed;			/* it has an id to resume from */
	uint8_t at;			/* bytes of the frame's header */
	uint8_t header[8];
	size_t left, padding;		/* of the frame */
	uint64_t bytes;			/* that came */
	uint64_t events;		/* that came */
	uint64_t last;			/* number of the newest event */
	uint64_t data_len;		/* of its data */
	size_t line_len;
	char line[READER_KEEP];		/* its beginning */
	char id[READER_KEEP];		/* the last one */
};

/* Called for each event, before reader->last becomes its number. */
typedef void reader_on_event(void *user, struct reader *r, uint64_t number,
			     uint64_t topic);

/* Begins anew on a fresh connection; the id is kept. */
void reader_begin(struct reader *r, int fd, bool is_http);
/*
 * The request for `path` (with its query). Says Last-Event-ID if the reader has
 * an id and `resumes`. Its length; it fits into READER_REQUEST.
 */
size_t reader_request(const struct reader *r, const char *path, bool resumes,
		      char out[READER_REQUEST]);
/* NULL, or what is wrong with the bytes. */
const char *reader_feed(struct reader *r, const char *p, size_t len,
			reader_on_event *on_event, void *user);

#endif
