# maint: checks that keep promises honest; `make check` runs them too.
EXTRA_DIST += %D%/check-includes %D%/check-headers %D%/check-symbols \
	%D%/check-calls %D%/check-docs %D%/check-manuals \
	%D%/copy-sources %D%/install-packages \
	%D%/make-deb %D%/make-portable %D%/old-root \
	%D%/portable.README %D%/portable-show
PHONY_TARGETS += check-includes check-headers check-symbols check-docs \
	check-calls check-manuals

check-local: check-includes check-headers check-symbols check-docs check-calls \
	check-manuals

check-includes:
	@$(top_srcdir)/maint/check-includes

HEADER_CPPFLAGS = -D_GNU_SOURCE -I. -Iinclude $(CPPFLAGS) \
	$(ZMQ_CFLAGS) $(FCGI_CFLAGS) $(JANSSON_CFLAGS)

check-headers:
	@CC='$(CC)' CPPFLAGS='$(HEADER_CPPFLAGS)' \
		$(top_srcdir)/maint/check-headers

check-symbols: $(lib_LTLIBRARIES)
	@$(top_srcdir)/maint/check-symbols .libs

# Other programs add themselves: PROGRAM MANPAGE.
DOCUMENTED = sse-hub doc/sse-hub.8 sse-fcgi doc/sse-fcgi.8 \
	sse-publish doc/sse-publish.1 sse-subscribe doc/sse-subscribe.1 \
	sse-doctor doc/sse-doctor.1 sse-token doc/sse-token.1 sse-cgi doc/sse-cgi.8

check-docs: $(bin_PROGRAMS) $(ssecgi_PROGRAMS)
	@$(top_srcdir)/maint/check-docs '$(abs_builddir)' $(DOCUMENTED)

# HEADER MANPAGE, of the headers that have one.
check-calls:
	@$(top_srcdir)/maint/check-calls \
		include/sse-fcgi/responder.h doc/sse_responder.3

check-manuals:
	@$(top_srcdir)/maint/check-manuals

# Debian packages, in deb/ of the build directory.
deb:
	$(top_srcdir)/maint/make-deb deb
PHONY_TARGETS += deb

# They are tried in a Debian that boots; root, a network and a while are needed.
check-deb:
	$(top_srcdir)/tests/deb/run deb-test
PHONY_TARGETS += check-deb
EXTRA_DIST += debian

# A tarball that runs from any directory, in portable/ of the build directory.
portable:
	$(top_srcdir)/maint/make-portable portable
PHONY_TARGETS += portable

check-portable:
	$(top_srcdir)/tests/portable/run portable
PHONY_TARGETS += check-portable
