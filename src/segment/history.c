/* segment/history.c - the last ends that were not completed, for readers that come later. */
#include "segment/segment.h"

void tend__history_add(struct tend__segment *s, struct tend__record *r, const struct tend__end *end)
{
	struct tend__header *h = s->header;
	struct tend__past *slots = tend__own_area(h, TEND__AREA_HISTORY);
	uint64_t number = tend__add_relaxed(&h->history, 1) + 1;
	struct tend__past *p = &slots[(number - 1) % TEND__HISTORY_MAX];
	/* Relaxed: the exchange decides. */
	uint64_t old = tend__load_relaxed(&p->number);

	/* Many ends at once may come round to a slot that is still being written: the later end
	 * is not recorded. The exchange pairs with the release of the number below. */
	if (old == TEND__PAST_WRITTEN || !tend__cas(&p->number, &old, TEND__PAST_WRITTEN))
		return;
	/* Relaxed: the fields of an ended task's record do not change. */
	uint32_t site_kind = tend__load_relaxed(&r->site_kind);
	uint64_t name[6];
	tend__name_load(r->name, name);
	tend__store_release(&p->at, end->at);
	tend__store_release(&p->id, end->id);
	tend__store_release(&p->parent, end->parent);
	tend__store_release(&p->spawned, tend__load_relaxed(&r->spawned));
	tend__store_release(&p->where, tend__load_relaxed(&r->where));
	tend__store_release(&p->bits, (site_kind & 0xff) | end->outcome << 8);
	tend__store_release(&p->result, end->result);
	tend__store_release(&p->site, site_kind >> 8);
	tend__store_release(&p->attempt, tend__load_relaxed(&r->attempt));
	tend__name_store(p->name, name);
	tend__text_store(p->text, 5, end->text);
	tend__store_release(&p->number, number);
}
