/* test/guard/end_test.c - how a task ends, and that nothing of it is left. */
#include "harness.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(each_exit_code_is_told)
{
	struct tend__guard g;
	open_guard(&g);
	for (int code = 0; code < 256; code += 17) {
		char number[16];
		snprintf(number, sizeof(number), "%d", code);
		spawn(&g, 5, ARGV(exit_with(), number), NULL);
		ck_assert_int_gt(expect(&g, TEND__GUARD_STARTED, 5).pid, 1);
		struct tend__guard_message m = expect(&g, TEND__GUARD_EXITED, 5);
		ck_assert_int_eq(m.code, CLD_EXITED);
		ck_assert_int_eq(m.status, code);
	}
	tend__guard_close(&g);
}

TEST(each_signal_that_ends_a_child_is_told)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGPIPE, SIGTERM, SIGALRM};
	struct tend__guard g;
	open_guard(&g);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		char script[32];
		snprintf(script, sizeof(script), "kill -%d $$", signals[i]);
		spawn(&g, 5, SH(script), NULL);
		expect(&g, TEND__GUARD_STARTED, 5);
		struct tend__guard_message m = expect(&g, TEND__GUARD_EXITED, 5);
		ck_assert_int_eq(m.code, CLD_KILLED);
		ck_assert_int_eq(m.status, signals[i]);
	}
	tend__guard_close(&g);
}

TEST(the_pidfd_is_that_of_the_leader)
{
	struct tend__guard g;
	open_guard(&g);
	spawn(&g, 1, ARGV("sleep", "1000"), NULL);
	struct tend__guard_message m = next(&g);
	ck_assert_uint_eq(m.type, TEND__GUARD_STARTED);
	ck_assert_int_eq(pidfd_pid(m.pidfd), m.pid);
	ck_assert_int_eq((int)syscall(SYS_pidfd_send_signal, m.pidfd, SIGTERM, NULL, 0), 0);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, SIGTERM);
	struct pollfd polled = {.fd = m.pidfd, .events = POLLIN};
	ck_assert_int_eq(poll(&polled, 1, 0), 1);
	close(m.pidfd);
	tend__guard_close(&g);
}

TEST(a_signal_reaches_the_whole_group)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[16];
	open_guard(&g);
	spawn(&g, 1,
	      SH("trap 'echo leader; wait; exit 4' USR1;"
	         "sh -c 'trap \"echo child; exit\" USR1; echo up; while :; do sleep 0.01; done' &"
	         "wait; wait"),
	      (int[]){-1, leash.out, -1});
	leash_line(&leash, line, sizeof(line));
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGUSR1), 0);
	leash_line(&leash, line, sizeof(line));
	leash_line(&leash, line, sizeof(line));
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, 4);
	tend__guard_close(&g);
}

TEST(stop_reaches_the_stopped_and_a_plain_signal_does_not_wake_them)
{
	struct tend__guard g;
	open_guard(&g);
	spawn(&g, 1, ARGV("sleep", "1000"), NULL);
	pid_t pid = expect(&g, TEND__GUARD_STARTED, 1).pid;
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGSTOP), 0);
	await_state(pid, 'T');
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGCONT), 0);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGSTOP), 0);
	await_state(pid, 'T');
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGTERM), 0);
	ck_assert_int_eq(tend__guard_stop(&g, 1, LONG_NS), 0);
	struct tend__guard_message m = expect(&g, TEND__GUARD_EXITED, 1);
	ck_assert_int_eq(m.code, CLD_KILLED);
	ck_assert(m.status == SIGTERM || m.status == SIGHUP);
	tend__guard_close(&g);
}

