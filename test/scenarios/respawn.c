/* Processes that run again: what the real guard and the simulated one both do. */
#include "scenario.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT_ONCE(...) TEND_RESTART(__VA_ARGS__, .delay_ns = TEND_AT_ONCE)

static tend_task start_in(tend_scope s, const char *name, const struct tend_restart *restart)
{
	tend_task t;

	OK(tend_spawn_process(
		s, TEND_PROCESS_OPTS(.name = "p", .argv = argv_of(name), .restart = restart), &t));
	return t;
}

static tend_task start(const char *name, const struct tend_restart *restart)
{
	return start_in(root, name, restart);
}

static struct tend_life life(tend_task t)
{
	struct tend_life out;

	OK(tend_task_info(t, &out));
	return out;
}

/* Until an attempt, or a later one, says the word in its tail. Returns its pid. */
static int until_attempt_says(tend_task t, uint32_t attempt, const char *word)
{
	uint64_t deadline = SOON;

	while (life(t).attempt < attempt || life(t).state != TEND_STATE_RUNNING) {
		ck_assert_uint_lt(tend_now(), deadline);
		OK(tend_sleep(TEND_MS));
	}
	until_it_says(t, word);
	return tend_process_pid(t);
}

SCENARIO(respawn_a_failed_process_runs_again_until_its_retries_are_used)
{
	struct tend_outcome o;

	open_world(2);
	o = joined(start("exit 7", AT_ONCE(.policy = TEND_TRANSIENT, .retries = 2)));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, 7);
	ck_assert_int_eq(o.error, -EIO);
	ck_assert_uint_eq(o.attempts, 3);
	o = joined(start("die by SEGV", AT_ONCE(.policy = TEND_TRANSIENT, .retries = 1)));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.signal, SIGSEGV);
	ck_assert_uint_eq(o.attempts, 2);
	o = joined(start("exit 0", AT_ONCE(.policy = TEND_TRANSIENT)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_uint_eq(o.attempts, 1);
	o = joined(start("exit 7", AT_ONCE(.policy = TEND_TEMPORARY)));
	ck_assert_uint_eq(o.attempts, 1);
	close_world();
}

SCENARIO(respawn_at_rest_the_life_has_the_signal_of_the_last_process)
{
	tend_task t;

	open_world(2);
	t = start("die by SEGV", TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 1000 * TEND_SEC,
	                                      .delay_max_ns = 1000 * TEND_SEC));
	OK(tend_task_wait(t, TEND_IS_OVER, 1, SOON));
	ck_assert_uint_eq(life(t).state, TEND_STATE_BACKOFF);
	ck_assert_int_eq(life(t).last_signal, SIGSEGV);
	OK(tend_task_shutdown(t, SOON));
	close_world();
}

SCENARIO(respawn_exit_codes_complete_an_attempt_or_end_the_task)
{
	static const int32_t seven[] = {7, 0};
	struct tend_outcome o;

	open_world(2);
	o = joined(start("exit 7", AT_ONCE(.policy = TEND_TRANSIENT, .success = seven)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.error, 0);
	ck_assert_int_eq(o.result, 7);
	ck_assert_uint_eq(o.attempts, 1);
	o = joined(start("exit 7", AT_ONCE(.policy = TEND_PERMANENT, .fatal = seven)));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, 7);
	ck_assert_uint_eq(o.attempts, 1);
	close_world();
}

SCENARIO(respawn_the_default_of_a_scope_is_that_of_its_processes_too)
{
	tend_scope s;
	tend_task t;
	struct tend_outcome o;

	open_world(2);
	OK(tend_scope_open(
		root, "s",
		TEND_SCOPE_OPTS(.restart = AT_ONCE(.policy = TEND_TRANSIENT, .retries = 1)), &s));
	OK(tend_spawn_process(s, TEND_PROCESS_OPTS(.argv = argv_of("exit 7")), &t));
	o = joined(t);
	ck_assert_uint_eq(o.attempts, 2);
	close_world();
}

SCENARIO(respawn_an_attempt_has_a_pid_of_its_own_and_at_rest_there_is_none)
{
	int first, second, error;
	char tail[64];
	tend_task t;

	open_world(2);
	t = start("up", AT_ONCE(.policy = TEND_PERMANENT));
	first = until_attempt_says(t, 1, "up");
	ck_assert_int_gt((int)tend_process_tail_of(t, 1, tail, sizeof(tail), NULL), 0);
	OK(tend_task_restart(t, SOON));
	second = until_attempt_says(t, 2, "up");
	ck_assert_int_gt(first, 0);
	ck_assert_int_ne(first, second);
	OK(tend_task_stop(t, SOON));
	ck_assert_uint_eq(life(t).state, TEND_STATE_STOPPED);
	ck_assert_uint_eq(life(t).last, TEND_CANCELED);
	ANSWERS(tend_process_pid(t), -EAGAIN);
	ANSWERS(tend_process_signal(t, SIGKILL), -EAGAIN);
	OK(tend_task_start(t, SOON));
	until_attempt_says(t, 3, "up");
	while ((error = tend_process_signal(t, SIGKILL)) == -EAGAIN)
		OK(tend_sleep(TEND_MS)); /* no room */
	OK(error);
	until_attempt_says(t, 4, "up");
	ck_assert_uint_eq(life(t).restarts, 1);
	OK(tend_task_shutdown(t, SOON));
	ck_assert_uint_eq(joined(t).attempts, 4);
	close_world();
}

