# fcgi: the pure files first, so that tests and fuzzers link them alone.
noinst_LTLIBRARIES += libfcgicore.la
libfcgicore_la_SOURCES = \
	%D%/cors.c %D%/cors.h \
	%D%/credential.c %D%/credential.h \
	%D%/handoff.c %D%/handoff.h \
	%D%/handoff_call.c %D%/handoff_call.h \
	%D%/handoff_listen.c \
	%D%/handoff_message.c %D%/handoff_message.h \
	%D%/http.c %D%/http.h \
	%D%/listen.c %D%/listen.h %D%/listen_make.h \
	%D%/listen_peers.c \
	%D%/listen_tcp.c \
	%D%/listen_unix.c \
	%D%/params.c %D%/params.h \
	%D%/pass.c %D%/pass.h \
	%D%/probe_wish.c %D%/probe_wish.h \
	%D%/query.c %D%/query.h \
	%D%/record.c %D%/record.h \
	%D%/reply.c %D%/reply.h \
	%D%/request.c %D%/request.h \
	%D%/rights.c %D%/rights.h \
	%D%/route.c %D%/route.h \
	%D%/route_config.c \
	%D%/subscription.c %D%/subscription.h
libfcgicore_la_LIBADD = libauth.la
libfcgicore_la_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS)

EXTRA_DIST += %D%/may-include

# sse-fcgi --setup copies configurations for web servers from there.
AM_CPPFLAGS += -DPKGDATADIR='"$(pkgdatadir)"'

# What holds streams, for whoever has the events.
noinst_LTLIBRARIES += libservice.la
libservice_la_SOURCES = \
	%D%/connection.c %D%/connection.h \
	%D%/counts.c %D%/counts.h \
	%D%/fanout.c %D%/fanout.h %D%/fanout_priv.h \
	%D%/guests.c %D%/guests.h \
	%D%/newest.c %D%/newest.h \
	%D%/pager.c \
	%D%/paging.c \
	%D%/placing.c \
	%D%/probe.c %D%/probe.h \
	%D%/pulse.c \
	%D%/service.c %D%/service.h \
	%D%/slot.c \
	%D%/stream.c
libservice_la_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS)

# For programs that are written with libfcgi, and those that hold streams by
# themselves. Convenience libraries, so that programs here link them without a
# wrapper.
noinst_LTLIBRARIES += libfcgx.la libresponder.la
libfcgx_la_SOURCES = \
	%D%/fcgx.c %D%/fcgx.h \
	%D%/handoff_client.c \
	lib/bus/address.c lib/bus/address.h
libfcgx_la_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS)
libresponder_la_SOURCES = \
	%D%/permit.c %D%/permit.h \
	%D%/responder.c \
	%D%/responder_config.c %D%/responder_config.h

# Both are installed.
lib_LTLIBRARIES += libsse-fcgi.la
libsse_fcgi_la_SOURCES =
libsse_fcgi_la_LIBADD = libfcgx.la libresponder.la libservice.la \
	libfcgicore.la liblog.la libloop.la libsse.la libbase.la $(FCGI_LIBS)
libsse_fcgi_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined
pkgconfig_DATA += %D%/sse-fcgi.pc

# What makes a worker of it; all but main.c, so that tests can link it.
noinst_LTLIBRARIES += libworker.la
libworker_la_SOURCES = \
	%D%/authority.c %D%/authority.h \
	%D%/caretaker.c %D%/caretaker.h \
	%D%/child.c %D%/child.h \
	%D%/door.c %D%/door.h \
	%D%/elders.c %D%/elders.h \
	%D%/idle.c %D%/idle.h \
	%D%/listen_again.c %D%/listen_again.h \
	%D%/local.c %D%/local.h \
	%D%/posting.c %D%/posting.h \
	%D%/posts.c %D%/posts.h \
	%D%/publication.c %D%/publication.h \
	%D%/publish_listen.c %D%/publish_listen.h \
	%D%/publishing.c %D%/publishing.h \
	%D%/program.c %D%/program.h \
	%D%/reload.c %D%/reload.h \
	%D%/settings.c %D%/settings.h \
	%D%/setup.c %D%/setup.h \
	%D%/standin.c %D%/standin.h \
	%D%/succession.c %D%/succession.h \
	%D%/supervisor.c %D%/supervisor.h %D%/supervisor_priv.h \
	%D%/trial.c %D%/trial.h \
	%D%/watchdog.c %D%/watchdog.h \
	%D%/worker.c %D%/worker.h
libworker_la_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS)

bin_PROGRAMS += sse-fcgi
sse_fcgi_SOURCES = %D%/main.c
sse_fcgi_LDADD = libworker.la libjsonline.la libservice.la libfcgicore.la \
	libtoken.la libhub.la \
	libbus.la liblog.la libsse.la libloop.la libbase.la
