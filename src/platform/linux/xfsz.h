/* platform/linux/xfsz.h - files that grow beyond RLIMIT_FSIZE.
 *
 * The limit counts for memory with a descriptor, too. A call that asks for too much is to
 * answer EFBIG, so SIGXFSZ, which would end the program, is blocked meanwhile. */
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

/* Takes a pending SIGXFSZ if `error`, the result of the calls since xfsz_block(), is -EFBIG,
 * and restores the mask. */
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
