/* Simulated processes: what only a simulation shows. A scenario that the real guard runs as
 * well is in scenarios/process.c. */
/* First, because scenario.h has a variable that the parameters of these would shadow. */
#include "kinds/process/process.h"

#include "explore.h"
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

#include "platform/guard.h"
#include "platform/sim/sim.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* The keepers of a guard that was killed may outlive the runtime by a moment. */
static void no_thread_is_left(void)
{
	for (int i = 0; i < 100 && tend__sim_threads() > 0; i++)
		tend_sim_compute(TEND_MS);
	ck_assert_int_eq(tend__sim_threads(), 0);
}

static void run_once(uint64_t seed, int (*fn)(void *arg), void *arg)
{
	struct tend_sim_result result;
	int fds = open_descriptors();

	OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 2 + (uint32_t)(seed % 11)), fn,
	                arg, &result));
	ck_assert_uint_eq(tend_sim_held(), 0);
	ck_assert_int_eq(open_descriptors(), fds);
}

static void run_seeds(const char *name, uint64_t usual, int (*fn)(void *arg), void *arg)
{
	uint64_t first = suite_number("SEED", 0);
	uint64_t seeds = getenv("SEED") ? 1 : suite_number("SCHEDULES", usual);

	for (uint64_t seed = first; seed < first + seeds; seed++) {
		where("SEED=%llu test_sim %s", (unsigned long long)seed, name);
		run_once(seed, fn, arg);
	}
	where_done();
}

/* ---- Random programs ---- */

enum { TASKS = 24 };

/* Of each task, by its number in argv[1]. */
static struct record {
	tend_task task;
	bool admitted, ended, returned, has_output;
	int code;
	uint64_t begun, written, heard; /* bytes: of writes that began, that were done, that came */
	int drops;
} records[TASKS];
static bool shut_down;

static struct record *record_of(const char *const *argv)
{
	struct record *r = &records[atoi(argv[1])];

	/* The task ends only when the last of its processes is dead. */
	ck_assert(!r->ended);
	return r;
}

static void say(const char *const *argv, size_t n)
{
	static char text[3001];
	struct record *r = record_of(argv);
	int fd = 1 + (int)tend_sim_choose(2);

	memset(text, 'x', sizeof(text) - 1);
	r->begun += n;
	int64_t done = tend_sim_write(fd, text + sizeof(text) - 1 - n);
	r = record_of(argv);
	if (done > 0)
		r->written += (uint64_t)done;
	else
		ck_assert(done == -EINTR || done == -EINVAL || done == -EPIPE);
}

static int random_leaf(const char *const *argv);

static int random_life(const char *const *argv, bool births)
{
	static const int signals[] = {SIGTERM, SIGUSR1, SIGINT, SIGPIPE};

	for (int i = 0; i < 12; i++) {
		switch (tend_sim_choose(13)) {
		case 0:
			(void)tend_sim_wait(tend_sim_choose(20) * TEND_MS);
			break;
		case 1:
			(void)tend_sim_wait(TEND_SEC);
			break;
		case 2:
		case 3:
			say(argv, 1 + (size_t)tend_sim_choose(30));
			break;
		case 4:
			for (int k = 0; k < 40; k++)
				say(argv, 3000);
			break;
		case 5:
			OK(tend_sim_on_signal(signals[tend_sim_choose(4)],
			                      (enum tend_sim_action)tend_sim_choose(3)));
			break;
		case 6:
			ck_assert(!births || tend_sim_child(random_leaf) != 0);
			break;
		case 7:
			ck_assert(!births || tend_sim_daemon(random_leaf) != 0);
			break;
		case 8:
			if (tend_sim_choose(4) == 0)
				tend_sim_die(SIGABRT);
			break;
		case 9:
			if (tend_sim_choose(4) == 0)
				(void)tend_sim_close(1 + (int)tend_sim_choose(2));
			break;
		case 10:
			tend_sim_compute(tend_sim_choose(5) * TEND_MS);
			break;
		case 11:
			(void)tend_sim_wait(tend_sim_choose(1000) * 1000);
			break;
		default:
			if (tend_sim_choose(3) == 0)
				return (int)tend_sim_choose(4);
		}
		(void)record_of(argv);
	}
	return 3;
}

static int random_leaf(const char *const *argv)
{
	/* One in four has children itself. */
	return random_life(argv, tend_sim_choose(4) == 0);
}

static int random_leader(const char *const *argv)
{
	struct record *r = record_of(argv);

	r->code = random_life(argv, true);
	r->returned = true;
	return r->code;
}

static void hear(void *arg, int stream, const char *bytes, size_t n)
{
	struct record *r = arg;

	ck_assert(stream == 1 || stream == 2);
	ck_assert(n == 0 || bytes[0] == 'x');
	ck_assert(r->drops == 0);
	r->heard += n;
	if (tend_sim_choose(4) == 0)
		(void)tend_sleep(tend_sim_choose(3) * TEND_MS);
}

