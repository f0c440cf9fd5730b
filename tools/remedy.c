/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/remedy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Stand for the mount in a text: as it is, and as a part of a pattern. */
#define MOUNT "\001"
#define PATTERN "\002"

static const char *const names[REMEDY_SERVER_COUNT] = {
	[REMEDY_LIGHTTPD] = "lighttpd",
	[REMEDY_APACHE] = "Apache",
	[REMEDY_NGINX] = "nginx",
	[REMEDY_CADDY] = "Caddy",
};

static const char *const texts[REMEDY_COUNT][REMEDY_SERVER_COUNT] = {
	[REMEDY_FLUSH] = {
		[REMEDY_UNKNOWN] =
"Each proxy on the way must pass on what it gets at once.\n",
		[REMEDY_LIGHTTPD] =
"A response is kept until it is complete, which a stream never is:\n"
"  $HTTP[\"url\"] =~ \"^/" PATTERN "(/|$)\" {\n"
"      server.stream-response-body = 2\n"
"  }\n",
		[REMEDY_APACHE] =
"mod_proxy_fcgi collects 4 KB; say flushpackets=on where the worker is named:\n"
"  ProxyPass \"/" MOUNT "\" \"unix:/run/sse-fcgi/worker.sock|fcgi://sse-fcgi/\" flushpackets=on\n"
"or, with SetHandler, in the block of the same name as after fcgi:// there:\n"
"  <Proxy \"fcgi://sse-fcgi/\">\n"
"      ProxySet flushpackets=on\n"
"  </Proxy>\n"
"mod_fcgid collects 64 KB:\n"
"  FcgidOutputBufferSize 0\n",
		[REMEDY_NGINX] =
"In the location of the streams (and take X-Accel-Buffering out of\n"
"fastcgi_ignore_headers or proxy_ignore_headers, if it is there):\n"
"  fastcgi_buffering off;\n"
"  proxy_buffering off;\n",
		[REMEDY_CADDY] =
"In reverse_proxy:\n"
"  flush_interval -1\n",
	},
	[REMEDY_COMPRESSION] = {
		[REMEDY_UNKNOWN] =
"A proxy compresses text/event-stream and waits for more; take that type out.\n",
		[REMEDY_LIGHTTPD] =
"Take text/event-stream, and a text/ that stands for it, out of\n"
"  deflate.mimetypes\n",
		[REMEDY_APACHE] =
"Leave streams alone with mod_deflate and mod_brotli:\n"
"  SetEnvIf Request_URI \"^/" PATTERN "(/|$)\" no-gzip no-brotli\n",
		[REMEDY_NGINX] =
"In the location of the streams:\n"
"  gzip off;\n",
		[REMEDY_CADDY] =
"Leave text/event-stream out of what `encode` matches.\n",
	},
	[REMEDY_IDLE] = {
		[REMEDY_UNKNOWN] =
"Some proxy ends what is idle: raise its limit well above the heartbeats, or let\n"
"these come more often (--heartbeat of sse-fcgi).\n",
		[REMEDY_LIGHTTPD] =
"In fastcgi.server a limit for the worker, and one for the browser:\n"
"  \"read-timeout\" => 60\n"
"  server.max-write-idle = 360\n",
		[REMEDY_APACHE] =
"Where the worker is named (it counts before ProxyTimeout and Timeout):\n"
"  ProxyPass \"/" MOUNT "\" \"unix:/run/sse-fcgi/worker.sock|fcgi://sse-fcgi/\" flushpackets=on timeout=60\n"
"or, with SetHandler:\n"
"  <Proxy \"fcgi://sse-fcgi/\">\n"
"      ProxySet flushpackets=on timeout=60\n"
"  </Proxy>\n"
"mod_fcgid, which also ends busy streams:\n"
"  FcgidIOTimeout 60\n"
"  FcgidBusyTimeout 86400\n"
"mod_cgi and mod_cgid:\n"
"  Timeout 60\n",
		[REMEDY_NGINX] =
"In the location of the streams:\n"
"  fastcgi_read_timeout 60s;\n"
"  proxy_read_timeout 60s;\n"
"  send_timeout 60s;\n",
		[REMEDY_CADDY] =
"In the transport of reverse_proxy:\n"
"  read_timeout 60s\n",
	},
	[REMEDY_GONE] = {
		[REMEDY_UNKNOWN] =
"A shorter --heartbeat of sse-fcgi makes it sooner.\n",
		[REMEDY_LIGHTTPD] =
"In fastcgi.server, or for mod_cgi:\n"
"  \"tcp-fin-propagate\" => \"enable\"\n"
"  cgi.limits = ( \"tcp-fin-propagate\" => \"SIGTERM\" )\n",
		[REMEDY_NGINX] =
"In the location of the streams:\n"
"  fastcgi_ignore_client_abort off;\n",
	},
	[REMEDY_HTTP2] = {
		[REMEDY_UNKNOWN] =
"Let each page open one EventSource that names all its topics\n"
"(/" MOUNT "?topic=a&topic=b), and share it between tabs by a SharedWorker.\n",
		[REMEDY_LIGHTTPD] =
"lighttpd serves 8 at a time; without HTTP/2 browsers open six connections:\n"
"  server.feature-flags += ( \"server.h2proto\" => \"disable\" )\n",
		[REMEDY_APACHE] =
"mod_http2 begins with 6 at a time, and each holds one of H2MaxWorkers:\n"
"  H2MaxWorkers 400\n"
"or, for the virtual host that has the streams:\n"
"  Protocols http/1.1\n",
		[REMEDY_NGINX] =
"  http2_max_concurrent_streams 128;\n",
	},
	[REMEDY_MOUNT] = {
		[REMEDY_UNKNOWN] =
"Whether the URL is right, and the web server passes it on to the worker.\n",
		[REMEDY_LIGHTTPD] =
"The prefix here and the path of the URL must be the same:\n"
"  fastcgi.server += ( \"/" MOUNT "\" => (( \"socket\" => \"/run/sse-fcgi/worker.sock\",\n"
"                                    \"check-local\" => \"disable\" )) )\n",
		[REMEDY_APACHE] =
"The path here and that of the URL must be the same, and the site must be the\n"
"one that has this line (apachectl -S):\n"
"  ProxyPass \"/" MOUNT "\" \"unix:/run/sse-fcgi/worker.sock|fcgi://sse-fcgi/\" flushpackets=on timeout=60\n",
		[REMEDY_NGINX] =
"The location must be that of the URL:\n"
"  location /" MOUNT " { fastcgi_pass unix:/run/sse-fcgi/worker.sock; ... }\n",
		[REMEDY_CADDY] =
"The matcher must be that of the URL:\n"
"  handle /" MOUNT "* { reverse_proxy unix//run/sse-fcgi/worker.sock { ... } }\n",
	},
	[REMEDY_WORKER] = {
		[REMEDY_UNKNOWN] =
"Whether sse-fcgi runs, listens where the web server looks for it, and lets it\n"
"in; the web server's error log says which:\n"
"  sse-fcgi --listen unix:/run/sse-fcgi/worker.sock --listen-group www-data\n",
		[REMEDY_LIGHTTPD] =
"It looks for it at this path of fastcgi.server, or starts it from bin-path:\n"
"  \"socket\" => \"/run/sse-fcgi/worker.sock\"\n",
		[REMEDY_APACHE] =
"It looks for it at the path after unix: in ProxyPass or SetHandler. When all\n"
"streams that max= allows are taken, 503 is the answer as well; it should be no\n"
"less than ThreadsPerChild where Apache has several processes:\n"
"  ProxySet flushpackets=on timeout=30 max=100000 acquire=50\n",
		[REMEDY_NGINX] =
"It looks for it at this path:\n"
"  fastcgi_pass unix:/run/sse-fcgi/worker.sock;\n",
		[REMEDY_CADDY] =
"It looks for it at the path after unix/ in reverse_proxy.\n",
	},
	[REMEDY_RIGHTS] = {
		[REMEDY_UNKNOWN] =
"Whoever may see the page must be let in to the stream too: an EventSource\n"
"sends the site's cookies and passwords, and to other sites only with\n"
"{ withCredentials: true }. Topics with a part `private` need a program of the\n"
"site that grants them (sse_handoff).\n",
	},
	[REMEDY_HEADERS] = {
		[REMEDY_UNKNOWN] =
"The worker sends these fields; something on the way takes or replaces them:\n"
"  Content-Type: text/event-stream\n"
"  Cache-Control: no-cache, no-transform\n"
"  X-Accel-Buffering: no\n",
		[REMEDY_LIGHTTPD] =
"Look for expire.url, setenv.set-response-header and setenv.add-response-header.\n",
		[REMEDY_APACHE] =
"Look for `Header` (mod_headers), ExpiresDefault and ExpiresByType, ForceType\n"
"and AddDefaultCharset. To keep them off the streams:\n"
"  <Location \"/" MOUNT "\">\n"
"      ExpiresActive Off\n"
"      Header set Cache-Control \"no-cache, no-transform\"\n"
"  </Location>\n",
		[REMEDY_NGINX] =
"Look for `expires`, add_header and fastcgi_hide_header. In the location:\n"
"  expires off;\n",
		[REMEDY_CADDY] =
"Look for `header`.\n",
	},
	[REMEDY_RESUME] = {
		[REMEDY_UNKNOWN] =
"A browser that comes back says where it was by the header field Last-Event-ID;\n"
"each proxy must pass it on.\n",
		[REMEDY_LIGHTTPD] =
"Look for setenv.set-request-header.\n",
		[REMEDY_APACHE] =
"Look for `RequestHeader unset`.\n",
		[REMEDY_NGINX] =
"Look for fastcgi_pass_request_headers and proxy_set_header:\n"
"  fastcgi_pass_request_headers on;\n",
		[REMEDY_CADDY] =
"Look for `header_up` and `request_header`.\n",
	},
	[REMEDY_REDIRECT] = {
		[REMEDY_UNKNOWN] =
"Open the URL that it leads to, or except the streams from the redirect\n"
"(a log-in page, https, a slash at the end).\n",
		[REMEDY_LIGHTTPD] =
"Look for url.redirect.\n",
		[REMEDY_APACHE] =
"Look for Redirect, and for RewriteRule with [R]; above the others:\n"
"  RewriteRule ^/?" PATTERN "(/|$) - [END]\n",
		[REMEDY_NGINX] =
"Look for `return 301` and `rewrite ... redirect`.\n",
		[REMEDY_CADDY] =
"Look for `redir`.\n",
	},
	[REMEDY_CORS] = {
		[REMEDY_UNKNOWN] =
"Start sse-fcgi with --cors-origin and the site whose pages may read.\n",
	},
	[REMEDY_HUB] = {
		[REMEDY_UNKNOWN] =
"Whether sse-hub runs, or sse-fcgi without --hub off; both must name the same\n"
"bus:\n"
"  sse-hub --bus /run/sse-fcgi\n"
"  sse-fcgi --bus /run/sse-fcgi ...\n",
	},
	[REMEDY_REFUSED] = {
		[REMEDY_UNKNOWN] =
"A URL is the mount, then /TOPIC, or ?topic=A&topic=B; see sse-fcgi(8). Topics\n"
"with a part `private` need a program of the site that grants them.\n",
	},
	[REMEDY_READY] = {
		[REMEDY_UNKNOWN] =
"The web server does not reach the worker, and says it this way (its error log\n"
"tells), or the worker is full (the log of sse-fcgi tells):\n"
"  sse-fcgi --listen unix:/run/sse-fcgi/worker.sock --listen-group www-data\n"
"  sse-fcgi --max-clients 0 ...\n"
"  ulimit -n 20000\n",
	},
	[REMEDY_SOCKET] = {
		[REMEDY_UNKNOWN] =
"Let the web server's group in, and search the directories on the way:\n"
"  sse-fcgi --listen unix:/run/sse-fcgi/worker.sock --listen-group www-data --listen-mode 0660\n",
	},
};

