/* A task finds on its thread and on its stack what belongs there. */
#include "suite.h"

#include "child.h"
#include "world.h"

#include "tend/tend.h"

#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs fn(arg) as a fiber or as a thread, to its end. */
static void run(tend_runtime *rt, bool thread, tend_fn *fn, void *arg)
{
	tend_task t;
	struct tend_outcome o;

	ANSWERS(thread ? tend_spawn_thread(tend_root(rt), fn, arg, NULL, &t)
	               : tend_spawn(tend_root(rt), fn, arg, NULL, &t),
	        0);
	ANSWERS(tend_join(t, &o, tend_after(PATIENCE_NS)), 0);
	ANSWERS(o.kind, TEND_COMPLETED);
}

/* ---- Signals ---- */

static int read_mask(void *mask) { return pthread_sigmask(SIG_SETMASK, NULL, mask); }

TEST_EACH(a_task_has_the_mask_of_the_program_but_for_faults, 2)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	sigset_t blocked, before, mask;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigaddset(&blocked, faults[i]);
	ANSWERS(pthread_sigmask(SIG_SETMASK, &blocked, &before), 0);
	tend_runtime *rt = open_runtime(1, 0);
	run(rt, _i, read_mask, &mask);
	close_runtime(rt);
	for (int signal = 1; signal < SIGRTMIN; signal++)
		ck_assert_msg(sigismember(&mask, signal) == (signal == SIGUSR1), "%d", signal);
	ANSWERS(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	ck_assert(sigismember(&mask, SIGSYS) == 1); /* the caller's is as it was */
	ANSWERS(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

/* ---- State of the thread that belongs to a stack ---- */

/* The C++ library has this, one for each thread. Here the test is the C++ library. */
struct exceptions {
	void *caught;
	unsigned uncaught;
};
struct exceptions *__cxa_get_globals(void);
struct exceptions *__cxa_get_globals(void)
{
	static _Thread_local struct exceptions of_thread;

	return &of_thread;
}

enum { FIBERS = 8, ROUNDS = 20 };

/* Behaves as a function that waits in a catch clause does. */
static int catches(void *arg)
{
	ck_assert_ptr_null(__cxa_get_globals()->caught);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		*__cxa_get_globals() = (struct exceptions){arg, i};
		ANSWERS(tend_yield(), 0);
		ck_assert_ptr_eq(__cxa_get_globals()->caught, arg);
		ck_assert_uint_eq(__cxa_get_globals()->uncaught, i);
	}
	*__cxa_get_globals() = (struct exceptions){0};
	return 0;
}

static int panics_in_a_catch(void *arg)
{
	*__cxa_get_globals() = (struct exceptions){arg, 1};
	tend_panic("here");
}

static int finds_no_exception(void *arg)
{
	(void)arg;
	return __cxa_get_globals()->caught ? -EINVAL : 0;
}

/* Spawns fibers that run among each other, and waits for their ends. */
static void run_fibers(tend_runtime *rt, tend_fn *fn)
{
	static char names[FIBERS];
	tend_task t[FIBERS];
	struct tend_outcome o;

	for (int i = 0; i < FIBERS; i++)
		ANSWERS(tend_spawn(tend_root(rt), fn, &names[i], NULL, &t[i]), 0);
	for (int i = 0; i < FIBERS; i++) {
		ANSWERS(tend_join(t[i], &o, tend_after(PATIENCE_NS)), 0);
		ck_assert_msg(o.kind == TEND_COMPLETED, "%s", o.message);
	}
}

TEST(each_fiber_has_its_own_exceptions)
{
	tend_runtime *rt = open_runtime(1, 0);
	tend_task t;

	run_fibers(rt, catches);
	ANSWERS(tend_spawn(tend_root(rt), panics_in_a_catch, &t, NULL, &t), 0);
	ANSWERS(tend_join(t, NULL, tend_after(PATIENCE_NS)), 0);
	run(rt, false, finds_no_exception, NULL);
	close_runtime(rt);
}

static int rounds_in_its_own_way(void *arg)
{
	static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
	int mode = modes[(uintptr_t)arg % 4];

	if (fegetround() != FE_TONEAREST) /* the mode of a fiber before, on this stack */
		return -EINVAL;
	ANSWERS(fesetround(mode), 0);
	for (int i = 0; i < ROUNDS; i++) {
		ANSWERS(tend_yield(), 0);
		if (fegetround() != mode)
			return -EINVAL;
	}
	return 0;
}

TEST(each_fiber_has_its_own_rounding_mode_on_request)
{
	tend_runtime *rt = open_runtime(1, TEND_OWN_FLOAT_MODES);

	run_fibers(rt, rounds_in_its_own_way);
	run_fibers(rt, rounds_in_its_own_way);
	close_runtime(rt);
}

static int rounds_upward(void *arg)
{
	_Atomic int *attempts = arg;

	if (fegetround() != FE_TONEAREST)
		return 0;
	ANSWERS(fesetround(FE_UPWARD), 0);
	return ++*attempts < 100 ? -EIO : 0;
}

TEST(the_next_attempt_begins_with_the_rounding_mode_of_a_fiber)
{
	tend_runtime *rt = open_runtime(1, TEND_OWN_FLOAT_MODES);
	_Atomic int attempts = 0;
	tend_task t;

	ANSWERS(tend_spawn(tend_root(rt), rounds_upward, &attempts,
	                   TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                          .delay_ns = TEND_AT_ONCE)),
	                   &t),
	        0);
	ANSWERS(tend_join(t, NULL, TEND_FOREVER), 0);
	ck_assert_int_eq(attempts, 100);
	close_runtime(rt);
}