static void drop(void *arg) { ((struct record *)arg)->drops++; }

static void spawn_random(tend_scope s, int number)
{
	static const char *const names[] = {"random", "random", "random",  "random",
	                                    "random", "random", "missing", "not allowed"};
	struct record *r = &records[number];
	char digits[8];

	snprintf(digits, sizeof(digits), "%d", number);
	const char *const argv[] = {names[tend_sim_choose(8)], digits, NULL};
	r->has_output = tend_sim_choose(3) > 0;
	int error = tend_spawn_process(
		s,
		TEND_PROCESS_OPTS(.argv = argv, .stop_ns = 1 + tend_sim_choose(50) * TEND_MS,
	                          .flags = tend_sim_choose(4) ? 0 : TEND_ONE_OUTPUT,
	                          .stop_signal = tend_sim_choose(4) ? 0 : SIGUSR1,
	                          .output = r->has_output ? hear : NULL, .output_arg = r,
	                          .drop = drop),
		&r->task);
	ck_assert(!error || error == -ECANCELED || error == -ESRCH);
	r->admitted = !error;
}

static void check_outcome(struct record *r)
{
	struct tend_outcome o;
	int error = tend_join(r->task, &o, SOON);

	if (error == -ETIMEDOUT) {
		/* A signal has stopped it, and goes on for a stop alone. */
		(void)!tend_task_cancel(r->task, -ECANCELED, NULL);
		error = tend_join(r->task, &o, SOON);
	}
	if (error == -ESRCH)
		return; /* its scope was shut down */
	OK(error);
	r->ended = true;
	ck_assert_int_eq(r->drops, 1);
	ck_assert(o.kind == TEND_COMPLETED || o.kind == TEND_FAILED || o.kind == TEND_CANCELED ||
	          o.kind == TEND_KILLED);
	if (o.kind == TEND_COMPLETED)
		ck_assert(r->returned && r->code == 0 && o.result == 0);
	if (o.result >= 0 && o.result < 128)
		ck_assert(r->returned && o.result == r->code);
	if (o.result > 128 && o.result != 128 + SIGKILL)
		ck_assert(o.signal == o.result - 128);
	ck_assert(o.kind != TEND_CANCELED || o.was_canceled);
	if (r->has_output)
		ck_assert(r->written <= r->heard && r->heard <= r->begun);
}

static int random_processes(void *arg)
{
	tend_scope s;
	int n = 0;

	(void)arg;
	memset(records, 0, sizeof(records));
	shut_down = false;
	OK(tend_sim_program("random", random_leader));
	OK(tend_sim_no_program("not allowed", -EACCES));
	open_world(1 + (uint32_t)tend_sim_choose(3));
	s = child(root, "s");
	for (int i = 0; i < 30; i++) {
		tend_task some = n ? records[tend_sim_choose((uint64_t)n)].task : (tend_task){0};

		switch (tend_sim_choose(16)) {
		case 0:
			(void)!tend_task_cancel(some, -ECANCELED, NULL);
			break;
		case 1:
			(void)!tend_process_signal(some, (int)(1 + tend_sim_choose(31)));
			break;
		case 2:
			if (tend_sim_choose(2) == 0)
				tend_sim_kill_guard();
			break;
		case 3:
			if (tend_sim_choose(8) == 0)
				(void)!tend_scope_cancel(s, -ECANCELED, NULL);
			break;
		case 4:
			OK(tend_sleep(tend_sim_choose(2000) * 1000));
			break;
		case 5:
			tend_sim_compute(tend_sim_choose(2000) * 1000);
			break;
		case 6:
			if (tend_sim_choose(8) == 0)
				(void)!tend_shutdown(s, tend_after(tend_sim_choose(100) * TEND_MS),
				                     NULL);
			break;
		default:
			if (n < TASKS)
				spawn_random(s, n++);
		}
	}
	for (int i = 0; i < n; i++)
		if (records[i].admitted)
			check_outcome(&records[i]);
	close_world();
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(records[i].drops, records[i].admitted);
	no_thread_is_left();
	return 0;
}
TEST(random_processes_end_and_leave_nothing)
{
	run_seeds("random_processes", (uint64_t)suite_count(100, 600, 30000), random_processes,
	          NULL);
}

/* Though sockets and pipes are real. */
TEST(the_same_seed_gives_the_same_run_of_processes)
{
	for (uint64_t seed = 0; seed < (uint64_t)suite_count(20, 100, 1000); seed++) {
		struct tend_sim_result r[2];

		where("seed %d twice", (int)seed);
		for (int i = 0; i < 2; i++)
			OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .trace = 1), random_processes,
			                NULL, &r[i]));
		ck_assert_uint_eq(r[0].trace, r[1].trace);
		ck_assert_uint_eq(r[0].steps, r[1].steps);
		ck_assert_uint_eq(r[0].clock, r[1].clock);
	}
	where_done();
}

