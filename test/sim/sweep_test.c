/* Two sweeps over the same stories: each wait is canceled in turn, and each
 * allocation fails, once and for ever. Whatever fails, a story ends, everything
 * it made is given back once, and nothing is left.
 *
 * A story handles every answer. It goes through the wrappers below, which look
 * at the answers and count what was admitted, deferred, sent and received. */
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

enum mode { PLAIN, CANCEL, ALLOC };

static struct {
	enum mode mode;
	tend_scope scope; /* of the story, below the root */
	tend_event *events[8];
	tend_channel *channels[4];
	int events_count, channels_count;
	int admitted, dropped;
	int deferred, cleaned;
	int hooked, unhooked;
	int sent[4], received[4];
	int ran, finished; /* bodies begun, and those that came to their end */
} st;

struct story {
	const char *name;
	void (*tell)(void);
	bool cancels;     /* it cancels something itself */
	bool needs_stack; /* something in it waits until there is memory for a stack */
};
static const struct story *story;

/* ---- The answers there may be ---- */

static int may(int error, int also, int or)
{
	bool out = error == -ENOMEM || error == -EAGAIN;
	bool canceled = error == -ECANCELED;

	if (error < 0 && error != also && error != or
	    &&!(out && st.mode == ALLOC) && !(canceled && (st.mode != PLAIN || story->cancels)))
		ck_abort_msg("answered %s", tend_strerror(error));
	return error;
}

static void drop(void *arg)
{
	(void)arg;
	st.dropped++;
}

static int start_with(tend_scope s, tend_fn *fn, void *arg, struct tend_task_opts opts, bool thread,
                      tend_task *out)
{
	int error;

	opts.size = sizeof(opts);
	opts.drop = drop;
	error = thread ? tend_spawn_thread(s, fn, arg, &opts, out)
	               : tend_spawn(s, fn, arg, &opts, out);
	st.admitted += !error;
	return may(error, -ESRCH, 0);
}
static int start(tend_scope s, tend_fn *fn, void *arg)
{
	return start_with(s, fn, arg, (struct tend_task_opts){0}, false, NULL);
}

static int open_scope(tend_scope parent, const char *name, tend_scope *out)
{
	return may(tend_scope_open(parent, name, NULL, out), -ESRCH, 0);
}

static tend_event *make_event(void)
{
	tend_event **e = &st.events[st.events_count];

	if (may(tend_event_open(e), 0, 0))
		return NULL;
	st.events_count++;
	return *e;
}

/* The number of a channel, or less than 0. */
static int make_channel(size_t capacity)
{
	if (may(tend_channel_open(sizeof(int), capacity, &st.channels[st.channels_count]), 0, 0))
		return -1;
	return st.channels_count++;
}

static int put_until(int channel, uint64_t deadline)
{
	int item = 1, error = tend_channel_send(st.channels[channel], &item, deadline);

	st.sent[channel] += !error;
	return may(error, -EPIPE, deadline == TEND_FOREVER ? 0 : -ETIMEDOUT);
}
static int put(int channel) { return put_until(channel, TEND_FOREVER); }

static int take(int channel, uint64_t deadline)
{
	int item = 0, error = tend_channel_recv(st.channels[channel], &item, deadline);

	/* What answers anything but 0 took nothing and wrote nothing. */
	ck_assert_int_eq(item, !error);
	st.received[channel] += !error;
	return may(error, -EPIPE, -ETIMEDOUT);
}

static void cleanup(void *arg)
{
	(void)arg;
	st.cleaned++;
}
static void defer(void) { st.deferred += !may(tend_defer(cleanup, NULL), 0, 0); }

/* ---- The stories ---- */

