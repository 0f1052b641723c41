/* registry/info.c - a row in the words of tend/registry.h. */
#include "registry/snapshot.h"

#include "tend/task.h"

#include "base/text.h"
#include "segment/words.h"
#include "platform/platform.h"

#include <string.h>

static uint8_t state_of(const struct tend__row *r, bool canceled)
{
	uint32_t kind = tend__row_kind(r), state = r->word & TEND__STATE;

	if (kind == TEND_KIND_SCOPE)
		return r->word & (TEND__SCOPE_CANCELED | TEND__SCOPE_CLOSED) ? TEND_STATE_STOPPING
		                                                             : TEND_STATE_RUNNING;
	if (state == TEND__ENDED)
		return TEND_STATE_ENDED;
	if (r->word & TEND__ABANDONED)
		return TEND_STATE_ABANDONED;
	if (canceled || (r->word & TEND__CANCELED))
		return TEND_STATE_STOPPING;
	if (r->word & TEND__STARTING)
		return TEND_STATE_STARTING;
	/* What its fiber waits for is no state of the process. */
	return kind == TEND_KIND_PROCESS ? TEND_STATE_RUNNING : (uint8_t)state;
}

static void wait_of(const tend_snapshot *s, const struct tend__row *r, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);

	if ((r->word & TEND__STATE) == TEND__PARKED && tend__row_kind(r) != TEND_KIND_PROCESS)
		tend__wait_text(&t, (uint32_t)(r->word & TEND__WAIT) >> TEND__WAIT_SHIFT, r->object,
		                s->info.at);
}

