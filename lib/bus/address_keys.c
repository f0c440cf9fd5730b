/* SPDX-License-Identifier: MIT */
/* address: its keys, and what is wrong with them in words. */
#include "config.h"

#include "lib/bus/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/sentence.h"

/* The file that a variable names, if it is set and not empty. */
static const char *
name_in(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0] != '\0' ? value : NULL;
}

static int
refuse_without_keys(const struct bus_address *a, const struct bus_keys *keys,
		    char *error, size_t size)
{
	return sentence_say(error, size, -EINVAL,
		   "The bus address %.200s is not on the loopback interface; "
		   "without keys it would be open to everyone. On the hub's "
		   "machine \"sse-hub --make-keys DIR\" makes them and says "
		   "what each is for; here, %s.", a->path,
		   keys->is_hub ? "give --curve-key DIR/hub.key and "
				  "--curve-clients DIR/clients (or, to follow "
				  "a hub on another machine, --hub off)" :
				  "give --curve-key and --curve-hub, or set "
				  "$SSE_CURVE_KEY and $SSE_CURVE_HUB");
}

/* What is given of the two that belong together. 0, or -EINVAL. */
static int
check_given(const struct bus_address *a, const struct bus_keys *keys,
	    char *error, size_t size)
{
	if (!keys->own && !keys->hub && a->is_remote)
		return refuse_without_keys(a, keys, error, size);
	if (!keys->own && keys->hub)
		return sentence_say(error, size, -EINVAL,
			   "The hub's key is given, but not our own: "
			   "--curve-hub (or $SSE_CURVE_HUB) goes with "
			   "--curve-key (or $SSE_CURVE_KEY).");
	if (keys->own && !keys->hub && !keys->is_hub)
		return sentence_say(error, size, -EINVAL,
			   "Our own key is given, but not the hub's: "
			   "--curve-key (or $SSE_CURVE_KEY) goes with "
			   "--curve-hub (or $SSE_CURVE_HUB), so that nobody "
			   "else can pass for the hub.");
	if (keys->own && !zmqport_has_curve())
		return sentence_say(error, size, -EINVAL,
			   "The ZeroMQ library of this machine was built "
			   "without CURVE and cannot use keys.");
	return 0;
}

int
bus_address_use_keys(struct bus_address *a, const struct bus_keys *keys,
		     char *error, size_t size)
{
	struct curve curve = { 0 };
	int r;

	if (!a->is_tcp)
		return 0;
	r = check_given(a, keys, error, size);
	if (r < 0 || !keys->own)
		return r;
	r = curve_read_pair(&curve, keys->own, error, size);
	if (r == 0 && keys->hub)
		r = curve_read_hub(&curve, keys->hub, error, size);
	else if (r == 0)
		memcpy(curve.hub, curve.public, sizeof(curve.hub));
	if (r == 0)
		a->curve = curve;
	explicit_bzero(&curve, sizeof(curve));
	return r;
}

int
bus_address_use_environment(struct bus_address *a, char *error, size_t size)
{
	struct bus_keys keys;

	if (!a->is_tcp)
		return 0;
	keys = (struct bus_keys){
		.own = name_in("SSE_CURVE_KEY"),
		.hub = name_in("SSE_CURVE_HUB"),
	};
	return bus_address_use_keys(a, &keys, error, size);
}

const struct curve *
bus_address_curve(const struct bus_address *a)
{
	return curve_is_set(&a->curve) ? &a->curve : NULL;
}

int
bus_address_explain(const struct bus_address *a, enum bus_endpoint which,
		    enum zmqport_verdict verdict, char *error, size_t size)
{
	const char *right = which == BUS_PUBLISH ? "publish" : "follow";

	switch (verdict) {
	case ZMQPORT_UNDECIDED:
	case ZMQPORT_LET_IN:
		break;
	case ZMQPORT_REFUSED:
		return sentence_say(error, size, -EACCES,
			   "The hub at %.200s does not let our key %s. To let "
			   "it, write this line into the file that the hub has "
			   "as --curve-clients: %s %s", a->path, right, right,
			   a->curve.public);
	case ZMQPORT_STRANGE:
		return sentence_say(error, size, -EACCES,
			   "What listens at %.200s is not a hub with keys. "
			   "Start the hub with --curve-key and "
			   "--curve-clients; one on this machine can also be "
			   "used without keys.", a->path);
	case ZMQPORT_HUNG_UP:
		return sentence_say(error, size, -EACCES,
			   "The hub at %.200s ends the connection: it does not "
			   "have the key that --curve-hub (or $SSE_CURVE_HUB) "
			   "names, or has no keys. Copy hub.pub from the hub "
			   "again.", a->path);
	case ZMQPORT_AWAY:
		return sentence_say(error, size, -ECONNREFUSED,
			   "No hub is at %.200s: nobody answers there. Start "
			   "sse-hub, or name another address with --bus or "
			   "$SSE_BUS.", a->path);
	}
	error[0] = '\0';
	return 0;
}
