/* SPDX-License-Identifier: MIT */
/*
 * replay: gives a fuzz target each file of its corpus, in builds without
 * libFuzzer. Without an argument the corpus is the folder of the program's
 * own name below $srcdir/tests/fuzz/corpus.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { FOLDER_BYTES = 4096 };

static void
die(const char *what, const char *name)
{
	fprintf(stderr, "replay: %s %s: %s\n", what, name, strerror(errno));
	exit(2);
}

/* The size is exact, so that a sanitizer sees a read beyond the end. */
static uint8_t *
read_file(const char *name, size_t *ret_len)
{
	FILE *file = fopen(name, "rb");
	uint8_t *bytes;
	long size = -1;

	if (!file)
		die("cannot open", name);
	if (fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size < 0 || fseek(file, 0, SEEK_SET) < 0)
		die("cannot seek in", name);
	bytes = malloc((size_t)size);
	if (!bytes && size > 0)
		die("no memory for", name);
	if (size > 0 && fread(bytes, (size_t)size, 1, file) != 1)
		die("cannot read", name);
	(void)fclose(file);
	*ret_len = (size_t)size;
	return bytes;
}

static void
replay_file(const char *name)
{
	uint8_t *bytes;
	size_t len;

	bytes = read_file(name, &len);
	/* Said first: a target that breaks says nothing afterwards. */
	printf("%s: %zu bytes\n", name, len);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(bytes, len);
	free(bytes);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Goes there; returns how many files it had. */
static int
replay_folder(const char *folder)
{
	struct dirent **entries;
	int n, i;

	if (chdir(folder) < 0)
		die("cannot enter", folder);
	n = scandir(".", &entries, is_visible, alphasort);
	if (n < 0)
		die("cannot read", folder);
	for (i = 0; i < n; i++) {
		replay_file(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return n;
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	const char *slash = strrchr(argv[0], '/');
	char own[FOLDER_BYTES];
	const char *folder = argc > 1 ? argv[1] : own;
	int n;

	(void)snprintf(own, sizeof(own), "%s/tests/fuzz/corpus/%s",
		       srcdir ? srcdir : ".", slash ? slash + 1 : argv[0]);
	n = replay_folder(folder);
	if (n == 0) {
		fprintf(stderr, "replay: the corpus %s is empty\n", folder);
		return 1;
	}
	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("%d inputs\n", n);
	return 0;
}
