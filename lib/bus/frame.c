/* SPDX-License-Identifier: MIT */
/*
 * frame: the header, its TLVs, and text frames. All numbers of the header are
 * big endian and read byte by byte: nothing depends on alignment or order.
 */
#include "lib/bus/frame.h"

#include <stdio.h>
#include <errno.h>

#include "lib/base/be.h"
#include "lib/base/units.h"
#include "lib/sse/also.h"

enum {
	MAGIC_0 = 0xf5,		/* never in UTF-8: no text is taken for a header */
	MAGIC_1 = 'S',

	AT_VERSION = 2,
	AT_TYPE = 3,
	AT_FLAGS = 4,
	AT_EPOCH = 8,
	AT_NUMBER = 16,
	AT_TIME = 24,

	FLAG_PRIVATE = 1,
	FLAG_REPLAYED = 2,
	FLAG_MAY_SHARE = 4,

	TLV_HEAD = 3,		/* u8 type, u16 length */
};

enum tlv {
	TLV_NAME = 1,
	TLV_RETRY = 2,
	TLV_ID = 3,
	TLV_KEY = 4,
	TLV_FIRST = 5,
	TLV_PREVIOUS = 6,
	TLV_ALSO = ALSO_TYPE,	/* the only one that may stand more than once */
	TLV_MAX = 7,
};

static int
refuse(const char **ret_why, int code, const char *why)
{
	*ret_why = why;
	return code;
}

static enum frame_type
type_of(unsigned char byte)
{
	return byte < FRAME_OTHER ? (enum frame_type)byte : FRAME_OTHER;
}

/* Takes one TLV of a known type. False: it has a wrong length. */
static bool
take_tlv(struct frame *f, unsigned type, struct slice value)
{
	switch (type) {
	case TLV_NAME:
		f->event.name = value;
		return true;
	case TLV_ID:
		f->event.id = value;
		return true;
	case TLV_KEY:
		f->event.key = value;
		return true;
	case TLV_PREVIOUS:
		f->previous = value;
		return true;
	case TLV_ALSO:
		/* From the first one on: what else stands there is passed over
		 * by who reads them. */
		if (!f->event.also.p)
			f->event.also.p = value.p - TLV_HEAD;
		f->event.also.len = (size_t)(value.p + value.len -
					     f->event.also.p);
		return true;
	case TLV_RETRY:
		f->event.has_retry = true;
		f->event.retry_ms = (uint32_t)be_read(value.p, value.len);
		return value.len == 4;
	case TLV_FIRST:
		f->has_first = true;
		f->first = be_read(value.p, value.len);
		return value.len == 8;
	}
	return true;
}

static int
parse_tlvs(struct slice rest, struct frame *f, const char **ret_why)
{
	unsigned seen = 0, type;
	struct slice value;

	while (rest.len > 0) {
		if (rest.len < TLV_HEAD)
			return refuse(ret_why, -EINVAL,
				      "The header ends within a field.");
		type = (unsigned char)rest.p[0];
		value.p = rest.p + TLV_HEAD;
		value.len = be_read(rest.p + 1, 2);
		if (value.len > rest.len - TLV_HEAD)
			return refuse(ret_why, -EINVAL,
				      "A field of the header is longer than "
				      "the header.");
		rest.p += TLV_HEAD + value.len;
		rest.len -= TLV_HEAD + value.len;
		if (type == 0 || type > TLV_MAX)
			continue;
		if (seen & 1u << type && type != TLV_ALSO)
			return refuse(ret_why, -EINVAL,
				      "A field of the header is there twice.");
		seen |= 1u << type;
		if (!take_tlv(f, type, value))
			return refuse(ret_why, -EINVAL,
				      "A number in the header has the wrong "
				      "length.");
	}
	return 0;
}

