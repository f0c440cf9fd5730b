# maint: checks that keep promises honest.
EXTRA_DIST += %D%/check-includes %D%/copy-sources %D%/install-packages
PHONY_TARGETS += check-includes

check-includes:
	@cd $(top_srcdir) && maint/check-includes
