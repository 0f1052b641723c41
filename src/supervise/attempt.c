/* supervise/attempt.c - the turn of a restartable task: the beginning of an attempt, the attempt,
 * and the decision at its end. */
#include "supervise/supervise.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>

/* ---- Random numbers ---- */

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(tend_runtime *rt)
{
	/* Relaxed: any number will do. */
	uint64_t z = tend__add_relaxed(&rt->random, UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t random_for(tend_runtime *rt, const struct tend__policy *p)
{
	uint64_t none = 0;

	if (p->jitter == TEND__JITTER_NONE)
		return 0;
	/* Relaxed: any seed will do, and the seed orders nothing. */
	if (!tend__load_relaxed(&rt->random))
		/* Another thread may seed at the same time: the first seed counts. */
		(void)!tend__cas(&rt->random, &none, tend__seed() | 1);
	return draw(rt);
}

/* ---- The end for good ---- */

/* Ends the life: no attempt follows, whatever is asked for later. */
static void end_life(struct tend__task *t, struct tend__life *l) TEND_REQUIRES(&t->home->lock)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__assert_held(&s->home.lock);
	tend__assert(l->phase != TEND__LIFE_OVER);
	l->phase = TEND__LIFE_OVER;
	tend__rules_give(s, l->rules);
	l->rules = NULL;
	tend__life_no_alarm(t);
	tend__callers_tell(t, TEND__STEP_OVER);
}

/* Runs the drop, with the cleanups that the drop defers. `ending` is the last attempt's; a panic of
 * the drop counts more. */
static void last_words(struct tend__task *t, uint8_t ending)
{
	struct tend__life *l = tend__life_of(t);

	tend__assert(l->phase == TEND__LIFE_OVER && !t->drop && !t->defers);
	if (l->attempt.kind->retire)
		l->attempt.kind->retire(t);
	/* `ending` counts for more than the argument, and is of the drop from here on: an
	 * attempt that was aborted because it missed a time has failed. */
	t->ending = 0;
	if (tend__task_word(t) & (TEND__STOP | TEND__ABANDONED))
		tend__task_unmark(t, TEND__STOP | TEND__ABANDONED);
	t->drop = l->drop;
	l->drop = NULL;
	t->unwinding = 0;
	tend__unwind(t);
	if (!t->ending)
		t->ending = ending;
	tend__member_over(t);
}

/* ---- The beginning of an attempt ---- */

/* Says to readers which attempt runs, since when. The sequence of layout.h. */
static void describe_attempt(struct tend__task *t, uint32_t attempt, uint64_t now)
{
	struct tend__record *r = t->record;
	uint32_t seq = tend__load_relaxed(&r->seq);

	tend__store_relaxed(&r->seq, seq + 1);
	tend__store_release(&r->attempt, attempt);
	tend__store_release(&r->since, now);
	tend__store_release(&r->where, 0);
	tend__store_release(&r->checkpoints, 0);
	tend__store_release(&r->pid, 0);
	tend__store_release(&r->seq, seq + 2);
}

/* With the stripe: forgets how the last attempt ended. */
static void forget_message(struct tend__task *t, struct tend__life *l)
{
	l->attempt.has_text = false;
	if (t->extra) {
		t->extra->message[0] = 0;
		t->extra->signal = 0;
	}
}

/* Returns the ending of a task whose life ends at rest: canceled; or as the last attempt, because
 * the scope closes; or rejected, because no attempt has begun. A task that a need has rejected
 * gets the text. */
static uint8_t ending_at_rest(struct tend__task *t, const struct tend__life *l, const char *text)
{
	tend__assert(l->phase == TEND__LIFE_OVER);
	if (!l->attempts)
		t->result = -ECANCELED;
	if (tend__is_canceled(t) || l->attempt.for_good)
		return 0;
	if (text[0]) {
		tend__keep_text(t, text);
		return TEND_REJECTED;
	}
	return l->attempts ? l->last : TEND_REJECTED;
}

/* Returns whether the task is to end now. A close lets what was admitted run once, unless it is
 * stopped. */
static bool ends_before(const struct tend__task *t, const struct tend__life *l)
{
	uint64_t scope = tend__load_acquire(&t->home->record->word);

	if (tend__member_is_to_end(l) || tend__gate_broke(l))
		return true;
	if (l->attempts || l->phase == TEND__LIFE_STOPPED || l->wish == TEND__WISH_STOP ||
	    (tend__task_word(t) & TEND__CANCELED))
		return tend__is_to_end(t);
	return scope & (TEND__SCOPE_CANCELED | TEND__SCOPE_STOPPING);
}

/* A command has stopped the task. Returns the wait. */
static uint32_t stop_life(struct tend__task *t, struct tend__life *l) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	tend__life_link(t);
	tend__life_no_alarm(t);
	tend__task_unmark(t, TEND__STARTING);
	l->phase = TEND__LIFE_STOPPED;
	tend__describe(t, 0, tend__coarse(), 0);
	tend__life_tell(t, (struct tend__event){.type = TEND_EVENT_STOPPED});
	tend__callers_tell(t, TEND__STEP_STOPPED);
	tend__member_leaves(t);
	return TEND__WAIT_STOPPED;
}

