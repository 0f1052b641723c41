/* test/guard/death_test.c - what is left when the program, the guard, or both
 * are gone: nothing, within a second. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BROODS 8

/* The moments of a start at which something is killed: spread over the same time,
 * however many they are. */
#define MOMENTS suite_count(10, 20, 60)

static void spin(int moment)
{
	for (volatile int n = 0; n < moment * (60 / MOMENTS) * 30000; n++)
		continue;
}

/* A program with a guard, to be killed. What it tells comes through `told`,
 * which its children do not have. */
struct owner {
	pid_t pid;
	pid_t guard;
	struct leash told, leash;
};

/* Forks an owner that spawns `count` broods and says so at once, or when all
 * are hidden. */
static struct owner start_owner(int count, bool hidden)
{
	struct owner owner = {.told = open_leash(), .leash = open_leash()};
	struct leash ready = open_leash();
	char line[16];

	owner.pid = fork();
	ck_assert_int_ge(owner.pid, 0);
	if (owner.pid == 0) {
		struct tend__guard g;
		close(owner.leash.in);
		ck_assert_int_eq(tend__guard_open(guard_path(), &g), 0);
		pid_t guard = pidfd_pid(g.pidfd);
		for (int i = 0; i < count; i++)
			spawn(&g, (uint64_t)i, ARGV(self_path(), "+brood", "4"),
			      (int[]){-1, ready.out, owner.leash.out});
		ck_assert_int_eq(write(owner.told.out, &guard, sizeof(guard)), (int)sizeof(guard));
		close(owner.leash.out);
		close(ready.out);
		for (;;)
			pause();
	}
	close(owner.told.out);
	close(owner.leash.out);
	close(ready.out);
	owner.leash.out = -1;
	ck_assert_int_eq(read(owner.told.in, &owner.guard, sizeof(owner.guard)),
	                 (int)sizeof(owner.guard));
	for (int i = 0; hidden && i < count; i++)
		leash_line(&ready, line, sizeof(line));
	close(ready.in);
	return owner;
}

static void end_owner(struct owner *owner)
{
	kill(owner->pid, SIGKILL);
	ck_assert_int_eq(waitpid(owner->pid, NULL, 0), owner->pid);
	close(owner->told.in);
}

static void await_death(pid_t pid)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	char path[64], state = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	/* As a zombie it is dead too: it is someone else's to reap. */
	while (state != 'Z') {
		FILE *f = fopen(path, "re");
		if (!f)
			return;
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'Z';
		fclose(f);
		ck_assert_msg(now_ms() < deadline, "%d lives", pid);
		poll(NULL, 0, 1);
	}
}

TEST(a_killed_program_leaves_nothing_within_a_second)
{
	struct owner owner = start_owner(BROODS, true);
	kill(owner.pid, SIGKILL);
	ck_assert(leash_ends(&owner.leash, GONE_MS));
	end_owner(&owner);
	await_death(owner.guard);
}

TEST(a_program_killed_at_any_moment_of_a_start_leaves_nothing)
{
	for (int i = 0; i < MOMENTS; i++) {
		struct owner owner = start_owner(3, false);
		spin(i);
		kill(owner.pid, SIGKILL);
		ck_assert_msg(leash_ends(&owner.leash, GONE_MS), "round %d", i);
		end_owner(&owner);
		await_death(owner.guard);
	}
}

