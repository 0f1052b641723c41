/* open/open.c - opens and closes a runtime: every folder before this has its part. */
#include "kinds/kinds.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/monitor.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Slots are numbered in 24 bits, and a scope counts in as many. Beside the live tasks there
 * are, for each worker, slots that the worker keeps free, ended tasks that still count in
 * their scope (a round), and places taken ahead (64). */
enum { TASKS_MAX = 14 << 20 };
_Static_assert(2 + TASKS_MAX + TASKS_MAX / 8 + TEND__WORKERS_MAX * (3 * 64 + TEND__ROUND + 64) <
                       TEND__SLOT_MAX,
               "24 bits");

enum {
	FAULTS = TEND_FAULT_HANDLERS | TEND_NO_FAULT_HANDLERS,
	/* The lowest byte that a function writes below its stack pointer: a push below the
	 * red zone. */
	BELOW = 128 + 8,
};

/* Returns on how many CPUs this process may run. */
static uint32_t cpus(void)
{
	cpu_set_t set;
	long n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
	                                                      : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > TEND__WORKERS_MAX ? TEND__WORKERS_MAX : (uint32_t)n;
}

static int check(const struct tend_runtime_opts *o, struct tend_runtime_opts *out)
{
	int error = tend__options(out, sizeof(*out), o);

	if (error)
		return error;
	if (!out->name)
		out->name = program_invocation_short_name;
	if (!out->workers)
		out->workers = cpus();
	if (out->flags & TEND_HOSTED)
		out->workers = 1;
	if (!out->stack_bytes)
		out->stack_bytes = 65536;
	if (!out->tasks_max)
		out->tasks_max = 1 << 20;
	if (!out->restarts_per_s)
		out->restarts_per_s = 1000;
	if (!out->events_max)
		out->events_max = 4096;
	if (out->workers > TEND__WORKERS_MAX || out->tasks_max > TASKS_MAX ||
	    out->stack_bytes < 16384 || out->stack_bytes > (size_t)1 << 30 ||
	    out->events_max > 1 << 20 || out->reserved ||
	    (out->flags & ~(uint32_t)(FAULTS | TEND_HOSTED | TEND_OWN_FLOAT_MODES)) ||
	    (out->flags & FAULTS) == FAULTS)
		return -EINVAL;
	return 0;
}

/* Sets the name of the root. A name from the options must be valid for a task; the name of
 * the program, if it is not, is replaced. */
static int root_name(char out[TEND_NAME_MAX + 1], const char *name, bool given)
{
	size_t n = strnlen(name, TEND_NAME_MAX + 1);

	if (n <= TEND_NAME_MAX && tend__name_valid(name, n)) {
		memcpy(out, name, n + 1);
		return 0;
	}
	memcpy(out, "program", sizeof "program");
	return given ? -EINVAL : 0;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 16;

	tend__assert(n <= 1u << 31);

	while (p < n)
		p *= 2;
	return p;
}

/* Speaks of the overflow of a stack in any case, of another fault only if the runtime of the
 * task has asked for that. An address in the guard is an overflow if the stack pointer is
 * there too; else it is a wild pointer. */
static void say_fault(int signal, uintptr_t address, uintptr_t stack_pointer)
{
	struct tend__task *t = tend__tls.task;
	uint32_t flags = t ? tend__scope_of(t)->rt->flags : TEND_NO_FAULT_HANDLERS;
	char line[256], path[128] = "";
	struct tend__text text = tend__text(line, sizeof(line));
	uintptr_t low, high;
	size_t bytes;

	if (flags & TEND_NO_FAULT_HANDLERS)
		return;
	if (t->stack) {
		low = (uintptr_t)t->stack->low;
		high = low + tend__page_bytes();
		bytes = t->stack->bytes - tend__page_bytes();
	} else
		tend__thread_task_guard(t, &low, &high, &bytes);
	bool overflow = address >= low && address < high && address + BELOW >= stack_pointer;
	if (!overflow && !(flags & TEND_FAULT_HANDLERS))
		return;
	if (tend_path(t->id, path, sizeof(path)) < 0)
		path[0] = 0;
	if (overflow)
		tend__text_f(&text,
		             "tend: stack overflow in task %s (#%llu): its stack is %zu bytes; "
		             "raise %s\n",
		             path, (unsigned long long)t->id, bytes,
		             t->stack ? "stack_bytes" : "ulimit -s");
	else
		tend__text_f(&text, "tend: signal %d in task %s (#%llu) at address %#llx\n", signal,
		             path, (unsigned long long)t->id, (unsigned long long)address);
	if (write(STDERR_FILENO, line, text.n < sizeof(line) ? text.n : sizeof(line) - 1) < 0)
		return;
}

