/* test/guard/many_test.c - many children, and programs that do all they should
 * not. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_ONCE 200
#define CROWD   1500

/* What there is to prove about statuses is proven here, and once. */
#define CODES 256
#define EACH  suite_count(1, 4, 40)
#define REUSE suite_count(400, 2000, 10000)

static atomic_bool stop_stealing;

/* Takes every status there is to take. */
static void *steal(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop_stealing))
		if (waitpid(-1, NULL, __WALL | WNOHANG) <= 0)
			sched_yield();
	return NULL;
}

static void check_message(const struct tend__guard_message *m, unsigned char *seen)
{
	int want = (int)(m->cookie % CODES);
	if (m->type == TEND__GUARD_STARTED) {
		ck_assert_uint_eq(seen[m->cookie]++, 0);
		ck_assert_int_ge(m->pidfd, 0);
		close(m->pidfd);
		return;
	}
	ck_assert_uint_eq(m->type, TEND__GUARD_EXITED);
	ck_assert_uint_eq(seen[m->cookie]++, 1);
	ck_assert_int_eq(m->code, CLD_EXITED);
	ck_assert_int_eq(m->status, want);
}

/* Runs `count` children, AT_ONCE at a time, whose exit code is their number. */
static void run_children(struct tend__guard *g, int count)
{
	unsigned char *seen = calloc((size_t)count, 1);
	int spawned = 0, ended = 0;

	ck_assert_ptr_nonnull(seen);
	while (ended < count) {
		struct tend__guard_message m;
		while (spawned < count && spawned - ended < AT_ONCE) {
			char code[16];
			snprintf(code, sizeof(code), "%d", spawned % CODES);
			int error = ask_guard(g, (uint64_t)spawned, ARGV(exit_with(), code), ENV,
			                      NULL, -1, STOP, NULL);
			if (error == -EAGAIN)
				break;
			ck_assert_int_eq(error, 0);
			spawned++;
		}
		m = next(g);
		check_message(&m, seen);
		ended += m.type == TEND__GUARD_EXITED;
	}
	for (int i = 0; i < count; i++)
		ck_assert_uint_eq(seen[i], 2);
	free(seen);
}

/* And leaves as many descriptors and processes as there were. */
static void check_children(int count)
{
	struct tend__guard g;
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	int own = count_fds(getpid()), its = count_fds(guard);
	run_children(&g, count);
	ck_assert_int_eq(count_fds(getpid()), own);
	ck_assert_int_eq(count_fds(guard), its);
	ck_assert_int_eq(count_children(guard, NULL, 0), 0);
	ck_assert_int_eq(count_children(getpid(), NULL, 0), 0);
	tend__guard_close(&g);
}

TEST(a_slot_that_is_used_again_tells_the_status_of_its_new_child) { check_children(REUSE); }

/* A program that ignores SIGCHLD has no zombies, and one that waits for any child takes
 * what it finds. */
TEST(each_status_is_right_in_a_program_that_ignores_sigchld_and_steals_statuses)
{
	pthread_t thief;
	signal(SIGCHLD, SIG_IGN);
	atomic_store(&stop_stealing, false);
	ck_assert_int_eq(pthread_create(&thief, NULL, steal, NULL), 0);
	check_children(CODES * EACH);
	atomic_store(&stop_stealing, true);
	pthread_join(thief, NULL);
}

static void start_crowd(struct tend__guard *g, int out)
{
	for (int spawned = 0, started = 0; started < CROWD;) {
		while (spawned < CROWD) {
			int error = ask_guard(g, (uint64_t)spawned, ARGV(exit_with()), ENV, NULL,
			                      -1, STOP, (int[]){-1, out, -1});
			if (error == -EAGAIN)
				break;
			ck_assert_int_eq(error, 0);
			spawned++;
		}
		struct tend__guard_message m = next(g);
		ck_assert_uint_eq(m.type, TEND__GUARD_STARTED);
		close(m.pidfd);
		started++;
	}
}

TEST(no_end_is_lost_while_the_program_does_not_read)
{
	static unsigned char seen[CROWD];
	struct tend__guard g;
	struct leash leash = open_leash();
	open_guard(&g);
	start_crowd(&g, leash.out);
	for (uint64_t i = 0; i < CROWD; i++) {
		int error;
		while ((error = tend__guard_stop(&g, i, LONG_NS)) == -EAGAIN) {
			struct pollfd polled = {.fd = g.sock, .events = POLLOUT};
			ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
		}
		ck_assert_int_eq(error, 0);
	}
	/* Far more messages than the socket holds are owed when this is over. */
	ck_assert(leash_ends(&leash, PATIENCE_MS));
	await_children(pidfd_pid(g.pidfd), 0);
	for (int i = 0; i < CROWD; i++) {
		struct tend__guard_message m = next(&g);
		ck_assert_uint_eq(m.type, TEND__GUARD_EXITED);
		ck_assert_int_eq(m.status, SIGTERM);
		ck_assert_uint_eq(seen[m.cookie]++, 0);
	}
	run_children(&g, 10);
	tend__guard_close(&g);
}

TEST(a_killed_program_leaves_none_of_a_crowd_within_a_second)
{
	struct leash leash = open_leash(), told = open_leash();
	char c;
	pid_t pid = fork();
	if (pid == 0) {
		struct tend__guard g;
		open_guard(&g);
		start_crowd(&g, leash.out);
		ck_assert_int_eq(write(told.out, "x", 1), 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(told.in, &c, 1), 1);
	kill(pid, SIGKILL);
	ck_assert(leash_ends(&leash, GONE_MS));
	waitpid(pid, NULL, 0);
}
