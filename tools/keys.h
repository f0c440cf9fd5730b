/* SPDX-License-Identifier: MIT */
/*
 * keys: the options --curve-key and --curve-hub. The library takes the names of
 * key files from the environment; so they are put there.
 */
#ifndef TOOLS_KEYS_H
#define TOOLS_KEYS_H

/* 0; -EINVAL or -ENOMEM, said to the user. */
int keys_take(const char *variable, const char *file);

#endif
