/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/gate.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/logging.h"

enum {
	BATCH = 64,
	ENVELOPE = 2,		/* who asks, and an empty frame */
	ADDRESS_SHOWN = 64,
};

/* The frames of a question, behind the envelope. */
enum {
	ASK_VERSION, ASK_SERIAL, ASK_DOMAIN, ASK_ADDRESS, ASK_IDENTITY,
	ASK_MECHANISM, ASK_KEY, ASK_FRAMES
};

const char *
gate_domain(enum bus_endpoint which)
{
	static const char *const domains[] = {
		[BUS_PUBLISH] = "publish",
		[BUS_FOLLOW] = "follow",
		[BUS_EVENTS] = "events",
	};

	return domains[which];
}

int
gate_init(struct gate *g, struct zmqport_socket *zap, const char *path,
	  const char *own, char *error, size_t size)
{
	int r;

	memset(g, 0, sizeof(*g));
	g->zap = zap;
	g->path = path;
	g->own = own;
	r = clients_load(&g->clients, path, error, size);
	if (r < 0)
		return r;
	r = zmqport_message_new(ENVELOPE + ASK_FRAMES, &g->message);
	if (r < 0)
		snprintf(error, size, "There is no memory for the gate.");
	return r;
}

void
gate_done(struct gate *g)
{
	zmqport_message_free(g->message);
	clients_done(&g->clients);
	memset(g, 0, sizeof(*g));
}

/* Takes over what was changed in the file. A broken one changes nothing. */
static void
refresh(struct gate *g)
{
	char error[512];
	int r = clients_refresh(&g->clients, g->path, error, sizeof(error));

	if (r > 0)
		log_notice("read %s again: %zu keys may connect", g->path,
			   g->clients.count);
	else if (r < 0)
		log_error("%s What was read of it before goes on to hold.",
			  error);
}

static unsigned
rights_for(struct slice domain)
{
	return slice_eq(domain, SLICE_LIT("publish")) ? CLIENTS_PUBLISH :
							CLIENTS_FOLLOW;
}

static void
log_refusal(struct gate *g, const struct slice *question, const char *key,
	    const char *name, unsigned rights, int64_t now_ms)
{
	struct slice at = question[ASK_ADDRESS];
	int len = (int)(at.len < ADDRESS_SHOWN ? at.len : ADDRESS_SHOWN);
	bool is_publisher = rights_for(question[ASK_DOMAIN]) == CLIENTS_PUBLISH;
	const char *want = is_publisher ? "publish" : "follow";
	char why[512];

	if (rights)
		snprintf(why, sizeof(why),
			 "%s%sthe key %s, at %.*s, may not %s; %.200s says what it may",
			 name, name[0] ? ", with " : "", key, len, at.p, want,
			 g->path);
	else
		snprintf(why, sizeof(why),
			 "the key %s, at %.*s, is not in %.200s", key, len,
			 at.p, g->path);
	junk_note_client(is_publisher ? &g->no_publisher : &g->no_follower,
			 now_ms, want, why);
}

/* Whether the client of a question may come in. */
static bool
decide(struct gate *g, const struct slice *question, int64_t now_ms,
       const char **ret_name)
{
	char key[CURVE_SIZE];
	unsigned rights;

	*ret_name = "";
	if (!slice_eq(question[ASK_MECHANISM], SLICE_LIT("CURVE")) ||
	    question[ASK_KEY].len != CURVE_BYTES)
		return false;
	zmqport_key_text(question[ASK_KEY].p, key);
	if (strcmp(key, g->own) == 0)
		return true;
	rights = clients_rights(&g->clients, key, ret_name);
	if (rights & rights_for(question[ASK_DOMAIN]))
		return true;
	log_refusal(g, question, key, *ret_name, rights, now_ms);
	return false;
}

/* Answers the question at hand. What is none gets no answer: that is a no. */
static void
answer(struct gate *g, int64_t now_ms)
{
	const struct slice *parts, *question;
	const char *name;
	bool is_in;
	size_t n;

	parts = zmqport_parts(g->message, &n);
	if (zmqport_message_is_cut(g->message) || n != ENVELOPE + ASK_FRAMES)
		return;
	question = parts + ENVELOPE;
	is_in = decide(g, question, now_ms, &name);
	(void)zmqport_send2(g->zap, parts, ENVELOPE, (struct slice[]){
		SLICE_LIT("1.0"),
		question[ASK_SERIAL],
		is_in ? SLICE_LIT("200") : SLICE_LIT("400"),
		is_in ? SLICE_LIT("OK") : SLICE_LIT("not with this key"),
		slice_of(is_in ? name : ""),
		SLICE_LIT(""),		/* metadata: none */
	}, 6);
}

bool
gate_run(struct gate *g, int64_t now_ms)
{
	unsigned i;

	for (i = 0; i < BATCH; i++) {
		if (zmqport_receive(g->zap, g->message) <= 0)
			return false;
		if (i == 0)
			refresh(g);
		answer(g, now_ms);
	}
	return true;
}
