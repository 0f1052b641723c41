/* Process tasks through the guard: floods, busy workers, a dying guard, and nothing left. More
 * of processes, against the simulated guard too, is in scenarios/process.c. */
#include "suite.h"

#include "tend/tend.h"

#include "kinds/process/process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static tend_runtime *rt;
static tend_scope scope;

static void begin(void)
{
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 2,
	                                            .guard_path = getenv("TEND_GUARD")),
	                          &rt),
	        0);
	ANSWERS(tend_scope_open(tend_root(rt), "p", NULL, &scope), 0);
}

static void end(void) { ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0); }

static tend_task shell(const char *line, uint64_t stop_ns)
{
	const char *const argv[] = {"sh", "-c", line, NULL};
	tend_task t;

	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv, .stop_ns = stop_ns), &t),
	        0);
	return t;
}

static struct tend_outcome join(tend_task t)
{
	struct tend_outcome o;

	ANSWERS(tend_join(t, &o, tend_after(PATIENCE_NS)), 0);
	return o;
}

/* Until the process has said so. */
static void until_it_says(tend_task t, const char *word)
{
	char tail[8192];
	uint64_t give_up = tend_after(PATIENCE_NS);

	for (;;) {
		int64_t n = tend_process_tail(t, tail, sizeof(tail) - 1, NULL);

		ck_assert_int_ge(n, 0);
		tail[n] = 0;
		if (strstr(tail, word))
			return;
		ck_assert_uint_lt(tend_now(), give_up);
		usleep(1000);
	}
}

/* Children of this process, and of its guard, that are zombies: none, ever. */
static void no_children_left(void)
{
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	ck_assert_int_eq(errno, ECHILD);
}

/* The pids of a task that has begun and of one that cannot start, as the changes tell them. */
static int begun_pid(tend_task t, tend_event *changed)
{
	int pid;

	for (;;) {
		tend_event_clear(changed);
		pid = tend_process_pid(t);
		struct tend_outcome o;
		if (pid != -EAGAIN || !tend_task_outcome(t, &o))
			return pid;
		ANSWERS(tend_event_wait(changed, tend_after(PATIENCE_NS)), 0);
	}
}

static atomic_int hogs, let_go;
static int hog(void *arg)
{
	(void)arg;
	hogs++;
	while (!let_go) {}
	return 0;
}

/* Whichever of the descriptors of a spawn cannot be had, none is kept. */
TEST(a_spawn_without_a_free_descriptor_keeps_none)
{
	const char *const argv[] = {"sh", "-c", "echo >&5", NULL};
	struct tend_outcome o = {0};
	struct rlimit limit;
	int refused = 0, failed = 0;

	begin();
	/* The guard and the monitor are there from here on. */
	ck_assert_int_eq(join(shell("exit 0", 0)).kind, TEND_COMPLETED);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int open = open_descriptors();
	for (rlim_t n = 3; o.kind != TEND_COMPLETED; n++) {
		tend_task t;

		limit.rlim_cur = n;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		int error = tend_spawn_process(scope,
		                               TEND_PROCESS_OPTS(.argv = argv, .ready_fd = 5), &t);
		limit.rlim_cur = limit.rlim_max;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		if (error)
			ck_assert_int_eq(error, -EMFILE);
		else
			o = join(t);
		if (!error && o.kind != TEND_COMPLETED)
			ck_assert_int_eq(o.result, -EMFILE);
		ck_assert_int_eq(open_descriptors(), open);
		refused += error != 0;
		failed += !error && o.kind != TEND_COMPLETED;
	}
	ck_assert_int_gt(refused, 5);
	ck_assert_int_gt(failed, 0); /* the request wants a memfd */
	end();
}

/* Every worker is busy, and no turn of a process that calls the program can run. */
TEST(the_begin_of_a_process_is_told_at_once)
{
	const char *const none[] = {"no-such-program-here", NULL};
	struct tend_event_info e[16];
	tend_subscription *sub;
	tend_event *changed;
	tend_task t;
	int began = 0;

	begin();
	ANSWERS(tend_event_open(&changed), 0);
	for (int i = 0; i < 2; i++)
		ANSWERS(tend_spawn(scope, hog, NULL, NULL, NULL), 0);
	while (hogs < 2) {}
	ANSWERS(tend_subscribe(rt, &sub), 0);
	t = shell("sleep 1000", 0);
	ANSWERS(tend_watch_changes(t.id, changed), 0);
	ck_assert_int_gt(begun_pid(t, changed), 0);
	for (int64_t i = 0, n = tend_events_take(sub, e, 16, NULL); i < n; i++)
		began += e[i].type == TEND_EVENT_BEGAN && e[i].id == t.id;
	ck_assert_int_eq(began, 1);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	ck_assert_int_eq(join(t).kind, TEND_CANCELED);
	/* What cannot start does not begin. */
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = none), &t), 0);
	ANSWERS(tend_watch_changes(t.id, changed), 0);
	ANSWERS(begun_pid(t, changed), -EAGAIN);
	ck_assert_int_eq(join(t).kind, TEND_FAILED);
	for (int64_t i = 0, n = tend_events_take(sub, e, 16, NULL); i < n; i++)
		ck_assert(e[i].type != TEND_EVENT_BEGAN || e[i].id != t.id);
	let_go = 1;
	tend_unsubscribe(sub);
	end();
	tend_event_close(changed);
}

