# Faults: real processes, killed and held up at moments that a seed draws.
# `make soak MINUTES=n` tries one seed after another and says which one failed.
EXTRA_DIST += \
	%D%/check.py \
	%D%/client.py \
	%D%/conftest.py \
	%D%/faults.py \
	%D%/feeder.py \
	%D%/plan.py \
	%D%/run \
	%D%/scenario.py \
	%D%/stage.py \
	%D%/test_seeds.py \
	%D%/trial.py
PHONY_TARGETS += soak
MINUTES = 10

soak: $(bin_PROGRAMS)
	@SSE_BUILD='$(abs_builddir)' $(top_srcdir)/tests/fault/run --minutes $(MINUTES)
