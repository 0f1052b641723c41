/* runtime/alarm.c - deadlines of scopes and tasks: timers of worker 0, set and dropped by
 * posts. An alarm has the id of the object, so that a late ring finds no object. */
#include "runtime/runtime.h"

#include "base/alloc.h"

struct tend__alarm {
	struct tend__post set, drop;
	struct tend__timer timer;
	tend_runtime *rt;
	uint64_t id;
	void (*ring)(tend_runtime *rt, uint64_t id);
};

static void fire(struct tend__timer *timer)
{
	struct tend__alarm *a = tend__entry(timer, struct tend__alarm, timer);

	tend__assert(tend__tls.worker == &a->rt->workers[0]);
	a->ring(a->rt, a->id);
}

static void on_set(struct tend__worker *w, struct tend__post *p)
{
	tend__timers_insert(&w->timers, &tend__entry(p, struct tend__alarm, set)->timer);
}

static void on_drop(struct tend__worker *w, struct tend__post *p)
{
	struct tend__alarm *a = tend__entry(p, struct tend__alarm, drop);

	tend__assert(w == &a->rt->workers[0]);
	tend__timers_remove(&w->timers, &a->timer);
	tend__free(a);
}

struct tend__alarm *tend__alarm_make(tend_runtime *rt, uint64_t at, uint64_t id,
                                     void (*ring)(tend_runtime *rt, uint64_t id))
{
	tend__assert(ring && at != TEND_FOREVER);
	struct tend__alarm *a = tend__alloc(sizeof(*a));

	if (!a)
		return NULL;
	a->set.fn = on_set;
	a->drop.fn = on_drop;
	a->timer.at = at;
	a->timer.fire = fire;
	a->rt = rt;
	a->id = id;
	a->ring = ring;
	return a;
}

void tend__alarm_start(struct tend__alarm *a) { tend__post(&a->rt->workers[0], &a->set); }

void tend__alarm_drop(struct tend__alarm *a)
{
	if (a)
		tend__post(&a->rt->workers[0], &a->drop);
}
