#!/bin/sh
# SPDX-License-Identifier: MIT
# Publishes the time to the topic `clock` every two seconds, for ever. SSE_BUS
# says where the hub is, if not in its usual place.
#
# The loop goes on when a line could not be published (the server restarts,
# say): sse-publish says why on stderr, and the next one gets through.
while :; do
	sse-publish --timeout 2s clock "$(date +%H:%M:%S)"
	sleep 2
done