static int
parse_header(struct slice h, struct frame *f, const char **ret_why)
{
	const char *p = h.p;

	if (h.len < AT_VERSION + 1 || (unsigned char)p[1] != MAGIC_1)
		return refuse(ret_why, -EINVAL,
			      "The second frame begins like a header, but is "
			      "none.");
	/* First of all: another major version may differ in everything else. */
	if ((unsigned char)p[AT_VERSION] != FRAME_VERSION)
		return refuse(ret_why, -EPROTO,
			      "The header is of another major version of the "
			      "protocol; this one is 1.");
	if (h.len < FRAME_HEADER_SIZE)
		return refuse(ret_why, -EINVAL, "The header is cut short.");
	if (h.len > FRAME_HEADER_MAX)
		return refuse(ret_why, -EINVAL,
			      "The header is longer than 4096 bytes.");
	f->type = type_of((unsigned char)p[AT_TYPE]);
	f->is_replayed = (unsigned char)p[AT_FLAGS] & FLAG_REPLAYED;
	f->event.is_private = (unsigned char)p[AT_FLAGS] & FLAG_PRIVATE;
	f->may_share = (unsigned char)p[AT_FLAGS] & FLAG_MAY_SHARE;
	f->event.epoch = be_read(p + AT_EPOCH, 8);
	f->event.number = be_read(p + AT_NUMBER, 8);
	f->event.time_ms = (int64_t)be_read(p + AT_TIME, 8);
	return parse_tlvs((struct slice){ p + FRAME_HEADER_SIZE,
					  h.len - FRAME_HEADER_SIZE },
			  f, ret_why);
}

int
frame_parse(const struct slice *parts, size_t n, struct frame *ret_frame,
	    const char **ret_why)
{
	struct frame f = { .type = FRAME_EVENT };
	int r;

	if (n == 0 || parts[0].len == 0)
		return refuse(ret_why, -EINVAL, "The topic is empty.");
	f.event.topic = parts[0];
	if (n >= 2 && parts[1].len > 0 &&
	    (unsigned char)parts[1].p[0] == MAGIC_0) {
		f.is_full = true;
		r = parse_header(parts[1], &f, ret_why);
		if (r < 0)
			return r;
		if (n != 3)
			return refuse(ret_why, -EINVAL,
				      "A message with a header has exactly "
				      "three frames: topic, header and data.");
		f.event.data = parts[2];
	} else {
		f.event.data = n >= 2 ? parts[1] : SLICE_LIT("");
	}
	*ret_frame = f;
	return 0;
}

/* Appends a TLV that is known to fit. */
static void
write_tlv(char **at, enum tlv type, struct slice value)
{
	if (!value.p)
		return;
	(*at)[0] = (char)type;
	be_write(*at + 1, 2, value.len);
	if (value.len > 0)
		memcpy(*at + TLV_HEAD, value.p, value.len);
	*at += TLV_HEAD + value.len;
}

static void
write_tlv_number(char **at, enum tlv type, size_t len, uint64_t value)
{
	char bytes[8];

	be_write(bytes, len, value);
	write_tlv(at, type, (struct slice){ bytes, len });
}

/* What event_check allows, which always fits. False: it is more. */
static bool
write_also(char **at, struct slice rest)
{
	struct slice topic;
	unsigned n = 0;

	while (also_next(&rest, &topic)) {
		if (n++ == ALSO_MAX || topic.len > TOPIC_MAX)
			return false;
		write_tlv(at, TLV_ALSO, topic);
	}
	return true;
}

size_t
frame_write_header(const struct frame *f, char out[FRAME_HEADER_MAX])
{
	const struct event *e = &f->event;
	char *at = out + FRAME_HEADER_SIZE;

	if (e->name.len > EVENT_NAME_MAX || e->id.len > EVENT_ID_MAX ||
	    e->key.len > EVENT_KEY_MAX || f->previous.len > EVENT_KEY_MAX)
		return 0;
	memset(out, 0, FRAME_HEADER_SIZE);
	out[0] = (char)(unsigned char)MAGIC_0;
	out[1] = MAGIC_1;
	out[AT_VERSION] = FRAME_VERSION;
	out[AT_TYPE] = (char)f->type;
	out[AT_FLAGS] = (char)((e->is_private ? FLAG_PRIVATE : 0) |
			       (f->is_replayed ? FLAG_REPLAYED : 0) |
			       (f->may_share ? FLAG_MAY_SHARE : 0));
	be_write(out + AT_EPOCH, 8, e->epoch);
	be_write(out + AT_NUMBER, 8, e->number);
	be_write(out + AT_TIME, 8, (uint64_t)e->time_ms);
	write_tlv(&at, TLV_NAME, e->name);
	if (e->has_retry)
		write_tlv_number(&at, TLV_RETRY, 4, e->retry_ms);
	write_tlv(&at, TLV_ID, e->id);
	write_tlv(&at, TLV_KEY, e->key);
	if (f->has_first)
		write_tlv_number(&at, TLV_FIRST, 8, f->first);
	write_tlv(&at, TLV_PREVIOUS, f->previous);
	if (e->also.len > 0 && !write_also(&at, e->also))
		return 0;
	return (size_t)(at - out);
}

