#include "base/alloc.h"

#include "base/error.h"

#include <stdlib.h>

#ifdef TEND_SIM
#include "tend/sim.h"

#include "base/atomic.h"

/* Relaxed counters, which order nothing. They bypass atomic.h because they are no step of
 * the protocols that the explorer looks at. */
static _Atomic uint64_t allocs, held, fail_at, fail_forever;

static bool fails(void)
{
	uint64_t n = atomic_fetch_add_explicit(&allocs, 1, memory_order_relaxed) + 1;
	uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);

	return at &&
	       (n == at || (n > at && atomic_load_explicit(&fail_forever, memory_order_relaxed)));
}

void tend_sim_fail_alloc(uint64_t at, int forever)
{
	atomic_store_explicit(&allocs, 0, memory_order_relaxed);
	atomic_store_explicit(&fail_forever, forever != 0, memory_order_relaxed);
	atomic_store_explicit(&fail_at, at, memory_order_relaxed);
}

uint64_t tend_sim_allocs(void) { return atomic_load_explicit(&allocs, memory_order_relaxed); }
uint64_t tend_sim_held(void) { return atomic_load_explicit(&held, memory_order_relaxed); }

void *tend__alloc(size_t bytes)
{
	void *p = fails() ? NULL : calloc(1, bytes);

	if (p)
		atomic_fetch_add_explicit(&held, 1, memory_order_relaxed);
	return p;
}

void tend__free(void *p)
{
	if (p) {
		uint64_t before = atomic_fetch_sub_explicit(&held, 1, memory_order_relaxed);
		tend__assert(before > 0);
	}
	free(p);
}
#else
void *tend__alloc(size_t bytes)
{
	TEND__KEEPS_ERRNO;
	return calloc(1, bytes);
}

void tend__free(void *p) { free(p); }
#endif
