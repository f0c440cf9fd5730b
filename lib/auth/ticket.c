/* SPDX-License-Identifier: MIT */
#include "lib/auth/ticket.h"

#include <errno.h>
#include <string.h>

#include "lib/auth/login.h"
#include "lib/base/units.h"

static const struct slice begin = SLICE_LIT("sse1-");

enum { MAC_LEN = 32, MOST_SECONDS_MS = 1000 };

static int
deny(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EACCES;
}

/* ---- hexadecimal digits ---- */

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 0, -EINVAL or -ENOMEM. */
static int
hex_decode(struct slice hex, struct buf *out)
{
	int r = hex.len % 2 ? -EINVAL : buf_reserve(out, hex.len / 2);

	for (size_t i = 0; r == 0 && i < hex.len; i += 2) {
		int high = digit_of(hex.p[i]), low = digit_of(hex.p[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out->p[out->len++] = (char)(high << 4 | low);
	}
	return r;
}

static int
hex_encode(struct slice bytes, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	int r = buf_reserve(out, 2 * bytes.len);

	for (size_t i = 0; r == 0 && i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		out->p[out->len++] = digits[c >> 4];
		out->p[out->len++] = digits[c & 15];
	}
	return r;
}

/* ---- the signature ---- */

static bool
is_signed(const struct keyring *keys, struct slice text, struct slice mac,
	  unsigned *ret_actions)
{
	unsigned char right[CRYPTO_MAC_MAX];

	for (size_t i = 0; i < keys->count; i++) {
		const struct keyring_key *key = &keys->keys[i];

		if (key->alg != CRYPTO_HS256 ||
		    crypto_mac(key->alg, keyring_secret(key), text, right) !=
		    MAC_LEN)
			continue;
		*ret_actions = key->actions;
		if (crypto_is_equal(mac, (struct slice){ (char *)right,
							 MAC_LEN }))
			return true;
	}
	return false;
}

/* Takes the ticket apart and checks its MAC, if there are keys; the text goes to
 * `text`. */
static int
open_ticket(const struct keyring *keys, struct slice ticket, struct buf *text,
	    unsigned *ret_actions, const char **ret_why)
{
	struct slice hex, mac_hex;
	struct buf mac = { 0 };
	int r;

	if (ticket.len > TICKET_MAX)
		return deny(ret_why, "The ticket has more than 8192 bytes.");
	if (ticket.len < begin.len + 1 + 2 * MAC_LEN ||
	    !slice_starts(ticket, begin) ||
	    ticket.p[ticket.len - 2 * MAC_LEN - 1] != '-')
		return deny(ret_why, "The ticket is not of the form "
				     "sse1-HEX-MAC.");
	mac_hex = (struct slice){ ticket.p + ticket.len - 2 * MAC_LEN,
				  2 * MAC_LEN };
	ticket.len -= 2 * MAC_LEN + 1;
	hex = (struct slice){ ticket.p + begin.len, ticket.len - begin.len };
	r = hex_decode(mac_hex, &mac);
	if (r == 0)
		r = hex_decode(hex, text);
	if (r == -EINVAL)
		r = deny(ret_why, "The ticket holds something else than "
				  "hexadecimal digits, which are 0-9 and a-f.");
	else if (r == 0 && keys && !is_signed(keys, ticket, buf_slice(&mac),
					      ret_actions))
		r = deny(ret_why, "The ticket's signature fits none of the "
				  "keys.");
	buf_done(&mac);
	return r;
}

/* ---- its text ---- */

/* If the line begins with a word and a blank, what follows. */
static bool
is_statement(struct slice line, const char *word, struct slice *ret_rest)
{
	struct slice w = slice_of(word);

	if (!slice_starts(line, w) || line.len == w.len ||
	    line.p[w.len] != ' ')
		return false;
	*ret_rest = (struct slice){ line.p + w.len + 1, line.len - w.len - 1 };
	return true;
}

/* Takes the next statement; `user` takes the rest. */
static bool
next_statement(struct slice *rest, struct slice *ret_line)
{
	struct slice name;
	const char *stop;

	if (rest->len == 0)
		return false;
	*ret_line = *rest;
	stop = memchr(rest->p, '\n', rest->len);
	if (stop && !is_statement(*rest, "user", &name))
		ret_line->len = (size_t)(stop - rest->p);
	else
		stop = NULL;
	rest->p += ret_line->len + (stop != NULL);
	rest->len -= ret_line->len + (stop != NULL);
	return true;
}

static int
take_expiry(struct slice value, int64_t unix_ms, struct grants *g,
	    const char **ret_why)
{
	uint64_t seconds;

	if (parse_u64(value, &seconds) < 0 ||
	    seconds > INT64_MAX / MOST_SECONDS_MS)
		return deny(ret_why, "The ticket's `expires` is no number of "
				     "seconds.");
	if ((int64_t)seconds * MOST_SECONDS_MS <= unix_ms)
		return deny(ret_why, "The ticket has expired.");
	grants_end_at(g, (int64_t)seconds * MOST_SECONDS_MS);
	return 0;
}

/* What must be known before anything is granted. */
static int
take_head(struct slice text, int64_t unix_ms, struct grants *g,
	  struct slice *ret_user, const char **ret_why)
{
	struct slice line, value;
	bool has_end = false;
	int r = 0;

	*ret_user = SLICE_NONE;
	while (r == 0 && next_statement(&text, &line)) {
		if (is_statement(line, "expires", &value)) {
			has_end = true;
			r = take_expiry(value, unix_ms, g, ret_why);
		} else if (is_statement(line, "user", &value)) {
			*ret_user = value;
			if (!login_is_name(value))
				r = deny(ret_why, "The ticket's `user` cannot "
						  "be a name.");
		} else if (!is_statement(line, "subscribe", &value) &&
			   !is_statement(line, "publish", &value)) {
			r = deny(ret_why, "The ticket says something else than "
					  "expires, subscribe, publish and "
					  "user.");
		}
	}
	if (r == 0 && !has_end)
		r = deny(ret_why, "The ticket does not say when it expires.");
	return r;
}

static int
take_grants(struct slice text, struct slice prefix, struct slice user,
	    unsigned actions, struct grants *g)
{
	struct slice line, selector;
	int r = 0;

	while (r == 0 && next_statement(&text, &line)) {
		enum grants_action action = GRANTS_SUBSCRIBE;

		if (is_statement(line, "publish", &selector))
			action = GRANTS_PUBLISH;
		else if (!is_statement(line, "subscribe", &selector))
			continue;
		if (actions & 1u << action)
			r = login_grant(g, action, prefix, selector, user);
	}
	return r;
}

int
ticket_check(const struct keyring *keys, struct slice ticket, int64_t unix_ms,
	     struct slice prefix, struct grants *g, const char **ret_why)
{
	struct buf text = { 0 };
	struct slice user;
	unsigned actions = 0;
	int r = open_ticket(keys, ticket, &text, &actions, ret_why);

	if (r == 0)
		r = take_head(buf_slice(&text), unix_ms, g, &user, ret_why);
	if (r == 0)
		r = take_grants(buf_slice(&text), prefix, user, actions, g);
	if (r == 0 && g->user.len == 0)
		r = buf_append_slice(&g->user, user);
	buf_done(&text);
	return r;
}

int
ticket_read(struct slice ticket, struct grants *g, const char **ret_why)
{
	struct buf text = { 0 };
	struct slice user;
	unsigned actions = KEYRING_BOTH;
	int r = open_ticket(NULL, ticket, &text, &actions, ret_why);

	if (r == 0)	/* at a time when every ticket is good */
		r = take_head(buf_slice(&text), -1, g, &user, ret_why);
	if (r == 0)
		r = take_grants(buf_slice(&text), SLICE_NONE, user, actions, g);
	if (r == 0)
		r = buf_append_slice(&g->user, user);
	buf_done(&text);
	return r;
}

bool
ticket_is_one(struct slice text)
{
	return slice_starts(text, begin);
}

int
ticket_make(const struct keyring_key *key, struct slice text, struct buf *out)
{
	unsigned char mac[CRYPTO_MAC_MAX];
	size_t from = out->len, len;
	int r = buf_append_slice(out, begin);

	if (r == 0)
		r = hex_encode(text, out);
	if (r < 0)
		return r;
	len = crypto_mac(key->alg, keyring_secret(key),
			 (struct slice){ out->p + from, out->len - from }, mac);
	r = len > 0 ? buf_append_char(out, '-') : -ENOMEM;
	return r < 0 ? r : hex_encode((struct slice){ (char *)mac, len }, out);
}
