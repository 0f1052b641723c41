/* registry/order.c - rows by path, segment by segment, bytes within a segment,
 * then by id as a number.
 *
 * Siblings may share a name, so that rows of one path lie in several scopes:
 * what is in a#1 and in a#2 is one list, a/b before a/x wherever they are. So
 * rows are put in groups, one a path: level by level from the root, a level is
 * sorted by group of the scope, name, id, and those alike in the first two are a
 * group. The groups, each before those below it, are the order.
 *
 * Sorted by digits, eight bytes of a name at a time: no comparison of two rows
 * that are far from each other in memory, and no names that make it slow. */
#include "registry/snapshot.h"

#include "platform/platform.h"

#include <errno.h>
#include <string.h>

#define NONE UINT32_MAX /* no constant of an enum may be as large */

enum { UNKNOWN = UINT8_MAX, FEW = 24 };
_Static_assert(TEND__TREE_DEPTH - 1 <= UNKNOWN, "a depth is a byte");

struct item {
	uint64_t key;
	uint32_t row;
	uint32_t name; /* a number for each name, in their order */
};

/* Rows of one path, and where among the groups those below it are. */
struct group {
	uint32_t first, end;
	uint32_t below, below_end;
};

struct order {
	const struct tend__row *rows;
	const uint32_t *above;
	uint32_t *row_of;     /* by slot, plus one; 0: none */
	uint64_t *letters;    /* by row: its name begins with */
	uint32_t *generation; /* by row */
	bool *scope;          /* by row */
	uint32_t *group_of;   /* by row */
	struct group *groups;
	struct item *items, *spare;
	uint32_t names;
};

/* ---- The tree ---- */

static uint64_t letters(const char *name)
{
	uint64_t word;

	memcpy(&word, name, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* What has no scope hangs from the root, and is shown as torn. */
static void hang_up(tend_snapshot *s, const struct order *o, uint32_t i)
{
	uint32_t root = o->row_of[1];

	s->info.torn += !s->rows[i].torn;
	s->rows[i].torn = true;
	s->above[i] = root && root - 1 != i ? root - 1 : i;
	s->depth[i] = s->above[i] == i ? 0 : 1;
}

/* What is asked of every row, in lists that are shorter than the rows. */
static void gather(tend_snapshot *s, const struct order *o)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct tend__row *r = &s->rows[i];

		o->row_of[r->slot] = i + 1;
		o->letters[i] = letters(r->name);
		o->generation[i] = tend__word_generation(r->word);
		o->scope[i] = tend__row_kind(r) == TEND_KIND_SCOPE;
		s->above[i] = r->parent; /* for find_above() */
		s->depth[i] = UNKNOWN;
	}
}

static void find_above(tend_snapshot *s, const struct order *o, uint32_t slots)
{
	uint32_t root = o->row_of[1];

	if (root) {
		s->above[root - 1] = root - 1;
		s->depth[root - 1] = 0;
	}
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t above = s->above[i] < slots ? o->row_of[s->above[i]] : 0;

		if (i + 1 == root)
			continue;
		if (!above || !o->scope[above - 1])
			hang_up(s, o, i);
		else
			s->above[i] = above - 1;
	}
}

/* Up to a row whose depth is known, and down again. A chain that is too long,
 * as a circle is, is cut where we began. */
static void find_depth(tend_snapshot *s, const struct order *o, uint32_t row)
{
	uint32_t chain[TEND__TREE_DEPTH], n = 0;

	for (uint32_t i = row; s->depth[i] == UNKNOWN; i = s->above[i]) {
		if (n == TEND__TREE_DEPTH - 1) {
			hang_up(s, o, row);
			return;
		}
		chain[n++] = i;
	}
	while (n > 0) {
		uint32_t i = chain[--n];
		uint8_t depth = s->depth[s->above[i]];

		if (depth >= TEND__TREE_DEPTH - 2)
			hang_up(s, o, i);
		else
			s->depth[i] = (uint8_t)(depth + 1);
	}
}

/* ---- Sorting ---- */

static void sort_few(struct item *a, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct item it = a[i];
		size_t k = i;

		for (; k > 0 && a[k - 1].key > it.key; k--)
			a[k] = a[k - 1];
		a[k] = it;
	}
}

/* By key, and what has the same key stays as it was. */
static void sort_keys(struct item *a, struct item *spare, size_t n)
{
	struct item *from = a, *to = spare;
	uint64_t differ = 0;

	if (n <= FEW) {
		sort_few(a, n);
		return;
	}
	for (size_t i = 1; i < n; i++)
		differ |= a[i].key ^ a[0].key;
	for (unsigned shift = 0; shift < 64; shift += 8) {
		uint32_t at[256] = {0}, sum = 0;
		struct item *swap = from;

		if (!(differ >> shift & 0xff))
			continue;
		for (size_t i = 0; i < n; i++)
			at[from[i].key >> shift & 0xff]++;
		for (size_t d = 0; d < 256; d++) {
			uint32_t here = at[d];

			at[d] = sum;
			sum += here;
		}
		for (size_t i = 0; i < n; i++)
			to[at[from[i].key >> shift & 0xff]++] = from[i];
		from = to;
		to = swap;
	}
	if (from != a)
		memcpy(a, from, n * sizeof *a);
}

