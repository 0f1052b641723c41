/* A runtime on real threads: what the simulator cannot show. */
#include "suite.h"

#include "child.h"
#include "take_away.h"
#include "world.h"

#include "tend/tend.h"

#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_event(void *arg) { return tend_event_wait(arg, TEND_FOREVER); }
static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

TEST(a_runtime_has_a_worker_for_each_cpu_that_it_may_use)
{
	cpu_set_t all, one;

	ANSWERS(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (size_t i = 0; !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	ANSWERS(sched_setaffinity(0, sizeof(one), &one), 0);
	tend_runtime *rt = open_runtime(0, 0);
	ANSWERS(rt->workers_count, 1);
	close_runtime(rt);
	ANSWERS(sched_setaffinity(0, sizeof(all), &all), 0);
}

TEST(options_of_the_future_are_refused)
{
	struct {
		struct tend_runtime_opts opts;
		uint64_t more;
	} future = {{.size = sizeof(future)}, 1};
	tend_runtime *rt;

	ANSWERS(tend_runtime_open(&future.opts, &rt), -E2BIG);
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1000), &rt), -EINVAL);
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "a/b"), &rt), -EINVAL);
	ANSWERS(tend_runtime_close(NULL, 0), 0);
}

TEST(a_hundred_thousand_fibers_park_at_once)
{
#ifdef SANITIZED /* which need memory for each, and time */
	enum { N = 4000, AT_LEAST = N };
#else
	enum { N = 100000, AT_LEAST = 30000 };
#endif
	tend_runtime *rt = open_runtime(2, 0);
	tend_event *e;
	tend_scope s;

	ANSWERS(tend_event_open(&e), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "many", NULL, &s), 0);
	for (int i = 0; i < N; i++) {
		int error = tend_spawn(s, wait_event, e, NULL, NULL);

		/* Without guard-install the mappings run out, and spawn says so. */
		if (error == -EAGAIN)
			break;
		ANSWERS(error, 0);
	}
	ck_assert_int_ge((int)tend_scope_live(s), AT_LEAST);
	tend_event_set(e);
	ANSWERS(tend_scope_close(s, TEND_FOREVER, NULL), 0);
	close_runtime(rt);
	tend_event_close(e);
}

static tend_runtime *forked_runtime;
static tend_scope forked_scope;
static int forked_program(void)
{
	tend_task t;

	return tend_spawn(forked_scope, nothing, NULL, NULL, &t) == -ESTALE &&
	                       tend_sleep_until(tend_after(TEND_MS)) == -ESTALE &&
	                       tend_runtime_close(forked_runtime, 0) == -ESTALE
	               ? 0
	               : 1;
}

TEST(a_fork_of_the_program_is_told_that_it_is_one)
{
	char out[256];

	forked_runtime = open_runtime(1, 0);
	forked_scope = tend_root(forked_runtime);
	ck_assert_int_eq(in_child(forked_program, out, sizeof(out)), 0);
	close_runtime(forked_runtime);
}

#ifndef SANITIZED /* ThreadSanitizer starts no threads in a fork of a threaded program */
static tend_task forked_task;

static int wait_a_moment(void *arg)
{
	(void)arg;
	return tend_sleep_until(tend_after(TEND_MS));
}

/* All of the parent stays stale beside a runtime of the fork's own, and after it. */
static int forked_program_with_a_runtime(void)
{
	struct tend_outcome o;
	tend_runtime *rt;
	tend_task t;

	for (int i = 0; i < 2; i++) {
		if (tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1), &rt))
			return 1;
		if (tend_spawn(tend_root(rt), wait_a_moment, NULL, NULL, &t) ||
		    tend_join(t, &o, tend_after(PATIENCE_NS)) || o.kind != TEND_COMPLETED ||
		    tend_sleep_until(tend_after(TEND_MS)))
			return 2;
		if (t.id == forked_task.id || tend_join(forked_task, &o, 0) != -ESTALE ||
		    tend_scope_live(forked_scope) != -ESTALE ||
		    tend_runtime_close(forked_runtime, 0) != -ESTALE)
			return 3;
		if (tend_runtime_close(rt, tend_after(PATIENCE_NS)))
			return 4;
	}
	return tend_scope_live(forked_scope) == -ESTALE ? 0 : 5;
}

TEST(a_fork_may_open_a_runtime_of_its_own)
{
	tend_event *e;
	char out[256];

	ANSWERS(tend_event_open(&e), 0);
	forked_runtime = open_runtime(1, 0);
	forked_scope = tend_root(forked_runtime);
	ANSWERS(tend_spawn(forked_scope, wait_event, e, NULL, &forked_task), 0);
	ANSWERS(WEXITSTATUS(in_child(forked_program_with_a_runtime, out, sizeof(out))), 0);
	tend_event_set(e);
	ANSWERS(tend_join(forked_task, NULL, tend_after(PATIENCE_NS)), 0);
	close_runtime(forked_runtime);
	tend_event_close(e);
}
#endif

static int panic_at_length(void *text) { tend_panic("%s", (const char *)text); }

