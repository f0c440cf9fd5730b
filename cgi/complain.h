/* SPDX-License-Identifier: MIT */
/* complain: what is wrong, for the web server's error log. */
#ifndef CGI_COMPLAIN_H
#define CGI_COMPLAIN_H

/* Writes a line to standard error: a whole sentence. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
