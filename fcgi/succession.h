/* SPDX-License-Identifier: MIT */
/*
 * succession: how a supervisor gives way to the next one in its process: the
 * trial, what is passed on, and the exec.
 */
#ifndef FCGI_SUCCESSION_H
#define FCGI_SUCCESSION_H

#include "fcgi/supervisor_priv.h"

/* Starts the trial, if a reload is wanted and it is the time for it. */
void succession_try(struct supervisor *s);

/* Says that there is none, and why. */
void succession_refuse(const char *why);

/* Gives way. Returns only if that fails, which is said; all is as before. */
void succession_leave(struct supervisor *s);

#endif
