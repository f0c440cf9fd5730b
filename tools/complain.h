/* SPDX-License-Identifier: MIT */
/*
 * complain: what a tool says on standard error.
 *
 * One sentence a line, after the program's name: what was wrong, with which
 * value, what to do about it. Values may come from anywhere, so characters
 * that would steer a terminal are shown as `?`.
 */
#ifndef TOOLS_COMPLAIN_H
#define TOOLS_COMPLAIN_H

void complain_as(const char *program);	/* borrowed; before the first complaint */

void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
