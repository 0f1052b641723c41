/* guard/children.c - lists, kills and reaps the children of this process.
 *
 * A pid is used only while this process has not reaped the child, so the number cannot
 * belong to another process. */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The list of the thread: guard and keeper have a single thread. */
#define CHILDREN "/proc/thread-self/children"

/* While all children are being killed, a new child goes unseen no longer than this. */
#define RELIST_NS 10000000L

/* A /proc of another PID namespace is refused, too: its numbers name other processes here. */
int children_check(void)
{
	char c, self[16];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);
	if (n < 0)
		return -errno;
	guard_assert(n < (ssize_t)sizeof(self));
	self[n] = '\0';
	if (strtol(self, NULL, 10) != getpid())
		return -ENOENT;

	int fd = open(CHILDREN, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error = read(fd, &c, 1) < 0 ? -errno : 0;
	close(fd);
	return error;
}

/* No child is skipped, unless `fn` reaps: the kernel skips children if a child is reaped
 * between two reads, and only this thread reaps. */
int children_each(child_each *fn, void *arg)
{
	char buf[4096];
	pid_t pid = 0;
	ssize_t n;
	int fd = open(CHILDREN, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				pid = pid * 10 + (buf[i] - '0');
				continue;
			}
			if (pid > 1)
				fn(arg, pid);
			pid = 0;
		}
	}
	int error = n < 0 ? -errno : 0;
	close(fd);
	return error;
}

struct killing {
	child_chosen *chosen;
	int count;
};

static void kill_child(void *arg, pid_t pid)
{
	struct killing *killing = arg;
	if (killing->chosen && !killing->chosen(pid))
		return;
	kill(pid, SIGKILL);
	killing->count++;
}

int children_kill(child_chosen *chosen)
{
	struct killing killing = {.chosen = chosen};
	int error = children_each(kill_child, &killing);
	return error ? error : killing.count;
}

/* Finds a child that has ended; with WNOWAIT the child stays unreaped. Returns as
 * children_reap(). */
static pid_t look(int *code, int *status, int flags)
{
	siginfo_t info = {.si_pid = 0};
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | flags) < 0)
		if (errno != EINTR)
			return -errno;
	guard_assert(info.si_pid >= 0);
	*code = info.si_code;
	*status = info.si_status;
	return info.si_pid;
}

pid_t children_reap(int *code, int *status) { return look(code, status, 0); }

/* Waits for the end of a child. Returns false if no child ended for a while. SIGCHLD is
 * blocked, so an end before this call is seen, too. */
static bool wait_a_while(void)
{
	const struct timespec relist = {.tv_nsec = RELIST_NS};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	return sigtimedwait(&set, NULL, &relist) >= 0 || errno == EINTR;
}

void children_end(child_dead *dead, void *arg)
{
	int code, status;
	int killed = 0;

	/* Ended children are reaped before children are listed, because mostly there are no
	 * others. A listing that failed, or came too early, is tried again. */
	for (;;) {
		pid_t pid = look(&code, &status, WNOWAIT);
		if (pid == -ECHILD)
			return;
		if (pid > 0) {
			if (dead)
				dead(arg, pid, code, status);
			waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOHANG);
			killed--;
			continue;
		}
		if (killed > 0 && wait_a_while())
			continue;
		killed = children_kill(NULL);
		if (killed <= 0)
			wait_a_while();
	}
}
