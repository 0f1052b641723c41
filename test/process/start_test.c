/* The start of a guard: that it delays nobody but its askers, who share it, and what meets it. */
#include "suite.h"

#include "tend/tend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The file of a guard, in memory, and open once: a lease on it stops each exec of the file, as a
 * slow disk does, until the lease is given back, or for 45 s. */
static int file;
static char guard_path[64];
static const char *program;
static tend_runtime *rt;
static tend_scope scope;

static void copy(int to, const char *from)
{
	char bytes[65536];
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		ck_assert_int_eq(write(to, bytes, (size_t)n), n);
	close(fd);
}

/* A file that is no program, if `from` is NULL. */
static void make_guard(const char *from)
{
	int out = memfd_create("guard", MFD_CLOEXEC);
	char path[64];

	ck_assert_int_ge(out, 0);
	if (from)
		copy(out, from);
	else
		ck_assert_int_eq(write(out, "none", 4), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	file = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(file, 0);
	close(out);
	snprintf(guard_path, sizeof(guard_path), "/proc/%d/fd/%d", getpid(), file);
}

static void slow(void) { ANSWERS(fcntl(file, F_SETLEASE, F_WRLCK), 0); }
static void fast_again(void) { ANSWERS(fcntl(file, F_SETLEASE, F_UNLCK), 0); }

/* Until a guard is being started, of which the kernel tells the holder of the lease. */
static void until_a_start(void)
{
	const struct timespec patience = {.tv_sec = PATIENCE_S};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	ANSWERS(sigtimedwait(&set, NULL, &patience), SIGIO);
}

static void begin(const char *guard)
{
	sigset_t set;

	/* Before there are other threads, which have the mask of this one. */
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	ANSWERS(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	make_guard(guard);
	program = exit_with();
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1,
	                                            .guard_path = guard_path),
	                          &rt),
	        0);
	ANSWERS(tend_scope_open(tend_root(rt), "p", NULL, &scope), 0);
}

static void end(void) { ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0); }

static struct tend_outcome join(tend_task t)
{
	struct tend_outcome o;

	ANSWERS(tend_join(t, &o, tend_after(PATIENCE_NS)), 0);
	return o;
}

/* Spawns a process that stays. */
struct asker {
	tend_task task, process;
	pthread_t thread;
	atomic_bool answered;
	int answer;
};

static int ask(void *arg)
{
	const char *const argv[] = {program, NULL};
	struct asker *a = arg;

	a->answer = tend_spawn_process(scope, TEND_PROCESS_OPTS(.argv = argv), &a->process);
	a->answered = true;
	return 0;
}

static void *ask_outside(void *arg)
{
	ask(arg);
	return NULL;
}

enum { FIBERS = 3, ASKERS };

/* The last asker is a thread that is no task. */
static void ask_all(struct asker askers[ASKERS])
{
	slow();
	for (int i = 0; i < FIBERS; i++)
		ANSWERS(tend_spawn(tend_root(rt), ask, &askers[i], NULL, &askers[i].task), 0);
	until_a_start();
	ANSWERS(pthread_create(&askers[FIBERS].thread, NULL, ask_outside, &askers[FIBERS]), 0);
}

