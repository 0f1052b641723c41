/* Where a parked task stands, and whether its wait ends by itself. */
#include "suite.h"

#include "tend/tend.h"

#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* What a task waits for, and the answer: a call whose answer is stored is no tail call. */
static struct {
	tend_channel *channel;
	tend_event *event;
	tend_task task, external;
	tend_scope scope;
	tend_runtime *rt;
	int pipe[2], full[2];
} to;
static _Atomic int64_t answer; /* of tasks of several threads */

#define WAITS(name, call) \
	static int name(void *arg) \
	{ \
		(void)arg; \
		answer = call; \
		return 0; \
	}
WAITS(receives, tend_channel_recv(to.channel, &(char){0}, TEND_FOREVER))
WAITS(waits_for_event, tend_event_wait(to.event, TEND_FOREVER))
WAITS(sleeps, tend_sleep(1000 * TEND_SEC))
WAITS(sleeps_until, tend_sleep_until(TEND_FOREVER))
WAITS(joins, tend_join(to.task, NULL, TEND_FOREVER))
WAITS(waits_until_empty, tend_scope_wait_empty(to.scope, TEND_FOREVER))
WAITS(waits_by_path, tend_path_wait_empty(to.rt, "scope", TEND_FOREVER))
WAITS(closes, tend_scope_close(to.scope, TEND_FOREVER, NULL))
WAITS(shuts_down, tend_shutdown(to.scope, TEND_FOREVER, TEND_SHUTDOWN_OPTS(.drain = 1)))
WAITS(reads, tend_read(to.pipe[0], &(char){0}, 1, TEND_FOREVER))
WAITS(waits_for_descriptor, tend_fd_wait(to.pipe[0], TEND_READABLE, TEND_FOREVER))
WAITS(writes, tend_write(to.full[1], "x", 1, TEND_FOREVER))

static int sends(void *arg)
{
	(void)arg;
	do
		answer = tend_channel_send(to.channel, "x", TEND_FOREVER);
	while (!answer);
	return 0;
}

static const struct {
	tend_fn *fn;
	bool timed;
} waits[] = {
	{receives, false},
	{sends, false},
	{waits_for_event, false},
	{sleeps, true},
	{sleeps_until, false},
	{joins, false},
	{waits_until_empty, false},
	{waits_by_path, false},
	{closes, false},
	{shuts_down, false},
	{reads, false},
	{waits_for_descriptor, false},
	{writes, false},
};

static void open_all(void)
{
	char block[4096] = {0};

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "app", .flags = TEND_HOSTED), &to.rt),
	        0);
	ANSWERS(tend_channel_open(1, 1, &to.channel), 0);
	ANSWERS(tend_event_open(&to.event), 0);
	ANSWERS(tend_scope_open(tend_root(to.rt), "scope", NULL, &to.scope), 0);
	/* A task that no cancel ends. */
	ANSWERS(tend_task_begin(to.scope, NULL, &to.external), 0);
	ANSWERS(tend_spawn(tend_root(to.rt), sleeps_until, NULL, NULL, &to.task), 0);
	ANSWERS(pipe2(to.pipe, O_NONBLOCK | O_CLOEXEC), 0);
	ANSWERS(pipe2(to.full, O_NONBLOCK | O_CLOEXEC), 0);
	while (write(to.full[1], block, sizeof(block)) > 0) {}
}

static struct tend__record *record_of(tend_task task)
{
	return tend__task_at(to.rt, task.id)->record;
}

static void is_in(uint64_t where, tend_fn *fn)
{
	uint64_t from = (uintptr_t)fn;

	ck_assert_uint_gt(where, from);
	ck_assert_uint_lt(where - from, 4096);
}

