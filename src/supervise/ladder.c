/* supervise/ladder.c - the stop of an attempt, and the alarm of a life.
 *
 * All stops of an attempt start the same ladder:
 *
 *   told -> (grace) -> forced -> (grace) -> stuck
 *
 * The monitor takes the steps, so no busy worker delays a step. A life has a single alarm, for
 * the end of its rest, for the times of its attempt, and for the ladder. A ring that comes
 * late, after the alarm was set anew, finds that nothing is due. */
#include "supervise/supervise.h"

#include "base/error.h"

#include <errno.h>

/* ---- The alarm ---- */

void tend__life_alarm(struct tend__task *t, uint64_t at)
{
	struct tend__life *l = tend__life_of(t);

	tend__assert_held(&t->home->lock);
	l->alarmed = true;
	tend__alarm_set(tend__scope_of(t)->rt, &l->alarm, at);
}

void tend__life_stop_alarm(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);

	tend__assert_held(&t->home->lock);
	tend__assert(l->alarmed);
	tend__alarm_stop(tend__scope_of(t)->rt, &l->alarm);
	l->alarmed = false;
}

static uint64_t later(uint64_t at, uint64_t ns)
{
	return ns < TEND_FOREVER - 1 - at ? at + ns : TEND_FOREVER - 1;
}

/* ---- The stop ---- */

/* Tells the attempt and its kind. */
static void tell(struct tend__task *t, uint32_t bits) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	/* The attempt cannot end while the lock is held, so the task is live. */
	bool live = tend__task_mark(t->record, t->id, bits);
	tend__assert(live);
	t->kind->told(t);
	if (tend__task_notify(t))
		tend__task_wake(t);
}

void tend__attempt_stop(struct tend__task *t, int code, const char *text)
{
	struct tend__life *l = tend__life_of(t);

	tend__assert_held(&t->home->lock);
	tend__assert(l->phase == TEND__LIFE_RUNS && code < 0);
	if (l->rung != TEND__RUNG_NONE)
		return;
	l->rung = TEND__RUNG_TOLD;
	l->attempt.stop_code = code;
	l->attempt.stop_text = text;
	l->attempt.stopped_at = tend__clock();
	tend__life_tell(t, (struct tend__event){.type = TEND_EVENT_STOPPING});
	tend__life_alarm(t, later(l->attempt.stopped_at, l->rules->grace_ns));
	tell(t, TEND__STOP);
}

/* ---- The times of an attempt ---- */

struct look {
	uint64_t at;      /* the next look at the attempt, or TEND_FOREVER */
	const char *text; /* which time the attempt has missed, or NULL */
	int code;
};

static void one_time(struct look *look, uint64_t now, uint64_t from, uint64_t ns, int code,
                     const char *text)
{
	uint64_t at = later(from, ns);

	if (!ns)
		return;
	if (at <= now && !look->text) {
		look->text = text;
		look->code = code;
	}
	if (at < look->at)
		look->at = at;
}

static struct look times_of(const struct tend__life *l, uint64_t now)
{
	struct look look = {.at = TEND_FOREVER};

	one_time(&look, now, l->began, l->rules->timeout_ns, -ETIMEDOUT,
	         "the attempt took too long");
	if (!l->ready)
		one_time(&look, now, l->began, l->rules->ready_ns, -ETIME,
		         "the attempt was not ready");
	if (l->rules->alive_ns)
		/* Relaxed: an instant that is a moment old makes a look more. */
		one_time(&look, now, tend__load_relaxed(&l->alive_at), l->rules->alive_ns, -ETIME,
		         "the attempt did not say that it is alive");
	return look;
}

void tend__attempt_watch(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);
	const struct tend__rules *rules = l->rules;

	tend__assert_held(&t->home->lock);
	tend__assert(l->phase == TEND__LIFE_RUNS && l->rung == TEND__RUNG_NONE);
	if (!rules->timeout_ns && !rules->ready_ns && !rules->alive_ns)
		return;
	uint64_t at = times_of(l, l->began).at;
	if (at != TEND_FOREVER)
		tend__life_alarm(t, at);
}

/* ---- The ring ---- */

