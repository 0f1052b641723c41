/* sync/channel.c - a ring, the senders that wait because the ring is full, and the receivers
 * that wait because the ring is empty.
 *
 * A sender and a receiver never wait at the same time, or each could wait for the other: a
 * send gives the item to the first waiting receiver, and a receive that takes an item lets
 * the first waiting sender in. The hand-over is a single step under the lock. */
#include "tend/sync.h"

#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/number.h"

#include <errno.h>
#include <string.h>

struct tend_channel {
	struct tend__lock lock;
	struct tend__link senders TEND_GUARDED_BY(&lock);
	struct tend__link receivers TEND_GUARDED_BY(&lock);
	size_t item_bytes, capacity; /* constant */
	size_t first TEND_GUARDED_BY(&lock);
	size_t count TEND_GUARDED_BY(&lock);
	bool closed TEND_GUARDED_BY(&lock);
	uint64_t number;
	unsigned char items[];
};

int tend_channel_open(size_t item_bytes, size_t capacity, tend_channel **out)
{
	if (tend__check_process())
		return -ESTALE;
	if (item_bytes > 65536 || capacity > SIZE_MAX / 2 / (item_bytes + 1))
		return -EINVAL;
	tend_channel *c = tend__alloc(sizeof(*c) + item_bytes * capacity);
	if (!c)
		return -ENOMEM;
	c->item_bytes = item_bytes;
	c->capacity = capacity;
	c->number = tend__number();
	tend__link_init(&c->senders);
	tend__link_init(&c->receivers);
	*out = c;
	return 0;
}

static struct tend__waiter *first(struct tend__link *list)
{
	return tend__entry(list->next, struct tend__waiter, link);
}

void tend_channel_free(tend_channel *c)
{
	if (!c)
		return;
	/* The waiter would wake in freed memory, much later and far from here. */
	tend__lock(&c->lock);
	if (tend__linked(&c->senders))
		tend__freed_under(&c->lock, "channel", c->number, first(&c->senders),
		                  __builtin_return_address(0));
	if (tend__linked(&c->receivers))
		tend__freed_under(&c->lock, "channel", c->number, first(&c->receivers),
		                  __builtin_return_address(0));
	tend__unlock(&c->lock);
	tend__free(c);
}

static void copy(tend_channel *c, void *to, const void *from)
{
	if (c->item_bytes)
		memcpy(to, from, c->item_bytes);
}

void tend_channel_close(tend_channel *c)
{
	tend__lock(&c->lock);
	c->closed = true;
	/* The waiting receivers found the ring empty, so there is no item left for them. */
	while (tend__linked(&c->receivers))
		tend__waiter_done(first(&c->receivers), -EPIPE);
	while (tend__linked(&c->senders))
		tend__waiter_done(first(&c->senders), -EPIPE);
	tend__unlock(&c->lock);
}

static void push(tend_channel *c, const void *item) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	tend__assert(c->count < c->capacity && c->first < c->capacity);
	copy(c, c->items + (c->first + c->count) % c->capacity * c->item_bytes, item);
	c->count++;
}

int tend_channel_send(tend_channel *c, const void *item, uint64_t deadline)
{
	struct tend__outside room;
	int error = tend__check_wait(deadline);

	if (error)
		return error;
	struct tend__task *self = tend__self(&room);
	/* A wait that need not park still answers a visible cancel. */
	if (tend__cancel_point(self))
		return -ECANCELED;
	tend__lock(&c->lock);
	if (c->closed) {
		tend__unlock(&c->lock);
		return -EPIPE;
	}
	if (tend__linked(&c->receivers)) {
		copy(c, first(&c->receivers)->item, item);
		tend__waiter_done(first(&c->receivers), 0);
		tend__unlock(&c->lock);
		return 0;
	}
	if (c->count < c->capacity) {
		push(c, item);
		tend__unlock(&c->lock);
		return 0;
	}
	tend__assert(c->count == c->capacity && !tend__linked(&c->receivers));
	struct tend__waiter w = {
		.item = (void *)(uintptr_t)item, .task = self, .where = TEND__CALLER};
	tend__link_append(&c->senders, &w.link);
	return tend__wait(&c->lock, &w, TEND__WAIT_SEND, c->number, deadline, 0);
}

int tend_channel_recv(tend_channel *c, void *item, uint64_t deadline)
{
	struct tend__outside room;
	int error = tend__check_wait(deadline);

	if (error)
		return error;
	struct tend__task *self = tend__self(&room);
	tend__lock(&c->lock);
	if (!c->count && !tend__linked(&c->senders) && !c->closed) {
		struct tend__waiter w = {.item = item, .task = self, .where = TEND__CALLER};

		tend__link_append(&c->receivers, &w.link);
		return tend__wait(&c->lock, &w, TEND__WAIT_RECV, c->number, deadline, 0);
	}
	/* A wait that need not park still answers a visible cancel, and takes no item. */
	if (tend__cancel_visible(self)) {
		tend__unlock(&c->lock);
		tend__abort_if_asked(self);
		return -ECANCELED;
	}
	if (c->count) {
		copy(c, item, c->items + c->first * c->item_bytes);
		c->first = (c->first + 1) % c->capacity;
		c->count--;
		tend__assert(!tend__linked(&c->receivers));
		if (tend__linked(&c->senders)) {
			tend__assert(c->count + 1 == c->capacity);
			push(c, first(&c->senders)->item);
			tend__waiter_done(first(&c->senders), 0);
		}
		tend__unlock(&c->lock);
		return 0;
	}
	if (tend__linked(&c->senders)) {
		copy(c, item, first(&c->senders)->item);
		tend__waiter_done(first(&c->senders), 0);
		tend__unlock(&c->lock);
		return 0;
	}
	tend__unlock(&c->lock);
	return -EPIPE;
}