static int ping(void *arg)
{
	int error = 0;

	(void)arg;
	st.ran++;
	for (int i = 0; i < 4 && !error; i++) {
		error = put(0);
		if (!error)
			error = take(1, TEND_FOREVER);
	}
	tend_channel_close(st.channels[0]);
	tend_channel_close(st.channels[1]);
	st.finished += !error;
	return error;
}
static int pong(void *arg)
{
	int error;

	(void)arg;
	st.ran++;
	do {
		error = take(0, TEND_FOREVER);
		if (!error)
			error = put(1);
	} while (!error);
	tend_channel_close(st.channels[0]);
	tend_channel_close(st.channels[1]);
	st.finished++;
	return error == -EPIPE ? 0 : error;
}
static void ping_pong(void)
{
	if (make_channel(0) < 0 || make_channel(1) < 0)
		return;
	if (start(st.scope, ping, NULL) || start(st.scope, pong, NULL)) {
		tend_channel_close(st.channels[0]);
		tend_channel_close(st.channels[1]);
	}
}

static int rest(void *arg)
{
	int error;

	(void)arg;
	st.ran++;
	error = may(tend_sleep_until(tend_after(TEND_MS)), 0, 0);
	st.finished += !error;
	return error;
}

static int nest(void *arg)
{
	tend_scope outer, inner;
	struct tend_stats n;

	(void)arg;
	st.ran++;
	if (open_scope(st.scope, "outer", &outer))
		return 0;
	if (!open_scope(outer, "inner", &inner)) {
		(void)!start(inner, rest, NULL);
		(void)!start(inner, rest, NULL);
		(void)!start(outer, rest, NULL);
		OK(tend_scope_close(inner, TEND_FOREVER, &n));
		ck_assert_uint_eq(n.spawned, n.completed + n.canceled);
	}
	OK(tend_scope_close(outer, TEND_FOREVER, &n));
	ck_assert_uint_eq(n.spawned, n.completed + n.canceled);
	st.finished++;
	return 0;
}
static void nested_scopes(void)
{
	(void)!start(st.scope, nest, NULL);
	(void)!start(st.scope, nest, NULL);
}

static int join_three(void *arg)
{
	struct tend_outcome o;
	tend_task t[3];
	int n = 0, error = 0;

	(void)arg;
	st.ran++;
	while (n < 3 && !error)
		error = start_with(st.scope, rest, NULL, (struct tend_task_opts){0}, false, &t[n]),
		n += !error;
	for (int i = 0; i < n; i++) {
		error = may(tend_join(t[i], &o, TEND_FOREVER), 0, 0);
		/* An abandoned join changed nothing: it can be joined again, behind a shield. */
		if (error) {
			uint64_t outer;

			OK(tend_shield_begin(tend_after(TEND_SEC), &outer));
			OK(tend_join(t[i], &o, TEND_FOREVER));
			tend_shield_end(outer);
		}
		ck_assert(o.kind == TEND_COMPLETED || o.kind == TEND_CANCELED);
		ck_assert_int_eq(o.kind == TEND_CANCELED, o.was_canceled != 0);
		ck_assert(!o.was_canceled || o.reason.code == -ECANCELED);
		ANSWERS(tend_join(t[i], &o, 0), -ESRCH);
	}
	st.finished++;
	return 0;
}
static void joins(void) { (void)!start(st.scope, join_three, NULL); }

static int wait_event(void *event)
{
	int error;

	st.ran++;
	error = may(tend_event_wait(event, TEND_FOREVER), 0, 0);
	st.finished += !error;
	return error;
}
static int set_event(void *event)
{
	int error;

	st.ran++;
	error = may(tend_sleep_until(tend_after(TEND_MS)), 0, 0);
	tend_event_set(event);
	st.finished += !error;
	return error;
}
static void fan_out(void)
{
	tend_event *e = make_event();

	if (!e)
		return;
	for (int i = 0; i < 3; i++)
		(void)!start(st.scope, wait_event, e);
	(void)!start_with(st.scope, wait_event, e, (struct tend_task_opts){0}, true, NULL);
	if (start_with(st.scope, set_event, e, (struct tend_task_opts){.name = "setter"}, false,
	               NULL))
		tend_event_set(e);
}
/* A setter that is canceled before its first run never sets. */
static void story_event(tend_event *e)
{
	if (e)
		tend_event_set(e);
}

