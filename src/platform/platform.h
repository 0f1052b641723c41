/* platform/platform.h - the whole contract with the operating system, without contexts
 * (context.h) and the guard (guard.h).
 *
 * No function changes errno, but for tend__descriptor_keep().
 *
 * The folder linux/ implements the contract. In libtend-sim the same names come from sim/:
 * while a simulation runs sim/ itself answers, otherwise sim/ calls linux/. */
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

/* The state of the calling thread, or virtual thread. Fibers are pinned to their worker, so
 * a fiber may read this again after a switch. */
struct tend__tls {
	struct tend__worker *worker;   /* the worker that this thread is, or NULL */
	struct tend__task *task;       /* the task that runs on this thread, or NULL */
	struct tend__context *context; /* the simulator's: the context that runs */
	struct tend__task *stand_in;   /* the simulator's: a thread that is no task waits by it */
	uint64_t driver;               /* the thread's number once it drives a hosted runtime; 0 */
	int32_t waits_left;            /* for a worker: until the loop has its turn */
};
extern _Thread_local struct tend__tls tend__tls __attribute__((tls_model("initial-exec")));

/* Moves a descriptor of the library away from the numbers that programs take for theirs: away
 * from 0 to 2 in any case, and away from all below 1024, if the limit of the process admits
 * that, unless the descriptor is lent to the program. Closes the original. Returns the
 * descriptor; or -1 with errno set, which `fd` may have been. */
int tend__descriptor_keep(int fd, bool lent);

/* Sleeps while the 32 bits at `word` are `value`, at most until the deadline, or for no
 * reason; wakes up to n sleepers. */
void tend__futex_wait(const void *word, uint32_t value, uint64_t deadline);
void tend__futex_wake(const void *word, int n);
uint64_t tend__clock(void);     /* CLOCK_MONOTONIC, or the virtual clock */
uint64_t tend__clock_utc(void); /* ns since 1970, which somebody may set */
uint64_t tend__seed(void);      /* a first random number; in the simulator its own seed */
/* Writes the id of the boot, by which the clock of another process, which may be dead, can be
 * told from this one; zeros if the kernel does not tell. */
void tend__boot_id(uint8_t out[16]);

/* A file that is loaded into the process: its addresses, how far they are from the addresses in
 * the file, its build-id, or NULL, and its path. */
struct tend__loaded {
	uint64_t base, end, bias;
	const void *id;
	size_t id_bytes;
	const char *path;
};
/* Calls fn for each file. No lock is held that fn takes: the loader holds a lock of its own. */
void tend__modules(void (*fn)(void *arg, const struct tend__loaded *loaded), void *arg);

/* Has every thread of the process that runs pass a full barrier, so that those who must
 * be fast need none. False: the kernel has no such thing. */
bool tend__barrier(void);

struct tend__thread {
	uintptr_t os;
};

/* Starts fn(arg) in a new thread, with the signal mask of the caller but for the signals of
 * faults, which are not blocked. Calls end(arg), unless `end` is NULL, when no code of the
 * program runs in the thread any more, however the thread ends: after fn, and after the
 * destructors of its keys. Returns 0, -EAGAIN or -ENOMEM. */
int tend__thread_start(struct tend__thread *t, const char *name, void (*fn)(void *),
                       void (*end)(void *), void *arg);
void tend__thread_join(struct tend__thread *t);
void tend__thread_yield(void);
int32_t tend__thread_number(void); /* the number in /proc; 0 in a simulation */

/* A poller waits for descriptors, for a deadline and for wake-ups. The worker that has the
 * poller waits; any thread may wake the worker.
 *
 * (c) constant  (w) its worker's  (a) any thread */
struct tend__poller {
	int epoll, wake;        /* (c) */
	int timer;              /* (w) -1 before the first tend__poller_arm() */
	_Atomic uint32_t woken; /* (a) the simulator's */
	uint32_t watched;       /* (w) descriptors, counted by the caller that adds them */
	uint64_t armed;         /* (w) the deadline of the timer; TEND_FOREVER: none */
};
struct tend__ready {
	uint64_t key;
	int events; /* TEND_READABLE, TEND_WRITABLE, TEND__UNUSUAL */
};
enum { TEND__UNUSUAL = 4 }; /* hung up, an error, urgent data */
/* The key of a descriptor, with a number that tells its events from those of an earlier file or
 * watch. The top bit is the poller's own. */
static inline uint64_t tend__key(int fd, uint64_t number)
{
	return (number & INT32_MAX) << 32 | (uint32_t)fd;
}
static inline int tend__key_fd(uint64_t key) { return (int)(uint32_t)key; }
/* `lent`: the program polls the poller's descriptor. */
int tend__poller_init(struct tend__poller *p, bool lent);
void tend__poller_fini(struct tend__poller *p);
/* Reports changes of a descriptor, by edge, with `key`. Returns 0; -EEXIST; -EPERM for a
 * descriptor that is always ready; and other errors of epoll_ctl(2). */
