/* platform/platform.h - the whole contract with the operating system, but for
 * contexts (context.h) and the guard (guard.h).
 *
 * linux/ implements it. In libtend-sim the same names come from sim/, which
 * answers for itself while a simulation runs and passes on to linux/ otherwise. */
#ifndef TEND_PLATFORM_PLATFORM_H
#define TEND_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef TEND_SIM
#define TEND__OS(name) tend__os_##name
#else
#define TEND__OS(name) tend__##name
#endif

/* What a thread, or a virtual thread, knows of itself. Fibers are pinned, so
 * these may be read again after a switch. */
struct tend__tls {
	struct tend__worker *worker;   /* whose loop it runs, or NULL */
	struct tend__task *task;       /* that runs on it, or NULL */
	struct tend__context *context; /* that runs on it: the simulator's */
	bool hosted;                   /* it drives a hosted runtime and must not sleep */
};
extern _Thread_local struct tend__tls tend__tls __attribute__((tls_model("initial-exec")));

/* Sleeps while the 32 bits at `word` are `value`, at most until the deadline, or for no
 * reason; wakes up to n sleepers. */
void tend__futex_wait(const void *word, uint32_t value, uint64_t deadline);
void tend__futex_wake(const void *word, int n);
uint64_t tend__clock(void); /* CLOCK_MONOTONIC, or the virtual clock */
/* Has every thread of the process that runs pass a full barrier, so that those who must
 * be fast need none. False: the kernel has no such thing. */
bool tend__barrier(void);

struct tend__thread {
	uintptr_t os;
};

/* Starts fn(arg) in a thread of its own, with all signals blocked but those of
 * faults. 0, or -EAGAIN. */
int tend__thread_start(struct tend__thread *t, const char *name, void (*fn)(void *), void *arg);
void tend__thread_join(struct tend__thread *t);
void tend__thread_yield(void);
int32_t tend__thread_number(void); /* as /proc names it; 0 in a simulation */

/* Waits for descriptors and for other threads. One thread waits, any wakes. */
struct tend__poller {
	int epoll, wake, timer;
	_Atomic uint32_t woken; /* of the simulator */
	uint32_t watched;       /* descriptors; whoever adds them counts */
	uint64_t armed;         /* what the timer is set to; TEND_FOREVER: nothing */
};
struct tend__ready {
	uint64_t key;
	int events; /* TEND_READABLE, TEND_WRITABLE, TEND__UNUSUAL */
};
enum { TEND__UNUSUAL = 4 }; /* hung up, an error, urgent data */
int tend__poller_init(struct tend__poller *p);
void tend__poller_fini(struct tend__poller *p);
/* Reports changes of a descriptor, by edge, with `key`. 0; -EEXIST, -EPERM for
 * one that is always ready, and others of epoll_ctl(2). */
int tend__poller_add(struct tend__poller *p, int fd, uint64_t key);
void tend__poller_del(struct tend__poller *p, int fd);
int tend__poller_wait(struct tend__poller *p, uint64_t deadline, struct tend__ready *out, int max);
void tend__poller_wake(struct tend__poller *p);
/* Returns the descriptor that is readable when a wait would return at once. */
int tend__poller_fd(const struct tend__poller *p);
/* For a loop that is not ours: the epoll descriptor becomes readable at the
 * deadline too. */
void tend__poller_arm(struct tend__poller *p, uint64_t deadline);

/* Stacks: `n` of `bytes` each, one above the other, the lowest page of each
 * a guard. NULL and *error -ENOMEM or, out of mappings, -EAGAIN. */
void *tend__stacks_map(size_t bytes, unsigned n, int *error);
void tend__stacks_unmap(void *low, size_t bytes, unsigned n);
/* Gives the memory of a stack back, but for its guard and top. */
void tend__stack_trim(void *low, size_t bytes);
size_t tend__page_bytes(void);

/* Address space of zeros that takes memory when touched, not kept in cores or
 * forks; NULL if there is none. */
void *tend__reserve(size_t bytes);
void tend__unreserve(void *p, size_t bytes);

/* The shared segment, sealed against shrinking: a memfd called `name`, or a
 * 0600 file. Not inherited by a fork. 0 or a negative errno value. */
int tend__segment_map(const char *path, const char *name, size_t bytes, void **out, int *fd);
void tend__segment_unmap(void *p, size_t bytes, int fd, const char *path);

/* Calls fn in the child of a fork(). */
void tend__at_fork(void (*fn)(void));

/* Installs handlers for SIGSEGV, SIGBUS, SIGILL and SIGFPE that call `say` with
 * the address, on an alternative stack, and then do what would have been done.
 * The second is for each thread that runs fibers. */
void tend__fault_install(void (*say)(int signal, uintptr_t address));
void tend__fault_thread_begin(void **stack);
void tend__fault_thread_end(void *stack);

/* For Valgrind and LeakSanitizer: memory in which a stack lives. */
unsigned tend__stack_announce(void *low, size_t bytes);
void tend__stack_forget(void *low, size_t bytes, unsigned announced);

#ifdef TEND_SIM
/* The number of the simulation that runs, from 1; 0 outside of a simulation. */
uint64_t tend__sim_run(void);
uint64_t tend__os_clock(void);
void tend__os_futex_wait(const void *word, uint32_t value, uint64_t deadline);
void tend__os_futex_wake(const void *word, int n);
int tend__os_thread_start(struct tend__thread *t, const char *name, void (*fn)(void *), void *arg);
void tend__os_thread_join(struct tend__thread *t);
void tend__os_thread_yield(void);
int32_t tend__os_thread_number(void);
bool tend__os_barrier(void);
int tend__os_poller_init(struct tend__poller *p);
void tend__os_poller_fini(struct tend__poller *p);
int tend__os_poller_wait(struct tend__poller *p, uint64_t deadline, struct tend__ready *out,
                         int max);
void tend__os_poller_wake(struct tend__poller *p);
void tend__os_poller_arm(struct tend__poller *p, uint64_t deadline);
#endif

#endif
