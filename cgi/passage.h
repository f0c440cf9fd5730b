/* SPDX-License-Identifier: MIT */
/*
 * passage: requests by FastCGI, one at a time, to a worker and back, unread.
 *
 * For mod_fcgid, which gives a process one request at a time anyway, and ends
 * it by SIGTERM.
 */
#ifndef CGI_PASSAGE_H
#define CGI_PASSAGE_H

#include "cgi/settings.h"

/* Accepts on standard input until it fails; as visit_run. */
int passage_run(const struct settings *settings, const char *fault);

#endif
