# json: an event as a line of JSON. By itself, so that programs which read none
# do not load a JSON library.
noinst_LTLIBRARIES += libjsonline.la
libjsonline_la_SOURCES = %D%/jsonline.c %D%/jsonline.h
libjsonline_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
libjsonline_la_LIBADD = $(JANSSON_LIBS)
EXTRA_DIST += %D%/may-include
