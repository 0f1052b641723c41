/* Rounds: races with a scope that gives up or ends, under every schedule; and random members with
 * random needs, compared with a reference of a few lines. */
#include "scenario.h"
#include "explore.h"
#include "suite.h"
#include "where.h"

#include "tend/sim.h"

enum { MOST = 6, LINES = 64 };

/* ---- Races ---- */

static tend_scope home;
static tend_task two[2];
static _Atomic int begun[2], inside[2], most, dropped;

static void drop(void *arg)
{
	(void)arg;
	dropped++;
}

static int fails_after_a_while(void *arg)
{
	int i = (int)(intptr_t)arg;

	begun[i]++;
	if (++inside[i] > most)
		most = inside[i];
	int error = tend_yield();
	inside[i]--;
	return error ? error : -EIO;
}

static void ignore(const char *message) { (void)message; }

static int stop_one(void) { return tend_task_stop(two[0], TEND_FOREVER); }
static int restart_one(void) { return tend_task_restart(two[1], TEND_FOREVER); }
static int cancel_one(void) { return tend_task_cancel(two[0], -EINTR, NULL); }
static int cancel_all(void) { return tend_scope_cancel(home, -EINTR, NULL); }
static int shut_down(void) { return tend_shutdown(home, TEND_FOREVER, NULL); }
static int only_close(void) { return 0; }

static int escalates(void *ask)
{
	const struct tend_restart *again =
		TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = TEND_AT_ONCE);
	struct tend_stats n;
	int spawned = 0;

	tend_set_failure_hook(ignore);
	begun[0] = begun[1] = inside[0] = inside[1] = most = dropped = 0;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 16, .events_max = 16,
	                                            .restarts_per_s = UINT32_MAX),
	                          &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "s",
	                        TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL, .restarts = 2),
	                        &home));
	for (intptr_t i = 0; i < 2; i++) {
		int error = tend_spawn(home, fails_after_a_while, (void *)i,
		                       TEND_TASK_OPTS(.drop = drop, .restart = again), &two[i]);

		EXPECT(!error || error == -ECANCELED);
		spawned += !error;
	}
	int error = (*(int (*const *)(void))ask)();
	EXPECT(!error || error == -ECANCELED || error == -ESRCH || error == -EALREADY);
	EXPECT(!tend_scope_close(home, TEND_FOREVER, &n));
	EXPECT(inside[0] == 0 && inside[1] == 0 && most <= 1 && dropped == spawned);
	/* An attempt that is canceled as it begins does not call its function. */
	EXPECT(n.spawned == (uint64_t)spawned && n.attempts >= (uint64_t)(begun[0] + begun[1]));
	EXPECT(n.restarts <= 2);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST_EACH(every_schedule_of_a_round_against_an_escalation, 6)
{
	static int (*const asks[])(void) = {stop_one,   restart_one, cancel_one,
	                                    cancel_all, shut_down,   only_close};

	explored_some(escalates, (void *)(uintptr_t)&asks[_i]);
}

/* ---- All or none ---- */

static int set_cancel(void) { return tend_scope_cancel(home, -EINTR, NULL); }
static int set_shut_down(void) { return tend_shutdown(home, TEND_FOREVER, NULL); }
static int set_seal(void) { return tend_scope_seal(home); }

static int asks(void *ask) { return (*(int (*const *)(void))ask)(); }

static int runs_once(void *arg)
{
	(void)arg;
	begun[0]++;
	return 0;
}

static int all_or_none(void *ask)
{
	const struct tend_task_opts *opts = TEND_TASK_OPTS(.drop = drop);
	const struct tend_need first = {.of = 0};
	const struct tend_child set[] = {
		{.fn = runs_once, .opts = opts},
		{.fn = runs_once, .opts = opts, .needs = &first, .needs_count = 1},
		{.fn = runs_once, .opts = opts},
	};
	struct tend_stats n;
	tend_task out[3];

	begun[0] = dropped = 0;
	EXPECT(!tend_runtime_open(
		TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 16, .events_max = 16), &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &home));
	EXPECT(!tend_spawn(tend_root(rt), asks, ask, NULL, NULL));
	int error = tend_spawn_set(home, set, 3, 0, out, NULL);
	EXPECT(!error || error == -ECANCELED || error == -ESHUTDOWN);
	EXPECT(!tend_scope_close(home, TEND_FOREVER, &n));
	EXPECT(n.spawned == (error ? 0 : 3) && dropped == (error ? 0 : 3));
	EXPECT(begun[0] <= dropped && n.completed + n.canceled + n.rejected == n.spawned);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST_EACH(every_schedule_of_a_set_against_an_end_of_its_scope, 3)
{
	static int (*const ends[])(void) = {set_cancel, set_shut_down, set_seal};

	explored_some(all_or_none, (void *)(uintptr_t)&ends[_i]);
}

