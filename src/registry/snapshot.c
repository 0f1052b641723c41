/* registry/snapshot.c - reading the segment.
 *
 * The writers go on meanwhile, or were stopped in the middle, or the memory is
 * another process's and hostile: every index is bounded, every walk ends, a
 * record is read again while it changes and at last shown as torn. */
#include "registry/snapshot.h"

#include "base/alloc.h"
#include "base/text.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRIES = 16, SLACK = 256 };

static bool valid(const struct tend__header *h, size_t bytes)
{
	uint64_t rings;

	if (bytes < sizeof *h || memcmp(h->magic, TEND__MAGIC, sizeof h->magic) != 0 ||
	    h->abi != TEND__ABI || h->header_bytes != sizeof *h || h->bytes > bytes)
		return false;
	if (h->rings > TEND__RINGS_MAX || h->ring_slots > 1 << 24 || h->records_max > TEND__SLOT_MAX)
		return false;
	rings = h->rings * (sizeof(struct tend__ring) +
	                    (uint64_t)h->ring_slots * sizeof(struct tend__event_slot));
	return h->sites_at % 8 == 0 && h->rings_at % 8 == 0 && h->records_at % 8 == 0 &&
	       h->sites_at >= sizeof *h && h->sites_at <= h->rings_at &&
	       h->rings_at <= h->records_at && h->records_at <= h->bytes &&
	       h->rings_at - h->sites_at >= (uint64_t)TEND__SITES_MAX * TEND__SITE_BYTES &&
	       h->records_at - h->rings_at >= rings &&
	       h->bytes - h->records_at >= (uint64_t)h->records_max * sizeof(struct tend__record);
}

/* One try: true if nothing moved meanwhile. Partners: segment/layout.h. */
static bool copy_once(struct tend__record *r, struct tend__row *row)
{
	uint32_t seq = tend__load_acquire(&r->seq);
	uint64_t words[6];

	row->word = tend__load_acquire(&r->word);
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
	/* Relaxed: the acquires above order them after the copies. */
	return !(seq & 1) && tend__load_relaxed(&r->seq) == seq &&
	       tend__word_generation(tend__load_relaxed(&r->word)) ==
	               tend__word_generation(row->word);
}

/* A name that could not be one is another's writing: it must not reach a
 * terminal, a path or a JSON string as it is. */
static void make_printable(char *text)
{
	size_t n = strlen(text);

	if (tend__name_valid(text, n))
		return;
	if (!n)
		memcpy(text, "?", 2);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f || *c == '/')
			*c = '?';
}

static bool in_use(uint64_t word, uint32_t kind)
{
	if (kind == TEND_KIND_SCOPE)
		return word & TEND__SCOPE_LIVE;
	return (word & TEND__STATE) != TEND__FREE;
}

/* False if the slot holds nothing. */
static bool copy(const struct tend__header *h, uint32_t slot, struct tend__row *row)
{
	struct tend__record *r = tend__record_at((struct tend__header *)(uintptr_t)h, slot);

	if (!(uint32_t)tend__load_relaxed(&r->word))
		return false;
	row->torn = true;
	for (int i = 0; i < RETRIES && row->torn; i++)
		row->torn = !copy_once(r, row);
	make_printable(row->name);
	row->slot = slot;
	return in_use(row->word, row->site_kind & 0xff);
}

/* ---- Order ---- */

struct place {
	uint32_t above, row;
};

static const struct tend__row *sorting; /* qsort() has no argument; guarded by sort_lock */
static struct tend__lock sort_lock;

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	const struct tend__row *r = &sorting[x->row], *s = &sorting[y->row];
	int order;

	if (x->above != y->above)
		return x->above < y->above ? -1 : 1;
	order = strcmp(r->name, s->name);
	if (order)
		return order;
	return tend__id(0, tend__word_generation(r->word), r->slot) <
	                       tend__id(0, tend__word_generation(s->word), s->slot)
	               ? -1
	               : 1;
}

struct order {
	uint32_t *row_of; /* by slot, plus one; 0: none */
	struct place *places;
	uint32_t *first; /* by row: where its children begin among the places */
	uint32_t *stack;
	struct tend__row *out;
	uint32_t *moved; /* by old row: the new one, plus one */
};

static void find_parents(tend_snapshot *s, struct order *o, uint32_t used)
{
	for (uint32_t i = 0; i < s->count; i++)
		o->row_of[s->rows[i].slot] = i + 1;
	for (uint32_t i = 0; i < s->count; i++) {
		struct tend__row *r = &s->rows[i];
		uint32_t above = r->parent < used ? o->row_of[r->parent] : 0;

		r->above = above && r->slot != 1 ? above - 1 : i;
		/* A parent that ended meanwhile, or that is no scope. */
		if (r->slot != 1 &&
		    (!above || (s->rows[r->above].site_kind & 0xff) != TEND_KIND_SCOPE)) {
			r->torn = true;
			r->above = o->row_of[1] ? o->row_of[1] - 1 : i;
		}
		r->canceled = r->above != i &&
		              (s->rows[r->above].word & TEND__SCOPE_CANCELED);
		o->places[i] = (struct place){r->above == i ? UINT32_MAX : r->above, i};
	}
}

/* Parents before children, siblings by name and id. Each row is placed once,
 * so that a circle of parents ends; what hangs in one comes last. */
