/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/disk_entry.h"

#include <errno.h>
#include <string.h>

#include "hub/stored.h"
#include "lib/sse/event.h"

static struct slice
number_key(uint64_t number, char out[8])
{
	stored_put_u64(out, number);
	return (struct slice){ out, 8 };
}

int
disk_entry_put_event(struct lmdbport *p, uint64_t number, struct slice record,
		     bool is_last)
{
	char key[8];

	return lmdbport_put(p, LMDBPORT_EVENTS, number_key(number, key),
			    record, is_last);
}

int
disk_entry_put_key(struct lmdbport *p, const struct disk_entry_key *k,
		   bool is_last)
{
	char key[8], value[8 + EVENT_KEY_MAX];

	stored_put_u64(value, (uint64_t)k->time_ms);
	memcpy(value + 8, k->key.p, k->key.len);
	return lmdbport_put(p, LMDBPORT_KEYS, number_key(k->number, key),
			    (struct slice){ value, 8 + k->key.len }, is_last);
}

int
disk_entry_put_topic(struct lmdbport *p, struct slice name, uint64_t lost)
{
	char value[8];

	return lmdbport_put(p, LMDBPORT_TOPICS, name, number_key(lost, value),
			    false);
}

int
disk_entry_read_event(struct slice key, struct slice value, bool is_checked,
		      struct store_record *ret_record)
{
	struct store_record record;

	if (key.len != 8 || stored_parse(value, is_checked, &record) < 0 ||
	    record.number != stored_get_u64(key.p))
		return -EBADMSG;
	*ret_record = record;
	return 0;
}

int
disk_entry_read_key(struct slice key, struct slice value,
		    struct disk_entry_key *ret_key)
{
	if (key.len != 8 || value.len <= 8 || value.len > 8 + EVENT_KEY_MAX)
		return -EBADMSG;
	*ret_key = (struct disk_entry_key){
		.number = stored_get_u64(key.p),
		.time_ms = (int64_t)stored_get_u64(value.p),
		.key = { value.p + 8, value.len - 8 },
	};
	return 0;
}

int
disk_entry_read_topic(struct slice key, struct slice value, uint64_t *ret_lost)
{
	if (key.len > TOPIC_MAX || value.len != 8)
		return -EBADMSG;
	*ret_lost = stored_get_u64(value.p);
	return 0;
}
