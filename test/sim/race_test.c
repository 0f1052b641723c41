/* Attempts, commands, probes, cancels and the end of the scope, all at once under random
 * schedules. Here the schedule decides what wins, so there is no reference; what must hold
 * whatever wins is checked: two attempts never overlap, an attempt finds nothing of the last,
 * every caller is answered, each task gives its argument back once, and the events tell of all
 * that in the order in which it happened. */
#include "model.h"
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

enum { RACED = 2, RACERS = 3, ACTIONS = 6 };

struct raced {
	struct tend_restart restart;
	tend_task task;
	int inside, opened, begun, cleaned, dropped;
};

static struct {
	tend_scope home;
	struct raced raced[RACED];
	int racers;
} w;

static unsigned pick(unsigned n) { return (unsigned)tend_sim_choose(n); }
static uint64_t soon(void) { return tend_after(pick(4) * TEND_MS); }

static void one_of(int got, int a, int b, int c, int d)
{
	if (got && got != a && got != b && got != c && got != d)
		ck_abort_msg("answered %d (%s)", got, tend_strerror(got));
}

static void drop(void *arg)
{
	struct raced *r = arg;

	ck_assert_int_eq(r->inside, 0);
	r->dropped++;
}

static void leave(void *arg)
{
	struct raced *r = arg;

	r->inside--;
	r->cleaned++;
}

static void leave_opened(void *arg) { ((struct raced *)arg)->opened--; }

static int linger(void *arg)
{
	(void)arg;
	(void)!tend_sleep(5 * TEND_MS);
	if (pick(2))
		(void)!tend_yield();
	return 0;
}

static int body(void *arg)
{
	struct raced *r = arg;
	tend_scope s;

	ck_assert_int_eq(r->inside++, 0);
	ck_assert_int_eq(r->opened, 0);
	r->begun++;
	OK(tend_defer(leave, r));
	if (pick(4) == 0) {
		OK(tend_scope_open(root, "opened", NULL, &s));
		r->opened++;
		OK(tend_spawn(s, linger, r, TEND_TASK_OPTS(.drop = leave_opened), NULL));
	}
	if (pick(3) == 0)
		(void)!tend_ready();
	if (pick(2))
		(void)!tend_sleep(pick(3) * TEND_MS);
	if (pick(16) == 0)
		return TEND_DONE;
	if (pick(8) == 0)
		tend_panic("at random");
	return pick(2) ? -EIO : 0;
}

static void act(struct raced *r)
{
	struct tend_life life;

	switch (pick(10)) {
	case 0:
	case 1:
		one_of(tend_task_stop(r->task, soon()), -ETIMEDOUT, -ECANCELED, -ESRCH, 0);
		break;
	case 2:
	case 3:
		one_of(tend_task_start(r->task, soon()), -ETIMEDOUT, -ECANCELED, -ESRCH, 0);
		break;
	case 4:
		one_of(tend_task_restart(r->task, soon()), -ETIMEDOUT, -ECANCELED, -ESRCH, 0);
		break;
	case 5:
		one_of(tend_task_wait(r->task, pick(3), 0, soon()), -ETIMEDOUT, -ECHILD, -ESRCH,
		       -ECANCELED);
		break;
	case 6:
		if (!tend_task_info(r->task, &life) && pick(2))
			one_of(tend_task_fail(r->task, life.attempt, -EPROTO, "probe"), -EALREADY,
			       -ESRCH, 0, 0);
		break;
	case 7:
		if (pick(4) == 0)
			one_of(tend_task_shutdown(r->task, tend_after(TEND_SEC)), -ETIMEDOUT,
			       -ESRCH, 0, 0);
		break;
	case 8:
		if (pick(4) == 0)
			one_of(tend_task_cancel(r->task, -EINTR, "race"), -EALREADY, -ESRCH, 0, 0);
		break;
	default:
		(void)!tend_sleep(pick(3) * TEND_MS);
		break;
	}
}

static int races(void *arg)
{
	(void)arg;
	for (unsigned i = pick(ACTIONS); i; i--)
		act(&w.raced[pick(RACED)]);
	w.racers--;
	return 0;
}

static void begin(struct raced *r)
{
	r->restart = (struct tend_restart){.size = sizeof(r->restart),
	                                   .policy = 1 + pick(2),
	                                   .retries = pick(3) ? 0 : 2,
	                                   .delay_ns = pick(2) ? TEND_MS : 2 * TEND_MS,
	                                   .timeout_ns = pick(3) ? 0 : 2 * TEND_MS,
	                                   .ready_ns = pick(4) ? 0 : TEND_MS,
	                                   .grace_ns = pick(2) ? TEND_MS : TEND_SEC};
	struct tend_task_opts opts = {
		.size = sizeof(opts), .name = "raced", .drop = drop, .restart = &r->restart};
	if (pick(3) == 0) {
		OK(tend_spawn_thread(w.home, body, r, &opts, &r->task));
		return;
	}
	opts.flags = pick(2) ? TEND_ABORTABLE : 0;
	OK(tend_spawn(w.home, body, r, &opts, &r->task));
}

static void end_home(void)
{
	unsigned how = pick(3);

	if (how == 0)
		(void)!tend_scope_cancel(w.home, -EINTR, "the end");
	if (how == 1)
		OK(tend_shutdown(w.home, tend_after(60 * TEND_SEC), NULL));
	OK(tend_scope_close(w.home, tend_after(60 * TEND_SEC), NULL));
}

static int program(void *arg)
{
	(void)arg;
	memset(&w, 0, sizeof(w));
	open_world(1 + pick(3));
	model_begin(rt);
	w.home = child(root, "home");
	for (int i = 0; i < RACED; i++)
		begin(&w.raced[i]);
	w.racers = RACERS;
	for (int i = 0; i < RACERS; i++)
		OK(tend_spawn(root, races, NULL, TEND_TASK_OPTS(.name = "racer"), NULL));
	for (unsigned i = pick(8); i; i--) {
		(void)!tend_sleep(TEND_MS);
		model_look();
	}
	end_home();
	OK(tend_scope_wait_empty(root, tend_after(60 * TEND_SEC)));
	model_settle();
	model_end();
	ck_assert_int_eq(w.racers, 0);
	for (int i = 0; i < RACED; i++) {
		ck_assert_int_eq(w.raced[i].dropped, 1);
		ck_assert_int_eq(w.raced[i].inside + w.raced[i].opened, 0);
		ck_assert_int_eq(w.raced[i].cleaned, w.raced[i].begun);
	}
	close_world();
	return 0;
}

TEST(two_attempts_never_overlap_whatever_races)
{
	const uint64_t first = suite_number("SEED", 0);
	const uint64_t usual = (uint64_t)suite_count(50, 500, 50000);
	const uint64_t count = getenv("SEED") ? 1 : suite_number("SCHEDULES", usual);
	struct tend_sim_result r;

	for (uint64_t seed = first; seed < first + count; seed++) {
		where("SEED=%llu test_sim never_overlap", (unsigned long long)seed);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 1 + (uint32_t)(seed % 12)),
		                program, NULL, &r));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}
