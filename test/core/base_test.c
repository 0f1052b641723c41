/* What the core stands on: timers, names, text, errors. */
#include "suite.h"

#include "tend/base.h"
#include "tend/runtime.h"
#include "tend/text.h"

#include "base/text.h"
#include "base/timers.h"
#include "segment/segment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint64_t random_state = 1;
static uint64_t draw(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return random_state >> 33;
}

TEST(timers_come_out_in_the_order_of_their_instants)
{
	enum { N = 20000 };
	static struct tend__timer timers[N];
	struct tend__heap heap = {NULL};
	uint64_t last = 0;
	int left = 0;

	for (int i = 0; i < N; i++) {
		timers[i].at = i % 7 == 0 ? UINT64_MAX : i % 11 == 0 ? 0 : draw();
		tend__heap_insert(&heap, &timers[i]);
	}
	for (int i = 0; i < N; i += 3)
		tend__heap_remove(&heap, &timers[i]);
	for (int i = 0; i < N; i += 6) /* removing twice is removing once */
		tend__heap_remove(&heap, &timers[i]);
	for (struct tend__timer *t; (t = tend__heap_min(&heap)); left++) {
		ck_assert_uint_ge(t->at, last);
		last = t->at;
		ck_assert_int_ne((t - timers) % 3, 0);
		tend__heap_remove(&heap, t);
	}
	ck_assert_int_eq(left, N - (N + 2) / 3);
}

TEST(a_million_equal_timers_do_not_recurse)
{
	enum { N = 1000000 };
	struct tend__timer *timers = calloc(N, sizeof(*timers));
	struct tend__heap heap = {NULL};

	ck_assert_ptr_nonnull(timers);
	for (int i = 0; i < N; i++)
		tend__heap_insert(&heap, &timers[i]);
	for (int i = 0; i < N; i++)
		tend__heap_remove(&heap, tend__heap_min(&heap));
	ck_assert_ptr_null(tend__heap_min(&heap));
	free(timers);
}

/* ---- Timers in wheels, against a list of all ---- */

enum { TIMERS = 3000 };

struct clockwork {
	struct tend__timers timers;
	struct tend__timer timer[TIMERS];
	bool queued[TIMERS];
	uint64_t now;
};

/* An interval of any length up to some weeks, `least` at least. */
static uint64_t some_time(uint64_t least) { return least + (draw() << 20 >> draw() % 52); }

static uint64_t soonest(const struct clockwork *c)
{
	uint64_t at = UINT64_MAX;

	for (int i = 0; i < TIMERS; i++)
		if (c->queued[i] && c->timer[i].at < at)
			at = c->timer[i].at;
	return at;
}

/* Takes out all that are due, in their order. */
static int take_due(struct clockwork *c)
{
	uint64_t last = 0;
	int n = 0;

	for (struct tend__timer *t; (t = tend__timers_due(&c->timers, c->now)); n++) {
		ck_assert(c->queued[t - c->timer]);
		ck_assert_uint_le(t->at, c->now);
		ck_assert_uint_ge(t->at, last);
		last = t->at;
		c->queued[t - c->timer] = false;
	}
	ck_assert_uint_gt(soonest(c), c->now);
	return n;
}

static void toggle(struct clockwork *c, int i, uint64_t least)
{
	if (c->queued[i] || draw() % 8 == 0) /* removing what is not there is nothing */
		tend__timers_remove(&c->timers, &c->timer[i]);
	else {
		c->timer[i].at =
			least || draw() % 16 ? c->now + some_time(least) : c->now - c->now % 7;
		tend__timers_insert(&c->timers, &c->timer[i]);
		c->queued[i] = true;
		return;
	}
	c->queued[i] = false;
}

