#include "registry/snapshot.h"

#include "tend/task.h"
#include "tend/text.h"

#include "base/error.h"
#include "base/text.h"
#include "platform/platform.h"

#include <string.h>

/* ---- Branches ---- */

enum { LEVELS = 256, WIDTH_MAX = 60 };

/* Links each row into the list of the row above. Siblings are in the order of `order`,
 * which has n numbers of rows, or of the array if `order` is NULL. Returns the first row
 * of the drawing. */
static uint32_t link_rows(struct tend_tree_row *rows, size_t n, const uint32_t *order)
{
	uint32_t top = TEND_NO_ROW;

	tend__assert(n < TEND_NO_ROW);
	for (size_t i = 0; i < n; i++) {
		rows[i].first = TEND_NO_ROW;
		rows[i].depth = 0;
		if (rows[i].above >= n)
			rows[i].above = TEND_NO_ROW;
	}
	/* From the last row to the first, because each row is put in front of its list. */
	for (size_t i = n; i-- > 0;) {
		uint32_t row = order ? order[i] : (uint32_t)i, above = rows[row].above;
		tend__assert(row < n);
		uint32_t *list = above == TEND_NO_ROW ? &top : &rows[above].first;

		rows[row].next = *list;
		*list = row;
	}
	size_t drawn = 0;
	for (uint32_t row = top; row != TEND_NO_ROW; row = tend_tree_next(rows, row), drawn++)
		if (rows[row].above != TEND_NO_ROW)
			rows[row].depth = rows[rows[row].above].depth + 1;
	tend__assert(drawn <= n);
	return top;
}

uint32_t tend_tree_link(struct tend_tree_row *rows, size_t n) { return link_rows(rows, n, NULL); }

uint32_t tend_tree_next(const struct tend_tree_row *rows, uint32_t row)
{
	uint32_t next = rows[row].first;

	/* After an empty row comes its sibling, or the sibling of a row above. */
	while (next == TEND_NO_ROW) {
		next = rows[row].next;
		if (rows[row].above == TEND_NO_ROW)
			break;
		row = rows[row].above;
	}
	return next;
}

static void branch(const struct tend_tree_row *rows, uint32_t row, uint32_t flags,
                   struct tend__text *t)
{
	const bool ascii = flags & TEND_TREE_ASCII;
	bool followed[LEVELS];
	size_t n = 0;

	for (; rows[row].above != TEND_NO_ROW && n < LEVELS; row = rows[row].above)
		followed[n++] = rows[row].next != TEND_NO_ROW;
	while (n > 1)
		tend__text_s(t, !followed[--n] ? "   " : ascii ? "|  " : "│  ");
	if (n && followed[0])
		tend__text_s(t, ascii ? "|- " : "├─ ");
	else if (n)
		tend__text_s(t, ascii ? "`- " : "└─ ");
}

size_t tend_tree_branch(const struct tend_tree_row *rows, uint32_t row, uint32_t flags, char *buf,
                        size_t size)
{
	struct tend__text t = tend__text(buf, size);

	branch(rows, row, flags, &t);
	return t.n;
}

/* ---- The tree of a snapshot as text ---- */

struct drawing {
	const tend_snapshot *s;
	uint32_t flags;
	size_t width;               /* width of branches and names, in characters */
	struct tend_tree_row *rows; /* by row */
};

static size_t width_of(const struct drawing *d, uint32_t row)
{
	size_t n = 3 * (size_t)d->rows[row].depth;

	for (const char *c = tend__row_name(d->s, row); *c; c++)
		n += ((unsigned char)*c & 0xc0) != 0x80;
	return n;
}

static void draw_spaces(struct tend__text *t, size_t n)
{
	static const char spaces[] = "                ";

	for (size_t m; n > 0; n -= m) {
		m = n < sizeof(spaces) - 1 ? n : sizeof(spaces) - 1;
		tend__text_bytes(t, spaces, m);
	}
}

/* Writes a word of the table, and spaces up to the next column. */
static void draw_column(struct tend__text *t, const char *word, size_t width)
{
	size_t n = strlen(word);

	tend__text_bytes(t, word, n);
	draw_spaces(t, n < width ? width - n : 0);
}

