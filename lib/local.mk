# lib: what is installed of it.
lib_LTLIBRARIES += libsse-bus.la
libsse_bus_la_SOURCES =
libsse_bus_la_LIBADD = libbus.la libsse.la libbase.la
# Only what include/sse-fcgi/ marks SSE_API is exported. The numbers follow
# libtool's rules: bump them at each release that changes the interface.
libsse_bus_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info 0:0:0
pkgconfig_DATA += lib/sse-bus.pc
