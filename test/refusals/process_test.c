/* tend/process.h */
#include "refuse.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

TEST(refusals_of_processes) { try_rows(__FILE__); }

static const char *const sleeper[] = {"sleep", "1000", NULL};
static const char *const nameless[] = {"", NULL};
static const struct {
	struct tend_process_opts opts;
	uint64_t more;
} future = {{.size = sizeof(future), .argv = sleeper}, 1};

static int spawn(struct world *w, tend_scope s, const struct tend_process_opts *opts)
{
	return tend_spawn_process(s, opts, &w->out.task);
}

static int plain(struct world *w, tend_scope s)
{
	return spawn(w, s, TEND_PROCESS_OPTS(.argv = sleeper));
}

static void start(struct world *w)
{
	ANSWERS(tend_spawn_process(w->beside, TEND_PROCESS_OPTS(.argv = sleeper), &w->process), 0);
}

/* w->process runs, hence the guard as well. */
static void running(struct world *w)
{
	start(w);
	settle(w->rt);
	w->pid = tend_process_pid(w->process);
	ck_assert_int_gt(w->pid, 0);
}

static void beside_one(struct world *w, const struct row *row)
{
	running(w);
	judge(w, row);
}

static void beside_one_forked(struct world *w, const struct row *row)
{
	running(w);
	forked(w, row);
}

static void beside_one_without_room(struct world *w, const struct row *row)
{
	running(w);
	without_room(w, row);
}

struct asked {
	struct world *w;
	const struct row *row;
};

static void open_beside(struct world *w, const char *guard)
{
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "other", .flags = TEND_HOSTED,
	                                            .tasks_max = 32, .events_max = 16,
	                                            .guard_path = guard),
	                          &w->other),
	        0);
	start_monitor(w->other);
}

/* The child's ends of its two pipes are open until the request was sent. */
static void unstarted(struct world *w, const struct row *row)
{
	int pipes = open_pipes();

	open_beside(w, mute_guard());
	ANSWERS(tend_spawn_process(tend_root(w->other), TEND_PROCESS_OPTS(.argv = sleeper),
	                           &w->process),
	        0);
	while (open_pipes() > pipes + 2)
		sched_yield();
	judge(w, row);
	close_other(w);
}

static pid_t parent_of(pid_t pid, char name[32])
{
	char path[64];
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *stat = fopen(path, "re");
	ck_assert_ptr_nonnull(stat);
	ANSWERS(fscanf(stat, "%*d (%31[^)]) %*c %d", name, &parent), 2);
	fclose(stat);
	return parent;
}

/* Above the process, with a keeper between. */
static pid_t guard_of(pid_t pid)
{
	char name[32];
	pid_t above = parent_of(pid, name), next = parent_of(above, name);

	while (strcmp(name, "tend-guard") != 0) {
		ck_assert_int_gt(next, 1);
		above = next;
		next = parent_of(above, name);
	}
	return above;
}

static int judge_after_the_guard(void *arg)
{
	struct asked *a = arg;
	struct pollfd dead = {.fd = (int)syscall(SYS_pidfd_open, guard_of(a->w->pid), 0),
	                      .events = POLLIN};

	ck_assert_int_ge(dead.fd, 0);
	ANSWERS((int)syscall(SYS_pidfd_send_signal, dead.fd, SIGKILL, NULL, 0), 0);
	ANSWERS(poll(&dead, 1, PATIENCE_S * 1000), 1);
	close(dead.fd);
	/* The runtime knows by then. */
	ANSWERS(tend_process_signal(a->w->process, SIGUSR2), -EPIPE);
	judge(a->w, a->row);
	return 0;
}

static void ignore(void *arg, int stream, const char *bytes, size_t n)
{
	(void)arg;
	(void)stream;
	(void)bytes;
	(void)n;
}

/* The only worker is busy with this fiber, hence the process, whose end is to call this
 * program, has not ended. */
