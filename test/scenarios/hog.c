/* A task that computes and never waits must not delay the tasks of others. */
#include "scenario.h"

#include <fcntl.h>
#include <unistd.h>

/* ---- Deadlines ---- */

/* Computes on the only worker until a cancel has reached the scope. */
static int compute_until_canceled(void *scope)
{
	while (tend_scope_reason(*(tend_scope *)scope, NULL) == -ENOENT)
		compute();
	return 0;
}

static int32_t reason_of(tend_scope s)
{
	struct tend_reason reason;

	OK(tend_scope_reason(s, &reason));
	return reason.code;
}

SCENARIO(a_deadline_of_a_scope_needs_no_worker)
{
	tend_scope s;
	tend_task hog;

	open_world(1);
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.deadline = tend_after(5 * TEND_MS)), &s));
	OK(tend_spawn(root, compute_until_canceled, &s, NULL, &hog));
	ck_assert_int_eq(joined(hog).kind, TEND_COMPLETED);
	ck_assert_int_eq(reason_of(s), -ETIMEDOUT);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

SCENARIO(the_end_of_a_shield_needs_no_worker)
{
	tend_scope outer, s;
	tend_task hog;

	open_world(1);
	outer = child(root, "outer");
	OK(tend_scope_open(outer, "s", TEND_SCOPE_OPTS(.shield = tend_after(5 * TEND_MS)), &s));
	OK(tend_scope_cancel(outer, -EINTR, NULL));
	OK(tend_spawn(root, compute_until_canceled, &s, NULL, &hog));
	ck_assert_int_eq(joined(hog).kind, TEND_COMPLETED);
	ck_assert_int_eq(reason_of(s), -EINTR);
	OK(tend_scope_close(outer, SOON, NULL));
	close_world();
}

static int compute_until_task_canceled(void *task)
{
	while (tend_task_reason(*(tend_task *)task, NULL) == -ENOENT)
		compute();
	return 0;
}

SCENARIO(a_deadline_of_a_task_needs_no_worker)
{
	tend_task hog, late;

	open_world(1);
	OK(tend_spawn(root, wait_for, new_event(),
	              TEND_TASK_OPTS(.deadline = tend_after(5 * TEND_MS)), &late));
	OK(tend_spawn(root, compute_until_task_canceled, &late, NULL, &hog));
	ck_assert_int_eq(joined(hog).kind, TEND_COMPLETED);
	ck_assert_int_eq(joined(late).kind, TEND_CANCELED);
	close_world();
}

static void swallow(void *arg, int stream, const char *bytes, size_t n)
{
	(void)arg;
	(void)stream;
	(void)bytes;
	(void)n;
}

/* Computes on the only worker from the request for the program until the program runs. */
static int compute_until_begun(void *task)
{
	struct tend_life life;

	do {
		OK(tend_yield());
		OK(tend_task_info(*(tend_task *)task, &life));
	} while (!life.attempt);
	while (!life.ready) {
		compute();
		OK(tend_task_info(*(tend_task *)task, &life));
	}
	return 0;
}

SCENARIO(a_process_begins_while_every_worker_computes)
{
	tend_task task, hog;

	open_world(1);
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.name = "p", .argv = argv_of("up"),
	                                        .output = swallow,
	                                        .restart = TEND_RESTART(.policy = TEND_PERMANENT)),
	                      &task));
	OK(tend_spawn(root, compute_until_begun, &task, NULL, &hog));
	ck_assert_int_eq(joined(hog).kind, TEND_COMPLETED);
	OK(tend_task_cancel(task, -EINTR, NULL));
	(void)joined(task);
	close_world();
}

SCENARIO(a_deadline_that_has_passed_cancels_at_once)
{
	tend_scope s, shielded;
	struct tend_reason reason;
	struct tend_outcome out;
	tend_task t;

	open_world(1);
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.deadline = tend_now()), &s));
	ck_assert_int_eq(reason_of(s), -ETIMEDOUT);
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ECANCELED);
	/* A shield keeps out only cancels from above. */
	OK(tend_scope_open(root, "shielded",
	                   TEND_SCOPE_OPTS(.deadline = tend_now(), .shield = tend_after(TEND_SEC)),
	                   &shielded));
	ck_assert_int_eq(reason_of(shielded), -ETIMEDOUT);

	OK(tend_spawn(root, end_at_once, NULL, TEND_TASK_OPTS(.deadline = tend_now()), &t));
	OK(tend_task_reason(t, &reason));
	ck_assert_int_eq(reason.code, -ETIMEDOUT);
	ck_assert_str_eq(reason.text, "the task's deadline passed");
	out = joined(t);
	ck_assert_int_eq(out.kind, TEND_CANCELED);
	ck_assert_int_eq(out.result, -ECANCELED);
	close_world();
}

