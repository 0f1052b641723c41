/* registry/snapshot.c - reading the segment.
 *
 * The writers go on during a read, or have been stopped in the middle of a write, or the
 * memory belongs to another process and is hostile. Therefore the header is copied before
 * its values are checked, every index is bounded, every walk ends, and a record that
 * changes is read again, a few times, and then shown as torn.
 *
 * No value of the segment is asserted: assertions are about this file's own copies. */
#include "registry/snapshot.h"

#include "base/error.h"
#include "base/text.h"
#include "platform/platform.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <string.h>

enum { TORN = 1, MOVED = 2 }; /* answers of a try */
enum { RETRIES = 16, AHEAD = 16, NAME_WORDS = (TEND_NAME_MAX + 1) / 8 };

/* ---- Records ---- */

/* Returns true if two words of a record belong together: the words of a task are equal,
 * and the words of a scope differ in the count at most. */
static bool same_word(uint64_t a, uint64_t b, uint32_t kind)
{
	const uint64_t count = UINT32_MAX - (uint32_t)(TEND__SCOPE_ONE - 1);
	uint64_t differ = a ^ b;

	return (kind == TEND_KIND_SCOPE ? differ & ~count : differ) == 0;
}

/* The arrays that are filled while rows are read. */
struct reader {
	char *records;
	struct tend__row *rows;
	struct tend__place *places;
	uint32_t *row_of;
	uint64_t *names;
	uint64_t *wheres;
	uint32_t stride;      /* from one record to the next */
	uint32_t slots;       /* slots that may be read */
	uint32_t letters;     /* used words of `names` */
	uint32_t letters_max; /* with room for one more name behind */
};

static inline struct tend__record *record_at(const struct reader *in, uint32_t slot)
{
	return (struct tend__record *)(void *)(in->records + (size_t)slot * in->stride);
}

/* Returns a mask of the bytes of the last word of a name that belong to its n bytes. */
static uint64_t letters_of(size_t n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return ~(UINT64_MAX << n % 8 * 8);
#else
	return ~(UINT64_MAX >> n % 8 * 8);
#endif
}

/* Returns a word with bit 7 set in each byte that is not 0x20 to 0x7e, or is '/'. If there
 * is such a byte, bit 7 may also be set in other bytes. */
static uint64_t unusual(uint64_t word)
{
	const uint64_t ones = UINT64_MAX / 0xff, slash = word ^ ones * '/';

	return word | (word + ones) | (word - ones * ' ') | (slash - ones);
}

/* Copies the words of a name, with zeros after its end. Returns the length; 0 if the name
 * is empty, or has bytes that are not plain. */
static inline __attribute__((always_inline)) size_t copy_name(const _Atomic uint64_t from[6],
                                                              uint64_t *to)
{
	const uint64_t ones = UINT64_MAX / 0xff;
	uint64_t word = tend__load_acquire(&from[5]), letters, odd = 0;
	size_t n = ((unsigned char *)&word)[7];

	if (n > TEND_NAME_MAX)
		n = TEND_NAME_MAX;
	for (size_t i = 0; i < n / 8; i++) {
		word = tend__load_acquire(&from[i]);
		odd |= unusual(word);
		to[i] = word;
	}
	letters = letters_of(n);
	word = tend__load_acquire(&from[n / 8]) & letters;
	odd |= unusual(word | (ones * ' ' & ~letters));
	to[n / 8] = word;
	return odd & ones * 0x80 ? 0 : n;
}

static inline bool has_begun(const struct tend__row *row, uint32_t worker)
{
	return tend__row_kind(row) == TEND_KIND_FIBER ? worker != UINT32_MAX
	                                              : !(row->word & TEND__STARTING);
}

/* Tries to copy a record. Returns 0, or TORN if the record was written during the copy,
 * or MOVED if the word before and after the copy differ, so that the word may not belong
 * to the other fields. Partners: segment/layout.h. */
