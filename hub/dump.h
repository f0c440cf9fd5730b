/* SPDX-License-Identifier: MIT */
/* dump: a whole store as text (dumpline.h), in the order of numbers. */
#ifndef HUB_DUMP_H
#define HUB_DUMP_H

#include <stdio.h>

#include "hub/resting.h"

/* The store was checked (resting_check); `report` is what that found. 0; -EIO
 * with a sentence: nothing more can be written; or another error. */
int dump_run(struct resting *r, const struct resting_report *report, FILE *out,
	     struct disk_fault *f);

#endif