/* ---- The driver of a hosted runtime ---- */

static void *close_hosted(void *rt)
{
	ck_assert_int_ge(tend_runtime_poll(rt, 0), 0);
	close_runtime(rt);
	return NULL;
}

/* Returns 0 if the calling thread may wait outside of tasks, and -EDEADLK if it may not. */
static int may_wait(void) { return tend_sleep_until(tend_now()); }

TEST(a_thread_may_wait_again_when_another_drives_its_runtime)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	pthread_t driver;

	ANSWERS(may_wait(), -EDEADLK);
	ANSWERS(pthread_create(&driver, NULL, close_hosted, rt), 0);
	ANSWERS(pthread_join(driver, NULL), 0);
	ANSWERS(may_wait(), 0);
}

TEST(a_thread_that_drives_two_runtimes_drives_one_after_a_close)
{
	tend_runtime *first = open_runtime(1, TEND_HOSTED), *second = open_runtime(1, TEND_HOSTED);

	close_runtime(second);
	ANSWERS(may_wait(), -EDEADLK);
	close_runtime(first);
	ANSWERS(may_wait(), 0);
}

/* ---- The end of a thread ---- */

static pthread_key_t key;
static atomic_int in_destructor, destroyed, may_end;
static tend_task task_in_destructor;

static void destroy(void *arg)
{
	(void)arg;
	task_in_destructor = tend_self();
	in_destructor = 1;
	while (!may_end)
		sched_yield();
	destroyed++;
}

static int leave_value(void *value) { return pthread_setspecific(key, value); }

static int leave_value_and_exit(void *value)
{
	ANSWERS(pthread_setspecific(key, value), 0);
	pthread_exit(NULL);
}

/* A join of the task answers only when no code of the thread runs any more, and the next
 * spawn of a thread does not wait for the destructor. */
TEST_EACH(a_thread_task_ends_after_the_destructors_of_its_thread, 2)
{
	tend_runtime *rt = open_runtime(1, 0);
	struct tend_outcome o;
	tend_task t;

	ANSWERS(pthread_key_create(&key, destroy), 0);
	ANSWERS(tend_spawn_thread(tend_root(rt), _i ? leave_value_and_exit : leave_value, &key,
	                          NULL, &t),
	        0);
	while (!in_destructor)
		sched_yield();
	ANSWERS(tend_join(t, &o, 0), -ETIMEDOUT);
	run(rt, true, read_mask, &(sigset_t){0});
	may_end = 1;
	ANSWERS(tend_join(t, &o, tend_after(PATIENCE_NS)), 0);
	ANSWERS(destroyed, 1);
	ANSWERS(o.kind, _i ? TEND_ABORTED : TEND_COMPLETED);
	ck_assert_uint_eq(task_in_destructor.id, t.id);
	close_runtime(rt);
}

