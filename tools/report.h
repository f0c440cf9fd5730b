/* SPDX-License-Identifier: MIT */
/*
 * report: prints findings: one line a check and what mends it below, or one
 * JSON object a line: {"check","result","text","remedy":[{"server","text"}]}.
 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <stdbool.h>

#include "tools/judge.h"

void report(const struct findings *f, const char *url, bool is_json);

#endif