/* ---- The death of a guard ---- */

static int guard_dies_at_work(void *arg)
{
	struct tend_outcome o;
	tend_task deaf, closed;

	(void)arg;
	open_world(2);
	deaf = process(root, "deaf", 0);
	until_it_says(deaf, "up");
	closed = process(root, "deaf without output", 0);
	until_it_says(closed, "up");
	tend_sim_kill_guard();
	/* Whether or not it has been noticed, the next process has another guard. */
	ck_assert_int_eq(joined(process(root, "exit 7", 0)).result, 7);
	o = joined(deaf);
	ck_assert_int_eq(o.kind, TEND_KILLED);
	ck_assert_str_eq(o.message, "tend-guard died, and the process with it");
	ck_assert_int_eq(joined(closed).kind, TEND_KILLED);
	close_world();
	no_thread_is_left();
	return 0;
}
TEST(the_death_of_a_guard_is_seen_and_another_is_started)
{
	run_seeds("the_death_of_a_guard", (uint64_t)suite_count(20, 100, 1000), guard_dies_at_work,
	          NULL);
}

/* Neither a request nor the end of a pipe makes the runtime look at the process. */
static int guard_dies_alone(void *arg)
{
	tend_task t;

	(void)arg;
	open_world(2);
	t = process(root, "deaf without output", 0);
	until_it_says(t, "up");
	OK(tend_sleep(TEND_SEC));
	tend_sim_kill_guard();
	ck_assert_int_eq(joined(t).kind, TEND_KILLED);
	close_world();
	no_thread_is_left();
	return 0;
}
/* As if no number had been free when the process started, and the leader were never dead: its
 * pid is that of the test. */
static void never_die(tend_task t)
{
	struct tend__process *p = tend__own(tend__task_at(rt, t.id));

	tend__lock(&p->children->lock);
	tend__process_close(&p->pidfd);
	p->pid = getpid();
	tend__unlock(&p->children->lock);
}

static int leader_is_not_seen_dead(void *arg)
{
	struct tend_outcome o;
	tend_task t;

	(void)arg;
	open_world(2);
	t = process(root, "deaf without output", 0);
	until_it_says(t, "up");
	never_die(t);
	uint64_t begun = tend_now();
	tend_sim_kill_guard();
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -EPIPE);
	ck_assert_ptr_nonnull(strstr(o.message, "not seen"));
	ck_assert_uint_ge(tend_now() - begun, 5 * TEND_SEC);
	close_world();
	no_thread_is_left();
	return 0;
}
TEST(a_leader_without_a_pidfd_is_not_said_to_be_killed_before_it_is)
{
	run_seeds("is_not_said_to_be_killed", (uint64_t)suite_count(20, 100, 1000),
	          leader_is_not_seen_dead, NULL);
}

static tend_task start_unseen(const struct tend_child *set, size_t n, tend_task *tasks)
{
	OK(tend_spawn_set(root, set, n, TEND_TOGETHER, tasks, NULL));
	until_it_says(tasks[0], "up");
	never_die(tasks[0]);
	return tasks[0];
}

static int fail_at_once(void *arg)
{
	(void)arg;
	return -EIO;
}

/* Neither a process of a set without a policy, nor one that ends with its set, runs again. */
static int leader_of_a_set_is_not_seen_dead(void *arg)
{
	struct tend_outcome o;
	tend_task tasks[2], t;
	const struct tend_need up = {.of = 0, .until = TEND_NEED_READY};
	const struct tend_process_opts *once =
		TEND_PROCESS_OPTS(.name = "p", .argv = argv_of("deaf without output"));
	const struct tend_process_opts *ever =
		TEND_PROCESS_OPTS(.name = "p", .argv = argv_of("deaf without output"),
	                          .stop_ns = TEND_FOREVER,
	                          .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                  .ready_ns = 3600 * TEND_SEC));
	const struct tend_child alone[] = {{.process = once}};
	const struct tend_child two[] = {
		{.process = ever},
		{.fn = fail_at_once,
	         .opts = TEND_TASK_OPTS(.name = "f"),
	         .needs = &up,
	         .needs_count = 1},
	};

	(void)arg;
	open_world(2);
	t = start_unseen(alone, 1, tasks);
	tend_sim_kill_guard();
	o = joined(t);
	ck_assert_int_eq(o.result, -EPIPE);
	ck_assert_ptr_nonnull(strstr(o.message, "not seen"));

	t = start_unseen(two, 2, tasks);
	OK(tend_task_ready(t, 1));
	ck_assert_int_eq(joined(tasks[1]).kind, TEND_FAILED);
	tend_sim_kill_guard();
	ck_assert_int_eq(joined(t).result, -EPIPE);
	close_world();
	no_thread_is_left();
	return 0;
}
TEST(a_process_that_runs_no_more_is_not_awaited_for_ever_after_its_guard)
{
	run_seeds("awaited_for_ever", (uint64_t)suite_count(10, 50, 500),
	          leader_of_a_set_is_not_seen_dead, NULL);
}