TEST(what_cannot_start_says_why)
{
	const char *const none[] = {"no-such-program-here", NULL}, *const dir[] = {"/tmp", NULL};
	const char *const ok[] = {"true", NULL};
	struct tend_outcome o;
	tend_task t;

	begin();
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = none), &t), 0);
	o = join(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -ENOENT);
	ck_assert_int_eq(o.error, -ENOENT);
	ck_assert_ptr_nonnull(strstr(o.message, "no-such-program-here"));
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = dir), &t), 0);
	ck_assert_int_eq(join(t).result, -EACCES);
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = ok, .cwd = "/no/such"), &t), 0);
	o = join(t);
	ck_assert_int_eq(o.result, -ENOENT);
	ck_assert_ptr_nonnull(strstr(o.message, "working directory '/no/such'"));
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = NULL), &t), -EINVAL);
	end();
}

TEST(a_missing_guard_answers_and_its_paths_are_told)
{
	const char *const argv[] = {"true", NULL};
	char paths[4200];

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.guard_path = "/nowhere/tend-guard"), &rt), 0);
	ANSWERS(tend_spawn_process(tend_root(rt), TEND_PROCESS_OPTS(.argv = argv), NULL), -ENOENT);
	ck_assert_uint_eq(tend_guard_paths(rt, paths, sizeof(paths)), strlen(paths));
	ck_assert_str_eq(paths, "/nowhere/tend-guard");
	end();
	ANSWERS(tend_runtime_open(NULL, &rt), 0);
	ck_assert_uint_eq(tend_guard_paths(rt, paths, sizeof(paths)), strlen(paths));
	ck_assert_ptr_nonnull(strstr(paths, "/test/tend-guard:/"));
	end();
}

static char told[512];
static void take_line(const char *message) { snprintf(told, sizeof(told), "%s", message); }

TEST(what_cannot_start_and_nobody_holds_is_told)
{
	const char *const none[] = {"no-such-program-here", NULL}, *const no[] = {"false", NULL};

	begin();
	tend_set_failure_hook(take_line);
	/* An exit code is an answer. */
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = no), NULL), 0);
	ANSWERS(tend_scope_wait_empty(scope, tend_after(PATIENCE_NS)), 0);
	ck_assert_str_eq(told, "");
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = none), NULL), 0);
	ANSWERS(tend_scope_wait_empty(scope, tend_after(PATIENCE_NS)), 0);
	ck_assert_ptr_nonnull(strstr(told, " could not start: no-such-program-here: "));
	tend_set_failure_hook(NULL);
	end();
}

/* ---- While workers are busy ---- */

static _Atomic bool spinning, released;

static int spin(void *arg)
{
	(void)arg;
	spinning = true;
	while (!released) {}
	return 0;
}

static void begin_busy(uint32_t workers)
{
	tend_scope busy;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = workers,
	                                            .guard_path = getenv("TEND_GUARD")),
	                          &rt),
	        0);
	ANSWERS(tend_scope_open(tend_root(rt), "p", NULL, &scope), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "busy", NULL, &busy), 0);
	ANSWERS(tend_spawn(busy, spin, NULL, NULL, NULL), 0);
	while (!spinning)
		usleep(1000);
}

TEST(processes_start_stop_and_end_while_every_worker_is_busy)
{
	tend_task t;

	begin_busy(1);
	ck_assert_int_eq(join(shell("exit 4", 0)).result, 4);
	t = shell("echo up; exec sleep 1000", 0);
	until_it_says(t, "up");
	while (tend_process_pid(t) == -EAGAIN)
		usleep(1000);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	ck_assert_int_eq(join(t).kind, TEND_CANCELED);
	t = shell("trap '' TERM; echo up; while :; do sleep 0.01; done", 1);
	until_it_says(t, "up");
	ANSWERS(tend_scope_cancel(scope, -ECANCELED, NULL), 0);
	ck_assert_int_eq(join(t).kind, TEND_KILLED);
	released = true;
	end();
}

