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

static void *thread(void *p)
{
	struct start s = *(struct start *)p;

	tend__assert(s.fn && !tend__tls.worker && !tend__tls.task);
	tend__free(p);
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

	/* Signals are for the program's own threads. Those of faults stay unblocked, because
	 * the kernel kills a thread that blocks the signal of its own fault. */
	sigset_t all, before;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGABRT);
	sigdelset(&all, SIGTRAP);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_t os;
	int error = pthread_create(&os, NULL, thread, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
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
