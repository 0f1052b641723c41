/* platform/linux/clock.c - the clock, and sleeping on a word. */
#include "platform/platform.h"

#include "tend/base.h"

#include "base/error.h"

#include <linux/futex.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Thread_local struct tend__tls tend__tls;

/* Out of line, or link-time optimisation would put the timespec, and with it a guard word of the
 * stack, into every wait. */
__attribute__((noinline)) uint64_t TEND__OS(clock)(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * TEND_SEC + (uint64_t)t.tv_nsec;
}

uint64_t TEND__OS(seed)(void)
{
	TEND__KEEPS_ERRNO;
	uint64_t seed;

	/* Early in the boot the kernel has no random numbers; the clock is different then, too. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = TEND__OS(clock)();
	return seed;
}

void TEND__OS(futex_wait)(const void *word, uint32_t value, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	struct timespec at = {(time_t)(deadline / TEND_SEC), (long)(deadline % TEND_SEC)};

	/* FUTEX_WAIT_BITSET takes an absolute time; FUTEX_WAIT a relative one. */
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
	        deadline == TEND_FOREVER ? NULL : &at, NULL, FUTEX_BITSET_MATCH_ANY);
}

void TEND__OS(futex_wake)(const void *word, int n)
{
	TEND__KEEPS_ERRNO;
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}