int tend__poller_add(struct tend__poller *p, int fd, uint64_t key);
void tend__poller_del(struct tend__poller *p, int fd);
int tend__poller_wait(struct tend__poller *p, uint64_t deadline, struct tend__ready *out, int max);
void tend__poller_wake(struct tend__poller *p);
/* Returns the descriptor that is readable when a wait would return at once. */
int tend__poller_fd(const struct tend__poller *p);
/* For the loop of a program: the descriptor of the poller becomes readable at the deadline,
 * too. */
void tend__poller_arm(struct tend__poller *p, uint64_t deadline);

/* Returns a poller of the calling thread's own, which lasts as long as the thread; NULL if
 * there is none to be had. A simulation has no such poller. */
struct tend__poller *tend__thread_poller(void);

/* Maps `n` stacks of `bytes` each, side by side. Returns NULL with *error -ENOMEM or, out of
 * mappings, -EAGAIN. */
void *tend__stacks_map(size_t bytes, unsigned n, int *error);
/* Makes the lowest page of a stack its guard, which the stack must have before code runs on
 * the stack. Returns 0, -ENOMEM, or -EAGAIN out of mappings. */
int tend__stack_guard(void *low);
void tend__stacks_unmap(void *low, size_t bytes, unsigned n);
/* Gives the memory of a stack back, except its guard and its top page. */
void tend__stack_trim(void *low, size_t bytes);
size_t tend__page_bytes(void);

/* Reserves address space of zeros, which takes memory when it is touched. Returns NULL if
 * there is none. */
void *tend__reserve(size_t bytes);
void tend__unreserve(void *p, size_t bytes);
/* Takes memory into core dumps, or leaves it out, in whole pages: of reserved memory a core dump
 * has a byte for each byte that is reserved, and not all who write core dumps leave holes. */
void tend__dump(const void *p, size_t bytes, bool wanted);

/* Maps the shared segment, of which nothing may be written before tend__segment_use(): a memfd
 * called `name`, sealed against a change of its size and against writes of other processes; or
 * with a path a 0600 file that begins with the mark. The file is locked as long as this
 * process lives; a file with the mark that nobody has locked is of a dead process, and is
 * renamed to PATH.last. Forked children do not have the mapping. Returns 0 or a negative
 * errno value: -EBUSY if the file is of a live process. */
int tend__segment_map(const char *path, const char *name, const char mark[8], size_t bytes,
                      void **out, int *fd);
/* Gives the bytes from `from` to `to` a place, on the disk of a `file`, so that a store does
 * not fail, and in core dumps. Returns 0 or a negative errno value. */
int tend__segment_use(void *p, size_t from, size_t to, int fd, bool file);
/* Closes the descriptor in a forked child, or the child would keep the lock. */
void tend__segment_forget(int fd);
void tend__segment_unmap(void *p, size_t bytes, int fd, const char *path);

/* Calls fn in the child of a fork(). */
void tend__at_fork(void (*fn)(void));

/* Installs a handler that calls `say`, on an alternative stack, and then does what would have
 * happened without the handler: for SIGSEGV if the program has no handler; with `all`, for
 * SIGSEGV, SIGBUS, SIGILL and SIGFPE in any case. */
typedef void tend__fault_say(int signal, uintptr_t address, uintptr_t stack_pointer);
void tend__fault_install(bool all, tend__fault_say *say);
/* Gives the calling thread an alternative stack until it ends, unless it has one. */
void tend__fault_thread(void);
/* Writes where the guard of the calling thread's stack is, and the size of the stack. */
void tend__thread_guard(uintptr_t *low, uintptr_t *high, size_t *stack_bytes);

/* Tells Valgrind and LeakSanitizer about the memory of a stack in use. */
unsigned tend__stack_announce(void *low, size_t bytes);
void tend__stack_forget(void *low, size_t bytes, unsigned announced);

#ifdef TEND_SIM
/* The number of the simulation that runs, from 1; 0 outside of a simulation. */
uint64_t tend__sim_run(void);
/* Called when no thread of a simulation can go on: writes the waiting tasks to stderr. The
 * runtime's, which knows the tasks. */
extern void (*tend__sim_on_deadlock)(void);
/* The threads of the simulation that wait, from 0 on; NULL after the last. */
const struct tend__tls *tend__sim_waiting(int i);
uint64_t tend__os_clock(void);
uint64_t tend__os_seed(void);
void tend__os_futex_wait(const void *word, uint32_t value, uint64_t deadline);
void tend__os_futex_wake(const void *word, int n);
int tend__os_thread_start(struct tend__thread *t, const char *name, void (*fn)(void *),
                          void (*end)(void *), void *arg);
void tend__os_thread_join(struct tend__thread *t);
void tend__os_thread_yield(void);
int32_t tend__os_thread_number(void);
bool tend__os_barrier(void);
int tend__os_poller_init(struct tend__poller *p, bool lent);
void tend__os_poller_fini(struct tend__poller *p);
int tend__os_poller_wait(struct tend__poller *p, uint64_t deadline, struct tend__ready *out,
                         int max);
void tend__os_poller_wake(struct tend__poller *p);
void tend__os_poller_arm(struct tend__poller *p, uint64_t deadline);
#endif

#endif
