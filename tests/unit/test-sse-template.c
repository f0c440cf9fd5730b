/* SPDX-License-Identifier: MIT */
/*
 * RFC 6570's own examples, forwards: each template matches its expansion. Then
 * all templates with all expansions, and random ones, against the regular
 * expression that says the same.
 */
#include "lib/sse/template.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/unit_random.h"

static const struct {
	const char *text, *expansion;
} examples[] = {
	/* 1.2, levels 1 to 4 */
	{ "{hello}", "Hello%20World%21" },
	{ "{+hello}", "Hello%20World!" },
	{ "{+path}/here", "/foo/bar/here" },
	{ "here?ref={+path}", "here?ref=/foo/bar" },
	{ "X{#var}", "X#value" },
	{ "X{#hello}", "X#Hello%20World!" },
	{ "map?{x,y}", "map?1024,768" },
	{ "{x,hello,y}", "1024,Hello%20World%21,768" },
	{ "{+x,hello,y}", "1024,Hello%20World!,768" },
	{ "{+path,x}/here", "/foo/bar,1024/here" },
	{ "{#x,hello,y}", "#1024,Hello%20World!,768" },
	{ "{#path,x}/here", "#/foo/bar,1024/here" },
	{ "X{.var}", "X.value" },
	{ "X{.x,y}", "X.1024.768" },
	{ "{/var}", "/value" },
	{ "{/var,x}/here", "/value/1024/here" },
	{ "{;x,y}", ";x=1024;y=768" },
	{ "{;x,y,empty}", ";x=1024;y=768;empty" },
	{ "{?x,y}", "?x=1024&y=768" },
	{ "{?x,y,empty}", "?x=1024&y=768&empty=" },
	{ "?fixed=yes{&x}", "?fixed=yes&x=1024" },
	{ "{&x,y,empty}", "&x=1024&y=768&empty=" },
	/* 2.4 */
	{ "{var:20}", "value" },
	{ "find{?year*}", "find?year=1965&year=2000&year=2012" },
	{ "www{.dom*}", "www.example.com" },
	/* 3.2.1 */
	{ "{count}", "one,two,three" },
	{ "{count*}", "one,two,three" },
	{ "{/count}", "/one,two,three" },
	{ "{/count*}", "/one/two/three" },
	{ "{;count}", ";count=one,two,three" },
	{ "{;count*}", ";count=one;count=two;count=three" },
	{ "{?count}", "?count=one,two,three" },
	{ "{?count*}", "?count=one&count=two&count=three" },
	{ "{&count*}", "&count=one&count=two&count=three" },
	/* 3.2.2 */
	{ "{var}", "value" },
	{ "{half}", "50%25" },
	{ "O{empty}X", "OX" },
	{ "O{undef}X", "OX" },
	{ "{x,y}", "1024,768" },
	{ "?{x,empty}", "?1024," },
	{ "?{x,undef}", "?1024" },
	{ "?{undef,y}", "?768" },
	{ "{var:3}", "val" },
	{ "{var:30}", "value" },
	{ "{list}", "red,green,blue" },
	{ "{list*}", "red,green,blue" },
	{ "{keys}", "semi,%3B,dot,.,comma,%2C" },
	{ "{keys*}", "semi=%3B,dot=.,comma=%2C" },
	/* 3.2.3 */
	{ "{+var}", "value" },
	{ "{+half}", "50%25" },
	{ "{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex" },
	{ "{+base}index", "http://example.com/home/index" },
	{ "O{+empty}X", "OX" },
	{ "O{+undef}X", "OX" },
	{ "up{+path}{var}/here", "up/foo/barvalue/here" },
	{ "{+path:6}/here", "/foo/b/here" },
	{ "{+list}", "red,green,blue" },
	{ "{+list*}", "red,green,blue" },
	{ "{+keys}", "semi,;,dot,.,comma,," },
	{ "{+keys*}", "semi=;,dot=.,comma=," },
	/* 3.2.4 */
	{ "{#var}", "#value" },
	{ "{#hello}", "#Hello%20World!" },
	{ "{#half}", "#50%25" },
	{ "foo{#empty}", "foo#" },
	{ "foo{#undef}", "foo" },
	{ "{#path:6}/here", "#/foo/b/here" },
	{ "{#list}", "#red,green,blue" },
	{ "{#list*}", "#red,green,blue" },
	{ "{#keys}", "#semi,;,dot,.,comma,," },
	{ "{#keys*}", "#semi=;,dot=.,comma=," },
	/* 3.2.5 */
	{ "{.who}", ".fred" },
	{ "{.who,who}", ".fred.fred" },
	{ "{.half,who}", ".50%25.fred" },
	{ "X{.val}", "X.value" },
	{ "X{.empty}", "X." },
	{ "X{.undef}", "X" },
	{ "X{.var:3}", "X.val" },
	{ "X{.list}", "X.red,green,blue" },
	{ "X{.list*}", "X.red.green.blue" },
	{ "X{.keys}", "X.semi,%3B,dot,.,comma,%2C" },
	{ "X{.keys*}", "X.semi=%3B.dot=..comma=%2C" },
	{ "X{.empty_keys}", "X" },
	{ "X{.empty_keys*}", "X" },
	/* 3.2.6 */
	{ "{/who}", "/fred" },
	{ "{/who,who}", "/fred/fred" },
	{ "{/half,who}", "/50%25/fred" },
	{ "{/who,dub}", "/fred/me%2Ftoo" },
	{ "{/var,empty}", "/value/" },
	{ "{/var,undef}", "/value" },
	{ "{/var:1,var}", "/v/value" },
	{ "{/list}", "/red,green,blue" },
	{ "{/list*}", "/red/green/blue" },
	{ "{/list*,path:4}", "/red/green/blue/%2Ffoo" },
	{ "{/keys}", "/semi,%3B,dot,.,comma,%2C" },
	{ "{/keys*}", "/semi=%3B/dot=./comma=%2C" },
	/* 3.2.7 */
	{ "{;who}", ";who=fred" },
	{ "{;half}", ";half=50%25" },
	{ "{;empty}", ";empty" },
	{ "{;v,empty,who}", ";v=6;empty;who=fred" },
	{ "{;v,bar,who}", ";v=6;who=fred" },
	{ "{;x,y,undef}", ";x=1024;y=768" },
	{ "{;hello:5}", ";hello=Hello" },
	{ "{;list}", ";list=red,green,blue" },
	{ "{;list*}", ";list=red;list=green;list=blue" },
	{ "{;keys}", ";keys=semi,%3B,dot,.,comma,%2C" },
	{ "{;keys*}", ";semi=%3B;dot=.;comma=%2C" },
	/* 3.2.8 */
	{ "{?who}", "?who=fred" },
	{ "{?half}", "?half=50%25" },
	{ "{?x,y,undef}", "?x=1024&y=768" },
	{ "{?var:3}", "?var=val" },
	{ "{?list}", "?list=red,green,blue" },
	{ "{?list*}", "?list=red&list=green&list=blue" },
	{ "{?keys}", "?keys=semi,%3B,dot,.,comma,%2C" },
	{ "{?keys*}", "?semi=%3B&dot=.&comma=%2C" },
	/* 3.2.9 */
	{ "{&who}", "&who=fred" },
	{ "{&half}", "&half=50%25" },
	{ "?fixed=yes{&x,y}", "?fixed=yes&x=1024&y=768" },
	{ "{&x,y,undef}", "&x=1024&y=768" },
	{ "{&var:3}", "&var=val" },
	{ "{&list}", "&list=red,green,blue" },
	{ "{&list*}", "&list=red&list=green&list=blue" },
	{ "{&keys}", "&keys=semi,%3B,dot,.,comma,%2C" },
	{ "{&keys*}", "&semi=%3B&dot=.&comma=%2C" },
};

