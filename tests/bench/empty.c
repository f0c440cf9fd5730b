/* SPDX-License-Identifier: MIT */
/* empty: links libzmq and does nothing; what bench-publish compares with. */
#include <stddef.h>

#include <zmq.h>

int
main(int argc, char **argv)
{
	(void)argv;
	/* Never called, but enough for the linker to keep the library. */
	return argc > 99 ? zmq_errno() : 0;
}
