/* SPDX-License-Identifier: MIT */
/* load: makes a store of a dump. Every line is a stranger's until it was
 * checked; a dump that is not whole makes no store. */
#ifndef HUB_LOAD_H
#define HUB_LOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "hub/store_disk.h"

struct load_report {
	uint64_t lines, events, keys;
	uint64_t epoch, last;
};

/*
 * From a descriptor. `is_new_epoch`: what is published from now on has ids of
 * a new epoch. 0; -EEXIST: there is a store with something in it; -EBADMSG:
 * the dump is not right; -EPROTO: of a later version; -EPIPE: it cannot be
 * read; or what store_dir_open says; f->why is a sentence.
 */
int load_run(int in, const char *directory, gid_t group, bool is_new_epoch,
	     struct load_report *ret_report, struct disk_fault *f);

#endif
