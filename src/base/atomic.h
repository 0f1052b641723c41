/* base/atomic.h - every atomic operation of the core.
 *
 * In the simulator's build (TEND_SIM) each operation is a step at which a different virtual
 * thread may go on, so the explorer cannot see an operation that bypasses this file. The
 * order is in the name; the comment at the call names the partner. There is no fence here,
 * and the core must not use fences, because TSan cannot see them. */
#ifndef TEND_BASE_ATOMIC_H
#define TEND_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef TEND_SIM
void tend__step(void);
#else
static inline void tend__step(void) {}
#endif

#define tend__load_relaxed(p) (tend__step(), atomic_load_explicit((p), memory_order_relaxed))
#define tend__load_acquire(p) (tend__step(), atomic_load_explicit((p), memory_order_acquire))
#define tend__load(p)         (tend__step(), atomic_load_explicit((p), memory_order_seq_cst))

/* For assertions: relaxed, and no step, because a look that can only stop the program is no
 * step of a protocol. */
#define tend__peek(p) atomic_load_explicit((p), memory_order_relaxed)

#define tend__store_relaxed(p, v) \
	(tend__step(), atomic_store_explicit((p), (v), memory_order_relaxed))
#define tend__store_release(p, v) \
	(tend__step(), atomic_store_explicit((p), (v), memory_order_release))
#define tend__store(p, v) (tend__step(), atomic_store_explicit((p), (v), memory_order_seq_cst))

#define tend__exchange(p, v) \
	(tend__step(), atomic_exchange_explicit((p), (v), memory_order_seq_cst))
#define tend__exchange_acq_rel(p, v) \
	(tend__step(), atomic_exchange_explicit((p), (v), memory_order_acq_rel))
#define tend__add(p, v) (tend__step(), atomic_fetch_add_explicit((p), (v), memory_order_seq_cst))
#define tend__add_relaxed(p, v) \
	(tend__step(), atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define tend__or(p, v) (tend__step(), atomic_fetch_or_explicit((p), (v), memory_order_seq_cst))

/* Returns true if *p was *old and is now v; else *old becomes the value of *p. */
#define tend__cas(p, old, v) \
	(tend__step(), atomic_compare_exchange_strong_explicit( \
			       (p), (old), (v), memory_order_seq_cst, memory_order_seq_cst))
#define tend__cas_acq_rel(p, old, v) \
	(tend__step(), atomic_compare_exchange_strong_explicit( \
			       (p), (old), (v), memory_order_acq_rel, memory_order_acquire))
#define tend__cas_weak_acq_rel(p, old, v) \
	(tend__step(), atomic_compare_exchange_weak_explicit( \
			       (p), (old), (v), memory_order_acq_rel, memory_order_acquire))

#if defined(__x86_64__)
#define tend__pause() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define tend__pause() __asm__ volatile("yield")
#else
#define tend__pause() ((void)0)
#endif

/* Keeps the compiler from moving loads over stores; the processor may still move them. For
 * the fast sides of protocols whose slow side calls tend__barrier(). */
#define tend__compiler_barrier() atomic_signal_fence(memory_order_seq_cst)

#endif
