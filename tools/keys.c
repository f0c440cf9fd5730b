/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/keys.h"

#include <errno.h>
#include <stdlib.h>

#include "tools/complain.h"

int
keys_take(const char *variable, const char *file)
{
	if (*file == '\0') {
		complain("--curve-key and --curve-hub take the name of a file");
		return -EINVAL;
	}
	if (setenv(variable, file, 1) < 0) {
		complain("not enough memory");
		return -ENOMEM;
	}
	return 0;
}
