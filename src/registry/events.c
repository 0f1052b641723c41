/* registry/events.c - reading the rings of events.
 *
 * The rings are per worker and their numbers are one sequence, so that a reader
 * puts them in order. It waits for nobody: a number that is given out and not
 * yet written is not passed over for as long as it may still come, that is until
 * the ring it is missing from has gone round. */
#include "tend/registry.h"

#include "runtime/runtime.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>

struct tend_subscription {
	tend_runtime *rt;
	uint64_t next;                   /* number of the first event not taken */
	uint64_t doubt;                  /* up to this one, some were overwritten */
	uint64_t heads[TEND__RINGS_MAX]; /* of each ring, the first slot not taken */
};

int tend_subscribe(tend_runtime *rt, tend_subscription **out)
{
	struct tend__header *h = tend__runtime_segment(rt);
	tend_subscription *sub;

	if (!h)
		return -ESTALE;
	sub = tend__alloc(sizeof *sub);
	if (!sub)
		return -ENOMEM;
	sub->rt = rt;
	/* seq_cst: what is spawned after this call is seen to be wanted. */
	tend__add(&h->subscribers, 1);
	for (uint32_t i = 0; i < h->rings; i++)
		sub->heads[i] = tend__load_acquire(&tend__ring_at(h, i)->head);
	sub->next = tend__load_acquire(&h->events) + 1;
	*out = sub;
	return 0;
}

void tend_unsubscribe(tend_subscription *sub)
{
	if (!sub)
		return;
	if (!tend__forked())
		tend__add(&sub->rt->segment.header->subscribers, (uint32_t)-1);
	tend__free(sub);
}

/* Copies slot `at` of a ring; false if it is being written or was overwritten. */
static bool copy(struct tend__header *h, uint32_t ring, uint64_t at, struct tend_event_info *out)
{
	struct tend__event_slot *e = &tend__ring_slots(tend__ring_at(h, ring))[at % h->ring_slots];
	/* Acquire: pairs with the release of the number in tend__event_emit(). */
	uint64_t number = tend__load_acquire(&e->number), words[6];
	uint32_t bits;

	if (!number)
		return false;
	memset(out, 0, sizeof *out);
	out->number = number;
	out->at = tend__load_acquire(&e->at);
	out->id = tend__load_acquire(&e->id);
	out->parent = tend__load_acquire(&e->parent);
	bits = tend__load_acquire(&e->bits);
	out->type = (uint8_t)bits;
	out->kind = (uint8_t)(bits >> 8);
	out->outcome = (uint8_t)(bits >> 16);
	out->result = tend__load_acquire(&e->result);
	tend__name_load(e->name, words);
	tend__name_unpack(words, out->name);
	/* Relaxed: the acquires above order it after the copy. */
	return tend__load_relaxed(&e->number) == number;
}

/* The lowest number at the heads of the rings, copied; -1 if there is none. */
static int first(tend_subscription *sub, struct tend__header *h, struct tend_event_info *out)
{
	struct tend_event_info e;
	int ring = -1;

	for (uint32_t i = 0; i < h->rings; i++) {
		uint64_t head = tend__load_acquire(&tend__ring_at(h, i)->head);

		/* One slot less than there are: that one may be written right now. */
		if (head - sub->heads[i] >= h->ring_slots) {
			sub->heads[i] = head - h->ring_slots + 1;
			sub->doubt = tend__load_acquire(&h->events);
		}
		while (sub->heads[i] < head) {
			if (!copy(h, i, sub->heads[i], &e)) {
				sub->heads[i]++; /* overwritten: it counts as lost by its number */
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

/* A number that is missing is on its way: its writer has it, and has not come to write
 * it down. Or it was overwritten, if any have been: we cannot know which, so wait for it
 * a few looks, and then call it lost. */
int64_t tend_events_take(tend_subscription *sub, struct tend_event_info *out, size_t max,
                         uint64_t *lost)
{
	struct tend__header *h = tend__runtime_segment(sub->rt);
	uint64_t missing = 0;
	size_t n = 0;

	if (!h)
		return -ESTALE;
	while (n < max) {
		int ring = -1;

		for (int look = 0; look < 64; look++) {
			ring = first(sub, h, &out[n]);
			if (ring < 0 || out[n].number == sub->next)
				break;
		}
		if (ring < 0 || (out[n].number != sub->next && sub->next > sub->doubt))
			break;
		missing += out[n].number - sub->next;
		sub->next = out[n].number + 1;
		sub->heads[ring]++;
		n++;
	}
	if (lost)
		*lost = missing;
	return (int64_t)n;
}
