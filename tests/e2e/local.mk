# tests/e2e
EXTRA_DIST += \
	%D%/conftest.py \
	%D%/harness.py \
	%D%/pytest.ini \
	%D%/servers.py \
	%D%/streams.py
