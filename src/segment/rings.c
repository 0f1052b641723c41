/* segment/rings.c - events: a ring of each worker, and one of all other threads. */
#include "segment/segment.h"

int tend__rings_use(struct tend__segment *s)
{
	int error = 0;

	tend__lock(&s->lock);
	if (!s->rings_usable)
		error = tend__area_use(s, TEND__AREA_EVENTS, 0,
		                       s->header->area[TEND__AREA_EVENTS - 1].count);
	s->rings_usable |= !error;
	tend__unlock(&s->lock);
	return error;
}

/* Called by the worker of the ring, or under the segment's lock for the last ring. */
static void write_event(struct tend__header *h, uint32_t ring, struct tend__record *r,
                        const struct tend__event *event)
{
	struct tend__ring *to = tend__ring_at(h, ring);
	/* Relaxed: the kind of a live record does not change. */
	uint32_t kind = tend__load_relaxed(&r->site_kind) & 0xff;
	uint64_t number = tend__add(&h->events, 1) + 1; /* after what the event tells of */
	/* Relaxed: a ring has a single writer at a time. */
	uint64_t head = tend__load_relaxed(&to->head);
	struct tend__event_slot *e = tend__event_at(h, ring, head);

	tend__assert(kind && event->type && number);
	/* As with the sequence of a record: the number is 0 while the slot is written, and
	 * stored last (release). The reader loads the number, copies the slot, and compares
	 * the number again. */
	tend__store_relaxed(&e->number, 0);
	tend__store_release(&e->at, event->at);
	tend__store_release(&e->id, event->id);
	tend__store_release(&e->parent, event->parent);
	tend__store_release(&e->bits, event->type | kind << 8 | event->outcome << 16);
	tend__store_release(&e->result, event->result);
	uint64_t name[6];
	tend__name_load(r->name, name);
	tend__name_store(e->name, name);
	/* Relaxed: a hint; the event of an attempt is written while the attempt stands. */
	tend__store_release(&e->attempt, tend__load_relaxed(&r->attempt));
	tend__store_release(&e->error, event->error);
	tend__store_release(&e->delay, event->delay);
	tend__store_release(&e->number, number);
	tend__store_release(&to->head, head + 1);
	/* Relaxed: a hint for readers, the last event of the record. */
	tend__store_relaxed(&r->event, number);
}

__attribute__((noinline)) void tend__event_emit(struct tend__segment *s, uint32_t ring,
                                                struct tend__record *r,
                                                const struct tend__event *event)
{
	struct tend__header *h = s->header;

	if (ring < h->workers) {
		write_event(h, ring, r, event);
		return;
	}
	tend__assert(ring == h->workers);
	tend__lock(&s->lock);
	write_event(h, ring, r, event);
	tend__unlock(&s->lock);
}