TEST(a_fork_of_the_program_does_not_keep_its_children_alive)
{
	struct leash leash = open_leash(), told = open_leash();
	pid_t fork_pid;
	pid_t pid = fork();
	if (pid == 0) {
		struct tend__guard g;
		char line[16];
		struct leash ready = open_leash();
		open_guard(&g);
		spawn(&g, 1, ARGV(self_path(), "+brood", "4"), (int[]){-1, ready.out, leash.out});
		leash_line(&ready, line, sizeof(line));
		close(leash.out);
		close(leash.in);
		fork_pid = fork();
		if (fork_pid == 0)
			for (;;)
				pause();
		ck_assert_int_eq(write(told.out, &fork_pid, sizeof(fork_pid)),
		                 (int)sizeof(fork_pid));
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(told.in, &fork_pid, sizeof(fork_pid)), (int)sizeof(fork_pid));
	kill(pid, SIGKILL);
	ck_assert(leash_ends(&leash, GONE_MS));
	ck_assert_int_eq(kill(fork_pid, 0), 0);
	kill(fork_pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(a_fork_of_the_program_that_closes_the_guard_does_not_end_it)
{
	struct tend__guard g;
	open_guard(&g);
	spawn(&g, 1, ARGV("sleep", "1000"), NULL);
	expect(&g, TEND__GUARD_STARTED, 1);
	pid_t pid = fork();
	if (pid == 0) {
		tend__guard_close(&g);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGTERM), 0);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, SIGTERM);
	tend__guard_close(&g);
}

TEST(an_exec_of_the_program_is_its_death_to_the_children)
{
	struct leash leash = open_leash();
	pid_t pid = fork();
	if (pid == 0) {
		struct tend__guard g;
		open_guard(&g);
		spawn(&g, 1, ARGV(self_path(), "+brood", "4"), (int[]){-1, leash.out, 2});
		expect(&g, TEND__GUARD_STARTED, 1);
		execlp("sleep", "sleep", "1000", (char *)NULL);
		_exit(1);
	}
	ck_assert(leash_ends(&leash, PATIENCE_MS));
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(closing_the_guard_ends_its_tasks)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[16];
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	spawn(&g, 1, ARGV(self_path(), "+brood", "4"), (int[]){-1, leash.out, 2});
	leash_line(&leash, line, sizeof(line));
	tend__guard_close(&g);
	ck_assert(leash_ends(&leash, 0));
	await_death(guard);
	tend__guard_close(&g);
}

TEST(a_killed_guard_leaves_no_child_and_is_found_dead)
{
	struct tend__guard g, again;
	struct leash leash = open_leash();
	char line[16];
	open_guard(&g);
	for (uint64_t i = 0; i < BROODS; i++)
		spawn(&g, i, ARGV(self_path(), "+brood", "4"), (int[]){-1, leash.out, 2});
	for (int i = 0; i < BROODS; i++)
		leash_line(&leash, line, sizeof(line));
	kill(pidfd_pid(g.pidfd), SIGKILL);
	ck_assert(leash_ends(&leash, GONE_MS));
	expect_dead(&g);
	ck_assert_int_eq(ask_guard(&g, 100, ARGV("true"), ENV, NULL, -1, STOP, NULL), -EPIPE);
	ck_assert_int_eq(tend__guard_kill(&g, 1), -EPIPE);

	open_guard(&again);
	spawn(&again, 1, ARGV("true"), NULL);
	expect(&again, TEND__GUARD_STARTED, 1);
	expect(&again, TEND__GUARD_EXITED, 1);
	tend__guard_close(&again);
	tend__guard_close(&g);
}

TEST(what_a_killed_guard_had_said_is_read_before_its_death)
{
	struct tend__guard g;
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	spawn(&g, 1, SH("exit 5"), NULL);
	struct pollfd polled = {.fd = g.sock, .events = POLLIN};
	ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
	await_children(guard, 0);
	/* Asleep, it has said what it had to say. */
	await_state(guard, 'S');
	/* It leaves requests unread, as a rule, at which the kernel resets. */
	while (tend__guard_kill(&g, 9) == 0) {}
	kill(guard, SIGKILL);
	await_death(guard);
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, 5);
	expect_dead(&g);
	tend__guard_close(&g);
}

TEST(a_guard_killed_at_any_moment_of_a_start_leaves_nothing)
{
	for (int i = 0; i < MOMENTS; i++) {
		struct owner owner = start_owner(3, false);
		spin(i);
		kill(owner.guard, SIGKILL);
		ck_assert_msg(leash_ends(&owner.leash, GONE_MS), "round %d", i);
		end_owner(&owner);
	}
}

