# auth: who may do what: grants, and where they come from; pure.
noinst_LTLIBRARIES += libauth.la
libauth_la_SOURCES = \
	%D%/access.c %D%/access.h \
	%D%/grants.c %D%/grants.h \
	%D%/login.c %D%/login.h

# Tokens: apart, because they need OpenSSL and jansson, which nobody is to link
# who has no use for them.
noinst_LTLIBRARIES += libtoken.la
libtoken_la_SOURCES = \
	%D%/claims.c %D%/claims.h \
	%D%/cryptoport.c %D%/cryptoport.h \
	%D%/jwt.c %D%/jwt.h \
	%D%/keyring.c %D%/keyring.h \
	%D%/ticket.c %D%/ticket.h
libtoken_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS)
libtoken_la_LIBADD = $(CRYPTO_LIBS) $(JANSSON_LIBS)
EXTRA_DIST += %D%/may-include
