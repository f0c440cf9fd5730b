/* SPDX-License-Identifier: MIT */
/* exam: asks the URL for probes of several kinds and takes down what comes. */
#ifndef TOOLS_EXAM_H
#define TOOLS_EXAM_H

#include "tools/seen.h"

/*
 * Fills in the answers; url and what else was asked for is set. 0, -ENOMEM.
 * exam_done in each case.
 */
int exam_run(struct seen *s);
void exam_done(struct seen *s);

#endif
