# maint: checks that keep promises honest.
EXTRA_DIST += %D%/check-includes
PHONY_TARGETS += check-includes

check-includes:
	@cd $(top_srcdir) && maint/check-includes