static void spawn_relative(tend_scope s, tend_task *t)
{
	OK(tend_spawn_process(s,
	                      TEND_PROCESS_OPTS(.argv = argv_of("exit 0"),
	                                        .restart = TEND_RESTART(.policy = TEND_TRANSIENT)),
	                      t));
	OK(tend_scope_wait_empty(s, SOON));
}

/* The outcomes are not taken yet. */
static int ends_with_descriptors(void *arg)
{
	tend_task tasks[4];
	tend_scope s;
	int fds;

	(void)arg;
	open_world(2);
	s = child(root, "s");
	spawn_relative(s, &tasks[0]);
	OK(tend_sleep(TEND_SEC));
	fds = open_descriptors();
	for (int i = 1; i < 4; i++)
		spawn_relative(s, &tasks[i]);
	OK(tend_sleep(TEND_SEC));
	ck_assert_int_eq(open_descriptors(), fds);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(joined(tasks[i]).kind, TEND_COMPLETED);
	close_world();
	return 0;
}
TEST(a_process_that_has_ended_has_no_descriptors)
{
	run_seeds("has_no_descriptors", (uint64_t)suite_count(10, 50, 500), ends_with_descriptors,
	          NULL);
}

TEST(the_death_of_a_guard_alone_is_seen)
{
	run_seeds("the_death_of_a_guard_alone", (uint64_t)suite_count(20, 100, 1000),
	          guard_dies_alone, NULL);
}

static int ends_seen[3]; /* of processes whose guard died: never began, killed, on their own */

static int guard_dies_at_a_start(void *arg)
{
	struct tend_outcome o;
	tend_task t;

	(void)arg;
	open_world(2);
	t = process(root, "exit 7", 0);
	tend_sim_compute(tend_sim_choose(2000) * 1000);
	tend_sim_kill_guard();
	o = joined(t);
	if (o.result == -EPIPE) {
		ck_assert_int_eq(o.kind, TEND_FAILED);
		ck_assert_ptr_nonnull(strstr(o.message, "died before the process had started"));
		ends_seen[0]++;
	} else if (o.kind == TEND_KILLED)
		ends_seen[1]++;
	else {
		ck_assert_int_eq(o.result, 7);
		ends_seen[2]++;
	}
	close_world();
	no_thread_is_left();
	return 0;
}
TEST(a_guard_dies_at_each_moment_of_a_start)
{
	run_seeds("a_guard_dies_at_each_moment", (uint64_t)suite_count(100, 300, 3000),
	          guard_dies_at_a_start, NULL);
	if (!getenv("SEED"))
		for (int i = 0; i < 3; i++)
			ck_assert_msg(ends_seen[i] > 0, "no end %d", i);
}

/* ---- The start of a guard, with all that may come meanwhile ---- */

static int waited, closed_meanwhile; /* spawners behind another's start; closes during a start */

static bool starts(void)
{
	tend__lock(&rt->children_lock);
	struct tend__children *c = rt->children;
	tend__unlock(&rt->children_lock);
	if (!c)
		return false;
	tend__lock(&c->lock);
	bool yes = c->starting;
	tend__unlock(&c->lock);
	return yes;
}

static int asks(void *arg)
{
	const struct tend_scope *s = arg;
	const struct tend_restart *again = TEND_RESTART(.policy = TEND_PERMANENT);
	bool behind = starts();
	int error =
		tend_spawn_process(*s,
	                           TEND_PROCESS_OPTS(.argv = argv_of("up"),
	                                             .restart = tend_sim_choose(2) ? again : NULL),
	                           NULL);

	ck_assert(!error || error == -ECANCELED || error == -ESHUTDOWN);
	waited += behind && !error;
	return 0;
}

static int guards_start(void *arg)
{
	(void)arg;
	open_world(2);
	tend_scope s = child(root, "s"), askers = child(root, "askers");

	for (int i = 0; i < 4; i++)
		OK(tend_spawn(askers, asks, &s, NULL, NULL));
	tend_sim_compute(tend_sim_choose(3000) * 1000);
	for (uint64_t n = tend_sim_choose(3); n; n--) {
		tend_sim_kill_guard();
		tend_sim_compute(tend_sim_choose(1000) * 1000);
	}
	if (tend_sim_choose(4))
		OK(tend_scope_wait_empty(askers, TEND_FOREVER));
	closed_meanwhile += starts();
	close_world();
	no_thread_is_left();
	return 0;
}
TEST(the_start_of_a_guard_meets_other_spawns_its_death_and_the_close)
{
	run_seeds("the_start_of_a_guard", (uint64_t)suite_count(100, 300, 3000), guards_start,
	          NULL);
	if (!getenv("SEED")) {
		ck_assert_int_gt(waited, 0);
		ck_assert_int_gt(closed_meanwhile, 0);
	}
}

