/* SPDX-License-Identifier: MIT */
/*
 * Each kind of store against a model that remembers everything that was ever
 * committed, and what is promised of what is kept of it.
 */
#include "config.h"

#include "hub/store.h"

#include "lib/base/limits.h"
#include "lib/sse/id.h"
#include "tests/unit/store_rig.h"
#include "tests/unit/unit_random.h"

enum { EVENTS_MOST = 4000, TOPICS = 7 };

static const char *const topics[TOPICS] = {
	"news", "news/a", "news/b", "news/a/x", "alarm/1", "alarm/2", "clock",
};

static struct catalog_rule rules[] = {
	{ .selector = SLICE_LIT("alarm/*"), .keep = 3 },
	{ .selector = SLICE_LIT("news/a"), .keep = 1 },
};

static const char *const selectors[] = {
	"news", "news/*", "*", "alarm/*", "news/{v}", "nothing", "alarm/2",
};

struct model {
	struct rig rig;
	struct model_event {
		unsigned topic;
		uint64_t bytes;
		size_t len;
		int64_t time_ms;
		char id[16], key[16];	/* "": none */
		bool is_kept;		/* as the last look at it showed */
	} events[EVENTS_MOST + 1];
	uint64_t last, epoch;
	uint64_t floor;
	int64_t now_ms;
};

static struct model m;

static uint64_t
keep_of(unsigned topic)
{
	if (m.rig.n_rules == 0)
		return 0;
	if (strncmp(topics[topic], "alarm/", 6) == 0)
		return 3;
	return strcmp(topics[topic], "news/a") == 0 ? 1 : 0;
}

/* --- what it holds ------------------------------------------------------ */

static int
on_record(void *user, const struct store_record *r)
{
	struct model_event *e = m.events + r->number;
	uint64_t *before = user;

	assert_true(r->number > *before && r->number <= m.last);
	*before = r->number;
	assert_true(slice_eq(r->topic, slice_of(topics[e->topic])));
	assert_int_equal(r->data.len, e->len);
	assert_true(rig_is_data(r->data, r->number));
	assert_int_equal(r->id.p != NULL, e->id[0] != '\0');
	assert_true(!r->id.p || slice_eq(r->id, slice_of(e->id)));
	assert_int_equal(r->key.p != NULL, e->key[0] != '\0');
	assert_true(!r->key.p || slice_eq(r->key, slice_of(e->key)));
	e->is_kept = true;
	return 0;
}

static void
look(void)
{
	uint64_t before = 0, i;

	for (i = 1; i <= m.last; i++)
		m.events[i].is_kept = false;
	assert_int_equal(m.rig.store->ops->scan(m.rig.store, 0, on_record,
						&before), 0);
	for (m.floor = m.last + 1; m.floor > 1; m.floor--)
		if (!m.events[m.floor - 1].is_kept)
			break;
	/* Held ones may stand right below the floor. */
	assert_true(m.rig.store->catalog.floor >= m.floor);
	m.floor = m.rig.store->catalog.floor;
}

/* --- what it has to hold ------------------------------------------------ */

/* All from the floor on fit, and one more would not. */
static void
check_front(void)
{
	const struct store_limits *l = &m.rig.limits;
	uint64_t events = 0, bytes = 0, i;
	bool is_old;

	for (i = m.floor; i <= m.last; i++) {
		assert_true(m.events[i].is_kept);
		events++;
		bytes += m.events[i].bytes;
	}
	assert_true(events > 0 || m.last == 0);
	if (events > 1) {
		assert_true(!l->events || events <= l->events);
		assert_true(!l->bytes || bytes <= l->bytes);
		assert_true(!l->age_ms || m.now_ms - m.events[m.floor].time_ms
			    <= l->age_ms);
	}
	if (m.floor == 1)
		return;
	is_old = l->age_ms &&
		 m.now_ms - m.events[m.floor - 1].time_ms > l->age_ms;
	assert_true(is_old || (l->events && events + 1 > l->events) ||
		    (l->bytes && bytes + m.events[m.floor - 1].bytes >
		     l->bytes));
}

/* Of each topic the newest, as many as the rule says. Returns its newest that
 * is gone. */
