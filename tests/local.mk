# tests
EXTRA_DIST += %D%/run %D%/tsan.supp %D%/lsan.supp \
	%D%/cross/musl %D%/cross/run %D%/deb/run %D%/deb/inside %D%/portable/run %D%/portable/inside

# Only a build with --enable-sanitize=thread looks at it.
AM_TESTS_ENVIRONMENT = \
	TSAN_OPTIONS=$${TSAN_OPTIONS:-suppressions=$(abs_top_srcdir)/tests/tsan.supp}; \
	export TSAN_OPTIONS;

include tests/support/local.mk
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/e2e/local.mk
include tests/fault/local.mk
include tests/bench/local.mk
include tests/browser/local.mk
