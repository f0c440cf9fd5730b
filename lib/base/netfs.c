/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/netfs.h"

#include <stddef.h>

enum netfs
netfs_of_type(unsigned long type)
{
	static const struct {
		unsigned long type;
		enum netfs kind;
	} kinds[] = {
		{ 0x6969, NETFS_REMOTE },	/* NFS */
		{ 0x517b, NETFS_REMOTE },	/* SMB */
		{ 0xff534d42, NETFS_REMOTE },	/* CIFS */
		{ 0xfe534d42, NETFS_REMOTE },	/* SMB2 */
		{ 0x5346414f, NETFS_REMOTE },	/* AFS */
		{ 0x6b414653, NETFS_REMOTE },	/* kAFS */
		{ 0x00c36400, NETFS_REMOTE },	/* Ceph */
		{ 0x73757245, NETFS_REMOTE },	/* Coda */
		{ 0x0bd00bd0, NETFS_REMOTE },	/* Lustre */
		{ 0x47504653, NETFS_REMOTE },	/* GPFS */
		{ 0x01021997, NETFS_MAYBE },	/* 9P */
		{ 0x65735546, NETFS_MAYBE },	/* FUSE: sshfs and others */
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if ((type & 0xffffffff) == kinds[i].type)
			return kinds[i].kind;
	return NETFS_LOCAL;
}
