/* A kernel, or a filter of system calls, that lacks what we would rather use. */
#include "suite.h"

#include "child.h"
#include "take_away.h"

#include "tend/tend.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* How often its thread has slept, which one that polls without end never does. */
static long slept(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static int naps(void *arg)
{
	long before = slept();
	int error = tend_sleep_until(tend_after(20 * TEND_MS));

	*(long *)arg = slept() - before;
	return error;
}

TEST(a_worker_sleeps_where_epoll_pwait2_is_missing)
{
	tend_runtime *rt;
	tend_task t;
	long times = 0;

	if (take_away(SYS_epoll_pwait2))
		return; /* filters are not to be had here */
	ck_assert_int_eq(tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1), &rt), 0);
	ck_assert_int_eq(tend_spawn(tend_root(rt), naps, &times, NULL, &t), 0);
	ck_assert_int_eq(tend_join(t, NULL, TEND_FOREVER), 0);
	ck_assert_int_eq(tend_runtime_close(rt, TEND_FOREVER), 0);
	ck_assert_int_gt(times, 0);
}

static int program_of_many_waits(void)
{
	tend_runtime *rt;
	tend_task t;
	long times = 0;

	if (take_away(SYS_epoll_pwait2))
		return 77; /* filters are not to be had here */
	if (tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1), &rt))
		return 1;
	for (int i = 0; i < 2; i++) {
		if (tend_spawn(tend_root(rt), naps, &times, NULL, &t) ||
		    tend_join(t, NULL, TEND_FOREVER))
			return 2;
		if (i == 0 && forbid(SYS_epoll_pwait2))
			return 77;
	}
	return tend_runtime_close(rt, TEND_FOREVER) ? 3 : 0;
}

/* Valgrind warns of each such call. */
TEST(that_epoll_pwait2_is_missing_is_remembered)
{
	char out[256];
	int status = in_child(program_of_many_waits, out, sizeof(out));

	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) != 77)
		ANSWERS(WEXITSTATUS(status), 0);
}
