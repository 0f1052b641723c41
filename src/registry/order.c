/* registry/order.c - rows by path, segment by segment, bytes within a segment,
 * then by id as a number.
 *
 * The rows of each scope are put in a list, and the lists are sorted from the root
 * down. Siblings may share a name, so rows with a common path may stand in several
 * scopes: the rows in a#1 and in a#2 are sorted as one list, a/b before a/x in either
 * scope.
 *
 * The sort goes by digits, and by those bytes alone in which names differ. Therefore no
 * two rows far apart in memory are compared, and no choice of names makes the sort
 * slow. */
#include "registry/snapshot.h"

#include "base/error.h"
#include "platform/platform.h"

#include <errno.h>
#include <string.h>

#define NONE UINT32_MAX /* too large for a constant of an enum */

enum { FEW = 24, NAME_WORDS = (TEND_NAME_MAX + 1) / 8 };

struct item {
	uint64_t key;
	uint32_t row;
};

struct order {
	tend_snapshot *s;
	uint32_t root;   /* row of the root, or NONE */
	uint32_t *above; /* by row: the row of its scope; later the order is written here */
	uint32_t *next;  /* by row: the next row in the same scope, plus one, by slot */
	struct list {
		uint32_t first, last; /* plus one; 0: none */
	} * lists;        /* by row: the rows in this row; the last list: rows in no row */
	uint32_t *sorted; /* the lists as they were sorted, each after the list above */
	struct item *items, *spare;
};

/* ---- The tree ---- */

/* Returns the row of the scope of row i; NONE if the slot holds another scope or task by
 * now. */
static uint32_t scope_of(const tend_snapshot *s, uint32_t slots, uint32_t i)
{
	uint32_t slot = s->places[i].above, above = slot < slots ? s->row_of[slot] - 1 : NONE;

	tend__assert(above == NONE || above < s->count);
	if (above == NONE || !s->places[above].scope ||
	    tend__word_generation(s->rows[above].word) != s->places[i].generation)
		return NONE;
	return above;
}

/* Finds the scope of each row. Returns how many rows have none. */
static uint32_t find_above(const struct order *o, uint32_t slots)
{
	const struct tend__place *places = o->s->places;
	uint32_t strays = 0;

	for (uint32_t i = 0; i < o->s->count; i++) {
		/* Often the scope is the scope of the row before. */
		if (i > 1 && places[i].above == places[i - 1].above &&
		    places[i].generation == places[i - 1].generation)
			o->above[i] = o->above[i - 1];
		else
			o->above[i] = i == o->root ? i : scope_of(o->s, slots, i);
		strays += o->above[i] == NONE;
	}
	return strays;
}

/* Hangs a row without a scope from the root, shown as torn. */
static void hang_up(const struct order *o, uint32_t i)
{
	o->above[i] = o->root != NONE && o->root != i ? o->root : i;
	o->s->places[i].depth = o->above[i] != i;
	o->s->places[i].torn |= TEND__TORN;
}

/* Walks up to a row with a known depth, and down again. A chain that is too long, such as
 * a circle, is cut at the highest row that the walk has reached. */
static void find_depth(const struct order *o, uint32_t row)
{
	struct tend__place *places = o->s->places;
	uint32_t chain[TEND__TREE_LEVELS], n = 0;

	for (uint32_t i = row; places[i].depth == TEND__ROW_DEPTH_UNKNOWN; i = o->above[i]) {
		if (n == TEND__TREE_LEVELS - 1) {
			hang_up(o, chain[--n]);
			break;
		}
		chain[n++] = i;
	}
	while (n > 0) {
		uint32_t i = chain[--n];
		uint8_t depth = places[o->above[i]].depth;

		tend__assert(depth != TEND__ROW_DEPTH_UNKNOWN);
		if (places[i].depth != TEND__ROW_DEPTH_UNKNOWN)
			continue; /* in a circle a row comes more than once */
		if (depth >= TEND__ROW_DEPTH_MAX)
			hang_up(o, i);
		else
			places[i].depth = (uint8_t)(depth + 1);
	}
}

static void put_in_list(const struct order *o, uint32_t row)
{
	uint32_t above = o->above[row];
	struct list *list = &o->lists[above == row ? o->s->count : above];

	*(list->last ? &o->next[list->last - 1] : &list->first) = row + 1;
	list->last = row + 1;
}

