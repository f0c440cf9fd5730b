# sse: events, ids, selectors and their text; pure.
noinst_LTLIBRARIES += libsse.la
libsse_la_SOURCES = \
	%D%/also.c %D%/also.h \
	%D%/decode.c %D%/decode.h \
	%D%/encode.c %D%/encode.h \
	%D%/event.c %D%/event.h \
	%D%/fault.c %D%/fault.h \
	%D%/id.c %D%/id.h \
	%D%/lines.h \
	%D%/selector.c %D%/selector.h \
	%D%/template.c %D%/template.h
EXTRA_DIST += %D%/may-include