/* The scope has given up, and the cancel that follows ends the rest: the task ends as all tasks of
 * the scope that rest. Returns the wait. */
static uint32_t await_cancel(struct tend__task *t, const struct tend__life *l)
	TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	tend__life_link(t);
	return l->phase == TEND__LIFE_STOPPED ? TEND__WAIT_STOPPED : TEND__WAIT_BACKOFF;
}

/* Returns whether no attempt is due yet, unless a command wishes for one. */
static bool is_early(const struct tend__life *l, uint64_t now)
{
	return l->phase == TEND__LIFE_STOPPED ||
	       (l->phase == TEND__LIFE_RESTS && now < l->alarm.timer.at);
}

/* Tells that the attempt has begun, and without a time to be ready, that the attempt is ready. */
static void begun(struct tend__task *t, struct tend__life *l) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	tend__assert(l->phase == TEND__LIFE_RUNS && !l->begun);
	l->begun = true;
	l->ready = l->ready || !l->rules->ready_ns;
	if (tend__listened(tend__scope_of(t)->rt))
		tend__task_began(t);
	tend__callers_tell(t, TEND__STEP_BEGUN);
	tend__member_began(t);
	if (l->ready) {
		tend__callers_tell(t, TEND__STEP_READY);
		tend__member_is_ready(t);
	}
}

void tend__attempt_begun(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);

	tend__lock(&t->home->lock);
	/* An attempt is neither long nor late because the kind had to wait before it. */
	l->began = tend__clock();
	/* Relaxed: as at the beginning of any attempt. */
	tend__store_relaxed(&l->alive_at, l->began);
	begun(t, l);
	tend__unlock(&t->home->lock);
}

/* `calls`: the function of the task is called next. Otherwise the kind tells when the attempt has
 * begun, or the attempt cannot begin. */
static void begin_attempt(struct tend__task *t, struct tend__life *l, bool calls, uint64_t now)
	TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	tend__assert(l->rung == TEND__RUNG_NONE && !l->attempt.stop_code);
	tend__life_no_alarm(t);
	l->phase = TEND__LIFE_RUNS;
	l->wish = TEND__WISH_NONE;
	l->attempts++;
	tend__scope_of(t)->attempts++;
	l->began = now;
	t->result = 0; /* a panic leaves none */
	/* Relaxed: an instant that is a moment old makes a look more (ladder.c). */
	tend__store_relaxed(&l->alive_at, now);
	l->begun = l->ready = false;
	if (l->rules->ready_ns) {
		bool live = tend__task_mark(t->record, t->id, TEND__UNREADY);
		tend__assert(live);
	}
	tend__attempt_watch(t);
	describe_attempt(t, l->attempts, now);
	if (calls)
		begun(t, l);
}

