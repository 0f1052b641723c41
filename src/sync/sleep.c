/* sync/sleep.c - a wait without an object, which only its deadline or a cancel ends. */
#include "tend/task.h"

#include "runtime/runtime.h"

#include <errno.h>

static inline __attribute__((always_inline)) int sleep_until(uint64_t deadline)
{
	struct tend__outside room;
	int error = tend__check_wait(TEND_FOREVER);

	if (error)
		return error;
	struct tend__waiter w = {.task = tend__self(&room), .where = TEND__CALLER};
	error = tend__wait(NULL, &w, TEND__WAIT_SLEEP, deadline, deadline, 0);
	return error == -ETIMEDOUT ? 0 : error;
}

/* Out of line, because gcc splits a function in two that can be inlined. */
__attribute__((noinline)) int tend_sleep_until(uint64_t deadline) { return sleep_until(deadline); }
int tend_sleep(uint64_t ns) { return sleep_until(tend_after(ns)); }
