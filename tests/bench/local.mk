# Benchmarks: `make bench`, or one of them by BENCH=name. Never part of a test;
# a figure is a ratio of two things measured in turns in one run.
BENCHMARKS = bench-acks bench-crowd bench-echo bench-empty bench-fanout \
	bench-publish bench-witness ssebench
EXTRA_PROGRAMS += $(BENCHMARKS)
CLEANFILES += $(BENCHMARKS) bench.json

crowd_sources = %D%/bench.c %D%/bench.h %D%/crowd.c %D%/crowd.h %D%/reader.c \
	%D%/reader.h
bench_crowd_SOURCES = %D%/bench-crowd.c %D%/plain.c %D%/plain.h $(crowd_sources)
bench_crowd_LDADD = libbus.la libsse.la libbase.la
bench_fanout_SOURCES = %D%/bench-fanout.c %D%/plain.c %D%/plain.h $(crowd_sources)
bench_fanout_LDADD = libbus.la libsse.la libbase.la
bench_publish_SOURCES = %D%/bench-publish.c
bench_empty_SOURCES = %D%/empty.c
bench_empty_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS)
bench_empty_LDADD = $(ZMQ_LIBS)
bench_witness_SOURCES = %D%/bench-witness.c $(crowd_sources)
bench_witness_LDADD = libbus.la libsse.la libbase.la
bench_acks_SOURCES = %D%/bench-acks.c
bench_acks_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS)
bench_acks_LDADD = $(ZMQ_LIBS)
bench_echo_SOURCES = %D%/bench-echo.c
bench_echo_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS)
bench_echo_LDADD = $(ZMQ_LIBS)
ssebench_SOURCES = %D%/ssebench.c
ssebench_CFLAGS = -std=c11

EXTRA_DIST += %D%/run %D%/report %D%/rig.py %D%/bench-bulk %D%/bench-cgi \
	%D%/bench-followers %D%/bench-http %D%/bench-instructions \
	%D%/bench-memory %D%/bench-store %D%/instructions.json \
	%D%/crowd.py %D%/growth.py %D%/storm.py %D%/topics.py
EXTRA_DIST += %D%/bench-rivals %D%/rivals.py %D%/peers/nchan.conf \
	%D%/peers/node.js %D%/peers/php-fpm.conf %D%/peers/php-lighttpd.conf \
	%D%/peers/poll.php %D%/peers/pushpin-origin.conf %D%/peers/pushpin.conf
PHONY_TARGETS += bench

bench: $(bin_PROGRAMS) $(ssecgi_PROGRAMS) $(BENCHMARKS)
	@$(top_srcdir)/tests/bench/run '$(abs_builddir)' $(BENCH)