void tend__attempt_say_ready(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);

	tend__assert_held(&t->home->lock);
	if (l->phase != TEND__LIFE_RUNS || l->ready)
		return;
	l->ready = true;
	tend__task_unmark(t, TEND__UNREADY);
	tend__life_tell(t, (struct tend__event){.type = TEND_EVENT_READY});
	tend__callers_tell(t, TEND__STEP_READY);
	tend__member_is_ready(t);
}

void tend__attempt_ready(struct tend__task *t)
{
	tend__lock(&t->home->lock);
	tend__attempt_say_ready(t);
	tend__unlock(&t->home->lock);
}

/* The wait of a task at rest; or TEND__WAIT_NONE for the end, and then perhaps a reason. */
struct rest {
	uint32_t wait;
	char text[128]; /* empty: no reason */
};

/* Begins an attempt, if an attempt is due. Otherwise returns false, and *rest is the rest that
 * goes on, or the end. */
static bool begin_if_due(struct tend__task *t, struct tend__life *l, bool calls, struct rest *rest)
{
	bool begins = false;

	tend__assert(!t->defers);
	/* A round has a task at rest wait, so the phase is only looked at under the lock. */
	tend__lock(&t->home->lock);
	tend__assert(l->phase != TEND__LIFE_RUNS && l->phase != TEND__LIFE_OVER);
	uint64_t now =
		l->phase == TEND__LIFE_FRESH && !l->rules->exact ? tend__coarse() : tend__clock();
	rest->wait = TEND__WAIT_NONE;
	rest->text[0] = 0;
	if (tend__scope_of(t)->gave_up && !tend__is_canceled(t)) {
		rest->wait = await_cancel(t, l);
	} else if (ends_before(t, l)) {
		if (tend__gate_broke(l))
			tend__gate_say(l, rest->text, sizeof(rest->text));
		end_life(t, l);
	} else if (l->wish == TEND__WISH_STOP) {
		l->wish = TEND__WISH_NONE;
		rest->wait = stop_life(t, l);
	} else if (l->wish != TEND__WISH_AGAIN && is_early(l, now)) {
		rest->wait =
			l->phase == TEND__LIFE_STOPPED ? TEND__WAIT_STOPPED : TEND__WAIT_BACKOFF;
	} else if ((rest->wait = tend__member_waits(t)) == TEND__WAIT_NONE) {
		begins = true;
		begin_attempt(t, l, calls, now);
	}
	tend__unlock(&t->home->lock);
	return begins;
}

/* The same, and forgets the text of the last attempt when another begins. The stripe is held from
 * before the beginning, because a probe that names the new attempt writes a text under the stripe.
 * Without the stripe `extra` may not even be read, because a cancel may be making it; so the life
 * knows whether there is a text, and most restarts take no stripe. */
static bool begin(struct tend__task *t, struct tend__life *l, bool calls, struct rest *rest)
{
	struct tend__lock *stripe = tend__stripe_of(tend__scope_of(t)->rt, t->id);

	if (!l->attempt.has_text)
		return begin_if_due(t, l, calls, rest);
	tend__lock(stripe);
	bool begins = begin_if_due(t, l, calls, rest);
	if (begins)
		forget_message(t, l);
	tend__unlock(stripe);
	return begins;
}

/* ---- The decision ---- */

/* Returns whether the attempt ended with an exit code that is a failure unless a list says
 * otherwise. */
static bool has_code(const struct tend__task *t)
{
	return t->ending == TEND_FAILED && t->result >= 0;
}

/* Returns the ending of an attempt: 0 where the result says the outcome. */
static uint8_t ending_of(const struct tend__task *t, const struct tend__life *l,
                         const struct tend__decision *d)
{
	bool canceled = tend__is_canceled(t) || l->attempt.for_good;

	if (t->ending == TEND_PANICKED)
		return t->ending;
	/* A cancel beats a failure, be that a time missed, or a result negative or in a list. */
	if (l->late && !canceled)
		return TEND_FAILED;
	if ((t->ending && !has_code(t)) || canceled)
		return t->ending;
	if (d->outcome == TEND__WAS_CANCELED)
		return TEND_CANCELED;
	if (d->outcome == TEND__HAS_FAILED)
		return (uint8_t)(t->result >= 0 ? TEND_FAILED : 0);
	return (uint8_t)(t->result < 0 ? TEND_COMPLETED : 0);
}

