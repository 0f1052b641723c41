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

/* No child is skipped: the kernel skips children only if a child is reaped between two
 * reads, and only this thread reaps. */
int children_kill(child_chosen *chosen)
{
	char buf[4096];
	pid_t pid = 0;
	int count = 0;
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
			if (pid > 1 && (!chosen || chosen(pid))) {
				kill(pid, SIGKILL);
				count++;
			}
			pid = 0;
		}
	}
	int error = n < 0 ? -errno : 0;
	close(fd);
	return error ? error : count;
}

pid_t children_reap(int *code, int *status)
{
	siginfo_t info = {.si_pid = 0};
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0)
		if (errno != EINTR)
			return -errno;
	guard_assert(info.si_pid >= 0);
	*code = info.si_code;
	*status = info.si_status;
	return info.si_pid;
}

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

void children_end(child_reaped *reaped, void *arg)
{
	int code, status;
	int killed = 0;

	/* Ended children are reaped before children are listed, because mostly there are no
	 * others. A listing that failed, or came too early, is tried again. */
	for (;;) {
		pid_t pid = children_reap(&code, &status);
		if (pid == -ECHILD)
			return;
		if (pid > 0) {
			if (reaped)
				reaped(arg, pid, code, status);
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
