# doc
dist_doc_DATA += %D%/deployment.md %D%/mercure.md %D%/performance.md %D%/protocol.md
dist_man_MANS += %D%/sse-cgi.8 %D%/sse-fcgi.8 %D%/sse-hub.8 \
	%D%/sse-doctor.1 %D%/sse-publish.1 %D%/sse-subscribe.1 \
	%D%/sse_responder.3 \
	%D%/sse-token.1 %D%/sse-ticket.5 %D%/sse-access.5 %D%/sse-fcgi.conf.5 %D%/sse-hub.conf.5 %D%/sse-cgi.conf.5 \
	%D%/sse-hub-keys.5 %D%/sse-hub-store.5 %D%/sse-publish.5