static inline __attribute__((always_inline)) unsigned copy_once(const struct reader *in,
                                                                struct tend__record *r,
                                                                struct tend__row *row,
                                                                struct tend__place *place,
                                                                uint64_t *where)
{
	uint32_t seq = tend__load_acquire(&r->seq);
	uint64_t before = tend__load_acquire(&r->word), *name = in->names + in->letters;
	unsigned answer = 0;

	row->attempt = tend__load_acquire(&r->attempt);
	row->since = tend__load_acquire(&r->since);
	row->object = tend__load_acquire(&r->object);
	row->checkpoints = tend__load_acquire(&r->checkpoints);
	row->pid = tend__load_acquire(&r->pid);
	row->event = tend__load_acquire(&r->event);
	row->result = tend__load_acquire(&r->result);
	row->spawned = tend__load_acquire(&r->spawned);
	row->site_kind = tend__load_acquire(&r->site_kind);
	uint32_t worker = tend__load_acquire(&r->worker);
	*where = tend__load_acquire(&r->where);
	place->length = (uint8_t)copy_name(r->name, name);
	uint32_t parent = tend__load_acquire(&r->parent);
	place->above = parent;
	/* A scope outlives its tasks: if the word below still has the same generation, this
	 * generation is the scope's. */
	if (parent < in->slots)
		place->generation =
			tend__word_generation(tend__load_acquire(&record_at(in, parent)->word));
	/* Acquire: loaded before seq, which decides. */
	row->word = tend__load_acquire(&r->word);
	if (!same_word(before, row->word, tend__row_kind(row)))
		answer |= MOVED;
	/* Relaxed: the acquires above order this load after the copies. */
	if ((seq & 1) || tend__load_relaxed(&r->seq) != seq ||
	    tend__word_generation(before) != tend__word_generation(row->word))
		answer |= TORN;
	if (tend__row_kind(row) != TEND_KIND_SCOPE)
		row->word = (row->word & ~TEND__ROW_BEGUN) |
		            (has_begun(row, worker) ? TEND__ROW_BEGUN : 0);
	return answer;
}

/* Repeats the try. A function of its own, because the rare case would slow down the usual
 * case. */
__attribute__((noinline, cold)) static unsigned copy_patiently(struct reader in,
                                                               struct tend__record *r,
                                                               struct tend__row *row,
                                                               struct tend__place *place,
                                                               uint64_t *where)
{
	unsigned answer = TORN;

	for (int i = 1; i < RETRIES && answer; i++)
		answer = copy_once(&in, r, row, place, where);
	return answer;
}

/* Makes a name printable: an invalid name was not written by this library, and must not
 * reach a terminal, a path or a JSON string. The name ends with its first zero byte.
 * Returns the length. */
static uint8_t make_printable(char text[TEND_NAME_MAX + 1])
{
	size_t n = strlen(text);

	tend__assert(n <= TEND_NAME_MAX);
	memset(text + n, 0, TEND_NAME_MAX + 1 - n);
	if (tend__name_valid(text, n))
		return (uint8_t)n;
	if (!n)
		text[n++] = '?';
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f || *c == '/')
			*c = '?';
	return (uint8_t)n;
}

/* Copies a slot as row `to`. Returns false if the slot is free. The function is inlined,
 * and copy_patiently() gets the reader by value, so that its fields stay in registers. */
static inline __attribute__((always_inline)) bool copy(struct reader *in, uint32_t slot, size_t to)
{
	struct tend__record *r = record_at(in, slot);
	struct tend__row *row = &in->rows[to];
	struct tend__place *place = &in->places[to];

	if (!(uint32_t)tend__load_relaxed(&r->word))
		return false;
	unsigned answer = copy_once(in, r, row, place, &in->wheres[to]);
	if (answer)
		answer = copy_patiently(*in, r, row, place, &in->wheres[to]);
	place->scope = tend__row_kind(row) == TEND_KIND_SCOPE;
	/* A task that goes from wait to wait: the state is right, and no wait is shown,
	 * because the object may belong to another wait. */
	if ((answer & MOVED) && !place->scope)
		row->word &= ~(uint64_t)TEND__WAIT;
	if (!(row->word & (place->scope ? TEND__SCOPE_LIVE : TEND__STATE)))
		return false;
	row->slot = slot;
	in->row_of[slot] = (uint32_t)to + 1;
	place->torn = answer & TORN;
	place->depth = TEND__ROW_DEPTH_UNKNOWN;
	place->name = in->letters;
	if (!place->length)
		place->length = make_printable((char *)(in->names + in->letters));
	in->letters += place->length / 8u + 1;
	return true;
}

