#include "reference.h"

#include <errno.h>

/* A product of two lengths. */
__extension__ typedef unsigned __int128 wide;

static uint64_t given(uint64_t length, uint64_t otherwise) { return length ? length : otherwise; }
static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static bool listed(const int32_t *list, int32_t result)
{
	while (list && *list && *list != result)
		list++;
	return list && *list;
}

static bool is_canceled(const struct ref_task *t) { return t->canceled || t->home->canceled; }
static bool runs(const struct ref_task *t)
{
	return t->phase == REF_RUNS || t->phase == REF_LINGERS;
}
bool ref_told(const struct ref_task *t) { return is_canceled(t) || (runs(t) && t->stopped_at); }

static void tell(struct ref_task *t, uint64_t now, bool begin, int answer)
{
	for (unsigned i = 0; i < t->ncallers; i++) {
		struct ref_caller *c = &t->callers[i];

		if (!c->answered &&
		    (answer || (c->begin == begin && (!begin || c->attempt < t->attempts)))) {
			c->answered = true;
			c->answer = answer;
			c->at = now;
		}
	}
}

/* The attempt has ended, if there was one, and the task stays. A caller that waits for an attempt
 * of a task that is stopped came before the stop. */
static void tell_end(struct ref_task *t, uint64_t now, bool stopped)
{
	tell(t, now, false, 0);
	if (stopped)
		tell(t, now, true, -ECANCELED);
}

static void ends(struct ref_task *t, int32_t outcome, uint64_t now)
{
	tell(t, now, false, -ECANCELED);
	t->over_at = now;
	t->phase = REF_OVER;
	t->outcome = outcome;
	t->was_canceled = is_canceled(t);
}

/* No attempt follows, whatever the policy says. */
static bool must_end(const struct ref_task *t)
{
	return is_canceled(t) || t->home->closing || t->home->shut_down;
}

/* How an attempt ended, by itself. */
static int32_t kind_of(const struct ref_task *t)
{
	const struct ref_end *e = &t->end;

	if (e->panicked)
		return TEND_PANICKED;
	if (t->late)
		return TEND_FAILED;
	if (e->aborted)
		return TEND_ABORTED;
	if (e->fatal && e->result < 0)
		return TEND_FAILED;
	if (e->result == -ECANCELED)
		return TEND_CANCELED;
	if (e->result == TEND_DONE || listed(t->policy->success, e->result))
		return TEND_COMPLETED;
	return e->result < 0 || listed(t->policy->fatal, e->result) ? TEND_FAILED : TEND_COMPLETED;
}

/* The rest: min(max, first * factor^n), the jitter on that, a millisecond at least. */
static void rests(struct ref_task *t, uint64_t now, uint32_t n)
{
	const struct tend_restart *p = t->policy;
	uint64_t first = given(p->delay_ns, 100 * TEND_MS),
		 max = given(p->delay_max_ns, 30 * TEND_SEC);
	wide base = first;
	uint64_t low, high;

	for (uint32_t i = 0; i < n && base < max; i++)
		base = base * given(p->factor, 2000) / 1000;
	low = high = base < max ? (uint64_t)base : max;
	if (p->jitter == TEND_JITTER_FULL)
		low = 0;
	if (p->jitter == TEND_JITTER_EQUAL)
		low = high / 2;
	if (p->jitter == TEND_JITTER_DECORRELATED) {
		low = least(first, max);
		high = least(3 * high, max);
	}
	if (p->delay_ns == TEND_AT_ONCE)
		low = high = 0;
	else if (low < TEND_MS)
		low = TEND_MS;
	if (p->delay_ns != TEND_AT_ONCE && high < TEND_MS)
		high = TEND_MS;
	t->set_at = now;
	t->low = now + low;
	t->high = now + high;
}

static void waits_for_interval(struct ref_task *t, uint64_t now)
{
	uint64_t delay = given(t->policy->delay_ns, 100 * TEND_MS);
	uint64_t interval = given(t->policy->interval_ns, delay);

	t->set_at = now;
	t->low = t->high = interval == TEND_AT_ONCE ? now
	                   : interval < TEND_MS     ? now + TEND_MS
	                                            : now + interval;
}

/* What follows from the end of the attempt, the first line that holds; in *row, the failures in
 * a row with this attempt. */
static enum ref_phase follows(const struct ref_task *t, uint64_t now, uint32_t *row)
{
	const struct tend_restart *p = t->policy;
	int32_t kind = kind_of(t);
	bool stable = now - t->began >= given(p->stable_ns, 10 * TEND_SEC);

