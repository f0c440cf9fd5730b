# examples
EXTRA_DIST += \
	%D%/quickstart \
	%D%/clock/README.md \
	%D%/clock/apache.conf \
	%D%/clock/feed.sh \
	%D%/clock/index.html \
	%D%/clock/lighttpd.conf \
	%D%/systemd/apache2-sse-fcgi.conf \
	%D%/systemd/sse-fcgi.sysusers \
	%D%/systemd/sse-fcgi.tmpfiles \
	$(SYSTEMD_UNITS:%=%D%/systemd/%) \
	%D%/completion/sse-fcgi.bash \
	%D%/openrc/sse-fcgi %D%/openrc/sse-hub \
	%D%/php-rights/inbox.php %D%/php-rights/send.php \
	%D%/php-rights/sse_rights.php \
	%D%/php-publish/publish.php %D%/php-publish/sse_publish.php \
	%D%/sysv/sse-fcgi \
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

# For web servers: PLACE/NAME, below examples and below $(pkgdatadir).
WEB_SERVER_FILES = \
	apache/later.asis \
	apache/much-later.asis \
	apache/sites.conf \
	apache/sse-cgi-fcgid.conf \
	apache/sse-cgi.conf \
	apache/sse-fcgi-sethandler.conf \
	apache/sse-fcgi.conf \
	apache/sse-mercure.conf \
	caddy/sse-fcgi.caddy \
	lighttpd/sites.conf \
	lighttpd/sse-cgi.conf \
	lighttpd/sse-fcgi-external.conf \
	lighttpd/sse-fcgi.conf \
	lighttpd/sse-mercure.conf \
	nginx/sse-fcgi.conf
EXTRA_DIST += $(WEB_SERVER_FILES:%=%D%/%)

# They name the places of the programs as if the prefix were /usr/local.
# lighty-enable-mod looks for a number in front of the name.
install-web-server-files:
	@for file in $(WEB_SERVER_FILES); do \
		place='$(DESTDIR)$(pkgdatadir)'/$${file%/*} name=$${file##*/}; \
		case $$file in lighttpd/sse-*) name=50-$$name ;; esac; \
		echo "installing $$file as $$place/$$name"; \
		$(MKDIR_P) "$$place" && \
		sed -e 's|/usr/local/bin/|$(bindir)/|' \
		    -e 's|/usr/local/libexec/sse-fcgi/|$(ssecgidir)/|' \
		    -e 's|/usr/local/share/sse-fcgi|$(pkgdatadir)|' \
		    '$(top_srcdir)/%D%/'$$file > "$$place/$$name" && \
		chmod 644 "$$place/$$name" || exit; \
	done
PHONY_TARGETS += install-web-server-files

uninstall-web-server-files:
	cd '$(DESTDIR)$(pkgdatadir)' && rm -rf apache caddy lighttpd nginx
PHONY_TARGETS += uninstall-web-server-files

COMPLETIONS = $(datadir)/bash-completion/completions
SYSTEMD_UNITS = sse-fcgi.service sse-fcgi.socket sse-hub.service

# systemd reads them from $(prefix)/lib for the prefixes /usr and /usr/local;
# elsewhere `sse-fcgi --setup` does the same.
install-data-local: install-web-server-files
	$(MKDIR_P) '$(DESTDIR)$(prefix)/lib/tmpfiles.d' \
		'$(DESTDIR)$(prefix)/lib/sysusers.d' \
		'$(DESTDIR)$(prefix)/lib/systemd/system/apache2.service.d'
	$(INSTALL_DATA) $(top_srcdir)/%D%/systemd/apache2-sse-fcgi.conf \
		'$(DESTDIR)$(prefix)/lib/systemd/system/apache2.service.d/sse-fcgi.conf'
	$(INSTALL_DATA) $(top_srcdir)/%D%/systemd/sse-fcgi.tmpfiles \
		'$(DESTDIR)$(prefix)/lib/tmpfiles.d/sse-fcgi.conf'
	$(INSTALL_DATA) $(top_srcdir)/%D%/systemd/sse-fcgi.sysusers \
		'$(DESTDIR)$(prefix)/lib/sysusers.d/sse-fcgi.conf'
	$(MKDIR_P) '$(DESTDIR)$(COMPLETIONS)'
	for program in $(bin_PROGRAMS); do \
		$(INSTALL_DATA) $(top_srcdir)/%D%/completion/sse-fcgi.bash \
		    '$(DESTDIR)$(COMPLETIONS)'/$$program || exit; \
	done
	@for unit in $(SYSTEMD_UNITS); do \
		to='$(DESTDIR)$(prefix)/lib/systemd/system'/$$unit; \
		echo "installing $$to"; \
		sed 's|/usr/local/bin/|$(bindir)/|' \
		    '$(top_srcdir)/%D%/systemd/'$$unit > "$$to" && \
		chmod 644 "$$to" || exit; \
	done

uninstall-local: uninstall-web-server-files
	rm -f '$(DESTDIR)$(prefix)/lib/tmpfiles.d/sse-fcgi.conf' \
		'$(DESTDIR)$(prefix)/lib/systemd/system/apache2.service.d/sse-fcgi.conf' \
		'$(DESTDIR)$(prefix)/lib/sysusers.d/sse-fcgi.conf'
	cd '$(DESTDIR)$(prefix)/lib/systemd/system' && rm -f $(SYSTEMD_UNITS)
	cd '$(DESTDIR)$(COMPLETIONS)' && rm -f $(bin_PROGRAMS)