TEST(reasons_and_panics_are_cut_between_characters)
{
	char letters[300] = "";
	struct tend_outcome o;
	struct tend_reason why;
	tend_scope s;
	tend_task t;

	/* An odd number of bytes before characters of two. */
	strcpy(letters, "x");
	while (strlen(letters) < sizeof(letters) - 2)
		strcat(letters, "\xc3\xa9");
	for (int odd = 0; odd < 2; odd++) {
		tend_runtime *rt = open_runtime(1, 0);

		ANSWERS(tend_scope_open(tend_root(rt), "s", NULL, &s), 0);
		ANSWERS(tend_scope_cancel(s, -ECANCELED, letters + odd), 0);
		ANSWERS(tend_scope_reason(s, &why), 0);
		ck_assert_uint_eq(strlen(why.text) % 2, !odd);
		ANSWERS(tend_spawn(tend_root(rt), panic_at_length, letters + odd, NULL, &t), 0);
		ANSWERS(tend_join(t, &o, tend_after(PATIENCE_NS)), 0);
		size_t first = strcspn(o.message, "\xc3");
		ck_assert_uint_eq((strlen(o.message) - first) % 2, 0);
		close_runtime(rt);
	}
}

static int bug_program(void)
{
	tend_panic("no task here");
	return 0;
}

TEST(a_panic_outside_of_a_task_is_a_bug_and_says_where)
{
	char out[512];
	int status = in_child(bug_program, out, sizeof(out));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(out, "runtime_test.c:"));
	ck_assert_ptr_nonnull(strstr(out, "no task here"));
}

static void tell_and_return(const char *message) { fprintf(stderr, "the hook: %s\n", message); }
static int hook_program(void)
{
	tend_set_bug_hook(tell_and_return);
	tend_panic("no task here");
}

TEST(a_bug_hook_that_returns_is_followed_by_an_abort)
{
	char out[512];
	int status = in_child(hook_program, out, sizeof(out));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_eq(strstr(out, "the hook: tend: panic outside of a task"), out);
	/* Not by the default hook as well. */
	ck_assert_ptr_eq(strchr(out, '\n') + 1, out + strlen(out));
}

static void panic_again(void *arg)
{
	(void)arg;
	tend_panic("again");
}
static int panics_twice(void *arg)
{
	(void)arg;
	ANSWERS(tend_defer(panic_again, NULL), 0);
	tend_panic("first");
}
static int twice_program(void)
{
	tend_runtime *rt = open_runtime(1, 0);
	tend_task t;

	return tend_spawn(tend_root(rt), panics_twice, NULL, NULL, &t) ||
	       tend_join(t, NULL, TEND_FOREVER);
}

TEST(a_panic_in_the_cleanup_of_a_panic_is_a_bug)
{
	char out[512];
	int status = in_child(twice_program, out, sizeof(out));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(out, "panicked in a cleanup after a panic"));
	ck_assert_ptr_nonnull(strstr(out, ": again"));
}

static int ends_shields(void *wrong)
{
	uint64_t outer, inner;

	for (int i = 0; i < 300; i++) {
		ANSWERS(tend_shield_begin(tend_after(TEND_SEC), &outer), 0);
		ANSWERS(tend_shield_begin(tend_after(2 * TEND_SEC), &inner), 0);
		if (wrong)
			tend_shield_end(outer);
		tend_shield_end(inner);
		tend_shield_end(outer);
	}
	return tend_checkpoint();
}
static bool wrong_order;
static int shield_program(void)
{
	tend_runtime *rt = open_runtime(1, 0);
	struct tend_outcome o = {0};
	tend_task t;

	if (tend_spawn(tend_root(rt), ends_shields, wrong_order ? &t : NULL, NULL, &t) ||
	    tend_join(t, &o, TEND_FOREVER))
		return 1;
	return o.result;
}

TEST(shields_that_end_in_the_wrong_order_are_a_bug)
{
	char out[512];

	ck_assert_int_eq(in_child(shield_program, out, sizeof(out)), 0);
	wrong_order = true;
	int status = in_child(shield_program, out, sizeof(out));
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(out, "tend: tend_shield_end() at test_core+0x"));
	ck_assert_ptr_nonnull(strstr(out, ": not the innermost shield of t/task (#"));
}

static int undefers_another(void *arg)
{
	(void)arg;
	ANSWERS(tend_defer(panic_again, NULL), 0);
	tend_undefer(free, 0);
	return 0;
}
static int undefer_program(void)
{
	tend_runtime *rt = open_runtime(1, 0);
	tend_task t;

	return tend_spawn(tend_root(rt), undefers_another, NULL, NULL, &t) ||
	       tend_join(t, NULL, TEND_FOREVER);
}

TEST(to_take_another_cleanup_back_than_the_newest_is_a_bug)
{
	char out[512];
	int status = in_child(undefer_program, out, sizeof(out));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(out, "not the newest cleanup of t/task"));
}

static void sleep_in_cleanup(void *arg) { *(int *)arg = tend_sleep_until(tend_after(TEND_MS)); }

TEST(cleanups_may_wait_when_a_hosted_runtime_closes)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	int answered = -1;

	ANSWERS(tend_scope_cleanup(tend_root(rt), sleep_in_cleanup, &answered), 0);
	close_runtime(rt);
	ck_assert_int_eq(answered, 0);
}

static _Atomic int full, may_panic, cleaned;

