# cgi: sse-cgi, libc only; all but main.c as a library, for the tests.
noinst_LTLIBRARIES += libcgi.la
libcgi_la_SOURCES = \
	%D%/answer.c %D%/answer.h \
	%D%/complain.c %D%/complain.h \
	%D%/gateway.c %D%/gateway.h \
	%D%/home.c %D%/home.h \
	%D%/launch.c %D%/launch.h \
	%D%/passage.c %D%/passage.h \
	%D%/reach.c %D%/reach.h \
	%D%/relay.c %D%/relay.h \
	%D%/settings.c %D%/settings.h \
	%D%/slots.c %D%/slots.h \
	%D%/visit.c %D%/visit.h
libcgi_la_CPPFLAGS = $(AM_CPPFLAGS) -DBINDIR='"$(bindir)"'
libcgi_la_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS)
EXTRA_DIST += %D%/may-include

# Web servers run it, people do not: link or copy it into a cgi-bin.
ssecgidir = $(libexecdir)/sse-fcgi
ssecgi_PROGRAMS = sse-cgi
sse_cgi_SOURCES = %D%/main.c
sse_cgi_LDADD = libcgi.la libfcgicore.la libbase.la