TEST(program_and_guard_killed_together_leave_nothing)
{
	for (int i = 0; i < MOMENTS; i++) {
		struct owner owner = start_owner(3, i % 2);
		spin(i);
		kill(i % 4 < 2 ? owner.pid : owner.guard, SIGKILL);
		kill(i % 4 < 2 ? owner.guard : owner.pid, SIGKILL);
		ck_assert_msg(leash_ends(&owner.leash, GONE_MS), "round %d", i);
		end_owner(&owner);
	}
}

/* Deeper ones are not promised then, the leaders are. */
TEST(with_its_keepers_killed_too_the_leaders_still_die)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	pid_t keepers[BROODS];
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	for (uint64_t i = 0; i < BROODS; i++)
		spawn(&g, i, ARGV("sleep", "1000"), (int[]){-1, leash.out, 2});
	for (uint64_t i = 0; i < BROODS; i++)
		close(next(&g).pidfd);
	ck_assert_int_eq(count_children(guard, keepers, BROODS), BROODS);
	kill(guard, SIGKILL);
	for (int i = 0; i < BROODS; i++)
		kill(keepers[i], SIGKILL);
	ck_assert(leash_ends(&leash, GONE_MS));
	tend__guard_close(&g);
}

/* A directory of a file server that never answers: a leader that enters it
 * sleeps in the kernel, and its keeper with it. False where it may not be. */
static bool mount_dead_directory(char *dir)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0 || unshare(CLONE_NEWNS) < 0)
		return false;
	/* In a chroot the root is no mount point. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("dead", dir, "fuse", 0, options) == 0)
		return true;
	rmdir(dir);
	return false;
}

static void remove_dead_directory(const char *dir)
{
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

/* The leader runs in the kernel, with the name of the keeper it came from. */
static void await_stuck_leader(pid_t guard)
{
	pid_t keeper;
	await_children(guard, 1);
	ck_assert_int_eq(count_children(guard, &keeper, 1), 1);
	await_children(keeper, 1);
}

TEST(a_start_that_hangs_in_the_kernel_is_killed)
{
	char dir[] = "/tmp/tend-guard-dead-XXXXXX";
	struct tend__guard g;
	if (!mount_dead_directory(dir))
		return;
	open_guard(&g);
	ck_assert_int_eq(ask_guard(&g, 1, ARGV("true"), ENV, dir, -1, STOP, NULL), 0);
	await_stuck_leader(pidfd_pid(g.pidfd));
	ck_assert_int_eq(tend__guard_kill(&g, 1), 0);
	ck_assert_uint_eq(expect(&g, TEND__GUARD_START_FAILED, 1).stage, TEND__STAGE_KILLED);
	ck_assert_int_eq(ask_guard(&g, 1, ARGV("true"), ENV, dir, -1, STOP, NULL), 0);
	await_stuck_leader(pidfd_pid(g.pidfd));
	ck_assert_int_eq(tend__guard_stop(&g, 1, 1000000), 0);
	ck_assert_uint_eq(expect(&g, TEND__GUARD_START_FAILED, 1).stage, TEND__STAGE_KILLED);
	spawn(&g, 2, ARGV("true"), NULL);
	expect(&g, TEND__GUARD_STARTED, 2);
	expect(&g, TEND__GUARD_EXITED, 2);
	tend__guard_close(&g);
	remove_dead_directory(dir);
}