static int time_out(void *arg)
{
	tend_event *never = arg;
	uint64_t before = tend_now();
	int error;

	st.ran++;
	error = may(tend_event_wait(never, tend_after(2 * TEND_MS)), -ETIMEDOUT, 0);
	if (error == -ETIMEDOUT)
		ck_assert_uint_ge(tend_now(), before + 2 * TEND_MS);
	if (error != -ECANCELED)
		error = take(0, tend_after(TEND_MS));
	if (error != -ECANCELED)
		error = may(tend_sleep_until(tend_after(3 * TEND_MS)), 0, 0);
	st.finished += !error;
	return error;
}
static void timeouts(void)
{
	tend_event *never = make_event();

	if (!never || make_channel(1) < 0)
		return;
	(void)!start(st.scope, time_out, never);
	(void)!start_with(st.scope, time_out, never,
	                  (struct tend_task_opts){.deadline = tend_after(4 * TEND_MS)}, true, NULL);
}

static int serve(void *arg)
{
	int error;

	(void)arg;
	st.ran++;
	defer();
	while (!(error = take(0, TEND_FOREVER)))
		if (put(1))
			break;
	/* Whoever waits for an answer learns that none will come. */
	tend_channel_close(st.channels[0]);
	tend_channel_close(st.channels[1]);
	st.finished++;
	return 0;
}
static void stop_device(void *arg)
{
	(void)arg;
	st.unhooked++;
	/* Without memory for its stack the server was admitted and never served. */
	if (!put_until(0, tend_after(TEND_SEC)))
		(void)!take(1, tend_after(TEND_SEC));
}
static void shutdown_with_cleanups(void)
{
	tend_report *report = NULL;
	char text[512];
	int error;

	if (make_channel(0) < 0 || make_channel(0) < 0)
		return;
	if (start(st.scope, serve, NULL))
		tend_channel_close(st.channels[0]);
	(void)!start(st.scope, rest, NULL);
	for (int i = 0; i < 2; i++)
		st.hooked += !may(tend_scope_cleanup(st.scope, stop_device, NULL), 0, 0);
	error = tend_shutdown(st.scope, tend_after(5 * TEND_SEC),
	                      TEND_SHUTDOWN_OPTS(.report = &report,
	                                         .drain = tend_after(2 * TEND_MS)));
	ck_assert(error == 0 || (st.mode == ALLOC && error == -ENOMEM));
	if (error)
		error = tend_shutdown(st.scope, tend_after(5 * TEND_SEC), NULL);
	if (error)
		st.unhooked = st.hooked; /* it could not begin */
	else if (report) {
		ck_assert_uint_eq(tend_report_abandoned(report), 0);
		ck_assert_uint_lt(tend_report_text(report, text, sizeof(text)), sizeof(text));
		ck_assert_uint_lt(tend_report_json(report, text, sizeof(text)), sizeof(text));
	}
	tend_report_free(report);
}

static int write_under_shield(void *arg)
{
	uint64_t outer;
	int n = 0;

	(void)arg;
	st.ran++;
	OK(tend_shield_begin(tend_after(TEND_SEC), &outer));
	/* No cancel enters here: all three or, where its reader is gone, none. */
	for (int i = 0; i < 3; i++)
		n += put(0) == 0;
	OK(tend_sleep_until(tend_after(TEND_MS)));
	tend_shield_end(outer);
	ck_assert(n == 3);
	tend_channel_close(st.channels[0]);
	st.finished++;
	return may(tend_checkpoint(), 0, 0);
}
static void shields(void)
{
	if (make_channel(4) < 0)
		return;
	(void)!start(st.scope, write_under_shield, NULL);
	(void)!start(st.scope, rest, NULL);
}

