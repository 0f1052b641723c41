/* runtime/monitor.c - alarms, errands and watched descriptors, served by a thread.
 *
 * The lists lie under the monitor's lock, which is never held across a call. The monitor
 * writes down until when it sleeps, so only a caller with something earlier wakes the
 * monitor. */
#include "runtime/monitor.h"

#include "base/alloc.h"
#include "base/error.h"

#include <pthread.h>

struct watch {
	void (*fn)(tend_runtime *rt, uint64_t id, int fd); /* NULL: not watched */
	uint64_t id;
	uint32_t number; /* counts the watches of the descriptor; in the key of the poller */
};

/* (c) constant  (p) as platform.h says  (l) the lock */
struct tend__monitor {
	tend_runtime *rt;           /* (c) */
	struct tend__thread thread; /* (c) */
	struct tend__poller poller; /* (p) but `watched`, which is (l) */
	struct tend__lock lock;
	struct tend__timers alarms TEND_GUARDED_BY(&lock);           /* (l) */
	struct tend__errand *errands, **last TEND_GUARDED_BY(&lock); /* (l) */
	uint32_t errands_count TEND_GUARDED_BY(&lock);               /* (l) */
	struct watch *watches TEND_GUARDED_BY(&lock);                /* (l) by descriptor */
	uint64_t sleeps_until TEND_GUARDED_BY(&lock);                /* (l) 0: awake, or woken */
	bool stops TEND_GUARDED_BY(&lock);                           /* (l) */
};

/* An alarm of tend__alarm_make(). */
struct own_alarm {
	struct tend__alarm alarm;
	struct tend__monitor *monitor;
};

static struct tend__monitor *monitor_of(tend_runtime *rt)
{
	/* Acquire: pairs with the release in tend__monitor_start(). */
	return tend__load_acquire(&rt->monitor);
}

/* Gives the lock back, and wakes the monitor if it would sleep beyond `at`. */
static void unlock_and_wake(struct tend__monitor *m, uint64_t at) TEND_RELEASE(&m->lock)
{
	bool wakes = at < m->sleeps_until;

	if (wakes)
		m->sleeps_until = 0;
	tend__unlock(&m->lock);
	if (wakes)
		tend__poller_wake(&m->poller);
}

/* ---- Alarms ---- */

static struct own_alarm *own(struct tend__alarm *a)
{
	return tend__entry(a, struct own_alarm, alarm);
}

struct tend__alarm *tend__alarm_make(tend_runtime *rt, uint64_t at, uint64_t id,
                                     void (*ring)(tend_runtime *rt, uint64_t id))
{
	tend__assert(ring && at != TEND_FOREVER && monitor_of(rt));
	struct own_alarm *a = tend__alloc(sizeof(*a));

	if (!a)
		return NULL;
	a->monitor = monitor_of(rt);
	a->alarm.timer.at = at;
	a->alarm.id = id;
	a->alarm.ring = ring;
	return &a->alarm;
}

__attribute__((noinline)) void tend__alarm_start(struct tend__alarm *a)
{
	struct tend__monitor *m = own(a)->monitor;
	uint64_t at = a->timer.at;

	tend__lock(&m->lock);
	tend__timers_insert(&m->alarms, &a->timer);
	unlock_and_wake(m, at);
}

static void take_back(struct tend__monitor *m, struct tend__alarm *a)
{
	tend__lock(&m->lock);
	tend__timers_remove(&m->alarms, &a->timer);
	tend__unlock(&m->lock);
}

void tend__alarm_drop(struct tend__alarm *a)
{
	if (!a)
		return;
	take_back(own(a)->monitor, a);
	tend__free(own(a));
}

void tend__alarm_set(tend_runtime *rt, struct tend__alarm *a, uint64_t at)
{
	struct tend__monitor *m = monitor_of(rt);

	tend__assert(m && a->ring && at != TEND_FOREVER);
	tend__lock(&m->lock);
	tend__timers_remove(&m->alarms, &a->timer);
	a->timer.at = at;
	tend__timers_insert(&m->alarms, &a->timer);
	unlock_and_wake(m, at);
}

void tend__alarm_stop(tend_runtime *rt, struct tend__alarm *a) { take_back(monitor_of(rt), a); }

/* Copies the next alarm that is due, because from then on the owner may free the alarm.
 * Returns false if no alarm is due. */
static bool take_due(struct tend__monitor *m, struct tend__alarm *out)
{
	tend__lock(&m->lock);
	struct tend__timer *timer = tend__timers_due(&m->alarms, tend__clock());
	if (timer)
		*out = *tend__entry(timer, struct tend__alarm, timer);
	tend__unlock(&m->lock);
	return timer;
}

static void ring_alarms(struct tend__monitor *m)
{
	struct tend__alarm a;

	while (take_due(m, &a))
		a.ring(m->rt, a.id);
}

/* ---- Errands ---- */

void tend__monitor_post(tend_runtime *rt, struct tend__errand *errand)
{
	struct tend__monitor *m = monitor_of(rt);

	tend__assert(m && errand->fn);
	errand->next = NULL;
	tend__lock(&m->lock);
	*m->last = errand;
	m->last = &errand->next;
	m->errands_count++;
	unlock_and_wake(m, 0);
}

static uint32_t count_errands(struct tend__monitor *m)
{
	tend__lock(&m->lock);
	uint32_t n = m->errands_count;
	tend__unlock(&m->lock);
	return n;
}