SCENARIO(respawn_what_a_stop_does_not_end_is_killed_and_runs_again)
{
	tend_task t;

	open_world(2);
	/* By the grace of the attempt, which by default is the time of the process's stop. */
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv_of("deaf"), .stop_ns = 20 * TEND_MS,
	                                        .restart = AT_ONCE(.policy = TEND_PERMANENT)),
	                      &t));
	until_attempt_says(t, 1, "up");
	OK(tend_task_stop(t, SOON));
	ck_assert_uint_eq(life(t).last, TEND_KILLED);
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	ck_assert_int_eq(joined(t).signal, SIGKILL);
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv_of("deaf"), .stop_ns = TEND_FOREVER,
	                                        .restart = AT_ONCE(.policy = TEND_PERMANENT,
	                                                           .grace_ns = 20 * TEND_MS)),
	                      &t));
	until_attempt_says(t, 1, "up");
	OK(tend_task_restart(t, SOON));
	until_attempt_says(t, 2, "up");
	ck_assert_uint_eq(life(t).last, TEND_KILLED);
	OK(tend_task_stop(t, SOON));
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	close_world();
}

SCENARIO(respawn_an_attempt_that_takes_too_long_has_failed)
{
	struct tend_outcome o;

	open_world(2);
	o = joined(start("up", AT_ONCE(.policy = TEND_TRANSIENT, .retries = 1,
	                               .timeout_ns = 20 * TEND_MS)));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.error, -ETIMEDOUT);
	ck_assert_uint_eq(o.attempts, 2);
	close_world();
}

SCENARIO(respawn_a_program_that_cannot_run_is_a_failed_attempt)
{
	const char *const none[] = {"no-such-program-here", NULL};
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	OK(tend_spawn_process(
		root,
		TEND_PROCESS_OPTS(.argv = none,
	                          .restart = AT_ONCE(.policy = TEND_TRANSIENT, .retries = 2)),
		&t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -ENOENT);
	ck_assert_uint_eq(o.attempts, 3);
	ck_assert_msg(strstr(o.message, "no-such-program-here: could not find the program"), "%s",
	              o.message);
	close_world();
}

SCENARIO(respawn_a_relative_directory_is_the_same_each_time)
{
	char above[64] = "/tmp/tend-respawn-XXXXXX", back[4096];
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	ck_assert_ptr_nonnull(getcwd(back, sizeof(back)));
	ck_assert_ptr_nonnull(mkdtemp(above));
	OK(chdir(above));
	OK(mkdir("below", 0700));
	OK(tend_spawn_process(
		root,
		TEND_PROCESS_OPTS(.argv = argv_of("exit 7"), .cwd = "below",
	                          .restart = AT_ONCE(.policy = TEND_TRANSIENT, .retries = 2)),
		&t));
	OK(chdir(back));
	o = joined(t);
	ck_assert_int_eq(o.result, 7);
	ck_assert_uint_eq(o.attempts, 3);
	strcat(above, "/below");
	OK(rmdir(above));
	*strrchr(above, '/') = '\0';
	OK(rmdir(above));
	close_world();
}

static struct {
	_Atomic int ends[3], bytes, drops, cleaned;
	_Atomic bool panics, gone;
} seen;

static void see(void *arg, int stream, const char *bytes, size_t n)
{
	(void)arg;
	(void)bytes;
	seen.bytes += (int)n;
	seen.ends[stream] += n == 0;
}

static void see_drop(void *arg)
{
	(void)arg;
	/* The process, the cleanups, the drop. */
	ck_assert(!seen.panics || seen.cleaned > 0);
	seen.drops++;
}

SCENARIO(respawn_two_tails_are_kept_and_each_stream_has_an_end_an_attempt)
{
	char tail[64];
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	memset(&seen, 0, sizeof(seen));
	OK(tend_spawn_process(
		root,
		TEND_PROCESS_OPTS(.argv = argv_of("talk"), .output = see, .drop = see_drop,
	                          .restart = AT_ONCE(.policy = TEND_TRANSIENT, .retries = 2)),
		&t));
	OK(tend_task_wait(t, TEND_IS_OVER, 3, SOON));
	for (uint32_t attempt = 2; attempt <= 3; attempt++)
		ck_assert_int_eq((int)tend_process_tail_of(t, attempt, tail, sizeof(tail), NULL),
		                 14);
	ck_assert_int_eq((int)tend_process_tail(t, tail, sizeof(tail), NULL), 14);
	ck_assert_int_eq((int)tend_process_tail_of(t, 1, tail, sizeof(tail), NULL), -ENOENT);
	o = joined(t);
	ck_assert_uint_eq(o.attempts, 3);
	ck_assert_int_eq(seen.ends[1], 3);
	ck_assert_int_eq(seen.ends[2], 3);
	ck_assert_int_eq(seen.bytes, 3 * 14);
	ck_assert_int_eq(seen.drops, 1);
	close_world();
}

static void clean(void *arg)
{
	(void)arg;
	/* Nothing can be sent to what has ended. */
	seen.gone = tend_process_signal(tend_self(), SIGCONT) == -EAGAIN;
	seen.cleaned++;
}

static void panic(void *arg, int stream, const char *bytes, size_t n)
{
	(void)arg;
	(void)stream;
	(void)bytes;
	(void)n;
	OK(tend_defer(clean, NULL));
	tend_panic("no more");
}

SCENARIO(respawn_after_a_panic_of_the_callback_come_process_cleanups_and_drop)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	for (uint32_t retries = 0; retries < 2; retries++) {
		memset(&seen, 0, sizeof(seen));
		seen.panics = true;
		OK(tend_spawn_process(
			root,
			TEND_PROCESS_OPTS(.argv = argv_of("deaf"), .output = panic,
		                          .drop = see_drop,
		                          .restart = retries ? AT_ONCE(.policy = TEND_TRANSIENT,
		                                                       .retries = retries)
		                                             : NULL),
			&t));
		o = joined(t);
		ck_assert_int_eq(o.kind, TEND_PANICKED);
		ck_assert_uint_eq(o.attempts, retries + 1);
		ck_assert_ptr_nonnull(strstr(o.message, "no more"));
		ck_assert_int_eq(seen.cleaned, (int)retries + 1);
		ck_assert(seen.gone);
		ck_assert_int_eq(seen.drops, 1);
	}
	close_world();
}

