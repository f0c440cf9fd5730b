/* SPDX-License-Identifier: MIT */
/*
 * setup: `sse-fcgi --setup`, for systems where no package did it.
 *
 * Makes the user and group sse-fcgi (the hub and the workers), the group
 * sse-publish (who may publish), puts the web server's user into both, and
 * makes /run/sse-fcgi now and, by tmpfiles.d, at each boot. Every step is
 * skipped when it is done already.
 */
#ifndef FCGI_SETUP_H
#define FCGI_SETUP_H

/* `web_user` NULL: www-data. Says on stdout what it did. An exit status. */
int setup_run(const char *web_user);

#endif
