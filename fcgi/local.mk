# fcgi: the pure files first, so that tests and fuzzers link them alone.
noinst_LTLIBRARIES += libfcgicore.la
libfcgicore_la_SOURCES = \
	%D%/subscription.c %D%/subscription.h
EXTRA_DIST += %D%/may-include