/* Those alike in their first `at` bytes; six words at most, so it may recurse. */
static void sort_names(struct order *o, struct item *a, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		a[i].key = at ? letters(o->rows[a[i].row].name + at) : o->letters[a[i].row];
	sort_keys(a, o->spare, n);
	for (size_t i = 0, end; i < n; i = end) {
		uint64_t key = a[i].key;

		for (end = i + 1; end < n && a[end].key == key; end++) {}
		/* Its last byte is zero where the names end. */
		if (end - i > 1 && (key & 0xff) && at + 8 < sizeof o->rows->name) {
			sort_names(o, a + i, end - i, at + 8);
			continue;
		}
		for (size_t k = i; k < end; k++)
			a[k].name = o->names;
		o->names++;
	}
}

static uint32_t group_above(const struct order *o, uint32_t row)
{
	uint32_t above = o->above[row];

	return above == row ? NONE : o->group_of[above];
}

/* Least first: each of these keeps what the one before it did. */
static void sort_level(struct order *o, struct item *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		a[i].key = o->generation[a[i].row];
	sort_keys(a, o->spare, n); /* they come by slot, so this is by id */
	sort_names(o, a, n, 0);
	for (size_t i = 0; i < n; i++)
		a[i].key = group_above(o, a[i].row);
	sort_keys(a, o->spare, n);
}

/* Groups of the items from `first`, which are sorted; answers where they end. */
static uint32_t add_groups(const struct order *o, uint32_t first, uint32_t end, uint32_t g)
{
	for (uint32_t i = first; i < end; i++) {
		const struct item *it = &o->items[i];

		if (i == first || it->key != it[-1].key || it->name != it[-1].name) {
			o->groups[g] = (struct group){.first = i};
			if (it->key != NONE) {
				if (!o->groups[it->key].below_end)
					o->groups[it->key].below = g;
				o->groups[it->key].below_end = g + 1;
			}
			g++;
		}
		o->groups[g - 1].end = i + 1;
		o->group_of[it->row] = g - 1;
	}
	return g;
}

/* Each group before those below it. */
static void write_order(tend_snapshot *s, const struct order *o, uint32_t tops)
{
	uint32_t next[TEND__TREE_DEPTH], end[TEND__TREE_DEPTH], depth = 0;
	size_t n = 0;

	next[0] = 0;
	end[0] = tops;
	for (;;) {
		const struct group *g;

		while (depth > 0 && next[depth] == end[depth])
			depth--;
		if (next[depth] == end[depth])
			return;
		g = &o->groups[next[depth]++];
		for (uint32_t i = g->first; i < g->end; i++)
			s->order[n++] = o->items[i].row;
		if (g->below_end) {
			depth++;
			next[depth] = g->below;
			end[depth] = g->below_end;
		}
	}
}

static void sort(tend_snapshot *s, struct order *o)
{
	uint32_t start[TEND__TREE_DEPTH + 1] = {0}, groups = 0, tops = 0, first = 0;

	for (uint32_t i = 0; i < s->count; i++)
		start[s->depth[i] + 1]++;
	for (uint32_t d = 0; d < TEND__TREE_DEPTH; d++)
		start[d + 1] += start[d];
	for (uint32_t i = 0; i < s->count; i++)
		o->items[start[s->depth[i]]++].row = i;
	/* start[d] is now where level d ends. */
	for (uint32_t d = 0; d < TEND__TREE_DEPTH && first < s->count; d++) {
		sort_level(o, o->items + first, start[d] - first);
		groups = add_groups(o, first, start[d], groups);
		tops = d ? tops : groups;
		first = start[d];
	}
	write_order(s, o, tops);
}

/* ---- The whole ---- */

int tend__snapshot_order(tend_snapshot *s, uint32_t slots)
{
	size_t n = s->count, row_of = (size_t)(slots + 2) / 2 * 8;
	size_t bytes =
		n * (2 * sizeof(struct item) + sizeof(struct group) + 8 + 4 + 4 + 1) + row_of;
	struct order o = {.rows = s->rows, .above = s->above};
	char *block = tend__snapshot_reserve(bytes);

	if (!block)
		return -ENOMEM;
	o.items = (struct item *)(void *)block;
	o.spare = o.items + n;
	o.groups = (struct group *)(void *)(o.spare + n);
	o.letters = (uint64_t *)(void *)(o.groups + n);
	o.row_of = (uint32_t *)(void *)(o.letters + n);
	o.group_of = o.row_of + row_of / sizeof *o.row_of;
	o.generation = o.group_of + n;
	o.scope = (bool *)(o.generation + n);
	gather(s, &o);
	find_above(s, &o, slots);
	for (uint32_t i = 0; i < n; i++)
		if (s->depth[i] == UNKNOWN)
			find_depth(s, &o, i);
	sort(s, &o);
	tend__unreserve(block, bytes);
	return 0;
}