	*row = stable || kind == TEND_COMPLETED ? 0 : t->row;
	if (must_end(t) || (t->end.fatal && (t->end.panicked || t->end.result < 0)))
		return REF_OVER;
	if (t->wish == REF_STOP)
		return REF_STOPPED;
	/* A temporary task that was stopped, and then started. */
	if (t->wish == REF_AGAIN)
		return REF_RESTS;
	if (kind == TEND_CANCELED)
		return REF_OVER;
	if (kind == TEND_COMPLETED)
		return p->policy == TEND_PERMANENT && t->end.result != TEND_DONE ? REF_RESTS
		                                                                 : REF_OVER;
	++*row;
	if (kind == TEND_FAILED && !t->late && listed(p->fatal, t->end.result))
		return REF_OVER;
	return p->policy != TEND_TEMPORARY && (!p->retries || *row <= p->retries) ? REF_RESTS
	                                                                          : REF_OVER;
}

/* Whether a cancel has reached the task, before the end of its scope did. */
static bool cancel_came(const struct ref_task *t)
{
	return t->canceled || (t->home->canceled && !t->or_canceled);
}

/* Whether a restart is too many, with those in (now - period, now]. */
static bool too_many(struct ref_scope *s, uint64_t now)
{
	uint32_t in_period = 0;

	if (!s->restarts || s->nstamps == REF_STAMPS)
		return false;
	s->stamps[s->nstamps++] = now;
	for (unsigned i = 0; i < s->nstamps; i++)
		in_period += now - s->stamps[i] < given(s->period, 30 * TEND_SEC);
	return in_period > s->restarts;
}

static bool has_failed(const struct ref_task *t)
{
	return t->last != TEND_COMPLETED && t->last != TEND_CANCELED;
}

/* Everything of the attempt has ended. */
static void decides(struct ref_task *t, uint64_t now)
{
	uint32_t row;
	enum ref_phase next = follows(t, now, &row);

	t->last = kind_of(t);
	t->row = row;
	t->phase = next;
	if (next == REF_OVER) {
		/* Crash beats cancel beats completion. */
		ends(t, t->last != TEND_PANICKED && cancel_came(t) ? TEND_CANCELED : t->last, now);
		return;
	}
	if (next == REF_RESTS && t->wish == REF_NONE && has_failed(t) && too_many(t->home, now)) {
		t->home->gave_up = t->home->canceled = true;
		ends(t, t->last, now);
		return;
	}
	tell_end(t, now, next == REF_STOPPED);
	if (next == REF_RESTS && has_failed(t))
		t->restarts++;
	if (t->wish != REF_NONE)
		t->low = t->high = t->set_at = now;
	else if (t->last == TEND_COMPLETED)
		waits_for_interval(t, now);
	else
		rests(t, now, row - 1);
	t->wish = REF_NONE;
}

/* At rest: canceled; or as the last attempt, because the scope closes; or rejected. A close lets
 * the first attempt run, unless the task is stopped. */
static void ends_at_rest(struct ref_task *t, uint64_t now)
{
	if (cancel_came(t))
		ends(t, TEND_CANCELED, now);
	else if (t->attempts)
		ends(t, t->last, now);
	else if (t->home->shut_down || t->phase == REF_STOPPED)
		ends(t, TEND_REJECTED, now);
}

static void because(struct ref_task *t, int32_t code)
{
	if (runs(t) && !t->why)
		t->why = code;
}

static void stops(struct ref_task *t, uint64_t now, int32_t code)
{
	if (t->stopped_at)
		return;
	t->stopped_at = now;
	because(t, code);
}

/* The times of the attempt, and the ladder of its stop, up to the instant. */
static void times(struct ref_task *t, uint64_t now)
{
	const struct tend_restart *p = t->policy;
	uint64_t end = p->timeout_ns ? t->began + p->timeout_ns : UINT64_MAX;
	uint64_t ready = p->ready_ns && !t->ready ? t->began + p->ready_ns : UINT64_MAX;
	uint64_t alive = p->alive_ns ? t->alive_at + p->alive_ns : UINT64_MAX;
	uint64_t first = least(end, least(ready, alive));
	uint64_t grace = given(p->grace_ns, 10 * TEND_SEC);

	if (!t->stopped_at && first <= now) {
		t->late = first == end ? -ETIMEDOUT : -ETIME;
		stops(t, first, t->late);
	}
	if (t->stopped_at) {
		t->forced = t->forced || now >= t->stopped_at + grace;
		t->stuck = t->stuck || now >= t->stopped_at + 2 * grace;
	}
}