static void slow_cleanup(void *arg)
{
	(void)arg;
	(void)!may(tend_sleep_until(tend_after(TEND_MS)), 0, 0);
	st.cleaned++;
}
static int panic_with_defers(void *arg)
{
	st.ran++;
	defer();
	st.deferred += !may(tend_defer(slow_cleanup, NULL), 0, 0);
	defer();
	(void)!may(tend_sleep_until(tend_after(TEND_MS)), 0, 0);
	st.finished++;
	if (arg)
		tend_panic("on purpose");
	return 0;
}
static void defers_and_panics(void)
{
	(void)!start(st.scope, panic_with_defers, &st);
	(void)!start(st.scope, panic_with_defers, NULL);
	(void)!start_with(st.scope, panic_with_defers, &st, (struct tend_task_opts){0}, true, NULL);
}

static int leave_open(void *arg)
{
	tend_scope s;

	st.ran++;
	if (!open_scope(st.scope, "left", &s)) {
		(void)!start(s, wait_event, arg);
		(void)!start(s, rest, NULL);
	}
	st.finished++;
	return 0;
}
static int wait_as_holder(void *event)
{
	st.ran++;
	(void)!may(tend_sleep_until(tend_after(TEND_MS)), 0, 0);
	st.finished++;
	(void)event;
	return 0;
}
static void owners(void)
{
	tend_event *never = make_event();
	tend_scope held;

	if (!never)
		return;
	(void)!start(st.scope, leave_open, never);
	if (open_scope(st.scope, "held", &held))
		return;
	(void)!start(held, wait_event, never);
	if (start_with(st.scope, wait_as_holder, never, (struct tend_task_opts){.hold = held},
	               false, NULL))
		(void)!tend_scope_cancel(held, -ECANCELED, "no holder");
}

static int produce(void *arg)
{
	int error = 0;

	(void)arg;
	st.ran++;
	for (int i = 0; i < 4 && !error; i++)
		error = put(0);
	tend_channel_close(st.channels[0]);
	st.finished += !error;
	return error;
}
static int consume(void *arg)
{
	int error;

	(void)arg;
	st.ran++;
	while (!(error = take(0, TEND_FOREVER)))
		;
	tend_channel_close(st.channels[0]);
	st.finished++;
	return error == -EPIPE ? 0 : error;
}
static void thread_and_fiber(void)
{
	if (make_channel(1) < 0)
		return;
	if (start_with(st.scope, produce, NULL, (struct tend_task_opts){0}, true, NULL) ||
	    start(st.scope, consume, NULL))
		tend_channel_close(st.channels[0]);
}

static int await_path(void *arg)
{
	int error;

	(void)arg;
	st.ran++;
	error = may(tend_path_wait_empty(rt, "busy/inner", TEND_FOREVER), -ENOENT, 0);
	st.finished += !error;
	return error == -ENOENT ? 0 : error;
}
static void empty_by_path(void)
{
	tend_scope busy, inner;

	if (open_scope(root, "busy", &busy) || open_scope(busy, "inner", &inner))
		return;
	(void)!start(inner, rest, NULL);
	(void)!start(inner, rest, NULL);
	(void)!start(st.scope, await_path, NULL);
	(void)!start_with(st.scope, await_path, NULL, (struct tend_task_opts){0}, true, NULL);
}

static int watch_one(void *arg)
{
	struct tend_outcome o;
	tend_task t;
	int error;

	st.ran++;
	if (start_with(st.scope, rest, NULL, (struct tend_task_opts){0}, false, &t))
		return 0;
	error = may(tend_watch(t, arg), -ESRCH, 0);
	if (!error)
		error = may(tend_event_wait(arg, TEND_FOREVER), 0, 0);
	if (error)
		(void)!may(tend_unwatch(t, arg), -ENOENT, -ESRCH);
	else
		OK(tend_task_outcome(t, &o));
	st.finished += !error;
	return 0;
}
static void watches(void)
{
	tend_event *a = make_event(), *b = make_event();

	if (!a || !b)
		return;
	(void)!start(st.scope, watch_one, a);
	(void)!start(st.scope, watch_one, b);
}

