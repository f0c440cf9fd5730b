# loop: the event loop; a file for each way the system can wait.
noinst_LTLIBRARIES += libloop.la
libloop_la_SOURCES = \
	%D%/loop.c %D%/loop.h %D%/backend.h \
	%D%/loop_poll.c \
	%D%/signals.c %D%/signals.h
if HAVE_EPOLL
libloop_la_SOURCES += %D%/loop_epoll.c
endif
EXTRA_DIST += %D%/may-include
