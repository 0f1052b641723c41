#include "base/heap.h"

#include "base/error.h"

#include <stddef.h>

static struct tend__timer *meld(struct tend__timer *a, struct tend__timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->at < a->at) {
		struct tend__timer *swap = a;
		a = b;
		b = swap;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Melds a list of siblings into a tree: pairs from left to right, then the pairs from right
 * to left. Two loops, not recursion: a million timers with the same parent are a list a
 * million long. */
static struct tend__timer *meld_all(struct tend__timer *list)
{
	struct tend__timer *pairs = NULL, *root = NULL;

	while (list) {
		struct tend__timer *a = list, *b = a->next;

		list = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct tend__timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		root = meld(root, a);
	}
	return root;
}

void tend__heap_insert(struct tend__heap *heap, struct tend__timer *timer)
{
	tend__assert(!timer->queued);
	timer->child = timer->next = timer->prev = NULL;
	timer->queued = true;
	heap->root = meld(heap->root, timer);
}

void tend__heap_remove(struct tend__heap *heap, struct tend__timer *timer)
{
	if (!timer->queued)
		return;
	tend__assert(heap->root);
	timer->queued = false;
	if (heap->root == timer) {
		heap->root = meld_all(timer->child);
		return;
	}
	if (timer->prev->child == timer)
		timer->prev->child = timer->next;
	else
		timer->prev->next = timer->next;
	if (timer->next)
		timer->next->prev = timer->prev;
	timer->next = timer->prev = NULL;
	heap->root = meld(heap->root, meld_all(timer->child));
}
