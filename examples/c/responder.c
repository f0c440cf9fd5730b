/* SPDX-License-Identifier: MIT */
/* responder: a clock for everybody, and for each user whom the web server let
 * in the number of the visit, which nobody else can read. All is made here. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sse-fcgi/responder.h>

static struct sse_responder *responder;

static int publish(const char *topic, const char *text)
{
	struct sse_responder_event e = { .topic = topic, .data = text, .len = strlen(text) };

	return sse_responder_publish(responder, &e);
}

static void on_tick(void *visits)
{
	time_t now = time(NULL);
	char text[32];

	(void)visits;
	strftime(text, sizeof(text), "%H:%M:%S", localtime(&now));
	publish("clock", text);
}

static int on_request(void *visits, struct sse_request *q)
{
	char topic[300], text[32];

	if (!q->remote_user)
		return 0;	/* gets all but what is private */
	if (strpbrk(q->remote_user, "/*{}"))
		return sse_request_refuse(q, 403, "This name could mean several topics.");
	snprintf(topic, sizeof(topic), "private/%s/visit", q->remote_user);
	snprintf(text, sizeof(text), "%u", ++*(unsigned *)visits);
	publish(topic, text);
	return sse_request_grant(q, topic);	/* too long a name is an error here */
}

static void on_signal(int number) { (void)number; sse_responder_stop(responder); }

int main(int argc, char **argv)
{
	unsigned visits = 0;
	struct sse_responder_options o = {
		.listen = argc > 1 ? argv[1] : NULL, .default_last = 1,
		.on_request = on_request, .on_tick = on_tick, .user = &visits };
	int r = sse_responder_new(&o, &responder);

	if (r == 0 && signal(SIGTERM, on_signal) != SIG_ERR)
		r = sse_responder_run(responder);
	if (r < 0 && responder)
		fprintf(stderr, "responder: %s\n", sse_responder_error(responder));
	sse_responder_free(responder);
	return r < 0;
}
