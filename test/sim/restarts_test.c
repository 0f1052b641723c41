/* Random lives of restartable tasks, compared with the reference: when each attempt begins,
 * with which number, when and why it is told to stop, what a reader sees between, what commands
 * answer and when, how each task ends, and what its scope counts.
 *
 * No two things that could race happen at the same instant: lengths are multiples of 64, and
 * each kind of time, deadline and command adds a number of its own to one. Instants that
 * coincide all the same, after a drawn delay, are left out of the comparison. */
#include "reference.h"
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

enum { ACTORS = 3, ATTEMPTS = 12, SEQUENCES = 100, RESULTS = 10, COMMANDS = 6 };

struct actor {
	struct ref_task ref;
	struct tend_restart policy;
	tend_task task;
	struct tend_outcome outcome;
	bool joined;
	int dropped, begun, cleaned;
	bool abortable;
	bool inside;        /* one attempt at a time */
	bool opened;        /* a scope, in which a task lingers */
	bool told;          /* that task */
	bool heard;         /* the attempt was told in a wait */
	bool deaf;          /* the attempt, for the time being */
	uint64_t seen_at;   /* the last event of it */
	uint64_t left_at;   /* the last attempt has left its function and its cleanups */
	struct ref_end end; /* of the attempt */
};

static struct {
	struct ref_scope home;
	tend_scope scope;
	struct actor actors[ACTORS];
	unsigned n;
	unsigned commands;  /* so far */
	uint64_t commanded; /* instant of the last command */
	bool tie;           /* an attempt began then, but not by the command */
	bool early;         /* that was a close, before the first attempts had begun */
	uint64_t gave_up_at;
	int lingering, callers;
} w;
static unsigned ties;

static unsigned pick(unsigned n) { return (unsigned)tend_sim_choose(n); }

#define ONE_OF(...) \
	((const uint64_t[]){ \
		__VA_ARGS__}[pick(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))])

static const int32_t success[] = {7, -EIO, 0}, fatal[] = {9, -EPERM, 0};

static struct tend_restart random_policy(void)
{
	struct tend_restart r = {.size = sizeof(struct tend_restart),
	                         .policy = pick(8) ? 1 + pick(2) : TEND_TEMPORARY,
	                         .retries = pick(4),
	                         .delay_ns = ONE_OF(0, 64, 2 * TEND_MS, 100 * TEND_MS, 7 * TEND_SEC,
	                                            TEND_AT_ONCE),
	                         .delay_max_ns = ONE_OF(0, 4 * TEND_MS, TEND_SEC, 60 * TEND_SEC),
	                         .factor = (uint32_t)ONE_OF(0, 1000, 1500, 3000, 4000000),
	                         .jitter = pick(2) ? pick(4) : TEND_JITTER_NONE,
	                         .stable_ns = ONE_OF(0, 2 * TEND_MS, TEND_SEC),
	                         .interval_ns = ONE_OF(0, 64, 2 * TEND_MS, TEND_SEC, TEND_AT_ONCE),
	                         .success = pick(3) ? NULL : success,
	                         .fatal = pick(3) ? NULL : fatal};

	if (pick(3) == 0)
		r.timeout_ns = ONE_OF(TEND_MS + 1, 3 * TEND_SEC + 1);
	if (pick(4) == 0)
		r.ready_ns = ONE_OF(TEND_MS + 2, 3 * TEND_SEC + 2);
	if (pick(4) == 0)
		r.alive_ns = ONE_OF(TEND_MS + 4, 3 * TEND_SEC + 4);
	r.grace_ns = ONE_OF(0, TEND_MS + 8, TEND_SEC + 8);
	return r;
}

static uint64_t random_length(void)
{
	return ONE_OF(0, 64, 1024, TEND_MS, 2 * TEND_MS - 64, 2 * TEND_MS, TEND_SEC, 20 * TEND_SEC);
}

static int32_t random_result(void)
{
	static const int32_t results[RESULTS] = {0,    5,      7,          9,      -EIO,
	                                         -EIO, -EPERM, -ECANCELED, -EPIPE, TEND_DONE};

	return results[pick(RESULTS)];
}

