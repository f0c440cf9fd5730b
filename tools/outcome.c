/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/outcome.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "tools/complain.h"

int
outcome_exit(int result)
{
	switch (-result) {
	case 0:
		return EX_OK;
	case EINVAL:
	case EMSGSIZE:
		return EX_DATAERR;
	case ENOENT:
	case ECONNREFUSED:
		return EX_UNAVAILABLE;
	case ETIMEDOUT:
	case EBUSY:
	case ENOSPC:
	case EIO:
		return EX_TEMPFAIL;
	case EPROTO:
		return EX_PROTOCOL;
	case EACCES:
	case EPERM:
		return EX_NOPERM;
	default:
		return EX_OSERR;
	}
}

int
outcome_exit_open(int result)
{
	if (result == -EINVAL || result == -ENAMETOOLONG)
		return EX_USAGE;
	return outcome_exit(result);
}

void
outcome_complain(int result, const struct sse_publisher *p)
{
	const char *why = p != NULL ? sse_publisher_error(p) : "";

	complain("%s", *why != '\0' ? why : strerror(-result));
}
