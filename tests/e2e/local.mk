# tests/e2e
EXTRA_DIST += \
	%D%/busreader.py \
	%D%/conftest.py \
	%D%/frontend.py \
	%D%/harness.py \
	%D%/pytest.ini \
	%D%/servers.py \
	%D%/starts.py \
	%D%/streams.py \
	%D%/test_00_hello.py \
	%D%/test_10_hub.py \
	%D%/test_10_publish.py \
	%D%/test_11_subscribe.py \
	%D%/test_12_page.py \
	%D%/test_13_topics.py \
	%D%/test_15_thirdparty.py \
	%D%/test_16_keys.py \
	%D%/test_17_store.py \
	%D%/test_18_durable.py \
	%D%/test_19_handover.py \
	%D%/test_20_fake_frontend.py \
	%D%/test_25_paging.py \
	%D%/test_26_repair.py \
	%D%/test_30_webservers.py \
	%D%/test_31_sites.py \
	%D%/test_32_neighbours.py \
	%D%/test_33_debian.py \
	%D%/test_35_doctor.py %D%/test_36_access.py %D%/test_37_tokens.py %D%/test_38_mercure.py \
	%D%/test_40_starts.py \
	%D%/test_42_idle.py \
	%D%/test_45_reload.py \
	%D%/test_50_handoff.py \
	%D%/test_55_cgi.py \
	%D%/test_60_toolkit.py \
	%D%/test_61_responder.py \
	%D%/test_65_http_publish.py %D%/test_66_php.py %D%/test_67_posted_attacks.py \
	%D%/test_70_users.py \
	%D%/test_80_attacks.py \
	%D%/test_85_quickstart.py
