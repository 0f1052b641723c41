/* tend/sync.h */
#include "refuse.h"

TEST(refusals_of_events_and_channels) { try_rows(__FILE__); }

REFUSES(tend_event_open, ENOMEM, "no memory", outside,
        (no_memory(1), tend_event_open(&w->out.event)))
REFUSES(tend_event_open, ESTALE, "a fork", forked, tend_event_open(&w->out.event))
REFUSES(tend_event_wait, ECANCELED, "by a canceled task", canceled,
        tend_event_wait(w->go, TEND_FOREVER))
REFUSES(tend_event_wait, ETIMEDOUT, "no time", outside, tend_event_wait(w->go, 0))
REFUSES(tend_event_wait, ETIMEDOUT, "an instant that has passed", outside,
        tend_event_wait(w->go, tend_now()))
REFUSES(tend_event_wait, ETIMEDOUT, "no time, by a fiber", in_fiber, tend_event_wait(w->go, 0))
REFUSES(tend_event_wait, EDEADLK, "by the thread that runs the tasks", hosted,
        tend_event_wait(w->go, TEND_FOREVER))
REFUSES(tend_event_wait, ESTALE, "a fork", forked, tend_event_wait(w->go, TEND_FOREVER))
REFUSES(tend_event_wait, ESTALE, "a fork, and no time", forked, tend_event_wait(w->go, 0))

REFUSES(tend_channel_open, ENOMEM, "no memory", outside,
        (no_memory(1), tend_channel_open(1, 1, &w->out.channel)))
REFUSES(tend_channel_open, EINVAL, "too large an item", outside,
        tend_channel_open(65537, 1, &w->out.channel))
REFUSES(tend_channel_open, EINVAL, "more than there is address space", outside,
        tend_channel_open(65536, SIZE_MAX / 65536, &w->out.channel))

REFUSES(tend_channel_open, ESTALE, "a fork", forked, tend_channel_open(1, 1, &w->out.channel))

/* ---- Channels; their items are compared as well ---- */

enum { FIRST = 7, OTHER = 8 };

static tend_channel *channel(size_t capacity, int sends)
{
	tend_channel *c;

	ANSWERS(tend_channel_open(sizeof(int), capacity, &c), 0);
	for (int i = 0; i < sends; i++)
		ANSWERS(tend_channel_send(c, &(int){FIRST + i}, 0), 0);
	return c;
}

/* Still `n` items, in their order. */
static void has(tend_channel *c, int n)
{
	int item;

	for (int i = 0; i < n; i++) {
		ANSWERS(tend_channel_recv(c, &item, 0), 0);
		ANSWERS(item, FIRST + i);
	}
	ck_assert_int_ne(tend_channel_recv(c, &item, 0), 0);
}

static void with_channels(struct world *w, const struct row *row, stage *stage_of)
{
	w->empty = channel(1, 0);
	w->full = channel(1, 1);
	w->shut_channel = channel(2, 0);
	tend_channel_close(w->shut_channel);
	stage_of(w, row);
	has(w->empty, 0);
	has(w->full, 1);
	has(w->shut_channel, 0);
	tend_channel_free(w->empty);
	tend_channel_free(w->full);
	tend_channel_free(w->shut_channel);
}

static void channels(struct world *w, const struct row *row) { with_channels(w, row, outside); }
static void channels_canceled(struct world *w, const struct row *row)
{
	with_channels(w, row, canceled);
}
static void channels_in_fiber(struct world *w, const struct row *row)
{
	with_channels(w, row, in_fiber);
}
static void channels_hosted(struct world *w, const struct row *row)
{
	with_channels(w, row, hosted);
}

static void channels_forked(struct world *w, const struct row *row)
{
	with_channels(w, row, forked);
}

static int send_to(tend_channel *c, uint64_t deadline)
{
	return tend_channel_send(c, &(int){OTHER}, deadline);
}

static int recv_from(struct world *w, tend_channel *c, uint64_t deadline)
{
	return tend_channel_recv(c, w->out.bytes, deadline);
}

REFUSES(tend_channel_send, EPIPE, "closed", channels, send_to(w->shut_channel, TEND_FOREVER))
REFUSES(tend_channel_send, ECANCELED, "by a canceled task", channels_canceled,
        send_to(w->full, TEND_FOREVER))
REFUSES(tend_channel_send, ECANCELED, "by a canceled task, and there is room", channels_canceled,
        send_to(w->empty, TEND_FOREVER))
REFUSES(tend_channel_send, ETIMEDOUT, "full, and no time", channels, send_to(w->full, 0))
REFUSES(tend_channel_send, ETIMEDOUT, "full, and an instant that has passed", channels_in_fiber,
        send_to(w->full, tend_now()))
REFUSES(tend_channel_send, EDEADLK, "by the thread that runs the tasks", channels_hosted,
        send_to(w->full, TEND_FOREVER))

REFUSES(tend_channel_recv, EPIPE, "closed and empty", channels,
        recv_from(w, w->shut_channel, TEND_FOREVER))
REFUSES(tend_channel_recv, ECANCELED, "by a canceled task", channels_canceled,
        recv_from(w, w->empty, TEND_FOREVER))
REFUSES(tend_channel_recv, ECANCELED, "by a canceled task, and there is an item", channels_canceled,
        recv_from(w, w->full, TEND_FOREVER))
REFUSES(tend_channel_recv, ETIMEDOUT, "empty, and no time", channels, recv_from(w, w->empty, 0))
REFUSES(tend_channel_recv, ETIMEDOUT, "empty, and an instant that has passed", channels_in_fiber,
        recv_from(w, w->empty, tend_now()))
REFUSES(tend_channel_recv, EDEADLK, "by the thread that runs the tasks", channels_hosted,
        recv_from(w, w->empty, TEND_FOREVER))

REFUSES(tend_channel_send, ESTALE, "a fork", channels_forked, send_to(w->full, TEND_FOREVER))
REFUSES(tend_channel_recv, ESTALE, "a fork", channels_forked, recv_from(w, w->empty, TEND_FOREVER))
