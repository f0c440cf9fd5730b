# examples
EXTRA_DIST += \
	%D%/quickstart \
	%D%/apache/sse-fcgi-proxypass.conf \
	%D%/apache/sse-fcgi.conf \
	%D%/clock/README.md \
	%D%/clock/apache.conf \
	%D%/clock/feed.sh \
	%D%/clock/index.html \
	%D%/clock/lighttpd.conf \
	%D%/lighttpd/sse-fcgi-external.conf \
	%D%/lighttpd/sse-fcgi.conf \
	%D%/c/README.md

# They are meant for the installed library; here they link what it is made of.
noinst_PROGRAMS += %D%/c/handoff %D%/c/stream
%C%_c_handoff_SOURCES = %D%/c/handoff.c
%C%_c_handoff_CPPFLAGS = $(AM_CPPFLAGS) $(FCGI_CFLAGS)
%C%_c_handoff_LDADD = libfcgxcore.la libsse.la libbase.la $(FCGI_LIBS)
%C%_c_stream_SOURCES = %D%/c/stream.c
%C%_c_stream_CPPFLAGS = $(AM_CPPFLAGS) $(FCGI_CFLAGS)
%C%_c_stream_LDADD = libfcgxcore.la libsse.la libbase.la $(FCGI_LIBS)