/* No cancel ends it, so it is late. */
static void spin_and_panic(void *arg)
{
	(void)arg;
	while (!may_panic)
		(void)!tend_yield();
	tend_panic("late");
}
static void count_cleanup(void *arg)
{
	(void)arg;
	cleaned++;
}
/* Takes all that there is, and keeps it until the cancel. */
static int fill(void *arg)
{
	int error;

	while ((error = tend_spawn(tend_self_scope(), wait_event, arg, NULL, NULL)) == 0) {}
	ck_assert_int_eq(error, -EAGAIN);
	full = 1;
	return wait_event(arg);
}
static void swallow(const char *line) { (void)line; }
static void until(const _Atomic int *flag)
{
	for (uint64_t give_up = tend_after(PATIENCE_NS); !*flag; sched_yield())
		ck_assert_uint_lt(tend_now(), give_up);
}

/* The shutdown is over when the cleanup panics, so no caller tries again to start a cleaner. */
TEST(cleanups_run_behind_a_late_one_that_panics_though_nothing_is_free)
{
	tend_runtime *rt;
	tend_scope s, others;
	tend_event *never;

	full = may_panic = cleaned = 0;
	tend_set_failure_hook(swallow);
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1, .tasks_max = 64),
	                          &rt),
	        0);
	ANSWERS(tend_event_open(&never), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "s", NULL, &s), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "others", NULL, &others), 0);
	ANSWERS(tend_scope_cleanup(s, count_cleanup, NULL), 0);
	ANSWERS(tend_scope_cleanup(s, spin_and_panic, NULL), 0);
	ANSWERS(tend_scope_cleanup(s, count_cleanup, NULL), 0);
	ANSWERS(tend_shutdown(s, tend_now(), NULL), -ETIMEDOUT);
	until(&cleaned);
	ANSWERS(tend_spawn(others, fill, never, NULL, NULL), 0);
	until(&full);
	may_panic = 1;
	for (uint64_t give_up = tend_after(PATIENCE_NS); cleaned < 2; sched_yield())
		ck_assert_uint_lt(tend_now(), give_up);
	close_runtime(rt);
	ck_assert_int_eq(cleaned, 2);
	tend_event_close(never);
}

#ifndef SANITIZED
static tend_runtime *without_stacks;
static tend_scope stack_holders;
static _Atomic int stays, runs;

/* Runs until it may panic; with `stays` no other task runs meanwhile. */
static void run_and_panic(void *arg)
{
	(void)arg;
	while (!may_panic) {
		runs = 1 + stays;
		if (!stays)
			(void)!tend_yield();
	}
	tend_panic("late");
}

static void until_it_is(const _Atomic int *number, int wanted)
{
	for (uint64_t give_up = tend_after(PATIENCE_NS); *number != wanted; sched_yield())
		ck_assert_uint_lt(tend_now(), give_up);
}

/* Takes all stacks that are mapped, where no more can be mapped. */
static void take_stacks(tend_event *never)
{
	const struct rlimit little = {1 << 20, 1 << 20}; /* less than is mapped already */

	ANSWERS(setrlimit(RLIMIT_AS, &little), 0);
	while (!tend__load_relaxed(&without_stacks->no_stacks)) {
		int error = tend_spawn(stack_holders, wait_event, never, NULL, NULL);
		ck_assert(!error || error == -EAGAIN);
		sched_yield();
	}
}

/* The shutdown is over when the cleanup panics, and no stack can be had for the next cleaner. */
TEST(a_cleaner_without_a_stack_tries_again_after_a_pause)
{
	_Atomic uint64_t *rounds;
	tend_event *never;
	tend_scope s;

	may_panic = cleaned = stays = runs = 0;
	tend_set_failure_hook(swallow);
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1), &without_stacks),
	        0);
	ANSWERS(tend_event_open(&never), 0);
	ANSWERS(tend_scope_open(tend_root(without_stacks), "s", NULL, &s), 0);
	ANSWERS(tend_scope_open(tend_root(without_stacks), "holders", NULL, &stack_holders), 0);
	ANSWERS(tend_scope_cleanup(s, count_cleanup, NULL), 0);
	ANSWERS(tend_scope_cleanup(s, run_and_panic, NULL), 0);
	ANSWERS(tend_shutdown(s, tend_now(), NULL), -ETIMEDOUT);
	until_it_is(&runs, 1);
	take_stacks(never);
	stays = 1;
	until_it_is(&runs, 2);
	/* Begins after the next cleaner has had no stack, and takes the stack of the last. */
	tend__store_relaxed(&without_stacks->no_stacks, 0);
	ANSWERS(tend_spawn(stack_holders, wait_event, never, NULL, NULL), 0);
	may_panic = 1;

	/* Each try is a few rounds of the worker, and comes after a pause. */
	rounds = &without_stacks->workers[0].shown->round;
	uint64_t begun = tend_now(), before = tend__load_relaxed(rounds);
	while (tend__load_relaxed(rounds) < before + 40)
		sched_yield();
	ck_assert_uint_gt(tend_now() - begun, 30 * TEND_MS);
	ck_assert_int_eq(cleaned, 0);
	tend_event_set(never);
	until(&cleaned);
	close_runtime(without_stacks);
	tend_event_close(never);
}
#endif