static int hand_over(void *arg)
{
	intptr_t left = (intptr_t)arg;

	st.ran++;
	(void)!may(tend_yield(), 0, 0);
	if (left)
		(void)!start(st.scope, hand_over, (void *)(left - 1));
	st.finished++;
	return 0;
}
static void hand_overs(void) { (void)!start(st.scope, hand_over, (void *)(intptr_t)6); }

static int wait_deaf(void *event)
{
	st.ran++;
	defer();
	for (;;) {
		(void)!may(tend_event_wait(event, TEND_FOREVER), 0, 0);
		tend_yield();
		if (event == NULL)
			return 0;
	}
}
static void aborts(void)
{
	tend_event *never = make_event();
	tend_task t;

	if (!never || start_with(st.scope, wait_deaf, never,
	                         (struct tend_task_opts){.flags = TEND_ABORTABLE}, false, &t))
		return;
	(void)!start(st.scope, rest, NULL);
	tend_yield();
	(void)!may(tend_abort(t), st.mode == ALLOC ? -ESRCH : 0, 0);
	OK(tend_join(t, NULL, TEND_FOREVER));
}

static void externals_and_readers(void)
{
	struct tend_event_info e[16];
	tend_subscription *sub = NULL;
	tend_snapshot *snap = NULL;
	tend_task t;
	uint64_t lost = 0;

	(void)!may(tend_subscribe(rt, &sub), 0, 0);
	if (!may(tend_task_begin(st.scope, TEND_TASK_OPTS(.name = "x"), &t), 0, 0)) {
		(void)!start(st.scope, rest, NULL);
		if (!may(tend_snapshot_take(rt, &snap), 0, 0))
			ck_assert_uint_ge(tend_snapshot_count(snap), 2);
		OK(tend_task_end(t, 0));
	}
	if (sub)
		ck_assert_int_ge((int)tend_events_take(sub, e, 16, &lost), 0);
	tend_snapshot_free(snap);
	tend_unsubscribe(sub);
}

static void deadlines(void)
{
	tend_event *never = make_event();
	tend_scope s;

	if (!never || may(tend_scope_open(st.scope, "late",
	                                  TEND_SCOPE_OPTS(.deadline = tend_after(2 * TEND_MS)), &s),
	                  0, 0))
		return;
	(void)!start(s, wait_event, never);
	(void)!start_with(s, wait_event, never,
	                  (struct tend_task_opts){.deadline = tend_after(TEND_MS)}, false, NULL);
}

static int say_and_end(const char *const *argv)
{
	(void)argv;
	(void)!tend_sim_write(1, "one\n");
	(void)tend_sim_wait(TEND_MS);
	(void)!tend_sim_write(2, "two\n");
	return 0;
}
static int end_at_term(const char *const *argv)
{
	(void)argv;
	(void)!tend_sim_daemon(say_and_end);
	return tend_sim_wait(TEND_FOREVER);
}

