/* Structs that a call fills, of callers that were compiled for another version of the library. */
#include "suite.h"

#include "world.h"

#include "tend/tend.h"

#include <errno.h>
#include <string.h>

enum { PATTERN = 0xa5, NEWER = 64 };

static tend_runtime *rt;
static tend_scope ended_in;
static tend_task ended;

static int fails(void *arg)
{
	(void)arg;
	return -ENOSPC;
}

static void open_world(void)
{
	rt = open_runtime(1, 0);
	ANSWERS(tend_scope_open(tend_root(rt), "s", NULL, &ended_in), 0);
	ANSWERS(tend_spawn(ended_in, fails, NULL, NULL, &ended), 0);
	ANSWERS(tend_scope_wait_empty(ended_in, tend_after(PATIENCE_NS)), 0);
}
static void close_world(void) { close_runtime(rt); }
FIXTURE(open_world, close_world);

static int outcome(void *out) { return (tend_task_outcome)(ended, out); }
static int join(void *out) { return (tend_join)(ended, out, TEND_FOREVER); }
static int stats(void *out) { return (tend_scope_stats)(ended_in, out); }
static int close(void *out) { return (tend_scope_close)(ended_in, TEND_FOREVER, out); }

static const struct {
	int (*call)(void *out);
	size_t size;
} calls[] = {
	{outcome, sizeof(struct tend_outcome)},
	{join, sizeof(struct tend_outcome)},
	{stats, sizeof(struct tend_stats)},
	{close, sizeof(struct tend_stats)},
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static void check_filled(const unsigned char *out, size_t size, const unsigned char *whole,
                         size_t known, size_t room)
{
	size_t shared = size < known ? size : known, told;

	memcpy(&told, out, sizeof(told));
	ck_assert_uint_eq(told, size);
	ck_assert_mem_eq(out + sizeof(told), whole + sizeof(told), shared - sizeof(told));
	for (size_t i = shared; i < room; i++)
		ck_assert_msg(out[i] == (i < size ? 0 : PATTERN), "byte %zu of %zu is %d", i, size,
		              out[i]);
}

/* The sizes of an older, the same and a newer caller. */
static const size_t older = 16;
static size_t size_of(int age, size_t known)
{
	return age == 0 ? older : age == 1 ? known : known + NEWER;
}

TEST_EACH(a_call_fills_as_much_as_its_caller_has, CALLS * 3)
{
	const size_t known = calls[_i / 3].size, size = size_of(_i % 3, known);
	union {
		size_t size;
		unsigned char bytes[1024];
	} whole, out;

	memset(&whole, PATTERN, sizeof(whole));
	memset(&out, PATTERN, sizeof(out));
	ck_assert_uint_lt(known + NEWER, sizeof(out));
	whole.size = known;
	out.size = size;
	/* The whole by a call that leaves its object. */
	ANSWERS(calls[_i / 3 / 2 * 2].call(&whole), 0);
	ANSWERS(calls[_i / 3].call(&out), 0);
	check_filled(out.bytes, size, whole.bytes, known, sizeof(out));
}

TEST_EACH(a_size_that_was_not_set_is_refused, CALLS)
{
	const size_t sizes[] = {0, 8, 20, 4104, SIZE_MAX};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		union {
			size_t size;
			unsigned char bytes[1024];
		} out;

		memset(&out, PATTERN, sizeof(out));
		out.size = sizes[i];
		ANSWERS(calls[_i].call(&out), -EINVAL);
		for (size_t k = sizeof(out.size); k < sizeof(out); k++)
			ck_assert_int_eq(out.bytes[k], PATTERN);
	}
	size_t largest[512] = {4096};
	ANSWERS(calls[_i].call(largest), 0);
}

TEST(calls_without_an_out_struct_take_a_literal_null)
{
	ANSWERS(tend_join(ended, NULL, TEND_FOREVER), 0);
	ANSWERS(tend_scope_close(ended_in, TEND_FOREVER, NULL), 0);
}

/* An array of any size of struct: the size of the first is the distance of all. */
TEST_EACH(events_are_taken_into_structs_of_their_caller, 3)
{
	enum { N = 3 };
	const size_t known = sizeof(struct tend_event_info), size = size_of(_i, known);
	struct tend_event_info whole[N];
	union {
		size_t size;
		unsigned char bytes[(N + 1) * (sizeof(struct tend_event_info) + NEWER)];
	} out;
	tend_subscription *one, *other;
	uint64_t lost;

	ANSWERS(tend_subscribe(rt, &one), 0);
	ANSWERS(tend_subscribe(rt, &other), 0);
	for (int i = 0; i < N; i++)
		ANSWERS(tend_scope_open(ended_in, "below", NULL, &(tend_scope){0}), 0);
	ANSWERS((int)tend_events_take(one, whole, N, &lost), N);
	memset(&out, PATTERN, sizeof(out));
	out.size = size;
	ANSWERS((int)(tend_events_take)(other, (void *)&out, N, &lost), N);
	for (size_t i = 0; i < N; i++)
		check_filled(out.bytes + i * size, size, (unsigned char *)&whole[i], known, size);
	for (size_t i = N * size; i < sizeof(out); i++)
		ck_assert_int_eq(out.bytes[i], PATTERN);
	tend_unsubscribe(one);
	tend_unsubscribe(other);
}

TEST(events_need_no_struct_where_there_is_no_room)
{
	tend_subscription *sub;
	uint64_t lost = 1;

	ANSWERS(tend_subscribe(rt, &sub), 0);
	ANSWERS((int)tend_events_take(sub, NULL, 0, &lost), 0);
	ck_assert_uint_eq(lost, 0);
	tend_unsubscribe(sub);
}

TEST(a_row_says_how_much_of_it_is_filled)
{
	tend_snapshot *s;

	ANSWERS(tend_snapshot_take(rt, &s), 0);
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		ck_assert_uint_eq(tend_snapshot_at(s, i)->size, sizeof(struct tend_info));
	tend_snapshot_free(s);
}
