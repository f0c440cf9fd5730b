/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/bus/curve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/sentence.h"
#include "lib/base/slice.h"
#include "lib/base/textfile.h"
#include "lib/bus/zmqport.h"

#define BLANKS " \t\r"

enum { KEY_FILE_MAX = 4096 };	/* with many words around two keys */

struct pair {
	char public[CURVE_SIZE];	/* "": none */
	char secret[CURVE_SIZE];
};

/* --- certificates ------------------------------------------------------- */

static struct slice
unquote(struct slice s)
{
	if (s.len >= 2 && (s.p[0] == '"' || s.p[0] == '\'') &&
	    s.p[s.len - 1] == s.p[0])
		s = (struct slice){ s.p + 1, s.len - 2 };
	return s;
}

/* 0, or -EINVAL: the value is no key, or a second one. */
static int
take_key(struct slice value, char ret_key[CURVE_SIZE])
{
	char key[CURVE_SIZE];

	if (value.len != CURVE_SIZE - 1 || ret_key[0] != '\0')
		return -EINVAL;
	memcpy(key, value.p, value.len);
	key[value.len] = '\0';
	if (!zmqport_key_is_one(key))
		return -EINVAL;
	memcpy(ret_key, key, sizeof(key));
	return 0;
}

static int
take_line(struct slice line, struct pair *pair)
{
	const char *equals = line.len > 0 ? memchr(line.p, '=', line.len) : NULL;
	struct slice name, value;

	if (!equals || line.p[0] == '#')
		return 0;
	name = slice_trim((struct slice){ line.p, (size_t)(equals - line.p) },
			  BLANKS);
	value = unquote(slice_trim((struct slice){
	    equals + 1, (size_t)(line.p + line.len - equals - 1) }, BLANKS));
	if (slice_eq(name, SLICE_LIT("public-key")))
		return take_key(value, pair->public);
	if (slice_eq(name, SLICE_LIT("secret-key")))
		return take_key(value, pair->secret);
	return 0;
}

static int
parse(const char *text, const char *path, struct pair *pair, char *error,
      size_t size)
{
	unsigned number = 1;
	size_t len;

	for (;; number++, text += len + 1) {
		len = strcspn(text, "\n");
		if (take_line(slice_trim((struct slice){ text, len }, BLANKS),
			      pair) < 0)
			return sentence_say(error, size, -EINVAL,
				   "Line %u of %.200s is not a key of 40 "
				   "characters, or is the second of its kind.",
				   number, path);
		if (text[len] == '\0')
			return 0;
	}
}

static int
read_certificate(const char *path, struct pair *ret_pair, char *error,
		 size_t size)
{
	char text[KEY_FILE_MAX];
	bool is_private;
	int r = textfile_read(path, text, sizeof(text), &is_private, error,
				size);

	memset(ret_pair, 0, sizeof(*ret_pair));
	if (r == 0)
		r = parse(text, path, ret_pair, error, size);
	explicit_bzero(text, sizeof(text));
	if (r == 0 && ret_pair->secret[0] != '\0' && !is_private)
		return sentence_say(error, size, -EPERM,
			   "Every user can read the secret key in %.200s. If "
			   "it may have been copied, make another; else take "
			   "that right away: chmod o-r %.200s", path, path);
	return r;
}

/* Writes to `public` what goes with the secret, or checks what is there. */
static int
complete(struct pair *pair, const char *path, char *error, size_t size)
{
	char public[CURVE_SIZE];

	if (pair->secret[0] == '\0')
		return sentence_say(error, size, -EINVAL,
			   "There is no line \"secret-key = ...\" in %.200s. "
			   "Our own keys are in a file that ends in .key.", path);
	if (zmqport_key_public(pair->secret, public) < 0 ||
	    (pair->public[0] != '\0' && strcmp(public, pair->public) != 0))
		return sentence_say(error, size, -EINVAL,
			   "The secret and the public key in %.200s do not "
			   "belong together.", path);
	memcpy(pair->public, public, sizeof(public));
	return 0;
}

int
curve_read_pair(struct curve *c, const char *path, char *error, size_t size)
{
	struct pair pair;
	int r = read_certificate(path, &pair, error, size);

	if (r == 0)
		r = complete(&pair, path, error, size);
	if (r == 0) {
		memcpy(c->public, pair.public, sizeof(c->public));
		memcpy(c->secret, pair.secret, sizeof(c->secret));
	}
	explicit_bzero(&pair, sizeof(pair));
	return r;
}

int
curve_read_hub(struct curve *c, const char *path, char *error, size_t size)
{
	struct pair pair;
	int r = read_certificate(path, &pair, error, size);

	if (r == 0 && pair.secret[0] != '\0')
		r = sentence_say(error, size, -EINVAL,
			"%.200s holds a secret key. To know the hub takes its "
			"public key alone: name its file that ends in .pub.",
			path);
	if (r == 0 && pair.public[0] == '\0')
		r = sentence_say(error, size, -EINVAL,
			"There is no line \"public-key = ...\" in %.200s. Name "
			"the hub's file that ends in .pub.", path);
	if (r == 0)
		memcpy(c->hub, pair.public, sizeof(c->hub));
	explicit_bzero(&pair, sizeof(pair));
	return r;
}