TEST(wheels_fire_what_is_due_in_its_order_and_nothing_else)
{
	static struct clockwork c;

	c.now = some_time(0);
	for (int round = 0; round < 3000; round++) {
		uint64_t next;

		/* None that is near every other time, for what is near comes first. */
		for (int i = 0; i < 40; i++)
			toggle(&c, (int)(draw() % TIMERS), round % 2 ? 10 * TEND_MS : 0);
		(void)take_due(&c);
		next = tend__timers_next(&c.timers);
		ck_assert_uint_gt(next, c.now);
		ck_assert_uint_le(next, soonest(&c));
		ck_assert((next == UINT64_MAX) == (soonest(&c) == UINT64_MAX));
		c.now = draw() % 4 || next == UINT64_MAX ? c.now + (some_time(0) >> 10) : next;
	}
	/* Whoever asks again at that instant gets one after few times. */
	for (int asked = 0; soonest(&c) != UINT64_MAX; asked++) {
		ck_assert_int_lt(asked, 4);
		c.now = tend__timers_next(&c.timers);
		if (take_due(&c))
			asked = 0;
	}
	ck_assert_uint_eq(tend__timers_next(&c.timers), UINT64_MAX);
}

TEST(one_timer_is_waited_for_as_it_is)
{
	static struct tend__timers timers;
	struct tend__timer one = {.at = 0};

	for (unsigned bit = 0; bit < 63; bit++) {
		one.at = (UINT64_C(1) << bit) + 12345;
		tend__timers_insert(&timers, &one);
		ck_assert_uint_eq(tend__timers_next(&timers), one.at);
		ck_assert_ptr_null(tend__timers_due(&timers, one.at - 1));
		ck_assert_uint_eq(tend__timers_next(&timers), one.at);
		ck_assert_ptr_eq(tend__timers_due(&timers, one.at), &one);
	}
}

/* The last ticks of a round of the first wheel: whoever looks there looks from the
 * next round, and what was far, or was set before the first look, is behind it. */
TEST(a_timer_behind_the_end_of_a_round_is_not_lost)
{
	const uint64_t tick = UINT64_C(1) << 22, end = 256 * tick;

	for (uint64_t rounds = 1; rounds < 3000; rounds += 7)
		for (int late = 0; late < 2; late++) {
			struct tend__timers *timers = calloc(1, sizeof(*timers));
			struct tend__timer one = {.at = rounds * end - tick / 2};

			ck_assert_ptr_nonnull(timers);
			tend__timers_insert(timers, &one);
			ck_assert_ptr_eq(tend__timers_due(timers, late ? one.at + 3 * end : one.at),
			                 &one);
			ck_assert_uint_eq(tend__timers_next(timers), UINT64_MAX);
			free(timers);
		}
}

static int valid(const char *name) { return tend__name_valid(name, strlen(name)); }

static void take_and_give(struct tend__segment *s, struct tend__slots *cache, uint32_t n,
                          uint32_t slots[])
{
	for (uint32_t i = 0; i < n; i++) {
		slots[i] = tend__slot_take(s, cache);
		ck_assert(slots[i] != 0);
	}
	for (uint32_t i = 0; i < n; i++)
		tend__slot_give(s, cache, slots[i], TEND__NOTED);
}

static void open_slots(struct tend__segment *s, uint32_t workers, uint32_t tasks_max)
{
	const struct tend__segment_opts opts = {
		.name = "t", .workers = workers, .tasks_max = tasks_max, .ring_slots = 64};

	ANSWERS(tend__segment_open(s, &opts), 0);
}

/* Else the lines of records go from one worker's cache to another's for ever. */
TEST(a_worker_uses_its_own_slots_again)
{
	struct tend__slots mine = {0}, others = {0};
	uint32_t first[1000], again[1000], in_between[1000];
	struct tend__segment s;

	open_slots(&s, 2, 100000);
	take_and_give(&s, &mine, 1000, first);
	take_and_give(&s, &others, 1000, in_between);
	take_and_give(&s, &mine, 1000, again);
	for (int i = 0; i < 1000; i++)
		for (int k = 0; k < 1000; k++)
			ck_assert(again[i] != in_between[k]);
	tend__segment_close(&s);
}

/* Whoever is last has room for all, whatever the others keep. */
static void fill_after_others(uint32_t workers, uint32_t tasks_max)
{
	static uint32_t slots[20000];
	uint32_t got = 0;
	struct tend__segment s;

	open_slots(&s, workers, tasks_max);
	for (uint32_t i = 1; i < workers; i++) {
		struct tend__slots others = {0};

		take_and_give(&s, &others, tasks_max, slots);
		take_and_give(&s, &others, tasks_max, slots);
	}
	while (got < tasks_max && tend__slot_take(&s, NULL))
		got++;
	ck_assert_uint_eq(got, tasks_max);
	tend__segment_close(&s);
}

