#include "segment/say.h"

#include "tend/registry.h"

#include "base/atomic.h"
#include "base/error.h"
#include "segment/words.h"

enum { LEVELS = 256 };

static size_t name_of(struct tend__header *h, uint32_t slot, char out[48])
{
	uint64_t words[6];

	tend__name_load(tend__record_at(h, slot)->name, words);
	return tend__name_unpack(words, out);
}

void tend__say_path(struct tend__text *t, struct tend__header *h, uint32_t slot)
{
	uint32_t chain[LEVELS];
	size_t bytes = sizeof(".../");
	char name[48];
	int n = 0;

	for (; slot > 0 && slot < h->records_max && n < LEVELS; n++) {
		chain[n] = slot;
		bytes += name_of(h, slot, name) + 1;
		/* The next level only if the path still fits; the last level always fits. */
		if (n > 0 && bytes > TEND_PATH_MAX)
			break;
		/* Acquire: pairs with the release of the record's fields, see
		 * segment/layout.h. */
		slot = tend__load_acquire(&tend__record_at(h, slot)->parent);
	}
	if (n > 0 && chain[n - 1] != 1)
		tend__text_s(t, ".../");
	while (n-- > 0) {
		size_t len = name_of(h, chain[n], name);

		tend__text_bytes(t, name, len);
		if (n)
			tend__text_s(t, "/");
	}
}

void tend__say_task(struct tend__text *t, struct tend__header *h, uint32_t slot, bool runs,
                    uint64_t now)
{
	struct tend__record *r = tend__record_at(h, slot);
	uint64_t word = tend__load_acquire(&r->word);
	uint32_t site_kind = tend__load_acquire(&r->site_kind), site = site_kind >> 8;
	uint32_t state = runs ? TEND__RUNNING : (uint32_t)word & TEND__STATE;

	tend__say_path(t, h, slot);
	tend__text_s(t, " (#");
	tend__text_number(t, tend__id(h->runtime, tend__word_generation(word), slot));
	tend__text_s(t, ", ");
	tend__text_s(t, tend_kind_name(site_kind & 0xff));
	tend__text_s(t, ", ");
	tend__text_s(t, tend_state_name(state));
	if (state == TEND__PARKED) {
		tend__text_s(t, " in ");
		tend__wait_text(t, (uint32_t)(word & TEND__WAIT) >> TEND__WAIT_SHIFT,
		                tend__load_acquire(&r->object), now);
	}
	if (word & TEND__CANCELED)
		tend__text_s(t, ", canceled");
	if (site && site < TEND__SITES_MAX) {
		tend__text_s(t, ", spawned at ");
		tend__text_s(t, tend__site_at(h, site));
	}
	tend__text_s(t, ")");
}