struct slice
frame_header_also(struct slice header)
{
	if (header.len <= FRAME_HEADER_SIZE)
		return SLICE_NONE;
	return (struct slice){ header.p + FRAME_HEADER_SIZE,
			       header.len - FRAME_HEADER_SIZE };
}

uint64_t
frame_header_epoch(struct slice header)
{
	return header.len < FRAME_HEADER_SIZE ? 0 :
	       be_read(header.p + AT_EPOCH, 8);
}

void
frame_header_set_epoch(char *header, uint64_t epoch)
{
	be_write(header + AT_EPOCH, 8, epoch);
}

size_t
frame_add_previous(char header[FRAME_HEADER_MAX], size_t len, struct slice key)
{
	char *at = header + len;

	write_tlv(&at, TLV_PREVIOUS, key);
	return (size_t)(at - header);
}

/* --- publish ------------------------------------------------------------ */

size_t
frame_delimiter(const struct slice *parts, size_t n)
{
	return n > 0 && parts[0].len == 0;
}

static const char *const class_names[] = {
	[ACK_OK] = "OK",
	[ACK_EVENT] = "event",
	[ACK_SIZE] = "size",
	[ACK_VERSION] = "version",
	[ACK_FULL] = "full",
	[ACK_BUSY] = "busy",
	[ACK_DENIED] = "denied",
	[ACK_ORDER] = "order",
	[ACK_OTHER] = "other",
};

const char *
ack_class_name(enum ack_class class)
{
	return class_names[class <= ACK_OTHER ? class : ACK_OTHER];
}

static int
parse_ok(const struct slice *parts, size_t n, struct ack *a)
{
	uint64_t count = 1;

	if (parts[1].len == 0 || parts[1].len > EVENT_ID_MAX)
		return -EINVAL;
	if (n == 4 && (parse_u64(parts[3], &count) < 0 || count == 0 ||
		       count > ACK_COUNT_MAX))
		return -EINVAL;
	a->class = ACK_OK;
	a->id = parts[1];
	a->key = parts[2];
	a->count = (unsigned)count;
	return 0;
}

int
ack_parse(const struct slice *parts, size_t n, struct ack *ret_ack)
{
	struct ack a = { .class = ACK_OTHER };
	int class;

	if ((n == 3 || n == 4) && slice_eq(parts[0], SLICE_LIT("OK"))) {
		if (parse_ok(parts, n, &a) < 0)
			return -EINVAL;
	} else if (n == 4 && slice_eq(parts[0], SLICE_LIT("ERR"))) {
		for (class = ACK_EVENT; class < ACK_OTHER; class++)
			if (slice_eq(parts[1], slice_of(class_names[class])))
				a.class = (enum ack_class)class;
		a.reason = parts[2];
		a.key = parts[3];
	} else {
		return -EINVAL;
	}
	if (a.key.len > EVENT_KEY_MAX)
		return -EINVAL;
	*ret_ack = a;
	return 0;
}

size_t
ack_parts(struct ack *a, struct slice parts[ACK_PARTS_MAX])
{
	size_t n = 0;
	int len;

	if (a->class == ACK_OK) {
		parts[n++] = SLICE_LIT("OK");
		parts[n++] = a->id;
	} else {
		parts[n++] = SLICE_LIT("ERR");
		parts[n++] = slice_of(ack_class_name(a->class));
		parts[n++] = a->reason;
	}
	parts[n++] = a->key;
	if (a->class == ACK_OK && a->count > 1) {
		len = snprintf(a->digits, sizeof(a->digits), "%u", a->count);
		parts[n++] = (struct slice){ a->digits, (size_t)len };
	}
	return n;
}

/* --- follow ------------------------------------------------------------- */

static struct slice
digits_of(struct follow_digits *digits, size_t *i, uint64_t value)
{
	char *text = digits->text[*i];
	int len = snprintf(text, sizeof(digits->text[0]), "%llu",
			   (unsigned long long)value);

	++*i;
	return (struct slice){ text, (size_t)len };
}

