/* The rings of events, where a writer is held up in between. */
#include "suite.h"

#include "tend/tend.h"

#include "runtime/runtime.h"

#include <errno.h>

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* As tend__event_emit() does once it has a number. */
static void write_down(struct tend__header *h, uint32_t ring, uint64_t number)
{
	struct tend__ring *to = tend__ring_at(h, ring);
	uint64_t head = atomic_load(&to->head);

	atomic_store(&tend__event_at(h, ring, head)->number, number);
	atomic_store(&to->head, head + 1);
}

TEST(an_event_says_which_attempt_failed_and_when_the_next_follows)
{
	struct tend_event_info told[4];
	tend_subscription *sub;
	tend_runtime *rt;
	tend_task task;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.flags = TEND_HOSTED), &rt), 0);
	ANSWERS(tend_subscribe(rt, &sub), 0);
	ANSWERS(tend_spawn(tend_root(rt), nothing, NULL, NULL, &task), 0);
	tend__event_emit(
		&rt->segment, 1, tend__task_at(rt, task.id)->record,
		&(struct tend__event){
			.type = TEND_EVENT_ENDED, .id = task.id, .error = -ENOENT, .delay = 500});
	ANSWERS((int)tend_events_take(sub, told, 4, NULL), 2);
	ck_assert_uint_eq(told[0].attempt, 1);
	ck_assert_int_eq(told[0].error, 0);
	ck_assert_uint_eq(told[0].delay_ns, 0);
	ck_assert_int_eq(told[1].error, -ENOENT);
	ck_assert_uint_eq(told[1].delay_ns, 500);
	tend_unsubscribe(sub);
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}

TEST(an_event_that_is_late_is_waited_for_and_not_lost)
{
	struct tend_event_info e[16];
	struct tend__header *h;
	tend_subscription *sub;
	tend_runtime *rt;
	uint64_t lost, late;

	/* Nothing runs: what is spawned is in the ring of who is no worker. */
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.flags = TEND_HOSTED), &rt), 0);
	h = rt->segment.header;
	ANSWERS(tend_subscribe(rt, &sub), 0);
	ANSWERS(tend_spawn(tend_root(rt), nothing, NULL, NULL, NULL), 0);
	late = atomic_fetch_add(&h->events, 1) + 1;
	ANSWERS(tend_spawn(tend_root(rt), nothing, NULL, NULL, NULL), 0);
	ANSWERS((int)tend_events_take(sub, e, 16, &lost), 1);
	ck_assert_uint_eq(lost, 0);
	ANSWERS((int)tend_events_take(sub, e, 16, &lost), 0);
	ck_assert_uint_eq(lost, 0);
	write_down(h, 0, late);
	ANSWERS((int)tend_events_take(sub, e, 16, &lost), 2);
	ck_assert_uint_eq(lost, 0);
	ck_assert_uint_eq(e[0].number, late);
	ck_assert_uint_eq(e[1].number, late + 1);
	tend_unsubscribe(sub);
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}