TEST(the_report_names_each_cleanup_for_which_no_cleaner_can_be_had)
{
	tend_runtime *rt;
	tend_scope s, others;
	tend_event *never;
	tend_report *report;
	char text[4096];
	int named = 0;

	full = cleaned = 0;
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1, .tasks_max = 64),
	                          &rt),
	        0);
	ANSWERS(tend_event_open(&never), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "s", NULL, &s), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "others", NULL, &others), 0);
	for (int i = 0; i < 3; i++)
		ANSWERS(tend_scope_cleanup(s, count_cleanup, NULL), 0);
	ANSWERS(tend_spawn(others, fill, never, NULL, NULL), 0);
	until(&full);
	ANSWERS(tend_shutdown(s, tend_now(), TEND_SHUTDOWN_OPTS(.report = &report)), -ETIMEDOUT);
	tend_report_text(report, text, sizeof(text));
	for (const char *at = text; (at = strstr(at, "/s cleanup ")); at++)
		named++;
	ck_assert_msg(named == 3, "%s", text);
	tend_report_free(report);
	close_runtime(rt);
	ck_assert_int_eq(cleaned, 0);
	tend_event_close(never);
}

TEST(the_driver_of_a_hosted_runtime_gets_the_answers_that_need_no_wait)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	tend_scope s, empty;
	tend_event *go;

	ANSWERS(tend_event_open(&go), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "s", NULL, &s), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "empty", NULL, &empty), 0);
	ANSWERS(tend_spawn(s, wait_event, go, NULL, NULL), 0);
	ck_assert_int_ge(tend_runtime_poll(rt, 0), 1);

	ANSWERS(tend_scope_wait_empty(s, 0), -ETIMEDOUT);
	ANSWERS(tend_scope_wait_empty(s, TEND_FOREVER), -EDEADLK);
	ANSWERS(tend_path_wait_empty(rt, "s", 0), -ETIMEDOUT);
	ANSWERS(tend_path_wait_empty(rt, "s", TEND_FOREVER), -EDEADLK);
	ANSWERS(tend_shutdown(s, TEND_FOREVER, NULL), -EDEADLK);
	ANSWERS(tend_scope_close(s, TEND_FOREVER, NULL), -EDEADLK);
	ANSWERS(tend_scope_reason(s, NULL), -ENOENT);
	ANSWERS(tend_spawn(s, wait_event, go, NULL, NULL), 0);
	ANSWERS(tend_shutdown(s, 0, NULL), -ETIMEDOUT);
	ANSWERS(tend_scope_close(s, 0, NULL), -ETIMEDOUT);

	ANSWERS(tend_scope_wait_empty(empty, TEND_FOREVER), 0);
	ANSWERS(tend_path_wait_empty(rt, "empty", TEND_FOREVER), 0);
	ANSWERS(tend_shutdown(empty, TEND_FOREVER, NULL), 0);
	ANSWERS(tend_scope_close(empty, TEND_FOREVER, NULL), 0);
	while (tend_scope_wait_empty(s, 0))
		ck_assert_int_ge(tend_runtime_poll(rt, 0), 0);
	ANSWERS(tend_shutdown(s, 0, NULL), 0);
	ANSWERS(tend_scope_close(s, 0, NULL), 0);
	close_runtime(rt);
	tend_event_close(go);
}

TEST(a_spawn_without_room_is_counted_and_a_canceled_scope_says_so)
{
	tend_runtime *rt;
	struct tend_stats n;
	tend_event *go;
	tend_scope s;

	ANSWERS(tend_event_open(&go), 0);
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 16), &rt), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "s", NULL, &s), 0);
	while (!tend_spawn(s, wait_event, go, NULL, NULL)) {}
	ANSWERS(tend_spawn(s, wait_event, go, NULL, NULL), -EAGAIN);
	ANSWERS(tend_scope_stats(s, &n), 0);
	ck_assert_uint_eq(n.refused, 2);
	ANSWERS(tend_scope_seal(s), 0);
	ANSWERS(tend_spawn(s, wait_event, go, NULL, NULL), -ESHUTDOWN);
	ANSWERS(tend_scope_cancel(s, -ECANCELED, NULL), 0);
	/* The tasks may be gone by now, and then there is room. */
	ANSWERS(tend_spawn(s, wait_event, go, NULL, NULL), -ECANCELED);
	ANSWERS(tend_scope_stats(s, &n), 0);
	ck_assert_uint_eq(n.refused, 4);
	close_runtime(rt);
	tend_event_close(go);
}

static tend_channel *narrow;
static tend_event *unset;
static int send_there(void *arg)
{
	int item = 0;

	(void)arg;
	return tend_channel_send(narrow, &item, TEND_FOREVER);
}
static int receive_there(void *arg)
{
	int item;

	(void)arg;
	return tend_channel_recv(narrow, &item, TEND_FOREVER);
}
static int wait_there(void *arg)
{
	(void)arg;
	return tend_event_wait(unset, TEND_FOREVER);
}
static void free_channel(void) { tend_channel_free(narrow); }
static void free_event(void) { tend_event_close(unset); }

static const struct freed {
	const char *what, *waiter;
	tend_fn *body;
	void (*end)(void);
	bool watches; /* the event, and the body does not wait for it */
} freed[] = {
	{"channel#1 is freed",
         "while a task waits for it: t/task (#3, fiber, parked in send channel#1", send_there,
         free_channel, false},
	{"channel#1 is freed",
         "while a task waits for it: t/task (#3, fiber, parked in recv channel#1", receive_there,
         free_channel, false},
	{"event#2 is freed", "while a task waits for it: t/task (#3, fiber, parked in event#2",
         wait_there, free_event, false},
	{"event#2 is freed", "while a watch is to set it", receive_there, free_event, true},
};
static const struct freed *freed_now;