static uint64_t
check_topic(unsigned topic, bool is_roomy)
{
	uint64_t i, kept = 0, total = 0, lost = 0, held = 0;

	for (i = m.last; i > 0; i--) {
		if (m.events[i].topic != topic)
			continue;
		total++;
		kept += m.events[i].is_kept;
		held += m.events[i].is_kept && i < m.floor;
		if (!m.events[i].is_kept && !lost)
			lost = i;
		/* No older one is kept when a newer one is gone. */
		assert_true(!m.events[i].is_kept || !lost);
	}
	assert_true(held == 0 || kept <= keep_of(topic));
	if (is_roomy)
		assert_true(kept >= keep_of(topic) || kept == total);
	return lost;
}

static void
check_held(void)
{
	const struct store_limits *l = &m.rig.limits;
	uint64_t events = 0, bytes = 0, i;

	for (i = 1; i < m.floor; i++) {
		events += m.events[i].is_kept;
		bytes += m.events[i].is_kept ? m.events[i].bytes : 0;
	}
	assert_true(!l->events || events <= l->events);
	assert_true(!l->bytes || bytes <= l->bytes);
}

static void
check_state(void)
{
	struct store_state state = rig_state(&m.rig);
	uint64_t i, events = 0, bytes = 0, first = m.last + 1;

	for (i = m.last; i > 0; i--) {
		if (!m.events[i].is_kept)
			continue;
		events++;
		bytes += m.events[i].bytes;
		first = i;
	}
	assert_int_equal(state.epoch, m.epoch);
	assert_int_equal(state.last, m.last);
	assert_int_equal(state.events, events);
	assert_int_equal(state.bytes, bytes);
	assert_int_equal(state.first, first);
}

static void
check_lost(const uint64_t lost[TOPICS])
{
	uint64_t after = unit_below(m.last + 1), want = 0;
	enum selector_kind kinds[3];
	struct event_fault fault;
	struct slice texts[3];
	size_t n = unit_below(4), i, t;

	for (i = 0; i < n; i++) {
		texts[i] = slice_of(selectors[unit_below(COUNT_OF(selectors))]);
		assert_int_equal(selector_parse(texts[i], &kinds[i], &fault),
				 0);
	}
	for (t = 0; t < TOPICS; t++) {
		bool is_wanted = n == 0;

		for (i = 0; i < n; i++)
			is_wanted |= selector_match(texts[i], kinds[i],
						    slice_of(topics[t]));
		if (is_wanted && lost[t] > after && lost[t] > want)
			want = lost[t];
	}
	assert_int_equal(catalog_lost(&m.rig.store->catalog, texts, kinds, n,
				      after), want);
}

/* The newest event with an id is found by it. */
static void
check_ids(void)
{
	uint64_t i, k, newest, number;
	bool any;

	for (i = 1; i <= m.last; i++) {
		if (!m.events[i].id[0] || !unit_chance(8))
			continue;
		newest = 0;
		any = false;
		for (k = 1; k <= m.last; k++) {
			if (strcmp(m.events[k].id, m.events[i].id) != 0)
				continue;
			newest = k;
			any |= m.events[k].is_kept;
		}
		number = 0;
		if (catalog_find_id(&m.rig.store->catalog,
				    slice_of(m.events[i].id), &number)) {
			assert_true(m.events[number].is_kept);
			assert_string_equal(m.events[number].id,
					    m.events[i].id);
			assert_true(!m.events[newest].is_kept ||
				    number == newest);
		} else {
			assert_false(m.events[newest].is_kept);
		}
		assert_true(any || number == 0);
	}
}

static int
on_key(void *user, uint64_t number, struct slice key, int64_t time_ms)
{
	uint64_t *count = user;
	int64_t drift_ms = time_ms - m.events[number].time_ms;

	assert_true(number > 0 && number <= m.last);
	assert_true(slice_eq(key, slice_of(m.events[number].key)));
	/* The clocks of two opens differ by what they were read at. */
	assert_true(drift_ms > -60000 && drift_ms < 60000);
	(*count)++;
	return 0;
}

static void
check_keys(void)
{
	uint64_t count = 0, want = 0, i;

	if (m.rig.store->ops->is_volatile)
		return;
	assert_int_equal(m.rig.store->ops->keys(m.rig.store, on_key, &count),
			 0);
	for (i = 1; i <= m.last; i++)
		want += m.events[i].key[0] != '\0';
	/* None of them is ten minutes old. */
	assert_int_equal(count, want);
}

