# tests
EXTRA_DIST += %D%/run

include tests/support/local.mk
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/e2e/local.mk
include tests/bench/local.mk
include tests/browser/local.mk
