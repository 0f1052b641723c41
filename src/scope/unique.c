/* scope/unique.c - the names that live in a scope where no two are the same.
 *
 * A hash table with chains, under the lock of the scope. A name is entered after the admission, so
 * a refused task leaves the scope again; and is left before the end is told, so a name is free for
 * each thread that knows of the end. */
#include "scope/scope.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>

enum { LEAST = 8 };

struct entry {
	struct entry *next;
	uint64_t id; /* the task's or scope's */
	uint64_t name[6];
};

struct tend__names {
	uint32_t count, size; /* size: a power of two */
	struct entry **chains;
};

static uint64_t hash(const uint64_t name[6])
{
	uint64_t h = 0;

	for (int i = 0; i < 6; i++) {
		h = (h ^ name[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

static struct entry **chain_of(const struct tend__names *n, const uint64_t name[6])
{
	return &n->chains[hash(name) & (n->size - 1)];
}

struct tend__names *tend__unique_open(void)
{
	struct tend__names *n = tend__alloc(sizeof(*n));
	struct entry **chains = n ? tend__alloc(LEAST * sizeof(struct entry *)) : NULL;

	if (!chains) {
		tend__free(n);
		return NULL;
	}
	n->size = LEAST;
	n->chains = chains;
	return n;
}

void tend__unique_close(struct tend__names *n)
{
	if (!n)
		return;
	tend__assert(n->count == 0);
	tend__free(n->chains);
	tend__free(n);
}

static void move(struct tend__names *n, struct entry **chains, uint32_t size)
{
	struct tend__names larger = {.count = n->count, .size = size, .chains = chains};

	for (uint32_t i = 0; i < n->size; i++)
		for (struct entry *e = n->chains[i], *next; e; e = next) {
			struct entry **to = chain_of(&larger, e->name);

			next = e->next;
			e->next = *to;
			*to = e;
		}
	*n = larger;
}

/* Makes room if the chains are long. Without memory they get longer. */
static void grow(struct tend__scope *s)
{
	tend__lock(&s->home.lock);
	uint32_t size = s->names->size, wanted = 2 * size;
	bool full = s->names->count >= size && wanted > size;
	tend__unlock(&s->home.lock);
	struct entry **chains = full ? tend__alloc(wanted * sizeof(struct entry *)) : NULL;
	if (!chains)
		return;
	struct entry **spare = chains;
	tend__lock(&s->home.lock);
	/* Another spawn may have made room meanwhile. */
	if (s->names->size == size) {
		spare = s->names->chains;
		move(s->names, chains, wanted);
	}
	tend__unlock(&s->home.lock);
	tend__free(spare);
}

int tend__unique_enter(struct tend__scope *s, uint64_t id, const uint64_t name[6])
{
	struct entry *e = tend__alloc(sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->id = id;
	memcpy(e->name, name, sizeof(e->name));
	grow(s);
	tend__lock(&s->home.lock);
	struct entry **chain = chain_of(s->names, name), *same = *chain;
	while (same && memcmp(same->name, name, sizeof(same->name)) != 0)
		same = same->next;
	if (!same) {
		e->next = *chain;
		*chain = e;
		s->names->count++;
	}
	tend__unlock(&s->home.lock);
	if (same)
		tend__free(e);
	return same ? -EEXIST : 0;
}

void tend__unique_leave(struct tend__scope *s, uint64_t id, const struct tend__record *r)
{
	uint64_t name[6];
	struct entry *e;

	tend__name_load(r->name, name);
	tend__lock(&s->home.lock);
	struct entry **at = chain_of(s->names, name);
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	e = *at;
	if (e) {
		*at = e->next;
		s->names->count--;
	}
	tend__unlock(&s->home.lock);
	tend__free(e);
}
