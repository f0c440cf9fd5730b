/* SPDX-License-Identifier: MIT */
/* fault: says what is wrong with a field, for event and selector alike. */
#ifndef LIB_SSE_FAULT_H
#define LIB_SSE_FAULT_H

#include "lib/sse/event.h"

/* Fills *ret_fault, unless it is NULL, and returns -EINVAL. */
int fault_refuse(struct event_fault *ret_fault, const char *field, size_t at,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * 1 to `max` bytes of UTF-8 without control characters (C0, DEL, C1). `what`
 * is the field as a sentence begins with it: "the topic". 0 or -EINVAL.
 */
int fault_check_text(const char *field, const char *what, struct slice s,
		     size_t max, struct event_fault *ret_fault);

#endif