static void site_of(const tend_snapshot *s, uint32_t site, char *out)
{
	const char *text = s->sites + (size_t)site * TEND__SITE_BYTES;

	if (!site || site >= s->sites_count)
		return;
	for (size_t i = 0; i < TEND__SITE_BYTES - 1 && text[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		out[i] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
	}
}

static uint64_t id_of(const tend_snapshot *s, const struct tend__row *r)
{
	return tend__id(s->runtime, tend__word_generation(r->word), r->slot);
}

/* `out` is zeroed. */
static void fill(const tend_snapshot *s, const struct tend__row *r, struct tend_info *out)
{
	const struct tend__place *place = &s->places[r - s->rows];
	const struct tend__row *above = &s->rows[place->above];
	bool scope = tend__row_kind(r) == TEND_KIND_SCOPE;

	out->id = id_of(s, r);
	out->parent = above == r ? 0 : id_of(s, above);
	out->kind = (uint8_t)tend__row_kind(r);
	out->state = state_of(r, above != r && (above->word & TEND__SCOPE_CANCELED));
	if (!scope) {
		out->outcome = (uint8_t)((r->word & TEND__OUTCOME) >> TEND__OUTCOME_SHIFT);
		out->attempt = r->attempt;
	}
	out->torn = place->torn;
	out->pid = r->pid;
	out->result = r->result;
	out->spawned_at = r->spawned;
	out->since = r->since;
	out->checkpoints = r->checkpoints;
	out->last_event = r->event;
	memcpy(out->name, s->names + place->name, place->length);
	wait_of(s, r, out->wait, sizeof out->wait);
	site_of(s, r->site_kind >> 8, out->site);
}

const struct tend_info *tend_snapshot_at(const tend_snapshot *snapshot, size_t index)
{
	/* A row is put into words for the first who asks; "one at a time". */
	tend_snapshot *s = (tend_snapshot *)(uintptr_t)snapshot;
	static const struct tend_info none;

	if (!s->infos) {
		s->infos_bytes = (s->count + 1) * sizeof *s->infos;
		s->infos = tend__snapshot_reserve(&s->infos_bytes);
		if (!s->infos)
			return &none;
	}
	if (!s->infos[index].name[0]) /* no row is without a name */
		fill(s, &s->rows[s->order[index]], &s->infos[index]);
	return &s->infos[index];
}

/* ---- The tree as text ----
 *
 * Drawn from the scopes down, so what lies in a scope stands below it, also where
 * another of the same name stands before. */

struct drawing {
	const tend_snapshot *s;
	uint32_t flags;
	size_t width;           /* of the names with their branches, in characters */
	uint32_t *first, *next; /* by row, plus one: what is in it, and its sibling */
};

static size_t width_of(const tend_snapshot *s, uint32_t row)
{
	size_t n = 3 * (size_t)s->places[row].depth;

	for (const char *c = tend__row_name(s, row); *c; c++)
		n += ((unsigned char)*c & 0xc0) != 0x80;
	return n;
}

static void branches(const struct drawing *d, uint32_t row, struct tend__text *t)
{
	const bool ascii = d->flags & TEND_TREE_ASCII;
	const struct tend__place *places = d->s->places;
	uint32_t depth = places[row].depth;
	bool open[TEND__TREE_DEPTH];

	for (uint32_t up = row; places[up].depth > 0; up = places[up].above)
		open[places[up].depth] = places[up].open;
	for (uint32_t k = 1; k < depth; k++)
		tend__text_s(t, !open[k] ? "   " : ascii ? "|  " : "│  ");
	if (depth && open[depth])
		tend__text_s(t, ascii ? "|- " : "├─ ");
	else if (depth)
		tend__text_s(t, ascii ? "`- " : "└─ ");
}

/* Marks that turn a line of a terminal around: right in a name, wrong in a table. */
static size_t misleading(const char *c)
{
	const unsigned char *u = (const unsigned char *)c;

	if (u[0] == 0xd8 && u[1] == 0x9c)
		return 2;
	if (u[0] == 0xef && u[1] == 0xbb && u[2] == 0xbf)
		return 3;
	if (u[0] != 0xe2 || (u[1] != 0x80 && u[1] != 0x81))
		return 0;
	if (u[1] == 0x81)
		return u[2] >= 0xa0 && u[2] <= 0xa9 ? 3 : 0;
	return (u[2] >= 0x8b && u[2] <= 0x8f) || (u[2] >= 0xa8 && u[2] <= 0xae) ? 3 : 0;
}

static void draw_name(const char *name, struct tend__text *t)
{
	for (size_t n, skip = 0; *name; name += n + skip) {
		for (n = 0; name[n] && !(skip = misleading(name + n)); n++) {}
		tend__text_bytes(t, name, n);
		if (name[n])
			tend__text_bytes(t, "?", 1);
		else
			return;
	}
}

static void draw_spaces(struct tend__text *t, size_t n)
{
	static const char spaces[] = "                ";

	for (size_t m; n > 0; n -= m) {
		m = n < sizeof spaces - 1 ? n : sizeof spaces - 1;
		tend__text_bytes(t, spaces, m);
	}
}

/* A word of the table, and the spaces up to the next. */
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

/* Only what few rows have goes through printf, which takes longer than all the rest. */
static void draw_row(const struct drawing *d, uint32_t row, struct tend__text *t)
{
	struct tend_info info = {0};
	size_t n = width_of(d->s, row);

	fill(d->s, &d->s->rows[row], &info);
	branches(d, row, t);
	draw_name(info.name, t);
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
	draw_also(t, info.wait);
	draw_also(t, info.site);
	if (info.torn)
		draw_also(t, "torn");
	tend__text_bytes(t, "\n", 1);
}

/* Last row first, so that each list comes out in order. Answers the first of
 * those that are in nothing, plus one. */
static uint32_t link_rows(struct drawing *d)
{
	uint32_t top = 0;

	for (size_t i = d->s->count; i-- > 0;) {
		uint32_t row = d->s->order[i];
		struct tend__place *place = &d->s->places[row];
		uint32_t *list = place->depth ? &d->first[place->above] : &top;
		size_t n = width_of(d->s, row);

		place->open = *list != 0;
		d->next[row] = *list;
		*list = row + 1;
		d->width = n > d->width ? n : d->width;
	}
	d->width = d->width > 60 ? 60 : d->width;
	return top;
}

size_t tend_snapshot_text(const tend_snapshot *s, uint32_t flags, char *buf, size_t size)
{
	size_t bytes = (s->count + 1) * 2 * sizeof(uint32_t);
	struct tend__text t = tend__text(buf, size);
	struct drawing d = {.s = s, .flags = flags, .first = tend__snapshot_reserve(&bytes)};
	uint32_t at;

	if (!d.first)
		return 0;
	d.next = d.first + s->count + 1;
	at = link_rows(&d);
	while (at) {
		uint32_t row = at - 1;

		draw_row(&d, row, &t);
		at = d.first[row];
		/* Nothing in it: on with what follows it, or what it is in. */
		while (!at) {
			at = d.next[row];
			if (!s->places[row].depth)
				break;
			row = s->places[row].above;
		}
	}
	tend__unreserve(d.first, bytes);
	return t.n;
}