/* ---- Needs that lead to another scope ---- */

static int nothing(void) { return 0; }
static int cancel_need(void) { return tend_task_cancel(two[0], -EINTR, NULL); }

static const struct {
	int answer; /* of the need */
	int (*ask)(void);
	int begun; /* how many begin; -1: not known */
	bool late; /* the dependents have looked before */
} across[] = {{0, nothing, 3, false},      {-EIO, nothing, 1, false},   {0, nothing, 3, true},
              {-EIO, nothing, 1, true},    {0, cancel_need, -1, false}, {0, cancel_need, -1, true},
              {0, set_shut_down, -1, true}};
static bool late;

static int answers(void *arg)
{
	begun[0]++;
	int error = late ? tend_yield() : 0;
	return error ? error : (int)(intptr_t)arg;
}

/* The last needs the second, which needs the first: in two scopes by turns. */
static int spawn_across(tend_fn *fn, void *arg, uint32_t until)
{
	const struct tend_task_opts *opts = TEND_TASK_OPTS(.drop = drop);
	const struct tend_need needs[2] = {{.of = 0, .until = until}, {.of = 1, .until = until}};
	struct tend_child set[3] = {{.fn = fn, .arg = arg, .opts = opts},
	                            {.fn = fn, .opts = opts, .needs = &needs[0], .needs_count = 1},
	                            {.fn = fn, .opts = opts, .needs = &needs[1], .needs_count = 1}};
	tend_task out[3];

	begun[0] = dropped = 0;
	EXPECT(!tend_runtime_open(
		TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 16, .events_max = 16), &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &home));
	EXPECT(!tend_scope_open(home, "one", NULL, &set[0].scope));
	EXPECT(!tend_scope_open(home, "two", NULL, &set[1].scope));
	set[2].scope = set[0].scope;
	EXPECT(!tend_spawn_set(home, set, 3, 0, out, NULL));
	two[0] = out[0];
	return 0;
}

static int needs_across(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;

	tend_set_failure_hook(ignore);
	late = across[i].late;
	int error = spawn_across(answers, (void *)(intptr_t)across[i].answer, TEND_NEED_COMPLETED);
	if (error)
		return error;
	error = across[i].ask();
	EXPECT(!error || error == -ESRCH);
	EXPECT(!tend_scope_close(home, TEND_FOREVER, NULL));
	EXPECT(dropped == 3 && (across[i].begun < 0 || begun[0] == across[i].begun));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST_EACH(every_schedule_of_a_need_in_another_scope, 7)
{
	explored_some(needs_across, (void *)(uintptr_t)_i);
}

static _Atomic int over, out_of_turn, has_ended;

static int ends_in_turn(void *arg)
{
	int i = begun[0]++;

	/* The first, which has ended before. */
	if (arg) {
		over++;
		return 0;
	}
	(void)!tend_sleep(TEND_FOREVER - 1);
	out_of_turn += over++ != 2 - i + has_ended;
	return 0;
}

static int shut_down_across(void *arg)
{
	over = out_of_turn = 0;
	has_ended = arg != NULL;
	int error = spawn_across(ends_in_turn, arg, TEND_NEED_STARTED);
	if (error)
		return error;
	while (begun[0] < 3)
		EXPECT(!tend_sleep(TEND_MS));
	EXPECT(!tend_shutdown(home, TEND_FOREVER, NULL));
	EXPECT(!tend_scope_close(home, TEND_FOREVER, NULL));
	EXPECT(over == 3 && dropped == 3 && !out_of_turn);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST_EACH(every_schedule_of_a_shutdown_across_two_scopes, 2)
{
	explored_some(shut_down_across, _i ? &two : NULL);
}

/* ---- Two days ---- */

enum { PLANNED = 200 };
static struct {
	uint64_t at[PLANNED];
	unsigned attempts;
} crashes;

static int crashes_at_once(void *arg)
{
	(void)arg;
	if (crashes.attempts < PLANNED)
		crashes.at[crashes.attempts] = tend_now();
	crashes.attempts++;
	return -EIO;
}

/* The instants of two days of crashes are those that the plan says. */
static int two_days(void *arg)
{
	const struct tend_restart *policy =
		TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = TEND_SEC,
	                     .delay_max_ns = 1800 * TEND_SEC, .factor = 1500);
	const uint64_t days = 2 * 86400 * TEND_SEC;
	uint64_t rests[PLANNED], begun_at, sum = 0;
	tend_scope s;

	(void)arg;
	memset(&crashes, 0, sizeof(crashes));
	ck_assert_int_eq(tend_restart_plan(policy, TEND_ANY_NUMBER, 0, rests, PLANNED), PLANNED);
	open_world(2);
	begun_at = tend_now();
	OK(tend_scope_open(
		root, "s",
		TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL, .restarts = TEND_ANY_NUMBER), &s));
	OK(tend_spawn(s, wait_for, new_event(), TEND_TASK_OPTS(.restart = policy), NULL));
	OK(tend_spawn(s, crashes_at_once, NULL, TEND_TASK_OPTS(.restart = policy), NULL));
	OK(tend_sleep_until(begun_at + days));
	OK(tend_scope_cancel(s, -EINTR, NULL));
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
	ck_assert_uint_gt(crashes.attempts, 90);
	ck_assert_uint_lt(crashes.attempts, PLANNED);
	for (unsigned i = 0; i < crashes.attempts; i++) {
		ck_assert_uint_eq(crashes.at[i], crashes.at[0] + sum);
		sum += rests[i];
	}
	/* And no attempt of the plan is missing. */
	ck_assert_uint_gt(sum, days - TEND_SEC);
	return 0;
}