static const struct {
	const char *text, *topic;
	bool matches;
} rows[] = {
	/* an undefined variable leaves nothing */
	{ "a/{x}/b", "a//b", true },
	{ "{x}", "", true },
	{ "a{/x}", "a", true },
	{ "a{/x}", "a/", true },
	/* what a value holds */
	{ "{x}", "a.b_c-d~e,f", true },
	{ "{x}", "a/b", false },
	{ "{x}", "a:b", false },
	{ "{x}", "a@b", false },
	{ "{x}", "a=b", false },
	{ "{x*}", "a=b", true },
	{ "{x,y*}", "a=b", false },
	{ "{x,y*}", "a,b=c", true },
	{ "{?x}", "?a=b", true },
	{ "{+x}", "a/b?c#d[e]@!$&'()*+,;=", true },
	/* what a URI would have encoded stands for itself */
	{ "{x}", "Z\xc3\xbcrich", true },
	{ "{x}", "a b", true },
	{ "caf\xc3\xa9/{x}", "caf\xc3\xa9/\xe2\x82\xac", true },
	{ "{x}", "50%", true },
	{ "{x}", "%zz", true },
	{ "{x}", "\"<>\\^`|", true },
	/* a triplet is one character */
	{ "{x}41", "%41", false },
	{ "{x}1", "%41", false },
	{ "{+x}1", "%411", true },
	{ "{x}%4", "%4", true },
	{ "{x}4", "%4", true },
	{ "{x}", "%2F", true },
	/* how many */
	{ "{/x}", "/a/b", false },
	{ "{/x,y}", "/a/b", true },
	{ "{/x,y}", "/a/b/c", false },
	{ "{/x,y*}", "/a/b/c/d", true },
	{ "{/x*}", "//", true },
	{ "{/x*}", "a", false },
	{ "{?x}", "?a=1&b=2", false },
	{ "{?x,y}", "?a=1&b=2", true },
	{ "{?x,y}", "?a=1&b=2&c=3", false },
	{ "{?x*}", "?a=1&b=2&c=3", true },
	{ "{;x}", ";a=1;b=2", false },
	/* names and lengths are no filters */
	{ "{?q}", "?other=1", true },
	{ "{x:3}", "longer", true },
	{ "a{?q}", "a?", true },
	{ "a{?q}", "a", true },
	{ "a{?q}", "ab", false },
	{ "a{#f}", "a#b/c", true },
	{ "a{.f}", "a.tar.gz", true },
	{ "https://example.com/books/{id}{?author,page}{#part}",
	  "https://example.com/books/1?page=2#x", true },
	{ "https://example.com/books/{id}{?author,page}{#part}",
	  "https://example.com/books/1#x?y", true },
	{ "https://example.com/books/{id}",
	  "https://example.com/books/1?page=2", false },
};

