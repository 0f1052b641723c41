/* segment/sites.c - the places of spawns, each interned once. */
#include "segment/segment.h"

#include <string.h>

/* Interns a literal under the lock. Returns its index, or 0, "?", if the table is full. */
__attribute__((noinline, cold)) uint32_t tend__site_add(struct tend__segment *s,
                                                        const char *literal)
{
	uint32_t i = tend__site_hash(literal);
	size_t n = strlen(literal);

	tend__lock(&s->lock);
	/* Relaxed: the table is written under this lock only. */
	while (tend__load_relaxed(&s->sites[i].literal) &&
	       tend__load_relaxed(&s->sites[i].literal) != literal)
		i = (i + 1) % TEND__SITE_KEYS;
	uint32_t site = tend__load_relaxed(&s->sites[i].site);
	if (!tend__load_relaxed(&s->sites[i].literal)) {
		site = tend__load_relaxed(&s->header->sites_used);
		if (site == TEND__SITES_MAX)
			site = 0;
		else {
			/* The end of a long path says more than the beginning. */
			size_t skip = n < TEND__SITE_BYTES ? 0 : n - (TEND__SITE_BYTES - 1);

			tend__assert(site > 0 && site < TEND__SITES_MAX);
			memcpy(tend__site_at(s->header, site), literal + skip, n - skip + 1);
			/* Release: a reader that sees the count sees the text. */
			tend__store_release(&s->header->sites_used, site + 1);
			tend__store_relaxed(&s->sites[i].site, site);
			/* Release: pairs with the acquire in tend__site(). */
			tend__store_release(&s->sites[i].literal, literal);
		}
	}
	bool strange = !tend__module_has(s, literal);
	tend__unlock(&s->lock);
	/* The literal is of a file that was loaded since. Without the lock, because a thread may
	 * spawn while it is inside of the loader. */
	if (strange)
		tend__modules_find(s);
	return site;
}