/* ---- Virtual time ---- */

enum { DAYS = 30 };

static int tick_each_hour(const char *const *argv)
{
	(void)argv;
	for (int hour = 0; hour < DAYS * 24; hour++) {
		ck_assert_int_eq(tend_sim_wait(3600 * TEND_SEC), 0);
		ck_assert_int_eq((int)tend_sim_write(1, "."), 1);
	}
	return 0;
}

static int days_of_a_process(void *arg)
{
	const uint64_t days = DAYS * 86400 * TEND_SEC;
	const char *const argv[] = {"hours", NULL};
	uint64_t before;
	tend_task t;

	(void)arg;
	OK(tend_sim_program("hours", tick_each_hour));
	open_world(2);
	before = tend_now();
	memset(records, 0, sizeof(records));
	OK(tend_spawn_process(root, TEND_PROCESS_OPTS(.argv = argv), &t));
	OK(tend_join(t, NULL, tend_after(2 * days)));
	ck_assert_uint_ge(tend_now() - before, days);
	ck_assert_uint_lt(tend_now() - before, days + TEND_SEC);
	close_world();
	return 0;
}
TEST(a_process_of_thirty_days_takes_no_time) { run_once(1, days_of_a_process, NULL); }

/* ---- Back pressure ---- */

static uint64_t put;
static tend_event *go;

static int pour(const char *const *argv)
{
	static char text[1001];

	(void)argv;
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 300; i++)
		put += (uint64_t)tend_sim_write(1, text);
	return 0;
}

static void hear_when_told(void *arg, int stream, const char *bytes, size_t n)
{
	(void)stream;
	(void)bytes;
	OK(tend_event_wait(go, TEND_FOREVER));
	*(uint64_t *)arg += n;
}

static int pressure(void *arg)
{
	const char *const argv[] = {"pour", NULL};
	uint64_t heard_bytes = 0;
	tend_task t;

	(void)arg;
	put = 0;
	OK(tend_sim_program("pour", pour));
	open_world(2);
	go = new_event();
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv, .output = hear_when_told,
	                                        .output_arg = &heard_bytes),
	                      &t));
	OK(tend_sleep(TEND_SEC));
	/* A pipe and one read are full. */
	ck_assert_uint_gt(put, 4096);
	ck_assert_uint_lt(put, 100000);
	tend_event_set(go);
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_uint_eq(put, 300000);
	ck_assert_uint_eq(heard_bytes, 300000);
	close_world();
	return 0;
}
TEST(a_callback_that_waits_holds_the_process_up_and_loses_nothing)
{
	run_seeds("a_callback_that_waits", (uint64_t)suite_count(20, 100, 1000), pressure, NULL);
}

/* ---- More starts than may be unanswered ---- */

enum { CROWD = 80 };
_Static_assert(CROWD > TEND__GUARD_WINDOW, "some starts have to wait");

static int crowd(void *arg)
{
	tend_task t[CROWD];

	(void)arg;
	open_world(1);
	for (int i = 0; i < CROWD; i++)
		t[i] = process(root, i % 2 ? "exit 7" : "exit 0", 0);
	for (int i = 0; i < CROWD; i++)
		ck_assert_int_eq(joined(t[i]).result, i % 2 ? 7 : 0);
	close_world();
	no_thread_is_left();
	return 0;
}
TEST(more_starts_than_the_guard_takes_at_once_wait_for_their_turn)
{
	run_seeds("more_starts", (uint64_t)suite_count(5, 30, 300), crowd, NULL);
}

/* The socket of the guard is full for some of the requests, when nothing else goes on that
 * would have the runtime look again. */
static int one_by_one(void *arg)
{
	(void)arg;
	open_world(1);
	for (int i = 0; i < 5; i++) {
		tend_task t = process(root, "exit 5 on TERM", 0);

		until_it_says(t, "up");
		OK(tend_sleep(TEND_SEC));
		OK(tend_task_cancel(t, -ECANCELED, NULL));
		ck_assert_int_eq(joined(t).result, 5);
		OK(tend_sleep(TEND_SEC));
	}
	close_world();
	return 0;
}
TEST(a_request_that_finds_no_room_is_repeated)
{
	run_seeds("a_request_that_finds_no_room", (uint64_t)suite_count(50, 100, 1000), one_by_one,
	          NULL);
}

/* ---- A shutdown at each instant ---- */

