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
	%D%/systemd/sse-fcgi.sysusers \
	%D%/systemd/sse-fcgi.tmpfiles \
	%D%/c/README.md

# They are meant for the installed library; here they link what it is made of.
noinst_PROGRAMS += %D%/c/handoff %D%/c/responder %D%/c/stream
%C%_c_handoff_SOURCES = %D%/c/handoff.c
%C%_c_handoff_CPPFLAGS = $(AM_CPPFLAGS) $(FCGI_CFLAGS)
%C%_c_handoff_LDADD = libfcgx.la libfcgicore.la libsse.la libbase.la $(FCGI_LIBS)
%C%_c_responder_SOURCES = %D%/c/responder.c
%C%_c_responder_LDADD = libresponder.la libservice.la libfcgicore.la liblog.la \
	libloop.la libsse.la libbase.la
%C%_c_stream_SOURCES = %D%/c/stream.c
%C%_c_stream_CPPFLAGS = $(AM_CPPFLAGS) $(FCGI_CFLAGS)
%C%_c_stream_LDADD = libfcgx.la libfcgicore.la libsse.la libbase.la $(FCGI_LIBS)

# systemd reads both from $(prefix)/lib for the prefixes /usr and /usr/local;
# elsewhere `sse-fcgi --setup` does the same.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(prefix)/lib/tmpfiles.d' \
		'$(DESTDIR)$(prefix)/lib/sysusers.d'
	$(INSTALL_DATA) $(top_srcdir)/%D%/systemd/sse-fcgi.tmpfiles \
		'$(DESTDIR)$(prefix)/lib/tmpfiles.d/sse-fcgi.conf'
	$(INSTALL_DATA) $(top_srcdir)/%D%/systemd/sse-fcgi.sysusers \
		'$(DESTDIR)$(prefix)/lib/sysusers.d/sse-fcgi.conf'

uninstall-local:
	rm -f '$(DESTDIR)$(prefix)/lib/tmpfiles.d/sse-fcgi.conf' \
		'$(DESTDIR)$(prefix)/lib/sysusers.d/sse-fcgi.conf'
