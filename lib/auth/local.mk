# auth: who may do what: grants, and where they come from; pure.
noinst_LTLIBRARIES += libauth.la
libauth_la_SOURCES = \
	%D%/access.c %D%/access.h \
	%D%/grants.c %D%/grants.h
EXTRA_DIST += %D%/may-include