/* ---- The bodies ---- */

static void look_all(void)
{
	for (unsigned i = 0; i < w.n && w.actors[i].ref.home; i++)
		ref_look(&w.actors[i].ref, tend_now());
}

/* If the scope has given up by the end of this attempt, the others are canceled. Where
 * another attempt begins or ends at this instant, the order of the two is not known. */
static void look_around(struct actor *a)
{
	a->seen_at = tend_now();
	if (!w.home.gave_up || w.gave_up_at)
		return;
	w.gave_up_at = tend_now();
	for (unsigned i = 0; i < w.n; i++) {
		const struct actor *other = &w.actors[i];
		bool due = other->ref.phase == REF_RESTS && other->ref.low <= w.gave_up_at &&
		           other->ref.high >= w.gave_up_at;

		w.tie = w.tie || (other != a && (due || other->seen_at == w.gave_up_at));
	}
	look_all();
}

static void drop(void *arg)
{
	struct actor *a = arg;

	ref_look(&a->ref, tend_now());
	ck_assert(w.tie || a->ref.phase == REF_OVER);
	a->dropped++;
}

/* The first deferred, so the last that the attempt does. */
static void last_cleanup(void *arg)
{
	struct actor *a = arg;

	a->cleaned++;
	a->inside = false;
	a->left_at = tend_now();
	look_all();
	/* It ends at that instant, and not because of that. */
	if (a->left_at == w.gave_up_at && !(a->heard && a->ref.why == -ELOOP))
		w.tie = true;
	ck_assert(w.tie || !a->opened || a->told == a->ref.forced);
	ref_returns(&a->ref, a->left_at, a->end, a->opened);
	look_around(a);
}

/* Takes a little, unless it is told to stop. */
static void slow_cleanup(void *arg)
{
	(void)arg;
	(void)!tend_sleep(2 * TEND_MS);
}

/* Stays for a while after the cancel, by the end of the attempt or by the ladder of its stop. */
static int linger(void *arg)
{
	struct actor *a = arg;
	uint64_t outer, length = random_length(), now;

	ANSWERS(tend_sleep(TEND_FOREVER / 2), -ECANCELED);
	now = tend_now();
	ref_look(&a->ref, now);
	ck_assert(w.tie || now == a->left_at || (a->inside && a->ref.forced));
	a->told = true;
	OK(tend_shield_begin(tend_after(length + 64), &outer));
	OK(tend_sleep(length));
	tend_shield_end(outer);
	return 0;
}

/* Also of a task that was canceled before it ran. */
static void lingered(void *arg)
{
	struct actor *a = arg;

	a->opened = false;
	w.lingering--;
	look_all();
	ref_settles(&a->ref, tend_now());
	look_around(a);
}

static void open_something(struct actor *a)
{
	tend_scope s;

	/* The scope of the last attempt may linger where the task ends for good. */
	if (a->opened || a->abortable || pick(4))
		return;
	OK(tend_scope_open(root, "opened", NULL, &s));
	OK(tend_spawn(s, linger, a, TEND_TASK_OPTS(.drop = lingered), NULL));
	a->opened = true;
	a->told = false;
	w.lingering++;
}

static void check_told(struct actor *a, int error)
{
	struct tend_reason why = {0};

	ref_look(&a->ref, tend_now());
	a->heard = error;
	w.tie = w.tie || (!error && tend_now() == w.gave_up_at) ||
	        (w.gave_up_at && a->ref.stopped_at == w.gave_up_at);
	ck_assert_msg(w.tie || error == (ref_told(&a->ref) ? -ECANCELED : 0),
	              "a wait was told %d, attempt %d", error, a->begun);
	/* Of two cancels, its own and that of its scope, a task is told of its own. */
	if (!error || w.tie || w.home.shut_down || (a->ref.canceled && w.home.canceled))
		return;
	OK(tend_task_reason(tend_self(), &why));
	ck_assert_int_eq(why.code, a->ref.why);
}

