#include "segment/segment.h"

#include "platform/platform.h"

#include "base/alloc.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_MAX = 64 };

static uint64_t align(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

/* Together the workers keep an eighth of the slots. */
static uint32_t keep_max(uint32_t tasks_max, uint32_t workers) { return tasks_max / (8 * workers); }

static uint32_t batch(uint32_t keep)
{
	return keep / 2 > BATCH_MAX ? BATCH_MAX : keep / 2 < 1 ? 1 : keep / 2;
}

uint32_t tend__slots_for(uint32_t tasks_max, uint32_t workers)
{
	uint32_t keep = keep_max(tasks_max, workers);

	/* A worker holds up to 2 * batch + keep slots, see tend__slot_give(), and `keep`
	 * may exceed keep_max by a batch, see tend__slot_fetch(). */
	return 2 + tasks_max + workers * (keep + 3 * batch(keep));
}

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
	s->keep_max = keep_max(tasks_max, workers);
	s->batch = batch(s->keep_max);
	s->next_free = tend__reserve((size_t)records_max * sizeof(*s->next_free));
	s->sites = tend__alloc(TEND__SITE_KEYS * sizeof(*s->sites));
	s->path = path ? tend__alloc(strlen(path) + 1) : NULL;
	if (path && s->path)
		memcpy(s->path, path, strlen(path) + 1);
	void *p = NULL;
	bool all = s->next_free && s->sites && (!path || s->path);
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
	if (s->next_free)
		tend__unreserve(s->next_free, (size_t)records_max * sizeof(*s->next_free));
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
	tend__unreserve(s->next_free, (size_t)records_max * sizeof(*s->next_free));
	tend__free(s->sites);
	tend__free(s->path);
}

void tend__segment_forked(struct tend__segment *s)
{
	if (s->header)
		tend__segment_forget(s->fd);
}

int tend__rings_use(struct tend__segment *s)
{
	struct tend__header *h = s->header;
	int error = 0;

	tend__lock(&s->lock);
	if (!s->rings_usable)
		error = tend__segment_use(h, h->rings_at, h->records_at, s->fd, s->path);
	s->rings_usable |= !error;
	tend__unlock(&s->lock);
	return error;
}

/* Makes slots up to `end` fit to be written: many at once, because each step is a call of the
 * kernel. Returns the end, which is lower than `end` where memory or disk ran out. */
static uint32_t use_slots(struct tend__segment *s, uint32_t end) TEND_REQUIRES(&s->lock)
{
	struct tend__header *h = s->header;
	enum { STEP = 8192 };
	uint32_t from = s->usable, to = (end + STEP - 1) / STEP * STEP;

	tend__assert_held(&s->lock);
	if (end <= s->usable)
		return end;
	to = to < h->records_max ? to : h->records_max;
	/* On a full disk, as many as are wanted now. */
	for (; to >= end; to = to > end ? end : 0)
		if (tend__segment_use(h, h->records_at + from * sizeof(struct tend__record),
		                      h->records_at + to * sizeof(struct tend__record), s->fd,
		                      s->path) == 0) {
			s->usable = to;
			return end;
		}
	return s->usable;
}

/* Takes up to n slots, as a list in next_free: first shared free slots, then slots that
 * were never used. Returns how many. */
static uint32_t take_batch(struct tend__segment *s, uint32_t n, uint32_t *first)
{
	uint32_t got = 0, head = 0;

	tend__lock(&s->lock);
	while (got < n && s->free) {
		uint32_t slot = s->free;

		tend__assert(slot < s->header->records_max);
		s->free = s->next_free[slot];
		s->next_free[slot] = head;
		head = slot;
		got++;
	}
	if (got < n) {
		/* Relaxed: written under this lock only; readers bound the number themselves. */
		uint32_t used = tend__load_relaxed(&s->header->records_used);

		uint32_t end = used + (n - got) < s->header->records_max ? used + (n - got)
		                                                         : s->header->records_max;

		tend__assert(used > 0 && used <= end);
		end = use_slots(s, end);
		end = end < used ? used : end;
		for (uint32_t slot = end; slot > used; slot--) {
			/* Relaxed: readers look no further than records_used. */
			tend__store_relaxed(&tend__record_at(s->header, slot - 1)->word,
			                    (uint64_t)s->first_generation << 32);
			s->next_free[slot - 1] = head;
			head = slot - 1;
			got++;
		}
		/* Release: the words of the records below `end` say free. */
		tend__store_release(&s->header->records_used, end);
	}
	tend__unlock(&s->lock);
	tend__assert(got <= n && (got > 0) == (head != 0));
	*first = head;
	return got;
}

__attribute__((noinline)) uint32_t tend__slot_fetch(struct tend__segment *s,
                                                    struct tend__slots *cache)
{
	struct tend__slots one = {0};

	if (!cache)
		cache = &one;
	tend__assert(!cache->first && !cache->count);
	cache->count = take_batch(s, cache == &one ? 1 : s->batch, &cache->first);
	if (cache->keep < s->keep_max)
		cache->keep += cache->count;
	uint32_t slot = cache->first;
	if (slot) {
		cache->first = s->next_free[slot];
		cache->count--;
	}
	return slot;
}

