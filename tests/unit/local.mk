# Unit tests: tests/unit/test-ROOM-NOUN.c. To add one, write it (it includes
# tests/unit/unit.h) and add two lines to the list below; its source is found
# by its name.
#
#	UNIT_TESTS += %D%/test-room-noun
#	%C%_test_room_noun_LDADD = libroom.la libbase.la $(CMOCKA_LIBS)
#
# One that makes allocations fail (tests/support/fault.h) says also
#
#	%C%_test_room_noun_LDFLAGS = $(FAULT_WRAP)
#
# and has $(FAULT_LIBS) first in its LDADD. $(FAULT_CALL_WRAP) in its LDFLAGS
# makes system calls fail as well (fault_call.h).
UNIT_TESTS =
EXTRA_DIST += %D%/unit.h %D%/unit_random.h %D%/fcgi_bytes.h %D%/fanout_rig.h \
	%D%/store_rig.h

if HAVE_CMOCKA
AM_CPPFLAGS += $(CMOCKA_CFLAGS)

UNIT_TESTS += %D%/test-base-buf
%C%_test_base_buf_LDFLAGS = $(FAULT_WRAP)
%C%_test_base_buf_LDADD = $(FAULT_LIBS) libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-clock
%C%_test_base_clock_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-escape
%C%_test_base_escape_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-list
%C%_test_base_list_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-logging
%C%_test_base_logging_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-map
%C%_test_base_map_LDFLAGS = $(FAULT_WRAP)
%C%_test_base_map_LDADD = $(FAULT_LIBS) libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-netfs
%C%_test_base_netfs_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-options
%C%_test_base_options_LDFLAGS = $(FAULT_WRAP)
%C%_test_base_options_LDADD = $(FAULT_LIBS) libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-random
%C%_test_base_random_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-siphash
%C%_test_base_siphash_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-slice
%C%_test_base_slice_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-units
%C%_test_base_units_LDADD = libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-base-utf8
%C%_test_base_utf8_LDFLAGS = $(FAULT_WRAP)
%C%_test_base_utf8_LDADD = $(FAULT_LIBS) libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-loop %D%/test-loop-io %D%/test-loop-step \
	%D%/test-loop-timer
%C%_test_loop_LDFLAGS = $(FAULT_WRAP) -Wl,--wrap=poll -Wl,--wrap=epoll_wait
%C%_test_loop_LDADD = $(FAULT_LIBS) $(LOOPBENCH_LIBS)
%C%_test_loop_io_LDADD = $(LOOPBENCH_LIBS)
%C%_test_loop_step_LDADD = $(LOOPBENCH_LIBS)
%C%_test_loop_timer_LDADD = $(LOOPBENCH_LIBS)

