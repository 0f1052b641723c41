/* registry/notes.c - the notes of rows, and the facts of the whole process: the loaded files, the
 * words for waits, the ends before. As in
 * snapshot.c, no value of the segment is trusted. */
#include "registry/snapshot.h"

#include "tend/task.h"

#include "base/atomic.h"
#include "base/error.h"

#include <string.h>

enum { RETRIES = 16, NOTES_OF_ONE = 8 };

void tend__make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text == 0x7f)
			*text = '?';
}

/* ---- Notes ---- */

/* Copies a note of the record with the id. Returns false if the note belongs to a different
 * record, or changes all the time. Partners: segment/layout.h. */
static bool copy_note(struct tend__note *n, uint64_t id, struct tend__fact *out)
{
	for (int i = 0; i < RETRIES; i++) {
		uint32_t seq = tend__load_acquire(&n->seq);

		out->kind = (uint32_t)tend__load_acquire(&n->word) & 0xff;
		out->a = tend__load_acquire(&n->a);
		out->b = tend__load_acquire(&n->b);
		out->at = tend__load_acquire(&n->at);
		out->code = tend__load_acquire(&n->code);
		out->code2 = tend__load_acquire(&n->code2);
		out->n = tend__load_acquire(&n->n);
		uint64_t number = tend__load_acquire(&n->number);
		tend__text_load(n->text, 8, out->text);
		/* Relaxed: the acquires above order this load after the copies. */
		if (!(seq & 1) && tend__load_relaxed(&n->seq) == seq) {
			tend__make_printable(out->text);
			return number == id;
		}
	}
	return false;
}

static bool is_noted(const tend_snapshot *s, uint32_t row)
{
	return s->rows[row].word &
	       (s->places[row].scope ? (uint64_t)TEND__SCOPE_NOTED : (uint64_t)TEND__NOTED);
}

static void copy_notes_of(tend_snapshot *s, struct tend__header *live,
                          const struct tend__view *view, uint32_t row)
{
	const struct tend__span *notes = &view->area[TEND__AREA_NOTES];
	const struct tend__span *firsts = &view->area[TEND__AREA_NOTE_OF];
	const struct tend__row *r = &s->rows[row];
	uint64_t id = tend__id(view->h.runtime, tend__word_generation(r->word), r->slot);

	if (r->slot >= firsts->count)
		return;
	_Atomic uint32_t *first = tend__element(live, firsts, r->slot);
	uint32_t note = tend__load_acquire(first);
	for (int i = 0; i < NOTES_OF_ONE && note && note < notes->count; i++) {
		struct tend__note *n = tend__element(live, notes, note);

		if (s->facts_count == s->facts_max)
			return;
		s->facts[s->facts_count].row = row;
		s->facts_count += copy_note(n, id, &s->facts[s->facts_count]);
		note = tend__load_acquire(&n->next);
	}
}

const struct tend__fact *tend__snapshot_fact(const tend_snapshot *s, uint32_t row,
                                             enum tend__note_kind kind)
{
	uint32_t low = 0, high = s->facts_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->facts[middle].row < row)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->facts_count && s->facts[low].row == row; low++)
		if (s->facts[low].kind == (uint32_t)kind)
			return &s->facts[low];
	return NULL;
}

/* ---- The process ---- */

static void copy_modules(tend_snapshot *s, struct tend__header *live,
                         const struct tend__span *modules)
{
	uint32_t used = tend__load_acquire(&live->modules_used);

	s->modules_count = used < modules->count ? used : (uint32_t)modules->count;
	for (uint32_t i = 0; i < s->modules_count; i++) {
		struct tend__module *m = &s->modules[i];

		memcpy(m, tend__element(live, modules, i), sizeof(*m));
		m->path[sizeof(m->path) - 1] = 0;
		if (m->id_bytes > sizeof(m->id))
			m->id_bytes = 0;
	}
}

/* Only of kinds that this reader does not know. */
static void copy_words(tend_snapshot *s, struct tend__header *live, const struct tend__span *words)
{
	s->words_count = (uint32_t)words->count;
	for (uint32_t i = TEND__WAIT_KINDS; i < s->words_count; i++) {
		struct tend__wait_word *w = &s->words[i];

		memcpy(w, tend__element(live, words, i), sizeof(*w));
		w->text[sizeof(w->text) - 1] = 0;
		tend__make_printable(w->text);
	}
}

/* Copies an end. Returns false if a later end has taken its place. */
static bool copy_end(tend_snapshot *s, struct tend__past *p, uint64_t wanted,
                     struct tend_end_info *out)
{
	uint64_t number = tend__load_acquire(&p->number), name[6];

	if (number != wanted)
		return false;
	*out = (struct tend_end_info){.size = sizeof(*out), .number = number};
	out->at = tend__load_acquire(&p->at);
	out->id = tend__load_acquire(&p->id);
	out->parent = tend__load_acquire(&p->parent);
	out->spawned_at = tend__load_acquire(&p->spawned);
	out->where = tend__load_acquire(&p->where);
	uint32_t bits = tend__load_acquire(&p->bits);
	out->kind = (uint8_t)bits;
	out->outcome = (uint8_t)(bits >> 8);
	out->result = tend__load_acquire(&p->result);
	uint32_t site = tend__load_acquire(&p->site);
	out->attempt = tend__load_acquire(&p->attempt);
	tend__name_load(p->name, name);
	tend__name_unpack(name, out->name);
	tend__make_printable(out->name);
	tend__text_load(p->text, 5, out->text);
	tend__make_printable(out->text);
	if (site && site < s->sites_count) {
		memcpy(out->site, s->sites + (size_t)site * TEND__SITE_BYTES, TEND__SITE_BYTES - 1);
		tend__make_printable(out->site);
	}
	/* Relaxed: the acquires above order it after the copy. */
	return tend__load_relaxed(&p->number) == number;
}

static void copy_ends(tend_snapshot *s, struct tend__header *live, const struct tend__span *past)
{
	uint64_t last = tend__load_acquire(&live->history);
	uint64_t n = last < past->count ? last : past->count;

	s->ends_count = 0;
	for (uint64_t number = last - n + 1; n > 0; number++, n--)
		s->ends_count += copy_end(s, tend__element(live, past, (number - 1) % past->count),
		                          number, &s->ends[s->ends_count]);
}

void tend__snapshot_notes(tend_snapshot *s, struct tend__header *live,
                          const struct tend__view *view)
{
	s->facts_count = 0;
	for (uint32_t row = 0; row < s->count && s->facts_max; row++)
		if (is_noted(s, row))
			copy_notes_of(s, live, view, row);
	copy_modules(s, live, &view->area[TEND__AREA_MODULES]);
	copy_words(s, live, &view->area[TEND__AREA_WORDS]);
	copy_ends(s, live, &view->area[TEND__AREA_HISTORY]);
}