static void count_end(void *arg) { atomic_fetch_add((_Atomic int *)arg, 1); }

/* Only the drop itself needs a worker. */
TEST(a_process_with_a_drop_is_read_while_every_worker_is_busy)
{
	const char *const argv[] = {"sh", "-c", "echo up; exit 3", NULL};
	static _Atomic int drops;
	tend_task t;

	begin_busy(1);
	ANSWERS(tend_spawn_process(scope,
	                           TEND_PROCESS_OPTS(.argv = argv, .drop = count_end,
	                                             .output_arg = (void *)&drops),
	                           &t),
	        0);
	until_it_says(t, "up");
	ck_assert_int_eq(drops, 0);
	released = true;
	ck_assert_int_eq(join(t).result, 3);
	ck_assert_int_eq(drops, 1);
	end();
}

TEST(a_shutdown_ends_all_processes_while_every_worker_is_busy)
{
	tend_report *report;
	char text[8192];

	begin_busy(1);
	for (int i = 0; i < 5; i++) {
		tend_task t = shell("trap '' TERM; echo up; while :; do sleep 0.01; done", 1);

		until_it_says(t, "up");
		while (tend_process_pid(t) == -EAGAIN)
			usleep(1000);
	}
	ANSWERS(tend_shutdown(scope, tend_after(PATIENCE_NS),
	                      TEND_SHUTDOWN_OPTS(.report = &report)),
	        0);
	ck_assert_uint_eq(tend_report_abandoned(report), 0);
	ck_assert_uint_lt(tend_report_text(report, text, sizeof(text)), sizeof(text));
	ck_assert_msg(strstr(text, "5 killed"), "%s", text);
	ck_assert_ptr_nonnull(strstr(text, " killed: sh ("));
	ck_assert_uint_lt(tend_report_json(report, text, sizeof(text)), sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "\"names\":\"sh ("));
	tend_report_free(report);
	released = true;
	end();
}

/* What comes by the output callback, for the test that has the word. */
static struct heard {
	_Atomic int bytes, calls, drops;
	tend_event *entered, *go;
	bool panics;
} heard;

static void hear(void *arg, int stream, const char *bytes, size_t n)
{
	struct heard *h = arg;

	(void)stream;
	(void)bytes;
	h->bytes += (int)n;
	h->calls++;
	if (h->panics)
		tend_panic("no more");
	if (h->go) {
		tend_event_set(h->entered);
		ANSWERS(tend_event_wait(h->go, TEND_FOREVER), 0);
	}
}

static void count_drop(void *arg) { ((struct heard *)arg)->drops++; }

static tend_task heard_shell(const char *line)
{
	const char *const argv[] = {"sh", "-c", line, NULL};
	tend_task t;

	ANSWERS(tend_spawn_process(scope,
	                           TEND_PROCESS_OPTS(.argv = argv, .output = hear,
	                                             .output_arg = &heard, .drop = count_drop),
	                           &t),
	        0);
	return t;
}

TEST(any_worker_takes_the_turns_of_a_process_with_a_callback)
{
	begin_busy(2);
	for (int i = 1; i <= 20; i++) {
		ck_assert_int_eq(join(heard_shell("echo 1234567; exit 6")).result, 6);
		ck_assert_int_eq(heard.bytes, 8 * i);
		ck_assert_int_eq(heard.drops, i);
	}
	released = true;
	end();
}

TEST(news_that_come_while_the_callback_waits_are_not_lost)
{
	tend_task t;

	begin();
	ANSWERS(tend_event_open(&heard.entered), 0);
	ANSWERS(tend_event_open(&heard.go), 0);
	t = heard_shell("echo 1; echo 22 >&2; exit 5");
	ANSWERS(tend_event_wait(heard.entered, tend_after(PATIENCE_NS)), 0);
	while (kill(tend_process_pid(t), 0) == 0)
		usleep(1000);
	join(shell("exit 0", 0)); /* news come in order, so the end of the first has come */
	tend_event_set(heard.go);
	ck_assert_int_eq(join(t).result, 5);
	ck_assert_int_eq(heard.bytes, 2 + 3);
	tend_event_close(heard.entered);
	tend_event_close(heard.go);
	end();
}

