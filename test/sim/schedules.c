/* Random programs under random schedules: spawn, cancel, close, panic, abort,
 * seal, shutdown, channels, timers, shields, owners that leave. What must hold
 * whatever happens is checked as it happens and at the end. */
#include "model.h"
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

enum { SCOPES = 4, LEVELS = 4 };

static struct {
	tend_scope scopes[SCOPES];
	unsigned parent[SCOPES];           /* of a scope; its own number: the root is its parent */
	bool over[SCOPES];                 /* a shutdown of it answered 0 */
	struct tend_reason reason[SCOPES]; /* as it was first seen */
	tend_channel *channel;
	tend_event *event;
	int admitted, dropped, cleanups, cleaned;
	int sent, received;
} w;

static unsigned pick(unsigned n) { return (unsigned)tend_sim_choose(n); }
static uint64_t soon(unsigned ms) { return tend_after(pick(ms) * TEND_MS); }

/* One of these is the only answer a call may give here. */
static void one_of(int got, int a, int b, int c, int d)
{
	if (got < 0 && got != a && got != b && got != c && got != d)
		ck_abort_msg("answered %d (%s)", got, tend_strerror(got));
}

/* What a body knows: how deep it is, and below which of the scopes. */
static void *pack(intptr_t level, unsigned top) { return (void *)(level | (intptr_t)top << 8); }
static unsigned top_of(const void *arg) { return (unsigned)((intptr_t)arg >> 8); }

/* Nothing runs below a scope whose shutdown answered that everything has ended. */
static void may_run(unsigned top)
{
	for (;; top = w.parent[top]) {
		ck_assert_msg(!w.over[top], "it runs in scope %u, which was shut down", top);
		if (w.parent[top] == top)
			return;
	}
}

/* The first reason stays. */
static void look_at_reason(unsigned i)
{
	struct tend_reason r;

	if (tend_scope_reason(w.scopes[i], &r))
		return;
	ck_assert_int_lt(r.code, 0);
	if (!w.reason[i].code)
		w.reason[i] = r;
	ck_assert_int_eq(r.code, w.reason[i].code);
	ck_assert_str_eq(r.text, w.reason[i].text);
	ck_assert_uint_eq(r.when, w.reason[i].when);
}

static void drop(void *arg)
{
	may_run(top_of(arg));
	w.dropped++;
}
static void cleanup(void *arg)
{
	(void)arg;
	w.cleaned++;
}

static int body(void *arg);

static int spawn_into(tend_scope s, intptr_t level, unsigned top, tend_task *out)
{
	uint32_t flags = pick(4) == 0 ? TEND_ABORTABLE : 0;
	int error = tend_spawn(s, body, pack(level, top),
	                       TEND_TASK_OPTS(.drop = drop, .flags = flags,
	                                      .deadline = pick(6) == 0 ? soon(50) : 0),
	                       out);

	/* Of one that is refused neither the body nor the drop is called. */
	one_of(error, -ECANCELED, -ESHUTDOWN, -ESRCH, -EAGAIN);
	w.admitted += !error;
	return error;
}

static void spawn_and_join(tend_scope s, intptr_t level, unsigned top)
{
	struct tend_outcome o;
	tend_task t;

	if (spawn_into(s, level, top, &t))
		return;
	switch (pick(5)) {
	case 0:
		one_of(tend_abort(t), -EPERM, -ESRCH, 0, 0);
		break;
	case 1:
		one_of(tend_task_cancel(t, -ECANCELED, "one"), -EALREADY, -ESRCH, 0, 0);
		break;
	case 2:
		return; /* held until its scope closes */
	default:
		break;
	}
	if (tend_join(t, &o, soon(20)) == 0) {
		ck_assert_int_ge(o.kind, TEND_COMPLETED);
		ck_assert_int_le(o.kind, TEND_ABORTED);
		ck_assert(o.kind != TEND_CANCELED || (o.was_canceled && o.reason.code < 0));
		ck_assert(o.kind != TEND_COMPLETED || (o.result >= 0 && !o.was_canceled));
	}
}

static void own_scope(tend_scope parent, intptr_t level, unsigned top)
{
	struct tend_stats n;
	tend_scope own;
	uint64_t deadline = pick(3) == 0 ? soon(20) : 0;
	int error = tend_scope_open(parent, "own", TEND_SCOPE_OPTS(.deadline = deadline), &own);

	one_of(error, -ECANCELED, -ESHUTDOWN, -ESRCH, -EAGAIN);
	if (error)
		return;
	for (unsigned i = pick(3); i; i--)
		spawn_into(own, level, top, NULL);
	if (tend_self().id && pick(2))
		return; /* its owner leaves it */
	error = tend_scope_close(own, TEND_FOREVER, &n);
	one_of(error, -ESRCH, -EDEADLK, 0, 0);
	if (!error)
		ck_assert_uint_eq(n.spawned, n.completed + n.failed + n.canceled + n.panicked +
		                                     n.aborted + n.killed);
}

static void channel_op(bool send)
{
	int item = send ? 1 : 0;
	int error = send ? tend_channel_send(w.channel, &item, soon(3))
	                 : tend_channel_recv(w.channel, &item, soon(3));

	one_of(error, -ECANCELED, -ETIMEDOUT, 0, 0);
	/* What did not answer 0 moved nothing. */
	ck_assert_int_eq(item, send || !error);
	w.sent += send && !error;
	w.received += !send && !error;
}

