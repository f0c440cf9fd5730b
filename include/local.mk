# The public toolkit, installed as $(includedir)/sse-fcgi/*.h.
sseincludedir = $(includedir)/sse-fcgi
sseinclude_HEADERS = \
	%D%/sse-fcgi/api.h \
	%D%/sse-fcgi/event.h \
	%D%/sse-fcgi/parser.h \
	%D%/sse-fcgi/publisher.h \
	%D%/sse-fcgi/responder.h \
	%D%/sse-fcgi/subscriber.h \
	%D%/sse-fcgi/fcgx.h