TEST(what_workers_keep_is_not_missing)
{
	static const uint32_t workers[] = {1, 2, 4, 16, 64};
	const uint32_t tasks_max[] = {1, 20, 100, 1000, (uint32_t)suite_count(2000, 20000, 20000)};

	for (size_t i = 0; i < sizeof(workers) / sizeof(*workers); i++)
		for (size_t k = 0; k < sizeof(tasks_max) / sizeof(*tasks_max); k++)
			fill_after_others(workers[i], tasks_max[k]);
}

TEST(names_are_utf8_without_slash_and_control)
{
	ck_assert(valid("a"));
	ck_assert(valid("device 3"));
	ck_assert(valid("\xc3\xa9t\xc3\xa9"));
	ck_assert(!valid(""));
	ck_assert(!valid("a/b"));
	ck_assert(!valid("a\nb"));
	ck_assert(!valid("a\x7f"));
	ck_assert(!valid("\xc3"));         /* cut off */
	ck_assert(!valid("\xc0\xaf"));     /* '/' in two bytes */
	ck_assert(!valid("\xed\xa0\x80")); /* a surrogate */
	ck_assert(!valid("\xc2\x85"));     /* a control character */
	ck_assert(!valid("012345678901234567890123456789012345678901234567"));
	ck_assert(valid("01234567890123456789012345678901234567890123456"));
}

TEST(no_place_in_a_name_is_overlooked)
{
	static const char odd[] = {1, 0x1f, 0x7f, '/', (char)0x80, (char)0xff};
	char name[TEND_NAME_MAX + 1];

	for (size_t n = 1; n <= TEND_NAME_MAX; n++)
		for (size_t at = 0; at < n; at++)
			for (size_t i = 0; i < sizeof(odd); i++) {
				memset(name, i % 2 ? ' ' : '~', n);
				ck_assert(tend__name_valid(name, n));
				name[at] = odd[i];
				ck_assert(!tend__name_valid(name, n));
			}
}

TEST(json_strings_carry_any_bytes)
{
	char buf[64];
	struct tend__text t = tend__text(buf, sizeof(buf));

	tend__text_json(&t, "a\"\\\n\xff\xc3\xa9", 7);
	ck_assert_str_eq(buf, "\"a\\\"\\\\\\u000a\\ufffd\xc3\xa9\"");
}

TEST(text_is_cut_between_characters)
{
	/* Characters of one byte to four, and what is kept of their first n bytes. */
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x89z";
	static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};

	for (size_t n = 0; n < sizeof(text); n++) {
		char copy[sizeof(text)], bytes[sizeof(text)];
		struct tend__text t = tend__text(bytes, n + 1);

		ck_assert_uint_eq(tend_text_whole(text, n), kept[n]);
		tend__text_copy(copy, n + 1, text);
		ck_assert_uint_eq(strlen(copy), kept[n]);
		tend__text_bytes(&t, text, sizeof(text) - 1);
		ck_assert_str_eq(bytes, copy);
		ck_assert_uint_eq(t.n, sizeof(text) - 1);
		snprintf(copy, n + 1, "%s", text);
		tend__text_trim(copy);
		ck_assert_str_eq(bytes, copy);
	}
	/* Bytes that are no characters stay: their reader shows them. */
	ck_assert_uint_eq(tend_text_whole("\x80\x80\x80\x80\x80", 5), 5);
}

TEST(text_that_does_not_fit_is_cut_and_counted)
{
	char buf[4];
	struct tend__text t = tend__text(buf, sizeof(buf));

	tend__text_f(&t, "%s", "abcdef");
	ck_assert_str_eq(buf, "abc");
	ck_assert_uint_eq(t.n, 6);
}

TEST(durations_read_well)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {{0, "0ms"},
	             {250 * TEND_MS, "250ms"},
	             {3200 * TEND_MS, "3.2s"},
	             {130 * TEND_SEC, "2m10s"},
	             {3660 * TEND_SEC, "1h01m"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char buf[32];
		struct tend__text t = tend__text(buf, sizeof(buf));

		tend__text_duration(&t, cases[i].ns);
		ck_assert_str_eq(buf, cases[i].text);
	}
}

