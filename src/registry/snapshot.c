/* registry/snapshot.c - reading the segment.
 *
 * The writers go on meanwhile, or were stopped in the middle, or the memory is
 * another process's and hostile: what the header says is copied before it is
 * checked, every index is bounded, every walk ends, a record is read again while
 * it changes and at last shown as torn. */
#include "registry/snapshot.h"

#include "base/alloc.h"
#include "base/text.h"
#include "platform/platform.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { RETRIES = 16, LARGE = 4 << 20 };

/* ---- What may be read ---- */

/* The header up to what changes, in memory of ours. */
static bool copy_header(const struct tend__header *h, size_t bytes, struct tend__header *out)
{
	if (bytes < sizeof *h)
		return false;
	memcpy(out, h, offsetof(struct tend__header, records_used));
	return memcmp(out->magic, TEND__MAGIC, sizeof out->magic) == 0 && out->abi == TEND__ABI &&
	       out->header_bytes == sizeof *h && out->bytes <= bytes;
}

static bool valid(const struct tend__header *h)
{
	uint64_t rings;

	if (h->rings > TEND__RINGS_MAX || h->ring_slots > 1 << 24 ||
	    h->records_max > TEND__SLOT_MAX)
		return false;
	rings = h->rings * tend__ring_bytes(h);
	return h->sites_at % 8 == 0 && h->rings_at % 8 == 0 && h->records_at % 8 == 0 &&
	       h->sites_at >= sizeof *h && h->sites_at <= h->rings_at &&
	       h->rings_at <= h->records_at && h->records_at <= h->bytes &&
	       h->rings_at - h->sites_at >= (uint64_t)TEND__SITES_MAX * TEND__SITE_BYTES &&
	       h->records_at - h->rings_at >= rings &&
	       h->bytes - h->records_at >= (uint64_t)h->records_max * sizeof(struct tend__record);
}

/* ---- Records ---- */

/* A task's word is all of it; the count of a scope may move. */
static bool same_word(uint64_t a, uint64_t b, uint32_t kind)
{
	const uint64_t count = UINT32_MAX - (uint32_t)(TEND__SCOPE_ONE - 1);
	uint64_t differ = a ^ b;

	return (kind == TEND_KIND_SCOPE ? differ & ~count : differ) == 0;
}

/* One try: true if the record is whole. `moved` says that the word was not the
 * same before and after, and so may not belong to the rest. Partners:
 * segment/layout.h. */
static bool copy_once(struct tend__record *r, struct tend__row *row, bool *moved)
{
	uint32_t seq = tend__load_acquire(&r->seq);
	uint64_t before = tend__load_acquire(&r->word), words[6];

	row->attempt = tend__load_acquire(&r->attempt);
	row->since = tend__load_acquire(&r->since);
	row->object = tend__load_acquire(&r->object);
	row->checkpoints = tend__load_acquire(&r->checkpoints);
	row->pid = tend__load_acquire(&r->pid);
	row->event = tend__load_acquire(&r->event);
	row->result = tend__load_acquire(&r->result);
	row->spawned = tend__load_acquire(&r->spawned);
	row->parent = tend__load_acquire(&r->parent);
	row->site_kind = tend__load_acquire(&r->site_kind);
	tend__name_load(r->name, words);
	tend__name_unpack(words, row->name);
	/* Acquire: before the look at seq, which decides. */
	row->word = tend__load_acquire(&r->word);
	*moved = !same_word(before, row->word, tend__row_kind(row));
	/* Relaxed: the acquires above order it after the copies. */
	return !(seq & 1) && tend__load_relaxed(&r->seq) == seq &&
	       tend__word_generation(before) == tend__word_generation(row->word);
}

/* A name that could not be one is another's writing: it must not reach a
 * terminal, a path or a JSON string as it is. What follows its end is cleared,
 * for those who compare names by words. */
static void make_printable(char text[TEND_NAME_MAX + 1])
{
	size_t n = strlen(text);
	unsigned odd = n == 0;

	memset(text + n, 0, TEND_NAME_MAX + 1 - n);
	for (size_t i = 0; i < n; i++)
		odd |= (unsigned char)text[i] - 0x20u >= 0x5f || text[i] == '/';
	if (!odd || tend__name_valid(text, n))
		return;
	if (!n)
		text[0] = '?';
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f || *c == '/')
			*c = '?';
}

