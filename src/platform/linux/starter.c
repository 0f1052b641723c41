/* platform/linux/starter.c - starts the program of a guard, and waits for its end.
 *
 * The guard is started through the starter, a process that lives only to start the guard.
 * A guard cloned by the program itself would be seen by the program's wait() and send
 * SIGCHLD, with all flags of clone(), because it calls exec. */
#include "platform/guard.h"

#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLOSE_WAIT_MS 1000
#define STACK_BYTES   16384

/* Functions that run in a process which borrows the memory of this thread must not be
 * instrumented. */
#define BORROWED __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

/* ThreadSanitizer takes clone() for fork() and looks for its books in the child. The
 * sanitizer does not wrap the second name that glibc has for clone(). */
#ifdef __GLIBC__
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define borrow_clone __clone
#else
#define borrow_clone clone
#endif

/* Shared by the thread that opens a guard, the starter and the guard until its exec. */
struct start {
	const char *path;
	int sock;
	int owner;
	char *guard_stack; /* the top of the guard's stack, until exec */
	int pidfd;
	volatile int error;
};

/* From clone to exec of the guard. Raw calls only, because sanitizers keep books in the
 * wrappers of libc. */
BORROWED static int guard_main(void *arg)
{
	static char name[] = TEND__GUARD_NAME;
	static char protocol[] = {'0' + TEND__GUARD_PROTOCOL, 0};
	char *const argv[] = {name, protocol, NULL};
	char *const env[] = {NULL};
	struct start *start = arg;

	/* First to numbers above 4, so that neither dup3 closes the other descriptor. The
	 * copies 3 and 4 are inherited by exec. */
	long sock = syscall(SYS_fcntl, start->sock, F_DUPFD, 10);
	long owner = syscall(SYS_fcntl, start->owner, F_DUPFD, 10);
	if (sock >= 0 && owner >= 0 && syscall(SYS_dup3, sock, 3, 0) >= 0 &&
	    syscall(SYS_dup3, owner, 4, 0) >= 0 && syscall(SYS_close_range, 5, ~0U, 0) >= 0)
		syscall(SYS_execve, start->path, argv, env);
	start->error = errno;
	syscall(SYS_exit_group, 127);
	return 127;
}

/* The starter lives until the guard runs. It shares the descriptors of the program, so
 * the guard's pidfd is the program's when the starter is gone. */
BORROWED static int starter_main(void *arg)
{
	struct start *start = arg;
	const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
	int pid = borrow_clone(guard_main, start->guard_stack, flags, start, &start->pidfd);
	if (pid < 0)
		start->error = errno;
	else if (start->error)
		syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL);
	syscall(SYS_exit_group, 0);
	return 0;
}

/* Runs the starter and waits for its end. All signals are blocked: a handler of the
 * program must not run in a process that borrows the memory of the program, and the guard
 * wants to begin with all blocked. The starter sends no signal at its end, and wait() does
 * not see it. Returns 0 or a negative errno value. */
static int run_starter(struct start *start, char *stack)
{
	sigset_t all, old;
	const int flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD;
	int pidfd = -1;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (borrow_clone(starter_main, stack, flags, start, &pidfd) < 0)
		error = -errno;
	else {
		/* ECHILD, if the program waits for clones too, changes nothing. */
		waitid(P_PIDFD, (id_t)pidfd, NULL, WEXITED | __WALL);
		close(pidfd);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);

	if (!error && start->error)
		error = -start->error;
	if (error && start->pidfd >= 0)
		close(start->pidfd);
	return error;
}

int TEND__OS(guard_start)(const char *path, int sock, int owner)
{
	struct start start = {.path = path, .sock = sock, .owner = owner, .pidfd = -1};
	char *stacks = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stacks == MAP_FAILED)
		return -errno;
	start.guard_stack = stacks + STACK_BYTES;
	int error = run_starter(&start, stacks + 2 * STACK_BYTES);
	munmap(stacks, 2 * STACK_BYTES);
	return error ? error : start.pidfd;
}

void TEND__OS(guard_await)(int pidfd)
{
	struct pollfd polled = {.fd = pidfd, .events = POLLIN};

	while (poll(&polled, 1, CLOSE_WAIT_MS) < 0 && errno == EINTR)
		continue;
}
