# tools: sse-publish, sse-subscribe, sse-doctor and sse-token, users of our own library.
# They link its convenience libraries, so that they start fast and need no wrapper script.
noinst_LTLIBRARIES += libtools.la
libtools_la_SOURCES = \
	%D%/complain.c %D%/complain.h \
	%D%/duration.c %D%/duration.h \
	%D%/input.c %D%/input.h \
	%D%/jsontext.c %D%/jsontext.h \
	%D%/keys.c %D%/keys.h \
	%D%/lines.c %D%/lines.h \
	%D%/stop.c %D%/stop.h

bin_PROGRAMS += sse-publish
sse_publish_SOURCES = \
	%D%/draft.c %D%/draft.h \
	%D%/feed.c %D%/feed.h \
	%D%/outcome.c %D%/outcome.h \
	%D%/publish.c
sse_publish_LDADD = libtools.la libjsonline.la libbus.la libsse.la libbase.la

bin_PROGRAMS += sse-subscribe
sse_subscribe_SOURCES = \
	%D%/curlport.c %D%/curlport.h \
	%D%/show.c %D%/show.h \
	%D%/subscribe.c \
	%D%/url.c %D%/url.h \
	%D%/watch.c %D%/watch.h
sse_subscribe_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
sse_subscribe_LDADD = libtools.la libbus.la libsse.la libbase.la $(CURL_LIBS)

bin_PROGRAMS += sse-token
sse_token_SOURCES = \
	%D%/token.c \
	%D%/token_explain.c %D%/token_explain.h
sse_token_LDADD = libtools.la libtoken.la libauth.la libsse.la \
	libbase.la

# What sse-doctor thinks; pure, so that tests link it alone.
noinst_LTLIBRARIES += libdoctor.la
libdoctor_la_SOURCES = \
	%D%/answer.c %D%/answer.h \
	%D%/judge.c %D%/judge.h \
	%D%/remedy.c %D%/remedy.h \
	%D%/seen.h \
	%D%/told.c %D%/told.h
libdoctor_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
libdoctor_la_LIBADD = $(JANSSON_LIBS)

bin_PROGRAMS += sse-doctor
sse_doctor_SOURCES = \
	%D%/curlport.c %D%/curlport.h \
	%D%/doctor.c \
	%D%/exam.c %D%/exam.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/reach.c %D%/reach.h \
	%D%/report.c %D%/report.h \
	%D%/show.c %D%/show.h
sse_doctor_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
sse_doctor_LDADD = libdoctor.la libtools.la libbus.la libsse.la libbase.la \
	$(CURL_LIBS)

EXTRA_DIST += %D%/may-include