static void draw_also(struct tend__text *t, const char *word)
{
	if (word[0]) {
		tend__text_bytes(t, "  ", 2);
		tend__text_s(t, word);
	}
}

/* Facts of few rows alone go through printf, which takes longer than all the rest. */
static void draw_row(const struct drawing *d, uint32_t row, struct tend__text *t)
{
	struct tend_info info = {0};
	size_t n = width_of(d, row);

	tend__snapshot_fill(d->s, row, &info);
	branch(d->rows, row, d->flags, t);
	tend__text_plain(t, info.name, d->s->places[row].length, TEND_TEXT_MASK);
	draw_spaces(t, 2 + (n < d->width ? d->width - n : 0));
	draw_column(t, tend_kind_name(info.kind), 9);
	draw_column(t, tend_state_name(info.state), info.kind == TEND_KIND_SCOPE ? 0 : 10);
	if (info.kind != TEND_KIND_SCOPE)
		tend__text_duration(
			t, d->s->info.at > info.spawned_at ? d->s->info.at - info.spawned_at : 0);
	if (info.pid)
		tend__text_f(t, "  %s %d", info.kind == TEND_KIND_PROCESS ? "pid" : "tid",
		             info.pid);
	if (info.attempt > 1)
		tend__text_f(t, "  attempt %u", info.attempt);
	if (info.state == TEND_STATE_ENDED)
		draw_also(t, tend_outcome_name(info.outcome));
	/* The wait between two attempts is the state. */
	if (info.state != TEND_STATE_BACKOFF && info.state != TEND_STATE_STOPPED)
		draw_also(t, info.wait);
	if (info.last) {
		tend__text_bytes(t, "  ", 2);
		tend__snapshot_life(d->s, row, &info, t);
	}
	draw_also(t, info.site);
	if (info.torn)
		draw_also(t, "torn");
	tend__text_bytes(t, "\n", 1);
}

/* Returns whether a row is the scope for detached tasks, below a root that is hidden, and empty. */
static bool is_detached(const struct drawing *d, uint32_t row)
{
	const struct tend__place *places = d->s->places;
	uint32_t above = places[row].above;

	if (above == row || places[above].above != above || tend__row_name(d->s, above)[0] != '.' ||
	    strcmp(tend__row_name(d->s, row), "detached") != 0)
		return false;
	for (uint32_t i = 0; i < d->s->count; i++)
		if (places[i].above == row)
			return false;
	return true;
}

static bool is_hidden(const struct drawing *d, uint32_t row)
{
	return (d->flags & TEND_TREE_HIDE) &&
	       (tend__row_name(d->s, row)[0] == '.' || is_detached(d, row));
}

/* Returns the row above in the drawing. */
static uint32_t above_of(const struct drawing *d, uint32_t row)
{
	uint32_t above = d->s->places[row].above;

	/* A hidden row stands in itself: what is in a circle is not reached. */
	if (is_hidden(d, row))
		return row;
	bool top = above == row || (d->s->places[above].above == above && is_hidden(d, above));
	return top ? TEND_NO_ROW : above;
}

size_t tend_snapshot_text(const tend_snapshot *s, uint32_t flags, char *buf, size_t size)
{
	size_t bytes = (s->count + 1) * sizeof(struct tend_tree_row);
	struct tend__text t = tend__text(buf, size);
	struct drawing d = {.s = s, .flags = flags, .rows = tend__snapshot_reserve(&bytes)};

	if (!d.rows)
		return 0;
	for (uint32_t row = 0; row < s->count; row++)
		d.rows[row].above = above_of(&d, row);
	uint32_t first = link_rows(d.rows, s->count, s->order);
	for (uint32_t row = first; row != TEND_NO_ROW; row = tend_tree_next(d.rows, row)) {
		size_t n = width_of(&d, row);

		d.width = n > d.width ? n : d.width;
	}
	d.width = d.width > WIDTH_MAX ? WIDTH_MAX : d.width;
	for (uint32_t row = first; row != TEND_NO_ROW; row = tend_tree_next(d.rows, row))
		draw_row(&d, row, &t);
	tend__unreserve(d.rows, bytes);
	return t.n;
}
