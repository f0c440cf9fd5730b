/* SPDX-License-Identifier: MIT */
/*
 * judge: from what was seen to what is wrong.
 *
 * Pure: observations in, findings out, in the order of the checks.
 */
#ifndef TOOLS_JUDGE_H
#define TOOLS_JUDGE_H

#include "tools/remedy.h"
#include "tools/seen.h"

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE,		/* fine, but worth knowing */
	VERDICT_PROBLEM,
	VERDICT_NOT_CHECKED,
};

enum { FINDINGS_MAX = 16, FINDING_TEXT_MAX = 480 };

struct finding {
	const char *check;	/* its name */
	enum verdict verdict;
	enum remedy remedy;
	int exit_code;		/* for a problem */
	char text[FINDING_TEXT_MAX];
};

struct findings {
	struct finding list[FINDINGS_MAX];
	unsigned count;
	/* the web server we spoke to, and the one that the worker saw */
	enum remedy_server front, back;
};

void judge(const struct seen *s, struct findings *ret_findings);

/* Of the first problem; 0: there is none. */
int findings_exit_code(const struct findings *f);
unsigned findings_problems(const struct findings *f);

#endif