static void unguarded(struct world *w, const struct row *row)
{
	struct asked a = {w, row};
	tend_task t;

	ANSWERS(tend_spawn_process(w->beside, TEND_PROCESS_OPTS(.argv = sleeper, .output = ignore),
	                           &w->process),
	        0);
	settle(w->rt);
	w->pid = tend_process_pid(w->process);
	ck_assert_int_gt(w->pid, 0);
	ANSWERS(tend_spawn(w->open, judge_after_the_guard, &a, NULL, &t), 0);
	ANSWERS(tend_join(t, NULL, tend_after(PATIENCE_NS)), 0);
}

static void without_guard(struct world *w, const struct row *row)
{
	open_beside(w, "/nowhere/tend-guard");
	/* The first attempt makes the runtime's books of processes, which are there to stay. */
	ANSWERS(plain(w, tend_root(w->other)), -ENOENT);
	judge(w, row);
	close_other(w);
}

/* In a folder without a right to search. */
static void in_a_closed_folder(struct world *w, const struct row *row)
{
	char folder[] = "/tmp/tend-refusals-XXXXXX", before[4096];

	running(w);
	ck_assert_ptr_nonnull(getcwd(before, sizeof(before)));
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ANSWERS(chdir(folder), 0);
	ANSWERS(chmod(folder, 0), 0);
	judge(w, row);
	ANSWERS(chdir(before), 0);
	ANSWERS(rmdir(folder), 0);
}

/* With a guard, as beside_one(). */
static void unique_beside_one(struct world *w, const struct row *row)
{
	running(w);
	unique(w, row);
}

REFUSES_BUT(tend_spawn_process_at, EEXIST, "a name that lives in a unique scope", unique_beside_one,
            "; refused 1", spawn(w, w->deep, TEND_PROCESS_OPTS(.argv = sleeper, .name = "taken")))
REFUSES_BUT(tend_spawn_process_at, ECANCELED, "a canceled scope", beside_one, "; refused 1",
            plain(w, w->canceled))
REFUSES_BUT(tend_spawn_process_at, ECANCELED, "a scope that closes", beside_one, "; refused 1",
            plain(w, w->closing))
REFUSES_BUT(tend_spawn_process_at, ECANCELED, "a canceled scope, which starts no guard", outside,
            "; refused 1", plain(w, w->canceled))
REFUSES_BUT(tend_spawn_process_at, ESHUTDOWN, "a sealed scope", beside_one, "; refused 1",
            plain(w, w->sealed))
REFUSES_BUT(tend_spawn_process_at, EAGAIN, "tasks_max", beside_one_without_room, "; refused 1",
            plain(w, w->open))
REFUSES(tend_spawn_process_at, ENOMEM, "no memory", beside_one, (no_memory(1), plain(w, w->open)))
REFUSES(tend_spawn_process_at, ENOMEM, "no memory for the first", outside,
        (no_memory(1), plain(w, w->open)))
REFUSES(tend_spawn_process_at, EINVAL, "no options", outside, spawn(w, w->open, NULL))
REFUSES(tend_spawn_process_at, EINVAL, "no argv", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.name = "p")))
REFUSES(tend_spawn_process_at, EINVAL, "an empty argv", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = sleeper + 2)))
REFUSES(tend_spawn_process_at, EINVAL, "an empty program", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = nameless)))
REFUSES(tend_spawn_process_at, EINVAL, "a slash in the name", beside_one,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = sleeper, .name = "a/b")))
REFUSES(tend_spawn_process_at, EINVAL, "that can be aborted", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = sleeper, .flags = TEND_ABORTABLE)))
REFUSES(tend_spawn_process_at, EINVAL, "an inherited output that is one", outside,
        spawn(w, w->open,
              TEND_PROCESS_OPTS(.argv = sleeper, .flags = TEND_INHERIT_OUTPUT | TEND_ONE_OUTPUT)))
REFUSES(tend_spawn_process_at, EINVAL, "a signal that cannot be", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = sleeper, .stop_signal = 65)))
REFUSES(tend_spawn_process_at, EINVAL, "a negative signal", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = sleeper, .stop_signal = -1)))
REFUSES(tend_spawn_process_at, EINVAL, "a ready_fd of a standard stream", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = sleeper, .ready_fd = 2)))
REFUSES(tend_spawn_process_at, EINVAL, "a negative ready_fd", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = sleeper, .ready_fd = -1)))
REFUSES(tend_spawn_process_at, EINVAL, "a ready_fd that is too high", outside,
        spawn(w, w->open, TEND_PROCESS_OPTS(.argv = sleeper, .ready_fd = 1024)))