static struct tend__errand *take_errand(struct tend__monitor *m)
{
	tend__lock(&m->lock);
	struct tend__errand *e = m->errands;
	tend__assert(e && m->errands_count > 0);
	m->errands = e->next;
	if (!m->errands)
		m->last = &m->errands;
	m->errands_count--;
	tend__unlock(&m->lock);
	return e;
}

/* Runs the errands that are there, and none that they post. The alarms are looked at after each:
 * a thousand processes that write are a thousand errands, and a deadline must not wait for
 * them. */
static void run_errands(struct tend__monitor *m)
{
	for (uint32_t n = count_errands(m); n; n--) {
		struct tend__errand *e = take_errand(m);

		e->fn(m->rt, e);
		ring_alarms(m);
	}
}

/* ---- Watches ---- */

int tend__monitor_watch(tend_runtime *rt, int fd, void (*fn)(tend_runtime *rt, uint64_t id, int fd),
                        uint64_t id)
{
	struct tend__monitor *m = monitor_of(rt);
	int error = 0;

	tend__assert(m && fd >= 0 && fn);
	if (fd >= TEND__FDS_MAX)
		return -EOVERFLOW;
	tend__lock(&m->lock);
	if (!m->watches)
		m->watches = tend__reserve(TEND__FDS_MAX * sizeof(*m->watches));
	if (!m->watches)
		error = -ENOMEM;
	else {
		struct watch *w = &m->watches[fd];

		tend__assert(!w->fn);
		w->number++;
		error = tend__poller_add(&m->poller, fd, tend__key(fd, w->number));
		if (!error) {
			w->fn = fn;
			w->id = id;
			m->poller.watched++;
		}
	}
	tend__unlock(&m->lock);
	return error;
}

void tend__monitor_unwatch(tend_runtime *rt, int fd)
{
	struct tend__monitor *m = monitor_of(rt);

	tend__assert(m && fd >= 0 && fd < TEND__FDS_MAX);
	tend__lock(&m->lock);
	tend__assert(m->watches && m->watches[fd].fn && m->poller.watched > 0);
	tend__poller_del(&m->poller, fd);
	m->watches[fd].fn = NULL;
	m->poller.watched--;
	tend__unlock(&m->lock);
}

static void report(struct tend__monitor *m, uint64_t key)
{
	int fd = tend__key_fd(key);

	tend__assert(fd >= 0 && fd < TEND__FDS_MAX);
	tend__lock(&m->lock);
	struct watch w = m->watches[fd];
	tend__unlock(&m->lock);
	/* Else the event is from an earlier watch. */
	if (w.fn && tend__key(fd, w.number) == key)
		w.fn(m->rt, w.id, fd);
}

/* ---- The thread ---- */

/* Says until when the monitor sleeps. Returns false when the monitor is to end. */
static bool may_sleep(struct tend__monitor *m, uint64_t *until)
{
	tend__lock(&m->lock);
	bool stops = m->stops && !m->errands;
	*until = m->errands ? 0 : tend__timers_next(&m->alarms);
	m->sleeps_until = *until;
	tend__unlock(&m->lock);
	return !stops;
}

static void loop(void *arg)
{
	struct tend__monitor *m = arg;
	struct tend__ready ready[64];
	uint64_t until;

	tend__assert(!tend__tls.worker && !tend__tls.task);
	do {
		run_errands(m);
		ring_alarms(m);
		if (!may_sleep(m, &until))
			return;
		int n = tend__poller_wait(&m->poller, until, ready, 64);
		tend__lock(&m->lock);
		m->sleeps_until = 0;
		tend__unlock(&m->lock);
		for (int i = 0; i < n; i++)
			report(m, ready[i].key);
	} while (true);
}

static int start(tend_runtime *rt, struct tend__monitor **out)
{
	struct tend__monitor *m = tend__alloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->rt = rt;
	tend__lock(&m->lock);
	m->last = &m->errands;
	tend__unlock(&m->lock);
	int error = tend__poller_init(&m->poller, false);
	if (!error) {
		error = tend__thread_start(&m->thread, "tend-monitor", loop, NULL, m);
		if (error)
			tend__poller_fini(&m->poller);
	}
	if (error) {
		tend__free(m);
		return error == -ENOMEM ? -ENOMEM : -EAGAIN;
	}
	*out = m;
	return 0;
}

int tend__monitor_start(tend_runtime *rt)
{
	struct tend__monitor *m = monitor_of(rt);
	int error = 0, cancelable;

	if (m)
		return 0;
	/* No pthread_cancel() takes effect while this thread holds the lock. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	tend__lock(&rt->monitor_lock);
	if (!monitor_of(rt))
		error = start(rt, &m);
	if (m)
		tend__store_release(&rt->monitor, m);
	tend__unlock(&rt->monitor_lock);
	pthread_setcancelstate(cancelable, NULL);
	return error;
}

void tend__monitor_stop(tend_runtime *rt)
{
	struct tend__monitor *m = monitor_of(rt);

	if (!m)
		return;
	tend__lock(&m->lock);
	m->stops = true;
	unlock_and_wake(m, 0);
	tend__thread_join(&m->thread);
	tend__lock(&m->lock);
	tend__assert(tend__timers_next(&m->alarms) == TEND_FOREVER && !m->poller.watched);
	if (m->watches)
		tend__unreserve(m->watches, TEND__FDS_MAX * sizeof(*m->watches));
	tend__unlock(&m->lock);
	tend__poller_fini(&m->poller);
	tend__free(m);
	tend__store_release(&rt->monitor, NULL);
}