static void
check_all(bool is_roomy)
{
	uint64_t lost[TOPICS];
	unsigned t;

	look();
	check_front();
	for (t = 0; t < TOPICS; t++)
		lost[t] = check_topic(t, is_roomy);
	check_held();
	check_state();
	for (t = 0; t < 5; t++)
		check_lost(lost);
	check_ids();
	check_keys();
}

/* --- what happens to it ------------------------------------------------- */

static void
append(uint64_t number)
{
	struct model_event *e = m.events + number;

	*e = (struct model_event){
		.topic = (unsigned)unit_below(unit_chance(3) ? TOPICS : 3),
		.len = unit_chance(10) ? unit_below(3000) : unit_below(100),
		.time_ms = m.now_ms,
	};
	if (unit_chance(5))
		snprintf(e->id, sizeof(e->id), "id-%u",
			 (unsigned)unit_below(EVENTS_MOST));
	if (unit_chance(3))
		snprintf(e->key, sizeof(e->key), "key-%u", (unsigned)number);
	assert_int_equal(rig_append(&m.rig, number, topics[e->topic], e->len,
				    m.now_ms, e->id[0] ? e->id : NULL,
				    e->key[0] ? e->key : NULL), 0);
	/* What each stands for in the bounds is what is stored of it. */
	e->bytes = 40 + strlen(topics[e->topic]) + e->len +
		   strlen(e->id) + strlen(e->key);
}

/* What the header takes is only known to who wrote it. */
static void
add_header(uint64_t number)
{
	struct frame frame = { .type = FRAME_EVENT, .is_replayed = true };
	struct model_event *e = m.events + number;
	char header[FRAME_HEADER_MAX];

	frame.event = (struct event){
		.topic = slice_of(topics[e->topic]), .epoch = m.epoch,
		.number = number,
		.id = slice_of(e->id[0] ? e->id : NULL),
		.key = slice_of(e->key[0] ? e->key : NULL),
	};
	e->bytes += frame_write_header(&frame, header);
}

static void
batch(void)
{
	uint64_t n = unit_chance(4) ? unit_below(40) : 1;

	for (; n > 0 && m.last < EVENTS_MOST; n--) {
		append(m.last + 1);
		add_header(m.last + 1);
		m.last++;
	}
	assert_int_equal(rig_commit(&m.rig, m.now_ms), 0);
}

/* It ends with something that was never committed, and comes again. */
static void
reopen(void)
{
	uint64_t number = m.last + 1;

	if (m.rig.kind == RIG_MEMORY)
		return;
	for (; number < EVENTS_MOST && unit_chance(2); number++)
		append(number);
	rig_close(&m.rig);
	rig_open(&m.rig);
	assert_string_equal(m.rig.fault.note, "");
	/* At once, before anything else made it look. */
	assert_int_equal(rig_state(&m.rig).last, m.last);
	assert_int_equal(rig_state(&m.rig).epoch, m.epoch);
}

static void
random_round(enum rig_kind kind, uint64_t seed)
{
	bool is_roomy = unit_chance(2);

	memset(&m.rig, 0, sizeof(m.rig));
	unit_random_begin(seed);
	m.rig.kind = kind;
	m.rig.limits = (struct store_limits){
		.events = unit_chance(3) ? 0 : 10 + unit_below(300),
		.bytes = unit_chance(3) || is_roomy ? 0 :
			 1000 + unit_below(20000),
		.age_ms = unit_chance(3) ? 0 :
			  1000 * (int64_t)(10 + unit_below(50)) + 500,
	};
	if (!unit_chance(4)) {
		m.rig.rules = rules;
		m.rig.n_rules = COUNT_OF(rules);
	}
	m.last = 0;
	m.now_ms = clock_mono_ms();
	rig_open(&m.rig);
	m.epoch = rig_state(&m.rig).epoch;
	while (m.last < 600) {
		if (unit_chance(4))
			m.now_ms += 1000 * (int64_t)unit_below(4);
		batch();
		if (unit_chance(20)) {
			rig_trim(&m.rig, m.now_ms);
			check_all(is_roomy);
		}
		if (unit_chance(25)) {
			reopen();
			rig_trim(&m.rig, m.now_ms);
			check_all(is_roomy);
		}
	}
	/* All times were within ten minutes, see check_keys. */
	assert_true(m.now_ms - m.events[1].time_ms < LIMIT_KEY_AGE_MS);
	rig_done(&m.rig);
}

