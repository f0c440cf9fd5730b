/* SPDX-License-Identifier: MIT */
/*
 * curlport: what libcurl got late, for the older ones that long-lived systems
 * have (7.74 is the oldest that is tried). Handles are CURL *.
 */
#ifndef TOOLS_CURLPORT_H
#define TOOLS_CURLPORT_H

/* Neither a URL nor a redirection leads to anything but HTTP. */
void curlport_only_http(void *curl);

/* Calls `ask(user)` each time a request goes out. */
struct curlport_hook {
	void (*ask)(void *user);
	void *user;
};

/* The hook is borrowed until the transfer has ended. */
void curlport_set_hook(void *curl, struct curlport_hook *hook);

#endif