static void free_runtime(tend_runtime *rt)
{
	if (rt->segment.header) {
		tend__root_end(rt);
		tend__root_free(rt);
	}
	if (rt->index != UINT32_MAX)
		tend__runtime_disclaim(rt);
	if (rt->segment.header)
		tend__segment_close(&rt->segment);
	if (rt->tasks)
		tend__unreserve(rt->tasks, rt->slots * sizeof(*rt->tasks));
	if (rt->scopes)
		tend__unreserve((void *)rt->scopes, rt->slots * sizeof(*rt->scopes));
	free(rt->workers);
	tend__free(rt->guard_path);
	free(rt);
}

/* Runtime and workers are laid out in cache lines, which calloc() does not align to. */
static void *aligned(size_t bytes)
{
	void *p = NULL;
#ifdef TEND_SIM
	void *count = tend__alloc(1); /* for the allocation sweep */

	if (!count)
		return NULL;
	tend__free(count);
#endif
	if (posix_memalign(&p, 64, bytes))
		return NULL;
	return memset(p, 0, bytes);
}

static void set_up(tend_runtime *rt, const struct tend_runtime_opts *o)
{
	rt->index = UINT32_MAX;
	rt->flags = o->flags;
	rt->restart_gap_ns = o->restarts_per_s == UINT32_MAX ? 0 : TEND_SEC / o->restarts_per_s;
	rt->gave_up = o->gave_up;
	rt->gave_up_arg = o->gave_up_arg;
	rt->spawn_cleaner = tend__spawn_cleaner;
	rt->supervise = tend__supervise;
	rt->supervise_scope = tend__supervise_scope;
	rt->attempt_begun = tend__attempt_begun;
	rt->stop_members = tend__round_stop_all;
	rt->end_round = tend__round_end;
	rt->workers_count = o->workers;
	rt->slots = tend__slots_for(o->tasks_max, o->workers);
	/* Whole pages, because the lowest page of a stack is its guard. */
	rt->stack_bytes =
		(o->stack_bytes + tend__page_bytes() - 1) / tend__page_bytes() * tend__page_bytes();
	tend__link_init(&rt->empty_waiters);
}

static int reserve(tend_runtime *rt, const struct tend_runtime_opts *o)
{
	rt->tasks = tend__reserve(rt->slots * sizeof(*rt->tasks));
	rt->scopes = tend__reserve(rt->slots * sizeof(*rt->scopes));
	rt->workers = aligned(rt->workers_count * sizeof(*rt->workers));
	if (o->guard_path) {
		rt->guard_path = tend__alloc(strlen(o->guard_path) + 1);
		if (rt->guard_path)
			memcpy(rt->guard_path, o->guard_path, strlen(o->guard_path) + 1);
	}
	bool all = rt->tasks && rt->scopes && rt->workers && (!o->guard_path || rt->guard_path);
	return all ? 0 : -ENOMEM;
}

static int start(tend_runtime *rt, const struct tend_runtime_opts *o)
{
	uint32_t first_generation = 0;
	tend__assert(rt->index == UINT32_MAX);
	int error = tend__runtime_claim(rt, &first_generation);

	if (!error)
		error = tend__segment_open(
			&rt->segment,
			&(struct tend__segment_opts){
				.path = o->registry_path,
				.name = rt->name,
				.runtime = rt->index,
				.first_generation = first_generation,
				.workers = rt->workers_count,
				.tasks_max = o->tasks_max,
				.ring_slots = power_of_two(o->events_max),
				.tasks = rt->tasks,
				.task_bytes = sizeof(struct tend__task),
				.task_stack_at = offsetof(struct tend__task, stack),
				.stack_sp_at = offsetof(struct tend__stack, context.sp),
				.stack_low_at = offsetof(struct tend__stack, low),
				.arch = TEND__SWAP_ARCH,
				.swap_frame = TEND__SWAP_FRAME,
			});
	if (!error)
		error = tend__root_open(rt);
	if (error)
		return error;
	if (!(o->flags & TEND_NO_FAULT_HANDLERS))
		tend__fault_install(o->flags & TEND_FAULT_HANDLERS, say_fault);
	return tend__workers_start(rt);
}

