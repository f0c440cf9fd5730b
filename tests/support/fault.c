/* SPDX-License-Identifier: MIT */
#include "tests/support/fault.h"

#include <errno.h>

static size_t fault_left;	/* allocations until one fails; 0: off */
static bool fault_happened, fault_is_paused;

/* The linker's --wrap gives these names to the callers and to libc's own. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t most);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);

void
fault_arm(size_t n)
{
	fault_left = n;
	fault_happened = fault_is_paused = false;
}

bool
fault_disarm(void)
{
	fault_left = 0;
	return fault_happened;
}

void
fault_pause(bool is_paused)
{
	fault_is_paused = is_paused;
}

static bool
fault_is_due(void)
{
	if (fault_left == 0 || fault_is_paused || --fault_left > 0)
		return false;
	fault_happened = true;
	errno = ENOMEM;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return fault_is_due() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fault_is_due() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fault_is_due() ? NULL : __real_realloc(p, size);
}

char *
__wrap_strdup(const char *text)
{
	return fault_is_due() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t most)
{
	return fault_is_due() ? NULL : __real_strndup(text, most);
}