/* Waits whatever comes. An abort ends an abortable one in the wait after its shield. */
static void work_deaf(struct actor *a, uint64_t length)
{
	uint64_t outer;

	OK(tend_shield_begin(tend_after(length + 64), &outer));
	a->deaf = true;
	OK(tend_sleep(length));
	a->deaf = false;
	tend_shield_end(outer);
	if (!a->abortable)
		return;
	a->end.aborted = true;
	check_told(a, tend_sleep(64));
	ck_assert(w.tie || !a->ref.forced);
	a->end.aborted = false;
}

/* Work of no length has no wait. */
static void work(struct actor *a, uint64_t length)
{
	int error;

	if (!length)
		return;
	error = tend_sleep(length);
	check_told(a, error);
	if (error)
		return;
	if (pick(2)) {
		ref_alive(&a->ref, tend_now());
		OK(tend_alive());
	}
	if (pick(2)) {
		ref_ready(&a->ref, tend_now());
		OK(tend_ready());
	}
	check_told(a, tend_sleep(length));
}

static int ends(struct actor *a)
{
	a->end.result = a->begun < ATTEMPTS ? random_result() : TEND_DONE;
	if (a->begun == ATTEMPTS || pick(8))
		return a->end.result;
	if (pick(2)) {
		a->end.fatal = true;
		(void)tend_fatal(a->end.result, "at random");
	}
	if (a->end.fatal && pick(2))
		return a->end.result;
	a->end.panicked = true;
	tend_panic("at random");
}

static int body(void *arg)
{
	struct actor *a = arg;
	uint64_t now = tend_now();
	bool set_now = a->ref.set_at == now && !(w.early && a->begun);
	bool may = ref_begins(&a->ref, now);

	w.tie = w.tie || (now == w.commanded && !set_now) || now == w.gave_up_at;
	a->seen_at = now;
	ck_assert_msg(w.tie || may, "attempt %d begins at %llu, phase %d, from %llu to %llu",
	              a->begun + 1, (unsigned long long)now, a->ref.phase,
	              (unsigned long long)a->ref.low, (unsigned long long)a->ref.high);
	ck_assert(!a->inside);
	a->inside = true;
	a->begun++;
	a->end = (struct ref_end){0};
	a->heard = false;
	OK(tend_defer(last_cleanup, a));
	if (pick(6) == 0)
		OK(tend_defer(slow_cleanup, a));
	open_something(a);
	if (pick(4) == 0)
		work_deaf(a, random_length());
	else
		work(a, random_length());
	return ends(a);
}

/* ---- What comes from outside ---- */

/* Waits for an instant of the next command, up to half a minute away. */
static void until_command(void)
{
	uint64_t at = tend_now() + 64 * (1 + (uint64_t)pick(1 << 14)) +
	              ONE_OF(0, TEND_MS, 4 * TEND_MS, 50 * TEND_MS, TEND_SEC, 30 * TEND_SEC);

	at = (at & ~UINT64_C(63)) + 40 + w.commands++;
	(void)!tend_sleep_until(at);
	w.commanded = at;
	look_all();
}

static void cancel_one(struct actor *a)
{
	ref_cancel(&a->ref, w.commanded, -EINTR);
	int error = tend_task_cancel(a->task, -EINTR, "one");
	ck_assert(!error || error == -EALREADY || error == -ESRCH);
}

/* A task that is over may be gone. */
static void compare_answer(const struct ref_task *t, int error, int expected)
{
	if (w.tie || (t->phase == REF_OVER && error == -ESRCH))
		return;
	ck_assert_int_eq(error, expected);
}

enum order { STOP, START, RESTART };

static int order_of(struct ref_task *t, enum order order)
{
	uint64_t now = tend_now();

	return order == STOP    ? ref_stop(t, now)
	       : order == START ? ref_start(t, now)
	                        : ref_restart(t, now);
}
static int give(tend_task t, enum order order, uint64_t deadline)
{
	return order == STOP    ? tend_task_stop(t, deadline)
	       : order == START ? tend_task_start(t, deadline)
	                        : tend_task_restart(t, deadline);
}

struct caller {
	struct actor *actor;
	enum order order;
};