/* Gives each row its scope, or none, and its depth. */
static void make_tree(const struct order *o, uint32_t strays)
{
	struct tend__place *places = o->s->places;

	if (o->root != NONE)
		places[o->root].depth = 0;
	o->s->info.torn = 0;
	for (uint32_t i = 0; strays && i < o->s->count; i++)
		if (o->above[i] == NONE) {
			hang_up(o, i);
			places[i].torn |= TEND__LOST;
		}
	for (uint32_t i = 0; i < o->s->count; i++) {
		uint8_t depth = places[o->above[i]].depth;

		/* Most scopes have a row before the rows in them. */
		if (places[i].depth == TEND__ROW_DEPTH_UNKNOWN && depth < TEND__ROW_DEPTH_MAX)
			places[i].depth = (uint8_t)(depth + 1);
		else if (places[i].depth == TEND__ROW_DEPTH_UNKNOWN)
			find_depth(o, i);
		tend__assert(places[i].depth <= TEND__ROW_DEPTH_MAX);
		places[i].above = o->above[i];
		o->s->info.torn += places[i].torn != 0;
		put_in_list(o, i);
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

/* Sorts by the byte of the keys at `shift`. All keys are equal in this byte, except for
 * the bits of `differ`. */
static void sort_digit(const struct item *from, struct item *to, size_t n, unsigned shift,
                       uint32_t differ)
{
	uint32_t at[256] = {0}, digit = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
		at[from[i].key >> shift & differ]++;
	do { /* each number with no other bits than `differ`, in order */
		uint32_t here = at[digit];

		at[digit] = sum;
		sum += here;
		digit = (digit - differ) & differ;
	} while (digit);
	tend__assert(sum == n);
	for (size_t i = 0; i < n; i++)
		to[at[from[i].key >> shift & differ]++] = from[i];
}

/* Sorts by key; items with equal keys keep their order. */
static void sort_keys(struct item *a, struct item *spare, size_t n, uint64_t differ)
{
	struct item *from = a, *to = spare;
	bool sorted = true;

	for (size_t i = 1; i < n; i++)
		sorted &= a[i - 1].key <= a[i].key;
	if (sorted)
		return;
	if (n <= FEW) {
		sort_few(a, n);
		return;
	}
	for (unsigned shift = 0; shift < 64; shift += 8) {
		struct item *swap = from;

		if (!(differ >> shift & 0xff))
			continue;
		sort_digit(from, to, n, shift, differ >> shift & 0xff);
		from = to;
		to = swap;
	}
	if (from != a)
		memcpy(a, from, n * sizeof(*a));
}

/* Finds the bits in which the names are not all equal, by words as they lie in memory. */
static void compare_names(const struct order *o, const struct item *a, size_t n,
                          uint64_t differ[NAME_WORDS])
{
	const struct tend__place *places = o->s->places, *place = &places[a[0].row];
	uint64_t first[NAME_WORDS] = {0};
	size_t first_words = place->length / 8u + 1;

	memcpy(first, o->s->names + place->name, first_words * sizeof(*first));
	for (size_t i = 1; i < n; i++) {
		const uint64_t *name = o->s->names + places[a[i].row].name;
		size_t words = places[a[i].row].length / 8u + 1, w = 0;

		for (; w < words; w++)
			differ[w] |= name[w] ^ first[w];
		for (; w < first_words; w++)
			differ[w] |= first[w];
	}
}

/* Returns the bytes of a word as they lie in memory, the first byte as the highest. */
static uint64_t in_order(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap64(word);
#else
	return word;
#endif
}

/* Sets each key to eight bytes of the name, from the first byte on in which the names
 * differ, and of these bytes to the bits that differ. A name has zeros after its end.
 * Returns these bits; 0 if all names are equal. */
static uint64_t take_keys(const struct order *o, struct item *a, size_t n)
{
	uint64_t words[NAME_WORDS + 1] = {0};
	size_t at = 0;

	compare_names(o, a, n, words);
	while (at < NAME_WORDS && !words[at])
		at++;
	if (at == NAME_WORDS)
		return 0;
	at = at * 8 + (size_t)__builtin_clzll(in_order(words[at])) / 8;
	tend__assert(at < NAME_WORDS * sizeof(*words));
	uint64_t differ;
	memcpy(&differ, (char *)words + at, sizeof(differ));
	differ = in_order(differ);
	for (size_t i = 0; i < n; i++) {
		const struct tend__place *place = &o->s->places[a[i].row];
		size_t end = (place->length / 8u + 1) * 8;
		uint64_t key = 0;

		if (at < end) {
			memcpy(&key, (char *)(o->s->names + place->name) + at, sizeof(key));
			/* The bytes after the words of the name belong to another name. */
			key = in_order(key) & differ;
			if (end - at < 8)
				key &= ~(UINT64_MAX >> 8 * (end - at));
		}
		a[i].key = key;
	}
	return differ;
}

/* Sorts rows with a common path by id. Most come by slot already. */
static void sort_ids(const struct order *o, struct item *a, size_t n)
{
	uint64_t differ = 0;

	for (size_t i = 0; i < n; i++) {
		const struct tend__row *row = &o->s->rows[a[i].row];

		a[i].key = tend__id(0, tend__word_generation(row->word), row->slot);
		differ |= a[i].key ^ a[0].key;
	}
	sort_keys(a, o->spare, n, differ);
}

/* Sorts by name, then by id. Each level of the recursion compares later bytes, so the
 * depth is bounded by the length of a name. */
static void sort_names(const struct order *o, struct item *a, size_t n)
{
	uint64_t differ = take_keys(o, a, n);

	if (!differ) {
		sort_ids(o, a, n);
		return;
	}
	sort_keys(a, o->spare, n, differ);
	for (size_t i = 0, end; i < n; i = end) {
		uint64_t key = a[i].key;

		for (end = i + 1; end < n && a[end].key == key; end++) {}
		if (end - i > 1)
			sort_names(o, a + i, end - i);
	}
}

/* ---- The whole ---- */

static bool same_name(const tend_snapshot *s, uint32_t a, uint32_t b)
{
	return s->places[a].length == s->places[b].length &&
	       memcmp(tend__row_name(s, a), tend__row_name(s, b), s->places[a].length) == 0;
}

/* Appends the rows in this row to the n items. Returns the new number of items. */
static size_t add_list(const struct order *o, size_t row, size_t n)
{
	for (uint32_t i = o->lists[row].first; i; i = o->next[i - 1])
		o->items[n++] = (struct item){0, i - 1};
	tend__assert(n <= o->s->count);
	return n;
}

/* Sorts the items, and writes their rows. Returns true if there is a scope among them. */
static bool write_items(const struct order *o, size_t n, uint32_t *to)
{
	bool scope = false;

	if (n > 1)
		sort_names(o, o->items, n);
	for (size_t i = 0; i < n; i++) {
		to[i] = o->items[i].row;
		scope |= o->s->places[to[i]].scope;
	}
	return scope;
}

/* Collects the rows in this row, and in the rows with the same name after this row.
 * Returns how many. */
static size_t add_lists(const struct order *o, uint32_t row, const uint32_t *next,
                        const uint32_t *end)
{
	size_t n = add_list(o, row, 0);

	for (; next < end && same_name(o->s, row, *next); next++)
		n = add_list(o, *next, n);
	return n;
}

/* Writes each scope before the rows in the scope, and all scopes of a path before the
 * rows in any of these scopes. */
static void write_order(const struct order *o)
{
	struct level {
		const uint32_t *at, *end;
	} levels[TEND__TREE_LEVELS], *level = levels;
	uint32_t *order = o->s->order, *sorted = o->sorted;
	size_t n = add_list(o, o->s->count, 0);

	write_items(o, n, sorted);
	*level = (struct level){sorted, sorted + n};
	sorted += n;
	for (;;) {
		while (level->at == level->end && level > levels)
			level--;
		if (level->at == level->end)
			break;
		uint32_t row = *level->at++;
		*order++ = row;
		if (!o->s->places[row].scope)
			continue;
		n = add_lists(o, row, level->at, level->end);
		while (level->at < level->end && same_name(o->s, row, *level->at))
			*order++ = *level->at++;
		/* A list without a scope is written in its final place. */
		if (!write_items(o, n, order))
			order += n;
		else {
			memcpy(sorted, order, n * sizeof(*sorted));
			tend__assert(level + 1 < levels + TEND__TREE_LEVELS);
			*++level = (struct level){sorted, sorted + n};
			sorted += n;
		}
	}
	tend__assert(order == o->s->order + o->s->count);
	tend__assert(sorted <= o->sorted + o->s->count);
}

/* Marks the rows below a row whose scope is missing, because their paths are wrong, too.
 * In order, so that each scope is marked before the rows in it. */
static void mark_lost(tend_snapshot *s)
{
	s->info.torn = 0;
	for (size_t i = 0; i < s->count; i++) {
		struct tend__place *place = &s->places[s->order[i]];

		place->torn |= s->places[place->above].torn & TEND__LOST;
		s->info.torn += place->torn != 0;
	}
}

int tend__snapshot_order(tend_snapshot *s, uint32_t slots, bool last)
{
	const size_t n = s->count + 1;
	size_t bytes = n * (sizeof(struct list) + 2 * sizeof(uint32_t) + 2 * sizeof(struct item));
	struct order o = {.s = s, .above = s->order};
	char *block = tend__snapshot_borrow(&bytes);

	if (!block)
		return -ENOMEM;
	/* The arrays that are used least come last. */
	o.lists = (struct list *)(void *)block;
	o.next = (uint32_t *)(o.lists + n);
	o.sorted = o.next + n;
	o.items = (struct item *)(void *)(o.sorted + n);
	o.spare = o.items + n;
	memset(block, 0, (size_t)((char *)o.sorted - block));
	o.root = s->count && s->rows[0].slot == 1 && s->places[0].scope ? 0 : NONE;
	uint32_t strays = find_above(&o, slots);
	if (!strays || last) {
		make_tree(&o, strays);
		write_order(&o);
		if (strays)
			mark_lost(s);
	}
	tend__snapshot_return(block, bytes);
	return strays && !last ? -EAGAIN : 0;
}