static int shutdown_at(void *arg)
{
	static const char *const names[] = {"exit 0", "exit 5 on TERM", "deaf",
	                                    "leave a deaf daemon", "leave a child"};
	tend_report *report;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)process(s, names[i], 30 * TEND_MS);
	tend_sim_compute(*(uint64_t *)arg);
	OK(tend_shutdown(s, tend_after(TEND_SEC), TEND_SHUTDOWN_OPTS(.report = &report)));
	ck_assert_uint_eq(tend_report_abandoned(report), 0);
	tend_report_free(report);
	close_world();
	no_thread_is_left();
	return 0;
}
TEST(a_shutdown_at_each_instant_of_processes_leaves_nothing)
{
	const uint64_t seeds = (uint64_t)suite_count(2, 10, 100);

	for (uint64_t at = 0; at < 3 * TEND_MS; at += 50000)
		for (uint64_t seed = 0; seed < seeds; seed++) {
			where("shutdown at %d us, seed %d", (int)(at / 1000), (int)seed);
			run_once(seed, shutdown_at, &at);
		}
	where_done();
}

static int kill_late(void *arg)
{
	tend_report *report;
	char text[4096];
	tend_scope s;

	(void)arg;
	open_world(2);
	s = child(root, "s");
	/* Its own time is longer than that of the shutdown. */
	until_it_says(process(s, "deaf", 600 * TEND_SEC), "up");
	OK(tend_shutdown(s, tend_after(5 * TEND_SEC), TEND_SHUTDOWN_OPTS(.report = &report)));
	ck_assert_uint_eq(tend_report_abandoned(report), 0);
	ck_assert_uint_lt(tend_report_text(report, text, sizeof(text)), sizeof(text));
	ck_assert_msg(strstr(text, "1 killed"), "%s", text);
	ck_assert_msg(strstr(text, "deaf ("), "%s", text);
	tend_report_free(report);
	close_world();
	return 0;
}
TEST(a_shutdown_kills_a_process_that_does_not_stop_in_its_time)
{
	run_seeds("a_shutdown_kills", (uint64_t)suite_count(20, 100, 1000), kill_late, NULL);
}

/* ---- The messages ---- */

static struct tend__guard guard;
static const struct tend__guard_stop soon = {.signal = SIGTERM, .ns = 10 * TEND_MS};

static int ask_for(uint64_t cookie, const char *name)
{
	const struct tend__guard_program program = {
		.argv = argv_of(name), .base = -1, .fds = {-1, -1, -1, -1}, .stop = soon};
	int error;

	do
		error = tend__guard_spawn(&guard, cookie, &program);
	while (error == -EAGAIN);
	return error;
}

/* The socket may be full for a while. */
#define SENT(call) \
	do { \
		int sent; \
		while ((sent = (call)) == -EAGAIN) \
			continue; \
		OK(sent); \
	} while (0)

static struct tend__guard_message next_message(void)
{
	struct tend__guard_message m;
	uint64_t deadline = SOON;
	int got;

	while ((got = tend__guard_next(&guard, &m)) == 0) {
		ck_assert_uint_lt(tend_now(), deadline);
		tend_sim_compute(TEND_MS / 10);
	}
	ck_assert_int_eq(got, 1);
	return m;
}

#define EXPECT_MESSAGE(m, a, b) \
	do { \
		m = next_message(); \
		ck_assert_uint_eq(m.type, (a)); \
		ck_assert_uint_eq(m.cookie, (b)); \
	} while (0)

static int messages(void *arg)
{
	struct tend__guard_message m;
	struct pollfd leader = {.events = POLLIN};

	(void)arg;
	OK(tend__guard_open(NULL, &guard));
	OK(ask_for(7, "deaf"));
	EXPECT_MESSAGE(m, TEND__GUARD_STARTED, 7);
	ck_assert_int_gt(m.pid, 4194304);
	leader.fd = m.pidfd;
	ck_assert_int_eq(poll(&leader, 1, 0), 0);
	/* One cookie, one task. */
	OK(ask_for(7, "exit 0"));
	EXPECT_MESSAGE(m, TEND__GUARD_START_FAILED, 7);
	ck_assert_int_eq(m.error, EEXIST);
	/* A stop before the start arrives right after it, or in place of it. */
	OK(ask_for(8, "deaf"));
	SENT(tend__guard_stop(&guard, 8, 20 * TEND_MS));
	m = next_message();
	if (m.type == TEND__GUARD_STARTED) {
		close(m.pidfd);
		EXPECT_MESSAGE(m, TEND__GUARD_EXITED, 8);
		ck_assert_int_eq(m.status, SIGKILL + (m.status == SIGTERM ? SIGTERM - SIGKILL : 0));
	}
	ck_assert_uint_eq(m.cookie, 8);
	/* What has no task is nothing. */
	SENT(tend__guard_kill(&guard, 8));
	OK(tend__guard_signal(&guard, 99, SIGTERM));
	ANSWERS(tend__guard_signal(&guard, 7, 65), -EINVAL);
	/* A later stop can only make the time shorter. */
	uint64_t before = tend_now();
	SENT(tend__guard_stop(&guard, 7, 10 * TEND_MS));
	SENT(tend__guard_stop(&guard, 7, 60 * TEND_SEC));
	EXPECT_MESSAGE(m, TEND__GUARD_EXITED, 7);
	ck_assert_uint_lt(tend_now() - before, 20 * TEND_MS);
	ck_assert_int_eq(m.code, CLD_KILLED);
	ck_assert_int_eq(poll(&leader, 1, 0), 1);
	close(leader.fd);
	/* The end of the guard's owner is the end of its tasks. */
	OK(ask_for(9, "leave a deaf daemon"));
	ck_assert(!tend__guard_dead(&guard));
	tend__guard_close(&guard);
	ck_assert_int_eq(tend__sim_threads(), 0);
	return 0;
}
TEST(the_fake_of_the_guard_keeps_the_rules_of_the_messages)
{
	run_seeds("the_fake_of_the_guard", (uint64_t)suite_count(50, 200, 2000), messages, NULL);
}

