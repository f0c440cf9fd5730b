# fuzz: hostile bytes for everything that reads them. A new target takes:
#  1. fuzz-NAME.c with LLVMFuzzerTestOneInput (see fuzz.h), which checks with must();
#  2. a few small seeds in corpus/fuzz-NAME/, one file each; git add them;
#  3. the four lines below that the others have, with the libraries it needs.
# `make check` replays the corpus in any build. To search for new inputs:
# ./configure --enable-fuzzing --enable-sanitize=address,undefined CC=clang,
# then `make fuzz` [FUZZ_SECONDS=60] [FUZZ_TARGETS=tests/fuzz/fuzz-NAME]; what
# it finds lands in tests/fuzz/found/ of the build folder.
FUZZ_SECONDS = 60
FUZZ_TARGETS =

if FUZZING
fuzz_main =
else
fuzz_main = %D%/replay.c
TESTS += $(FUZZ_TARGETS)
endif
fuzz_common = %D%/fuzz.h $(fuzz_main)

FUZZ_TARGETS += %D%/fuzz-access
%C%_fuzz_access_SOURCES = %D%/fuzz-access.c $(fuzz_common)
%C%_fuzz_access_LDADD = libauth.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-answer
%C%_fuzz_answer_SOURCES = %D%/fuzz-answer.c $(fuzz_common)
%C%_fuzz_answer_LDADD = libcgi.la libfcgicore.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-decode
%C%_fuzz_decode_SOURCES = %D%/fuzz-decode.c $(fuzz_common)
%C%_fuzz_decode_LDADD = libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-doctor
%C%_fuzz_doctor_SOURCES = %D%/fuzz-doctor.c $(fuzz_common)
%C%_fuzz_doctor_LDADD = libdoctor.la libbus.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-dumpline
%C%_fuzz_dumpline_SOURCES = %D%/fuzz-dumpline.c $(fuzz_common)
%C%_fuzz_dumpline_LDADD = liboffline.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-event
%C%_fuzz_event_SOURCES = %D%/fuzz-event.c $(fuzz_common)
%C%_fuzz_event_LDADD = libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-handoff
%C%_fuzz_handoff_SOURCES = %D%/fuzz-handoff.c $(fuzz_common)
%C%_fuzz_handoff_LDADD = libfcgicore.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-journal
%C%_fuzz_journal_SOURCES = %D%/fuzz-journal.c $(fuzz_common)
%C%_fuzz_journal_LDADD = libhub.la libbus.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-json
%C%_fuzz_json_SOURCES = %D%/fuzz-json.c $(fuzz_common)
%C%_fuzz_json_LDADD = libjsonline.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-post
%C%_fuzz_post_SOURCES = %D%/fuzz-post.c $(fuzz_common)
%C%_fuzz_post_LDADD = libworker.la libjsonline.la libfcgicore.la libtoken.la libsse.la \
	libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-frame
%C%_fuzz_frame_SOURCES = %D%/fuzz-frame.c $(fuzz_common)
%C%_fuzz_frame_LDADD = libbus.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-selector
%C%_fuzz_selector_SOURCES = %D%/fuzz-selector.c $(fuzz_common)
%C%_fuzz_selector_LDADD = libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-stored
%C%_fuzz_stored_SOURCES = %D%/fuzz-stored.c $(fuzz_common)
%C%_fuzz_stored_LDADD = libhub.la libbus.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-token
%C%_fuzz_token_SOURCES = %D%/fuzz-token.c $(fuzz_common)
%C%_fuzz_token_LDADD = libtoken.la libauth.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-utf8
%C%_fuzz_utf8_SOURCES = %D%/fuzz-utf8.c $(fuzz_common)
%C%_fuzz_utf8_LDADD = libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-record
%C%_fuzz_record_SOURCES = %D%/fuzz-record.c $(fuzz_common)
%C%_fuzz_record_LDADD = libfcgicore.la libsse.la libbase.la $(FUZZ_LIBS)

FUZZ_TARGETS += %D%/fuzz-query
%C%_fuzz_query_SOURCES = %D%/fuzz-query.c $(fuzz_common)
%C%_fuzz_query_LDADD = libfcgicore.la libsse.la libbase.la $(FUZZ_LIBS)

check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += %D%/corpus %D%/run %D%/replay.c
PHONY_TARGETS += fuzz

if FUZZING
fuzz: $(FUZZ_TARGETS)
	@$(SHELL) $(srcdir)/%D%/run $(srcdir)/%D%/corpus %D%/found \
		$(FUZZ_SECONDS) $(FUZZ_TARGETS)
else
fuzz:
	@echo "fuzzing needs: ./configure --enable-fuzzing CC=clang" >&2; exit 1
endif

clean-local: clean-fuzz
.PHONY: clean-fuzz
clean-fuzz:
	-rm -rf %D%/found
