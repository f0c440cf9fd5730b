# log: the event log and who wants what of it; pure.
noinst_LTLIBRARIES += liblog.la
liblog_la_SOURCES = \
	%D%/allowance.c %D%/allowance.h \
	%D%/evlog.c %D%/evlog.h \
	%D%/groups.c %D%/groups.h
EXTRA_DIST += %D%/may-include
