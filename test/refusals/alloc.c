/* The memory of the core, in place of base/alloc.c: the linker takes these two, because
 * the library is an archive. Allocations can be made to fail, and are counted. */
#include "alloc.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_uint_fast64_t held, asked, fails_at;

void *tend__alloc(size_t bytes)
{
	uint64_t at = atomic_load(&fails_at);

	if (at && atomic_fetch_add(&asked, 1) + 1 >= at)
		return NULL;
	void *p = calloc(1, bytes);
	if (p)
		atomic_fetch_add(&held, 1);
	return p;
}

void tend__free(void *p)
{
	if (p)
		atomic_fetch_sub(&held, 1);
	free(p);
}

void alloc_fail(uint64_t at)
{
	atomic_store(&asked, 0);
	atomic_store(&fails_at, at);
}

uint64_t alloc_held(void) { return atomic_load(&held); }
