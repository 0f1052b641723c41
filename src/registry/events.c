/* registry/events.c - reading the rings of events.
 *
 * Each worker has a ring, and the events of all rings are numbered in one sequence, by
 * which a reader puts the events in order. A reader never waits: a number that a writer
 * has taken and not yet written ends the answer, and is not passed over. The number is
 * lost only once a ring has been overwritten. */
#include "tend/registry.h"

#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

struct tend_subscription {
	uint64_t root;                   /* names the runtime, which may close before the end */
	uint64_t next;                   /* number of the first event not taken */
	uint64_t doubt;                  /* events were overwritten, and none above this number */
	uint64_t heads[TEND__RINGS_MAX]; /* by ring: the first slot not taken */
};

/* Returns the segment of the runtime that the caller has entered, or NULL if that is a later
 * runtime than the subscription's. */
static struct tend__header *segment_of(const tend_subscription *sub, const tend_runtime *rt)
{
	return rt && rt->segment.first_generation == tend__id_generation(sub->root)
	               ? rt->segment.header
	               : NULL;
}

int tend_subscribe(tend_runtime *at, tend_subscription **out)
{
	TEND__VISIT_AT(rt, at);

	if (!rt)
		return tend__no_such();
	struct tend__header *h = rt->segment.header;
	int error = tend__rings_use(&rt->segment);
	if (error)
		return error;
	tend_subscription *sub = tend__alloc(sizeof(*sub));
	if (!sub)
		return -ENOMEM;
	tend__assert(h->workers < TEND__RINGS_MAX);
	sub->root = tend__id(rt->index, rt->segment.first_generation, 1);
	/* seq_cst: a spawn after this call sees the subscriber. */
	tend__add(&h->subscribers, 1);
	tend__add(&rt->listeners, 1);
	for (uint32_t i = 0; i <= h->workers; i++)
		sub->heads[i] = tend__load_acquire(&tend__ring_at(h, i)->head);
	sub->next = tend__load_acquire(&h->events) + 1;
	*out = sub;
	return 0;
}

void tend_unsubscribe(tend_subscription *sub)
{
	if (!sub)
		return;
	TEND__VISIT(rt, sub->root);
	struct tend__header *h = segment_of(sub, rt);

	if (h) {
		tend__add(&h->subscribers, (uint32_t)-1);
		tend__add(&rt->listeners, (uint32_t)-1);
	}
	tend__free(sub);
}

/* Copies slot `at` of a ring. Returns false if a writer is at the slot, or has overwritten
 * the event. */
static bool copy(struct tend__header *h, uint32_t ring, uint64_t at, struct tend_event_info *out)
{
	struct tend__event_slot *e = tend__event_at(h, ring, at);
	/* Acquire: pairs with the release of the number in write_event() of
	 * segment/rings.c. */
	uint64_t number = tend__load_acquire(&e->number);

	if (!number)
		return false;
	memset(out, 0, sizeof(*out));
	out->number = number;
	out->at = tend__load_acquire(&e->at);
	out->id = tend__load_acquire(&e->id);
	out->parent = tend__load_acquire(&e->parent);
	uint32_t bits = tend__load_acquire(&e->bits);
	out->type = (uint8_t)bits;
	out->kind = (uint8_t)(bits >> 8);
	out->outcome = (uint8_t)(bits >> 16);
	out->result = tend__load_acquire(&e->result);
	uint32_t attempt = tend__load_acquire(&e->attempt);
	out->attempt = out->kind == TEND_KIND_SCOPE ? 0 : attempt;
	out->error = tend__load_acquire(&e->error);
	out->delay_ns = tend__load_acquire(&e->delay);
	uint64_t words[6];
	tend__name_load(e->name, words);
	tend__name_unpack(words, out->name);
	/* Relaxed: the acquires above order it after the copy. */
	return tend__load_relaxed(&e->number) == number;
}

/* Copies the event with the lowest number at the heads of the rings. Returns its ring, or
 * -1 without an event. */
static int first(tend_subscription *sub, struct tend__header *h, struct tend_event_info *out)
{
	int ring = -1;

	for (uint32_t i = 0; i <= h->workers; i++) {
		uint64_t head = tend__load_acquire(&tend__ring_at(h, i)->head);

		/* The oldest slot does not count, because its writer may be at work. */
		if (head - sub->heads[i] >= h->ring_slots) {
			sub->heads[i] = head - h->ring_slots + 1;
			sub->doubt = tend__load_acquire(&h->events);
		}
		tend__assert(sub->heads[i] <= head && head - sub->heads[i] < h->ring_slots);
		while (sub->heads[i] < head) {
			struct tend_event_info e;

			if (!copy(h, i, sub->heads[i], &e)) {
				sub->heads[i]++; /* overwritten: lost, as its number tells */
				sub->doubt = tend__load_acquire(&h->events);
				continue;
			}
			if (e.number < sub->next) {
				sub->heads[i]++; /* from before the subscription */
				continue;
			}
			if (ring < 0 || e.number < out->number) {
				*out = e;
				ring = (int)i;
			}
			break;
		}
	}
	return ring;
}

/* A missing number was taken by a writer that has not yet written the event; or, if
 * events were overwritten, the event may be lost. The reader cannot know which: after a
 * few looks, a number below `doubt` counts as lost. */
int64_t(tend_events_take)(tend_subscription *sub, struct tend_event_info *out, size_t max,
                          uint64_t *lost)
{
	size_t size = max ? tend__out_size(out) : 0;

	if (max && !size)
		return -EINVAL;
	TEND__VISIT(rt, sub->root);
	struct tend__header *h = segment_of(sub, rt);
	uint64_t missing = 0;
	size_t n = 0;

	if (!h)
		return tend__no_such();
	while (n < max) {
		struct tend_event_info e;
		int ring = -1;

		for (int look = 0; look < 64; look++) {
			ring = first(sub, h, &e);
			if (ring < 0 || e.number == sub->next)
				break;
		}
		if (ring < 0 || (e.number != sub->next && sub->next > sub->doubt))
			break;
		tend__assert(e.number >= sub->next);
		missing += e.number - sub->next;
		sub->next = e.number + 1;
		sub->heads[ring]++;
		tend__out_fill((char *)out + n * size, size, &e, sizeof(e));
		n++;
	}
	if (lost)
		*lost = missing;
	return (int64_t)n;
}