/* What is refused, and where. */
static const struct {
	const char *text;
	size_t at;
} refused[] = {
	{ "{", 1 }, { "{?", 2 }, { "{a", 2 }, { "{a,", 3 }, { "{a:", 3 },
	{ "{a:3", 4 }, { "{a*", 3 }, { "}", 0 }, { "a}{b}", 1 }, { "{}", 1 },
	{ "{?}", 2 }, { "{,}", 1 }, { "{a,}", 3 }, { "{,a}", 1 },
	{ "{=a}", 1 }, { "{!a}", 1 }, { "{@a}", 1 }, { "{|a}", 1 },
	{ "{++a}", 2 }, { "{a.}", 2 }, { "{.}", 2 }, { "{..a}", 2 },
	{ "{a..b}", 2 }, { "{a%4}", 2 }, { "{a%zz}", 2 }, { "{a-b}", 2 },
	{ "{a b}", 2 }, { "{a:0}", 3 }, { "{a:x}", 3 }, { "{a:-1}", 3 },
	{ "{a:12345}", 7 }, { "{a:3*}", 4 }, { "{a**}", 3 }, { "{a*:3}", 3 },
	{ "{a{b}}", 2 }, { "{\xc3\xa9}", 1 }, { "{a/b}", 2 },
	{ "{a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a}-{x}", 34 },
};

static const char *const taken[] = {
	"{a.b.c}", "{%41%c3}", "{a%20b}", "{_}", "{0}", "{a:9999}", "{a:1,b*}",
	"{+a,b}{#c}{.d}{/e}{;f}{?g}{&h}",
	"{a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a}",
};

/* ---- the regular expression ---- */

static char *
add(char *at, const char *text)
{
	return stpcpy(at, text);
}

static char *
add_literal(char *at, char c)
{
	if (strchr(".[]{}()\\*+?|^$", c))
		*at++ = '\\';
	*at++ = c;
	*at = '\0';
	return at;
}