/* Returns true if the slot of the row holds another task or scope by now, or none. */
static bool has_ended(const struct reader *in, const struct tend__row *row)
{
	/* Acquire: fields copied after this load are at least as new. */
	uint64_t word = tend__load_acquire(&record_at(in, row->slot)->word);

	return tend__word_generation(word) != tend__word_generation(row->word) || !(uint32_t)word;
}

/* Returns true if the row is of an ended task whose scope has ended, too: the outcome of
 * the task is being dropped. */
static bool is_dropped(const struct reader *in, const struct tend__row *row,
                       const struct tend__place *place)
{
	if (place->scope || (row->word & TEND__STATE) != TEND__ENDED || place->above >= in->slots)
		return false;
	return !(tend__load_acquire(&record_at(in, place->above)->word) & TEND__SCOPE_LIVE);
}

/* Copies the slots again whose task or scope has ended since they were copied; with `last`
 * outcomes that are being dropped go. */
static void copy_again(tend_snapshot *s, struct reader *in, bool last)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct tend__row *row = &s->rows[i];
		uint32_t slot = row->slot;
		bool ended = has_ended(in, row);

		s->row_of[slot] = 0;
		if (last && is_dropped(in, row, &s->places[i]))
			continue;
		if (ended && (in->letters > in->letters_max || !copy(in, slot, i)))
			continue;
		tend__assert(kept <= i);
		if (kept != i) {
			s->rows[kept] = *row;
			s->places[kept] = s->places[i];
			s->wheres[kept] = s->wheres[i];
		}
		s->row_of[slot] = (uint32_t)++kept;
	}
	s->count = kept;
}

/* Copies the scopes of rows that were opened after the read had passed their slot, and the
 * scopes of these scopes. */
static void copy_scopes(tend_snapshot *s, struct reader *in)
{
	for (size_t i = 0; i < s->count; i++) {
		uint32_t above = s->places[i].above;

		if (above > 0 && above < in->slots && !s->row_of[above] &&
		    in->letters <= in->letters_max)
			s->count += copy(in, above, s->count);
	}
}

/* Marks the running fibers. The word of a running fiber says READY, because a state of its
 * own would double the cost of a switch; each worker publishes the fiber that it runs. */
static void mark_running(tend_snapshot *s, struct tend__header *live,
                         const struct tend__span *rings)
{
	for (uint32_t i = 0; i < rings->count; i++) {
		struct tend__ring *ring = tend__element(live, rings, i);
		uint64_t id = tend__load_acquire(&ring->current);
		uint32_t slot = tend__id_slot(id), in = slot < s->slots ? s->row_of[slot] : 0;
		struct tend__row *row = &s->rows[in ? in - 1 : 0];

		tend__assert(in <= s->count);
		if (in && tend__row_kind(row) != TEND_KIND_SCOPE &&
		    tend__word_generation(row->word) == tend__id_generation(id) &&
		    (row->word & TEND__STATE) == TEND__READY)
			row->word += TEND__RUNNING - TEND__READY;
	}
}

/* ---- The whole ---- */

/* The next `bytes` of a block, in whole cache lines. */
static void *part(uintptr_t *at, size_t bytes)
{
	enum { LINE = 64 };
	void *p = (void *)*at;

	*at += (bytes + LINE - 1) / LINE * LINE;
	return p;
}