/* Returns the outcome of an attempt, as a task would have it that ran once. */
static uint32_t outcome_of(const struct tend__task *t, const struct tend__life *l)
{
	if (l->last)
		return l->last;
	return t->result < 0 ? TEND_FAILED : TEND_COMPLETED;
}

/* Clears what belongs to the attempt that has ended. */
static void renew(struct tend__task *t, struct tend__life *l, uint32_t outcome)
	TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	/* Relaxed: for readers. */
	tend__store_relaxed(&t->record->pid, 0);
	t->ending = t->unwinding = t->shields = 0;
	t->aborted = t->timed_out = false;
	t->shield = 0;
	l->late = l->fatal = l->ready = false;
	l->rung = TEND__RUNG_NONE;
	l->wish = TEND__WISH_NONE;
	l->attempt.stop_code = 0;
	l->attempt.for_good = false;
	tend__life_no_alarm(t);
	tend__task_between(t, outcome);
	/* Relaxed: for readers, of the last attempt. */
	tend__store_relaxed(&t->record->result, t->result);
}

/* Returns how long a task rests that has failed: a storm of restarts is spread over time. The
 * decisions are spread and each rest begins at its place among them: if the ends of the rests
 * were spread, a task that rests for an hour would hold up all others for an hour. */
static uint64_t spread(tend_runtime *rt, uint64_t now, uint64_t rest)
{
	uint64_t gap = rt->restart_gap_ns, at, next;
	/* Relaxed: the exchange decides, and the instant orders nothing. */
	uint64_t before = tend__load_relaxed(&rt->restart_next);

	if (!gap)
		return rest;
	do {
		next = before;
		at = tend__spread(&next, now, gap);
		/* acq_rel: pairs with itself. The instant alone decides. */
	} while (!tend__cas_weak_acq_rel(&rt->restart_next, &before, next));
	return rest < TEND_FOREVER - (at - now) ? rest + (at - now) : TEND_FOREVER;
}

/* Plans the next attempt, after the rest. Returns the wait of the rest. */
static uint32_t rest_until(struct tend__task *t, struct tend__life *l, uint64_t now, uint64_t rest)
	TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	if (!rest) {
		l->phase = TEND__LIFE_FRESH;
		return TEND__AGAIN;
	}
	uint64_t due = rest < TEND_FOREVER - now ? now + rest : TEND_FOREVER - 1;
	l->phase = TEND__LIFE_RESTS;
	tend__describe(t, due, now, 0);
	tend__life_alarm(t, due);
	tend__life_tell(t, (struct tend__event){.type = TEND_EVENT_BACKOFF, .delay = due - now});
	return TEND__WAIT_BACKOFF;
}

/* Tells of the end of an attempt, by an outcome that is decided. */
static void tell_end(struct tend__task *t, uint32_t outcome) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	if (!tend__listened(tend__scope_of(t)->rt))
		return;
	tend__life_tell(t,
	                (struct tend__event){.type = TEND_EVENT_ATTEMPT_ENDED,
	                                     .outcome = outcome,
	                                     .result = t->result,
	                                     .error = tend__attempt_error(t, outcome, t->result)});
}