# The bus.
UNIT_TESTS += %D%/test-bus-frame
%C%_test_bus_frame_LDADD = libbus.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-repair
%C%_test_bus_repair_LDADD = libbus.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-held
%C%_test_bus_held_LDFLAGS = $(FAULT_WRAP)
%C%_test_bus_held_LDADD = $(FAULT_LIBS) libbus.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-questions
%C%_test_bus_questions_LDADD = libbus.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-follower
%C%_test_bus_follower_LDFLAGS = $(FAULT_WRAP)
%C%_test_bus_follower_LDADD = $(FAULT_LIBS) libbus.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-zmqport
%C%_test_bus_zmqport_LDADD = libbus.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-message
%C%_test_bus_message_LDFLAGS = $(FAULT_WRAP)
%C%_test_bus_message_LDADD = $(FAULT_LIBS) libbus.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-address
%C%_test_bus_address_LDADD = libbus.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-curve
%C%_test_bus_curve_LDADD = libbus.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-parser
%C%_test_bus_parser_LDADD = libbus.la libsse.la libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-fcgi-fcgx
%C%_test_fcgi_fcgx_LDADD = libfcgx.la libfcgicore.la libsse.la libbase.la \
	$(FCGI_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-bus-publisher
%C%_test_bus_publisher_LDADD = libbus.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-bus-window
%C%_test_bus_window_LDADD = libbus.la libsse.la libbase.la $(CMOCKA_LIBS)

# The hub.
HUB_LIBS = libhub.la libbus.la liblog.la libsse.la libloop.la libbase.la
UNIT_TESTS += %D%/test-hub-clients
%C%_test_hub_clients_LDFLAGS = $(FAULT_WRAP)
%C%_test_hub_clients_LDADD = $(FAULT_LIBS) $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-core
%C%_test_hub_core_LDFLAGS = $(FAULT_WRAP)
%C%_test_hub_core_LDADD = $(FAULT_LIBS) $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-halted
%C%_test_hub_halted_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-keys
%C%_test_hub_keys_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-loop
%C%_test_hub_loop_LDFLAGS = $(FAULT_WRAP)
%C%_test_hub_loop_LDADD = $(FAULT_LIBS) $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-offline
%C%_test_hub_offline_LDFLAGS = $(FAULT_WRAP)
%C%_test_hub_offline_LDADD = $(FAULT_LIBS) $(DISKFAULT_LIBS) liboffline.la \
	$(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-options
%C%_test_hub_options_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-replay
%C%_test_hub_replay_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-catalog
%C%_test_hub_catalog_LDFLAGS = $(FAULT_WRAP)
%C%_test_hub_catalog_LDADD = $(FAULT_LIBS) $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-stored
%C%_test_hub_stored_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-journal
%C%_test_hub_journal_LDADD = $(DISKFAULT_LIBS) $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-disk-meta
%C%_test_hub_disk_meta_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-disk
%C%_test_hub_disk_LDFLAGS = $(FAULT_WRAP)
%C%_test_hub_disk_LDADD = $(FAULT_LIBS) $(DISKFAULT_LIBS) $(HUB_LIBS) \
	$(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-hub-store
%C%_test_hub_store_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-fcgi-handoff
%C%_test_fcgi_handoff_LDADD = libfcgicore.la libloop.la libsse.la libbase.la \
	$(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-fcgi-subscription
%C%_test_fcgi_subscription_LDADD = libfcgicore.la libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-sse-decode
%C%_test_sse_decode_LDADD = libsse.la libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-sse-encode
%C%_test_sse_encode_LDADD = libsse.la libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-sse-event
%C%_test_sse_event_LDADD = libsse.la libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-sse-id
%C%_test_sse_id_LDADD = libsse.la libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-sse-selector
%C%_test_sse_selector_LDADD = libsse.la libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-auth-access
%C%_test_auth_access_LDFLAGS = $(FAULT_WRAP)
%C%_test_auth_access_LDADD = $(FAULT_LIBS) libauth.la libsse.la libbase.la \
	$(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-auth-token
%C%_test_auth_token_LDADD = libtoken.la libauth.la libsse.la libbase.la \
	$(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-auth-grants
%C%_test_auth_grants_LDFLAGS = $(FAULT_WRAP)
%C%_test_auth_grants_LDADD = $(FAULT_LIBS) libauth.la libsse.la libbase.la \
	$(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-sse-template
%C%_test_sse_template_LDADD = libsse.la libbase.la $(CMOCKA_LIBS)

# The FastCGI side.
UNIT_TESTS += %D%/test-cgi-answer
%C%_test_cgi_answer_LDFLAGS = $(FAULT_WRAP)
%C%_test_cgi_answer_LDADD = $(FAULT_LIBS) libcgi.la libfcgicore.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-cgi-gateway
%C%_test_cgi_gateway_LDFLAGS = $(FAULT_WRAP)
%C%_test_cgi_gateway_LDADD = $(FAULT_LIBS) libcgi.la libfcgicore.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-cgi-home
%C%_test_cgi_home_LDADD = libcgi.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-cors
%C%_test_fcgi_cors_LDADD = libfcgicore.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-http
%C%_test_fcgi_http_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_http_LDADD = $(FAULT_LIBS) libfcgicore.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-publication
%C%_test_fcgi_publication_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_publication_LDADD = $(FAULT_LIBS) libworker.la libjsonline.la \
	libfcgicore.la libtoken.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-idle
%C%_test_fcgi_idle_LDADD = libworker.la libbase.la $(CMOCKA_LIBS)

UNIT_TESTS += %D%/test-fcgi-watchdog
%C%_test_fcgi_watchdog_LDADD = libworker.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-listen
%C%_test_fcgi_listen_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_listen_LDADD = $(FAULT_LIBS) libfcgicore.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-params
%C%_test_fcgi_params_LDADD = libfcgicore.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-pass
%C%_test_fcgi_pass_LDADD = libfcgicore.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-query
%C%_test_fcgi_query_LDADD = libfcgicore.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-record
%C%_test_fcgi_record_LDADD = libfcgicore.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-program
%C%_test_fcgi_program_LDADD = libworker.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-reload
%C%_test_fcgi_reload_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_reload_LDADD = $(FAULT_LIBS) libworker.la libfcgicore.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-reply
%C%_test_fcgi_reply_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_reply_LDADD = $(FAULT_LIBS) libfcgicore.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-request
%C%_test_fcgi_request_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_request_LDADD = $(FAULT_LIBS) libfcgicore.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-route
%C%_test_fcgi_route_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_route_LDADD = $(FAULT_LIBS) libfcgicore.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-rights
%C%_test_fcgi_rights_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_rights_LDADD = $(FAULT_LIBS) libfcgicore.la libsse.la libbase.la \
	$(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-responder
%C%_test_fcgi_responder_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_responder_LDADD = $(FAULT_LIBS) libresponder.la libservice.la \
	libfcgicore.la liblog.la libloop.la libsse.la libbase.la \
	$(CMOCKA_LIBS)

# The tools.
UNIT_TESTS += %D%/test-tools-duration
%C%_test_tools_duration_LDADD = libtools.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-tools-judge
%C%_test_tools_judge_LDADD = libdoctor.la libbus.la libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-json-jsonline
%C%_test_json_jsonline_LDADD = libjsonline.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-tools-lines
%C%_test_tools_lines_LDADD = libtools.la $(CMOCKA_LIBS)

# The fan-out.
FANOUT_LIBS = $(FAULT_LIBS) libservice.la libfcgicore.la libloop.la liblog.la \
	libsse.la libbase.la $(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-fcgi-fanout
%C%_test_fcgi_fanout_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_fanout_LDADD = $(FANOUT_LIBS)
UNIT_TESTS += %D%/test-fcgi-connection
%C%_test_fcgi_connection_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_connection_LDADD = $(FANOUT_LIBS)
UNIT_TESTS += %D%/test-fcgi-service
%C%_test_fcgi_service_LDFLAGS = $(FAULT_WRAP) $(FAULT_CALL_WRAP)
%C%_test_fcgi_service_LDADD = $(FANOUT_LIBS)
UNIT_TESTS += %D%/test-fcgi-probe
%C%_test_fcgi_probe_LDFLAGS = $(FAULT_WRAP) $(FAULT_CALL_WRAP)
%C%_test_fcgi_probe_LDADD = $(FANOUT_LIBS)
UNIT_TESTS += %D%/test-fcgi-pager
%C%_test_fcgi_pager_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_pager_LDADD = $(FANOUT_LIBS)
UNIT_TESTS += %D%/test-fcgi-fanout-walk
%C%_test_fcgi_fanout_walk_LDFLAGS = $(FAULT_WRAP)
%C%_test_fcgi_fanout_walk_LDADD = $(FANOUT_LIBS)

# The log.
UNIT_TESTS += %D%/test-log-evlog
%C%_test_log_evlog_LDFLAGS = $(FAULT_WRAP)
%C%_test_log_evlog_LDADD = $(FAULT_LIBS) liblog.la libsse.la libbase.la \
	$(CMOCKA_LIBS)
UNIT_TESTS += %D%/test-log-groups
%C%_test_log_groups_LDFLAGS = $(FAULT_WRAP)
%C%_test_log_groups_LDADD = $(FAULT_LIBS) liblog.la libsse.la libbase.la \
	$(CMOCKA_LIBS)

else
TESTS += %D%/no-cmocka
endif

dist_check_SCRIPTS += %D%/no-cmocka
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
