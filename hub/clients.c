/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/textfile.h"
#include "lib/base/utf8.h"
#include "lib/bus/zmqport.h"

#define BLANKS " \t\r"

unsigned
clients_parse_rights(const char *text, size_t len)
{
	static const struct { const char *name; unsigned rights; } all[] = {
		{ "publish", CLIENTS_PUBLISH },
		{ "follow", CLIENTS_FOLLOW },
		{ "publish,follow", CLIENTS_PUBLISH | CLIENTS_FOLLOW },
		{ "follow,publish", CLIENTS_PUBLISH | CLIENTS_FOLLOW },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strlen(all[i].name) == len &&
		    memcmp(all[i].name, text, len) == 0)
			return all[i].rights;
	return 0;
}

/* The next word of a line; *line then is what follows it. */
static size_t
next_word(const char **line, const char *end, const char **ret_word)
{
	const char *p = *line;
	size_t len = 0;

	while (p < end && strchr(BLANKS, *p))
		p++;
	*ret_word = p;
	while (p + len < end && !strchr(BLANKS, p[len]))
		len++;
	*line = p + len;
	return len;
}

/* NULL: it is one, in *ret_client; else what is wrong with it. */
static const char *
parse_line(const char *line, const char *end, struct client *ret_client)
{
	const char *word;
	size_t len;

	memset(ret_client, 0, sizeof(*ret_client));
	len = next_word(&line, end, &word);
	ret_client->rights = clients_parse_rights(word, len);
	if (!ret_client->rights)
		return "begins with none of publish, follow and publish,follow";
	len = next_word(&line, end, &word);
	if (len == CURVE_SIZE - 1)
		memcpy(ret_client->key, word, len);
	if (!zmqport_key_is_one(ret_client->key))
		return "has no public key of 40 characters as its second word";
	len = next_word(&line, end, &word);
	if (len >= sizeof(ret_client->name) ||
	    !utf8_is_valid((struct slice){ word, len }))
		return "has a name that is too long, or no text";
	memcpy(ret_client->name, word, len);
	return next_word(&line, end, &word) > 0 ?
		       "has more than three words" : NULL;
}

static int
add(struct clients *c, size_t *room, const struct client *client)
{
	struct client *items;

	if (c->count == *room) {
		*room = *room ? 2 * *room : 16;
		items = realloc(c->items, *room * sizeof(*items));
		if (!items)
			return -ENOMEM;
		c->items = items;
	}
	c->items[c->count++] = *client;
	return 0;
}

/* Whether a line says nothing. */
static bool
is_idle(const char *line, const char *end)
{
	const char *word;

	return next_word(&line, end, &word) == 0 || word[0] == '#';
}

int
clients_parse(struct clients *c, const char *text, const char *path,
	      char *error, size_t size)
{
	struct clients found = { 0 };
	struct client client;
	size_t room = 0;
	const char *end, *why = NULL;
	unsigned number = 0;
	int r = 0;

	while (r == 0 && *text) {
		number++;
		end = text + strcspn(text, "\n");
		if (!is_idle(text, end)) {
			why = parse_line(text, end, &client);
			r = why ? -EINVAL : add(&found, &room, &client);
		}
		text = *end ? end + 1 : end;
	}
	if (r < 0) {
		free(found.items);
		/* The line may hold a secret that was pasted there. */
		snprintf(error, size, "Line %u of %.200s %s.", number, path,
			 why ? why : "is too much for the memory");
		return r;
	}
	free(c->items);
	c->items = found.items;
	c->count = found.count;
	return 0;
}

static int
read_and_parse(struct clients *c, const char *path, char *error, size_t size)
{
	char *text;
	int r = textfile_load(path, CLIENTS_FILE_MOST, &text, error, size);

	if (r < 0)
		return r;
	r = clients_parse(c, text, path, error, size);
	free(text);
	return r;
}

/* Notes which state of the file is read now. Whether it is another one. */
static bool
note_change(struct clients *c, const char *path)
{
	struct stat st = { 0 };
	bool is_other;

	if (stat(path, &st) < 0)
		memset(&st, 0, sizeof(st));
	is_other = st.st_mtim.tv_sec != c->changed.tv_sec ||
		   st.st_mtim.tv_nsec != c->changed.tv_nsec ||
		   st.st_size != c->size || st.st_ino != c->inode;
	c->changed = st.st_mtim;
	c->size = st.st_size;
	c->inode = st.st_ino;
	return is_other;
}

int
clients_load(struct clients *c, const char *path, char *error, size_t size)
{
	(void)note_change(c, path);
	return read_and_parse(c, path, error, size);
}

int
clients_refresh(struct clients *c, const char *path, char *error, size_t size)
{
	int r;

	if (!note_change(c, path))
		return 0;
	r = read_and_parse(c, path, error, size);
	return r < 0 ? r : 1;
}

unsigned
clients_rights(const struct clients *c, const char *key, const char **ret_name)
{
	unsigned rights = 0;

	*ret_name = "";
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->items[i].key, key) != 0)
			continue;
		rights |= c->items[i].rights;
		*ret_name = c->items[i].name;
	}
	return rights;
}

void
clients_done(struct clients *c)
{
	free(c->items);
	memset(c, 0, sizeof(*c));
}