TEST(two_days_of_crashes_are_those_of_the_plan)
{
	struct tend_sim_result r;

	OK(tend_sim_run(TEND_SIM_OPTS(.seed = 1), two_days, NULL, &r));
	ck_assert_uint_eq(tend_sim_held(), 0);
}

/* ---- The reference ---- */

/* A member as the reference sees it: its needs, and what it is. */
static struct {
	bool needs[MOST][MOST];   /* [i][j]: i needs j */
	bool reaches[MOST][MOST]; /* the same, also by others between */
	bool runs[MOST], stopped[MOST], over[MOST];
	int attempts[MOST];
	unsigned n;
	uint32_t strategy;
	bool early; /* a need holds when its attempt begins, perhaps before the function runs */
} ref;

static void ref_close_needs(void)
{
	memcpy(ref.reaches, ref.needs, sizeof(ref.needs));
	for (unsigned k = 0; k < ref.n; k++)
		for (unsigned i = 0; i < ref.n; i++)
			for (unsigned j = 0; j < ref.n; j++)
				ref.reaches[i][j] = ref.reaches[i][j] ||
				                    (ref.reaches[i][k] && ref.reaches[k][j]);
}

/* Which members a failure of i ends and begins anew. */
static void ref_cover(unsigned i, bool *covered)
{
	for (unsigned k = 0; k < ref.n; k++)
		covered[k] =
			ref.runs[k] && (k == i || ref.strategy == TEND_ONE_FOR_ALL ||
		                        (ref.strategy == TEND_REST_FOR_ONE && ref.reaches[k][i]));
}

/* ---- The members ---- */

static struct {
	tend_scope scope;
	tend_task task[MOST];
	tend_event *ends[MOST];
	int answer[MOST];
	char what[LINES]; /* + or - */
	unsigned who[LINES];
	unsigned lines;
} w;

static unsigned pick(unsigned n) { return (unsigned)tend_sim_choose(n); }

static void note(char what, unsigned who)
{
	ck_assert_uint_lt(w.lines, LINES);
	w.what[w.lines] = what;
	w.who[w.lines++] = who;
}

static int member(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg;

	note('+', i);
	OK(tend_ready());
	int error = tend_event_wait(w.ends[i], TEND_FOREVER);
	if (!error)
		tend_event_clear(w.ends[i]);
	note('-', i);
	return error ? error : w.answer[i];
}

static int line_of(char what, unsigned who)
{
	int at = -1;

	for (unsigned i = 0; i < w.lines; i++)
		if (w.what[i] == what && w.who[i] == who) {
			ck_assert_int_eq(at, -1); /* once at most */
			at = (int)i;
		}
	return at;
}

/* What was written down since the last look: these have ended, each after its dependents but for
 * `first`; and these have begun, each after its needs. */
static void look(const bool *ended, const bool *began, unsigned first)
{
	for (unsigned i = 0; i < ref.n; i++) {
		ck_assert_int_eq(line_of('-', i) >= 0, ended[i]);
		ck_assert_int_eq(line_of('+', i) >= 0, began[i]);
		ref.attempts[i] += began[i];
		for (unsigned j = 0; j < ref.n; j++) {
			if (!ref.reaches[i][j])
				continue;
			if (ended[i] && ended[j] && j != first)
				ck_assert_int_lt(line_of('-', i), line_of('-', j));
			if (began[i] && began[j] && !ref.early)
				ck_assert_int_gt(line_of('+', i), line_of('+', j));
		}
	}
	w.lines = 0;
}

/* When nobody can run any more, the clock jumps. */
static void settle(void) { OK(tend_sleep(TEND_MS)); }

static void end_member(unsigned i, int answer)
{
	w.answer[i] = answer;
	tend_event_set(w.ends[i]);
	settle();
}