static char *
add_value(char *at, bool is_reserved, bool has_equals)
{
	at = add(at, "(");
	at = add(at, is_reserved ? "[][!#$&'()*+,/:;=?@A-Za-z0-9._~-]" :
		     has_equals	 ? "[,=A-Za-z0-9._~-]" :
				   "[,A-Za-z0-9._~-]");
	return add(at, "|%[0-9A-Fa-f][0-9A-Fa-f])*");
}

/* One expression, from behind its `{` to its `}`. */
static char *
add_expression(char *at, const char *from, const char *end)
{
	static const char signs[] = "+#./;?&";
	static const char separators[] = ",,./;&&";
	const char *sign = strchr(signs, *from);
	char op = sign ? *sign : ' ', separator = ',';
	int variables = 1, exploded = 0;
	const char *comma = memchr(from, ',', (size_t)(end - from));
	const char *star = memchr(from, '*', (size_t)(end - from));
	bool named = strchr(";?&", op) != NULL, reserved;

	reserved = op == '+' || op == '#';
	if (sign)
		separator = separators[sign - signs];
	for (const char *p = from; p < end; p++) {
		variables += *p == ',';
		exploded += *p == '*';
	}
	at = add(at, "(");
	if (strchr("#./;?&", op))
		at = add_literal(at, op);
	at = add_value(at, reserved,
		       named || (star && (!comma || star < comma)));
	if (variables > 1 || exploded) {
		at = add(at, "(");
		at = add_literal(at, separator);
		at = add_value(at, reserved, named || exploded);
		at += exploded ? sprintf(at, ")*") :
				 sprintf(at, "){0,%d}", variables - 1);
	}
	return add(at, ")?");
}

static void
make_regex(const char *text, regex_t *ret_regex)
{
	static char pattern[16384];
	char *at = add(pattern, "^");

	while (*text) {
		if (*text == '{') {
			const char *end = strchr(text, '}');

			at = add_expression(at, text + 1, end);
			text = end + 1;
		} else {
			at = add_literal(at, *text++);
		}
	}
	add(at, "$");
	unit_check(regcomp(ret_regex, pattern, REG_EXTENDED | REG_NOSUB) == 0,
		   "%s", pattern);
}

/* ---- the tests ---- */

static bool
matches(const char *text, const char *topic)
{
	unit_check(template_check(slice_of(text), NULL) == 0, "%s", text);
	return template_match(slice_of(text), slice_of(topic), NULL);
}

static void
matches_the_rfc_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(examples); i++)
		unit_check(matches(examples[i].text, examples[i].expansion),
			   "%s on %s", examples[i].text, examples[i].expansion);
}

static void
matches_what_the_regex_does(void **state)
{
	size_t count[2] = { 0, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		regex_t regex;

		make_regex(examples[i].text, &regex);
		for (size_t j = 0; j < COUNT_OF(examples); j++) {
			const char *topic = examples[j].expansion;
			bool is = regexec(&regex, topic, 0, NULL, 0) == 0;

			unit_check(matches(examples[i].text, topic) == is,
				   "%s on %s: not %d", examples[i].text, topic,
				   is);
			count[is]++;
		}
		regfree(&regex);
	}
	assert_true(count[0] > 1000 && count[1] > 1000);
}

static void
append_some(char *out, const char *const *from, size_t n, size_t most)
{
	size_t parts = unit_below(most + 1);

	*out = '\0';
	while (parts-- > 0)
		strcat(out, from[unit_below(n)]);
}

static void
matches_random_topics(void **state)
{
	static const char *const pieces[] = {
		"{x}", "{+x}", "{#x}", "{.x}", "{/x}", "{;x}", "{?x}", "{&x}",
		"{x,y}", "{/x,y}", "{?x,y,z}", "{x*}", "{/x*}", "{x,y*}",
		"{;x*,y}", "{.x*}", "{#x,y}", "a", "1", "/", "?", ".", "%2C",
	};
	static const char *const bytes[] = {
		"a", "1", "b", "%2C", "%41", ",", ".", "/", ";", "=", "&", "?",
		"#", "+",
	};
	size_t count[2] = { 0, 0 };

	(void)state;
	unit_random_begin(unit_seed());
	for (unsigned round = 0; round < 300; round++) {
		char text[64], topic[64];
		regex_t regex;

		append_some(text, pieces, COUNT_OF(pieces), 4);
		make_regex(text, &regex);
		for (unsigned i = 0; i < 20; i++) {
			bool is;

			append_some(topic, bytes, COUNT_OF(bytes), 7);
			is = regexec(&regex, topic, 0, NULL, 0) == 0;
			unit_check(matches(text, topic) == is,
				   "%s on %s: not %d", text, topic, is);
			count[is]++;
		}
		regfree(&regex);
	}
	assert_true(count[0] > 100 && count[1] > 100);
}

