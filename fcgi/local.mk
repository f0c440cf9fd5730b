# fcgi: the pure files first, so that tests and fuzzers link them alone.
noinst_LTLIBRARIES += libfcgicore.la
libfcgicore_la_SOURCES = \
	%D%/cors.c %D%/cors.h \
	%D%/handoff.c %D%/handoff.h \
	%D%/handoff_call.c %D%/handoff_call.h \
	%D%/handoff_listen.c \
	%D%/handoff_message.c %D%/handoff_message.h \
	%D%/listen.c %D%/listen.h %D%/listen_make.h \
	%D%/listen_peers.c \
	%D%/listen_tcp.c \
	%D%/listen_unix.c \
	%D%/params.c %D%/params.h \
	%D%/query.c %D%/query.h \
	%D%/record.c %D%/record.h \
	%D%/reply.c %D%/reply.h \
	%D%/request.c %D%/request.h \
	%D%/route.c %D%/route.h \
	%D%/route_config.c \
	%D%/subscription.c %D%/subscription.h
libfcgicore_la_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS)
EXTRA_DIST += %D%/may-include
