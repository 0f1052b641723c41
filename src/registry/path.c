#include "registry/snapshot.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

void tend__snapshot_no_row(const tend_snapshot *s, const char *function, size_t index,
                           const void *from)
{
	char where[128];
	struct tend__text place = tend__text(where, sizeof(where));

	tend__text_address(&place, from);
	tend__bug("tend: %s() at %s: there is no row %zu in a snapshot of \"%s\" with %zu rows",
	          function, where, index, s->info.name, s->count);
}

size_t tend_snapshot_count(const tend_snapshot *s) { return s->count; }
void(tend_snapshot_about)(const tend_snapshot *s, struct tend_snapshot_info *out)
{
	size_t size = tend__out_size(out);

	if (size)
		tend__out_fill(out, size, &s->info, sizeof(s->info));
}

uint32_t tend_snapshot_depth(const tend_snapshot *s, size_t index)
{
	if (index >= s->count)
		tend__snapshot_no_row(s, "tend_snapshot_depth", index, __builtin_return_address(0));
	return s->places[s->order[index]].depth;
}

/* Returns how many levels above the row are shown: all, or the last ones after "...". */
static uint32_t fitting(const tend_snapshot *s, const uint32_t *chain, uint32_t depth)
{
	size_t bytes = s->places[chain[0]].length;

	for (uint32_t n = 1; n <= depth; n++) {
		bytes += 1u + s->places[chain[n]].length;
		if (bytes + strlen(".../") >= TEND_PATH_MAX)
			return n - 1;
	}
	return depth;
}

static size_t path_of(const tend_snapshot *s, uint32_t row, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);
	uint32_t chain[TEND__TREE_LEVELS], depth = 0;

	chain[0] = row;
	while (s->places[chain[depth]].above != chain[depth]) {
		tend__assert(depth + 1 < TEND__TREE_LEVELS);
		chain[depth + 1] = s->places[chain[depth]].above;
		depth++;
	}
	tend__assert(depth == s->places[row].depth);
	uint32_t n = fitting(s, chain, depth);
	if (n < depth)
		tend__text_bytes(&t, ".../", 4);
	for (;; n--) {
		tend__text_bytes(&t, tend__row_name(s, chain[n]), s->places[chain[n]].length);
		if (n == 0)
			return t.n;
		tend__text_bytes(&t, "/", 1);
	}
}

static void keep_prefix(tend_snapshot *s, uint32_t row)
{
	char *text = (char *)s->prefix;

	s->prefix_of = row + 1;
	s->prefix_length = (uint32_t)path_of(s, row, text, sizeof(s->prefix));
	tend__assert(s->prefix_length > 0 && s->prefix_length < sizeof(s->prefix));
	text[s->prefix_length++] = '/'; /* over the NUL */
}

/* Copies n bytes and a NUL, in whole words. The bytes after the NUL are zeros, or are
 * overwritten by the next copy. */
static inline void put_words(char *restrict to, const uint64_t *restrict from, size_t n)
{
	for (size_t i = 0; i <= n / 8; i++)
		memcpy(to + i * 8, &from[i], 8);
}

size_t tend_snapshot_path(const tend_snapshot *snapshot, size_t index, char *buf, size_t size)
{
	/* The prefix is kept for the next call: callers take turns, says the header. */
	tend_snapshot *s = (tend_snapshot *)(uintptr_t)snapshot;
	if (index >= s->count)
		tend__snapshot_no_row(s, "tend_snapshot_path", index, __builtin_return_address(0));
	uint32_t row = s->order[index];
	const struct tend__place *place = &s->places[row];

	if (place->above == row)
		return path_of(s, row, buf, size);
	if (s->prefix_of != place->above + 1)
		keep_prefix(s, place->above);
	size_t n = s->prefix_length + place->length;
	/* A path that has to be cut is not the prefix and the name. */
	if (n + strlen(".../") >= TEND_PATH_MAX || n + sizeof(uint64_t) > size)
		return path_of(s, row, buf, size);
	put_words(buf, s->prefix, s->prefix_length - 1);
	put_words(buf + s->prefix_length, &s->names[place->name], place->length);
	return n;
}