/* Returns the decision that the policy takes now. */
static struct tend__decision look(struct tend__task *t, const struct tend__life *l, uint64_t now)
	TEND_REQUIRES(&t->home->lock)
{
	struct tend__scope *s = tend__scope_of(t);
	const struct tend__policy *policy = &l->rules->policy;
	struct tend__attempt_end end = {
		.ends = tend__is_to_end(t) || s->gave_up || l->attempt.is_last ||
	                tend__member_is_to_end(l),
		.fatal = l->fatal && (t->result < 0 || t->ending),
		.stop = l->wish == TEND__WISH_STOP || l->wish == TEND__WISH_START,
		.again = l->wish == TEND__WISH_AGAIN || tend__round_stops(l),
		.late = l->late,
		.broken = t->ending && !has_code(t) && t->ending != TEND_CANCELED,
		.failed = has_code(t),
		.result = t->ending == TEND_CANCELED ? -ECANCELED : t->result,
		/* The time of the round may be earlier. */
		.ran_ns = now > l->began ? now - l->began : 0};

	tend__assert_held(&t->home->lock);
	return tend__decide(policy, l->attempt.failures, &end, random_for(s->rt, policy));
}

/* Returns whether the end of the attempt makes the scope give up: there are too many restarts, or
 * the tasks of the scope belong together, and this task has failed for good. */
static bool makes_give_up(struct tend__task *t, const struct tend__life *l,
                          const struct tend__decision *d, bool failed, uint64_t now)
	TEND_REQUIRES(&t->home->lock)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__assert_held(&t->home->lock);
	if (failed)
		return tend__group_counts(t, now);
	if (d->verdict != TEND__ENDS || d->outcome != TEND__HAS_FAILED || !tend__group_is_one(s) ||
	    l->rules->policy.type == TEND__TEMPORARY || tend__is_to_end(t) ||
	    tend__member_is_to_end(l) || s->gave_up)
		return false;
	s->gave_up = true;
	return true;
}

/* Another attempt follows. Returns the wait until then. */
static uint32_t go_on(struct tend__task *t, struct tend__life *l, const struct tend__decision *d,
                      bool failed, uint64_t now) TEND_REQUIRES(&t->home->lock)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__assert_held(&t->home->lock);
	l->restarts += d->outcome == TEND__HAS_FAILED;
	s->restarts += failed;
	uint32_t wait = rest_until(t, l, now, failed ? spread(s->rt, now, d->rest_ns) : d->rest_ns);
	if (failed && tend__group_is_one(s))
		tend__round_fails(t);
	else
		tend__member_is_down(t);
	return wait;
}

/* Returns whether the attempt has failed because the program of a process could not run. */
static bool never_ran(const struct tend__task *t, const struct tend__life *l)
{
	/* Relaxed: the guard's news of the pid came before those of the end. */
	return l->attempt.kind->begin && t->ending == TEND_FAILED && t->result < 0 &&
	       !tend__load_relaxed(&t->record->pid);
}

/* Begins the next attempt if it is due at once and nothing is to be done before without the lock
 * of the scope: no text is to be forgotten, and no note is to be written. A member asks its round
 * first. */
static bool begins_at_once(struct tend__task *t, struct tend__life *l, uint64_t now)
	TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	if (l->member || l->attempt.has_text || tend__life_needs_note(l))
		return false;
	begin_attempt(t, l, true, now);
	return true;
}

/* The turn of the task goes on with another attempt, which has begun. */
enum { HAS_BEGUN = TEND__AGAIN + 1 };

/* Decides, for good or until the next attempt ends, and sets *wait; `stays`: to HAS_BEGUN, if the
 * next attempt has begun. Returns false, with nothing decided, if the scopes that the attempt has
 * opened are to end first: for the sake of the next attempt, or of the callers of a stop. Those of
 * a task that ends close themselves. */