static void
holds_what_the_model_holds(void **state)
{
	enum rig_kind kind;
	uint64_t round;

	(void)state;
	for (kind = 0; kind < RIG_KINDS; kind++) {
		for (round = 0; round < 25; round++) {
			print_message("# %s, UNIT_SEED=%llu\n",
				      rig_names[kind],
				      (unsigned long long)(unit_seed() + round));
			random_round(kind, unit_seed() + round);
		}
	}
}

/* What is appended is seen when it was committed, and not before. */
static void
sees_what_is_committed(void **state)
{
	enum rig_kind kind;

	(void)state;
	for (kind = RIG_ALWAYS; kind < RIG_KINDS; kind++) {
		struct rig rig = { .kind = kind };
		int64_t now_ms = clock_mono_ms();

		rig_open(&rig);
		rig_check_holds(&rig, 1, 0);
		assert_int_equal(rig_append(&rig, 1, "t", 9, now_ms, "i", "k"),
				 0);
		rig_check_holds(&rig, 1, 0);
		assert_int_equal(rig_commit(&rig, now_ms), 0);
		rig_check_holds(&rig, 1, 1);
		assert_int_equal(rig_append(&rig, 2, "t", 9, now_ms, NULL,
					    NULL), 0);
		rig_check_holds(&rig, 1, 1);
		rig_close(&rig);
		rig_open(&rig);
		rig_check_holds(&rig, 1, 1);
		assert_int_equal(rig_state(&rig).last, 1);
		rig_done(&rig);
	}
}

/* A rule that is gone, or new, is followed by what was kept under the old. */
static void
follows_other_rules(void **state)
{
	struct rig rig = {
		.kind = RIG_ALWAYS, .limits = { .events = 5 }, .rules = rules,
		.n_rules = COUNT_OF(rules),
	};
	int64_t now_ms = clock_mono_ms();
	uint64_t i, lost;

	(void)state;
	rig_open(&rig);
	for (i = 1; i <= 4; i++)
		assert_int_equal(rig_append(&rig, i, "alarm/1", 5, now_ms,
					    NULL, NULL), 0);
	for (; i <= 20; i++)
		assert_int_equal(rig_append(&rig, i, "clock", 5, now_ms, NULL,
					    NULL), 0);
	assert_int_equal(rig_commit(&rig, now_ms), 0);
	assert_int_equal(rig_state(&rig).events, 8);
	assert_int_equal(rig_state(&rig).first, 2);
	rig_close(&rig);
	rig.n_rules = 0;
	rig_open(&rig);
	rig_trim(&rig, now_ms);
	rig_check_holds(&rig, 16, 20);
	lost = catalog_lost(&rig.store->catalog,
			    (const struct slice[]){ SLICE_LIT("alarm/1") },
			    &(enum selector_kind){ SELECTOR_TOPIC }, 1, 0);
	assert_int_equal(lost, 4);
	rig_done(&rig);
}

static uint64_t
lost_of(const struct rig *rig, struct slice topic, uint64_t after)
{
	enum selector_kind kind = SELECTOR_TOPIC;

	return catalog_lost(&rig->store->catalog, &topic, &kind, 1, after);
}

/* An event that goes is gone for each of its topics, and stays so. */
static void
loses_for_all_topics(void **state)
{
	const struct slice also = SLICE_LIT("\7\0\1b\7\0\3c/d");
	enum rig_kind kind;

	(void)state;
	for (kind = 0; kind < RIG_KINDS; kind++) {
		struct rig rig = { .kind = kind, .limits = { .events = 2 } };
		int64_t now_ms = clock_mono_ms();
		uint64_t i;

		rig_open(&rig);
		for (i = 1; i <= 3; i++)
			assert_int_equal(rig_append_also(&rig, i, "a",
				i < 3 ? also : SLICE_NONE, 9, now_ms, NULL,
				NULL), 0);
		assert_int_equal(rig_commit(&rig, now_ms), 0);
		rig_trim(&rig, now_ms);
		rig_check_holds(&rig, 2, 3);
		for (i = 0; i < 2; i++) {
			assert_int_equal(lost_of(&rig, SLICE_LIT("a"), 0), 1);
			assert_int_equal(lost_of(&rig, SLICE_LIT("b"), 0), 1);
			assert_int_equal(lost_of(&rig, SLICE_LIT("c/d"), 0), 1);
			assert_int_equal(lost_of(&rig, SLICE_LIT("c"), 0), 0);
			if (rig.store->ops->is_volatile)
				break;
			rig_close(&rig);
			rig_open(&rig);
		}
		rig_done(&rig);
	}
}