REFUSES(tend_spawn_process_at, EINVAL, "options without a size", outside,
        spawn(w, w->open, &(struct tend_process_opts){.argv = sleeper}))
REFUSES(tend_spawn_process_at, E2BIG, "a field of tomorrow", outside,
        spawn(w, w->open, &future.opts))
CANNOT_PROVOKE(tend_spawn_process_at, EDEADLK,
               "the row is that of tend_spawn(); a process holds no scope")
REFUSES(tend_spawn_process_at, ESRCH, "ended", outside, plain(w, w->ended))
REFUSES(tend_spawn_process_at, ESTALE, "a fork", forked, plain(w, w->open))
REFUSES_BUT(tend_spawn_process_at, ENOENT, "no guard", without_guard, "; refused 1",
            plain(w, tend_root(w->other)))
REFUSES(tend_spawn_process_at, EACCES, "a working directory that it may not search",
        in_a_closed_folder, (as_nobody(), plain(w, w->open)))
REFUSES(tend_spawn_process_at, EMFILE, "no descriptors", beside_one,
        (limit(RLIMIT_NOFILE, 0), plain(w, w->open)))

static int64_t tail_of(struct world *w, tend_task t)
{
	return tend_process_tail(t, w->out.bytes, sizeof(w->out.bytes), &w->out.number);
}

REFUSES(tend_process_tail, EINVAL, "a fiber", outside, tail_of(w, w->live))
REFUSES(tend_process_tail, ESRCH, "ended", outside, tail_of(w, w->stale))
REFUSES(tend_process_tail, ESRCH, "none", outside, tail_of(w, (tend_task){0}))
REFUSES(tend_process_tail, ESTALE, "a fork", beside_one_forked, tail_of(w, w->process))

static int64_t tail_of_attempt(struct world *w, tend_task t, uint32_t attempt)
{
	return tend_process_tail_of(t, attempt, w->out.bytes, sizeof(w->out.bytes), &w->out.number);
}

REFUSES(tend_process_tail_of, ENOENT, "an attempt to come", beside_one,
        tail_of_attempt(w, w->process, 2))
REFUSES(tend_process_tail_of, EINVAL, "a fiber", outside, tail_of_attempt(w, w->live, 0))
REFUSES(tend_process_tail_of, ESRCH, "ended", outside, tail_of_attempt(w, w->stale, 0))
REFUSES(tend_process_tail_of, ESTALE, "a fork", beside_one_forked,
        tail_of_attempt(w, w->process, 0))

REFUSES(tend_process_pid, EAGAIN, "not started", unstarted, tend_process_pid(w->process))
REFUSES(tend_process_pid, EINVAL, "a fiber", outside, tend_process_pid(w->live))
REFUSES(tend_process_pid, ESRCH, "ended", outside, tend_process_pid(w->stale))
REFUSES(tend_process_pid, ESTALE, "a fork", beside_one_forked, tend_process_pid(w->process))

REFUSES(tend_process_signal, EAGAIN, "not started", unstarted,
        tend_process_signal(w->process, SIGKILL))
REFUSES(tend_process_signal, EPIPE, "the guard has died", unguarded,
        tend_process_signal(w->process, SIGUSR1))
REFUSES(tend_process_signal, EPIPE, "the guard has died, to kill", unguarded,
        tend_process_signal(w->process, SIGKILL))
REFUSES(tend_process_signal, EINVAL, "a fiber", outside, tend_process_signal(w->live, SIGKILL))
REFUSES(tend_process_signal, EINVAL, "no signal", beside_one, tend_process_signal(w->process, 0))
REFUSES(tend_process_signal, EINVAL, "a signal that cannot be", beside_one,
        tend_process_signal(w->process, 65))
REFUSES(tend_process_signal, ESRCH, "ended", outside, tend_process_signal(w->stale, SIGKILL))
REFUSES(tend_process_signal, ESTALE, "a fork", beside_one_forked,
        tend_process_signal(w->process, SIGKILL))