static void walk(tend_snapshot *s, struct order *o)
{
	uint32_t n = 0, count = (uint32_t)s->count;

	for (uint32_t i = count; i-- > 0;)
		if (o->places[i].above != UINT32_MAX)
			o->first[o->places[i].above] = i + 1;
	for (uint32_t pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < count; i++) {
			uint32_t top = 0;

			if (o->moved[o->places[i].row] || (!pass && o->places[i].above != UINT32_MAX))
				continue;
			o->stack[top++] = i;
			while (top) {
				uint32_t place = o->stack[top - 1], row = o->places[place].row;
				uint32_t above = o->places[place].above;

				if (!o->moved[row]) {
					struct tend__row *to = &o->out[n];

					*to = s->rows[row];
					to->above = above != UINT32_MAX && o->moved[above]
					                    ? o->moved[above] - 1
					                    : n;
					to->torn = to->torn || pass;
					to->depth = to->above == n ? 0 : o->out[to->above].depth + 1;
					o->moved[row] = ++n;
					if (o->first[row]) {
						o->stack[top++] = o->first[row] - 1;
						continue;
					}
				}
				/* Then the sibling that follows, in the same place of the stack. */
				top--;
				if (above != UINT32_MAX && place + 1 < count &&
				    o->places[place + 1].above == above && !o->moved[o->places[place + 1].row])
					o->stack[top++] = place + 1;
			}
		}
}

static void find_followed(tend_snapshot *s)
{
	bool seen[TEND__TREE_DEPTH] = {false};
	uint32_t deepest = 0;

	for (size_t i = s->count; i-- > 0;) {
		uint32_t d = s->rows[i].depth < TEND__TREE_DEPTH ? s->rows[i].depth
		                                                 : TEND__TREE_DEPTH - 1;

		for (uint32_t k = d + 1; k <= deepest; k++)
			seen[k] = false;
		deepest = d;
		s->rows[i].followed = seen[d];
		seen[d] = true;
	}
}

static int sort(tend_snapshot *s, uint32_t used)
{
	size_t n = s->count + 1;
	struct order o = {
		tend__alloc((size_t)used * sizeof(uint32_t) + 8), tend__alloc(n * sizeof(struct place)),
		tend__alloc(n * sizeof(uint32_t)),                tend__alloc(n * sizeof(uint32_t)),
		tend__alloc(n * sizeof(struct tend__row)),        tend__alloc(n * sizeof(uint32_t))};
	int error = -ENOMEM;

	if (o.row_of && o.places && o.first && o.stack && o.out && o.moved) {
		find_parents(s, &o, used);
		tend__lock(&sort_lock);
		sorting = s->rows;
		qsort(o.places, s->count, sizeof *o.places, by_place);
		tend__unlock(&sort_lock);
		walk(s, &o);
		tend__free(s->rows);
		s->rows = o.out;
		o.out = NULL;
		find_followed(s);
		error = 0;
	}
	tend__free(o.row_of);
	tend__free(o.places);
	tend__free(o.first);
	tend__free(o.stack);
	tend__free(o.out);
	tend__free(o.moved);
	return error;
}

/* ---- The whole ---- */

static int read_rows(tend_snapshot *s, const struct tend__header *h, uint32_t used)
{
	size_t room = SLACK;

	for (uint32_t slot = 1; slot < used; slot++)
		room += (uint32_t)tend__load_relaxed(
				&tend__record_at((struct tend__header *)(uintptr_t)h, slot)->word) != 0;
	s->rows = tend__alloc(room * sizeof *s->rows);
	if (!s->rows)
		return -ENOMEM;
	for (uint32_t slot = 1; slot < used && s->count < room; slot++)
		if (copy(h, slot, &s->rows[s->count])) {
			s->info.torn += s->rows[s->count].torn;
			s->count++;
		}
	return 0;
}

int tend__snapshot_read(const struct tend__header *h, size_t bytes, uint64_t now,
                        tend_snapshot **out)
{
	struct tend__header *header = (struct tend__header *)(uintptr_t)h;
	tend_snapshot *s;
	uint32_t used;
	int error;

	if (!valid(h, bytes))
		return -EPROTO;
	s = tend__alloc(sizeof *s);
	if (!s)
		return -ENOMEM;
	used = tend__load_acquire(&header->records_used);
	if (used > h->records_max)
		used = h->records_max;
	s->runtime = h->runtime & 0xff;
	s->info.at = now;
	s->info.pid = h->pid;
	memcpy(s->info.name, h->name, sizeof s->info.name - 1);
	make_printable(s->info.name);
	s->sites_count = tend__load_acquire(&header->sites_used);
	if (s->sites_count > TEND__SITES_MAX)
		s->sites_count = TEND__SITES_MAX;
	s->sites = tend__alloc((size_t)s->sites_count * TEND__SITE_BYTES + 1);
	s->info.low = tend__load_acquire(&header->events);
	error = s->sites ? read_rows(s, h, used) : -ENOMEM;
	s->info.high = tend__load_acquire(&header->events);
	if (!error) {
		memcpy(s->sites, tend__site_at(header, 0), (size_t)s->sites_count * TEND__SITE_BYTES);
		error = sort(s, used);
	}
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
	tend__free(s->rows);
	tend__free(s->infos);
	tend__free(s->sites);
	tend__free(s);
}

size_t tend_snapshot_count(const tend_snapshot *s) { return s->count; }
void tend_snapshot_about(const tend_snapshot *s, struct tend_snapshot_info *out) { *out = s->info; }
uint32_t tend_snapshot_depth(const tend_snapshot *s, size_t index) { return s->rows[index].depth; }

size_t tend_snapshot_path(const tend_snapshot *s, size_t index, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);
	uint32_t depth = s->rows[index].depth;

	/* Without a place to keep the chain: once to each depth, from the top. */
	for (uint32_t d = 0; d <= depth; d++) {
		size_t i = index;

		while (s->rows[i].depth > d)
			i = s->rows[i].above;
		if (d)
			tend__text_bytes(&t, "/", 1);
		tend__text_bytes(&t, s->rows[i].name, strlen(s->rows[i].name));
	}
	return t.n;
}