TEST(a_length_of_time_is_a_number_and_its_unit)
{
	static const struct {
		const char *text;
		uint64_t bare, ns;
	} good[] = {{"0s", 0, 0},
	            {"500ms", 0, 500 * TEND_MS},
	            {"007s", 0, 7 * TEND_SEC},
	            {"1.5s", 0, 1500 * TEND_MS},
	            {".25m", 0, 15 * TEND_SEC},
	            {"2.h", 0, 7200 * TEND_SEC},
	            {"0.0000000019s", 0, 1},
	            {"0.3333333333h", 0, UINT64_C(1199999998800)},
	            {"10", TEND_SEC, 10 * TEND_SEC},
	            {"0.5", TEND_SEC, TEND_SEC / 2},
	            {"10ms", TEND_SEC, 10 * TEND_MS},
	            {"9223372036854.775807ms", 0, INT64_MAX},
	            {"9223372036854775807", 1, INT64_MAX}};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		uint64_t ns = 1;

		ANSWERS(tend_duration_parse(good[i].text, strlen(good[i].text), good[i].bare, &ns),
		        0);
		ck_assert_uint_eq(ns, good[i].ns);
	}
}

TEST(any_other_text_is_no_length_of_time)
{
	static const char *const bad[] = {"",      ".",     "s",    ".s",   "10",  "1.5",
	                                  "-1s",   "+1s",   " 1s",  "1 s",  "1s ", "1m30s",
	                                  "1S",    "1d",    "1us",  "0x1s", "inf", "1e3s",
	                                  "1..5s", "1.5.s", "1,5s", "1sm",  "1mss"};
	static const char *const over[] = {"9223372036855ms",
	                                   "9223372036.854775808s",
	                                   "2562048h",
	                                   "99999999999999999999s",
	                                   "18446744073709551616ms",
	                                   "184467440737095516160000000000.5h"};
	uint64_t ns = 42;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(tend_duration_parse(bad[i], strlen(bad[i]), 0, &ns) == -EINVAL, "%s",
		              bad[i]);
	for (size_t i = 0; i < sizeof(over) / sizeof(*over); i++)
		ck_assert_msg(tend_duration_parse(over[i], strlen(over[i]), 0, &ns) == -EOVERFLOW,
		              "%s", over[i]);
	/* No further than it is told. */
	ANSWERS(tend_duration_parse("1s", 1, 0, &ns), -EINVAL);
	ck_assert_uint_eq(ns, 42);
}