static void shut_down(unsigned top)
{
	int error = tend_shutdown(w.scopes[top], soon(30), NULL);

	one_of(error, -ETIMEDOUT, -EDEADLK, -ESRCH, 0);
	w.over[top] = w.over[top] || !error;
}

static void act(intptr_t level)
{
	unsigned top = pick(SCOPES);
	tend_scope s = w.scopes[top];
	uint64_t outer;

	look_at_reason(pick(SCOPES));

	switch (pick(16)) {
	case 0:
	case 1:
		spawn_into(s, level, top, NULL);
		break;
	case 2:
		spawn_and_join(s, level, top);
		break;
	case 3:
	case 4:
		channel_op(pick(2));
		break;
	case 5:
		tend_event_set(w.event);
		break;
	case 6:
		tend_event_clear(w.event);
		break;
	case 7:
		one_of(tend_event_wait(w.event, soon(5)), -ECANCELED, -ETIMEDOUT, 0, 0);
		break;
	case 8:
		tend_sleep_until(soon(10));
		break;
	case 9:
		tend_yield();
		break;
	case 10:
		if (pick(20) == 0)
			one_of(tend_scope_cancel(s, -1 - (int)pick(30), "all"), -EALREADY, -ESRCH,
			       0, 0);
		look_at_reason(top);
		break;
	case 11:
		own_scope(s, level, top);
		break;
	case 12:
		one_of(tend_scope_seal(s), -ESRCH, 0, 0, 0);
		if (pick(4))
			one_of(tend_scope_unseal(s), -ECANCELED, -ESRCH, 0, 0);
		break;
	case 13:
		if (tend_self().id && tend_shield_begin(soon(5) + 1, &outer) == 0) {
			one_of(tend_event_wait(w.event, soon(4)), -ECANCELED, -ETIMEDOUT, 0, 0);
			tend_shield_end(outer);
		}
		break;
	case 14:
		if (tend_self().id && pick(6) == 0)
			tend_panic("at random");
		break;
	default:
		if (pick(4) == 0)
			shut_down(top);
		break;
	}
}

static int body(void *arg)
{
	intptr_t level = (intptr_t)arg & 0xff;

	may_run(top_of(arg));
	if (pick(2) && tend_defer(cleanup, NULL) == 0)
		w.cleanups++;
	if (level < LEVELS)
		for (unsigned i = pick(9); i; i--) {
			act(level + 1);
			may_run(top_of(arg));
		}
	return pick(4) == 0 ? -EIO : 0;
}

static int program(void *arg)
{
	struct tend_stats n;

	(void)arg;
	memset(&w, 0, sizeof(w));
	open_world(1 + pick(3));
	bool watched = pick(2);
	if (watched)
		model_begin(rt);
	OK(tend_channel_open(sizeof(int), pick(3), &w.channel));
	w.event = new_event();
	for (unsigned i = 0; i < SCOPES; i++) {
		w.parent[i] = i ? pick(i) : 0;
		w.scopes[i] = child(i ? w.scopes[w.parent[i]] : root, "s");
	}
	for (unsigned i = 0; i < 8; i++) {
		unsigned top = pick(SCOPES);

		spawn_into(w.scopes[top], 0, top, NULL);
	}
	for (unsigned i = 4 + pick(6); i; i--) {
		tend_sleep_until(soon(10));
		act(0);
		if (watched)
			model_look();
	}
	(void)!tend_scope_cancel(root, -ECANCELED, "the end");
	OK(tend_scope_wait_empty(root, tend_after(1000 * TEND_SEC)));
	for (unsigned i = 0; i < SCOPES; i++)
		if (tend_scope_stats(w.scopes[i], &n) == 0)
			ck_assert_uint_eq(n.spawned, n.completed + n.failed + n.canceled +
			                                     n.panicked + n.aborted + n.killed);
	if (watched) {
		model_settle();
		model_end();
	}
	close_world();
	/* Each admitted task gave its argument back once, whether or not it ran; each
	 * cleanup ran once; nothing was received that was not sent. */
	ck_assert_int_eq(w.dropped, w.admitted);
	ck_assert_int_eq(w.cleaned, w.cleanups);
	ck_assert_int_le(w.received, w.sent);
	tend_channel_free(w.channel);
	return 0;
}

TEST(random_programs_keep_the_rules_under_random_schedules)
{
	const uint64_t first = suite_number("SEED", 0);
	const uint64_t usual = (uint64_t)suite_count(200, 2000, 100000);
	const uint64_t count = getenv("SEED") ? 1 : suite_number("SCHEDULES", usual);
	struct tend_sim_result r;

	for (uint64_t seed = first; seed < first + count; seed++) {
		where("SEED=%llu test_sim random", (unsigned long long)seed);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 2 + (uint32_t)(seed % 15)),
		                program, NULL, &r));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}

TEST(the_same_seed_gives_the_same_trace)
{
	struct tend_sim_result a, b;

	for (uint64_t s = 0; s < 50; s++) {
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = s), program, NULL, &a));
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = s), program, NULL, &b));
		ck_assert_uint_eq(a.trace, b.trace);
		ck_assert_uint_eq(a.steps, b.steps);
		ck_assert_uint_eq(a.clock, b.clock);
	}
}
