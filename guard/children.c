/* guard/children.c - listing, killing and reaping one's own children.
 *
 * A pid is used only while it is that of a child this process has not reaped,
 * so it cannot have become someone else's. */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of the thread, not of the process; both have one. */
#define CHILDREN "/proc/thread-self/children"

/* How long an unexpected child may go unseen while all are being killed. */
#define RELIST_NS 10000000L

/* Not of another PID namespace either: its numbers are those of others here. */
int children_check(void)
{
	char c, self[16];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);
	if (n < 0)
		return -errno;
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

/* The kernel never skips a child here: it would only if one were reaped
 * between two reads, and only this thread reaps. */
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
	*code = info.si_code;
	*status = info.si_status;
	return info.si_pid;
}

/* Waits for the end of a child; false if none came for a while. SIGCHLD is
 * blocked, so one that ended before this call is seen too. */
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

	/* Nothing is listed before what has ended was reaped: mostly there is
	 * nothing else. A listing that failed is tried again, like one that was too
	 * early. */
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
