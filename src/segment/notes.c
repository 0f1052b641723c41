/* segment/notes.c - facts of few records, each in a note beside the records. */
#include "segment/segment.h"

#include "platform/platform.h"

bool tend__notes_open(struct tend__segment *s, uint32_t slots)
{
	s->note_next = tend__reserve((size_t)slots * sizeof(*s->note_next));
	s->note_first = tend__reserve((size_t)slots * sizeof(*s->note_first));
	return s->note_next && s->note_first;
}

void tend__notes_close(struct tend__segment *s, uint32_t slots)
{
	if (s->note_next)
		tend__unreserve(s->note_next, (size_t)slots * sizeof(*s->note_next));
	if (s->note_first)
		tend__unreserve(s->note_first, (size_t)slots * sizeof(*s->note_first));
}

/* Makes the next note that was never used fit to be written. Returns the note, or 0. */
static uint32_t first_use(struct tend__segment *s) TEND_REQUIRES(&s->lock)
{
	enum { STEP = 32 };
	struct tend__header *h = s->header;
	/* Relaxed: written under this lock only. */
	uint32_t note = tend__load_relaxed(&h->notes_used);
	uint32_t end = note + STEP < h->records_max ? note + STEP : h->records_max;

	tend__assert_held(&s->lock);
	note = note ? note : 1; /* note 0 is none */
	if (note >= h->records_max)
		return 0;
	if (note >= s->notes_usable) {
		if (tend__area_use(s, TEND__AREA_NOTES, s->notes_usable, end))
			return 0;
		s->notes_usable = end;
	}
	/* Release: readers look no further than notes_used. */
	tend__store_release(&h->notes_used, note + 1);
	return note;
}

static uint32_t take(struct tend__segment *s) TEND_REQUIRES(&s->lock)
{
	uint32_t note = s->notes_free;

	tend__assert_held(&s->lock);
	if (!note)
		return first_use(s);
	s->notes_free = s->note_next[note];
	return note;
}

static void give(struct tend__segment *s, uint32_t note) TEND_REQUIRES(&s->lock)
{
	struct tend__note *n = tend__note_at(s->header, note);
	/* Relaxed: written under this lock only. */
	uint32_t generation = tend__word_generation(tend__load_relaxed(&n->word)) + 1;

	tend__assert_held(&s->lock);
	/* Release: a reader that sees the new generation drops its copy. */
	tend__store_release(&n->word, (uint64_t)generation << 32);
	s->note_next[note] = s->notes_free;
	s->notes_free = note;
}

static uint32_t kind_of(struct tend__segment *s, uint32_t note)
{
	/* Relaxed: the kind is written under the lock of the segment. */
	return (uint32_t)tend__load_relaxed(&tend__note_at(s->header, note)->word) & 0xff;
}

/* Returns the place in the lists that has the note of the kind, or that has 0. */
static uint32_t *find(struct tend__segment *s, uint32_t slot, enum tend__note_kind kind)
	TEND_REQUIRES(&s->lock)
{
	uint32_t *place = &s->note_first[slot];

	tend__assert_held(&s->lock);
	while (*place && kind_of(s, *place) != (uint32_t)kind)
		place = &s->note_next[*place];
	return place;
}

/* Puts a free note in front of the notes of a record. The fields are as good as empty until the
 * caller writes them: the number is of no record. Returns the note, or 0. */
static uint32_t add(struct tend__segment *s, uint32_t slot, enum tend__note_kind kind)
	TEND_REQUIRES(&s->lock)
{
	uint32_t note = take(s);

	if (!note)
		return 0;
	struct tend__note *n = tend__note_at(s->header, note);
	/* Relaxed: the note is the caller's alone. */
	uint64_t generation = tend__word_generation(tend__load_relaxed(&n->word));
	s->note_next[note] = s->note_first[slot];
	s->note_first[slot] = note;
	tend__store_release(&n->number, UINT64_C(0));
	tend__store_release(&n->next, s->note_next[note]);
	/* Release, both: a reader that finds the note finds the stores above. */
	tend__store_release(&n->word, generation << 32 | (uint32_t)kind);
	tend__store_release(tend__note_of(s->header, slot), note);
	return note;
}

struct tend__note *tend__note_set(struct tend__segment *s, uint64_t id,
                                  const struct tend__note_facts *facts)
{
	const uint32_t slot = tend__id_slot(id);

	tend__assert(slot > 0 && slot < s->header->records_max && facts->kind);
	tend__lock(&s->lock);
	uint32_t note = *find(s, slot, facts->kind);
	if (!note)
		note = add(s, slot, facts->kind);
	tend__unlock(&s->lock);
	if (!note)
		return NULL;
	struct tend__note *n = tend__note_at(s->header, note);
	/* The sequence of layout.h. Relaxed: the fields are the caller's to write. */
	uint32_t seq = tend__load_relaxed(&n->seq);
	tend__assert(!(seq & 1));
	tend__store_relaxed(&n->seq, seq + 1);
	tend__store_release(&n->a, facts->a);
	tend__store_release(&n->b, facts->b);
	tend__store_release(&n->at, facts->at);
	tend__store_release(&n->code, facts->code);
	tend__store_release(&n->code2, facts->code2);
	tend__store_release(&n->site, facts->site);
	tend__store_release(&n->n, facts->n);
	tend__store_release(&n->number, id);
	tend__text_store(n->text, 8, facts->text);
	tend__store_release(&n->seq, seq + 2);
	return n;
}

uint32_t tend__note_n(struct tend__segment *s, uint64_t id, enum tend__note_kind kind,
                      uint32_t otherwise)
{
	tend__lock(&s->lock);
	uint32_t note = *find(s, tend__id_slot(id), kind);
	/* Relaxed: a single field, of which any of the last values will do. */
	uint32_t n = note ? tend__load_relaxed(&tend__note_at(s->header, note)->n) : otherwise;
	tend__unlock(&s->lock);
	return n;
}

/* Takes a note out of its list, in which readers may be, and gives it back. */
static void drop(struct tend__segment *s, uint32_t slot, uint32_t *place) TEND_REQUIRES(&s->lock)
{
	uint32_t note = *place;

	tend__assert_held(&s->lock);
	*place = s->note_next[note];
	/* Release: a reader that follows the list finds the notes behind. */
	if (place == &s->note_first[slot])
		tend__store_release(tend__note_of(s->header, slot), *place);
	else
		tend__store_release(
			&tend__note_at(s->header, (uint32_t)(place - s->note_next))->next, *place);
	give(s, note);
}

void tend__note_clear(struct tend__segment *s, uint64_t id, enum tend__note_kind kind)
{
	const uint32_t slot = tend__id_slot(id);

	tend__lock(&s->lock);
	uint32_t *place = find(s, slot, kind);
	if (*place)
		drop(s, slot, place);
	tend__unlock(&s->lock);
}

void tend__notes_give(struct tend__segment *s, uint32_t slot)
{
	tend__lock(&s->lock);
	while (s->note_first[slot])
		drop(s, slot, &s->note_first[slot]);
	tend__unlock(&s->lock);
}