__attribute__((noinline)) void tend__slot_share(struct tend__segment *s, struct tend__slots *cache,
                                                uint32_t slot)
{
	tend__assert(slot > 0 && slot < s->header->records_max);
	tend__assert(!cache || cache->count > 2 * s->batch);
	tend__lock(&s->lock);
	if (!cache) {
		s->next_free[slot] = s->free;
		s->free = slot;
	}
	/* A worker that ends tasks which another worker has spawned collects free slots:
	 * two batches flow back. */
	for (uint32_t i = 0; cache && i < 2 * s->batch; i++) {
		uint32_t moved = cache->first;

		tend__assert(moved);
		cache->first = s->next_free[moved];
		s->next_free[moved] = s->free;
		s->free = moved;
	}
	tend__unlock(&s->lock);
	if (cache)
		cache->count -= 2 * s->batch;
}

/* Interns a literal under the lock. Returns its index, or 0, "?", if the table is full. */
__attribute__((noinline, cold)) uint32_t tend__site_add(struct tend__segment *s,
                                                        const char *literal)
{
	uint32_t i = tend__site_hash(literal);
	size_t n = strlen(literal);

	tend__lock(&s->lock);
	/* Relaxed: the table is written under this lock only. */
	while (tend__load_relaxed(&s->sites[i].literal) &&
	       tend__load_relaxed(&s->sites[i].literal) != literal)
		i = (i + 1) % TEND__SITE_KEYS;
	uint32_t site = tend__load_relaxed(&s->sites[i].site);
	if (!tend__load_relaxed(&s->sites[i].literal)) {
		site = tend__load_relaxed(&s->header->sites_used);
		if (site == TEND__SITES_MAX)
			site = 0;
		else {
			/* The end of a long path says more than the beginning. */
			size_t skip = n < TEND__SITE_BYTES ? 0 : n - (TEND__SITE_BYTES - 1);

			tend__assert(site > 0 && site < TEND__SITES_MAX);
			memcpy(tend__site_at(s->header, site), literal + skip, n - skip + 1);
			/* Release: a reader that sees the count sees the text. */
			tend__store_release(&s->header->sites_used, site + 1);
			tend__store_relaxed(&s->sites[i].site, site);
			/* Release: pairs with the acquire in tend__site(). */
			tend__store_release(&s->sites[i].literal, literal);
		}
	}
	tend__unlock(&s->lock);
	return site;
}

bool tend__name_take(uint64_t words[6], const char *name)
{
	size_t n = strnlen(name, TEND_NAME_MAX + 1);

	if (!tend__name_valid(name, n))
		return false;
	tend__name_pack(words, name, n);
	return true;
}

/* Called by the worker of the ring, or under the segment's lock for the last ring. */
static void write_event(struct tend__header *h, uint32_t ring, struct tend__record *r,
                        const struct tend__event *event)
{
	struct tend__ring *to = tend__ring_at(h, ring);
	/* Relaxed: the kind of a live record does not change. */
	uint32_t kind = tend__load_relaxed(&r->site_kind) & 0xff;
	uint64_t number = tend__add(&h->events, 1) + 1; /* after what the event tells of */
	/* Relaxed: a ring has a single writer at a time. */
	uint64_t head = tend__load_relaxed(&to->head);
	struct tend__event_slot *e = &tend__ring_slots(to)[head % h->ring_slots];

	tend__assert(kind && event->type && number);
	/* As with the sequence of a record: the number is 0 while the slot is written, and
	 * stored last (release). The reader loads the number, copies the slot, and compares
	 * the number again. */
	tend__store_relaxed(&e->number, 0);
	tend__store_release(&e->at, event->at);
	tend__store_release(&e->id, event->id);
	tend__store_release(&e->parent, event->parent);
	tend__store_release(&e->bits, event->type | kind << 8 | event->outcome << 16);
	tend__store_release(&e->result, event->result);
	uint64_t name[6];
	tend__name_load(r->name, name);
	tend__name_store(e->name, name);
	/* Relaxed: a hint; the event of an attempt is written while the attempt stands. */
	tend__store_release(&e->attempt, tend__load_relaxed(&r->attempt));
	tend__store_release(&e->error, event->error);
	tend__store_release(&e->delay, event->delay);
	tend__store_release(&e->number, number);
	tend__store_release(&to->head, head + 1);
	/* Relaxed: a hint for readers, the last event of the record. */
	tend__store_relaxed(&r->event, number);
}

__attribute__((noinline)) void tend__event_emit(struct tend__segment *s, uint32_t ring,
                                                struct tend__record *r,
                                                const struct tend__event *event)
{
	struct tend__header *h = s->header;

	if (ring < h->workers) {
		write_event(h, ring, r, event);
		return;
	}
	tend__assert(ring == h->workers);
	tend__lock(&s->lock);
	write_event(h, ring, r, event);
	tend__unlock(&s->lock);
}