/* Both wait for the keeper, which must not send the older one last. */
TEST(of_stop_and_continue_the_later_one_counts)
{
	struct tend__guard g;
	pid_t keeper;
	open_guard(&g);
	spawn(&g, 1, ARGV("sleep", "1000"), NULL);
	pid_t pid = expect(&g, TEND__GUARD_STARTED, 1).pid;
	ck_assert_int_eq(count_children(pidfd_pid(g.pidfd), &keeper, 1), 1);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(kill(keeper, SIGSTOP), 0);
		await_state(keeper, 'T');
		ck_assert_int_eq(tend__guard_signal(&g, 1, i ? SIGSTOP : SIGCONT), 0);
		ck_assert_int_eq(tend__guard_signal(&g, 1, i ? SIGCONT : SIGSTOP), 0);
		expect_failure(&g, ARGV(""), ENV, NULL);
		ck_assert_int_eq(kill(keeper, SIGCONT), 0);
		await_state(pid, i ? 'S' : 'T');
	}
	tend__guard_close(&g);
}

TEST(a_signal_before_the_start_comes_right_after_it)
{
	struct tend__guard g;
	open_guard(&g);
	for (int i = 0; i < 20; i++) {
		spawn(&g, 1, ARGV("sleep", "1000"), NULL);
		ck_assert_int_eq(tend__guard_stop(&g, 1, LONG_NS), 0);
		expect(&g, TEND__GUARD_STARTED, 1);
		ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, SIGTERM);
	}
	tend__guard_close(&g);
}

TEST(a_kill_before_the_start_ends_it_either_way)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	for (uint64_t i = 0; i < 50; i++) {
		spawn(&g, i, ARGV(self_path(), "+brood", "1"), (int[]){-1, leash.out, 2});
		/* More or less before, so that each step of the start is hit. */
		for (volatile uint64_t spin = 0; spin < i * 20000; spin++)
			continue;
		ck_assert_int_eq(tend__guard_kill(&g, i), 0);
		struct tend__guard_message m = next(&g);
		if (m.type == TEND__GUARD_STARTED) {
			close(m.pidfd);
			m = expect(&g, TEND__GUARD_EXITED, i);
			ck_assert_int_eq(m.status, SIGKILL);
		} else {
			ck_assert_uint_eq(m.type, TEND__GUARD_START_FAILED);
			ck_assert_uint_eq(m.stage, TEND__STAGE_KILLED);
		}
		ck_assert_int_eq(count_children(guard, NULL, 0), 0);
	}
	ck_assert(leash_ends(&leash, 0));
	tend__guard_close(&g);
}

/* Reads lines of NAME and `what`, one from each name, in any order. */
static void each_says(struct leash *leash, const char *names, const char *what)
{
	char left[64], line[64], name[32], said[32];
	snprintf(left, sizeof(left), "%s", names);
	while (left[0]) {
		leash_line(leash, line, sizeof(line));
		ck_assert_int_eq(sscanf(line, "%31s %31[^\n]", name, said), 2);
		ck_assert_msg(strcmp(said, what) == 0, "%s, not %s", line, what);
		char *at = strstr(left, name);
		ck_assert_msg(at, "%s: not of '%s'", line, left);
		memmove(at, at + strlen(name), strlen(at + strlen(name)) + 1);
		while (left[0] == ' ')
			memmove(left, left + 1, strlen(left));
	}
}

static void release(const struct leash *input, const char *bytes)
{
	ck_assert_int_eq(write(input->out, bytes, strlen(bytes)), (int)strlen(bytes));
}

/* The leader ends by itself or by the stop; the daemon is asked when the leader has ended, so
 * what is in the group could have been asked a second time by then. */
