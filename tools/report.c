/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/report.h"

#include <stdio.h>
#include <string.h>

#include "tools/jsontext.h"

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_NOTE] = "note",
	[VERDICT_PROBLEM] = "PROBLEM",
	[VERDICT_NOT_CHECKED] = "not checked",
};

static const char *const json_verdicts[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_NOTE] = "note",
	[VERDICT_PROBLEM] = "problem",
	[VERDICT_NOT_CHECKED] = "not-checked",
};

/* What to do stands with problems and notes. */
static bool
has_remedy(const struct finding *f)
{
	return f->verdict == VERDICT_PROBLEM || f->verdict == VERDICT_NOTE;
}

/*
 * Calls for each text that fits: of the web server in front, of the one that
 * the worker saw behind it, of all where neither is known, and what is true of
 * any.
 */
static void
each_remedy(const struct findings *all, const struct finding *f,
	    const struct remedy_place *place,
	    void (*put)(enum remedy_server server, const char *text,
			unsigned so_far))
{
	char lines[REMEDY_TEXT_SIZE];
	unsigned n = 0;

	for (int i = REMEDY_SERVER_COUNT - 1; i >= REMEDY_UNKNOWN; i--) {
		enum remedy_server server = (enum remedy_server)i;
		bool is_meant = server == REMEDY_UNKNOWN ||
				server == all->front || server == all->back ||
				(all->front == REMEDY_UNKNOWN &&
				 all->back == REMEDY_UNKNOWN);
		const char *text = remedy_text(f->remedy, server, place,
					       lines, sizeof(lines));

		if (is_meant && text != NULL && has_remedy(f))
			put(server, text, n++);
	}
}

/* ---- text ---- */

static void
put_text(enum remedy_server server, const char *text, unsigned so_far)
{
	const char *name = remedy_server_name(server);

	(void)so_far;
	if (name != NULL)
		printf("    In %s:\n", name);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		printf("    %s%.*s\n", name != NULL ? "  " : "", (int)len,
		       text);
		text += len + 1;
	}
}

/* Without a password that may stand in it. */
static void
put_url(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t len = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', len);

	printf("%.*s%s\n", (int)(host - url), url, at != NULL ? at + 1 : host);
}

static void
report_text(const struct findings *f, const struct remedy_place *place,
	    const char *url)
{
	unsigned problems = findings_problems(f);

	put_url(url);
	for (unsigned i = 0; i < f->count; i++) {
		const struct finding *one = &f->list[i];
		bool says_why = one->verdict == VERDICT_NOT_CHECKED;

		printf("%-12s %s%s %s\n", one->check, verdicts[one->verdict],
		       says_why ? ":" : " -", one->text);
		each_remedy(f, one, place, put_text);
	}
	if (problems == 0)
		printf("No problem was found.\n");
	else
		printf("%u problem%s found.\n", problems,
		       problems == 1 ? " was" : "s were");
}

/* ---- JSON ---- */

static void
put_json(enum remedy_server server, const char *text, unsigned so_far)
{
	const char *name = remedy_server_name(server);

	fputs(so_far > 0 ? ",{\"server\":" : "{\"server\":", stdout);
	jsontext_put(name, name != NULL ? strlen(name) : 0);
	fputs(",\"text\":", stdout);
	jsontext_put(text, strlen(text));
	putchar('}');
}

static void
report_json(const struct findings *f, const struct remedy_place *place)
{
	for (unsigned i = 0; i < f->count; i++) {
		const struct finding *one = &f->list[i];

		printf("{\"check\":\"%s\",\"result\":\"%s\",\"text\":",
		       one->check, json_verdicts[one->verdict]);
		jsontext_put(one->text, strlen(one->text));
		fputs(",\"remedy\":[", stdout);
		each_remedy(f, one, place, put_json);
		puts("]}");
	}
}

void
report(const struct findings *f, const char *url, bool is_json)
{
	struct remedy_place place;

	remedy_place_of(url, &place);
	if (is_json)
		report_json(f, &place);
	else
		report_text(f, &place, url);
}
