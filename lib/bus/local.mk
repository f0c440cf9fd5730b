# bus: frames (pure), follow-and-repair (pure), and the ZeroMQ port.
noinst_LTLIBRARIES += libbus.la
libbus_la_SOURCES = \
	%D%/address.c %D%/address.h %D%/address_keys.c \
	%D%/curve.c %D%/curve.h \
	%D%/follower.c %D%/follower.h \
	%D%/frame.c %D%/frame.h \
	%D%/held.c %D%/held.h \
	%D%/message.c %D%/message.h \
	%D%/parser.c \
	%D%/publisher.c %D%/publisher.h \
	%D%/questions.c %D%/questions.h \
	%D%/repair.c %D%/repair.h \
	%D%/subscriber.c \
	%D%/topic.c \
	%D%/window.c %D%/window.h \
	%D%/zmqport.c %D%/zmqport.h
libbus_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS)
libbus_la_LIBADD = $(ZMQ_LIBS)
EXTRA_DIST += %D%/may-include