/* Takes the next step of the ladder. Returns true if the scopes of the attempt are to be
 * canceled, which needs another lock. */
static bool next_rung(struct tend__task *t, struct tend__life *l, uint64_t now)
	TEND_REQUIRES(&t->home->lock)
{
	uint32_t bits = tend__is_forcible(t) ? TEND__ABORTED : 0;

	tend__assert_held(&t->home->lock);
	tend__assert(l->rung != TEND__RUNG_NONE);
	if (l->rung == TEND__RUNG_STUCK)
		return false;
	l->rung++;
	if (l->rung == TEND__RUNG_STUCK) {
		bits = TEND__ABANDONED;
		if (tend__round_stops(l))
			tend__round_name(t);
	} else
		tend__life_alarm(t, later(now, l->rules->grace_ns));
	tell(t, bits);
	return l->rung == TEND__RUNG_FORCED;
}

/* Looks at a life whose alarm has rung. Returns true if the scopes of the attempt are to be
 * canceled, which needs another lock. */
static bool ring(struct tend__task *t, struct tend__life *l, uint64_t now)
	TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	/* The alarm was set anew since, or taken back. */
	if (!l->alarmed || now < l->alarm.timer.at)
		return false;
	if (l->phase == TEND__LIFE_RESTS && tend__task_notify(t))
		tend__task_wake(t);
	/* A cancel has a ladder of its own. A close waits for the attempt, whose times go on. */
	if (l->phase != TEND__LIFE_RUNS || tend__is_canceled(t))
		return false;
	if (l->rung != TEND__RUNG_NONE)
		return next_rung(t, l, now);
	struct look look = times_of(l, now);
	if (look.text) {
		l->late = true;
		tend__life_tell(t, (struct tend__event){.type = TEND_EVENT_TIMED_OUT,
		                                        .error = look.code});
		tend__attempt_stop(t, look.code, look.text);
	} else if (look.at != TEND_FOREVER)
		tend__life_alarm(t, look.at);
	return false;
}

/* Returns the id of a scope that the attempt has opened and that is not canceled, or 0. */
static uint64_t next_opened(tend_runtime *rt, uint64_t id, uint32_t attempt)
{
	struct tend__task *t;
	uint64_t scope = 0;

	tend__lock(&rt->tree);
	if (!tend__task_touch(rt, id, &t)) {
		tend__lock(&t->home->lock);
		bool same = tend__life_of(t)->attempts == attempt;
		tend__unlock(&t->home->lock);
		for (struct tend__link *l = t->owned.next; same && !scope && l != &t->owned;
		     l = l->next) {
			struct tend__scope *s = tend__entry(l, struct tend__scope, owned);
			uint64_t word = tend__load_acquire(&s->home.record->word);

			if (!s->held && !(word & TEND__SCOPE_CANCELED))
				scope = s->id;
		}
		tend__unlock(tend__stripe_of(rt, id));
	}
	tend__unlock(&rt->tree);
	return scope;
}

static void cancel_opened(tend_runtime *rt, uint64_t id, uint32_t attempt)
{
	struct tend_reason reason =
		tend__reason(-ECANCELED, "the attempt that opened it is to stop", id);
	uint64_t scope;

	while ((scope = next_opened(rt, id, attempt))) {
		struct tend__scope *s = tend__scope_find(rt, scope);

		/* A scope that has ended meanwhile is not found again. */
		if (s)
			tend__scope_cancel(s, scope, &reason);
	}
}

void tend__life_rings(tend_runtime *rt, uint64_t id)
{
	struct tend__task *t;

	if (tend__task_touch(rt, id, &t))
		return;
	bool forces = false;
	uint32_t attempt = 0;
	/* A task that has ended, with its outcome kept, is at rest for good. */
	if ((tend__task_word(t) & TEND__STATE) != TEND__ENDED) {
		struct tend__life *l = tend__life_of(t);

		tend__lock(&t->home->lock);
		forces = ring(t, l, tend__clock());
		attempt = l->attempts;
		tend__unlock(&t->home->lock);
	}
	tend__unlock(tend__stripe_of(rt, id));
	if (forces)
		cancel_opened(rt, id, attempt);
}
