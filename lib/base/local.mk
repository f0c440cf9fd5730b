# base: needs libc only.
noinst_LTLIBRARIES += libbase.la
libbase_la_SOURCES = \
	%D%/base64url.c %D%/base64url.h \
	%D%/be.h \
	%D%/buf.c %D%/buf.h \
	%D%/clock.c %D%/clock.h \
	%D%/escape.c %D%/escape.h \
	%D%/limits.h \
	%D%/list.h \
	%D%/logging.c %D%/logging.h \
	%D%/map.c %D%/map.h \
	%D%/netfs.c %D%/netfs.h \
	%D%/options.c %D%/options.h \
	%D%/options_file.c %D%/options_help.c \
	%D%/options_reader.c %D%/options_reader.h \
	%D%/options_text.c \
	%D%/random.c %D%/random.h \
	%D%/sentence.c %D%/sentence.h \
	%D%/siphash.c %D%/siphash.h \
	%D%/slice.c %D%/slice.h \
	%D%/textfile.c %D%/textfile.h \
	%D%/units.c %D%/units.h \
	%D%/utf8.c %D%/utf8.h
EXTRA_DIST += %D%/may-include
