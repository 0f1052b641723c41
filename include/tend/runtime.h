/* tend/runtime.h - the workers that run tasks, and the root of the tree. */
#ifndef TEND_RUNTIME_H
#define TEND_RUNTIME_H

#include "tend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
	/* SIGSEGV/SIGBUS/SIGILL/SIGFPE name the task; chains. Otherwise only an overflow of the
	   stack of a task is named, and only if the program has no handler of SIGSEGV when it
	   opens the runtime; every fault then takes its course as without tend */
	TEND_FAULT_HANDLERS = 1 << 0,
	TEND_HOSTED = 1 << 1,            /* one worker, driven by tend_runtime_poll() */
	TEND_NO_FAULT_HANDLERS = 1 << 2, /* no overflow is named either */
	/* Each fiber has floating-point modes of its own (fesetround(3), mxcsr), which begin as
	   those of the worker's thread. Otherwise the fibers of a worker share the modes, as they
	   share errno: a fiber sets them back before it waits. Costs 2 to 3 ns a switch */
	TEND_OWN_FLOAT_MODES = 1 << 3,
};

/* Called when a scope gives up that no task owns (tend/supervise.h): there is no function of a
 * task that answers for the failure. The scope is canceled by then, and is there until this
 * returns. On a thread of the runtime; returns, and does not wait. */
struct tend_reason;
typedef void tend_gave_up_fn(tend_scope scope, const struct tend_reason *reason, void *arg);

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_runtime_opts {
	size_t size;               /* size of this struct, set by TEND_RUNTIME_OPTS */
	const char *name;          /* name of the root scope; default: the program's name */
	uint32_t workers;          /* threads that run fibers; default: one per CPU on
	                              which the process may run, at most 64 */
	uint32_t flags;            /* TEND_FAULT_HANDLERS, TEND_HOSTED, ... */
	size_t stack_bytes;        /* stack of a fiber, rounded up to pages; default 64 KiB */
	uint32_t tasks_max;        /* at least this many scopes and tasks fit;
	                              default 1048576, at most 14680064 */
	uint32_t events_max;       /* events kept per worker, rounded up to a power of two;
	                              default 4096 */
	const char *registry_path; /* keep the registry in this 0600 file, which outlives the
	                              process, not the machine; default: a memfd */
	const char *guard_path;    /* tend-guard; default: beside the executable, else installed */
	uint32_t restarts_per_s;   /* restarts after failures are spread over time, so many a
	                              second; default 1000; UINT32_MAX: no limit */
	uint32_t reserved;         /* 0 */
	tend_gave_up_fn *gave_up;  /* NULL: only the line of tend_set_failure_hook() tells */
	void *gave_up_arg;
};
/* A process has at most so many open runtimes. */
#define TEND_RUNTIMES_MAX 255

#define TEND_RUNTIME_OPTS(...) TEND_OPTIONS_(tend_runtime_opts, __VA_ARGS__)

/* Opens a runtime: starts its workers and makes the root scope. A program
 * usually has a single runtime. daemon() and fork() come before; a fork of the
 * program that comes later uses no object of its parent, and may open its own.
 *
 *   opts      NULL for all defaults
 *   out       the runtime
 *   returns   0; -ENOMEM; -EINVAL; -E2BIG; -EAGAIN (threads, or
 *             TEND_RUNTIMES_MAX runtimes are open); -EFBIG (RLIMIT_FSIZE is less
 *             than the registry: some 150 bytes a task); of registry_path: -EBUSY a
 *             live process has that registry, -EEXIST the file is no registry,
 *             -ENOSPC the disk is full, and other errors of creating a file. The
 *             registry of a process that is dead is renamed to PATH.last
 *   owns      *out is the caller's, until tend_runtime_close()
 *   threads   any thread, not a fiber
 *
 * Signals are as with pthread_create(3). Workers begin with the signal mask of the
 * caller, a thread task with the mask of its spawner, and programs that a task
 * starts by system(3) or posix_spawn(3) inherit the mask. So a program blocks what
 * it waits for (sigwait(3), signalfd(2)) before this call. The signals of faults are
 * never blocked. A handler of the program may run on a worker, on the stack of a
 * fiber. */
TEND_API TEND_MUST int tend_runtime_open(const struct tend_runtime_opts *opts, tend_runtime **out);

/* Shuts the root down (tend_shutdown() with no drain) and frees the runtime. A call
 * on a handle of the runtime, by any thread and in any wait, gets its answer before
 * the close returns, and -ESRCH from then on.
 *
 *   rt        NULL does nothing
 *   deadline  for everything below the root, and for the calls under way
 *   returns   0; -EDEADLK from inside the runtime; -ETIMEDOUT if something
 *             survived, or a call has not returned: then the runtime is still
 *             there, closed to new work, and this may be called again; calls on its
 *             handles may have found them ended meanwhile; -ESTALE
 *   owns      frees rt if the answer is 0
 *   threads   any thread, not a task of rt; parks, no cancel ends it */
TEND_API TEND_MUST int tend_runtime_close(tend_runtime *rt, uint64_t deadline);

/* Returns the root scope, the parent of everything in the runtime.
 *
 *   threads   any */
TEND_API tend_scope tend_root(const tend_runtime *rt);

/* Returns the scope of background tasks. A background task is visible and is shut
 * down with the runtime, but lives below no scope of the program: "detached" is a
 * place, not a way out.
 *
 *   threads   any */
TEND_API tend_scope tend_detached(const tend_runtime *rt);

/* For TEND_HOSTED: returns a descriptor. The descriptor polls readable when
 * tend_runtime_poll() has something to do, timers included. Do not read from it.
 *
 *   returns   the descriptor; -EINVAL if rt is not hosted; -ESTALE
 *   owns      the runtime's
 *   threads   any */
TEND_API TEND_MUST int tend_runtime_fd(const tend_runtime *rt);

/* For TEND_HOSTED: runs the ready tasks. If no task is ready, waits for work until
 * the deadline.
 *
 *   deadline  0 runs the ready tasks and returns
 *   returns   the number of times a task was run; -EINVAL if rt is not hosted;
 *             -EDEADLK from a fiber; -ESTALE
 *   threads   one thread at a time, not a task of rt */
TEND_API TEND_MUST int tend_runtime_poll(tend_runtime *rt, uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
