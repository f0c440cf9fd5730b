/* SPDX-License-Identifier: MIT */
/* token_explain: what a token or ticket says, in words. */
#ifndef TOOLS_TOKEN_EXPLAIN_H
#define TOOLS_TOKEN_EXPLAIN_H

#include "lib/auth/keyring.h"
#include "lib/base/slice.h"

/* Prints it. An exit status: EX_NOPERM if a worker with these keys (NULL: none was
 * given) would refuse it, EX_DATAERR if it is neither. */
int token_explain(struct slice text, const struct keyring *keys);

#endif
