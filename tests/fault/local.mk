# Faults: real processes, killed and held up at moments that a seed draws.
# `make soak MINUTES=n` tries one seed after another and says which one failed;
# meanwhile two Apaches with streams, event and prefork, are reloaded each minute.
EXTRA_DIST += \
	%D%/check.py \
	%D%/client.py \
	%D%/conftest.py \
	%D%/faults.py \
	%D%/feeder.py \
	%D%/plan.py \
	%D%/reloads \
	%D%/run \
	%D%/scenario.py \
	%D%/stage.py \
	%D%/test_seeds.py \
	%D%/trial.py
PHONY_TARGETS += soak
MINUTES = 10

soak: $(bin_PROGRAMS)
	@SSE_BUILD='$(abs_builddir)'; export SSE_BUILD; \
	cd '$(abs_top_srcdir)' || exit; \
	tests/fault/reloads --minutes $(MINUTES) --mpm event & event=$$!; \
	tests/fault/reloads --minutes $(MINUTES) --mpm prefork & prefork=$$!; \
	tests/fault/run --minutes $(MINUTES); status=$$?; \
	wait $$event || status=1; \
	wait $$prefork || status=1; \
	exit $$status