/* Gives a command and waits for its step. */
static int calls(void *arg)
{
	struct caller *c = arg;
	struct ref_task *t = &c->actor->ref;
	int expected = order_of(t, c->order);
	/* The newest, if the command has not been answered at once. */
	const struct ref_caller *awaited =
		expected == -ETIMEDOUT ? &t->callers[t->ncallers - 1] : NULL;
	int error = give(c->actor->task, c->order, TEND_FOREVER);

	ref_look(t, tend_now());
	if (expected != -ETIMEDOUT)
		compare_answer(t, error, expected);
	else if (!w.tie && awaited->answered) {
		ck_assert_uint_eq(awaited->at, tend_now());
		compare_answer(t, error, awaited->answer);
	} else if (!w.tie) {
		/* The attempt is about to call its function. */
		ck_assert(!error && awaited->begin && t->phase == REF_RESTS);
		ck_assert(t->low <= tend_now() && t->high >= tend_now());
	}
	w.callers--;
	free(c);
	return 0;
}

static void order(struct actor *a)
{
	enum order which = (enum order)pick(3);
	struct caller *c;

	/* Two at once: the attempt has not ended between them. */
	if (a->deaf && pick(2)) {
		int expected = order_of(&a->ref, STOP);

		compare_answer(&a->ref, give(a->task, STOP, 0), expected);
	}
	if (pick(2)) {
		int expected = order_of(&a->ref, which);

		compare_answer(&a->ref, give(a->task, which, 0), expected);
		return;
	}
	c = malloc(sizeof(*c));
	ck_assert_ptr_nonnull(c);
	*c = (struct caller){a, which};
	w.callers++;
	OK(tend_spawn(root, calls, c, TEND_TASK_OPTS(.name = "caller"), NULL));
}

static void probe(struct actor *a)
{
	uint32_t attempt = a->ref.attempts - (pick(4) == 0);
	int expected;

	if (pick(2)) {
		expected = ref_fail(&a->ref, w.commanded, attempt, -EPROTO);
		compare_answer(&a->ref, tend_task_fail(a->task, attempt, -EPROTO, "probe"),
		               expected);
		return;
	}
	bool runs = a->ref.phase == REF_RUNS || a->ref.phase == REF_LINGERS;
	expected = runs && attempt == a->ref.attempts ? 0 : -ESRCH;
	if (!expected)
		ref_ready(&a->ref, w.commanded);
	compare_answer(&a->ref, tend_task_ready(a->task, attempt), expected);
}

static uint8_t state_of(const struct ref_task *t)
{
	if (t->phase == REF_OVER)
		return TEND_STATE_ENDED;
	if (t->phase == REF_STOPPED)
		return TEND_STATE_STOPPED;
	if (t->phase == REF_RESTS)
		return TEND_STATE_BACKOFF;
	if (t->stuck)
		return TEND_STATE_ABANDONED;
	return ref_told(t) || w.home.canceled ? TEND_STATE_STOPPING : TEND_STATE_PARKED;
}

static void compare_row(const struct tend_info *info, const struct ref_task *t)
{
	ck_assert_int_eq(info->torn, 0);
	ck_assert_msg(info->state == state_of(t), "%s is %s, not %s", info->name,
	              tend_state_name(info->state), tend_state_name(state_of(t)));
	ck_assert_uint_eq(info->attempt, t->attempts);
	if (t->phase == REF_OVER)
		ck_assert_int_eq(info->outcome, t->outcome);
}

static void compare_info(const struct actor *a)
{
	const struct ref_task *t = &a->ref;
	bool running = t->phase == REF_RUNS || t->phase == REF_LINGERS;
	struct tend_life info;

	if (t->phase == REF_OVER || w.tie)
		return;
	OK(tend_task_info(a->task, &info));
	ck_assert_uint_eq(info.attempt, t->attempts);
	ck_assert_uint_eq(info.failures, t->row);
	ck_assert_uint_eq(info.restarts, t->restarts);
	ck_assert_uint_eq(info.ready, running && t->ready);
	ck_assert(t->phase != REF_RESTS || (info.due >= t->low && info.due <= t->high));
	ck_assert(running || info.last == (uint32_t)t->last);
}