static void rest_has_its_time(const char *const *argv, int code, int status)
{
	const struct tend__guard_stop stop = {.signal = SIGTERM, .ns = LONG_NS};
	struct tend__guard g;
	struct leash output = open_leash(), input = open_leash();
	struct tend__guard_message m;
	char line[64];
	open_guard(&g);
	ck_assert_int_eq(
		ask_guard(&g, 1, argv, ENV, NULL, -1, stop, (int[]){input.in, output.out, 2}), 0);
	expect(&g, TEND__GUARD_STARTED, 1);
	leash_line(&output, line, sizeof(line));
	ck_assert_str_eq(line, "leader ready");
	if (code == CLD_KILLED)
		ck_assert_int_eq(tend__guard_stop(&g, 1, LONG_NS), 0);
	each_says(&output, "group daemon", "asked");
	ck_assert_int_eq(tend__guard_next(&g, &m), 0);
	release(&input, "xx");
	/* Two of the three end. The daemon is one of the two: its child waits for a byte only when
	 * the daemon is gone, because the child is asked then. */
	int over = 0, asked = 0;
	while (over < 2 || asked < 1) {
		leash_line(&output, line, sizeof(line));
		over += strstr(line, " over") != NULL;
		asked += strcmp(line, "deep asked") == 0;
		ck_assert_ptr_null(strstr(line, "again"));
	}
	ck_assert_int_eq(tend__guard_next(&g, &m), 0);
	release(&input, "x");
	leash_line(&output, line, sizeof(line));
	ck_assert_ptr_nonnull(strstr(line, " over"));
	m = expect(&g, TEND__GUARD_EXITED, 1);
	ck_assert_int_eq(m.code, code);
	ck_assert_int_eq(m.status, status);
	ck_assert_uint_eq(m.killed, 0);
	ck_assert_str_eq(m.names, "");
	ck_assert(leash_ends(&output, 0));
	tend__guard_close(&g);
}

TEST(what_a_leader_leaves_that_ends_by_itself_is_asked_to_stop_and_has_its_time)
{
	rest_has_its_time(ARGV(self_path(), "+grace", "7"), CLD_EXITED, 7);
}

TEST(what_a_leader_leaves_that_a_stop_ends_is_asked_once_and_has_its_time)
{
	rest_has_its_time(ARGV(self_path(), "+grace"), CLD_KILLED, SIGTERM);
}

TEST(a_stop_without_time_kills_and_names_what_does_not_end)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[16];
	open_guard(&g);
	spawn(&g, 1, ARGV(self_path(), "+brood", "5"), (int[]){-1, leash.out, 2});
	expect(&g, TEND__GUARD_STARTED, 1);
	leash_line(&leash, line, sizeof(line));
	ck_assert_int_eq(tend__guard_stop(&g, 1, LONG_NS), 0);
	ck_assert_int_eq(tend__guard_stop(&g, 1, 0), 0);
	struct tend__guard_message m = expect(&g, TEND__GUARD_EXITED, 1);
	ck_assert_int_eq(m.code, CLD_KILLED);
	ck_assert_int_eq(m.status, SIGKILL);
	/* Its child, five daemons, and two children of daemons. */
	ck_assert_uint_eq(m.killed, 1 + 5 + 2);
	ck_assert_ptr_nonnull(strstr(m.names, "test_guard ("));
	ck_assert_ptr_nonnull(strstr(m.names, "), test_guard ("));
	ck_assert(leash_ends(&leash, 0));
	tend__guard_close(&g);
}

TEST(a_leader_that_has_left_its_group_is_asked_to_stop)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[16];
	open_guard(&g);
	spawn(&g, 1, ARGV(self_path(), "+moved"), (int[]){-1, leash.out, 2});
	expect(&g, TEND__GUARD_STARTED, 1);
	leash_line(&leash, line, sizeof(line));
	ck_assert_str_eq(line, "leader ready");
	ck_assert_int_eq(tend__guard_stop(&g, 1, LONG_NS), 0);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, 5);
	tend__guard_close(&g);
}

