/* Promises of tend/sync.h and tend/runtime.h that are half a sentence long, and that no other
 * scenario shows. */
#include "scenario.h"

struct queue {
	tend_channel *channel;
	_Atomic int next, order;
	int got[3];
};

static int takes_one(void *arg)
{
	struct queue *q = arg;
	int i = q->next++;

	return tend_channel_recv(q->channel, &q->got[i], TEND_FOREVER);
}

static int sends_its_number(void *arg)
{
	struct queue *q = arg;
	int i = q->next++;

	return tend_channel_send(q->channel, &i, TEND_FOREVER);
}

/* The one that waits longest is served first. */
static void three(struct queue *q, tend_fn *fn, tend_task t[3])
{
	for (int i = 0; i < 3; i++) {
		OK(tend_spawn(root, fn, q, NULL, &t[i]));
		await_state(t[i].id, TEND_STATE_PARKED);
	}
}

SCENARIO(a_channel_serves_its_receivers_and_its_senders_in_their_order)
{
	static struct queue q;
	tend_task t[3];
	int item;

	open_world(2);
	for (size_t capacity = 0; capacity < 2; capacity++) {
		q = (struct queue){.next = 0};
		OK(tend_channel_open(sizeof(int), capacity, &q.channel));
		three(&q, takes_one, t);
		for (int i = 0; i < 3; i++)
			OK(tend_channel_send(q.channel, &i, SOON));
		for (int i = 0; i < 3; i++) {
			joined(t[i]);
			ck_assert_int_eq(q.got[i], i);
		}
		q.next = 0;
		if (capacity)
			OK(tend_channel_send(q.channel, &(int){-1}, 0));
		three(&q, sends_its_number, t);
		for (int i = capacity ? -1 : 0; i < 3; i++) {
			OK(tend_channel_recv(q.channel, &item, SOON));
			ck_assert_int_eq(item, i);
		}
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(joined(t[i]).result, 0);
		tend_channel_free(q.channel);
	}
	close_world();
}

SCENARIO(a_close_of_a_channel_ends_waiting_sends_and_leaves_the_items)
{
	static struct queue q;
	tend_task t[3];
	int item;

	open_world(2);
	q = (struct queue){.next = 0};
	OK(tend_channel_open(sizeof(int), 1, &q.channel));
	OK(tend_channel_send(q.channel, &(int){7}, 0));
	three(&q, sends_its_number, t);
	tend_channel_close(q.channel);
	tend_channel_close(q.channel);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(joined(t[i]).result, -EPIPE);
	OK(tend_channel_recv(q.channel, &item, SOON));
	ck_assert_int_eq(item, 7);
	ANSWERS(tend_channel_recv(q.channel, &item, SOON), -EPIPE);
	tend_channel_free(q.channel);
	close_world();
}

SCENARIO(an_item_may_have_no_bytes)
{
	tend_channel *channel;

	open_world(1);
	OK(tend_channel_open(0, 2, &channel));
	OK(tend_channel_send(channel, NULL, 0));
	OK(tend_channel_send(channel, NULL, 0));
	ANSWERS(tend_channel_send(channel, NULL, 0), -ETIMEDOUT);
	OK(tend_channel_recv(channel, NULL, 0));
	OK(tend_channel_recv(channel, NULL, 0));
	ANSWERS(tend_channel_recv(channel, NULL, 0), -ETIMEDOUT);
	tend_channel_free(channel);
	close_world();
}

static int fails_once(void *counter)
{
	return atomic_fetch_add((_Atomic int *)counter, 1) < 5 ? -EIO : 0;
}

/* The default of restarts_per_s: the first of five tasks that fail together runs again at once,
 * and each other a millisecond later. */
SCENARIO(a_thousand_restarts_a_second_are_the_default)
{
	_Atomic int runs = 0;
	tend_task t[5];
	uint64_t begun;

	OK(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "w", .workers = 1, .tasks_max = 100), &rt));
	root = tend_root(rt);
	begun = tend_now();
	for (int i = 0; i < 5; i++)
		OK(tend_spawn(root, fails_once, &runs,
		              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
		                                                     .delay_ns = TEND_AT_ONCE)),
		              &t[i]));
	for (int i = 0; i < 5; i++)
		joined(t[i]);
	ck_assert_uint_ge(tend_now() - begun, 4 * TEND_MS);
	ck_assert(!simulated || tend_now() - begun == 4 * TEND_MS);
	OK(tend_runtime_close(rt, SOON));
}

static void ignore(const char *message) { ck_assert_str_ne(message, ""); }

static _Atomic int canceled_by_then;
static void looks_at_the_scope(tend_scope scope, const struct tend_reason *reason, void *arg)
{
	struct tend_reason r;

	(void)arg;
	OK(tend_scope_reason(scope, &r));
	ck_assert_int_eq(r.code, reason->code);
	canceled_by_then++;
}

SCENARIO(a_scope_that_gives_up_is_canceled_when_the_program_is_told)
{
	tend_scope s;
	tend_task t;
	_Atomic int runs = 0;

	canceled_by_then = 0;
	tend_set_failure_hook(ignore);
	OK(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "w", .workers = 1, .tasks_max = 100,
	                                       .gave_up = looks_at_the_scope),
	                     &rt));
	OK(tend_scope_open(tend_root(rt), "s", TEND_SCOPE_OPTS(.restarts = 1), &s));
	OK(tend_spawn(s, fails_once, &runs,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              &t));
	joined(t);
	ck_assert_int_eq(canceled_by_then, 1);
	OK(tend_runtime_close(rt, SOON));
}