static void compare_rows(void)
{
	tend_snapshot *s;

	OK(tend_snapshot_take(rt, &s));
	for (size_t i = 0; i < tend_snapshot_count(s) && !w.tie; i++)
		for (unsigned k = 0; k < w.n; k++)
			if (tend_snapshot_at(s, i)->id == w.actors[k].task.id)
				compare_row(tend_snapshot_at(s, i), &w.actors[k].ref);
	tend_snapshot_free(s);
	for (unsigned k = 0; k < w.n; k++)
		compare_info(&w.actors[k]);
}

static void command(void)
{
	until_command();
	switch (pick(9)) {
	case 0:
		cancel_one(&w.actors[pick(w.n)]);
		break;
	case 1:
		OK(tend_scope_seal(w.scope));
		break;
	case 2:
		if (pick(3) == 0) {
			w.home.canceled = true;
			look_all();
			int error = tend_scope_cancel(w.scope, -EINTR, "all");
			ck_assert(!error || error == -EALREADY);
		}
		break;
	case 3:
	case 4:
	case 5:
		order(&w.actors[pick(w.n)]);
		break;
	case 6:
		probe(&w.actors[pick(w.n)]);
		break;
	default:
		compare_rows();
		break;
	}
}

/* Ends the scope in one of the three ways. */
static struct tend_stats finish(void)
{
	struct tend_stats n;

	if (!w.early)
		until_command();
	switch (w.early ? 2 : pick(3)) {
	case 0:
		w.home.canceled = true;
		look_all();
		(void)!tend_scope_cancel(w.scope, -EINTR, "the end");
		break;
	case 1:
		w.home.shut_down = w.home.canceled = true;
		look_all();
		OK(tend_shutdown(w.scope, tend_after(300 * TEND_SEC), NULL));
		break;
	default:
		w.home.closing = true;
		look_all();
		break;
	}
	OK(tend_scope_close(w.scope, tend_after(300 * TEND_SEC), &n));
	look_all();
	return n;
}

static void compare_counts(const struct tend_stats *n)
{
	unsigned by_kind[TEND_REJECTED + 1] = {0};
	uint64_t attempts = 0;

	for (unsigned i = 0; i < w.n; i++)
		attempts += w.actors[i].ref.attempts;
	ck_assert_uint_eq(n->attempts, attempts);
	for (unsigned i = 0; i < w.n; i++)
		by_kind[w.actors[i].joined ? w.actors[i].outcome.kind : w.actors[i].ref.outcome]++;
	ck_assert_uint_eq(n->spawned, w.n);
	ck_assert_uint_eq(n->gave_up, w.home.gave_up);
	ck_assert_uint_eq(n->completed, by_kind[TEND_COMPLETED]);
	ck_assert_uint_eq(n->failed, by_kind[TEND_FAILED]);
	ck_assert_uint_eq(n->canceled, by_kind[TEND_CANCELED]);
	ck_assert_uint_eq(n->panicked, by_kind[TEND_PANICKED]);
	ck_assert_uint_eq(n->aborted, by_kind[TEND_ABORTED]);
	ck_assert_uint_eq(n->rejected, by_kind[TEND_REJECTED]);
}

/* Joins the task over all of its attempts. A scope that closes at once may not have kept the
 * outcome until the joiner came: then the joiner has what is expected. */
static int await_end(void *arg)
{
	struct actor *a = arg;
	int error = tend_join(a->task, &a->outcome, TEND_FOREVER);

	ck_assert(!error || (error == -ESRCH && w.early));
	a->joined = !error;
	return 0;
}