enum remedy_server
remedy_server_of(const char *product)
{
	for (int i = REMEDY_UNKNOWN + 1; i < REMEDY_SERVER_COUNT; i++)
		if (strncasecmp(product, names[i], strlen(names[i])) == 0)
			return (enum remedy_server)i;
	return REMEDY_UNKNOWN;
}

const char *
remedy_server_name(enum remedy_server server)
{
	return names[server];
}

/* ---- where the streams are ---- */

/* What may stand in a line of any configuration as it is. */
static bool
is_plain(const char *path, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

	return len > 0 && strspn(path, plain) >= len;
}

/* The bytes of the URL's path that are the mount, without the first slash. */
static size_t
find_mount(const char *path)
{
	size_t len = strcspn(path, "?#");
	bool has_topic = path[len] == '?' && strstr(path + len, "topic=");
	const char *slash = memrchr(path, '/', len);

	if (!has_topic && slash)
		len = (size_t)(slash - path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	return len;
}

void
remedy_place_of(const char *url, struct remedy_place *ret_place)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strpbrk(host + 3, "/?#") : NULL;
	size_t len = path && *path == '/' ? find_mount(++path) : 0;
	char *out = ret_place->pattern;

	if (len >= sizeof(ret_place->mount) || !is_plain(path, len)) {
		path = "events";
		len = strlen(path);
	}
	memcpy(ret_place->mount, path, len);
	ret_place->mount[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (path[i] == '.')
			*out++ = '\\';
		*out++ = path[i];
	}
	*out = '\0';
}

const char *
remedy_text(enum remedy remedy, enum remedy_server server,
	    const struct remedy_place *place, char *out, size_t size)
{
	const char *text = texts[remedy][server];
	size_t at = 0;

	if (!text)
		return NULL;
	out[0] = '\0';
	for (; *text != '\0' && at + 1 < size; text++) {
		const char *part = *text == *MOUNT   ? place->mount :
				   *text == *PATTERN ? place->pattern : NULL;

		if (part)
			at += (size_t)snprintf(out + at, size - at, "%s", part);
		else
			at += (size_t)snprintf(out + at, size - at, "%c", *text);
	}
	return out;
}