static void hear(void *arg, int stream, const char *bytes, size_t n)
{
	(void)arg;
	(void)stream;
	(void)bytes;
	(void)n;
	(void)!may(tend_sleep_until(tend_after(TEND_MS)), 0, 0);
}
static int start_process(const char *name, tend_output_fn *output, tend_task *out)
{
	const char *const argv[] = {name, NULL};
	int error = tend_spawn_process(st.scope,
	                               TEND_PROCESS_OPTS(.argv = argv, .stop_ns = TEND_MS,
	                                                 .output = output, .drop = drop),
	                               out);

	st.admitted += !error;
	return may(error, -ESRCH, 0);
}
static int run_processes(void *arg)
{
	tend_task t;

	(void)arg;
	st.ran++;
	if (!start_process("stays", NULL, &t)) {
		(void)!may(tend_sleep_until(tend_after(2 * TEND_MS)), 0, 0);
		(void)!may(tend_task_cancel(t, -ECANCELED, "enough"), -ESRCH, -EALREADY);
		(void)!may(tend_join(t, NULL, TEND_FOREVER), -ESRCH, 0);
	}
	st.finished++;
	return 0;
}
static void processes(void)
{
	OK(tend_sim_program("says", say_and_end));
	OK(tend_sim_program("stays", end_at_term));
	(void)!start(st.scope, run_processes, NULL);
	(void)!start_process("says", hear, NULL);
	(void)!start_process("says", NULL, NULL);
	(void)!start_process("missing", NULL, NULL);
}
static int kill_the_guard(void *arg)
{
	(void)arg;
	st.ran++;
	(void)!may(tend_sleep_until(tend_after(TEND_MS)), 0, 0);
	tend_sim_kill_guard();
	st.finished++;
	return 0;
}
static void processes_without_a_guard(void)
{
	OK(tend_sim_program("says", say_and_end));
	OK(tend_sim_program("stays", end_at_term));
	(void)!start(st.scope, kill_the_guard, NULL);
	(void)!start_process("says", hear, NULL);
	(void)!start(st.scope, run_processes, NULL);
}

static void processes_that_run_again(void)
{
	const char *const argv[] = {"says", NULL}, *const missing[] = {"missing", NULL};

	OK(tend_sim_program("says", say_and_end));
	for (int i = 0; i < 3; i++) {
		const struct tend_process_opts opts = {
			.size = sizeof(opts),
			.argv = i < 2 ? argv : missing,
			.stop_ns = TEND_MS,
			.output = i ? NULL : hear,
			.drop = drop,
			.restart = TEND_RESTART(.policy = TEND_PERMANENT, .retries = 1,
		                                .delay_ns = TEND_MS, .timeout_ns = 5 * TEND_MS)};
		tend_task t;
		int error = tend_spawn_process(st.scope, &opts, &t);

		st.admitted += !error;
		if (may(error, -ESRCH, 0))
			continue;
		(void)!may(tend_task_wait(t, TEND_IS_OVER, 2, tend_after(TEND_SEC)), -ECHILD,
		           -ETIMEDOUT);
		(void)!may(tend_task_cancel(t, -ECANCELED, "enough"), -ESRCH, -EALREADY);
	}
}

static const struct story stories[] = {
	{"ping_pong", ping_pong, false, false},
	{"nested_scopes", nested_scopes, false, false},
	{"joins", joins, false, false},
	{"fan_out", fan_out, false, false},
	{"timeouts", timeouts, true, false},
	{"shutdown_with_cleanups", shutdown_with_cleanups, true, false},
	{"shields", shields, false, false},
	{"defers_and_panics", defers_and_panics, false, false},
	{"owners", owners, true, false},
	{"thread_and_fiber", thread_and_fiber, false, false},
	{"empty_by_path", empty_by_path, false, false},
	{"watches", watches, false, false},
	{"hand_overs", hand_overs, false, false},
	{"aborts", aborts, true, false},
	{"externals_and_readers", externals_and_readers, false, false},
	{"deadlines", deadlines, true, false},
	{"processes", processes, true, true},
	{"processes_without_a_guard", processes_without_a_guard, true, true},
	{"processes_that_run_again", processes_that_run_again, true, true},
};
enum { STORIES = sizeof(stories) / sizeof(*stories) };

/* ---- Telling one ---- */

static enum mode mode;
static uint64_t cancel_at, waits;

