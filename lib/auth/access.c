/* SPDX-License-Identifier: MIT */
#include "lib/auth/access.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/login.h"
#include "lib/base/textfile.h"

#define BLANKS " \t\r"

enum {
	ACTION_SUBSCRIBE = 1 << GRANTS_SUBSCRIBE,
	ACTION_PUBLISH = 1 << GRANTS_PUBLISH,
};

/* A line `allow`; all slices point into the text. */
struct rule {
	struct slice who;		/* names with commas between */
	struct slice selectors;		/* with blanks between */
	unsigned line;
	unsigned actions;
};

/* A line `group`. A group may have several. */
struct group_line {
	struct slice name;		/* with its `@` */
	struct slice members;		/* with blanks or commas between */
};

struct access {
	char *text;			/* owned */
	struct rule *rules;		/* owned */
	size_t n_rules, rules_cap;
	struct group_line *groups;	/* owned */
	size_t n_groups, groups_cap;
};

/* Where a mistake is told. */
struct report {
	const char *path;
	unsigned line;
	char *error;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int
wrong(const struct report *r, const char *format, ...)
{
	va_list args;
	int n = snprintf(r->error, r->size, "Line %u of %.200s: ", r->line,
			 r->path);

	va_start(args, format);
	if (n > 0 && (size_t)n < r->size)
		vsnprintf(r->error + n, r->size - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

/* Takes the next word off *rest, which the separators end. */
static bool
next_word(struct slice *rest, const char *separators, struct slice *ret_word)
{
	while (rest->len > 0 && strchr(separators, *rest->p))
		rest->p++, rest->len--;
	*ret_word = (struct slice){ rest->p, 0 };
	while (rest->len > 0 && !strchr(separators, *rest->p))
		rest->p++, rest->len--, ret_word->len++;
	return ret_word->len > 0;
}

/* Makes room for one more; false: no memory. */
static bool
grow(void *items, size_t item_size, size_t count, size_t *cap)
{
	void **at = items, *grown;

	if (count < *cap)
		return true;
	grown = realloc(*at, (*cap ? 2 * *cap : 16) * item_size);
	if (!grown)
		return false;
	*cap = *cap ? 2 * *cap : 16;
	*at = grown;
	return true;
}

/* ---- names ---- */

static bool
is_in_group(const struct access *a, struct slice group, struct slice user)
{
	for (size_t i = 0; i < a->n_groups; i++) {
		struct slice rest = a->groups[i].members, each;

		if (!slice_eq(a->groups[i].name, group))
			continue;
		while (next_word(&rest, BLANKS ",", &each))
			if (slice_eq(each, user))
				return true;
	}
	return false;
}

static bool
has_group(const struct access *a, struct slice name)
{
	for (size_t i = 0; i < a->n_groups; i++)
		if (slice_eq(a->groups[i].name, name))
			return true;
	return false;
}

/* Whether a word of WHO means a login, which is a name or empty. */
static bool
means(const struct access *a, struct slice who, struct slice user)
{
	bool is_anonymous = user.len == 0;

	if (slice_eq(who, SLICE_LIT("everybody")))
		return true;
	if (slice_eq(who, SLICE_LIT("anonymous")))
		return is_anonymous;
	if (is_anonymous)
		return false;
	if (slice_eq(who, SLICE_LIT("authenticated")))
		return true;
	if (who.p[0] == '@')
		return is_in_group(a, who, user);
	return slice_eq(who, user);
}

static bool
is_about(const struct access *a, const struct rule *rule, struct slice user)
{
	struct slice rest = rule->who, each;

	while (next_word(&rest, ",", &each))
		if (means(a, each, user))
			return true;
	return false;
}

static int
apply_rule(const struct rule *rule, struct slice user, struct grants *g)
{
	struct slice rest = rule->selectors, each;
	int r = 0;

	while (r == 0 && next_word(&rest, BLANKS, &each))
		for (int i = 0; r == 0 && i < GRANTS_ACTIONS; i++)
			if (rule->actions & 1u << i)
				r = login_grant(g, (enum grants_action)i,
						SLICE_NONE, each, user);
	return r;
}

int
access_apply(const struct access *a, struct slice user, struct grants *g)
{
	int r = 0;

	if (user.len > 0 && !login_is_name(user))
		return 0;
	for (size_t i = 0; r == 0 && i < a->n_rules; i++)
		if (is_about(a, &a->rules[i], user))
			r = apply_rule(&a->rules[i], user, g);
	return r;
}

/* ---- lines ---- */

static int
check_member(const struct report *report, struct slice name)
{
	if (login_is_name(name) && name.p[0] != '@')
		return 0;
	return wrong(report, "\"%.*s\" cannot be the name of a user: it may "
		     "not begin with `@`, hold `/`, `*`, `{` or `}`, or be "
		     "`private`, `$SYS`, `.` or `..`.",
		     name.len < 100 ? (int)name.len : 100, name.p);
}

static int
take_group(struct access *a, const struct report *report, struct slice line)
{
	struct group_line group = { 0 };
	struct slice rest, each;
	int r = 0;

	if (!next_word(&line, BLANKS, &group.name) || group.name.len < 2 ||
	    group.name.p[0] != '@')
		return wrong(report, "A group begins with its name, such as "
			     "`group @staff alice bob`.");
	group.members = rest = line;
	while (r == 0 && next_word(&rest, BLANKS ",", &each))
		r = check_member(report, each);
	if (r < 0)
		return r;
	if (!grow(&a->groups, sizeof(*a->groups), a->n_groups, &a->groups_cap))
		return -ENOMEM;
	a->groups[a->n_groups++] = group;
	return 0;
}

static int
check_who(const struct report *report, struct slice who)
{
	struct slice each;
	int r = 0;

	while (r == 0 && next_word(&who, ",", &each))
		if (each.p[0] != '@')
			r = check_member(report, each);
	return r;
}

static int
take_actions(const struct report *report, struct slice word, unsigned *ret)
{
	struct slice rest = word, each;

	*ret = 0;
	while (next_word(&rest, ",", &each)) {
		if (slice_eq(each, SLICE_LIT("subscribe")))
			*ret |= ACTION_SUBSCRIBE;
		else if (slice_eq(each, SLICE_LIT("publish")))
			*ret |= ACTION_PUBLISH;
		else
			return wrong(report, "\"%.*s\" is not what somebody may "
				     "do; write subscribe, publish or "
				     "subscribe,publish.",
				     each.len < 100 ? (int)each.len : 100,
				     each.p);
	}
	return 0;
}

static int
check_selectors(const struct report *report, struct slice rest)
{
	struct event_fault fault;
	struct slice each;
	unsigned n = 0;
	int r;

	for (; next_word(&rest, BLANKS, &each); n++) {
		r = login_check_selector(each, &fault);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			return wrong(report, "\"%.*s\" is not a topic or "
				     "selector: %s.",
				     each.len < 100 ? (int)each.len : 100,
				     each.p, fault.why);
	}
	return n > 0 ? 0 :
	       wrong(report, "A rule ends in the topics that it is about, as "
		     "in `allow alice subscribe news/*`.");
}

static int
take_rule(struct access *a, const struct report *report, struct slice line)
{
	struct rule rule = { .line = report->line };
	struct slice actions;
	int r;

	if (!next_word(&line, BLANKS, &rule.who) ||
	    !next_word(&line, BLANKS, &actions))
		return wrong(report, "A rule says who may do what with which "
			     "topics, as in `allow alice,@staff subscribe "
			     "news/*`.");
	rule.selectors = line;
	r = check_who(report, rule.who);
	if (r == 0)
		r = take_actions(report, actions, &rule.actions);
	if (r == 0)
		r = check_selectors(report, rule.selectors);
	if (r < 0)
		return r;
	if (!grow(&a->rules, sizeof(*a->rules), a->n_rules, &a->rules_cap))
		return -ENOMEM;
	a->rules[a->n_rules++] = rule;
	return 0;
}

static int
take_line(struct access *a, const struct report *report, struct slice line)
{
	struct slice word;

	if (!next_word(&line, BLANKS, &word) || word.p[0] == '#')
		return 0;
	if (slice_eq(word, SLICE_LIT("allow")))
		return take_rule(a, report, line);
	if (slice_eq(word, SLICE_LIT("group")))
		return take_group(a, report, line);
	return wrong(report, "\"%.*s\" begins no line of an access file; those "
		     "are `allow` and `group`, and `#` for a comment.",
		     word.len < 100 ? (int)word.len : 100, word.p);
}

/* Groups may be named before they are there. */
static int
check_groups(const struct access *a, struct report *report)
{
	for (size_t i = 0; i < a->n_rules; i++) {
		struct slice rest = a->rules[i].who, each;

		report->line = a->rules[i].line;
		while (next_word(&rest, ",", &each))
			if (each.p[0] == '@' && !has_group(a, each))
				return wrong(report, "There is no group %.*s; "
					     "a line such as `group %.*s alice "
					     "bob` makes it.",
					     each.len < 100 ? (int)each.len : 100,
					     each.p,
					     each.len < 100 ? (int)each.len : 100,
					     each.p);
	}
	return 0;
}

static int
take_lines(struct access *a, struct report *report)
{
	struct slice rest = slice_of(a->text), line;
	const char *stop;
	int r = 0;

	while (r == 0 && rest.len > 0) {
		stop = memchr(rest.p, '\n', rest.len);
		line = (struct slice){ rest.p, stop ? (size_t)(stop - rest.p) :
						      rest.len };
		report->line++;
		r = take_line(a, report, line);
		rest.p += line.len + (stop != NULL);
		rest.len -= line.len + (stop != NULL);
	}
	return r < 0 ? r : check_groups(a, report);
}

/* Takes the text, which malloc made. */
static int
make(char *text, const char *path, struct access **ret_access, char *error,
     size_t size)
{
	struct report report = { .path = path, .error = error, .size = size };
	struct access *a = calloc(1, sizeof(*a));
	int r = -ENOMEM;

	if (a) {
		a->text = text;
		r = take_lines(a, &report);
	} else {
		free(text);
	}
	if (r == -ENOMEM)
		snprintf(error, size, "There is no memory for the rules of "
			 "%.200s.", path);
	if (r < 0)
		a = access_free(a);
	*ret_access = a;
	return r;
}

int
access_parse(struct slice text, const char *path, struct access **ret_access,
	     char *error, size_t size)
{
	char *copy;

	*ret_access = NULL;
	if (text.len > 0 && memchr(text.p, '\0', text.len)) {
		snprintf(error, size, "%.200s is not a text.", path);
		return -EINVAL;
	}
	copy = malloc(text.len + 1);
	if (!copy) {
		snprintf(error, size, "There is no memory for the rules of "
			 "%.200s.", path);
		return -ENOMEM;
	}
	if (text.len > 0)
		memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	return make(copy, path, ret_access, error, size);
}

int
access_load(const char *path, struct access **ret_access, char *error,
	    size_t size)
{
	char *text;
	int r = textfile_load(path, ACCESS_FILE_MOST, &text, error, size);

	*ret_access = NULL;
	if (r < 0)
		return r;
	r = access_parse(slice_of(text), path, ret_access, error, size);
	free(text);
	return r;
}

struct access *
access_free(struct access *a)
{
	if (!a)
		return NULL;
	free(a->text);
	free(a->rules);
	free(a->groups);
	free(a);
	return NULL;
}
