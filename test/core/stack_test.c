/* A task finds on its thread and on its stack what belongs there. */
#include "suite.h"

#include "child.h"

#include "tend/tend.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

static tend_runtime *open_runtime(uint32_t flags)
{
	tend_runtime *rt;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1, .flags = flags),
	                          &rt),
	        0);
	return rt;
}

static void close_runtime(tend_runtime *rt)
{
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}

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
	tend_runtime *rt = open_runtime(0);
	run(rt, _i, read_mask, &mask);
	close_runtime(rt);
	for (int signal = 1; signal < SIGRTMIN; signal++)
		ck_assert_msg(sigismember(&mask, signal) == (signal == SIGUSR1), "%d", signal);
	ANSWERS(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	ck_assert(sigismember(&mask, SIGSYS) == 1); /* the caller's is as it was */
	ANSWERS(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
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
	tend_runtime *rt = open_runtime(0);
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
	for (;; guard += 4096)
		sink = *(volatile char *)guard;
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
	tend_runtime *rt = open_runtime(flags | (kind == HOSTED_FIBER ? TEND_HOSTED : 0));
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