SCENARIO(deadlines_come_in_their_order)
{
	tend_scope s[4];
	struct tend_reason reason[4];

	open_world(2);
	/* Each is earlier than all before. */
	uint64_t base = tend_now();
	for (int i = 0; i < 4; i++)
		OK(tend_scope_open(root, "s",
		                   TEND_SCOPE_OPTS(.deadline = base + (uint64_t)(8 >> i) * TEND_MS),
		                   &s[i]));
	/* On a machine that was busy elsewhere some have passed, and have no order. */
	bool in_time = tend_now() < base + TEND_MS;
	OK(tend_scope_close(s[1], SOON, NULL));
	for (int i = 0; i < 4; i++)
		while (i != 1 && tend_scope_reason(s[i], &reason[i]) == -ENOENT)
			compute();
	if (in_time) {
		ck_assert_uint_le(reason[3].when, reason[2].when);
		ck_assert_uint_le(reason[2].when, reason[0].when);
	}
	close_world();
}

/* ---- Fresh tasks ---- */

enum { MANY = 500 }; /* more than a ring */

struct crowd {
	tend_scope scope;
	_Atomic int ran;
	_Atomic int goes_on;
};

static int run_one(void *crowd)
{
	atomic_fetch_add(&((struct crowd *)crowd)->ran, 1);
	return 0;
}

/* The spawner keeps one worker of two, and ends when its tasks have run. */
static void run_a_busy_spawner(tend_fn *spawner)
{
	static struct crowd c;
	tend_task hog;

	open_world(2);
	c = (struct crowd){.scope = child(root, "s")};
	OK(tend_spawn(root, spawner, &c, NULL, &hog));
	ck_assert_int_eq(joined(hog).kind, TEND_COMPLETED);
	OK(tend_scope_wait_empty(c.scope, SOON));
	close_world();
}

static int spawn_many_and_compute(void *crowd)
{
	struct crowd *c = crowd;

	for (int i = 0; i < MANY; i++)
		OK(tend_spawn(c->scope, run_one, c, NULL, NULL));
	while (atomic_load(&c->ran) < MANY)
		compute();
	return 0;
}

SCENARIO(an_idle_worker_takes_all_that_a_busy_worker_spawned)
{
	run_a_busy_spawner(spawn_many_and_compute);
}

static int spawn_as_it_computes(void *crowd)
{
	struct crowd *c = crowd;
	int spawned = 0;

	/* 300 more than have run, so that there are always some batches. */
	for (int ran; (ran = atomic_load(&c->ran)) < MANY;) {
		for (; spawned < ran + 300; spawned++)
			OK(tend_spawn(c->scope, run_one, c, NULL, NULL));
		compute();
	}
	return 0;
}

SCENARIO(an_idle_worker_takes_from_a_spawner_that_goes_on)
{
	run_a_busy_spawner(spawn_as_it_computes);
}

static int compute_until_many_ran(void *crowd)
{
	while (atomic_load(&((struct crowd *)crowd)->ran) < MANY)
		compute();
	return 0;
}