TEST_EACH(a_parked_task_tells_the_place_of_its_call, 13)
{
	tend_task task;

	open_all();
	ANSWERS(tend_spawn(tend_root(to.rt), waits[_i].fn, NULL, NULL, &task), 0);
	ANSWERS((int)(tend_runtime_poll(to.rt, 0) > 0), 1);
	struct tend__record *r = record_of(task);
	ck_assert_uint_eq(r->word & TEND__STATE, TEND__PARKED);
	is_in(r->where, waits[_i].fn);
	ck_assert_int_eq((r->word & TEND__TIMED) != 0, waits[_i].timed);
}

/* In a thread of its own, whose wait for a descriptor is another. */
TEST_EACH(a_parked_thread_tells_the_place_of_its_call, 13)
{
	tend_task task;

	if (waits[_i].fn == writes)
		return; /* as for reads */
	open_all();
	ANSWERS(tend_spawn_thread(tend_root(to.rt), waits[_i].fn, NULL, NULL, &task), 0);
	struct tend__record *r = record_of(task);
	while ((atomic_load(&r->word) & TEND__STATE) != TEND__PARKED)
		ck_assert_int_ge(tend_runtime_poll(to.rt, 0), 0);
	is_in(r->where, waits[_i].fn);
	ck_assert_int_eq((r->word & TEND__TIMED) != 0, waits[_i].timed);
	ANSWERS(tend_task_end(to.external, 0), 0);
	ANSWERS(tend_runtime_close(to.rt, tend_after(PATIENCE_NS)), 0);
}

/* Else two tasks that wait for "#3" need not wait for the same. */
TEST(a_channel_and_an_event_have_different_numbers)
{
	tend_task a, b;

	open_all();
	ANSWERS(tend_spawn(tend_root(to.rt), receives, NULL, NULL, &a), 0);
	ANSWERS(tend_spawn(tend_root(to.rt), waits_for_event, NULL, NULL, &b), 0);
	ck_assert_int_gt(tend_runtime_poll(to.rt, 0), 0);
	ck_assert_uint_ne(record_of(a)->object, 0);
	ck_assert_uint_ne(record_of(a)->object, record_of(b)->object);
}

static uint64_t at_checkpoint, at_yield, after_wait;

static int goes_on(void *arg)
{
	struct tend__record *r = tend__tls.task->record;

	(void)arg;
	answer = tend_checkpoint();
	at_checkpoint = r->where;
	answer = tend_yield();
	at_yield = r->where;
	answer = tend_sleep_until(tend_now());
	after_wait = r->word;
	return 0;
}

TEST(a_checkpoint_tells_its_place_and_a_yield_does_not)
{
	open_all();
	ANSWERS(tend_spawn(tend_root(to.rt), goes_on, NULL, NULL, NULL), 0);
	while (!after_wait)
		ck_assert_int_ge(tend_runtime_poll(to.rt, 0), 0);
	is_in(at_checkpoint, goes_on);
	ck_assert_uint_eq(at_yield, at_checkpoint);
	ck_assert_uint_eq(after_wait & (TEND__TIMED | TEND__WAIT), 0);
}

static int waits_in_shield(void *arg)
{
	uint64_t outer;

	answer = tend_shield_begin(tend_after(1000 * TEND_SEC), &outer);
	answer = arg ? tend_event_wait(to.event, tend_after(1000 * TEND_SEC))
	             : tend_event_wait(to.event, TEND_FOREVER);
	return 0;
}

/* The end of a shield lets a cancel in, and ends no wait that is not canceled. */
TEST_EACH(a_shield_is_no_deadline_of_a_wait, 2)
{
	tend_task task;

	open_all();
	ANSWERS(tend_spawn(tend_root(to.rt), waits_in_shield, _i ? &to : NULL, NULL, &task), 0);
	ANSWERS((int)(tend_runtime_poll(to.rt, 0) > 0), 1);
	struct tend__record *r = record_of(task);
	ck_assert_uint_eq(r->word & TEND__STATE, TEND__PARKED);
	ck_assert_int_eq((r->word & TEND__TIMED) != 0, _i);
}