/* A hosted runtime, so that the task is in its wait after a poll. */
static int freed_program(void)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	tend_task t;

	if (tend_channel_open(sizeof(int), 0, &narrow) || tend_event_open(&unset) ||
	    tend_spawn(tend_root(rt), freed_now->body, NULL, NULL, &t) ||
	    tend_runtime_poll(rt, 0) < 1 || (freed_now->watches && tend_watch(t, unset)))
		return 1;
	freed_now->end();
	return 0;
}

TEST_EACH(what_is_freed_under_a_waiter_is_a_bug_and_named, sizeof(freed) / sizeof(*freed))
{
	char out[512];

	freed_now = &freed[_i];
	int status = in_child(freed_program, out, sizeof(out));
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_msg(strstr(out, freed_now->what) != NULL, "%s", out);
	ck_assert_msg(strstr(out, freed_now->waiter) != NULL, "%s", out);
	/* The place of the call, and the place of the spawn. */
	ck_assert_msg(strstr(out, " at test_core+0x") != NULL, "%s", out);
	ck_assert_msg(freed_now->watches || strstr(out, "test/core/runtime_test.c:") != NULL, "%s",
	              out);
}

static int unwatched_program(void)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	tend_task t, u;

	if (tend_event_open(&unset) || tend_spawn(tend_root(rt), nothing, NULL, NULL, &t) ||
	    tend_spawn(tend_root(rt), nothing, NULL, NULL, &u) || tend_watch(t, unset) ||
	    tend_watch(u, unset) || tend_unwatch(u, unset) || tend_runtime_poll(rt, 0) < 1 ||
	    tend_event_wait(unset, 0))
		return 1;
	tend_event_close(unset);
	return tend_runtime_close(rt, TEND_FOREVER);
}

TEST(an_event_may_be_freed_once_its_watches_are_over)
{
	char out[512];

	ck_assert_int_eq(in_child(unwatched_program, out, sizeof(out)), 0);
}

static int panics(void *arg)
{
	(void)arg;
	tend_panic("two\nlines");
}

static int silent_program(void)
{
	tend_runtime *rt;
	tend_task held;

	/* NULL is the default again. */
	tend_set_failure_hook(swallow);
	tend_set_failure_hook(NULL);
	if (tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1), &rt) ||
	    tend_spawn(tend_root(rt), panics, NULL, TEND_TASK_OPTS(.name = "held"), &held) ||
	    tend_join(held, NULL, TEND_FOREVER) ||
	    tend_spawn(tend_root(rt), panics, NULL, TEND_TASK_OPTS(.name = "alone"), NULL) ||
	    tend_scope_wait_empty(tend_root(rt), TEND_FOREVER))
		return 1;
	return tend_runtime_close(rt, TEND_FOREVER);
}

TEST(a_panic_that_nobody_holds_is_one_line)
{
	char out[512];

	ck_assert_int_eq(in_child(silent_program, out, sizeof(out)), 0);
	ck_assert_ptr_eq(strstr(out, "tend: task t/alone #"), out);
	ck_assert_ptr_nonnull(strstr(out, ": two\\x0alines\n"));
	ck_assert_ptr_eq(strchr(out, '\n') + 1, out + strlen(out));
}

static tend_runtime *late_runtime;
static int sleeps_for_a_length(void *arg)
{
	(void)arg;
	return tend_sleep_until(5);
}
static int length_program(void)
{
	tend_task t;

	return tend_runtime_open(NULL, &late_runtime) ||
	       tend_spawn(tend_root(late_runtime), sleeps_for_a_length, NULL, NULL, &t) ||
	       tend_join(t, NULL, TEND_FOREVER);
}
static int length_of_a_task(void)
{
	return tend_runtime_open(NULL, &late_runtime) ||
	       tend_spawn(tend_root(late_runtime), nothing, NULL, TEND_TASK_OPTS(.deadline = 5),
	                  NULL);
}
static int length_of_a_scope(void)
{
	tend_scope s;

	return tend_runtime_open(NULL, &late_runtime) ||
	       tend_scope_open(tend_root(late_runtime), "s", TEND_SCOPE_OPTS(.deadline = 5), &s);
}
static int length_of_a_shutdown(void)
{
	tend_event *never;

	return tend_runtime_open(NULL, &late_runtime) || tend_event_open(&never) ||
	       tend_spawn(tend_root(late_runtime), wait_event, never, NULL, NULL) ||
	       tend_shutdown(tend_root(late_runtime), 5, NULL);
}

TEST_EACH(a_length_where_a_deadline_is_due_is_a_bug, 4)
{
	static int (*const programs[])(void) = {length_program, length_of_a_task, length_of_a_scope,
	                                        length_of_a_shutdown};
	char out[512];
	int status = in_child(programs[_i], out, sizeof(out));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(out, "did you mean tend_after()?"));
}

#ifndef SANITIZED
/* Gives the worker's thread its heap, which has to be mapped. */
static int allocate(void *arg)
{
	void *volatile p = malloc(64);

	(void)arg;
	free(p);
	return 0;
}