static void
matches_what_it_means(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		unit_check(matches(rows[i].text, rows[i].topic) ==
			   rows[i].matches, "%s on %s", rows[i].text,
			   rows[i].topic);
}

static void
refuses_with_the_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		struct event_fault fault = { .at = 999 };
		int r = template_check(slice_of(refused[i].text), &fault);

		unit_check(r == -EINVAL && fault.at == refused[i].at,
			   "%s gave %d at %zu: %s", refused[i].text, r,
			   fault.at, fault.why);
		assert_string_equal(fault.field, "selector");
		assert_in_range(strlen(fault.why), 20, sizeof(fault.why) - 2);
	}
	for (size_t i = 0; i < COUNT_OF(taken); i++)
		unit_check(template_check(slice_of(taken[i]), NULL) == 0, "%s",
			   taken[i]);
}

/* Repeats text up to the longest that a topic can be. */
static struct slice
fill(char out[TOPIC_MAX], const char *text)
{
	for (size_t i = 0, len = strlen(text); i < TOPIC_MAX; i++)
		out[i] = text[i % len];
	return (struct slice){ out, TOPIC_MAX };
}

/*
 * One way after the other would take these until the end of the world. What
 * they take is counted, and is never more than their lengths say.
 */
static void
takes_linear_time(void **state)
{
	static const struct {
		const char *text, *topic;
	} hard[] = {
		{ "{+a}{+b}{+c}{+d}{+e}{+f}{+g}{+h}{+i}{+j}{+k}{+l}{+m}{+n}!",
		  "a" },
		{ "{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}{m}{n}{o}{p}!", "a" },
		{ "{a*}{b*}{c*}{d*}{e*}{f*}{g*}{h*}{i*}{j*}{k*}!", "a=," },
		{ "{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p}!", "," },
		{ "{a*,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p}!", "," },
		{ "{/a,b,c,d,e,f,g,h}{/i,j,k,l,m,n,o,p}!", "/" },
		{ "{/a*}{/b*}{/c*}{/d*}{/e*}{/f*}{/g*}{/h*}!", "/a" },
		{ "{.a*}{.b*}{.c*}{.d*}{.e*}{.f*}{.g*}{.h*}!", "." },
		{ "{?a*}{&b*}{&c*}{&d*}{&e*}{&f*}{&g*}{&h*}!", "&=" },
		{ "{#a*}{#b*}{#c*}{#d*}{#e*}{#f*}{#g*}{#h*}!", "#" },
		{ "{a}%25{b}%25{c}%25{d}%25{e}%25{f}%25{g}%25!", "%25" },
		{ "{+a}aa{+b}aa{+c}aa{+d}aa{+e}aa{+f}aa{+g}aa!", "a" },
		{ "{+a}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "a" },
	};
	char bytes[TOPIC_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hard); i++) {
		struct slice text = slice_of(hard[i].text);
		struct slice topic = fill(bytes, hard[i].topic);
		size_t steps = 0;

		assert_int_equal(template_check(text, NULL), 0);
		for (topic.len = 0; topic.len < TOPIC_MAX; topic.len++) {
			bool is = template_match(text, topic, &steps);

			unit_check(!is && steps <= 2 * (topic.len + 1) *
				   text.len, "%s took %zu", hard[i].text, steps);
		}
		assert_true(steps > topic.len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_the_rfc_examples),
		cmocka_unit_test(matches_what_the_regex_does),
		cmocka_unit_test(matches_random_topics),
		cmocka_unit_test(matches_what_it_means),
		cmocka_unit_test(refuses_with_the_place),
		cmocka_unit_test(takes_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
