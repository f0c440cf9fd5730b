/* SPDX-License-Identifier: MIT */
#include "lib/sse/event.h"

#include <errno.h>

#include "lib/base/utf8.h"
#include "lib/sse/also.h"
#include "lib/sse/fault.h"
#include "lib/sse/id.h"

static int
check_form(const char *field, struct slice topic,
	   struct event_fault *ret_fault)
{
	size_t i;
	int r;

	r = fault_check_text(field, "the topic", topic, TOPIC_MAX, ret_fault);
	if (r < 0)
		return r;
	for (i = 0; i < topic.len; i++)
		if (topic.p[i] == '{' || topic.p[i] == '}')
			return fault_refuse(
			    ret_fault, field, i,
			    "the topic has a `%c` at byte %zu; braces "
			    "are for subscribers' templates",
			    topic.p[i], i);
	i = topic.len - 1;
	if (topic.p[i] == '*' && (i == 0 || topic.p[i - 1] == '/'))
		return fault_refuse(
		    ret_fault, field, i,
		    "the topic's last segment is `*`, which only "
		    "subscribers may use; name one topic");
	return 0;
}

int
topic_check(struct slice topic, struct event_fault *ret_fault)
{
	return check_form("topic", topic, ret_fault);
}

static int
check_topic(const char *field, struct slice topic, bool ours,
	    struct event_fault *ret_fault)
{
	int r;

	r = check_form(field, topic, ret_fault);
	if (r < 0)
		return r;
	if (!ours && slice_starts(topic, SLICE_LIT("$SYS/")))
		return fault_refuse(
		    ret_fault, field, 0,
		    "topics that begin with `$SYS/` are the hub's "
		    "own; choose another first segment");
	return 0;
}

/* Whether a topic stands before the `n`th of the other ones already. */
static bool
is_double(const struct event *e, struct slice topic, unsigned n)
{
	struct slice rest = e->also, other = e->topic;

	do {
		if (slice_eq(other, topic))
			return true;
	} while (n-- > 0 && also_next(&rest, &other));
	return false;
}

/* The `n`th of the other ones, from 0. */
static int
check_other(const struct event *e, struct slice topic, unsigned n,
	    struct event_fault *ret_fault)
{
	if (n == ALSO_MAX)
		return fault_refuse(
		    ret_fault, "also", 0,
		    "the event has more than %d topics beside its first; "
		    "publish it twice",
		    ALSO_MAX);
	if (is_double(e, topic, n))
		return fault_refuse(
		    ret_fault, "also", 0,
		    "the event has the topic `%.*s` twice; name each one once",
		    topic.len > 64 ? 64 : (int)topic.len, topic.p);
	return 0;
}

static int
check_topics(const struct event *e, bool ours, struct event_fault *ret_fault)
{
	struct slice rest = e->also, topic = e->topic;
	unsigned n = 0;
	int r;

	do {
		r = check_topic(n == 0 ? "topic" : "also", topic, ours,
				ret_fault);
		if (r == 0 && n > 0)
			r = check_other(e, topic, n - 1, ret_fault);
		n++;
	} while (r == 0 && rest.len > 0 && also_next(&rest, &topic));
	return r;
}

static int
check_name(struct slice name, bool ours, struct event_fault *ret_fault)
{
	int r;

	if (!name.p)
		return 0;
	r = fault_check_text("event", "the event name", name, EVENT_NAME_MAX,
			     ret_fault);
	if (r < 0)
		return r;
	if (!ours && slice_starts(name, SLICE_LIT("sse-")))
		return fault_refuse(
		    ret_fault, "event", 0,
		    "event names that begin with `sse-` are the "
		    "worker's own; choose another name");
	return 0;
}

static int
check_id(struct slice id, struct event_fault *ret_fault)
{
	uint64_t epoch, number;
	int r;

	if (!id.p)
		return 0;
	r = fault_check_text("id", "the id", id, EVENT_ID_MAX, ret_fault);
	if (r < 0)
		return r;
	if (slice_eq(id, SLICE_LIT("earliest")))
		return fault_refuse(ret_fault, "id", 0,
				    "the id `earliest` means everything kept; "
				    "choose another id");
	if (id_parse(id, &epoch, &number) == 0)
		return fault_refuse(
		    ret_fault, "id", 0,
		    "the id has the form of the hub's own ids "
		    "(eight of 0-9a-z, a dash, a number); choose "
		    "another form");
	return 0;
}

static int
check_key(struct slice key, struct event_fault *ret_fault)
{
	if (!key.p)
		return 0;
	if (key.len == 0)
		return fault_refuse(
		    ret_fault, "key", 0,
		    "the publish key is empty; it needs 1 to %d "
		    "bytes, or leave it out",
		    EVENT_KEY_MAX);
	if (key.len > EVENT_KEY_MAX)
		return fault_refuse(
		    ret_fault, "key", EVENT_KEY_MAX,
		    "the publish key has %zu bytes; at most %d are "
		    "allowed",
		    key.len, EVENT_KEY_MAX);
	return 0;
}

static int
check_data(struct slice data, size_t max_data, struct event_fault *ret_fault)
{
	size_t at;

	if (data.len > max_data) {
		(void)fault_refuse(
		    ret_fault, "data", max_data,
		    "the data has %zu bytes; at most %zu are allowed", data.len,
		    max_data);
		return -EMSGSIZE;
	}
	at = data.len > 0 ? utf8_valid_prefix(data) : 0;
	if (at < data.len)
		return fault_refuse(ret_fault, "data", at,
				    "the data is not valid UTF-8 at byte %zu "
				    "(0x%02x); send it as UTF-8",
				    at, (unsigned char)data.p[at]);
	return 0;
}

int
event_check(const struct event *e, size_t max_data, bool ours,
	    struct event_fault *ret_fault)
{
	int r;

	r = check_topics(e, ours, ret_fault);
	if (r == 0)
		r = check_name(e->name, ours, ret_fault);
	if (r == 0)
		r = check_id(e->id, ret_fault);
	if (r == 0)
		r = check_key(e->key, ret_fault);
	if (r == 0)
		r = check_data(e->data, max_data, ret_fault);
	return r;
}