/* Very many are too old at once: each step is a bounded one. */
static void
trims_in_steps(void **state)
{
	enum { EVENTS = 100000, BATCH = 5000, STEP = 1000 };
	enum rig_kind kind;

	(void)state;
	for (kind = 0; kind < RIG_KINDS; kind++) {
		struct rig rig = { .kind = kind, .limits = { .age_ms = 1000 } };
		int64_t now_ms = clock_mono_ms();
		uint64_t i, before, steps = 0;
		bool more;

		rig_open(&rig);
		for (i = 1; i <= EVENTS; i++) {
			assert_int_equal(rig_append(&rig, i, "t", 20, now_ms,
						    NULL, NULL), 0);
			if (i % BATCH == 0)
				assert_int_equal(rig_commit(&rig, now_ms), 0);
		}
		rig_trim(&rig, now_ms);
		assert_int_equal(rig_state(&rig).events, EVENTS);
		now_ms += 100000;
		do {
			before = rig_state(&rig).events;
			more = rig.store->ops->trim(rig.store, now_ms);
			assert_true(before - rig_state(&rig).events <= STEP);
			/* A publisher has its turn between them. */
			assert_int_equal(rig_append(&rig, i++, "t", 20, now_ms,
						    NULL, NULL), 0);
			before = rig_state(&rig).events;
			assert_int_equal(rig_commit(&rig, now_ms), 0);
			assert_true(before - rig_state(&rig).events <= 3);
			steps++;
		} while (more);
		rig_trim(&rig, now_ms);
		assert_in_range(steps, EVENTS / STEP - 1, EVENTS / STEP + 1);
		assert_in_range(rig_state(&rig).events, steps, steps + 1);
		rig_done(&rig);
	}
}

/* With a time, the disk has it after that time, if trim is called when it is
 * due; also when nothing else happens. */
static void
is_due_in_time(void **state)
{
	struct rig rig = { .kind = RIG_TIME };
	int64_t now_ms = clock_mono_ms();
	char path[128];
	struct stat st;

	(void)state;
	rig_open(&rig);
	snprintf(path, sizeof(path), "%s/store.journal", rig.dir);
	assert_true(rig.store->ops->due(rig.store) == INT64_MAX);
	assert_int_equal(rig_append(&rig, 1, "t", 9, now_ms, NULL, NULL), 0);
	assert_int_equal(rig_commit(&rig, now_ms), 0);
	assert_int_equal(rig.store->ops->due(rig.store), now_ms + 50);
	/* A later one does not put it off. */
	assert_int_equal(rig_append(&rig, 2, "t", 9, now_ms, NULL, NULL), 0);
	assert_int_equal(rig_commit(&rig, now_ms + 30), 0);
	assert_int_equal(rig.store->ops->due(rig.store), now_ms + 50);
	(void)rig.store->ops->trim(rig.store, now_ms + 49);
	assert_int_equal(rig.store->ops->due(rig.store), now_ms + 50);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 100);
	(void)rig.store->ops->trim(rig.store, now_ms + 50);
	assert_true(rig.store->ops->due(rig.store) == INT64_MAX);
	/* LMDB has it: the journal is done with. */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 16);
	rig_check_holds(&rig, 1, 2);
	rig_done(&rig);
	rig.kind = RIG_ALWAYS;
	rig_open(&rig);
	assert_int_equal(rig_append(&rig, 1, "t", 9, now_ms, NULL, NULL), 0);
	assert_int_equal(rig_commit(&rig, now_ms), 0);
	assert_true(rig.store->ops->due(rig.store) == INT64_MAX);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_the_model_holds),
		cmocka_unit_test(sees_what_is_committed),
		cmocka_unit_test(follows_other_rules),
		cmocka_unit_test(loses_for_all_topics),
		cmocka_unit_test(is_due_in_time),
		cmocka_unit_test(trims_in_steps),
	};
	struct event_fault fault;
	size_t i;

	for (i = 0; i < COUNT_OF(rules); i++)
		if (selector_parse(rules[i].selector, &rules[i].kind,
				   &fault) < 0)
			return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