static int stackless_program(void)
{
	struct rlimit limit;
	tend_runtime *rt;
	tend_task held;
	struct tend_outcome o;
	const struct tend_task_opts *large =
		TEND_TASK_OPTS(.name = "large", .stack_bytes = 1 << 30);

	if (tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1), &rt) ||
	    tend_spawn(tend_root(rt), allocate, NULL, NULL, NULL) ||
	    tend_scope_wait_empty(tend_root(rt), TEND_FOREVER) || getrlimit(RLIMIT_AS, &limit))
		return 1;
	/* The worker has begun, and malloc() has memory for its thread. */
	if (tend_spawn(tend_root(rt), nothing, NULL, NULL, &held) ||
	    tend_join(held, &o, TEND_FOREVER))
		return 1;
	limit.rlim_cur = 1 << 20; /* less than is mapped already */
	if (setrlimit(RLIMIT_AS, &limit) ||
	    tend_spawn(tend_root(rt), nothing, NULL, large, &held) ||
	    tend_join(held, &o, TEND_FOREVER) || o.kind != TEND_FAILED ||
	    !strstr(o.message, "no stack: ") ||
	    tend_spawn(tend_root(rt), nothing, NULL, large, NULL) ||
	    tend_scope_wait_empty(tend_root(rt), TEND_FOREVER))
		return 1;
	return tend_runtime_close(rt, TEND_FOREVER);
}

TEST(a_fiber_without_a_stack_says_so)
{
	char out[512];

	ck_assert_int_eq(in_child(stackless_program, out, sizeof(out)), 0);
	ck_assert_ptr_eq(strstr(out, "tend: task t/large #"), out);
	ck_assert_ptr_nonnull(strstr(out, " could not start: no stack: out of memory\n"));
}
#endif

/* The reader of stderr has gone, which must not end the program. Hosted, because a worker
 * blocks the signal anyway. */
static int deaf_program(void)
{
	int ends[2];
	tend_runtime *rt;

	if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || pipe(ends) || dup2(ends[1], STDERR_FILENO) < 0 ||
	    close(ends[0]) || tend_runtime_open(TEND_RUNTIME_OPTS(.flags = TEND_HOSTED), &rt) ||
	    tend_spawn(tend_root(rt), panics, NULL, NULL, NULL) || tend_runtime_poll(rt, 0) < 1)
		return 1;
	return tend_runtime_close(rt, TEND_FOREVER);
}

TEST(a_line_that_nobody_reads_ends_no_program)
{
	char out[512];

	ck_assert_int_eq(in_child(deaf_program, out, sizeof(out)), 0);
}

static int sleep_a_little(void *arg)
{
	(void)arg;
	return tend_sleep_until(tend_after(5 * TEND_MS));
}

TEST(a_hosted_runtime_runs_in_the_programs_own_loop)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	struct tend_outcome o;
	tend_task t;
	int fd = tend_runtime_fd(rt);

	ck_assert_int_ge(fd, 0);
	ANSWERS(tend_spawn(tend_root(rt), sleep_a_little, NULL, NULL, &t), 0);
	ANSWERS(tend_join(t, NULL, TEND_FOREVER), -EDEADLK); /* it would wait for itself */
	while (tend_task_outcome(t, &o) == -EAGAIN) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		ck_assert_int_ge(tend_runtime_poll(rt, 0), 0);
		if (tend_task_outcome(t, &o) == -EAGAIN)
			ck_assert_int_eq(poll(&p, 1, 10000),
			                 1); /* the timer is in the descriptor */
	}
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	close_runtime(rt);
}

TEST(a_registry_file_is_private_and_goes_with_the_runtime)
{
	char path[] = "/tmp/tend-registry-XXXXXX";
	int fd = mkstemp(path);
	tend_runtime *rt;
	tend_snapshot *s;
	struct stat st;

	ck_assert_int_ge(fd, 0);
	/* A file that exists is never overwritten. */
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.registry_path = path), &rt), -EEXIST);
	close(fd);
	unlink(path);
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.registry_path = path, .name = "file"), &rt),
	        0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	ck_assert_str_eq(tend_snapshot_at(s, 0)->name, "file");
	tend_snapshot_free(s);
	close(fd);
	close_runtime(rt);
	ck_assert_int_ne(stat(path, &st), 0);
}

static int child_of_stopped(void)
{
	tend_runtime *rt = open_runtime(1, 0);
	tend_event *e;

	if (tend_event_open(&e) ||
	    tend_spawn(tend_root(rt), wait_event, e, TEND_TASK_OPTS(.name = "waiter"), NULL))
		return 1;
	while (tend_path_live(rt, "waiter") == 0)
		tend_yield();
	kill(getpid(), SIGSTOP);
	return 0;
}

/* More scopes than a count keeps in mind, and tasks that go from one to the next. */
TEST(tasks_are_counted_by_path_in_many_scopes)
{
	enum { SCOPES = 200 };
	tend_runtime *rt = open_runtime(1, 0);
	tend_scope outer, scopes[SCOPES];
	char name[32];
	tend_event *e;

	ANSWERS(tend_event_open(&e), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "outer", NULL, &outer), 0);
	for (int i = 0; i < SCOPES; i++) {
		snprintf(name, sizeof(name), "s-%d", i);
		ANSWERS(tend_scope_open(outer, name, NULL, &scopes[i]), 0);
	}
	for (int k = 0; k < 3; k++)
		for (int i = 0; i < SCOPES; i++) {
			snprintf(name, sizeof(name), "t-%d", k);
			ANSWERS(tend_spawn(scopes[i], wait_event, e, TEND_TASK_OPTS(.name = name),
			                   NULL),
			        0);
		}
	ANSWERS(tend_spawn(outer, wait_event, e, TEND_TASK_OPTS(.name = "s-1"), NULL), 0);
	for (int i = 0; i < SCOPES; i++) {
		snprintf(name, sizeof(name), "outer/s-%d", i);
		ANSWERS(tend_path_live(rt, name), i == 1 ? 4 : 3);
	}
	ANSWERS(tend_path_live(rt, "outer/s-7/t-2"), 1);
	ANSWERS(tend_path_live(rt, "outer/s-7/t"), 0);
	ANSWERS(tend_path_live(rt, "outer/s-"), 0);
	ANSWERS(tend_path_live(rt, "s-7"), 0);
	ANSWERS(tend_path_live(rt, "outer"), 3 * SCOPES + 1);
	ANSWERS(tend_path_live(rt, ""), 3 * SCOPES + 1);
	tend_event_set(e);
	ANSWERS(tend_path_wait_empty(rt, "outer", tend_after(PATIENCE_NS)), 0);
	close_runtime(rt);
	tend_event_close(e);
}

