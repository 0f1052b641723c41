/* Processes: what the real guard and the simulated one both do. */
#include "scenario.h"

#include <signal.h>
#include <stdio.h>

SCENARIO(process_an_exit_code_is_the_result)
{
	struct tend_outcome o;

	open_world(2);
	o = joined(process(root, "exit 0", 0));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.error, 0);
	o = joined(process(root, "exit 7", 0));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, 7);
	ck_assert_int_eq(o.error, -EIO);
	o = joined(process(root, "die by SEGV", 0));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.signal, SIGSEGV);
	ck_assert_int_eq(o.result, 128 + SIGSEGV);
	close_world();
}

/* The row of the process says by now that the process runs. */
static void see_that_it_runs(void *shown, int stream, const char *bytes, size_t n)
{
	tend_snapshot *s;

	(void)stream;
	(void)bytes;
	(void)n;
	OK(tend_snapshot_take(rt, &s));
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);

		if (info->kind != TEND_KIND_PROCESS)
			continue;
		ck_assert_int_gt(info->pid, 0);
		ck_assert(info->ready);
		tend_event_set(shown);
	}
	tend_snapshot_free(s);
}

SCENARIO(process_has_begun_before_its_first_output_is_shown)
{
	tend_event *shown;
	tend_task t;

	open_world(2);
	shown = new_event();
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv_of("up"), .output = see_that_it_runs,
	                                        .output_arg = shown),
	                      &t));
	OK(tend_event_wait(shown, SOON));
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

SCENARIO(process_what_cannot_start_says_why)
{
	const char *const none[] = {"no-such-program-here", NULL};
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	OK(tend_spawn_process(root, TEND_PROCESS_OPTS(.argv = none), &t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -ENOENT);
	ck_assert_msg(strstr(o.message, "no-such-program-here: could not find the program"), "%s",
	              o.message);
	o = joined(process(root, "not allowed", 0));
	ck_assert_int_eq(o.result, -EACCES);
	ck_assert_msg(strstr(o.message, "could not be run"), "%s", o.message);
	OK(tend_spawn_process(root, TEND_PROCESS_OPTS(.argv = argv_of("exit 0"), .cwd = "/no/such"),
	                      &t));
	o = joined(t);
	ck_assert_int_eq(o.result, -ENOENT);
	ck_assert_msg(strstr(o.message, "working directory '/no/such'"), "%s", o.message);
	close_world();
}

SCENARIO(process_a_cancel_sends_the_stop_signal_and_then_kills)
{
	struct tend_outcome o;
	tend_task polite, stubborn;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	polite = process(s, "exit 5 on TERM", 0);
	stubborn = process(s, "deaf", 50 * TEND_MS);
	until_it_says(polite, "up");
	until_it_says(stubborn, "up");
	OK(tend_scope_cancel(s, -ECANCELED, "enough"));
	o = joined(polite);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.result, 5);
	o = joined(stubborn);
	ck_assert_int_eq(o.kind, TEND_KILLED);
	ck_assert_int_eq(o.signal, SIGKILL);
	close_world();
}

/* The child has the signal when the leader has ended, and not with the leader. */
SCENARIO(process_a_stop_may_be_for_the_leader_first)
{
	struct tend_outcome o;
	char tail[64];
	tend_scope s;
	tend_task t;
	int error;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn_process(s,
	                      TEND_PROCESS_OPTS(.argv = argv_of("end before a child"),
	                                        .flags = TEND_STOP_LEADER,
	                                        .stop_ns = 1000 * TEND_SEC),
	                      &t));
	until_it_says(t, "up");
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	until_it_says(t, "leader");
	while ((error = tend_process_signal(t, SIGUSR1)) == -EAGAIN)
		OK(tend_sleep(TEND_MS)); /* no room */
	OK(error);
	OK(tend_scope_wait_empty(s, SOON));
	int64_t n = tend_process_tail(t, tail, sizeof(tail) - 1, NULL);
	ck_assert_int_ge((int)n, 0);
	tail[n] = 0;
	IS(tail, "up\nleader\nchild\n");
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.result, 5);
	close_world();
}

SCENARIO(process_a_crash_after_a_cancel_is_a_failure)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	t = process(root, "SEGV on TERM", 0);
	until_it_says(t, "up");
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.signal, SIGSEGV);
	ck_assert_int_eq(o.was_canceled, 1);
	close_world();
}