void ref_look(struct ref_task *t, uint64_t now)
{
	uint64_t due = t->deadline && !t->canceled ? t->deadline : UINT64_MAX;

	if (t->phase == REF_OVER)
		return;
	/* A cancel has a ladder of its own; a close waits, and the times go on. */
	if (runs(t) && !is_canceled(t))
		times(t, least(now, due));
	if (t->home->canceled)
		because(t, t->home->gave_up ? -ELOOP : -EINTR);
	if (due <= now) {
		t->canceled = t->timed_out = true;
		because(t, -ETIMEDOUT);
		now = due; /* a task at rest has ended by then */
	}
	if (!must_end(t) || t->phase == REF_RUNS)
		return;
	t->or_canceled = t->home->shut_down;
	if (t->phase == REF_LINGERS)
		decides(t, now);
	else
		ends_at_rest(t, now);
}

void ref_admitted(struct ref_task *t, struct ref_scope *home, const struct tend_restart *policy,
                  uint64_t deadline, uint64_t now)
{
	*t = (struct ref_task){.home = home,
	                       .policy = policy,
	                       .deadline = deadline,
	                       .low = now,
	                       .high = now,
	                       .set_at = now};
}

bool ref_begins(struct ref_task *t, uint64_t now)
{
	ref_look(t, now);
	if (t->phase != REF_RESTS || now < t->low || now > t->high)
		return false;
	t->phase = REF_RUNS;
	t->wish = REF_NONE;
	t->attempts++;
	t->began = t->alive_at = now;
	t->stopped_at = 0;
	t->why = t->late = 0;
	t->ready = !t->policy->ready_ns;
	t->forced = t->stuck = false;
	tell(t, now, true, 0);
	return true;
}

void ref_ready(struct ref_task *t, uint64_t now)
{
	ref_look(t, now);
	t->ready = true;
}

void ref_alive(struct ref_task *t, uint64_t now)
{
	ref_look(t, now);
	t->alive_at = now;
}

void ref_returns(struct ref_task *t, uint64_t now, struct ref_end end, bool opened)
{
	uint32_t row;

	ref_look(t, now);
	t->end = end;
	if (opened && follows(t, now, &row) != REF_OVER)
		t->phase = REF_LINGERS;
	else
		decides(t, now);
}

void ref_settles(struct ref_task *t, uint64_t now)
{
	ref_look(t, now);
	if (t->phase == REF_LINGERS)
		decides(t, now);
}

void ref_cancel(struct ref_task *t, uint64_t now, int32_t code)
{
	ref_look(t, now);
	if (t->phase != REF_OVER) {
		t->canceled = true;
		because(t, code);
	}
	ref_look(t, now);
}

/* An attempt that is wanted while none runs begins now. */
static void wishes(struct ref_task *t, uint64_t now, enum ref_wish wish)
{
	if (t->ncallers < REF_CALLERS)
		t->callers[t->ncallers++] =
			(struct ref_caller){.begin = wish == REF_AGAIN, .attempt = t->attempts};
	if (runs(t)) {
		t->wish = wish;
		return;
	}
	t->phase = wish == REF_STOP ? REF_STOPPED : REF_RESTS;
	t->low = t->high = t->set_at = now;
	if (wish == REF_STOP)
		tell_end(t, now, true);
}

int ref_stop(struct ref_task *t, uint64_t now)
{
	ref_look(t, now);
	/* A stop ends the attempt of a scope that closes, too. */
	if (t->phase == REF_OVER || (must_end(t) && (!runs(t) || is_canceled(t))))
		return -ECANCELED;
	if (t->phase == REF_STOPPED)
		return 0;
	wishes(t, now, REF_STOP);
	if (runs(t))
		stops(t, now, -ECANCELED);
	return -ETIMEDOUT;
}

int ref_start(struct ref_task *t, uint64_t now)
{
	ref_look(t, now);
	if (t->phase == REF_OVER || must_end(t))
		return -ECANCELED;
	if (runs(t) && t->wish == REF_NONE)
		return 0;
	wishes(t, now, REF_AGAIN);
	return -ETIMEDOUT;
}

int ref_restart(struct ref_task *t, uint64_t now)
{
	ref_look(t, now);
	if (t->phase == REF_OVER || must_end(t))
		return -ECANCELED;
	if (t->policy->policy == TEND_TEMPORARY)
		return -EINVAL;
	wishes(t, now, REF_AGAIN);
	if (runs(t))
		stops(t, now, -ECANCELED);
	return -ETIMEDOUT;
}

int ref_fail(struct ref_task *t, uint64_t now, uint32_t attempt, int32_t code)
{
	ref_look(t, now);
	if (!runs(t) || attempt != t->attempts)
		return -ESRCH;
	if (is_canceled(t) || t->stopped_at)
		return -EALREADY;
	t->late = code;
	stops(t, now, code);
	return 0;
}