static tend_task start_dropping(tend_scope s, const char *name, const struct tend_restart *restart)
{
	tend_task t;

	memset(&seen, 0, sizeof(seen));
	OK(tend_spawn_process(
		s, TEND_PROCESS_OPTS(.argv = argv_of(name), .drop = see_drop, .restart = restart),
		&t));
	return t;
}

#define RESTS TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 3600 * TEND_SEC)

SCENARIO(respawn_a_cancel_a_close_and_a_shutdown_end_a_rest)
{
	struct tend_outcome o;
	tend_scope s;
	tend_task t;

	open_world(2);
	t = start_dropping(root, "exit 7", RESTS);
	OK(tend_task_wait(t, TEND_IS_OVER, 1, SOON));
	ck_assert_uint_eq(life(t).state, TEND_STATE_BACKOFF);
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.result, 7);
	ck_assert_int_eq(seen.drops, 1);

	s = child(root, "s");
	t = start_dropping(s, "exit 7", RESTS);
	OK(tend_task_wait(t, TEND_IS_OVER, 1, SOON));
	OK(tend_scope_close(s, SOON, NULL));
	ck_assert_int_eq(seen.drops, 1);

	s = child(root, "s");
	t = start_dropping(s, "exit 7", RESTS);
	OK(tend_task_wait(t, TEND_IS_OVER, 1, SOON));
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(seen.drops, 1);
	OK(tend_scope_close(s, SOON, NULL));

	/* Asked to stop before the first attempt, it has no attempt until it is started. */
	t = start_dropping(root, "up", RESTS);
	ck_assert(tend_task_stop(t, 0) == -ETIMEDOUT || life(t).state == TEND_STATE_STOPPED);
	OK(tend_task_shutdown(t, SOON));
	ck_assert_int_eq(seen.drops, 1);
	close_world();
}

SCENARIO(respawn_what_an_attempt_leaves_has_ended_before_the_next_begins)
{
	tend_task t;

	open_world(2);
	OK(tend_spawn_process(
		root,
		TEND_PROCESS_OPTS(.argv = argv_of("leave a deaf daemon"), .stop_ns = TEND_MS,
	                          .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                  .interval_ns = TEND_AT_ONCE)),
		&t));
	OK(tend_task_wait(t, TEND_IS_OVER, 2, SOON));
	OK(tend_task_stop(t, SOON));
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	close_world();
}

SCENARIO(respawn_processes_of_a_scope_with_a_strategy_begin_anew_together)
{
	tend_task one, other;
	tend_scope s;
	int error;

	open_world(2);
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), &s));
	one = start_in(s, "up", AT_ONCE(.policy = TEND_PERMANENT));
	other = start_in(s, "up", AT_ONCE(.policy = TEND_PERMANENT));
	until_attempt_says(one, 1, "up");
	until_attempt_says(other, 1, "up");
	while ((error = tend_process_signal(one, SIGKILL)) == -EAGAIN)
		OK(tend_sleep(TEND_MS)); /* no room */
	OK(error);
	until_attempt_says(one, 2, "up");
	until_attempt_says(other, 2, "up");
	ck_assert_uint_eq(life(other).restarts, 0);
	OK(tend_shutdown(s, SOON, NULL));
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}