TEST(a_stopped_guard_goes_on_when_a_task_ends_or_its_owner_says_so)
{
	struct tend__guard g;
	struct leash input = open_leash();
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	spawn(&g, 1, ARGV("cat"), (int[]){input.in, -1, -1});
	close(input.in);
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(kill(guard, SIGSTOP), 0);
	await_state(guard, 'T');
	close(input.out);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, 0);
	ck_assert_int_eq(kill(guard, SIGSTOP), 0);
	await_state(guard, 'T');
	spawn(&g, 2, SH("exit 3"), NULL);
	tend__guard_continue(&g);
	expect(&g, TEND__GUARD_STARTED, 2);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 2).status, 3);
	tend__guard_close(&g);
}

/* It has no keeper that would wake it. */
TEST(a_stopped_guard_without_a_task_ends_with_its_owner)
{
	struct tend__guard g;
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	struct pollfd death = {.fd = dup(g.pidfd), .events = POLLIN};
	ck_assert_int_eq(kill(guard, SIGSTOP), 0);
	await_state(guard, 'T');
	/* As the kernel does when the owner dies. */
	ck_assert_int_eq(close(g.sock), 0);
	ck_assert_int_eq(poll(&death, 1, PATIENCE_MS), 1);
	close(death.fd);
	g.sock = -1;
	tend__guard_close(&g);
}

TEST(when_the_leader_ends_its_group_and_daemons_are_dead_before_it_is_told)
{
	struct tend__guard g;
	open_guard(&g);
	for (uint64_t i = 0; i < 10; i++) {
		struct leash leash = open_leash();
		spawn(&g, i, ARGV(self_path(), "+brood", "5", "9"), (int[]){-1, leash.out, 2});
		expect(&g, TEND__GUARD_STARTED, i);
		struct tend__guard_message m = expect(&g, TEND__GUARD_EXITED, i);
		ck_assert_int_eq(m.code, CLD_EXITED);
		ck_assert_int_eq(m.status, 9);
		ck_assert(leash_ends(&leash, 0));
	}
	ck_assert_int_eq(count_children(pidfd_pid(g.pidfd), NULL, 0), 0);
	tend__guard_close(&g);
}

static void await_program(pid_t pid, const char *name)
{
	char path[64], now[64] = "";
	int64_t deadline = now_ms() + PATIENCE_MS;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	while (strcmp(now, name) != 0) {
		FILE *f = fopen(path, "re");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_eq(fscanf(f, "%63s", now), 1);
		fclose(f);
		ck_assert_msg(now_ms() < deadline, "%s, not %s", now, name);
		poll(NULL, 0, 1);
	}
}

TEST(a_daemon_lives_as_long_as_the_leader)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[16];
	pid_t keeper;
	open_guard(&g);
	spawn(&g, 1, ARGV(self_path(), "+brood", "3"), (int[]){-1, leash.out, 2});
	leash_line(&leash, line, sizeof(line));
	expect(&g, TEND__GUARD_STARTED, 1);
	/* Orphans fell to the keeper, which reaped what ended and left the rest. */
	ck_assert_int_eq(count_children(pidfd_pid(g.pidfd), &keeper, 1), 1);
	await_children(keeper, 1 + 3);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGTERM), 0);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGUSR1), 0);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, SIGUSR1);
	ck_assert(leash_ends(&leash, 0));
	tend__guard_close(&g);
}

TEST(an_orphan_that_ends_is_reaped_while_the_leader_goes_on)
{
	struct tend__guard g;
	pid_t keeper;
	open_guard(&g);
	spawn(&g, 1, SH("(true &); exec sleep 1000"), NULL);
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(count_children(pidfd_pid(g.pidfd), &keeper, 1), 1);
	pid_t first;
	ck_assert_int_ge(count_children(keeper, &first, 1), 1);
	await_program(first, "sleep");
	await_children(keeper, 1);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGTERM), 0);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, SIGTERM);
	tend__guard_close(&g);
}

TEST(a_stream_ends_when_the_child_closes_it)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	open_guard(&g);
	spawn(&g, 1, SH("exec >/dev/null; sleep 1000"), (int[]){-1, leash.out, -1});
	ck_assert(leash_ends(&leash, PATIENCE_MS));
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGTERM), 0);
	expect(&g, TEND__GUARD_EXITED, 1);
	tend__guard_close(&g);
}

