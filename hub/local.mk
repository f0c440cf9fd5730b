# hub: one order, history, acknowledgements; libhub is also in sse-fcgi.
noinst_LTLIBRARIES += libhub.la
libhub_la_SOURCES = \
	%D%/announce.c %D%/announce.h \
	%D%/catalog.c %D%/catalog.h \
	%D%/clients.c %D%/clients.h \
	%D%/core.c %D%/core.h \
	%D%/disk_compact.c %D%/disk_compact.h \
	%D%/disk_entry.c %D%/disk_entry.h \
	%D%/disk_inherit.c %D%/disk_inherit.h \
	%D%/disk_make.c %D%/disk_make.h \
	%D%/disk_meta.c %D%/disk_meta.h \
	%D%/disk_open.c %D%/disk_priv.h \
	%D%/examine.c %D%/examine.h \
	%D%/follow.c %D%/follow.h \
	%D%/gate.c %D%/gate.h \
	%D%/hub.c %D%/hub.h \
	%D%/halted.c %D%/halted.h \
	%D%/intake.c %D%/intake.h \
	%D%/journal.c %D%/journal.h \
	%D%/junk.c %D%/junk.h \
	%D%/keys.c %D%/keys.h \
	%D%/lmdbport.c %D%/lmdbport.h \
	%D%/memory_file.c %D%/memory_file.h \
	%D%/options.c %D%/options.h \
	%D%/place.c %D%/place.h \
	%D%/replay.c %D%/replay.h \
	%D%/serve.c %D%/serve.h \
	%D%/source.c %D%/source.h \
	%D%/spare.c %D%/spare.h \
	%D%/store.h \
	%D%/store_dir.c %D%/store_dir.h \
	%D%/store_disk.c %D%/store_disk.h \
	%D%/store_memory.c %D%/store_memory.h \
	%D%/store_open.c %D%/store_open.h \
	%D%/stored.c %D%/stored.h \
	%D%/takeover.c %D%/takeover.h \
	%D%/trim.c %D%/trim.h \
	%D%/unstored.c %D%/unstored.h
libhub_la_CPPFLAGS = $(AM_CPPFLAGS) $(LMDB_CFLAGS)
libhub_la_LIBADD = $(LMDB_LIBS)

# What is done with a store while no hub uses it.
noinst_LTLIBRARIES += liboffline.la
liboffline_la_SOURCES = \
	%D%/dump.c %D%/dump.h \
	%D%/dumpline.c %D%/dumpline.h \
	%D%/load.c %D%/load.h \
	%D%/offline.c %D%/offline.h \
	%D%/recover.c %D%/recover.h \
	%D%/resting.c %D%/resting.h \
	%D%/salvage.c %D%/salvage.h
liboffline_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
liboffline_la_LIBADD = $(JANSSON_LIBS)

bin_PROGRAMS += sse-hub
sse_hub_SOURCES = %D%/keymaker.c %D%/keymaker.h %D%/main.c
sse_hub_LDADD = liboffline.la libhub.la libbus.la liblog.la libsse.la libloop.la libbase.la
EXTRA_DIST += %D%/may-include