static void free_what_is_left(void)
{
	for (int i = 0; i < st.channels_count; i++) {
		int item;

		tend_channel_close(st.channels[i]);
		while (tend_channel_recv(st.channels[i], &item, 0) == 0)
			st.received[i]++;
		ck_assert_int_eq(st.sent[i], st.received[i]);
		tend_channel_free(st.channels[i]);
	}
	for (int i = 0; i < st.events_count; i++)
		tend_event_close(st.events[i]);
}

static int tell(void *arg)
{
	int error = tend_runtime_open(TEND_RUNTIME_OPTS(.name = "w", .workers = 2,
	                                                .tasks_max = 1000, .events_max = 64),
	                              &rt);

	(void)arg;
	memset(&st, 0, sizeof(st));
	st.mode = mode;
	if (may(error, 0, 0))
		return 0;
	root = tend_root(rt);
	tend_sim_cancel_at(cancel_at);
	if (!open_scope(root, "story", &st.scope)) {
		story->tell();
		/* Whoever was canceled before its first run did not do its part. */
		if (tend_scope_wait_empty(st.scope, tend_after(TEND_SEC))) {
			ck_assert(st.mode != PLAIN);
			for (int i = 0; i < st.channels_count; i++)
				tend_channel_close(st.channels[i]);
			for (int i = 0; i < st.events_count; i++)
				story_event(st.events[i]);
			if (story->needs_stack)
				tend_sim_fail_alloc(0, 0);
		}
		OK(tend_scope_wait_empty(st.scope, tend_after(60 * TEND_SEC)));
	}
	waits = tend_sim_waits();
	OK(tend_runtime_close(rt, SOON));
	free_what_is_left();
	ck_assert_int_eq(st.dropped, st.admitted);
	ck_assert_int_eq(st.cleaned, st.deferred);
	ck_assert_int_eq(st.unhooked, st.hooked);
	ck_assert_int_le(st.ran, st.admitted);
	return 0;
}

static void tell_once(const struct story *s, enum mode m, uint64_t seed, uint64_t cancel)
{
	struct tend_sim_result r;

	story = s;
	mode = m;
	cancel_at = cancel;
	OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .steps_max = 2000000), tell, NULL, &r));
	ck_assert_uint_eq(tend_sim_held(), 0);
}

static void sweep_cancels(const struct story *s)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		where("STORY=%s test_sim sweep, seed %d", s->name, (int)seed);
		tell_once(s, PLAIN, seed, 0);
		for (uint64_t at = 1, n = waits; at <= n; at++) {
			where("STORY=%s test_sim sweep, seed %d, wait %d of %d canceled", s->name,
			      (int)seed, (int)at, (int)n);
			tell_once(s, CANCEL, seed, at);
		}
	}
}

static void sweep_allocations(const struct story *s)
{
	uint64_t n;

	tend_sim_fail_alloc(0, 0);
	tell_once(s, PLAIN, 0, 0);
	n = tend_sim_allocs();
	ck_assert_uint_gt(n, 0);
	for (int forever = 0; forever < 2; forever++)
		for (uint64_t at = 1; at <= n; at++) {
			where("STORY=%s test_sim sweep, allocation %d of %d fails%s", s->name,
			      (int)at, (int)n, forever ? " and all after it" : "");
			tend_sim_fail_alloc(at, forever);
			tell_once(s, ALLOC, at % 4, 0);
			tend_sim_fail_alloc(0, 0);
		}
}

static void ignore_failure(const char *message) { ck_assert_str_ne(message, ""); }

static void sweep(void (*how)(const struct story *))
{
	const char *only = getenv("STORY");

	tend_set_failure_hook(ignore_failure);
	for (int i = 0; i < STORIES; i++)
		if (!only || strstr(stories[i].name, only))
			how(&stories[i]);
	where_done();
}

TEST(cancel_sweep_every_wait_canceled_in_turn_leaves_nothing) { sweep(sweep_cancels); }
TEST(allocation_sweep_every_allocation_failing_leaves_nothing) { sweep(sweep_allocations); }
