/* tend/sync.h - events to wait for, and channels to hand items over. */
#ifndef TEND_SYNC_H
#define TEND_SYNC_H

#include "tend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A flag for tasks and threads to wait for. A set event stays set until a call
 * clears the event; setting wakes every waiter. */
typedef struct tend_event tend_event;

/* Makes an event, not set.
 *
 *   returns   0; -ENOMEM; -ESTALE
 *   owns      *out is the caller's, until tend_event_close()
 *   threads   any */
TEND_API TEND_MUST int tend_event_open(tend_event **out);

/* Frees an event; NULL does nothing. No task may wait for the event, and no watch
 * may name the event, when this is called: otherwise the bug hook is called.
 *
 *   threads   any */
TEND_API void tend_event_close(tend_event *event);

/* Sets or clears the event.
 *
 *   threads   any, not from a signal handler */
TEND_API void tend_event_set(tend_event *event);
TEND_API void tend_event_clear(tend_event *event);

/* Waits until the event is set.
 *
 *   returns   0; -ECANCELED; -ETIMEDOUT; -EDEADLK as tend_sleep_until(); -ESTALE
 *   threads   any; parks */
TEND_API TEND_MUST int tend_event_wait(tend_event *event, uint64_t deadline);

/* A bounded queue of fixed-size items, for any number of senders and receivers,
 * first come first served. */
typedef struct tend_channel tend_channel;

/* Makes a channel.
 *
 *   item_bytes  size of an item, 0 to 65536
 *   capacity    most items in the queue; 0: a send waits until its item is taken
 *   returns     0; -ENOMEM; -EINVAL; -ESTALE
 *   owns        *out is the caller's, until tend_channel_free()
 *   threads     any */
TEND_API TEND_MUST int tend_channel_open(size_t item_bytes, size_t capacity, tend_channel **out);

/* Closes a channel: sends answer -EPIPE, waiting sends as well. Items in the queue
 * can still be received. To close a closed channel changes nothing.
 *
 *   threads   any */
TEND_API void tend_channel_close(tend_channel *channel);

/* Frees a channel; NULL does nothing. No task may wait in a send or receive when
 * this is called: otherwise the bug hook is called. Items left in the queue are lost.
 *
 *   threads   any */
TEND_API void tend_channel_free(tend_channel *channel);

/* Hands an item over. A call that does not answer 0 handed over nothing.
 *
 *   item      item_bytes bytes, copied
 *   returns   0; -EPIPE; -ECANCELED; -ETIMEDOUT; -EDEADLK as tend_sleep_until();
 *             -ESTALE
 *   threads   any; parks */
TEND_API TEND_MUST int tend_channel_send(tend_channel *channel, const void *item,
                                         uint64_t deadline);

/* Takes an item. A call that does not answer 0 took nothing.
 *
 *   item      item_bytes bytes, written when 0 is answered
 *   returns   0; -EPIPE if the channel is closed and empty; -ECANCELED; -ETIMEDOUT;
 *             -EDEADLK as tend_sleep_until(); -ESTALE
 *   threads   any; parks */
TEND_API TEND_MUST int tend_channel_recv(tend_channel *channel, void *item, uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