TEST(a_panic_of_the_callback_kills_the_process)
{
	struct tend_outcome o;
	tend_task t;
	pid_t pid;

	begin();
	heard.panics = true;
	t = heard_shell("trap '' TERM; echo 1; while :; do sleep 0.01; done");
	while ((pid = tend_process_pid(t)) == -EAGAIN)
		usleep(1000);
	o = join(t);
	ck_assert_int_eq(o.kind, TEND_PANICKED);
	ck_assert_ptr_nonnull(strstr(o.message, "no more"));
	ck_assert_int_eq(kill(pid, 0), -1);
	ck_assert_int_eq(heard.calls, 1);
	ck_assert_int_eq(heard.drops, 1);
	end();
}

TEST(a_drop_alone_runs_once)
{
	const char *const argv[] = {"true", NULL};
	tend_task t;

	begin();
	ANSWERS(tend_spawn_process(scope,
	                           TEND_PROCESS_OPTS(.argv = argv, .output_arg = &heard,
	                                             .drop = count_drop),
	                           &t),
	        0);
	ck_assert_int_eq(join(t).kind, TEND_COMPLETED);
	ck_assert_int_eq(heard.drops, 1);
	end();
}

TEST(a_shutdown_kills_what_does_not_stop_in_its_time)
{
	begin();
	until_it_says(shell("trap '' TERM; echo up; while :; do sleep 0.01; done", 600 * TEND_SEC),
	              "up");
	/* It kills a second before: the most that there is for a slow machine. */
	ANSWERS(tend_shutdown(scope, tend_after(5 * TEND_SEC), NULL), 0);
	end();
	no_children_left();
}

/* Requests are sent and a guard is closed under the lock of the link, which this thread has: a
 * cancel that needed the lock would never return. */
TEST(a_cancel_does_not_wait_for_the_guard)
{
	const char *const argv[] = {"sleep", "60", NULL};
	tend_task t, other;

	begin();
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv), &t), 0);
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv), &other), 0);
	tend__lock(&rt->children_lock);
	struct tend__children *c = rt->children;
	tend__unlock(&rt->children_lock);
	tend__lock(&c->lock);
	ANSWERS(tend_task_cancel(other, -ECANCELED, NULL), 0);
	ANSWERS(tend_scope_cancel(scope, -ECANCELED, NULL), 0);
	tend__unlock(&c->lock);
	ck_assert_int_eq(join(t).kind, TEND_CANCELED);
	ck_assert_int_eq(join(other).kind, TEND_CANCELED);
	end();
}

TEST(a_flood_keeps_its_tail_and_counts_the_rest)
{
	static char tail[65536];
	uint64_t dropped;
	tend_task t;

	begin();
	t = shell("head -c 1000000 /dev/zero | tr '\\0' x; echo END", 0);
	ck_assert_int_eq(join(t).kind, TEND_COMPLETED);
	/* Joined, it is gone. */
	ANSWERS(tend_process_tail(t, tail, sizeof(tail), &dropped), -ESRCH);
	t = shell("head -c 1000000 /dev/zero | tr '\\0' x; echo END; sleep 60", 0);
	while (tend_process_tail(t, tail, 4, NULL) != 4 || memcmp(tail, "END\n", 4) != 0)
		usleep(1000);
	ck_assert_int_eq(tend_process_tail(t, tail, sizeof(tail), &dropped), 65536);
	ck_assert_uint_eq(dropped, 1000004 - 65536);
	ck_assert_int_eq(memcmp(tail + 65532, "END\n", 4), 0);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	join(t);
	end();
}

TEST(the_tail_is_the_end_of_the_output_in_its_order)
{
	static char tail[65536], all[200000];
	uint64_t dropped;
	size_t size = 0;
	tend_task t;

	for (int i = 1; i <= 30000; i++)
		size += (size_t)snprintf(all + size, sizeof(all) - size, "%d\n", i);
	begin();
	t = shell("seq 30000; sleep 60", 0);
	while (tend_process_tail(t, tail, 6, NULL) != 6 || memcmp(tail, "30000\n", 6) != 0)
		usleep(1000);
	ck_assert_int_eq(tend_process_tail(t, tail, sizeof(tail), &dropped), 65536);
	ck_assert_uint_eq(dropped, size - sizeof(tail));
	ck_assert_int_eq(memcmp(tail, all + size - sizeof(tail), sizeof(tail)), 0);
	ck_assert_int_eq(tend_process_tail(t, tail, 1000, NULL), 1000);
	ck_assert_int_eq(memcmp(tail, all + size - 1000, 1000), 0);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	join(t);
	end();
}

/* Only the first stream is used, and its bytes are counted in order. */
static void in_order(void *arg, int stream, const char *bytes, size_t n)
{
	char *text = arg;

	ck_assert_int_eq(stream, 1);
	memcpy(text + strlen(text), bytes, n);
}

