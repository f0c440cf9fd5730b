# Fault injection for the unit tests: see fault.h and fault_call.h.
check_LTLIBRARIES = %D%/libfault.la
%C%_libfault_la_SOURCES = %D%/fault.c %D%/fault.h \
	%D%/fault_call.c %D%/fault_call.h
FAULT_WRAP = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
	-Wl,--wrap=realloc -Wl,--wrap=strdup -Wl,--wrap=strndup
FAULT_CALL_WRAP = -Wl,--wrap=send -Wl,--wrap=recv -Wl,--wrap=accept4 \
	-Wl,--wrap=epoll_ctl
FAULT_LIBS = %D%/libfault.la

# Of what writes to a disk: see diskfault.h.
check_LTLIBRARIES += %D%/libdiskfault.la
%C%_libdiskfault_la_SOURCES = %D%/diskfault.c %D%/diskfault.h
DISKFAULT_LIBS = %D%/libdiskfault.la

# The loop under test, with each back-end: see loopbench.h.
if HAVE_CMOCKA
check_LTLIBRARIES += %D%/libloopbench.la
endif
%C%_libloopbench_la_SOURCES = %D%/loopbench.c %D%/loopbench.h
LOOPBENCH_LIBS = %D%/libloopbench.la libloop.la libbase.la $(CMOCKA_LIBS)
