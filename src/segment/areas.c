/* segment/areas.c - where each area lies, and memory for its elements. */
#include "segment/segment.h"

#include "platform/platform.h"

static uint64_t align(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

static void add(struct tend__header *h, enum tend__area_kind kind, size_t stride, uint64_t count)
{
	tend__assert(kind == h->areas + 1 && stride > 0);
	h->area[h->areas++] = (struct tend__area){
		.kind = kind, .stride = (uint32_t)stride, .at = h->bytes, .count = count};
	h->bytes = align(h->bytes + count * stride, tend__page_bytes());
}

void tend__areas_lay_out(struct tend__header *h)
{
	const uint64_t rings = h->workers + 1;

	h->bytes = align(sizeof(*h), tend__page_bytes());
	/* In the order of the kinds, and what is used from the beginning first. */
	add(h, TEND__AREA_SITES, TEND__SITE_BYTES, TEND__SITES_MAX);
	add(h, TEND__AREA_RINGS, TEND__RING_STRIDE, rings);
	add(h, TEND__AREA_EVENTS, sizeof(struct tend__event_slot), rings * h->ring_slots);
	add(h, TEND__AREA_MODULES, sizeof(struct tend__module), TEND__MODULES_MAX);
	add(h, TEND__AREA_WORDS, sizeof(struct tend__wait_word), TEND__WORDS_MAX);
	add(h, TEND__AREA_HISTORY, sizeof(struct tend__past), TEND__HISTORY_MAX);
	add(h, TEND__AREA_HISTOGRAMS, sizeof(uint64_t), 0);
	/* As many notes as records: a note that is not used costs an address. */
	add(h, TEND__AREA_NOTES, sizeof(struct tend__note), h->records_max);
	add(h, TEND__AREA_NOTE_OF, sizeof(uint32_t), h->records_max);
	add(h, TEND__AREA_RECORDS, sizeof(struct tend__record), h->records_max);
	tend__assert(h->areas == TEND__AREA_KINDS - 1 && h->areas <= TEND__AREAS_MAX);
}

int tend__area_use(const struct tend__segment *s, enum tend__area_kind kind, uint64_t from,
                   uint64_t to)
{
	const struct tend__area *a = &s->header->area[kind - 1];

	tend__assert(a->kind == kind && from < to && to <= a->count);
	if (kind == TEND__AREA_RECORDS && s->tasks)
		tend__dump(s->tasks + from * s->task_bytes, (to - from) * s->task_bytes, true);
	return tend__segment_use(s->header, a->at + from * a->stride, a->at + to * a->stride, s->fd,
	                         s->path);
}
