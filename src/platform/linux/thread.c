/* platform/linux/thread.c - threads, and the barrier of all threads. */
#include "platform/platform.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

struct start {
	void (*fn)(void *), (*end)(void *);
	void *arg;
	char name[16];
};

/* The end of a thread is called by the destructor of a key, in a late round of destructors:
 * those of the program, and of its thread-local objects, have run. The last round is left
 * to the sanitizers, which forget the thread there. */
enum { END_ROUND = PTHREAD_DESTRUCTOR_ITERATIONS - 1 };
static _Thread_local struct {
	void (*end)(void *);
	void *arg;
	int round;
} at_end;
static pthread_key_t end_key;
static bool has_end_key;

static void on_round(void *p)
{
	if (++at_end.round == END_ROUND)
		at_end.end(at_end.arg);
	else
		pthread_setspecific(end_key, p);
}

static void make_end_key(void) { has_end_key = pthread_key_create(&end_key, on_round) == 0; }

/* The mask of a thread is that of its maker, as after pthread_create(3), because programs
 * which the thread starts inherit the mask. But the kernel kills a thread that blocks the
 * signal of its own fault. */
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
	bool early = false;

	tend__assert(s.fn && !tend__tls.worker && !tend__tls.task);
	tend__free(p);
	unblock_faults();
	pthread_setname_np(pthread_self(), s.name);
	if (s.end) {
		at_end.end = s.end;
		at_end.arg = s.arg;
		/* Without memory for the value of the key the end comes before the destructors. */
		early = pthread_setspecific(end_key, &at_end) != 0;
	}
	s.fn(s.arg);
	if (early)
		s.end(s.arg);
	return NULL;
}

int TEND__OS(thread_start)(struct tend__thread *t, const char *name, void (*fn)(void *),
                           void (*end)(void *), void *arg)
{
	TEND__KEEPS_ERRNO;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct start *s;

	if (end)
		pthread_once(&once, make_end_key);
	if (end && !has_end_key)
		return -EAGAIN;
	s = tend__alloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fn = fn;
	s->end = end;
	s->arg = arg;
	tend__text_copy(s->name, sizeof(s->name), name);
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
	TEND__KEEPS_ERRNO;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0)
		return true;
	return errno == EPERM &&
	       syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
	       syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void tend__at_fork(void (*fn)(void)) { pthread_atfork(NULL, NULL, fn); }