TEST(one_output_keeps_the_order_of_both_streams)
{
	static char text[8192], want[8192];
	const char *const argv[] = {"sh", "-c",
	                            "i=1; while [ $i -le 200 ]; do echo $i; i=$((i+1)); "
	                            "echo $i >&2; i=$((i+1)); done",
	                            NULL};
	tend_task t;

	begin();
	ANSWERS(tend_spawn_process(scope,
	                           TEND_PROCESS_OPTS(.argv = argv, .flags = TEND_ONE_OUTPUT,
	                                             .output = in_order, .output_arg = text),
	                           &t),
	        0);
	ck_assert_int_eq(join(t).result, 0);
	for (int i = 1; i <= 200; i++)
		sprintf(want + strlen(want), "%d\n", i);
	ck_assert_str_eq(text, want);
	end();
}

TEST(children_get_only_the_variables_that_they_should)
{
	char tail[4096];
	int64_t n;
	tend_task t;

	setenv("TEND_SECRET", "42", 1);
	begin();
	t = shell("env; sleep 60", 0);
	until_it_says(t, "PATH=");
	n = tend_process_tail(t, tail, sizeof(tail) - 1, NULL);
	tail[n] = 0;
	ck_assert_ptr_null(strstr(tail, "TEND_SECRET"));
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	join(t);
	end();
}

/* The first attempt fails, the second does not. */
TEST(a_process_learns_of_which_task_and_attempt_it_is)
{
	static char text[256];
	char want[320], one[64];
	const char *const argv[] = {"sh", "-c",
	                            "echo $TEND_PARENT $OTHER; case $TEND_PARENT in *:2:) ;; "
	                            "*) exit 3; esac",
	                            NULL};
	const char *const env[] = {"PATH=/usr/bin:/bin", "TEND_PARENT=1:2:3:4:", "OTHER=kept",
	                           "TEND_PARENT=", NULL};
	tend_task t;

	begin();
	setenv("TEND_PARENT", "1:5:6:7:", 1);
	ANSWERS(tend_spawn_process(
			scope,
			TEND_PROCESS_OPTS(.argv = argv, .env = env, .flags = TEND_ONE_OUTPUT,
	                                  .output = in_order, .output_arg = text,
	                                  .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                          .delay_ns = TEND_MS)),
			&t),
	        0);
	ck_assert_int_eq(join(t).kind, TEND_COMPLETED);
	snprintf(one, sizeof(one), "1:%llu:%llu:", (unsigned long long)rt->segment.header->opened,
	         (unsigned long long)t.id);
	snprintf(want, sizeof(want), "%s1: kept\n%s2: kept\n", one, one);
	ck_assert_str_eq(text, want);
	/* Without an environment of the caller's choice, too, and from a child's child. */
	t = shell("sh -c 'echo $TEND_PARENT'; sleep 60", 0);
	until_it_says(t, "\n");
	int64_t n = tend_process_tail(t, text, sizeof(text) - 1, NULL);
	text[n] = 0;
	snprintf(want, sizeof(want), "1:%llu:%llu:1:\n",
	         (unsigned long long)rt->segment.header->opened, (unsigned long long)t.id);
	ck_assert_str_eq(text, want);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	join(t);
	unsetenv("TEND_PARENT");
	end();
}

/* Of a task that runs: the keeper's parent, two up from the leader. */
static pid_t guard_of(tend_task t)
{
	char path[64];
	pid_t pid;

	while ((pid = tend_process_pid(t)) == -EAGAIN)
		usleep(1000);
	for (int up = 0; up < 2; up++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "r");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %*c %d", &pid), 1);
		fclose(f);
	}
	return pid;
}

