/* tend/sync.h - what tasks wait on, and hand over with. */
#ifndef TEND_SYNC_H
#define TEND_SYNC_H

#include "tend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A flag that tasks and threads can wait for. Once set it stays set until it is
 * cleared; setting wakes every waiter. */
typedef struct tend_event tend_event;

/* Makes an event, not set.
 *
 *   returns   0; -ENOMEM
 *   owns      *out is the caller's, until tend_event_close()
 *   threads   any */
TEND_API TEND_MUST int tend_event_open(tend_event **out);

/* Frees an event; NULL does nothing. Nobody may wait on or watch it.
 *
 *   threads   any */
TEND_API void tend_event_close(tend_event *event);

/* Sets or clears it.
 *
 *   threads   any, not from a signal handler */
TEND_API void tend_event_set(tend_event *event);
TEND_API void tend_event_clear(tend_event *event);

/* Waits until it is set.
 *
 *   returns   0; -ECANCELED; -ETIMEDOUT
 *   threads   any; parks */
TEND_API TEND_MUST int tend_event_wait(tend_event *event, uint64_t deadline);

/* A bounded queue of fixed-size items, for any number of senders and receivers,
 * first come first served. */
typedef struct tend_channel tend_channel;

/* Makes a channel.
 *
 *   item_bytes  of one item, 0 to 65536
 *   capacity    items it holds; 0: a send waits until its item is taken
 *   returns     0; -ENOMEM; -EINVAL
 *   owns        *out is the caller's, until tend_channel_free()
 *   threads     any */
TEND_API TEND_MUST int tend_channel_open(size_t item_bytes, size_t capacity, tend_channel **out);

/* No more sends: they answer -EPIPE, waiting ones as well. What is in it can
 * still be received. Closing twice is closing once.
 *
 *   threads   any */
TEND_API void tend_channel_close(tend_channel *channel);

/* Frees a channel; NULL does nothing. Nobody may wait on it; items left are lost.
 *
 *   threads   any */
TEND_API void tend_channel_free(tend_channel *channel);

/* Hands one item over. What answers anything but 0 handed over nothing.
 *
 *   item      item_bytes bytes, copied
 *   returns   0; -EPIPE; -ECANCELED; -ETIMEDOUT
 *   threads   any; parks */
TEND_API TEND_MUST int tend_channel_send(tend_channel *channel, const void *item,
                                         uint64_t deadline);

/* Takes one item. What answers anything but 0 took nothing.
 *
 *   item      item_bytes bytes, written when 0 is answered
 *   returns   0; -EPIPE if it is closed and empty; -ECANCELED; -ETIMEDOUT
 *   threads   any; parks */
TEND_API TEND_MUST int tend_channel_recv(tend_channel *channel, void *item, uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