static bool in_use(const struct tend__row *row)
{
	if (tend__row_kind(row) == TEND_KIND_SCOPE)
		return row->word & TEND__SCOPE_LIVE;
	return (row->word & TEND__STATE) != TEND__FREE;
}

/* False if the slot holds nothing. */
static bool copy(struct tend__record *r, uint32_t slot, struct tend__row *row)
{
	bool moved = true;

	if (!(uint32_t)tend__load_relaxed(&r->word))
		return false;
	row->torn = true;
	for (int i = 0; i < RETRIES && (row->torn || moved); i++)
		row->torn = !copy_once(r, row, &moved);
	/* It is going from wait to wait: its state is right, and no wait is shown
	 * rather than one with the object of another. */
	if (moved && tend__row_kind(row) != TEND_KIND_SCOPE)
		row->word &= ~(uint64_t)TEND__WAIT;
	make_printable(row->name);
	row->slot = slot;
	return in_use(row);
}

/* What has ended since it was copied, and whose slot may hold another by now, is
 * copied once more: a scope outlives what is in it, so rows that were all there
 * at one time name their scopes rightly by slot. */
static void copy_again(tend_snapshot *s, struct tend__record *records)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct tend__row *row = &s->rows[i];
		struct tend__record *r = &records[row->slot];

		/* Acquire: what is copied after it is at least as new. */
		if (tend__word_generation(tend__load_acquire(&r->word)) !=
		            tend__word_generation(row->word) &&
		    !copy(r, row->slot, row))
			continue;
		if (kept != i)
			s->rows[kept] = *row;
		s->info.torn += row->torn;
		kept++;
	}
	s->count = kept;
}

/* Rows are by slot when they have just been read. */
static struct tend__row *row_of(const tend_snapshot *s, uint32_t slot)
{
	size_t first = 0, end = s->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (s->rows[middle].slot < slot)
			first = middle + 1;
		else
			end = middle;
	}
	return first < s->count && s->rows[first].slot == slot ? &s->rows[first] : NULL;
}

/* A fiber that runs has no state of its own for that: a switch would cost twice
 * what it does. Its worker says which it is. */
static void mark_running(tend_snapshot *s, struct tend__header *live, const struct tend__header *h)
{
	for (uint32_t i = 0; i < h->workers && i < h->rings; i++) {
		uint64_t offset = h->rings_at + i * tend__ring_bytes(h);
		struct tend__ring *ring = (struct tend__ring *)(void *)((char *)live + offset);
		uint64_t id = tend__load_acquire(&ring->current);
		struct tend__row *row = row_of(s, tend__id_slot(id));

		if (row && tend__row_kind(row) != TEND_KIND_SCOPE &&
		    tend__word_generation(row->word) == tend__id_generation(id) &&
		    (row->word & TEND__STATE) == TEND__READY)
			row->word += TEND__RUNNING - TEND__READY;
	}
}

/* ---- The whole ---- */