/* It is dead when this returns. */
static void kill_guard_of(tend_task t)
{
	pid_t pid = guard_of(t);
	struct pollfd guard = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

	ck_assert_int_ge(guard.fd, 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(poll(&guard, 1, PATIENCE_S * 1000), 1);
	close(guard.fd);
}

TEST(the_death_of_the_guard_is_seen_and_another_is_started)
{
	struct tend_outcome o;
	tend_task t;

	begin();
	t = shell("echo up; sleep 60", 0);
	until_it_says(t, "up");
	kill_guard_of(t);
	/* Whether or not it has been noticed. */
	ck_assert_int_eq(join(shell("exit 3", 0)).result, 3);
	o = join(t);
	ck_assert_int_eq(o.kind, TEND_KILLED);
	ck_assert_ptr_nonnull(strstr(o.message, "guard"));
	end();
}

/* Returns the program that keeps the process from ending, or 0 where tracing is forbidden. */
static pid_t hold_process(pid_t pid)
{
	char number[16], said[8] = "";
	int out[2];

	snprintf(number, sizeof(number), "%d", pid);
	ck_assert_int_eq(pipe(out), 0);
	pid_t holder = fork();
	ck_assert_int_ge(holder, 0);
	if (holder == 0) {
		dup2(out[1], STDOUT_FILENO);
		execl(hold_program(), "hold", number, NULL);
		_exit(127);
	}
	close(out[1]);
	ssize_t n = read(out[0], said, sizeof(said));
	close(out[0]);
	if (n <= 0)
		waitpid(holder, NULL, 0);
	return n > 0 ? holder : 0;
}

static bool is_abandoned(tend_task t)
{
	tend_snapshot *s;
	bool found = false;

	ANSWERS(tend_snapshot_take(rt, &s), 0);
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		found |= tend_snapshot_at(s, i)->id == t.id &&
		         tend_snapshot_at(s, i)->state == TEND_STATE_ABANDONED;
	tend_snapshot_free(s);
	return found;
}

/* The pipes have ended before, so nothing but the runtime's own look tells of the end. */
TEST(a_process_that_outlives_its_guard_is_looked_at_until_it_is_dead)
{
	int pipes = open_pipes();

	begin();
	tend_task t = shell("exec sleep 1000 >/dev/null 2>&1", 0);
	while (open_pipes() > pipes)
		usleep(1000);
	pid_t pid;
	while ((pid = tend_process_pid(t)) == -EAGAIN)
		usleep(1000);
	pid_t holder = hold_process(pid);
	kill_guard_of(t);
	while (holder && !is_abandoned(t))
		usleep(1000);
	if (holder) {
		ck_assert_int_eq(kill(holder, SIGKILL), 0);
		ck_assert_int_eq(waitpid(holder, NULL, 0), holder);
	}
	ck_assert_int_eq(join(t).kind, TEND_KILLED);
	end();
}

/* As if no number had been free when the process started. */
static void forget_pidfd_of(tend_task t)
{
	tend__lock(&rt->children_lock);
	struct tend__children *c = rt->children;
	tend__unlock(&rt->children_lock);
	tend__lock(&c->lock);
	struct tend__process *p = tend__task_at(rt, t.id)->data;
	tend__process_close(&p->pidfd);
	tend__unlock(&c->lock);
}

TEST(a_leader_without_a_pidfd_is_seen_dead)
{
	begin();
	tend_task t = shell("echo up; exec sleep 1000", 0);
	until_it_says(t, "up");
	forget_pidfd_of(t);
	kill_guard_of(t);
	ck_assert_int_eq(join(t).kind, TEND_KILLED);
	end();
}

/* While the caller waits for what the guard says, the runtime makes the guard go on. */
TEST(a_guard_that_is_stopped_goes_on)
{
	tend_task t;
	pid_t guard;

	begin();
	t = shell("echo up; exec sleep 1000", 0);
	until_it_says(t, "up");
	guard = guard_of(t);
	ck_assert_int_eq(kill(guard, SIGSTOP), 0);
	ck_assert_int_eq(join(shell("exit 3", 0)).result, 3);
	ck_assert_int_eq(kill(guard, SIGSTOP), 0);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	ck_assert_int_eq(join(t).signal, SIGTERM);
	end();
}

/* The guard dies of the stop of the first. */
TEST(what_a_dead_guard_never_started_has_failed_and_is_not_killed)
{
	const char *const argv[] = {"true", NULL};
	struct tend_outcome o;
	tend_task first, second;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .guard_path = mute_guard()), &rt),
	        0);
	scope = tend_root(rt);
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv), &first), 0);
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv), &second), 0);
	ANSWERS(tend_task_cancel(first, -ECANCELED, NULL), 0);
	ck_assert_int_eq(join(first).kind, TEND_CANCELED);
	o = join(second);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -EPIPE);
	ck_assert_ptr_nonnull(strstr(o.message, "before the process had started"));
	end();
}

TEST(a_failed_start_without_an_error_makes_no_sense_and_costs_only_the_guard)
{
	const char *const argv[] = {"true", NULL};
	struct tend_outcome o;
	tend_task t;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .guard_path = mute_guard()), &rt),
	        0);
	scope = tend_root(rt);
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv, .stop_ns = 1), &t), 0);
	o = join(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -EPIPE);
	end();
}

static int hold_descriptors(void *ready)
{
	ck_assert_int_eq(write(*(int *)ready, "", 1), 1);
	pause();
	return 0;
}

