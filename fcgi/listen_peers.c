/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "fcgi/listen_make.h"
#include "lib/base/slice.h"

static int
parse_address(struct slice text, struct in6_addr *ret_address)
{
	char host[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (text.len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text.p, text.len);
	host[text.len] = '\0';
	if (inet_pton(AF_INET6, host, ret_address) == 1)
		return 0;
	if (inet_pton(AF_INET, host, &v4) != 1)
		return -EINVAL;
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->s6_addr[10] = 0xff;
	ret_address->s6_addr[11] = 0xff;
	memcpy(&ret_address->s6_addr[12], &v4, sizeof(v4));
	return 0;
}

/* Takes the text up to the next comma off *list, without blanks around. */
static struct slice
take_item(const char **list)
{
	struct slice s = { *list, strcspn(*list, ",") };

	*list += s.len + ((*list)[s.len] == ',');
	while (s.len > 0 && strchr(" \t", s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && strchr(" \t", s.p[s.len - 1]))
		s.len--;
	return s;
}

int
listen_parse_peers(const char *text, struct in6_addr **ret_peers,
		   size_t *ret_count, struct listen_fault *ret_fault)
{
	struct in6_addr *peers;
	size_t n = 0;

	peers = calloc(LISTEN_PEERS_MAX, sizeof(*peers));
	if (!peers)
		return listen_refuse(ret_fault, ENOMEM, EX_OSERR, "Out of memory.");
	while (*text) {
		struct slice item = take_item(&text);

		if (item.len > 0 && n < LISTEN_PEERS_MAX &&
		    parse_address(item, &peers[n]) == 0) {
			n++;
			continue;
		}
		free(peers);
		return listen_refuse(ret_fault, EINVAL, EX_CONFIG,
			     "FCGI_WEB_SERVER_ADDRS must be a list of at most "
			     "%d numeric addresses of web servers with commas "
			     "between, such as 10.0.0.5,fd00::5; \"%.*s\" is "
			     "not one.", LISTEN_PEERS_MAX,
			     (int)(item.len < 80 ? item.len : 80), item.p);
	}
	*ret_peers = peers;
	*ret_count = n;
	return 0;
}

/* Any internet address as IPv6; IPv4 as mapped. */
static bool
address_of(const struct sockaddr *sa, struct in6_addr *ret_address)
{
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		*ret_address = in6->sin6_addr;
		return true;
	}
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		memset(ret_address, 0, sizeof(*ret_address));
		ret_address->s6_addr[10] = 0xff;
		ret_address->s6_addr[11] = 0xff;
		memcpy(&ret_address->s6_addr[12], &in->sin_addr, 4);
		return true;
	}
	return false;
}

bool
listen_peer_allowed(const struct listener *l, const struct sockaddr *peer)
{
	struct in6_addr address;

	if (!l->is_tcp || l->n_peers == 0)
		return true;
	if (!address_of(peer, &address))
		return false;
	for (size_t i = 0; i < l->n_peers; i++)
		if (memcmp(&address, &l->peers[i], sizeof(address)) == 0)
			return true;
	return false;
}

bool
listen_is_loopback(const struct sockaddr *sa)
{
	struct in6_addr address;

	if (!address_of(sa, &address))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&address))
		return address.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&address);
}
