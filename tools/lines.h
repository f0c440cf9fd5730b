/* SPDX-License-Identifier: MIT */
/*
 * lines: splits a descriptor into lines as they arrive, within a bound.
 *
 * A line ends at a line feed; a carriage return before it is cut, too, unless
 * `keep_cr`. What follows the last line feed is a line when the input ends. A
 * line above `max` bytes is reported once and thrown away as it comes, so
 * that the memory in use stays within the bound and one read.
 */
#ifndef TOOLS_LINES_H
#define TOOLS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {			/* zeroed, but for max and keep_cr */
	size_t max;		/* bytes of a line without its end */
	bool keep_cr;

	char *bytes;		/* owned */
	size_t cap;
	size_t start, end;	/* what was read and not yet taken */
	size_t seen;		/* up to here there is no line feed */
	bool at_end;		/* of the input */
	bool skipping;		/* the rest of a line that was too long */
	uint64_t number;	/* of the line taken last; 1 is the first */
};

void lines_done(struct lines *l);

/* read(2)s once. 1: something came or the input ended; negative errno. */
int lines_read(struct lines *l, int fd);

/*
 * Takes the next line; it is good until the next call. 1; 0: none is whole
 * yet (or ever, at_end); -EMSGSIZE: the next one is too long.
 */
int lines_next(struct lines *l, const char **ret_line, size_t *ret_len);

/* Bytes of a line that has not ended. */
size_t lines_unfinished(const struct lines *l);

#endif