/* ---- Faults ---- */

#ifndef SANITIZED
enum kind { FIBER, HOSTED_FIBER, THREAD };

static volatile int sink;
static int deeper(int n) /* not a tail call, and never ends */
{
	volatile char frame[512];

	frame[0] = (char)n;
	sink = frame[0];
	return n < 0 ? 0 : deeper(n + 1) + frame[0];
}
static int overflow(void *arg)
{
	(void)arg;
	return deeper(1);
}

/* Reads through a pointer into the guard of its own stack, which is below 64 KiB of stack. */
static int wild_pointer(void *arg)
{
	volatile char here = 0;
	volatile char *p = &here;
	uintptr_t guard = ((uintptr_t)p & ~(uintptr_t)4095) - (64 << 10);

	(void)arg;
	for (int pages = 0; pages < 64; pages++)
		sink = *(volatile char *)(guard + (uintptr_t)pages * 4096);
	return -EINVAL;
}

static enum kind kind;
static uint32_t flags;
static tend_fn *body;
static bool own_handler;

static void own(int signal)
{
	static const char line[] = "the program's own\n";

	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(2);
	_exit(100 + signal);
}

static int faulty_program(void)
{
	const struct tend_task_opts *opts = TEND_TASK_OPTS(.name = "deep");
	tend_task t;

	if (own_handler) {
		static char stack[1 << 16];

		sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
		sigaction(SIGSEGV, &(struct sigaction){.sa_handler = own, .sa_flags = SA_ONSTACK},
		          NULL);
	}
	tend_runtime *rt = open_runtime(1, flags | (kind == HOSTED_FIBER ? TEND_HOSTED : 0));
	if (kind == THREAD ? tend_spawn_thread(tend_root(rt), body, NULL, opts, &t)
	                   : tend_spawn(tend_root(rt), body, NULL, opts, &t))
		return 1;
	while (kind == HOSTED_FIBER)
		if (tend_runtime_poll(rt, TEND_FOREVER) < 0)
			return 1;
	return tend_join(t, NULL, TEND_FOREVER);
}

static int fault(enum kind k, uint32_t f, tend_fn *fn, bool own_one, char *out, size_t size)
{
	kind = k;
	flags = f;
	body = fn;
	own_handler = own_one;
	return in_child(faulty_program, out, size);
}

TEST_EACH(a_stack_overflow_names_the_task_and_kills_the_program, 6)
{
	char out[512];
	int status = fault((enum kind)(_i % 3), _i < 3 ? 0 : TEND_FAULT_HANDLERS, overflow, false,
	                   out, sizeof(out));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	ck_assert_ptr_nonnull(strstr(out, "stack overflow in task t/deep"));
}

TEST_EACH(an_overflow_is_not_named_where_the_program_wants_that, 2)
{
	char out[512];
	int status = fault(FIBER, _i ? TEND_NO_FAULT_HANDLERS : 0, overflow, !_i, out, sizeof(out));

	ck_assert_str_eq(out, _i ? "" : "the program's own\n");
	ck_assert(_i ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV
	             : WIFEXITED(status) && WEXITSTATUS(status) == 100 + SIGSEGV);
}

TEST(a_handler_of_the_program_comes_after_the_name_that_it_asked_for)
{
	char out[512];

	(void)fault(FIBER, TEND_FAULT_HANDLERS, overflow, true, out, sizeof(out));
	char *name = strstr(out, "stack overflow in task t/deep");
	ck_assert_ptr_nonnull(name);
	ck_assert_ptr_nonnull(strstr(name, "the program's own"));
}

TEST_EACH(a_wild_pointer_into_a_guard_is_no_overflow, 2)
{
	char out[512];
	int status =
		fault(FIBER, _i ? TEND_FAULT_HANDLERS : 0, wild_pointer, false, out, sizeof(out));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	ck_assert_ptr_null(strstr(out, "overflow"));
	ck_assert(_i ? strstr(out, "signal 11 in task t/deep") != NULL : !*out);
}
#endif
