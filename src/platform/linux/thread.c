/* platform/linux/thread.c - threads, and the barrier of all threads. */
#include "platform/platform.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

struct start {
	void (*fn)(void *);
	void *arg;
	char name[16];
};

/* The thread has the mask of its maker, as after pthread_create(3), because programs that it
 * starts inherit the mask. The signals of faults it must not block: the kernel kills a
 * thread that blocks the signal of its own fault. */
static void unblock_faults(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigaddset(&set, faults[i]);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void *thread(void *p)
{
	struct start s = *(struct start *)p;

	tend__assert(s.fn && !tend__tls.worker && !tend__tls.task);
	tend__free(p);
	unblock_faults();
	pthread_setname_np(pthread_self(), s.name);
	s.fn(s.arg);
	return NULL;
}

int TEND__OS(thread_start)(struct tend__thread *t, const char *name, void (*fn)(void *), void *arg)
{
	struct start *s = tend__alloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->fn = fn;
	s->arg = arg;
	snprintf(s->name, sizeof(s->name), "%s", name);
	pthread_t os;
	int error = pthread_create(&os, NULL, thread, s);
	if (error) {
		tend__free(s);
		return error == ENOMEM ? -ENOMEM : -EAGAIN;
	}
	t->os = (uintptr_t)os;
	return 0;
}

void TEND__OS(thread_join)(struct tend__thread *t)
{
	/* Ignored are EINVAL, because the program may have detached the thread, and EDEADLK,
	 * because a key destructor of the thread may be the caller. */
	(void)pthread_join((pthread_t)t->os, NULL);
}

void TEND__OS(thread_yield)(void) { sched_yield(); }
int32_t TEND__OS(thread_number)(void) { return (int32_t)syscall(SYS_gettid); }

/* A process registers once. That takes the kernel 2 us, or 10 to 20 ms where there are
 * threads already. */
bool TEND__OS(barrier)(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0)
		return true;
	return errno == EPERM &&
	       syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
	       syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void tend__at_fork(void (*fn)(void)) { pthread_atfork(NULL, NULL, fn); }
