/* platform/linux/xfsz.h - RLIMIT_FSIZE counts for memory with a descriptor, too. Whoever
 * asks for too much is to be answered EFBIG, and not be ended by the signal. */
#ifndef TEND_PLATFORM_LINUX_XFSZ_H
#define TEND_PLATFORM_LINUX_XFSZ_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static inline void xfsz_block(sigset_t *old)
{
	sigset_t xfsz;

	sigemptyset(&xfsz);
	sigaddset(&xfsz, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &xfsz, old);
}

/* With what came of it, 0 or a negative errno value. */
static inline void xfsz_restore(const sigset_t *old, int error)
{
	sigset_t xfsz;

	sigemptyset(&xfsz);
	sigaddset(&xfsz, SIGXFSZ);
	if (error == -EFBIG)
		sigtimedwait(&xfsz, NULL, &(const struct timespec){0, 0});
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

#endif
