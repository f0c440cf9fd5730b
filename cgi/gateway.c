/* SPDX-License-Identifier: MIT */
#include "cgi/gateway.h"

#include <errno.h>
#include <fastcgi.h>

#include "fcgi/record.h"
#include "lib/base/units.h"

static const char poll_name[] = "SSE_POLL";

/* What describes a request, or is set for us by the web server. */
static const struct slice names[] = {
	SLICE_LIT("AUTH_TYPE"),	      SLICE_LIT("DOCUMENT_ROOT"),
	SLICE_LIT("GATEWAY_INTERFACE"), SLICE_LIT("HTTPS"),
	SLICE_LIT("PATH_INFO"),	      SLICE_LIT("QUERY_STRING"),
	SLICE_LIT("SSE_MAX_CLIENTS"),   SLICE_LIT("SSE_POLL"),
	SLICE_LIT("SSE_TOPIC_PREFIX"),
};
static const struct slice prefixes[] = {
	SLICE_LIT("CONTENT_"), SLICE_LIT("HTTP_"),   SLICE_LIT("REDIRECT_"),
	SLICE_LIT("REMOTE_"),  SLICE_LIT("REQUEST_"), SLICE_LIT("SCRIPT_"),
	SLICE_LIT("SERVER_"),  SLICE_LIT("SSL_"),
};

bool
gateway_passes(struct slice name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_eq(name, names[i]))
			return true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (slice_starts(name, prefixes[i]))
			return true;
	return false;
}

/* The value, "" without one. */
static const char *
value_of(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return "";
}

static bool
has_nph_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, "nph-", 4) == 0;
}

int
gateway_read(char *const *env, struct gateway *ret_gateway)
{
	const char *length = value_of(env, "CONTENT_LENGTH");
	const char *file = value_of(env, "SCRIPT_FILENAME");
	struct gateway g = { .method = value_of(env, "REQUEST_METHOD") };

	g.is_nph = has_nph_name(file[0] ? file : value_of(env, "SCRIPT_NAME"));
	*ret_gateway = g;
	if (!length[0])
		return 0;
	return parse_u64(slice_of(length), &ret_gateway->body) < 0 ? -EINVAL :
								     0;
}

/* ---- records ---- */

static int
append_record(struct buf *out, uint8_t type, struct slice content)
{
	uint8_t header[RECORD_HEADER_LEN];
	int r;

	record_header(header, type, GATEWAY_ID, (uint16_t)content.len);
	r = buf_append(out, header, sizeof(header));
	return r < 0 ? r : buf_append_slice(out, content);
}

/* FastCGI 1.0 §3.4: one byte up to 127, else four with the top bit set. */
static int
append_length(struct buf *out, size_t len)
{
	const uint8_t four[] = { (uint8_t)(len >> 24 | 0x80),
				 (uint8_t)(len >> 16), (uint8_t)(len >> 8),
				 (uint8_t)len };

	return len < 0x80 ? buf_append_char(out, (char)len) :
			    buf_append(out, four, sizeof(four));
}

static int
append_pair(struct buf *out, struct slice name, struct slice value)
{
	int r;

	if (name.len > GATEWAY_PARAMS_MAX || value.len > GATEWAY_PARAMS_MAX ||
	    out->len + name.len + value.len + 8 > GATEWAY_PARAMS_MAX)
		return -E2BIG;
	r = append_length(out, name.len);
	if (r == 0)
		r = append_length(out, value.len);
	if (r == 0)
		r = buf_append_slice(out, name);
	if (r == 0)
		r = buf_append_slice(out, value);
	return r;
}

static int
append_variables(struct buf *out, char *const *env)
{
	int r = 0;

	for (; r == 0 && *env; env++) {
		const char *mark = strchr(*env, '=');
		struct slice name = { *env, mark ? (size_t)(mark - *env) : 0 };

		if (mark && gateway_passes(name))
			r = append_pair(out, name, slice_of(mark + 1));
	}
	return r;
}

/* As many records as it takes, and the empty one. */
static int
append_params(struct buf *out, struct slice block)
{
	int r = 0;

	while (r == 0 && block.len > 0) {
		struct slice s = block;

		if (s.len > RECORD_CONTENT_MAX)
			s.len = RECORD_CONTENT_MAX;
		r = append_record(out, FCGI_PARAMS, s);
		block.p += s.len;
		block.len -= s.len;
	}
	return r < 0 ? r : append_record(out, FCGI_PARAMS, SLICE_NONE);
}

int
gateway_begin(char *const *env, const char *poll, struct buf *out)
{
	static const char begin[8] = { 0, FCGI_RESPONDER, 0 };
	struct buf block = { NULL, 0, 0 };
	int r = append_variables(&block, env);

	if (r == 0 && poll && !value_of(env, poll_name)[0])
		r = append_pair(&block, slice_of(poll_name), slice_of(poll));
	if (r == 0)
		r = append_record(out, FCGI_BEGIN_REQUEST,
				  (struct slice){ begin, sizeof(begin) });
	if (r == 0)
		r = append_params(out, buf_slice(&block));
	buf_done(&block);
	return r;
}

int
gateway_body(struct slice piece, struct buf *out)
{
	return append_record(out, FCGI_STDIN, piece);
}
