/* platform/linux/fault.c - handlers of hardware faults that hand the fault on. */
#include "platform/platform.h"

#include "base/error.h"
#include "platform/lock.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

/* The first is the signal of a guard page. */
static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
enum { SIGNALS = sizeof(signals) / sizeof(*signals), ALT_BYTES = 65536 };

static struct tend__lock lock;
static bool installed[SIGNALS] TEND_GUARDED_BY(&lock);
static struct sigaction before[SIGNALS]; /* constant once installed */
static tend__fault_say *tell;            /* constant once installed */

static uintptr_t stack_pointer(const void *context)
{
	return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
}

static void handler(int signal, siginfo_t *info, void *context)
{
	int i = 0;

	while (i < SIGNALS && signals[i] != signal)
		i++;
	tend__assert(i < SIGNALS && tell);
	/* A signal of kill() has no address. */
	tell(signal, info->si_code > 0 ? (uintptr_t)info->si_addr : 0, stack_pointer(context));

	if ((before[i].sa_flags & SA_SIGINFO) && before[i].sa_sigaction) {
		before[i].sa_sigaction(signal, info, context);
		return;
	}
	if (!(before[i].sa_flags & SA_SIGINFO) && before[i].sa_handler != SIG_DFL &&
	    before[i].sa_handler != SIG_IGN) {
		before[i].sa_handler(signal);
		return;
	}
	/* With the earlier disposition back, the instruction faults again after the return
	 * and ends the program as without this handler. A signal that was sent by kill() does
	 * not come again by itself. */
	sigaction(signal, &before[i], NULL);
	if (info->si_code <= 0)
		raise(signal);
}

static bool is_default(const struct sigaction *a)
{
	return !(a->sa_flags & SA_SIGINFO) && a->sa_handler == SIG_DFL;
}

void tend__fault_install(bool all, tend__fault_say *say)
{
	TEND__KEEPS_ERRNO;
	struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

	ours.sa_sigaction = handler;
	sigemptyset(&ours.sa_mask);
	tend__lock(&lock);
	tell = say;
	for (int i = 0; i < (all ? SIGNALS : 1); i++) {
		/* Once, because a handler that the program installed later may hand on to this
		 * handler. */
		if (installed[i] || sigaction(signals[i], NULL, &before[i]) ||
		    (!all && !is_default(&before[i])))
			continue;
		installed[i] = sigaction(signals[i], &ours, NULL) == 0;
	}
	tend__unlock(&lock);
}

/* ---- Alternative stacks ---- */

static pthread_key_t stack_key;
static bool has_stack_key;

static void take_back(void *stack)
{
	stack_t now, off = {.ss_flags = SS_DISABLE};

	if (sigaltstack(NULL, &now) == 0 && now.ss_sp == stack)
		sigaltstack(&off, NULL);
	munmap(stack, ALT_BYTES);
}

static void make_stack_key(void) { has_stack_key = pthread_key_create(&stack_key, take_back) == 0; }

void tend__fault_thread(void)
{
	TEND__KEEPS_ERRNO;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static _Thread_local bool asked;
	stack_t alt = {.ss_size = ALT_BYTES}, now;

	if (asked)
		return;
	asked = true;
	pthread_once(&once, make_stack_key);
	if (!has_stack_key || sigaltstack(NULL, &now) || !(now.ss_flags & SS_DISABLE))
		return; /* the thread has a stack already */
	alt.ss_sp = mmap(NULL, ALT_BYTES, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (alt.ss_sp == MAP_FAILED)
		return;
	if (sigaltstack(&alt, NULL) || pthread_setspecific(stack_key, alt.ss_sp))
		take_back(alt.ss_sp);
}

void tend__thread_guard(uintptr_t *low, uintptr_t *high, size_t *stack_bytes)
{
	pthread_attr_t attr;
	void *bottom = NULL;
	size_t guard = 0;

	*low = *high = *stack_bytes = 0;
	if (pthread_getattr_np(pthread_self(), &attr))
		return;
	if (pthread_attr_getstack(&attr, &bottom, stack_bytes) == 0 &&
	    pthread_attr_getguardsize(&attr, &guard) == 0) {
		*high = (uintptr_t)bottom;
		*low = *high - guard;
	}
	pthread_attr_destroy(&attr);
}