static int
parse_after(const struct slice *parts, size_t n, struct follow_request *r,
	    const char **ret_why)
{
	uint64_t limit;

	if (n < 5)
		return refuse(ret_why, -EINVAL,
			      "AFTER needs a tag, an epoch, a number and a "
			      "limit.");
	if (n > FOLLOW_REQUEST_PARTS_MAX)
		return refuse(ret_why, -EINVAL,
			      "AFTER takes at most 128 selectors.");
	if (parse_u64(parts[2], &r->epoch) < 0 ||
	    parse_u64(parts[3], &r->number) < 0 ||
	    parse_u64(parts[4], &limit) < 0)
		return refuse(ret_why, -EINVAL,
			      "Epoch, number and limit of AFTER are decimal "
			      "numbers.");
	if (limit == 0)
		return refuse(ret_why, -EINVAL,
			      "The limit of AFTER is 1 to 1000.");
	r->limit = limit > 1000 ? 1000 : (unsigned)limit;
	r->selectors = parts + 5;
	r->n_selectors = n - 5;
	return 0;
}

int
follow_request_parse(const struct slice *parts, size_t n,
		     struct follow_request *ret_request, const char **ret_why)
{
	struct follow_request *r = ret_request;

	memset(r, 0, sizeof(*r));
	if (n < 2)
		return refuse(ret_why, -EINVAL,
			      "A request is a verb, a tag and arguments.");
	if (parts[1].len > FOLLOW_TAG_MAX)
		return refuse(ret_why, -EINVAL,
			      "The tag is longer than 64 bytes.");
	r->tag = parts[1];
	if (slice_eq(parts[0], SLICE_LIT("AFTER")))
		return parse_after(parts, n, r, ret_why);
	if (slice_eq(parts[0], SLICE_LIT("RESOLVE"))) {
		if (n != 3 || parts[2].len == 0 ||
		    parts[2].len > EVENT_ID_MAX)
			return refuse(ret_why, -EINVAL,
				      "RESOLVE needs a tag and an id of 1 to "
				      "255 bytes.");
		r->verb = FOLLOW_RESOLVE;
		r->id = parts[2];
		return 0;
	}
	if (slice_eq(parts[0], SLICE_LIT("STATS"))) {
		if (n != 2)
			return refuse(ret_why, -EINVAL,
				      "STATS takes nothing but a tag.");
		r->verb = FOLLOW_STATS;
		return 0;
	}
	if (slice_eq(parts[0], SLICE_LIT("HANDOVER"))) {
		if (n != 2)
			return refuse(ret_why, -EINVAL,
				      "HANDOVER takes nothing but a tag.");
		r->verb = FOLLOW_HANDOVER;
		return 0;
	}
	return refuse(ret_why, -EINVAL,
		      "The verb is none of AFTER, RESOLVE, STATS and HANDOVER.");
}

size_t
follow_request_parts(const struct follow_request *r,
		     struct follow_digits *digits,
		     struct slice parts[FOLLOW_REQUEST_PARTS_MAX])
{
	static const char *const verbs[] = {
		[FOLLOW_AFTER] = "AFTER",
		[FOLLOW_RESOLVE] = "RESOLVE",
		[FOLLOW_STATS] = "STATS",
		[FOLLOW_HANDOVER] = "HANDOVER",
	};
	size_t n = 0, i, at = 0;

	parts[n++] = slice_of(verbs[r->verb]);
	parts[n++] = r->tag;
	if (r->verb == FOLLOW_AFTER) {
		parts[n++] = digits_of(digits, &at, r->epoch);
		parts[n++] = digits_of(digits, &at, r->number);
		parts[n++] = digits_of(digits, &at, r->limit);
		for (i = 0; i < r->n_selectors && i < FOLLOW_SELECTORS_MAX; i++)
			parts[n++] = r->selectors[i];
	} else if (r->verb == FOLLOW_RESOLVE) {
		parts[n++] = r->id;
	}
	return n;
}

