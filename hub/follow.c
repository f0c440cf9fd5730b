/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/units.h"

enum {
	/* peer, delimiter, and one part more than a request has */
	REQUEST_PARTS = 3 + FOLLOW_REQUEST_PARTS_MAX,
	/* One turn's work, so that publishers wait a few milliseconds at most
	 * for a crowd of workers that come back. */
	TURN_REQUESTS = 128,
	TURN_PAGES = 4,
};

int
follow_init(struct follow *f, const struct core *core,
	    const struct junk *publish_junk, struct zmqport_socket *router)
{
	memset(f, 0, sizeof(*f));
	f->core = core;
	f->publish_junk = publish_junk;
	f->router = router;
	return zmqport_message_new(REQUEST_PARTS, &f->message);
}

void
follow_done(struct follow *f)
{
	zmqport_message_free(f->message);
	replay_done(&f->replay);
	buf_done(&f->json);
	memset(f, 0, sizeof(*f));
}

/* Writes the statistics as one JSON object. 0 or -ENOMEM. */
static int
write_stats(struct follow *f)
{
	const struct core_counts *c = &f->core->counts;
	struct store *store = f->core->store;
	struct store_state s;
	char epoch[14];

	store->ops->state(store, &s);
	format_base36(s.epoch, epoch);
	buf_clear(&f->json);
	return buf_printf(&f->json,
			  "{\"epoch\":\"%s\",\"first\":%" PRIu64
			  ",\"last\":%" PRIu64 ",\"events\":%" PRIu64
			  ",\"bytes\":%" PRIu64 ",\"taken\":%" PRIu64
			  ",\"repeated\":%" PRIu64 ",\"refused\":%" PRIu64
			  ",\"unstored\":%" PRIu64 ",\"publish_junk\":%" PRIu64
			  ",\"follow_junk\":%" PRIu64 ",\"pages\":%" PRIu64
			  ",\"resolves\":%" PRIu64 "}",
			  epoch, s.first, s.last, s.events, s.bytes, c->taken,
			  c->repeated, c->refused, c->unstored,
			  f->publish_junk->count, f->junk.count, f->pages,
			  f->resolves);
}

static void
say_no(struct follow *f, const char *class, const char *why)
{
	f->replay.reply = (struct follow_reply){
		.kind = FOLLOW_REFUSED,
		.class = slice_of(class),
		.reason = slice_of(why),
	};
}

static void
refuse(struct follow *f, int64_t now_ms, const char *class, const char *why)
{
	say_no(f, class, why);
	junk_note(&f->junk, now_ms, "follow", why);
}

/* A hub that stands alone takes the place of an embedded one, whose supervisor
 * then stands by; never the other way round. */
static void
hand_over(struct follow *f)
{
	if (!f->may_hand_over) {
		/* Each hub that comes to stand by asks: that is no junk. */
		say_no(f, "request",
		       "This hub stands alone, and hands over to nobody.");
		return;
	}
	f->is_handing_over = true;
	f->replay.reply = (struct follow_reply){ .kind = FOLLOW_HANDED_OVER };
}

/* Makes the reply to a request that could be read. */
static void
answer(struct follow *f, const struct follow_request *q, int64_t now_ms)
{
	int r;

	if (q->verb == FOLLOW_HANDOVER) {
		hand_over(f);
		return;
	}
	if (q->verb == FOLLOW_STATS) {
		r = write_stats(f);
		f->replay.reply = (struct follow_reply){
			.kind = FOLLOW_JSON, .json = buf_slice(&f->json),
		};
	} else {
		r = replay_answer(&f->replay, f->core->store, q);
		f->pages += f->replay.reply.kind == FOLLOW_PAGE;
		f->resolves += q->verb == FOLLOW_RESOLVE;
	}
	if (r < 0)
		refuse(f, now_ms, "busy", strerror(-r));
}

/* Answers the message at hand. Whether it took a page. */
static bool
handle(struct follow *f, int64_t now_ms)
{
	struct follow_reply *reply = &f->replay.reply;
	struct slice head[2 + FOLLOW_HEAD_PARTS];
	struct follow_request q;
	struct follow_digits digits;
	const struct slice *parts;
	size_t n, skip, head_n = 0;
	const char *why;

	parts = zmqport_parts(f->message, &n);
	skip = n > 1 ? frame_delimiter(parts + 1, n - 1) : 0;
	memset(&q, 0, sizeof(q));
	if (zmqport_message_is_cut(f->message))
		refuse(f, now_ms, "request", "The request has too many frames.");
	else if (follow_request_parse(parts + 1 + skip, n - 1 - skip, &q,
				      &why) < 0)
		refuse(f, now_ms, "request", why);
	else
		answer(f, &q, now_ms);

	reply->tag = q.tag;
	head[head_n++] = parts[0];
	if (skip)
		head[head_n++] = SLICE_LIT("");
	head_n += follow_reply_parts(reply, &digits, head + head_n);
	/* A ROUTER drops what a peer does not read; who misses it asks again. */
	(void)zmqport_send2(f->router, head, head_n, f->replay.events,
			    replay_event_parts(&f->replay));
	return reply->kind == FOLLOW_PAGE;
}

bool
follow_run(struct follow *f, int64_t now_ms)
{
	unsigned requests = 0, pages = 0;
	int r;

	while (requests < TURN_REQUESTS && pages < TURN_PAGES) {
		r = zmqport_receive(f->router, f->message);
		if (r <= 0)
			/* An answer that was sent may have swallowed the news
			 * of a request. */
			return r == -ENOMEM || requests > 0;
		pages += handle(f, now_ms);
		requests++;
	}
	return true;
}
