/* segment/segment.c - the memory of a registry, from its open to its close. */
#include "segment/segment.h"

#include "platform/platform.h"

#include "base/alloc.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static uint64_t align(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

/* Sets the offsets and the size of a segment, whose numbers are there already. */
static void lay_out(struct tend__header *h)
{
	uint64_t page = tend__page_bytes();

	h->sites_at = page;
	h->rings_at = align(h->sites_at + TEND__SITES_MAX * TEND__SITE_BYTES, page);
	h->records_at = align(h->rings_at + h->rings * tend__ring_bytes(h), page);
	h->bytes =
		align(h->records_at + (uint64_t)h->records_max * sizeof(struct tend__record), page);
	tend__assert(sizeof(*h) <= h->sites_at && h->sites_at < h->rings_at &&
	             h->rings_at < h->records_at && h->records_at < h->bytes);
}

/* Writes the header and the site "?" into new memory. Returns 0 or a negative errno value. */
static int begin(struct tend__segment *s, const struct tend__header *h)
{
	struct tend__header *to = s->header;
	int error = tend__segment_use(to, 0, h->rings_at, s->fd, s->path);

	/* Only the heads of the rings, because events are written when somebody subscribes. */
	for (uint32_t i = 0; i < h->rings && !error; i++) {
		uint64_t at = h->rings_at + i * tend__ring_bytes(h);

		error = tend__segment_use(to, at, at + sizeof(struct tend__ring), s->fd, s->path);
	}
	/* A page of records, which is enough to open the root, so that a full disk is told here. */
	if (!error)
		error = tend__segment_use(to, h->records_at, h->records_at + 1, s->fd, s->path);
	if (error)
		return error;
	uint32_t slots = (uint32_t)(tend__page_bytes() / sizeof(struct tend__record));
	tend__lock(&s->lock);
	s->usable = slots < h->records_max ? slots : h->records_max;
	tend__unlock(&s->lock);
	memcpy((char *)to + sizeof(h->magic), (const char *)h + sizeof(h->magic),
	       sizeof(*h) - sizeof(h->magic));
	to->abi = 0;
	memcpy(tend__site_at(to, 0), "?", 2);
	/* Relaxed: no other thread has the segment yet. */
	tend__store_relaxed(&to->sites_used, 1);
	tend__store_relaxed(&to->records_used, 1);
	memcpy(to->magic, h->magic, sizeof(h->magic));
	/* The version last: a reader that finds the version finds the rest. */
	__atomic_store_n(&to->abi, h->abi, __ATOMIC_RELEASE);
	return 0;
}

int tend__segment_open(struct tend__segment *s, const char *path, const char *name,
                       uint32_t runtime, uint32_t first_generation, uint32_t workers,
                       uint32_t tasks_max, uint32_t ring_slots)
{
	const uint32_t records_max = tend__slots_for(tasks_max, workers);
	struct tend__header h = {.magic = TEND__MAGIC,
	                         .abi = TEND__ABI,
	                         .header_bytes = sizeof(h),
	                         .opened = tend__clock(),
	                         .pid = (uint32_t)getpid(),
	                         .runtime = runtime,
	                         .workers = workers,
	                         .records_max = records_max,
	                         .ring_slots = ring_slots,
	                         .rings = workers + 1};

	tend__assert(workers > 0 && h.rings <= TEND__RINGS_MAX);
	tend__assert(records_max <= TEND__SLOT_MAX);
	tend__assert(ring_slots > 0 && (ring_slots & (ring_slots - 1)) == 0);
	lay_out(&h);
	memcpy(h.name, name, strnlen(name, sizeof(h.name) - 1));
	*s = (struct tend__segment){.fd = -1, .first_generation = first_generation};
	s->sites = tend__alloc(TEND__SITE_KEYS * sizeof(*s->sites));
	s->path = path ? tend__alloc(strlen(path) + 1) : NULL;
	if (path && s->path)
		memcpy(s->path, path, strlen(path) + 1);
	void *p = NULL;
	bool all = tend__slots_open(s, tasks_max, workers) && s->sites && (!path || s->path);
	int error = all ? tend__segment_map(path, TEND__MEMFD_NAME, h.magic, h.bytes, &p, &s->fd)
	                : -ENOMEM;
	if (!error) {
		tend__assert(p);
		s->header = p;
		error = begin(s, &h);
		if (!error)
			return 0;
		tend__segment_unmap(p, h.bytes, s->fd, path);
	}
	tend__slots_close(s, records_max);
	tend__free(s->sites);
	tend__free(s->path);
	*s = (struct tend__segment){.fd = -1};
	return error;
}

void tend__segment_close(struct tend__segment *s)
{
	uint32_t records_max = s->header->records_max;

	tend__assert(!tend__load_relaxed(&s->header->closed)); /* relaxed: ours to write */
	/* Release: a reader in another process that sees `closed` sees all writes before. */
	tend__store_release(&s->header->closed, 1);
	tend__segment_unmap(s->header, s->header->bytes, s->fd, s->path);
	tend__slots_close(s, records_max);
	tend__free(s->sites);
	tend__free(s->path);
}

void tend__segment_forked(struct tend__segment *s)
{
	if (s->header)
		tend__segment_forget(s->fd);
}

bool tend__name_take(uint64_t words[6], const char *name)
{
	size_t n = strnlen(name, TEND_NAME_MAX + 1);

	if (!tend__name_valid(name, n))
		return false;
	tend__name_pack(words, name, n);
	return true;
}
