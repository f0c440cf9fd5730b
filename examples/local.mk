# examples
EXTRA_DIST += \
	%D%/quickstart \
	%D%/apache/sse-fcgi-proxypass.conf \
	%D%/apache/sse-fcgi.conf \
	%D%/clock/README.md \
	%D%/clock/apache.conf \
	%D%/clock/feed.sh \
	%D%/clock/index.html \
	%D%/clock/lighttpd.conf \
	%D%/lighttpd/sse-fcgi-external.conf \
	%D%/lighttpd/sse-fcgi.conf
