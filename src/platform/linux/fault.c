/* platform/linux/fault.c - handlers of hardware faults that hand the fault on. */
#include "platform/platform.h"

#include "base/error.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
enum { SIGNALS = sizeof(signals) / sizeof(*signals), ALT_BYTES = 65536 };

static struct sigaction before[SIGNALS];
static void (*tell)(int, uintptr_t);

static void handler(int signal, siginfo_t *info, void *context)
{
	int i = 0;

	while (i < SIGNALS && signals[i] != signal)
		i++;
	tend__assert(i < SIGNALS && tell);
	tell(signal, (uintptr_t)info->si_addr);

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

static void install(void)
{
	struct sigaction a = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

	a.sa_sigaction = handler;
	sigemptyset(&a.sa_mask);
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &a, &before[i]);
}

void tend__fault_install(void (*say)(int signal, uintptr_t address))
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	tell = say;
	pthread_once(&once, install);
}

void tend__fault_thread_begin(void **stack)
{
	stack_t alt = {.ss_sp = malloc(ALT_BYTES), .ss_size = ALT_BYTES};

	*stack = alt.ss_sp;
	if (alt.ss_sp)
		sigaltstack(&alt, NULL);
}

void tend__fault_thread_end(void *stack)
{
	stack_t off = {.ss_flags = SS_DISABLE};

	if (!stack)
		return;
	sigaltstack(&off, NULL);
	free(stack);
}
