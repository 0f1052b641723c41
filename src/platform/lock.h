/* platform/lock.h - the only kind of lock, with annotations that clang 19 checks.
 *
 * A futex lock over atomic.h, so that the simulator sees every step. To unlock is a plain
 * store: a locked instruction is 6 ns, a tenth of what a spawn costs, and a task takes
 * some locks that are never contended. So a thread that has to sleep for a lock says so
 * in a counter, has all threads of the process pass a barrier, and looks again (the
 * asymmetric Dekker of Dice, Huang & Yang 2001, "Asymmetric Dekker Synchronization").
 * The counters lie apart, because the memory of an unlocked lock may be freed.
 *
 * No lock is held across a wait or a callback of the program. All locks of src/, an outer
 * lock before those that may be taken under it:
 *
 *   children_lock   runtime   the link to the guard, made once               (leaf)
 *   tree            runtime   shape of the scope tree, owners, flags         > stripes[],
 *                                          home.lock, monitor.lock, bells[], segment.lock
 *   stripes[]       runtime   what handles reach of a task: extra, joiners   > home.lock,
 *                           children.lock, told_lock, bells[], event.lock, segment.lock
 *   home.lock       scope     the cancel list, kept outcomes, waiters, the
 *                             first error, an operation of a shutdown        > told_lock,
 *                  monitor.lock, outside_lock, batches_lock, bells[], event.lock, segment.lock
 *   children.lock   process   the guard's socket, phases, the live list      > told_lock,
 *                        outside_lock, batches_lock, monitor.lock, bells[], segment.lock
 *   bells[]         runtime   the watches of changes                         > event.lock
 *   told_lock       process   the processes that a cancel has reached        (leaf)
 *   starter_lock    process   the thread that starts a guard                 (leaf)
 *   event.lock      event     waiters, set                                   (leaf)
 *   channel.lock    channel   items, waiters                                 (leaf)
 *   empty_lock      runtime   waiters for the end of a path                  (leaf)
 *   outside_lock    runtime   tasks spawned by no worker                     (leaf)
 *   batches_lock    worker    fresh tasks for which the ring had no room     (leaf)
 *   threads_lock    runtime   threads that have ended, to be joined          (leaf)
 *   sleepers_lock   io/fd.c   threads that wait for descriptors              (leaf)
 *   fault           fault.c   which handlers are installed                   (leaf)
 *   table           table.c   the runtimes that are open, by number, and the
 *                             closes that wait for visitors                  (leaf)
 *   monitor_lock    runtime   the start of the monitor                       > monitor.lock
 *   monitor.lock    monitor   alarms, errands, watches                       (leaf)
 *   segment.lock    segment   free slots, notes, sites, modules, the ring
 *                             of no worker                                   (leaf)
 *
 * Two locks of a row are never held together. A waiter is notified under the lock of the
 * object, because a post needs no lock. */
#ifndef TEND_PLATFORM_LOCK_H
#define TEND_PLATFORM_LOCK_H

#include "base/atomic.h"
#include "base/error.h"
#include "platform/platform.h"

#if defined(__clang__) && __clang_major__ >= 19 && !defined(TEND_SIM)
#define TEND_TS(x) __attribute__((x))
#else
#define TEND_TS(x)
#endif
#define TEND_GUARDED_BY(m)     TEND_TS(guarded_by(m))
#define TEND_REQUIRES(m)       TEND_TS(requires_capability(m))
#define TEND_EXCLUDES(m)       TEND_TS(locks_excluded(m))
#define TEND_ACQUIRE(m)        TEND_TS(acquire_capability(m))
#define TEND_RELEASE(m)        TEND_TS(release_capability(m))
#define TEND_TRY_ACQUIRE(v, m) TEND_TS(try_acquire_capability(v, m)) /* if the call returns v */
#define TEND_ASSERTS(m)        TEND_TS(assert_capability(m))
/* The body is not checked; a comment beside it says why. */
#define TEND_UNCHECKED TEND_TS(no_thread_safety_analysis)

struct TEND_TS(capability("lock")) tend__lock {
	_Atomic uint32_t word; /* 0 free, 1 held */
};

void tend__lock_slow(struct tend__lock *l);

/* How many threads sleep for the locks of this counter; some wake in vain. */
#ifdef TEND_SIM
enum { TEND__LOCK_COUNTERS = 1 }; /* a trace must not depend on addresses */
#else
enum { TEND__LOCK_COUNTERS = 256 };
#endif
extern _Atomic uint32_t tend__lock_sleepers[TEND__LOCK_COUNTERS];
static inline _Atomic uint32_t *tend__lock_sleepers_of(const struct tend__lock *l)
{
	return &tend__lock_sleepers[(uintptr_t)l / 64 % TEND__LOCK_COUNTERS];
}

/* In the build whose switches order nothing for TSan (platform/context/context.c), the order that
 * a lock makes is said by hand, because TSan does not see the atomics of that build. */
#ifdef TEND_TSAN_FIBERS
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define TEND__EDGE_ACQUIRE(p) __tsan_acquire(p)
#define TEND__EDGE_RELEASE(p) __tsan_release(p)
#else
#define TEND__EDGE_ACQUIRE(p) ((void)(p))
#define TEND__EDGE_RELEASE(p) ((void)(p))
#endif

/* Some thread holds the lock; which thread is not known. */
static inline void tend__assert_held(const struct tend__lock *l) TEND_ASSERTS(l)
{
	tend__assert(tend__peek(&l->word) != 0);
}

/* The analysis takes the annotations of these two on trust. */
static inline void tend__lock(struct tend__lock *l) TEND_ACQUIRE(l) TEND_UNCHECKED
{
	uint32_t free = 0;

	/* Acquires what tend__unlock() released. */
	if (!tend__cas_acq_rel(&l->word, &free, 1u))
		tend__lock_slow(l);
	TEND__EDGE_ACQUIRE(l);
}

static inline void tend__unlock(struct tend__lock *l) TEND_RELEASE(l) TEND_UNCHECKED
{
	/* After the store the memory may belong to another object; the wake only names the
	 * address. */
	const _Atomic uint32_t *sleepers = tend__lock_sleepers_of(l);

	TEND__EDGE_RELEASE(l);
	/* Releases to the next tend__lock(). In this order for the compiler only; the
	 * processor's is made by tend__barrier() in tend__lock_slow(). */
	tend__store_release(&l->word, 0u);
	tend__compiler_barrier();
	if (tend__load_relaxed(sleepers))
		tend__futex_wake(&l->word, 1);
}

#endif
