# tests
EXTRA_DIST += %D%/run %D%/e2e/pytest.ini

include tests/support/local.mk
include tests/unit/local.mk
include tests/fuzz/local.mk