TEST(a_character_is_decoded_as_rfc_3629_has_it)
{
	static const struct {
		const char *text;
		size_t n, length;
		uint32_t code;
	} cases[] = {{"", 0, 0, 0},
	             {"a", 1, 1, 'a'},
	             {"", 1, 1, 0},
	             {"\xc3\xa9", 2, 2, 0xe9},
	             {"\xe2\x82\xac", 3, 3, 0x20ac},
	             {"\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff},
	             {"\xf4\x90\x80\x80", 4, 0, 0},
	             {"\xf5\x80\x80\x80", 4, 0, 0},
	             {"\xc3", 1, 0, 0},
	             {"\xc3(", 2, 0, 0},
	             {"\x80", 1, 0, 0},
	             {"\xc0\xaf", 2, 0, 0},
	             {"\xc1\xbf", 2, 0, 0},
	             {"\xe0\x9f\xbf", 3, 0, 0},
	             {"\xf0\x8f\xbf\xbf", 4, 0, 0},
	             {"\xed\xa0\x80", 3, 0, 0},
	             {"\xff", 1, 0, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t code = 0;

		ck_assert_uint_eq(tend_text_decode(cases[i].text, cases[i].n, &code),
		                  cases[i].length);
		ck_assert_uint_eq(code, cases[i].code);
	}
}

TEST(foreign_text_is_shown_as_what_stands_there)
{
	static const struct {
		const char *text;
		size_t n;
		const char *quoted, *masked, *line;
	} cases[] = {{"plain", 5, "plain", "plain", "plain"},
	             {"a/\xc3\xb6", 4, "a/\xc3\xb6", "a/\xc3\xb6", "a/\xc3\xb6"},
	             {"\\\t\n", 3, "\\\\\\t\\n", "\\??", "\\\t\\x0a"},
	             {"\a\r\033", 3, "\\a\\r\\x1b", "???", "\\x07\\x0d\\x1b"},
	             {"a\0\x7f", 3, "a\\x00\\x7f", "a??", "a\\x00\\x7f"},
	             {"\xc2\x9b\xff", 3, "\\u009b\\xff", "??", "\\u009b\\xff"},
	             {"\xd8\x9c", 2, "\\u061c", "?", "\\u061c"},
	             {"\xe2\x80\xae", 3, "\\u202e", "?", "\\u202e"},
	             {"\xe2\x80\xa8", 3, "\\u2028", "?", "\\u2028"},
	             {"\xe2\x81\xa9", 3, "\\u2069", "?", "\\u2069"},
	             {"\xe2\x81\xaa", 3, "\xe2\x81\xaa", "\xe2\x81\xaa", "\xe2\x81\xaa"},
	             {"\xe2\x80\x8d", 3, "\\u200d", "?", "\xe2\x80\x8d"},
	             {"\xe2\x81\xa0", 3, "\\u2060", "?", "\xe2\x81\xa0"},
	             {"\xef\xbb\xbf", 3, "\\ufeff", "?", "\xef\xbb\xbf"},
	             {"\xef\xbf\xb9", 3, "\\ufff9", "?", "\xef\xbf\xb9"},
	             {"\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80",
	              "\xf0\x9f\x98\x80"}};
	char buf[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_uint_eq(tend_text_plain(cases[i].text, cases[i].n, 0, buf, sizeof(buf)),
		                  strlen(cases[i].quoted));
		ck_assert_str_eq(buf, cases[i].quoted);
		tend_text_plain(cases[i].text, cases[i].n, TEND_TEXT_MASK, buf, sizeof(buf));
		ck_assert_str_eq(buf, cases[i].masked);
		tend_text_plain(cases[i].text, cases[i].n, TEND_TEXT_LINE, buf, sizeof(buf));
		ck_assert_str_eq(buf, cases[i].line);
	}
}

TEST(foreign_text_is_cut_in_front_of_a_character)
{
	char buf[6];

	ck_assert_uint_eq(tend_text_plain("abcd\xc3\xa9z", 7, 0, buf, sizeof(buf)), 7);
	ck_assert_str_eq(buf, "abcd");
	ck_assert_uint_eq(tend_text_plain("ab\033z", 4, 0, buf, sizeof(buf)), 7);
	ck_assert_str_eq(buf, "ab");
	ck_assert_uint_eq(tend_text_plain("abc\xc3\xa9", 5, TEND_TEXT_MASK, buf, sizeof(buf)), 5);
	ck_assert_str_eq(buf, "abc\xc3\xa9");
	ck_assert_uint_eq(tend_text_plain("abc", 3, 0, NULL, 0), 3);
}

TEST(every_error_has_a_sentence)
{
#define X(name, text) ck_assert_str_eq(tend_strerror(-name), text);
	TEND_ERRORS(X)
#undef X
	ck_assert_ptr_nonnull(tend_strerror(-99999));
}

TEST(deadlines_saturate)
{
	ck_assert_uint_eq(tend_after(UINT64_MAX), TEND_FOREVER);
	ck_assert_uint_eq(tend_after(UINT64_MAX - 1), TEND_FOREVER);
	ck_assert_uint_ge(tend_after(0), tend_now() - TEND_SEC);
}

/* Without a size no field counts: then none may be set. */
TEST(options_without_a_size_are_the_defaults_or_refused)
{
	struct tend_runtime_opts o = {0};
	tend_runtime *rt;

	ANSWERS(tend_runtime_open(&o, &rt), 0);
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
	o.workers = 1;
	ANSWERS(tend_runtime_open(&o, &rt), -EINVAL);
	o.size = sizeof(o.size) - 1;
	ANSWERS(tend_runtime_open(&o, &rt), -EINVAL);
	o.size = sizeof(o);
	ANSWERS(tend_runtime_open(&o, &rt), 0);
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}