TEST(kill_ends_all_of_one_task_and_none_of_another)
{
	struct tend__guard g;
	struct leash one = open_leash(), other = open_leash();
	char line[16];
	open_guard(&g);
	spawn(&g, 1, ARGV(self_path(), "+brood", "8"), (int[]){-1, one.out, 2});
	leash_line(&one, line, sizeof(line));
	spawn(&g, 2, ARGV(self_path(), "+brood", "8"), (int[]){-1, other.out, 2});
	leash_line(&other, line, sizeof(line));
	expect(&g, TEND__GUARD_STARTED, 1);
	pid_t pid = expect(&g, TEND__GUARD_STARTED, 2).pid;

	ck_assert_int_eq(tend__guard_kill(&g, 1), 0);
	struct tend__guard_message m = expect(&g, TEND__GUARD_EXITED, 1);
	ck_assert_int_eq(m.code, CLD_KILLED);
	ck_assert_int_eq(m.status, SIGKILL);
	ck_assert(leash_ends(&one, 0));
	ck_assert(!leash_ends(&other, 0));
	ck_assert_int_eq(kill(pid, 0), 0);

	ck_assert_int_eq(tend__guard_signal(&g, 2, SIGKILL), 0);
	expect(&g, TEND__GUARD_EXITED, 2);
	ck_assert(leash_ends(&other, 0));
	tend__guard_close(&g);
}

TEST(a_process_that_forks_all_the_time_is_ended_too)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[16];
	open_guard(&g);
	/* Each link of the chain leaves its group and its parent. */
	spawn(&g, 1,
	      ARGV("/bin/sh", "-c",
	           "echo up; f() { setsid sh -c \"$0\" \"$0\" & }; f; f; sleep 1000",
	           "setsid sh -c \"$0\" \"$0\" &"),
	      (int[]){-1, leash.out, -1});
	leash_line(&leash, line, sizeof(line));
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(tend__guard_kill(&g, 1), 0);
	expect(&g, TEND__GUARD_EXITED, 1);
	ck_assert(leash_ends(&leash, 0));
	tend__guard_close(&g);
}

TEST(a_keeper_that_is_killed_leaves_nothing_and_the_end_is_told)
{
	struct tend__guard g;
	char line[16];
	open_guard(&g);
	pid_t keeper, guard = pidfd_pid(g.pidfd);
	for (uint64_t i = 0; i < 10; i++) {
		struct leash leash = open_leash();
		spawn(&g, i, ARGV(self_path(), "+brood", "5"), (int[]){-1, leash.out, 2});
		leash_line(&leash, line, sizeof(line));
		expect(&g, TEND__GUARD_STARTED, i);
		ck_assert_int_eq(count_children(guard, &keeper, 1), 1);
		ck_assert_int_eq(kill(keeper, SIGKILL), 0);
		struct tend__guard_message m = expect(&g, TEND__GUARD_EXITED, i);
		ck_assert_int_eq(m.code, CLD_KILLED);
		ck_assert_int_eq(m.status, SIGKILL);
		ck_assert(leash_ends(&leash, 0));
		ck_assert_int_eq(count_children(guard, NULL, 0), 0);
	}
	tend__guard_close(&g);
}

TEST(guard_and_keeper_die_of_no_polite_signal)
{
	struct tend__guard g;
	pid_t keeper;
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	spawn(&g, 1, ARGV("sleep", "1000"), NULL);
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(count_children(guard, &keeper, 1), 1);
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		ck_assert_int_eq(kill(guard, sig), 0);
		ck_assert_int_eq(kill(keeper, sig), 0);
	}
	ck_assert_int_eq(getsid(guard), guard);
	ck_assert_int_eq(getsid(keeper), guard);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGUSR2), 0);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, SIGUSR2);
	tend__guard_close(&g);
}