SCENARIO(process_a_signal_reaches_the_process)
{
	tend_task t;

	open_world(2);
	t = process(root, "exit 9 on USR1", 0);
	until_it_says(t, "up");
	OK(tend_process_signal(t, SIGUSR1));
	ck_assert_int_eq(joined(t).result, 9);
	ANSWERS(tend_process_signal(t, SIGUSR1), -ESRCH);
	close_world();
}

SCENARIO(process_a_stopped_process_goes_on_for_its_stop)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	t = process(root, "up", 0);
	until_it_says(t, "up");
	OK(tend_process_signal(t, SIGSTOP));
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.signal, SIGTERM);
	close_world();
}

SCENARIO(process_a_child_in_the_group_gets_the_time_of_the_stop)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	/* The child ends by the signal: nothing had to be killed. */
	t = process(root, "leave a child", 0);
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_str_eq(o.message, "");
	o = joined(process(root, "leave a deaf child", TEND_MS));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_msg(strstr(o.message, "1 killed below it: "), "%s", o.message);
	close_world();
}

SCENARIO(process_a_daemon_ends_with_its_task)
{
	struct tend_outcome o;

	open_world(2);
	o = joined(process(root, "leave a daemon", 0));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_str_eq(o.message, "");
	o = joined(process(root, "leave a deaf daemon", TEND_MS));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_msg(strstr(o.message, "1 killed below it: "), "%s", o.message);
	close_world();
}

SCENARIO(process_a_flood_keeps_its_tail_and_counts_the_rest)
{
	static char tail[65536], all[200000];
	size_t n = 0;
	uint64_t dropped;
	tend_task t;

	for (int i = 1; i <= 30000; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%d\n", i);
	n += (size_t)snprintf(all + n, sizeof(all) - n, "END\n");
	open_world(2);
	t = process(root, "flood", 0);
	until_it_says(t, "END\n");
	ck_assert_int_eq((int)tend_process_tail(t, tail, sizeof(tail), &dropped), 65536);
	ck_assert_uint_eq(dropped, n - 65536);
	ck_assert_int_eq(memcmp(tail, all + n - 65536, 65536), 0);
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

static struct {
	_Atomic int calls, drops;
	size_t n[3];
	char text[3][256];
	bool panics;
} heard;

static void hear(void *arg, int stream, const char *bytes, size_t n)
{
	ck_assert(arg == &heard && (stream == 1 || stream == 2));
	heard.calls++;
	if (heard.panics)
		tend_panic("no more");
	ck_assert_uint_lt(heard.n[stream] + n, sizeof(heard.text[stream]));
	memcpy(heard.text[stream] + heard.n[stream], bytes, n);
	heard.n[stream] += n;
}

static void count_drop(void *arg)
{
	ck_assert(arg == &heard);
	heard.drops++;
}

static tend_task heard_process(const char *name, uint32_t flags)
{
	tend_task t;

	memset(&heard, 0, sizeof(heard));
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv_of(name), .flags = flags,
	                                        .output = hear, .output_arg = &heard,
	                                        .drop = count_drop),
	                      &t));
	return t;
}

SCENARIO(process_the_callback_gets_both_streams_and_the_drop_comes_once)
{
	open_world(2);
	ck_assert_int_eq(joined(heard_process("talk", 0)).result, 6);
	ck_assert_str_eq(heard.text[1], "one\nthree\n");
	ck_assert_str_eq(heard.text[2], "two\n");
	ck_assert_int_eq(heard.drops, 1);
	ck_assert_int_eq(joined(heard_process("talk", TEND_ONE_OUTPUT)).result, 6);
	ck_assert_str_eq(heard.text[1], "one\ntwo\nthree\n");
	close_world();
}

SCENARIO(process_a_panic_of_the_callback_kills_the_process)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	memset(&heard, 0, sizeof(heard));
	heard.panics = true;
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv_of("deaf"), .output = hear,
	                                        .output_arg = &heard, .drop = count_drop),
	                      &t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_PANICKED);
	ck_assert_ptr_nonnull(strstr(o.message, "no more"));
	ck_assert_int_eq(heard.calls, 1);
	ck_assert_int_eq(heard.drops, 1);
	close_world();
}

SCENARIO(process_what_comes_after_the_cancel_never_starts)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_scope_cancel(s, -ECANCELED, NULL));
	ANSWERS(tend_spawn_process(s, TEND_PROCESS_OPTS(.argv = argv_of("exit 0")), &t),
	        -ECANCELED);
	close_world();
}