/* A fork of the program that was made while the guard was started has its end of the
 * socket, too: there is no end of file. Here the child gets it from /proc. */
TEST(the_death_of_the_guard_is_seen_though_its_socket_stays)
{
	int ready[2], held;
	pid_t guard, holder;
	tend_task t;
	char byte;

	begin();
	t = shell("echo up; sleep 60", 0);
	until_it_says(t, "up");
	guard = guard_of(t);
	held = (int)syscall(SYS_pidfd_open, guard, 0);
	ck_assert_int_ge(held, 0);
	ANSWERS(pipe(ready), 0);
	holder = fork();
	if (holder == 0) {
		int sock = (int)syscall(SYS_pidfd_getfd, held, 3, 0);

		_exit(sock < 0 ? 1 : hold_descriptors(&ready[1]));
	}
	close(ready[1]);
	/* Not every user may have it so: then there is nothing to see. */
	if (read(ready[0], &byte, 1) == 1) {
		ck_assert_int_eq(kill(guard, SIGKILL), 0);
		ck_assert_int_eq(join(t).kind, TEND_KILLED);
	}
	end();
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	close(ready[0]);
	close(held);
}

/* It is not over before what it has started is. */
TEST(what_a_dead_guard_leaves_is_dead_when_its_tasks_have_ended)
{
	tend_task t;
	char tail[64];
	pid_t child;

	begin();
	t = shell("setsid sh -c 'echo $$; sleep 1000' & sleep 1000", 0);
	until_it_says(t, "\n");
	ck_assert_int_gt((int)tend_process_tail(t, tail, sizeof(tail), NULL), 0);
	child = (pid_t)strtol(tail, NULL, 10);
	ck_assert_int_eq(kill(child, 0), 0);
	kill_guard_of(t);
	join(t);
	/* Nobody may have reaped it yet. */
	snprintf(tail, sizeof(tail), "/proc/%d/cmdline", child);
	FILE *f = fopen(tail, "r");
	ck_assert(!f || fgetc(f) == EOF);
	if (f)
		fclose(f);
	end();
}

TEST(a_child_begins_in_the_directory_of_the_call)
{
	const char *const argv[] = {"pwd", NULL};
	tend_task t[20];
	char tail[64];

	ANSWERS(chdir("/"), 0);
	begin();
	for (int i = 0; i < 20; i++)
		ANSWERS(tend_spawn_process(
				scope, TEND_PROCESS_OPTS(.argv = argv, .cwd = i % 2 ? "usr" : NULL),
				&t[i]),
		        0);
	ANSWERS(chdir("/tmp"), 0);
	for (int i = 0; i < 20; i++) {
		const char *want = i % 2 ? "/usr\n" : "/\n";
		int64_t n;

		until_it_says(t[i], want);
		n = tend_process_tail(t[i], tail, sizeof(tail), NULL);
		ck_assert_int_eq((int)n, (int)strlen(want));
	}
	end();
}

TEST(standard_input_is_there_though_the_program_has_none)
{
	begin();
	close(0);
	ck_assert_int_eq(join(shell("cat && test -e /dev/fd/0", 0)).result, 0);
	end();
}

/* Puts a pipe in the place of a standard stream. Returns the other end. */
static int redirect(int fd)
{
	int both[2], mine = fd == 0 ? 1 : 0;

	ck_assert_int_eq(pipe(both), 0);
	ck_assert_int_eq(dup2(both[!mine], fd), fd);
	close(both[!mine]);
	return both[mine];
}

static void reads(int fd, const char *want)
{
	char text[64] = "";

	ck_assert_int_eq((int)read(fd, text, sizeof(text) - 1), (int)strlen(want));
	ck_assert_str_eq(text, want);
	close(fd);
}

TEST(inherited_streams_are_those_of_the_program)
{
	const char *const argv[] = {"sh", "-c", "read word && echo $word && echo err >&2", NULL};
	const uint32_t flags = TEND_INHERIT_INPUT | TEND_INHERIT_OUTPUT;
	int before = open_descriptors(), saved[3], other[3];
	char tail[16];
	tend_task t;

	for (int i = 0; i < 3; i++) {
		saved[i] = dup(i);
		other[i] = redirect(i);
	}
	int error = tend_runtime_open(TEND_RUNTIME_OPTS(.guard_path = getenv("TEND_GUARD")), &rt);
	if (!error)
		error = tend_spawn_process(tend_root(rt),
		                           TEND_PROCESS_OPTS(.argv = argv, .flags = flags), &t);
	/* The program may close its own as soon as the call has returned. */
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	ANSWERS(error, 0);
	ck_assert_int_eq((int)write(other[0], "in\n", 3), 3);
	close(other[0]);
	ck_assert_int_eq((int)tend_scope_wait_empty(tend_root(rt), tend_after(PATIENCE_NS)), 0);
	ck_assert_int_eq((int)tend_process_tail(t, tail, sizeof(tail), NULL), 0);
	ck_assert_int_eq(join(t).result, 0);
	reads(other[1], "in\n");
	reads(other[2], "err\n");
	end();
	ck_assert_int_eq(open_descriptors(), before);
}