TEST(a_stopped_process_can_be_read)
{
	pid_t pid = fork();
	tend_snapshot *s;
	bool found = false;
	int status;

	if (pid == 0)
		_exit(child_of_stopped());
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
	ANSWERS(tend_snapshot_of(pid, &s), 0);
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		found = found || strcmp(tend_snapshot_at(s, i)->name, "waiter") == 0;
	ck_assert(found);
	tend_snapshot_free(s);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	ANSWERS(tend_snapshot_of(pid, &s), -ESRCH);
	ANSWERS(tend_snapshot_of(getpid(), &s), -ENOENT);
}

static int echo(void *arg)
{
	int fd = tend_accept(*(int *)arg, TEND_FOREVER);
	char byte;

	if (fd < 0)
		return fd;
	while (tend_read(fd, &byte, 1, TEND_FOREVER) == 1)
		if (tend_write(fd, &byte, 1, TEND_FOREVER) != 1)
			break;
	return tend_fd_close(fd);
}

static int client(void *arg)
{
	char byte = 0, address[64];
	int fd;

	snprintf(address, sizeof(address), "tcp:127.0.0.1:%d", *(int *)arg);
	fd = tend_connect(address, TEND_FOREVER);
	if (fd < 0)
		return fd;
	for (int i = 0; i < 100; i++) {
		byte = (char)i;
		if (tend_write(fd, &byte, 1, TEND_FOREVER) != 1 ||
		    tend_read(fd, &byte, 1, TEND_FOREVER) != 1 || byte != (char)i)
			return -EIO;
	}
	return tend_fd_close(fd);
}

TEST(fibers_talk_over_sockets)
{
	tend_runtime *rt = open_runtime(2, 0);
	int fd = tend_listen("tcp:127.0.0.1:0", 0), port = tend_local_port(fd);
	struct tend_stats stats;
	tend_scope s;

	ck_assert_int_gt(port, 0);
	ANSWERS(tend_listen("tcp:nowhere", 0), -EINVAL);
	ANSWERS(tend_listen("tcp:127.0.0.1:99999", 0), -EINVAL);
	ANSWERS(tend_scope_open(tend_root(rt), "net", NULL, &s), 0);
	for (int i = 0; i < 20; i++) {
		ANSWERS(tend_spawn(s, echo, &fd, NULL, NULL), 0);
		ANSWERS(tend_spawn(s, client, &port, NULL, NULL), 0);
	}
	ANSWERS(tend_scope_close(s, tend_after(PATIENCE_NS), &stats), 0);
	ck_assert_uint_eq(stats.completed, 40);
	close_runtime(rt);
	ANSWERS(tend_fd_close(fd), 0);
}

/* A peer sends while nothing on the server's only worker can look, step by step. */
struct short_reads {
	int listener;
	atomic_bool held, go;
	char got[64];
	size_t n;
};

static void hold(struct short_reads *x)
{
	atomic_store(&x->held, true);
	while (!atomic_exchange(&x->go, false))
		sched_yield();
}

/* Runs when whoever has spawned it parks. */
static int holder(void *arg)
{
	hold(arg);
	return 0;
}

static int read_some(struct short_reads *x, int fd, uint64_t deadline)
{
	ssize_t n = tend_read(fd, x->got + x->n, sizeof(x->got) - x->n, deadline);

	if (n > 0)
		x->n += (size_t)n;
	return (int)n;
}

static int serve_short_reads(void *arg)
{
	struct short_reads *x = arg;
	int fd = tend_accept(x->listener, TEND_FOREVER);

	/* It waits, so it is watched, and gets less than it asks for. */
	if (fd < 0 || tend_spawn(tend_self_scope(), holder, x, NULL, NULL) ||
	    read_some(x, fd, TEND_FOREVER) != 3)
		return -EIO;
	if (tend_read(fd, x->got, 0, TEND_FOREVER) != 0) /* nothing is there at once */
		return -EIO;
	/* What has come since is there at once, however short the wait. */
	hold(x);
	if (read_some(x, fd, 0) != 3)
		return -EIO;
	hold(x);
	if (read_some(x, fd, tend_now()) != 3 || read_some(x, fd, tend_after(1)) != -ETIMEDOUT)
		return -EIO;
	/* Bytes, urgent data, bytes and the end come while it is parked, at once. */
	if (tend_spawn(tend_self_scope(), holder, x, NULL, NULL))
		return -EIO;
	while (x->n < 15)
		if (read_some(x, fd, TEND_FOREVER) <= 0)
			return -EIO;
	return read_some(x, fd, TEND_FOREVER) == 0 ? tend_fd_close(fd) : -EIO;
}