static void answer_all(struct asker askers[ASKERS])
{
	fast_again();
	for (int i = 0; i < FIBERS; i++)
		ck_assert_int_eq(join(askers[i].task).kind, TEND_COMPLETED);
	ANSWERS(pthread_join(askers[FIBERS].thread, NULL), 0);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int sleep_on(void *arg)
{
	(void)arg;
	return tend_sleep_until(TEND_FOREVER);
}

static pid_t parent_of(pid_t pid)
{
	char path[64];
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %*c %d", &parent), 1);
	fclose(f);
	return parent;
}

static pid_t guard_of(tend_task t)
{
	struct tend_outcome o;
	pid_t pid;

	while ((pid = tend_process_pid(t)) == -EAGAIN) {
		ANSWERS(tend_task_outcome(t, &o), -EAGAIN);
		usleep(1000);
	}
	return parent_of(parent_of(pid));
}

/* The only worker runs other fibers, and the monitor rings alarms. */
TEST(the_start_of_a_guard_delays_nobody_but_its_askers_who_share_it)
{
	static struct asker askers[ASKERS];
	tend_task t;

	begin(getenv("TEND_GUARD"));
	ask_all(askers);
	ANSWERS(tend_spawn(scope, nothing, NULL, NULL, &t), 0);
	ck_assert_int_eq(join(t).kind, TEND_COMPLETED);
	ANSWERS(tend_spawn(scope, sleep_on, NULL, TEND_TASK_OPTS(.deadline = tend_after(TEND_MS)),
	                   &t),
	        0);
	ck_assert(join(t).timed_out);
	for (int i = 0; i < ASKERS; i++)
		ck_assert(!askers[i].answered);
	answer_all(askers);
	for (int i = 0; i < ASKERS; i++) {
		ANSWERS(askers[i].answer, 0);
		ck_assert_int_eq(guard_of(askers[i].process), guard_of(askers[0].process));
	}
	ANSWERS(tend_scope_cancel(scope, -ECANCELED, NULL), 0);
	for (int i = 0; i < ASKERS; i++)
		ck_assert_int_eq(join(askers[i].process).kind, TEND_CANCELED);
	end();
}

TEST(a_start_that_fails_is_told_to_all_who_asked)
{
	static struct asker askers[ASKERS];
	struct tend_stats stats = {.size = sizeof(stats)};

	begin(NULL);
	ask_all(askers);
	answer_all(askers);
	for (int i = 0; i < ASKERS; i++)
		ANSWERS(askers[i].answer, -ENOEXEC);
	ANSWERS(tend_scope_stats(scope, &stats), 0);
	ck_assert_uint_eq(stats.refused, ASKERS);
	ANSWERS(tend_scope_wait_empty(scope, 0), 0);
	end();
}

#ifndef SANITIZED /* ThreadSanitizer starts no threads in a fork of a threaded program */
TEST(a_fork_while_a_guard_starts_has_runtimes_of_its_own)
{
	static struct asker askers[ASKERS];
	tend_runtime *own;
	tend_task t;
	int status;

	begin(getenv("TEND_GUARD"));
	const char *const argv[] = {program, "7", NULL};
	ask_all(askers);
	pid_t pid = fork();
	if (pid == 0) {
		struct tend_outcome o;

		if (tend_runtime_open(TEND_RUNTIME_OPTS(.guard_path = getenv("TEND_GUARD")),
		                      &own) ||
		    tend_spawn_process(tend_root(own), TEND_PROCESS_OPTS(.argv = argv), &t) ||
		    tend_join(t, &o, tend_after(PATIENCE_NS)) ||
		    tend_runtime_close(own, tend_after(PATIENCE_NS)))
			_exit(1);
		_exit(o.result);
	}
	ANSWERS(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 7);
	answer_all(askers);
	ANSWERS(tend_scope_cancel(scope, -ECANCELED, NULL), 0);
	end();
}
#endif

static atomic_bool closed;
static void *close_it(void *arg)
{
	end();
	closed = true;
	return arg;
}

/* A process that runs again asks for the guard, so no spawner is there to be waited for. */
TEST(a_close_while_a_guard_starts_waits_for_it_and_leaves_nothing)
{
	const char *const argv[] = {exit_with(), NULL};
	int before = open_descriptors();
	pthread_t closer;
	tend_task t;

	begin(getenv("TEND_GUARD"));
	ANSWERS(tend_spawn_process(
			scope,
			TEND_PROCESS_OPTS(.argv = argv,
	                                  .restart = TEND_RESTART(.policy = TEND_PERMANENT)),
			&t),
	        0);
	tend_scope root = tend_root(rt);
	pid_t guard = guard_of(t);
	/* Another file in the place of the first, which has no lease while a guard runs it. */
	int first = file;
	make_guard(getenv("TEND_GUARD"));
	slow();
	ck_assert_int_eq(dup3(file, first, O_CLOEXEC), first);
	ANSWERS(kill(guard, SIGKILL), 0);
	until_a_start();
	ANSWERS(pthread_create(&closer, NULL, close_it, NULL), 0);
	while (tend_scope_live(root) != -ESRCH)
		usleep(1000);
	ck_assert(!closed);
	fast_again();
	ANSWERS(pthread_join(closer, NULL), 0);
	close(file);
	close(first);
	ck_assert_int_eq(open_descriptors(), before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
}