/* ---- Misuse ---- */

static int misuse(const char *const *argv)
{
	(void)argv;
	ANSWERS(tend_sim_on_signal(SIGKILL, TEND_SIM_IGNORE), -EINVAL);
	ANSWERS(tend_sim_on_signal(SIGSTOP, TEND_SIM_TAKE), -EINVAL);
	ANSWERS(tend_sim_on_signal(0, TEND_SIM_IGNORE), -EINVAL);
	ANSWERS(tend_sim_on_signal(65, TEND_SIM_IGNORE), -EINVAL);
	ANSWERS(tend_sim_write(0, "x"), -EINVAL);
	OK(tend_sim_close(1));
	ANSWERS(tend_sim_close(1), -EINVAL);
	ANSWERS(tend_sim_write(1, "x"), -EINVAL);
	ANSWERS(tend_sim_write(2, ""), 0);
	return 11;
}

static int refusals(void *arg)
{
	const char *const argv[] = {"misuse", NULL};
	tend_task t;

	(void)arg;
	ANSWERS(tend_sim_program(NULL, misuse), -EINVAL);
	ANSWERS(tend_sim_program("", misuse), -EINVAL);
	ANSWERS(tend_sim_program("misuse", NULL), -EINVAL);
	ANSWERS(tend_sim_no_program("misuse", 0), -EINVAL);
	OK(tend_sim_no_program("misuse", -EACCES));
	OK(tend_sim_program("misuse", misuse)); /* the last call counts */
	/* Of a thread that is no simulated process. */
	ANSWERS(tend_sim_wait(1), -EPERM);
	ANSWERS(tend_sim_on_signal(SIGTERM, TEND_SIM_TAKE), -EPERM);
	ANSWERS(tend_sim_write(1, "x"), -EPERM);
	ANSWERS(tend_sim_close(1), -EPERM);
	ANSWERS(tend_sim_child(misuse), -EPERM);
	ANSWERS(tend_sim_daemon(misuse), -EPERM);
	open_world(1);
	OK(tend_spawn_process(root, TEND_PROCESS_OPTS(.argv = argv), &t));
	ck_assert_int_eq(joined(t).result, 11);
	close_world();
	return 0;
}
TEST(the_calls_of_simulated_programs_refuse_what_is_wrong)
{
	ANSWERS(tend_sim_program("misuse", misuse), -EPERM);
	ANSWERS(tend_sim_wait(1), -EPERM);
	tend_sim_kill_guard();
	run_once(1, refusals, NULL);
	run_once(1, refusals, NULL); /* nothing is left of the first */
}

/* ---- Every schedule ---- */

static int end_at_term(const char *const *argv)
{
	(void)argv;
	return tend_sim_wait(TEND_FOREVER);
}

static int return_3(const char *const *argv)
{
	(void)argv;
	return 3;
}

static int cancel_task(void *arg) { return tend_task_cancel(*(tend_task *)arg, -ECANCELED, NULL); }

