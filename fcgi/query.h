/* SPDX-License-Identifier: MIT */
/*
 * query: percent-decoding, and the pairs of a query string.
 *
 * Decoding happens once. An escape that is not one, and a NUL in either form,
 * are refused: nothing that we look up can hold them, and guessing would let
 * two programs read one URL in two ways.
 */
#ifndef FCGI_QUERY_H
#define FCGI_QUERY_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum query_plus {
	QUERY_PLUS_IS_PLUS,	/* in a path */
	QUERY_PLUS_IS_SPACE,	/* in a query, as forms send it */
};

/*
 * Appends `raw` decoded. 0, -EINVAL (a bad escape or a NUL) or -ENOMEM; `out`
 * is then as it was.
 */
int query_decode(struct slice raw, enum query_plus plus, struct buf *out);

/*
 * Takes the next pair off *rest, both sides still encoded; empty pairs are
 * skipped. A pair without `=` has an absent value. false: there is none.
 */
bool query_next(struct slice *rest, struct slice *ret_name,
		struct slice *ret_value);

/* Whether an encoded name decodes to `name`. */
bool query_name_is(struct slice raw, const char *name);

#endif