static void one_step(void)
{
	static const bool none[MOST];
	bool covered[MOST] = {false}, alone[MOST] = {false};
	unsigned i = pick(ref.n);

	alone[i] = true;
	switch (ref.over[i] ? 5 : pick(5)) {
	case 0:
	case 1:
		if (!ref.runs[i])
			break;
		ref_cover(i, covered);
		end_member(i, -EIO);
		look(covered, covered, i);
		break;
	case 2:
		if (!ref.runs[i] || pick(3))
			break;
		end_member(i, 0);
		look(alone, none, i);
		ref.runs[i] = false;
		ref.over[i] = true;
		break;
	case 3:
		OK(tend_task_stop(w.task[i], SOON));
		look(ref.runs[i] ? alone : none, none, i);
		ref.runs[i] = false;
		ref.stopped[i] = true;
		break;
	case 4:
		OK(tend_task_restart(w.task[i], SOON));
		settle();
		look(ref.runs[i] ? alone : none, alone, i);
		ref.runs[i] = true;
		ref.stopped[i] = false;
		break;
	default:
		break;
	}
}

static const struct tend_restart *again(void)
{
	static const struct tend_restart r = {.size = sizeof(r),
	                                      .policy = TEND_TRANSIENT,
	                                      .delay_ns = TEND_AT_ONCE,
	                                      .ready_ns = 3600 * TEND_SEC};

	return &r;
}

static void spawn_chain(void)
{
	for (unsigned i = 0; i < ref.n; i++) {
		OK(tend_spawn(w.scope, member, (void *)(uintptr_t)i,
		              TEND_TASK_OPTS(.restart = again()), &w.task[i]));
		ref.needs[i][i ? i - 1 : 0] = i != 0;
		settle();
	}
}

/* Spawns the members from `first` to `end`. Needs lead to a member of a greater number, so there is
 * no circle: to one of these by its index, and to one spawned before by its handle. */
static void spawn_part(unsigned first, unsigned end)
{
	struct tend_child children[MOST] = {{0}};
	struct tend_need needs[MOST][MOST] = {{{0}}};

	for (unsigned i = first; i < end; i++) {
		struct tend_child *child = &children[i - first];

		*child = (struct tend_child){.fn = member,
		                             .arg = (void *)(uintptr_t)i,
		                             .opts = TEND_TASK_OPTS(.restart = again()),
		                             .needs = needs[i]};
		for (unsigned j = i + 1; j < ref.n; j++)
			if (pick(3) == 0) {
				ref.needs[i][j] = true;
				needs[i][child->needs_count++] = (struct tend_need){
					.of = j < end ? j - first : 0,
					.task = w.task[j],
					.until = ref.early ? TEND_NEED_STARTED : TEND_NEED_READY};
			}
	}
	OK(tend_spawn_set(w.scope, children, end - first, 0, &w.task[first], NULL));
	settle();
}

static int random_rounds(void *arg)
{
	static const bool none[MOST];
	bool all[MOST];
	bool as_set = pick(2);

	(void)arg;
	memset(&ref, 0, sizeof(ref));
	memset(&w, 0, sizeof(w));
	open_world(1 + pick(2));
	ref.n = 2 + pick(MOST - 1);
	ref.strategy = TEND_ONE_FOR_ONE + pick(3);
	ref.early = as_set && pick(3) == 0;
	OK(tend_scope_open(root, "s",
	                   TEND_SCOPE_OPTS(.strategy = ref.strategy, .restarts = TEND_ANY_NUMBER),
	                   &w.scope));
	for (unsigned i = 0; i < MOST; i++) {
		all[i] = i < ref.n;
		w.ends[i] = new_event();
	}
	unsigned later = pick(ref.n);
	if (as_set) {
		spawn_part(later, ref.n);
		spawn_part(0, later);
	} else
		spawn_chain();
	ref_close_needs();
	memcpy(ref.runs, all, sizeof(all));
	look(none, all, MOST);
	for (unsigned steps = 10; steps; steps--)
		one_step();
	OK(tend_shutdown(w.scope, SOON, NULL));
	look(ref.runs, none, MOST);
	struct tend_stats n;
	OK(tend_scope_close(w.scope, SOON, &n));
	uint64_t attempts = 0;
	for (unsigned i = 0; i < ref.n; i++)
		attempts += (uint64_t)ref.attempts[i];
	ck_assert_uint_eq(n.attempts, attempts);
	close_world();
	return 0;
}

TEST(members_end_and_begin_as_the_reference_says)
{
	const uint64_t first = suite_number("SEED", 0);
	const uint64_t usual = (uint64_t)suite_count(100, 500, 20000);
	const uint64_t count = getenv("SEED") ? 1 : suite_number("SCHEDULES", usual);
	struct tend_sim_result r;

	for (uint64_t seed = first; seed < first + count; seed++) {
		where("SEED=%llu test_sim members_end", (unsigned long long)seed);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 2 + (uint32_t)(seed % 11)),
		                random_rounds, NULL, &r));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}