static bool decide(struct tend__task *t, struct tend__life *l, bool started, bool alone, bool stays,
                   uint32_t *wait)
{
	*wait = TEND__WAIT_NONE;
	tend__lock(&t->home->lock);
	struct tend__scope *s = tend__scope_of(t);
	/* The restarts of a scope are counted in the order of their instants. */
	uint64_t now = l->rules->exact || s->group || s->rt->restart_gap_ns ? tend__clock()
	                                                                    : tend__coarse();
	struct tend__decision d = look(t, l, now);
	/* Without a stack now, a moment later there is no stack either. */
	if (!started && !d.rest_ns)
		d.rest_ns = TEND_MS;
	/* A set is made as a whole, or not at all. */
	if ((!started || never_ran(t, l)) && l->attempts == 1 && tend__member_is_together(l))
		d.verdict = TEND__ENDS;
	if (d.verdict != TEND__ENDS && !alone) {
		tend__unlock(&t->home->lock);
		return false;
	}
	/* By itself, because gcc makes one load of two fields that were stored just now, and that
	 * load waits for the stores. */
	bool failed = d.outcome == TEND__HAS_FAILED;
	failed = failed && d.verdict == TEND__RUNS && l->wish == TEND__WISH_NONE &&
	         !tend__round_stops(l);
	bool gives_up = makes_give_up(t, l, &d, failed, now), for_good = !failed;
	if (gives_up)
		d.verdict = TEND__ENDS;
	if (d.verdict == TEND__STOPS && l->wish == TEND__WISH_START)
		d.verdict = TEND__RUNS;
	l->attempt.failures = d.failures;
	/* A panic, a start that failed and a probe have left a text. */
	l->attempt.has_text = l->attempt.has_text || l->late || t->ending;
	l->last = ending_of(t, l, &d);
	l->attempt.error = l->late ? l->attempt.stop_code : 0;
	/* The failure came before the cancel of the scope, which follows it. */
	if (gives_up && !l->last)
		l->last = TEND_FAILED;
	s->timeouts += l->late;
	if (l->member && l->ready)
		tend__gate_is_not_ready(l->member);
	uint32_t outcome = outcome_of(t, l);
	if (d.verdict == TEND__ENDS) {
		/* A cancel counts more than a result, as it does for the task. */
		tell_end(t, !l->last && tend__is_canceled(t) ? TEND_CANCELED : outcome);
		if (gives_up)
			tend__life_tell_gave_up(t);
		end_life(t, l);
	} else {
		renew(t, l, outcome);
		tell_end(t, outcome);
		tend__callers_tell(t, TEND__STEP_ENDED);
	}
	if (d.verdict == TEND__STOPS)
		*wait = stop_life(t, l);
	else if (d.verdict == TEND__RUNS)
		*wait = go_on(t, l, &d, failed, now);
	if (*wait == TEND__AGAIN && stays && begins_at_once(t, l, now))
		*wait = HAS_BEGUN;
	bool noted = d.verdict != TEND__ENDS && *wait != HAS_BEGUN && tend__life_needs_note(l);
	tend__unlock(&t->home->lock);
	if (noted)
		tend__life_note(t);
	if (gives_up)
		tend__group_gives_up(t, for_good);
	return true;
}

/* The last turn of the attempt is over, and the cleanups have run. `stays` as for decide(). */
static uint32_t attempt_over(struct tend__task *t, struct tend__life *l, bool stays)
{
	uint32_t wait;

	tend__assert(l->phase == TEND__LIFE_RUNS && !t->defers && !t->drop);
	/* The shield was the attempt's. */
	t->shield = 0;
	/* Before the look at the flags: from here on a cancel or a close finds the task. */
	if (!t->in_cancel_list)
		tend__task_link(t);
	if (!decide(t, l, true, !t->owns, stays, &wait)) {
		tend__disown_attempt(t);
		bool decided = decide(t, l, true, true, false, &wait);
		tend__assert(decided);
	}
	if (wait == TEND__WAIT_NONE)
		last_words(t, l->last);
	return wait;
}

/* Begins an attempt. Otherwise the life ends, or *wait is the rest that goes on. Out of line,
 * because the stack of an attempt should not hold the text. */
static __attribute__((noinline)) bool begins(struct tend__task *t, struct tend__life *l, bool calls,
                                             uint32_t *wait)
{
	struct rest rest;

	if (begin(t, l, calls, &rest))
		return true;
	*wait = rest.wait;
	if (rest.wait == TEND__WAIT_NONE)
		last_words(t, ending_at_rest(t, l, rest.text));
	return false;
}