int tend_runtime_open(const struct tend_runtime_opts *opts, tend_runtime **out)
{
	TEND__KEEPS_ERRNO;
	struct tend_runtime_opts o;
	int error = check(opts, &o);

	if (error)
		return error;
	tend_runtime *rt = aligned(sizeof(*rt));
	if (!rt)
		return -ENOMEM;
	set_up(rt, &o);
	error = root_name(rt->name, o.name, opts && opts->name);
	if (!error)
		error = reserve(rt, &o);
	if (!error)
		error = start(rt, &o);
	if (error) {
		free_runtime(rt);
		return error;
	}
	tend__fork_opened();
	if (o.flags & TEND_HOSTED) {
		tend__drive(rt);
		/* The worker begins as after a poll: asleep, so that the first post makes the
		 * descriptor of the runtime readable. */
		tend__add(&rt->sleepers, 1);
		tend__store(&rt->workers[0].sleeping, 1u);
	}
	*out = rt;
	return 0;
}

static void cancel_all(tend_runtime *rt)
{
	struct tend_reason reason = tend__reason(-ECANCELED, "the runtime closes", 0);

	/* A root that was canceled before keeps its first reason. */
	tend__scope_cancel(rt->root, rt->root->id, &reason);
}

/* There is no memory for a report or for force; the runtime can close all the same. Returns
 * 0 or -ETIMEDOUT. */
static int stop_without_memory(tend_runtime *rt, uint64_t deadline, uint64_t where)
{
	tend__scope_flag(rt->root, TEND__SCOPE_CLOSED);
	cancel_all(rt);
	return tend__scope_await(rt->root, rt->root->id, TEND__WAIT_CLOSE, deadline,
	                         TEND__UNCANCELABLE, where);
}

int tend_runtime_close(tend_runtime *rt, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	int error;

	if (!rt)
		return 0;
	if (tend__stale(rt))
		return -ESTALE;
	if (tend__worker_of(rt) || (tend__tls.task && tend__scope_of(tend__tls.task)->rt == rt))
		return -EDEADLK;
	error = tend__shutdown(rt->root, rt->root->id, deadline,
	                       TEND_SHUTDOWN_OPTS(.text = "the runtime closes"),
	                       rt->flags & TEND_HOSTED, TEND__CALLER);
	if (error == -ENOMEM)
		error = stop_without_memory(rt, deadline, TEND__CALLER);
	if (error)
		return error;
	/* Everything has ended. The visitors leave before their scopes end and before the workers,
	 * to which a visitor may post, stop. */
	error = tend__runtime_shut(rt, deadline);
	if (error)
		return error;
	tend__threads_reap(rt, true);
	tend__root_end(rt);
	/* The workers stop before the monitor, because a worker may still be at the end of a task,
	 * where it drops alarms. The parts of the workers go after the monitor, which may still be
	 * waking one for a task that has ended since. */
	tend__workers_stop(rt);
	tend__children_close(rt);
	tend__monitor_stop(rt);
	tend__workers_fini(rt);
	tend__children_free(rt);
	free_runtime(rt);
	return 0;
}

int tend_runtime_fd(const tend_runtime *rt)
{
	if (tend__stale(rt))
		return -ESTALE;
	return rt->flags & TEND_HOSTED ? tend__poller_fd(&rt->workers[0].poller) : -EINVAL;
}

int tend_runtime_poll(tend_runtime *rt, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	if (tend__stale(rt))
		return -ESTALE;
	if (tend__tls.worker)
		return -EDEADLK; /* a fiber would run the loop in which this fiber runs */
	return rt->flags & TEND_HOSTED ? tend__worker_poll(&rt->workers[0], deadline) : -EINVAL;
}