void *tend__snapshot_reserve(size_t bytes)
{
	void *p = tend__reserve(bytes);

	/* A page fault for each page of a large one takes longer than to fill it.
	 * Where there are no huge pages, it just takes longer. */
	if (p && bytes >= LARGE)
		madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

static int read_rows(tend_snapshot *s, struct tend__record *records, uint32_t slots)
{
	/* Room for all, memory for those that are there. */
	s->rows_bytes = ((size_t)slots + 1) * sizeof *s->rows;
	s->rows = tend__snapshot_reserve(s->rows_bytes);
	if (!s->rows)
		return -ENOMEM;
	for (uint32_t slot = 1; slot < slots; slot++)
		s->count += copy(&records[slot], slot, &s->rows[s->count]);
	copy_again(s, records);
	s->order = tend__alloc((s->count + 1) * (2 * sizeof(uint32_t) + 1));
	if (!s->order)
		return -ENOMEM;
	s->above = s->order + s->count;
	s->depth = (uint8_t *)(s->above + s->count);
	return tend__snapshot_order(s, slots);
}

/* After the rows: whatever site they name has been written by then. */
static int read_sites(tend_snapshot *s, const char *sites, uint32_t used)
{
	s->sites_count = used < TEND__SITES_MAX ? used : TEND__SITES_MAX;
	s->sites = tend__alloc((size_t)s->sites_count * TEND__SITE_BYTES + 1);
	if (!s->sites)
		return -ENOMEM;
	memcpy(s->sites, sites, (size_t)s->sites_count * TEND__SITE_BYTES);
	return 0;
}

int tend__snapshot_read(const struct tend__header *header, size_t bytes, uint64_t now,
                        tend_snapshot **out)
{
	/* Not const: C11 has no atomic load of what is. */
	struct tend__header *live = (struct tend__header *)(uintptr_t)header, h;
	tend_snapshot *s;
	uint32_t slots;
	int error;

	if (!copy_header(header, bytes, &h) || !valid(&h))
		return -EPROTO;
	s = tend__alloc(sizeof *s);
	if (!s)
		return -ENOMEM;
	s->runtime = h.runtime & 0xff;
	s->info.at = now;
	s->info.pid = h.pid;
	memcpy(s->info.name, h.name, sizeof s->info.name - 1);
	make_printable(s->info.name);
	/* Acquire, both: what was given out before is in the records that follow. */
	s->info.low = tend__load_acquire(&live->events);
	slots = tend__load_acquire(&live->records_used);
	if (slots > h.records_max)
		slots = h.records_max;
	error = read_rows(s, (struct tend__record *)(void *)((char *)live + h.records_at), slots);
	if (!error)
		mark_running(s, live, &h);
	s->info.high = tend__load_acquire(&live->events);
	if (!error)
		error = read_sites(s, (char *)live + h.sites_at,
		                   tend__load_acquire(&live->sites_used));
	if (error) {
		tend_snapshot_free(s);
		return error;
	}
	*out = s;
	return 0;
}

int tend_snapshot_take(const tend_runtime *rt, tend_snapshot **out)
{
	struct tend__header *h = tend__runtime_segment(rt);

	return h ? tend__snapshot_read(h, h->bytes, tend__clock(), out) : -ESTALE;
}

void tend_snapshot_free(tend_snapshot *s)
{
	if (!s)
		return;
	if (s->rows)
		tend__unreserve(s->rows, s->rows_bytes);
	if (s->infos)
		tend__unreserve(s->infos, s->infos_bytes);
	tend__free(s->order);
	tend__free(s->sites);
	tend__free(s);
}

/* ---- The rows ---- */

size_t tend_snapshot_count(const tend_snapshot *s) { return s->count; }
void tend_snapshot_about(const tend_snapshot *s, struct tend_snapshot_info *out) { *out = s->info; }

uint32_t tend_snapshot_depth(const tend_snapshot *s, size_t index)
{
	return s->depth[s->order[index]];
}

/* The most of a path that is shown, from its end: all, or after "...". */
static uint32_t fitting(const tend_snapshot *s, const uint32_t *chain, uint32_t depth)
{
	size_t bytes = strlen(s->rows[chain[0]].name);

	for (uint32_t n = 1; n <= depth; n++) {
		bytes += 1 + strlen(s->rows[chain[n]].name);
		if (bytes + strlen(".../") >= TEND_PATH_MAX)
			return n - 1;
	}
	return depth;
}

size_t tend_snapshot_path(const tend_snapshot *s, size_t index, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);
	uint32_t chain[TEND__TREE_DEPTH], depth = 0, n;

	chain[0] = s->order[index];
	while (s->depth[chain[depth]] > 0) {
		chain[depth + 1] = s->above[chain[depth]];
		depth++;
	}
	n = fitting(s, chain, depth);
	if (n < depth)
		tend__text_bytes(&t, ".../", 4);
	for (;; n--) {
		const char *name = s->rows[chain[n]].name;

		tend__text_bytes(&t, name, strlen(name));
		if (n == 0)
			return t.n;
		tend__text_bytes(&t, "/", 1);
	}
}