TEST(an_inherited_stream_that_is_closed_is_empty)
{
	const char *const argv[] = {"sh", "-c", "cat && echo out", NULL};
	const uint32_t flags = TEND_INHERIT_INPUT | TEND_INHERIT_OUTPUT;
	int out;
	tend_task t;

	fflush(NULL);
	out = dup(1);
	begin();
	close(0);
	close(1);
	int error = tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv, .flags = flags), &t);
	dup2(out, 1);
	close(out);
	ANSWERS(error, 0);
	ck_assert_int_eq(join(t).result, 0);
	end();
}

/* Without assertions, which write to a file. */
static int without_files(void)
{
	const struct tend_runtime_opts *opts =
		TEND_RUNTIME_OPTS(.name = "t", .guard_path = getenv("TEND_GUARD"));
	const struct rlimit none = {0, 0};
	const char *const argv[] = {"true", NULL};
	struct tend_outcome o;
	tend_runtime *first, *second;
	tend_task t;

	if (tend_runtime_open(opts, &first) || setrlimit(RLIMIT_FSIZE, &none))
		return 1;
	if (tend_runtime_open(opts, &second) != -EFBIG)
		return 2;
	if (tend_spawn_process(tend_root(first), TEND_PROCESS_OPTS(.argv = argv), &t) ||
	    tend_join(t, &o, tend_after(PATIENCE_NS)))
		return 3;
	if (o.kind != TEND_FAILED || o.result != -EFBIG)
		return 4;
	return tend_runtime_close(first, tend_after(PATIENCE_NS)) ? 5 : 0;
}

TEST(a_program_that_may_write_no_files_is_told_so)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(without_files());
	ANSWERS(waitpid(pid, &status, 0), pid);
	ANSWERS(status, 0);
}

/* ---- Programs that do with their children what they should not ---- */

/* Takes every status there is to take. Once `watched`, there is none, and no child. */
static struct thief {
	pthread_t thread;
	_Atomic bool over, watched;
	_Atomic int stolen, children;
} thief;

static void *steal(void *arg)
{
	while (!thief.over) {
		bool watched = thief.watched;
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid > 0)
			thief.stolen++;
		if (watched && (pid != -1 || errno != ECHILD))
			thief.children++;
		usleep(100);
	}
	return arg;
}

static tend_task exits_with(int code)
{
	char number[16];
	const char *const argv[] = {exit_with(), number, NULL};
	tend_task t;

	snprintf(number, sizeof(number), "%d", code);
	ANSWERS(tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv), &t), 0);
	return t;
}

/* The guard's tests show that each status is told right. Here each arrives at its task,
 * and the program has no child whose status it could take. */
static void run_children(void)
{
	enum { AT_ONCE = 100 };
	const int n = suite_count(150, 300, 10000);
	tend_task tasks[AT_ONCE];
	int before;

	begin();
	join(exits_with(0)); /* the guard is there, and its descriptors counted */
	before = open_descriptors();
	thief.watched = true;
	for (int i = 0; i < n + AT_ONCE; i++) {
		if (i >= AT_ONCE)
			ck_assert_int_eq(join(tasks[i % AT_ONCE]).result, (i - AT_ONCE) % 256);
		if (i < n)
			tasks[i % AT_ONCE] = exits_with(i % 256);
		no_children_left();
	}
	thief.watched = false;
	ck_assert_int_eq(open_descriptors(), before);
	end();
	no_children_left();
}

TEST(each_status_arrives_and_no_child_is_the_programs) { run_children(); }

TEST(a_program_that_waits_for_any_child_finds_none)
{
	ck_assert_int_eq(pthread_create(&thief.thread, NULL, steal, NULL), 0);
	run_children();
	thief.over = true;
	pthread_join(thief.thread, NULL);
	/* The starter of the guard is a child for a moment. */
	ck_assert_int_le(thief.stolen, 1);
	ck_assert_int_eq(thief.children, 0);
}

TEST(an_ignored_sigchld_loses_nothing)
{
	signal(SIGCHLD, SIG_IGN);
	run_children();
}