static int
parse_page(const struct slice *parts, size_t n, struct follow_reply *r,
	   const char **ret_why)
{
	uint64_t count;

	if (n < FOLLOW_HEAD_PARTS || parse_u64(parts[2], &r->epoch) < 0 ||
	    parse_u64(parts[3], &r->from) < 0 ||
	    parse_u64(parts[4], &r->to) < 0 ||
	    parse_u64(parts[5], &r->last) < 0 ||
	    parse_u64(parts[6], &r->lost) < 0 ||
	    parse_u64(parts[7], &count) < 0)
		return refuse(ret_why, -EINVAL,
			      "A page needs six decimal numbers.");
	if (count > 1000 || n != FOLLOW_HEAD_PARTS + 3 * (size_t)count)
		return refuse(ret_why, -EINVAL,
			      "A page has not as many events as it says.");
	if (r->epoch == 0 || r->from == 0 || r->to < r->from - 1 ||
	    r->last < r->to || r->last < r->lost || r->last == UINT64_MAX)
		return refuse(ret_why, -EINVAL,
			      "The range of a page cannot be.");
	r->kind = FOLLOW_PAGE;
	r->count = (size_t)count;
	r->events = parts + FOLLOW_HEAD_PARTS;
	return 0;
}

static int
parse_position(const struct slice *parts, size_t n, uint64_t *ret_number,
	       struct follow_reply *r, const char **ret_why)
{
	if (n != 4 || parse_u64(parts[2], &r->epoch) < 0 ||
	    parse_u64(parts[3], ret_number) < 0)
		return refuse(ret_why, -EINVAL,
			      "A position needs an epoch and a number.");
	return 0;
}

int
follow_reply_parse(const struct slice *parts, size_t n,
		   struct follow_reply *ret_reply, const char **ret_why)
{
	struct follow_reply *r = ret_reply;

	memset(r, 0, sizeof(*r));
	if (n < 2 || parts[1].len > FOLLOW_TAG_MAX)
		return refuse(ret_why, -EINVAL,
			      "A reply begins with a word and a tag.");
	r->tag = parts[1];
	if (slice_eq(parts[0], SLICE_LIT("PAGE")))
		return parse_page(parts, n, r, ret_why);
	if (slice_eq(parts[0], SLICE_LIT("AT"))) {
		r->kind = FOLLOW_AT;
		return parse_position(parts, n, &r->number, r, ret_why);
	}
	if (slice_eq(parts[0], SLICE_LIT("UNKNOWN"))) {
		r->kind = FOLLOW_UNKNOWN;
		return parse_position(parts, n, &r->last, r, ret_why);
	}
	if (slice_eq(parts[0], SLICE_LIT("STATS")) && n == 3) {
		r->kind = FOLLOW_JSON;
		r->json = parts[2];
		return 0;
	}
	if (slice_eq(parts[0], SLICE_LIT("HANDOVER")) && n == 2) {
		r->kind = FOLLOW_HANDED_OVER;
		return 0;
	}
	if (slice_eq(parts[0], SLICE_LIT("ERR")) && n == 4) {
		r->kind = FOLLOW_REFUSED;
		r->class = parts[2];
		r->reason = parts[3];
		return 0;
	}
	return refuse(ret_why, -EINVAL, "The reply is none that is known.");
}

size_t
follow_reply_parts(const struct follow_reply *r, struct follow_digits *digits,
		   struct slice parts[FOLLOW_HEAD_PARTS])
{
	static const char *const words[] = {
		[FOLLOW_PAGE] = "PAGE",
		[FOLLOW_AT] = "AT",
		[FOLLOW_UNKNOWN] = "UNKNOWN",
		[FOLLOW_JSON] = "STATS",
		[FOLLOW_HANDED_OVER] = "HANDOVER",
		[FOLLOW_REFUSED] = "ERR",
	};
	size_t n = 0, at = 0;

	parts[n++] = slice_of(words[r->kind]);
	parts[n++] = r->tag;
	switch (r->kind) {
	case FOLLOW_PAGE:
		parts[n++] = digits_of(digits, &at, r->epoch);
		parts[n++] = digits_of(digits, &at, r->from);
		parts[n++] = digits_of(digits, &at, r->to);
		parts[n++] = digits_of(digits, &at, r->last);
		parts[n++] = digits_of(digits, &at, r->lost);
		parts[n++] = digits_of(digits, &at, r->count);
		break;
	case FOLLOW_AT:
	case FOLLOW_UNKNOWN:
		parts[n++] = digits_of(digits, &at, r->epoch);
		parts[n++] = digits_of(digits, &at, r->kind == FOLLOW_AT ?
							r->number : r->last);
		break;
	case FOLLOW_JSON:
		parts[n++] = r->json;
		break;
	case FOLLOW_HANDED_OVER:
		break;
	case FOLLOW_REFUSED:
		parts[n++] = r->class;
		parts[n++] = r->reason;
		break;
	}
	return n;
}