/* Returns false if the scope has given up already. */
static bool admit(struct actor *a)
{
	uint64_t deadline =
		pick(6) ? 0 : ((tend_now() + ONE_OF(TEND_MS, TEND_SEC)) & ~UINT64_C(63)) + 64 + 37;

	a->policy = random_policy();
	a->abortable = pick(3) == 0;
	ref_admitted(&a->ref, &w.home, &a->policy, deadline, tend_now());
	int error = tend_spawn(w.scope, body, a,
	                       TEND_TASK_OPTS(.name = "actor", .drop = drop, .deadline = deadline,
	                                      .flags = a->abortable ? TEND_ABORTABLE : 0,
	                                      .restart = &a->policy),
	                       &a->task);
	if (error) {
		ck_assert(error == -ECANCELED && w.home.gave_up);
		return false;
	}
	OK(tend_spawn(root, await_end, a, TEND_TASK_OPTS(.name = "joiner"), NULL));
	return true;
}

static void compare_outcome(const struct tend_outcome *o, const struct ref_task *t)
{
	/* A cancel may come to an attempt that its ladder has aborted. */
	bool or_aborted = t->end.aborted && t->was_canceled && o->kind == TEND_ABORTED;

	/* An attempt may end in the instant of the give-up of its scope, before the cancel. */
	bool or_before = t->over_at == w.gave_up_at && o->kind == t->last;

	if (!or_aborted && !or_before && (!t->or_canceled || o->kind != TEND_CANCELED)) {
		ck_assert_int_eq(o->kind, t->outcome);
		ck_assert(t->or_canceled || o->was_canceled == t->was_canceled);
	}
	ck_assert_uint_eq(o->attempts, t->attempts);
	ck_assert_uint_eq(o->ended_at, t->over_at);
	ck_assert_uint_eq(o->timed_out, t->timed_out);
	if (t->late && o->kind == TEND_FAILED)
		ck_assert_int_eq(o->error, t->late);
	if (t->attempts && !t->end.panicked && !t->end.aborted)
		ck_assert_int_eq(o->result, t->end.result);
}

static void compare_end(const struct actor *a)
{
	ck_assert_int_eq(a->ref.phase, REF_OVER);
	if (a->joined)
		compare_outcome(&a->outcome, &a->ref);
	ck_assert_int_eq(a->dropped, 1);
	ck_assert_uint_eq((unsigned)a->begun, a->ref.attempts);
	ck_assert_int_eq(a->cleaned, a->begun);
}

static void sequence(void)
{
	memset(&w, 0, sizeof(w));
	w.home.restarts = pick(2) ? 0 : 1 + pick(4);
	w.home.period = ONE_OF(0, 4 * TEND_MS, TEND_SEC, 20 * TEND_SEC);
	OK(tend_scope_open(root, "home",
	                   TEND_SCOPE_OPTS(.restarts = w.home.restarts, .period_ns = w.home.period),
	                   &w.scope));
	(void)!tend_sleep_until((tend_now() + 64) & ~UINT64_C(63));
	w.n = 1 + pick(ACTORS);
	for (unsigned i = 0; i < w.n; i++)
		if (!admit(&w.actors[i]))
			w.n = i;
	for (unsigned i = pick(COMMANDS); i; i--)
		command();
	w.early = !w.commanded;
	w.commanded = w.early ? tend_now() : w.commanded;
	struct tend_stats n = finish();
	OK(tend_scope_wait_empty(root, SOON));
	ck_assert_int_eq(w.lingering + w.callers, 0);
	ties += w.tie;
	if (w.tie)
		return;
	for (unsigned i = 0; i < w.n; i++)
		compare_end(&w.actors[i]);
	compare_counts(&n);
}

static int program(void *arg)
{
	(void)arg;
	open_world(1 + pick(3));
	for (int i = 0; i < SEQUENCES; i++)
		sequence();
	close_world();
	return 0;
}

TEST(restartable_tasks_live_as_the_reference_says)
{
	const uint64_t first = suite_number("SEED", 0);
	const uint64_t usual = (uint64_t)suite_count(20, 200, 1000);
	const uint64_t count = getenv("SEED") ? 1 : suite_number("SCHEDULES", usual);
	struct tend_sim_result r;

	for (uint64_t seed = first; seed < first + count; seed++) {
		where("SEED=%llu test_sim as_the_reference", (unsigned long long)seed);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 2 + (uint32_t)(seed % 15)),
		                program, NULL, &r));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
	ck_assert_uint_lt(ties, count * SEQUENCES / 100 + 1);
}
