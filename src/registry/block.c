#include "registry/snapshot.h"

#include "base/atomic.h"
#include "base/error.h"
#include "platform/platform.h"

#include <errno.h>
#include <sys/mman.h>

enum { LARGE = 4 << 20, HUGE = 2 << 20, SPARE_MIN = 64 << 10, SPARE_MAX = 64 << 20 };

void *tend__snapshot_reserve(size_t *bytes)
{
	TEND__KEEPS_ERRNO;
	tend__assert(*bytes > 0);
	/* The page faults of a large block take longer than the copy into the block, so the
	 * block asks for huge pages, and is as long as some huge pages. Where the kernel has
	 * none, a snapshot takes longer. */
	if (*bytes >= LARGE)
		*bytes = (*bytes + HUGE - 1) / HUGE * HUGE;
	void *p = tend__reserve(*bytes);
	if (p && *bytes >= LARGE)
		madvise(p, *bytes, MADV_HUGEPAGE);
	return p;
}

/* Returned blocks, each with its size at its start: page faults and clearing of a new
 * block are a third of the time of a snapshot. The kernel may reclaim all pages but the
 * first of such a block. */
static _Atomic(size_t *) spare[2];

static void *take_spare(size_t *bytes)
{
	for (int i = 0; i < 2; i++) {
		size_t *p = tend__exchange(&spare[i], (size_t *)NULL), *none = NULL;

		if (p && *p >= *bytes && *p / 4 < *bytes) {
			*bytes = *p;
			return p;
		}
		if (p && !tend__cas(&spare[i], &none, p))
			tend__unreserve(p, *p);
	}
	return NULL;
}

void *tend__snapshot_borrow(size_t *bytes)
{
	size_t wanted = *bytes;
	void *p = take_spare(bytes);

	tend__assert(*bytes >= wanted);
	return p ? p : tend__snapshot_reserve(bytes);
}

static bool keep(size_t *p, size_t bytes)
{
	if (bytes < SPARE_MIN || bytes > SPARE_MAX)
		return false;
	madvise(p, bytes, MADV_FREE);
	*p = bytes; /* written after MADV_FREE, so this page stays */
	for (int i = 0; i < 2; i++) {
		size_t *none = NULL;

		if (tend__cas(&spare[i], &none, p))
			return true;
	}
	return false;
}

void tend__snapshot_return(void *p, size_t bytes)
{
	if (!keep(p, bytes))
		tend__unreserve(p, bytes);
}
