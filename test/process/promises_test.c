/* Promises of tend/process.h that are half a sentence long, and that no other test shows. */
#include "suite.h"

#include "tend/tend.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static tend_runtime *rt;
static char said[16384];

static void begin(void)
{
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1,
	                                            .guard_path = getenv("TEND_GUARD")),
	                          &rt),
	        0);
	said[0] = '\0';
}
static void end(void) { ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0); }

static void say(void *arg, int stream, const char *bytes, size_t n)
{
	size_t at = strlen(said);

	(void)arg;
	ck_assert(stream == 1 || n == 0);
	ck_assert_uint_lt(at + n, sizeof(said));
	memcpy(said + at, bytes, n);
	said[at + n] = '\0';
}

static struct tend_outcome join(tend_task t)
{
	struct tend_outcome o;

	ANSWERS(tend_join(t, &o, tend_after(PATIENCE_NS)), 0);
	return o;
}

static tend_task spawn(const struct tend_process_opts *opts)
{
	tend_task t;

	ANSWERS(tend_spawn_process(tend_root(rt), opts, &t), 0);
	return t;
}

/* Until the process has said so and the guard has told of its begin. */
static int until_up(tend_task t)
{
	uint64_t give_up = tend_after(PATIENCE_NS);
	char tail[64];
	int pid;

	while (tend_process_tail(t, tail, sizeof(tail), NULL) <= 0 ||
	       (pid = tend_process_pid(t)) == -EAGAIN) {
		ck_assert_uint_lt(tend_now(), give_up);
		usleep(1000);
	}
	return pid;
}

/* A child gets those of the list, which has a prefix, and no other. */
TEST(the_variables_of_a_child_are_those_of_the_list)
{
#define X(name) name,
	static const char *const names[] = {TEND_ENVIRONMENT(X) "LC_TEND"};
#undef X
	const char *const argv[] = {"env", NULL};
	char line[80];
	size_t lines = 0, expected = 0;

	char guard[4096];
	snprintf(guard, sizeof(guard), "%s", getenv("TEND_GUARD"));
	clearenv();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strchr(names[i], '*'))
			ANSWERS(setenv(names[i], i ? "x" : "/usr/bin:/bin", 1), 0);
	ANSWERS(setenv("TEND_GUARD", guard, 1), 0);
	ANSWERS(setenv("LANGUAGE", "x", 1), 0);
	ANSWERS(setenv("TEND_OTHER", "x", 1), 0);
	begin();
	ck_assert_int_eq(join(spawn(TEND_PROCESS_OPTS(.argv = argv, .output = say))).kind,
	                 TEND_COMPLETED);
	for (const char *at = said; (at = strchr(at, '\n')); at++)
		lines++;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strchr(names[i], '*'))
			continue;
		snprintf(line, sizeof(line), "%s=", names[i]);
		ck_assert_msg(strstr(said, line) != NULL, "%s is not in %s", line, said);
		expected++;
	}
	/* And that which names its task. */
	ck_assert_ptr_nonnull(strstr(said, "TEND_PARENT="));
	ck_assert_msg(lines == expected + 1, "%s", said);
	end();
}

TEST(a_process_is_asked_to_end_by_its_stop_signal)
{
	const char *const polite[] = {
		"sh", "-c", "trap 'exit 4' INT; echo up; while :; do sleep 0.01; done", NULL};
	const char *const other[] = {"sh", "-c", "echo up; while :; do sleep 0.01; done", NULL};
	struct tend_outcome o;
	tend_task t;

	begin();
	t = spawn(TEND_PROCESS_OPTS(.argv = polite, .stop_signal = SIGINT));
	until_up(t);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	o = join(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.result, 4);
	t = spawn(TEND_PROCESS_OPTS(.argv = other, .stop_signal = SIGUSR1));
	until_up(t);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	o = join(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.signal, SIGUSR1);
	end();
}

TEST(a_process_that_others_kill_has_failed)
{
	const char *const argv[] = {"sh", "-c", "echo up; while :; do sleep 0.01; done", NULL};
	struct tend_outcome o;
	tend_task t;

	begin();
	t = spawn(TEND_PROCESS_OPTS(.argv = argv));
	ck_assert_int_eq(kill(until_up(t), SIGKILL), 0);
	o = join(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.signal, SIGKILL);
	ck_assert_int_eq(o.result, 128 + SIGKILL);
	end();
}

static struct tend_info row_of(tend_task t)
{
	struct tend_info row = {0};
	tend_snapshot *s;

	ANSWERS(tend_snapshot_take(rt, &s), 0);
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		if (tend_snapshot_at(s, i)->id == t.id)
			row = *tend_snapshot_at(s, i);
	tend_snapshot_free(s);
	return row;
}

TEST(a_process_has_the_name_of_its_program_and_a_number_of_the_callers_choice)
{
	const char *const argv[] = {"/bin/sh", "-c", "echo up; while :; do sleep 0.01; done", NULL};
	tend_task t;

	begin();
	t = spawn(TEND_PROCESS_OPTS(.argv = argv));
	ck_assert_str_eq(row_of(t).name, "sh");
	ck_assert_uint_eq(row_of(t).attempt, 1);
	t = spawn(TEND_PROCESS_OPTS(.argv = argv, .name = "web", .attempt = 7));
	ck_assert_str_eq(row_of(t).name, "web");
	ck_assert_uint_eq(row_of(t).attempt, 7);
	end();
}

TEST(a_process_is_in_another_session)
{
	const char *const argv[] = {"cut", "-d ", "-f6", "/proc/self/stat", NULL};

	begin();
	ck_assert_int_eq(join(spawn(TEND_PROCESS_OPTS(.argv = argv, .output = say))).kind,
	                 TEND_COMPLETED);
	long session = strtol(said, NULL, 10);
	ck_assert_int_gt((int)session, 0);
	ck_assert_int_ne((int)session, (int)getsid(0));
	end();
}

TEST(the_paths_of_the_guard_are_written_as_by_snprintf)
{
	char paths[12] = "xxxxxxxxxxx";

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.guard_path = "/nowhere/guard"), &rt), 0);
	ck_assert_uint_eq(tend_guard_paths(rt, paths, sizeof(paths)), strlen("/nowhere/guard"));
	ck_assert_str_eq(paths, "/nowhere/gu");
	ck_assert_uint_eq(tend_guard_paths(rt, NULL, 0), strlen("/nowhere/guard"));
	end();
}
