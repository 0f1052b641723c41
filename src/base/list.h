/* base/list.h - circular doubly linked list, links inside the member.
 *
 * A head and a detached link both point at themselves, so unlinking twice is
 * harmless and "is it queued" is one load. */
#ifndef TEND_BASE_LIST_H
#define TEND_BASE_LIST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct tend__link {
	struct tend__link *next, *prev;
};

#define tend__entry(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void tend__link_init(struct tend__link *l) { l->next = l->prev = l; }
static inline bool tend__linked(const struct tend__link *l) { return l->next != l; }

static inline void tend__link_append(struct tend__link *head, struct tend__link *l)
{
	tend__assert(!l->next || l->next == l); /* zeroed or detached, and in no other list */
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void tend__unlink(struct tend__link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	tend__link_init(l);
}

#endif