/* Gives each array its place in the block at an address. Returns the bytes of the block. */
static size_t lay_out(tend_snapshot *s, uintptr_t block, uint32_t slots, uint32_t facts)
{
	uintptr_t at = block;

	part(&at, sizeof(*s));
	s->sites = part(&at, (size_t)TEND__SITES_MAX * TEND__SITE_BYTES);
	s->modules = part(&at, TEND__MODULES_MAX * sizeof(*s->modules));
	s->words = part(&at, TEND__WORDS_MAX * sizeof(*s->words));
	s->ends = part(&at, TEND__HISTORY_MAX * sizeof(*s->ends));
	s->rows = part(&at, slots * sizeof(*s->rows));
	s->places = part(&at, slots * sizeof(*s->places));
	s->row_of = part(&at, slots * sizeof(*s->row_of));
	s->order = part(&at, slots * sizeof(*s->order));
	s->wheres = part(&at, slots * sizeof(*s->wheres));
	s->facts = part(&at, facts * sizeof(*s->facts));
	s->names = part(&at, ((size_t)slots + 1) * 2 * (TEND_NAME_MAX + 1));
	return at - block;
}

/* One block for everything, because a snapshot of the own process takes no lock that a
 * task could hold, and the lock of malloc() is one: the snapshot, and room for all slots, of
 * which used slots cost memory. There is room for each name twice, because a row may be copied
 * again. */
static tend_snapshot *make_room(uint32_t slots, uint32_t facts)
{
	tend_snapshot none;
	size_t bytes = lay_out(&none, 0, slots, facts);
	tend_snapshot *s = tend__snapshot_borrow(&bytes);

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->bytes = bytes;
	s->facts_max = facts;
	lay_out(s, (uintptr_t)s, slots, facts);
	return s;
}

/* Copies the first `used` slots. With a reader of its own, whose fields stay in registers. */
static void copy_all(tend_snapshot *s, struct reader *reader, uint32_t used)
{
	struct reader in = *reader;
	size_t count = 0;

	for (uint32_t slot = 1; slot < used; slot++) {
		__builtin_prefetch(record_at(&in, slot + AHEAD));
		__builtin_prefetch(&record_at(&in, slot + AHEAD)->spawned);
		count += copy(&in, slot, count);
	}
	s->count = count;
	*reader = in;
}

/* Reads the first `used` of the slots. */
static int read_rows(tend_snapshot *s, char *records, uint32_t stride, uint32_t used,
                     uint32_t slots)
{
	enum { ROUNDS = 8 };
	struct reader in = {.records = records,
	                    .rows = s->rows,
	                    .places = s->places,
	                    .row_of = s->row_of,
	                    .names = s->names,
	                    .wheres = s->wheres,
	                    .stride = stride,
	                    .slots = slots,
	                    .letters_max = 2 * slots * NAME_WORDS};

	memset(s->row_of, 0, used * sizeof(*s->row_of));
	s->slots = used;
	copy_all(s, &in, used);
	tend__assert(s->count < slots || slots == 0);
	tend__assert(in.letters <= in.letters_max);
	int error = tend__snapshot_order(s, used, false);
	if (error != -EAGAIN)
		return error;
	memset(s->row_of + used, 0, (slots - used) * sizeof(*s->row_of));
	s->slots = slots;
	/* Tasks or scopes began or ended during the read. A scope outlives its tasks: either
	 * the scope of a row is there by now, or the row has ended. */
	for (int i = 0; i < ROUNDS && error == -EAGAIN; i++) {
		copy_again(s, &in, false);
		copy_scopes(s, &in);
		error = tend__snapshot_order(s, slots, false);
	}
	if (error != -EAGAIN)
		return error;
	copy_again(s, &in, true);
	return tend__snapshot_order(s, slots, true);
}

/* Called after the rows are copied: every site that a row names has been written. */
static void read_sites(tend_snapshot *s, struct tend__header *live, const struct tend__span *sites)
{
	uint32_t used = tend__load_acquire(&live->sites_used);
	size_t bytes = sites->stride < TEND__SITE_BYTES ? sites->stride : TEND__SITE_BYTES;

	s->sites_count = used < sites->count ? used : (uint32_t)sites->count;
	for (uint32_t i = 0; i < s->sites_count; i++) {
		char *to = s->sites + (size_t)i * TEND__SITE_BYTES;

		memset(to, 0, TEND__SITE_BYTES);
		memcpy(to, tend__element(live, sites, i), bytes);
	}
}

