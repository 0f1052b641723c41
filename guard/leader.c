/* guard/leader.c - starts the leader, the first process of a task.
 *
 * Until its exec the leader shares the memory of its parent, the keeper, which sleeps until
 * the leader runs its program or gives up. So the leader reports an error by writing to
 * struct leader. Signal dispositions and descriptors are the leader's own. All signals are
 * blocked in the keeper and at their defaults, so no handler runs in the leader. */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char leader_stack[32768] __attribute__((aligned(64)));

_Noreturn static void give_up(struct leader *leader, int stage, int error)
{
	guard_assert(stage > TEND__STAGE_NONE && stage < TEND__STAGE_COUNT && error > 0);
	/* The stage last, because the keeper that finds a stage reads the error. */
	leader->error = error;
	leader->stage = stage;
	_exit(127);
}

/* Returns the PATH of the leader's environment, or the default. */
static const char *search_path(char *const *env)
{
	for (; *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			return *env + 5;
	return "/bin:/usr/bin";
}

/* Tries to run a file. Returns only if that failed, with a positive errno value and the stage. */
static int run_file(const char *path, const struct leader *leader, int *stage)
{
	execve(path, leader->argv, leader->env);
	int error = errno;
	/* ENOENT may mean the interpreter of a file that exists, and EACCES the directory of
	 * the file. */
	*stage = access(path, F_OK) < 0 ? TEND__STAGE_LOOKUP : TEND__STAGE_EXEC;
	return error;
}

/* Returns true for an error in a directory of PATH that says nothing about the next. */
static bool look_further(int error, int stage)
{
	switch (error) {
	case EACCES:
	case ENAMETOOLONG:
	case ELOOP:
	case ESTALE:
	case ENODEV:
	case ETIMEDOUT:
		return true;
	default:
		return stage == TEND__STAGE_LOOKUP;
	}
}

/* Runs the program as execvpe() does, with two differences: a file that the kernel cannot run
 * is an error and no shell script, and a file without permission is told apart from a missing
 * file. */
_Noreturn static void run_program(struct leader *leader)
{
	char path[PATH_MAX];
	const char *name = leader->argv[0];
	size_t name_len = strlen(name);
	int stage = TEND__STAGE_LOOKUP;
	int error = ENOENT;

	if (strchr(name, '/')) {
		error = run_file(name, leader, &stage);
		give_up(leader, stage, error);
	}
	for (const char *dir = search_path(leader->env); name_len > 0; dir++) {
		size_t len = strcspn(dir, ":");
		/* An empty element is the working directory. */
		if (len + 1 + name_len < sizeof(path)) {
			int now;
			memcpy(path, dir, len);
			if (len > 0)
				path[len] = '/';
			memcpy(path + len + (len > 0), name, name_len + 1);
			int got = run_file(path, leader, &now);
			if (now == TEND__STAGE_EXEC) {
				stage = now;
				error = got;
			}
			if (!look_further(got, now))
				break;
		}
		dir += len;
		if (!*dir)
			break;
	}
	give_up(leader, stage, error);
}

/* Closes all descriptors but standard input, output, error and the descriptor of readiness, which
 * gets its number first: any other descriptor of this number is of no use any more. Returns 0, or a
 * positive errno value. */
static int keep_descriptors(const struct leader *leader)
{
	unsigned first = STDERR_FILENO + 1, kept = (unsigned)leader->ready_fd;

	if (leader->ready < 0)
		return close_range(first, ~0U, 0) < 0 ? errno : 0;
	/* Where the number is the right one by chance, only the flag close-on-exec goes. */
	if (leader->ready == leader->ready_fd ? fcntl(leader->ready, F_SETFD, 0) < 0
	                                      : dup2(leader->ready, leader->ready_fd) < 0)
		return errno == EBADF ? EMFILE : errno; /* beyond the limit of the process */
	if (kept > first && close_range(first, kept - 1, 0) < 0)
		return errno;
	return close_range(kept + 1, ~0U, 0) < 0 ? errno : 0;
}

static int leader_main(void *arg)
{
	struct leader *leader = arg;
	sigset_t none;

	/* Before the look at the parent, so that the end of the keeper cannot be missed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setpgid(0, 0) < 0)
		give_up(leader, TEND__STAGE_SETUP, errno);
	if (getppid() != leader->parent)
		give_up(leader, TEND__STAGE_KILLED, EOWNERDEAD);

	if (leader->base >= 0 && fchdir(leader->base) < 0)
		give_up(leader, TEND__STAGE_CWD, errno);
	if (leader->cwd && chdir(leader->cwd) < 0)
		give_up(leader, TEND__STAGE_CWD, errno);

	/* 0, 1 and 2 are /dev/null in the guard, so the passed descriptors are above. */
	for (int i = 0; i < 3; i++)
		if (leader->io[i] >= 0 && dup2(leader->io[i], i) < 0)
			give_up(leader, TEND__STAGE_SETUP, errno);
	int error = keep_descriptors(leader);
	if (error)
		give_up(leader, TEND__STAGE_SETUP, error);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	run_program(leader);
}

pid_t leader_start(struct leader *leader, int *pidfd)
{
	guard_assert(leader->argv && leader->argv[0] && leader->parent > 1);
	leader->stage = TEND__STAGE_NONE;
	leader->error = 0;
	pid_t pid = clone(leader_main, leader_stack + sizeof(leader_stack),
	                  CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, leader, pidfd);
	if (pid < 0) {
		leader->stage = TEND__STAGE_FORK;
		return -errno;
	}
	if (leader->stage == TEND__STAGE_NONE)
		return pid;
	waitid(P_PID, (id_t)pid, NULL, WEXITED);
	close(*pidfd);
	return -leader->error;
}
