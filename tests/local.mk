# tests
include tests/unit/local.mk