SCENARIO(a_busy_worker_keeps_nothing_that_was_spawned_outside)
{
	static struct crowd c;

	open_world(2);
	c = (struct crowd){.scope = child(root, "s")};
	for (int i = 0; i < MANY; i++) {
		/* The hog's worker may have taken some of the tasks around it. */
		if (i == MANY / 2)
			OK(tend_spawn(root, compute_until_many_ran, &c, NULL, NULL));
		OK(tend_spawn(c.scope, run_one, &c, NULL, NULL));
	}
	await_count(&c.ran, MANY);
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

static int end_the_others(void *crowd)
{
	atomic_store(&((struct crowd *)crowd)->goes_on, 0);
	return 0;
}

static int begin_anew(void *crowd)
{
	struct crowd *c = crowd;

	if (atomic_load(&c->goes_on))
		OK(tend_spawn(c->scope, begin_anew, c, NULL, NULL));
	return 0;
}

/* The oldest is put aside, and the rest keep the ring full. */
static int spawn_those_that_begin_anew(void *crowd)
{
	struct crowd *c = crowd;

	OK(tend_spawn(c->scope, end_the_others, c, NULL, NULL));
	for (int i = 0; i < 150; i++)
		OK(tend_spawn(c->scope, begin_anew, c, NULL, NULL));
	return 0;
}

SCENARIO(a_task_begins_although_others_spawn_without_end)
{
	static struct crowd c;

	open_world(1);
	c = (struct crowd){.scope = child(root, "s"), .goes_on = 1};
	OK(tend_spawn(root, spawn_those_that_begin_anew, &c, NULL, NULL));
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

/* ---- Waits without a park ---- */

enum { SENDS = 4, ENDED = 200 };

/* Objects for which no wait parks. */
struct ready {
	tend_event *set, *unset;
	tend_channel *channel;
	tend_scope empty;
	tend_task ended[ENDED];
	int joined;
	int pipe[2];
	_Atomic int over;
};

static int wait_for_event(struct ready *r) { return tend_event_wait(r->set, TEND_FOREVER); }

static int poll_event(struct ready *r)
{
	return tend_event_wait(r->unset, 0) == -ETIMEDOUT ? 0 : -EPROTO;
}

static int send_and_receive(struct ready *r)
{
	int item = 0, error = 0;

	for (int i = 0; i < SENDS && !error; i++)
		error = tend_channel_send(r->channel, &item, TEND_FOREVER);
	for (int i = 0; i < SENDS && !error; i++)
		error = tend_channel_recv(r->channel, &item, TEND_FOREVER);
	return error;
}

static int sleep_no_more(struct ready *r)
{
	(void)r;
	return tend_sleep_until(tend_now());
}

static int wait_for_empty(struct ready *r) { return tend_scope_wait_empty(r->empty, TEND_FOREVER); }

static int join_one(struct ready *r)
{
	return tend_join(r->ended[r->joined++], NULL, TEND_FOREVER);
}

static int wait_for_byte(struct ready *r)
{
	return tend_fd_wait(r->pipe[0], TEND_READABLE, TEND_FOREVER) == TEND_READABLE ? 0 : -EPROTO;
}

static int write_and_read(struct ready *r)
{
	char byte;

	return tend_write(r->pipe[1], "x", 1, TEND_FOREVER) == 1 &&
	                       tend_read(r->pipe[0], &byte, 1, TEND_FOREVER) == 1
	               ? 0
	               : -EPROTO;
}

static int ask(struct ready *r)
{
	(void)r;
	return tend_checkpoint();
}

static int (*const each[])(struct ready *) = {wait_for_event, poll_event,     send_and_receive,
                                              sleep_no_more,  wait_for_empty, join_one,
                                              wait_for_byte,  write_and_read, ask};
enum { EACH = sizeof(each) / sizeof(*each) };

struct greedy {
	struct ready *ready;
	int (*again)(struct ready *);
};

static int be_over(void *ready)
{
	atomic_store(&((struct ready *)ready)->over, 1);
	return 0;
}

static int never_park(void *greedy)
{
	struct greedy *g = greedy;

	OK(tend_spawn(root, be_over, g->ready, NULL, NULL));
	for (int i = 0; i < ENDED && !atomic_load(&g->ready->over); i++)
		OK(g->again(g->ready));
	return atomic_load(&g->ready->over) ? 0 : -ETIME;
}

static int be_over_later(void *ready)
{
	OK(tend_sleep_until(tend_after(TEND_MS)));
	return be_over(ready);
}

static int never_park_until_over(void *greedy)
{
	struct greedy *g = greedy;

	OK(tend_spawn(root, be_over_later, g->ready, NULL, NULL));
	while (!atomic_load(&g->ready->over)) {
		OK(g->again(g->ready));
		compute();
	}
	return 0;
}

static void make_ready(struct ready *r)
{
	*r = (struct ready){
		.set = new_event(), .unset = new_event(), .empty = child(root, "empty")};
	tend_event_set(r->set);
	OK(tend_channel_open(sizeof(int), SENDS, &r->channel));
	ck_assert_int_eq(pipe2(r->pipe, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(write(r->pipe[1], "x", 1), 1);
	for (int i = 0; i < ENDED; i++)
		OK(tend_spawn(r->empty, end_at_once, NULL, NULL, &r->ended[i]));
	OK(tend_scope_wait_empty(r->empty, SOON));
}

static void free_ready(struct ready *r)
{
	tend_channel_free(r->channel);
	OK(tend_fd_close(r->pipe[0]));
	OK(tend_fd_close(r->pipe[1]));
}

SCENARIO(a_task_whose_waits_never_park_lets_others_run)
{
	static struct ready r;
	tend_task t;

	open_world(1);
	make_ready(&r);
	for (int i = 0; i < EACH; i++) {
		struct greedy g = {&r, each[i]};

		atomic_store(&r.over, 0);
		OK(tend_spawn(root, never_park, &g, NULL, &t));
		ck_assert_msg(joined(t).result == 0, "number %d starves its neighbour", i);
		OK(tend_scope_wait_empty(root, SOON));
	}
	close_world();
	free_ready(&r);
}

SCENARIO(a_task_whose_waits_never_park_lets_timers_run)
{
	static struct ready r;
	tend_task t;

	open_world(1);
	make_ready(&r);
	for (int i = 0; i < EACH; i++) {
		struct greedy g = {&r, each[i]};

		if (each[i] == join_one)
			continue; /* out of tasks before the time is over */
		atomic_store(&r.over, 0);
		OK(tend_spawn(root, never_park_until_over, &g, NULL, &t));
		joined(t);
		OK(tend_scope_wait_empty(root, SOON));
	}
	close_world();
	free_ready(&r);
}