/* Returns the instant of the last round of a worker: of a process that has ended, the last sign of
 * its life. */
static uint64_t last_sign(struct tend__header *live, const struct tend__view *view)
{
	const struct tend__span *rings = &view->area[TEND__AREA_RINGS];
	uint64_t last = view->h.opened;

	if (rings->stride < sizeof(struct tend__ring))
		return last;
	for (uint32_t i = 0; i < rings->count; i++) {
		struct tend__ring *ring = tend__element(live, rings, i);
		uint64_t at = tend__load_acquire(&ring->round_at);

		last = at > last ? at : last;
	}
	return last;
}

int tend__snapshot_copy(struct tend__header *live, const struct tend__view *view, uint64_t now,
                        tend_snapshot **out)
{
	const struct tend__span *records = &view->area[TEND__AREA_RECORDS];
	/* Acquire, all: the records that are read below are at least as new. */
	uint64_t low = tend__load_acquire(&live->events);
	uint32_t used = tend__load_acquire(&live->records_used);

	tend__assert(records->count <= TEND__SLOT_MAX);
	if (used > records->count)
		used = (uint32_t)records->count;
	/* A scope that is opened during the read may get a slot that was never used. */
	uint32_t more = used / 8 + 1024, left = (uint32_t)records->count - used;
	uint32_t slots = used + (more < left ? more : left);
	/* As many notes as were ever used; those of a record are few. */
	uint32_t notes = tend__load_acquire(&live->notes_used);
	if (notes > view->area[TEND__AREA_NOTES].count)
		notes = (uint32_t)view->area[TEND__AREA_NOTES].count;
	tend_snapshot *s = make_room(slots, notes);
	if (!s)
		return -ENOMEM;
	s->runtime = view->h.runtime & 0xff;
	s->info.at = view->ended ? last_sign(live, view) : now;
	s->info.opened_at = view->h.opened;
	s->info.opened_utc = view->h.opened_utc;
	s->info.parent_opened_at = view->h.parent_opened;
	s->info.parent_task = view->h.parent_task;
	s->info.parent_attempt = view->h.parent_attempt;
	s->info.ended = view->ended;
	s->info.pid = view->h.pid;
	memcpy(s->info.name, view->h.name, sizeof(s->info.name) - 1);
	(void)make_printable(s->info.name);
	s->info.low = low;
	int error = read_rows(s, tend__element(live, records, 0), records->stride, used, slots);
	if (error) {
		tend_snapshot_free(s);
		return error;
	}
	mark_running(s, live, &view->area[TEND__AREA_RINGS]);
	s->info.high = tend__load_acquire(&live->events);
	read_sites(s, live, &view->area[TEND__AREA_SITES]);
	tend__snapshot_notes(s, live, view);
	*out = s;
	return 0;
}

int tend__snapshot_read(const struct tend__header *header, size_t bytes, uint64_t now,
                        tend_snapshot **out)
{
	/* C11 has no atomic load of a const object. */
	struct tend__header *live = (struct tend__header *)(uintptr_t)header;
	struct tend__view view;

	if (!tend__view_of(header, bytes, &view))
		return -EPROTO;
	return tend__snapshot_copy(live, &view, now, out);
}

int tend_snapshot_take(const tend_runtime *at, tend_snapshot **out)
{
	TEND__VISIT_AT(rt, at);

	if (!rt)
		return tend__no_such();
	struct tend__header *h = rt->segment.header;
	return tend__snapshot_read(h, h->bytes, tend__clock(), out);
}

void tend_snapshot_free(tend_snapshot *s)
{
	if (!s)
		return;
	if (s->infos)
		tend__unreserve(s->infos, s->infos_bytes);
	tend__snapshot_return(s, s->bytes);
}