TEST(a_killed_program_leaves_no_start_that_hangs_in_the_kernel)
{
	char dir[] = "/tmp/tend-guard-dead-XXXXXX";
	struct leash leash = open_leash(), told = open_leash();
	pid_t guard;
	if (!mount_dead_directory(dir))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		struct tend__guard g;
		open_guard(&g);
		guard = pidfd_pid(g.pidfd);
		ck_assert_int_eq(ask_guard(&g, 1, ARGV("true"), ENV, dir, -1, STOP,
		                           (int[]){-1, leash.out, -1}),
		                 0);
		await_stuck_leader(guard);
		ck_assert_int_eq(write(told.out, &guard, sizeof(guard)), (int)sizeof(guard));
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(told.in, &guard, sizeof(guard)), (int)sizeof(guard));
	kill(pid, SIGKILL);
	ck_assert(leash_ends(&leash, GONE_MS));
	await_death(guard);
	waitpid(pid, NULL, 0);
	remove_dead_directory(dir);
}

/* Guards below guards: a program that is a task, with tasks of its own. */
TEST(a_killed_program_leaves_nothing_of_programs_that_have_guards_too)
{
	struct leash leash = open_leash(), ready = open_leash();
	char line[16];
	pid_t pid = fork();
	if (pid == 0) {
		struct tend__guard g;
		close(leash.in);
		open_guard(&g);
		ck_assert_int_eq(ask_guard(&g, 1, ARGV(self_path(), "+nest", guard_path()), ENV,
		                           NULL, -1, STOP, (int[]){-1, ready.out, leash.out}),
		                 0);
		close(leash.out);
		for (;;)
			pause();
	}
	leash_line(&ready, line, sizeof(line));
	kill(pid, SIGKILL);
	ck_assert(leash_ends(&leash, GONE_MS));
	waitpid(pid, NULL, 0);
}

static volatile sig_atomic_t child_signals;

static void count_signal(int sig)
{
	(void)sig;
	child_signals++;
}

TEST(no_wait_of_the_program_sees_the_guard_and_no_sigchld_comes)
{
	struct tend__guard g;
	signal(SIGCHLD, count_signal);
	open_guard(&g);
	spawn(&g, 1, ARGV("true"), NULL);
	expect(&g, TEND__GUARD_STARTED, 1);
	expect(&g, TEND__GUARD_EXITED, 1);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	ck_assert_int_eq(errno, ECHILD);
	tend__guard_close(&g);
	ck_assert_int_eq(child_signals, 0);
}

TEST(a_program_that_orphans_fall_to_reaps_its_guard)
{
	struct tend__guard g;
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	open_guard(&g);
	spawn(&g, 1, ARGV("true"), NULL);
	expect(&g, TEND__GUARD_STARTED, 1);
	expect(&g, TEND__GUARD_EXITED, 1);
	tend__guard_close(&g);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	ck_assert_int_eq(errno, ECHILD);
}

static void *open_in_thread(void *arg)
{
	open_guard(arg);
	return NULL;
}

TEST(the_guard_survives_the_thread_that_opened_it)
{
	struct tend__guard g;
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, open_in_thread, &g), 0);
	pthread_join(thread, NULL);
	for (uint64_t i = 0; i < 10; i++) {
		spawn(&g, i, ARGV("true"), NULL);
		expect(&g, TEND__GUARD_STARTED, i);
		expect(&g, TEND__GUARD_EXITED, i);
	}
	tend__guard_close(&g);
}

TEST(a_missing_guard_is_told_and_leaves_nothing_open)
{
	struct tend__guard g;
	int fds = count_fds(getpid());
	/* What it leaves would fall to this program. */
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(tend__guard_open("/no/such/tend-guard", &g), -ENOENT);
	ck_assert_int_eq(tend__guard_open("/etc/passwd", &g), -EACCES);
	ck_assert_int_eq(g.sock, -1);
	tend__guard_close(&g);
	ck_assert_int_eq(count_fds(getpid()), fds);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	ck_assert_int_eq(errno, ECHILD);
}

TEST(a_guard_started_by_hand_says_so_and_ends)
{
	char command[4200], line[256] = "";
	snprintf(command, sizeof(command), "'%s' 2>&1", guard_path());
	FILE *f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_ptr_nonnull(strstr(line, "libtend"));
	ck_assert_int_eq(WEXITSTATUS(pclose(f)), 64);
}
