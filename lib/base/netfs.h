/* SPDX-License-Identifier: MIT */
/* netfs: file systems that are somebody else's as well, over a network. Pure. */
#ifndef LIB_BASE_NETFS_H
#define LIB_BASE_NETFS_H

enum netfs {
	NETFS_LOCAL,
	NETFS_MAYBE,		/* such as FUSE, which can be either */
	NETFS_REMOTE,
};

/* By what statfs(2) calls f_type, on Linux; in 32 bits or sign-extended. */
enum netfs netfs_of_type(unsigned long type);

#endif