/* Returns whether this turn goes on with an attempt. */
static bool goes_on_with_attempt(struct tend__task *t, const struct tend__life *l)
{
	/* The attempt of a kind that does not begin by itself is a single turn. */
	if (!l->attempt.kind->begin)
		return false;
	tend__lock(&t->home->lock);
	bool runs = l->phase == TEND__LIFE_RUNS;
	tend__unlock(&t->home->lock);
	return runs;
}

static uint32_t turn(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);
	const struct tend__kind *kind = l->attempt.kind;
	uint32_t wait;

	if (!goes_on_with_attempt(t, l)) {
		if (!begins(t, l, !kind->begin, &wait))
			return wait;
		if (kind->begin)
			kind->begin(t);
	}
	do {
		wait = kind->turn(t);
		if (wait == TEND__WAIT_NONE)
			wait = attempt_over(t, l, !kind->begin && tend__fiber_stays(t));
	} while (wait == HAS_BEGUN);
	return wait;
}

/* The program has left a turn by a panic or an abort, or the drop has panicked. */
static void leave(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);
	const struct tend__kind *kind = l->attempt.kind;
	uint32_t wait = TEND__WAIT_NONE;

	if (l->phase == TEND__LIFE_OVER)
		tend__member_over(t);
	else
		wait = attempt_over(t, l, false);
	kind->quit(t, wait);
}

/* ---- Without a stack ---- */

static void say_not_started(struct tend__task *t, int error)
{
	struct tend__lock *stripe = tend__stripe_of(tend__scope_of(t)->rt, t->id);
	char text[sizeof(t->extra->message)];

	snprintf(text, sizeof(text), "no stack: %s", tend_strerror(error));
	tend__lock(stripe);
	/* Without memory the outcome has no message, and its result says enough. */
	if (tend__task_extra(t))
		memcpy(t->extra->message, text, sizeof(text));
	tend__unlock(stripe);
	if (!(tend__task_word(t) & TEND__KEPT))
		tend__failure_tell(t, "could not start", text);
}

/* No stack could be had for a turn. Unless the kind takes its turn later, the attempt has failed.
 * No task runs here, so the drop must not wait. */
static void starved(struct tend__task *t, int error)
{
	struct tend__life *l = tend__life_of(t);
	uint32_t wait;

	tend__assert(!t->worker && !t->stack);
	if (l->attempt.kind->starved) {
		l->attempt.kind->starved(t, error);
		return;
	}
	if (begins(t, l, false, &wait)) {
		t->result = error;
		t->ending = TEND_FAILED;
		say_not_started(t, error);
		if (!t->in_cancel_list)
			tend__task_link(t);
		bool decided = decide(t, l, false, true, false, &wait);
		tend__assert(decided);
		if (wait == TEND__WAIT_NONE)
			last_words(t, l->last);
	}
	if (wait == TEND__WAIT_NONE)
		tend__scope_of(t)->rt->finish(t);
	else if (!tend__rest(tend__scope_of(t)->rt, t, (enum tend__wait_kind)wait))
		tend__task_wake(t);
}

/* ---- The kind ---- */

static void wake(struct tend__task *t) { tend__attempt_of(t)->kind->wake(t); }

static void told(struct tend__task *t)
{
	const struct tend__kind *kind = tend__attempt_of(t)->kind;

	if (kind->told)
		kind->told(t);
}

static void gone(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend__life *l = tend__life_of(t);

	if (l->attempt.kind->gone)
		l->attempt.kind->gone(t);
	/* The task was never published. */
	if (l->rules) {
		tend__lock(&s->home.lock);
		tend__assert_held(&t->home->lock);
		tend__member_unborn(t);
		tend__rules_give(s, l->rules);
		tend__unlock(&s->home.lock);
	}
	tend__free(l);
}

const struct tend__kind tend__kind_restartable = {.wake = wake,
                                                  .turn = turn,
                                                  .starved = starved,
                                                  .told = told,
                                                  .leave = leave,
                                                  .gone = gone,
                                                  .is_ready = tend__attempt_ready};