/* A process that may end by itself, a signal from one side and a cancel from another. */
static int stop_against_exit(void *program)
{
	const char *const argv[] = {"p", NULL};
	struct tend_outcome o;
	tend_runtime *small;
	tend_task t, canceler;
	int error;

	tend__sim_fix(true);
	EXPECT(!tend_sim_program("p", *(tend_sim_main **)program));
	EXPECT(!tend_runtime_open(
		TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 16, .events_max = 16), &small));
	EXPECT(!tend_spawn_process(tend_root(small),
	                           TEND_PROCESS_OPTS(.argv = argv, .stop_ns = 1000), &t));
	EXPECT(!tend_spawn(tend_root(small), cancel_task, &t, NULL, &canceler));
	tend__sim_fix(false);
	error = tend_process_signal(t, SIGTERM);
	EXPECT(!error || error == -EAGAIN || error == -ESRCH);
	EXPECT(!tend_join(t, &o, TEND_FOREVER));
	tend__sim_fix(true);
	EXPECT(o.kind == TEND_CANCELED || o.kind == TEND_COMPLETED || o.kind == TEND_FAILED ||
	       o.kind == TEND_KILLED);
	EXPECT(o.kind != TEND_CANCELED || o.was_canceled);
	EXPECT(o.result == 3 || o.result == 128 + SIGTERM || o.result == 128 + SIGKILL ||
	       (o.result == -ECANCELED && o.was_canceled));
	/* A signal that nobody sent before a cancel has come is no answer of this program. */
	EXPECT(o.kind != TEND_FAILED || o.result == 3 || o.signal == SIGTERM);
	EXPECT(!tend_join(canceler, &o, TEND_FOREVER) && (o.result == 0 || o.result == -ESRCH));
	EXPECT(!tend_runtime_close(small, TEND_FOREVER));
	return 0;
}
/* With no preemption every schedule; with one, the first ones, in which the preemption comes
 * late; and by seeds those in which it comes early. */
static void explored(int (*fn)(void *arg), void *arg)
{
	const uint64_t some[] = {1000000, (uint64_t)suite_count(1500, 1500, 1000000)};
	struct tend_sim_result r;
	uint64_t runs = 0;

	for (uint32_t preemptions = 0; preemptions < 2; preemptions++) {
		int error = tend_sim_explore(TEND_SIM_OPTS(.explore = preemptions), fn, arg,
		                             some[preemptions], &runs, &r);

		ck_assert_msg(!error || (preemptions && error == -EAGAIN),
		              "run %llu: error %d, status %d, line %d", (unsigned long long)runs,
		              error, r.status, r.result);
		ck_assert_uint_gt(runs, 20);
	}
	for (uint64_t seed = 0; seed < (uint64_t)suite_count(100, 500, 20000); seed++) {
		where("seed %d of an exploration", (int)seed);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 1 + (uint32_t)(seed % 5)),
		                fn, arg, &r));
		ck_assert_int_eq(r.result, 0);
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}

TEST_EACH(every_schedule_of_stop_against_exit_against_cancel, 2)
{
	static tend_sim_main *const fns[] = {return_3, end_at_term};

	explored(stop_against_exit, (void *)(uintptr_t)&fns[_i]);
}

static int say_x(const char *const *argv)
{
	(void)argv;
	return tend_sim_write(1, "x") == 1 ? 0 : 1;
}

static void count_bytes(void *arg, int stream, const char *bytes, size_t n)
{
	(void)stream;
	(void)bytes;
	*(size_t *)arg += n;
}

/* The last that a process has written is read, however near its end is. */
static int output_against_exit(void *arg)
{
	const char *const argv[] = {"x", NULL};
	struct tend_outcome o;
	tend_runtime *small;
	size_t n = 0;
	tend_task t;

	(void)arg;
	tend__sim_fix(true);
	EXPECT(!tend_sim_program("x", say_x));
	EXPECT(!tend_runtime_open(
		TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 16, .events_max = 16), &small));
	EXPECT(!tend_spawn_process(
		tend_root(small),
		TEND_PROCESS_OPTS(.argv = argv, .output = count_bytes, .output_arg = &n), &t));
	tend__sim_fix(false);
	EXPECT(!tend_join(t, &o, TEND_FOREVER) && o.kind == TEND_COMPLETED);
	tend__sim_fix(true);
	EXPECT(n == 1);
	EXPECT(!tend_runtime_close(small, TEND_FOREVER));
	return 0;
}
TEST(every_schedule_of_output_against_exit) { explored(output_against_exit, NULL); }

/* The main thread goes on until it waits, so the guard has answered none of the requests when
 * the cancel comes. Those that had to wait are never asked for. */
static int cancel_of_a_crowd(void *arg)
{
	struct tend_outcome o;
	int never = 0;
	tend_task t[CROWD];
	tend_scope s;

	(void)arg;
	tend__sim_fix(true);
	open_world(1);
	s = child(root, "s");
	for (int i = 0; i < CROWD; i++)
		t[i] = process(s, "up", 0);
	OK(tend_scope_cancel(s, -ECANCELED, NULL));
	for (int i = 0; i < CROWD; i++) {
		o = joined(t[i]);
		ck_assert_int_eq(o.kind, TEND_CANCELED);
		never += o.result == -ECANCELED;
	}
	ck_assert_int_ge(never, CROWD - TEND__GUARD_WINDOW);
	close_world();
	return 0;
}
TEST(a_process_that_is_canceled_before_its_request_never_starts)
{
	OK(tend_sim_explore(NULL, cancel_of_a_crowd, NULL, 1, NULL, NULL));
	ck_assert_uint_eq(tend_sim_held(), 0);
}
