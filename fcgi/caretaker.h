/* SPDX-License-Identifier: MIT */
/*
 * caretaker: what a program does that took a supervisor's place and then finds
 * that it cannot start, because something changed since the trial. It holds
 * the lifeline and lets web servers in, so that the old workers serve on.
 */
#ifndef FCGI_CARETAKER_H
#define FCGI_CARETAKER_H

#include "fcgi/reload.h"

/*
 * Tries again at each SIGHUP. Returns an exit status when it is told to stop,
 * or when no child is left. `why` is a sentence without a full stop.
 */
int caretaker_run(const struct reload *r, char **argv, const char *why);

#endif