static int connect_to(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)port),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void send_when_held(struct short_reads *x, int fd, const char *text)
{
	while (!atomic_exchange(&x->held, false))
		sched_yield();
	ck_assert_int_eq(send(fd, text, strlen(text), 0), (int)strlen(text));
}

TEST(nothing_is_lost_after_a_short_read)
{
	tend_runtime *rt = open_runtime(1, 0);
	struct short_reads x = {.listener = tend_listen("tcp:127.0.0.1:0", 1)};
	struct tend_outcome out;
	tend_task server;
	int fd;

	ANSWERS(tend_spawn(tend_root(rt), serve_short_reads, &x, NULL, &server), 0);
	fd = connect_to(tend_local_port(x.listener));
	send_when_held(&x, fd, "abc");
	atomic_store(&x.go, true);
	send_when_held(&x, fd, "def");
	atomic_store(&x.go, true);
	send_when_held(&x, fd, "ghi");
	atomic_store(&x.go, true);
	send_when_held(&x, fd, "jkl");
	ck_assert_int_eq(send(fd, "!", 1, MSG_OOB), 1);
	ck_assert_int_eq(send(fd, "mno", 3, 0), 3);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	atomic_store(&x.go, true);
	ANSWERS(tend_join(server, &out, tend_after(PATIENCE_NS)), 0);
	ck_assert_int_eq(out.result, 0);
	ck_assert_mem_eq(x.got, "abcdefghijklmno", 15);
	close(fd);
	close_runtime(rt);
	ANSWERS(tend_fd_close(x.listener), 0);
}

static int accept_one(void *arg) { return tend_accept(*(int *)arg, TEND_FOREVER); }

TEST(a_close_ends_the_waits_of_fibers_on_every_worker)
{
	tend_runtime *rt = open_runtime(2, 0);
	int fd = tend_listen("tcp:127.0.0.1:0", 0);
	tend_task t[4];

	for (int i = 0; i < 4; i++)
		ANSWERS(tend_spawn(tend_root(rt), accept_one, &fd, NULL, &t[i]), 0);
	ANSWERS(tend_task_cancel(t[0], -ECANCELED, "enough"), 0);
	ANSWERS(tend_join(t[0], NULL, tend_after(PATIENCE_NS)), 0);
	ANSWERS(tend_shutdown(tend_root(rt), tend_after(PATIENCE_NS), NULL), 0);
	ANSWERS(tend_fd_close(fd), 0);
	close_runtime(rt);
}

static int busy(void *arg)
{
	/* Runs without a wait until somebody else has done the work. */
	while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
		;
	return 0;
}
static int work(void *arg)
{
	__atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
	return 0;
}
struct stolen {
	tend_scope scope;
	int done[5];
};
/* One after the other: the thief has fallen asleep again before each. */
static int spawn_and_spin(void *arg)
{
	struct stolen *s = arg;

	for (int i = 0; i < 5; i++) {
		uint64_t asleep = tend_after(2 * TEND_MS);

		while (tend_now() < asleep)
			;
		ANSWERS(tend_spawn(s->scope, work, &s->done[i], NULL, NULL), 0);
		busy(&s->done[i]);
	}
	return 0;
}

static void steal_from_busy(void)
{
	tend_runtime *rt = open_runtime(2, 0);
	struct stolen s = {tend_root(rt), {0}};

	ANSWERS(tend_spawn(tend_root(rt), spawn_and_spin, &s, NULL, NULL), 0);
	ANSWERS(tend_scope_wait_empty(tend_root(rt), tend_after(PATIENCE_NS)), 0);
	close_runtime(rt);
}

TEST(what_has_not_started_is_taken_from_a_busy_worker) { steal_from_busy(); }

static void forbid_membarrier(void)
{
	ANSWERS(take_away(SYS_membarrier), 0);
	ANSWERS((int)syscall(SYS_membarrier, 0, 0, 0), -1);
	ANSWERS(errno, ENOSYS);
}

enum { ITEMS = 20000, TALKERS = 4 };

static int send_many(void *channel)
{
	for (int i = 0; i < ITEMS; i++)
		ANSWERS(tend_channel_send(channel, &i, TEND_FOREVER), 0);
	return 0;
}
static int receive_many(void *channel)
{
	for (int i = 0; i < ITEMS; i++)
		ANSWERS(tend_channel_recv(channel, &(int){0}, TEND_FOREVER), 0);
	return 0;
}

TEST(a_kernel_without_membarrier_is_enough)
{
	tend_channel *channel;
	tend_runtime *rt;

	forbid_membarrier();
	steal_from_busy();
	rt = open_runtime(2, 0);
	ANSWERS(tend_channel_open(sizeof(int), 1, &channel), 0);
	for (int i = 0; i < TALKERS; i++) {
		tend_fn *fn = i % 2 ? receive_many : send_many;

		ANSWERS(tend_spawn(tend_root(rt), fn, channel, NULL, NULL), 0);
		ANSWERS(tend_spawn_thread(tend_root(rt), fn, channel, NULL, NULL), 0);
	}
	ANSWERS(tend_scope_wait_empty(tend_root(rt), tend_after(PATIENCE_NS)), 0);
	tend_channel_free(channel);
	close_runtime(rt);
}
