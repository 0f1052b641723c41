/* test/uses.c - a use of every public call and macro, for tools/headers.sh, which compiles this
 * file as each language that the headers are for. Never run. */
#include <tend/sim.h>
#include <tend/tend.h>

#include <signal.h>

int uses(void);

static int body(void *arg) { return arg ? 0 : tend_checkpoint(); }
static void cleanup(void *arg) { (void)arg; }
static void bug(const char *message) { (void)message; }
static void output(void *arg, int stream, const char *bytes, size_t n)
{
	(void)arg;
	(void)stream;
	(void)bytes;
	(void)n;
}
static const char *const environment[] = {
#define X(name) name,
	TEND_ENVIRONMENT(X)
#undef X
		NULL};

static int error_of(int error)
{
	switch (error) {
#define X(name, text) \
	case -name: \
		return text[0];
		TEND_ERRORS(X)
#undef X
	default:
		return tend_strerror(error)[0];
	}
}

static int runtime(tend_runtime **rt)
{
	int n = tend_runtime_open(
		TEND_RUNTIME_OPTS(.name = "uses", .workers = 2, .flags = TEND_HOSTED), rt);

	n += tend_runtime_open(TEND_RUNTIME_OPTS(), rt) + TEND_RUNTIMES_MAX;
	n += tend_runtime_fd(*rt) + tend_runtime_poll(*rt, tend_now() + TEND_MS);
	tend_set_bug_hook(bug);
	tend_set_failure_hook(bug);
	return n + error_of(n) + tend_runtime_close(*rt, TEND_FOREVER);
}

static int scopes(tend_runtime *rt)
{
	tend_scope scope = tend_root(rt), below;
	struct tend_reason reason;
	struct tend_stats stats;
	tend_report *report;
	char text[TEND_PATH_MAX];
	int n = tend_scope_open(scope, "below",
	                        TEND_SCOPE_OPTS(.deadline = tend_after(TEND_SEC), .numbered = 1),
	                        &below);

	n += tend_scope_open(scope, "group",
	                     TEND_SCOPE_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT),
	                                     .restarts = TEND_ANY_NUMBER,
	                                     .strategy = TEND_ONE_FOR_ALL),
	                     &below);
	n += tend_scope_run(below, 0, &stats);
	struct tend_need need = {0, TEND_NEED_READY, 0, {0}};
	struct tend_child children[2] = {{body, NULL, NULL, NULL, NULL, 0, NULL, {0}, 0, 0},
	                                 {body, NULL, NULL, NULL, &need, 1, NULL, {0}, 1, 0}};
	tend_task made[2];
	size_t bad;
	n += tend_spawn_set(below, children, 2, TEND_TOGETHER, made, &bad);
	n += tend_spawn_set_at(TEND_HERE, below, children, sizeof(children[0]), 2, 0, NULL, NULL);
	uint64_t rests[4];
	n += tend_restart_plan(TEND_RESTART(.retries = 3), 3, TEND_SEC, rests, 4);
	n += tend_scope_seal(below) + tend_scope_unseal(below);
	n += tend_scope_hold(below, tend_self()) + tend_scope_stats(below, &stats);
	n += tend_scope_cancel(below, -1, NULL) + tend_scope_reason(below, &reason);
	n += tend_scope_live(below) > tend_path_live(rt, "below");
	n += tend_scope_wait_empty(below, 0) + tend_path_wait_empty(rt, "below", 0);
	n += tend_scope_cleanup(below, cleanup, NULL);
	n += tend_shutdown(below, 0, TEND_SHUTDOWN_OPTS(.text = "bye", .report = &report));
	n += tend_report_text(report, text, sizeof(text)) > tend_report_json(report, text, 0);
	n += tend_report_abandoned(report) > 0;
	tend_report_free(report);
	n += tend_path(below.id, text, sizeof(text)) > 0;
	return n + tend_scope_close(below, 0, &stats) + tend_scope_live(tend_detached(rt)) > 0;
}

static int lives(void)
{
	tend_task task = tend_self();
	struct tend_life info;
	int n = tend_ready() + tend_alive() + tend_fail(-1, "%d", 1) + tend_fatal(-1, "%d", 1);

	n += tend_task_ready(task, 1) + tend_task_fail(task, 1, -1, "why");
	n += tend_task_stop(task, 0) + tend_task_start(task, 0) + tend_task_restart(task, 0);
	n += tend_task_wait(task, TEND_IS_READY, 0, 0) + tend_task_shutdown(task, 0);
	return n + tend_task_info(task, &info);
}

static int tasks(tend_scope scope, struct tend_event *event)
{
	tend_task task;
	struct tend_outcome outcome;
	struct tend_reason reason;
	uint64_t outer;
	int n = tend_spawn(scope, body, NULL,
	                   TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                          .delay_ns = TEND_AT_ONCE,
	                                                          .jitter = TEND_JITTER_FULL)),
	                   NULL);

	n += tend_spawn(scope, body, NULL,
	                TEND_TASK_OPTS(.name = "x", .flags = TEND_CRITICAL | TEND_ABORTABLE,
	                               .deadline = tend_after(TEND_SEC)),
	                &task);
	n += tend_spawn_at(TEND_HERE, scope, body, NULL, NULL, NULL);
	n += tend_spawn_thread(scope, body, NULL, TEND_TASK_OPTS(), &task);
	n += tend_spawn_thread_at(TEND_HERE, scope, body, NULL, NULL, NULL);
	n += tend_task_begin(scope, TEND_TASK_OPTS(.name = "external"), &task);
	n += tend_task_begin_at(TEND_HERE, scope, NULL, &task) + tend_task_end(task, 0);
	n += tend_join(task, &outcome, 0) + tend_task_outcome(task, &outcome);
	n += tend_outcome_name(outcome.kind)[0];
	n += tend_watch(task, event) + tend_unwatch(task, event);
	n += tend_task_cancel(task, -1, "text") + tend_task_reason(task, &reason);
	n += tend_abort(task) + (tend_self().id == tend_self_scope().id);
	n += tend_yield() + tend_sleep_until(tend_now()) + tend_sleep(TEND_MS);
	n += tend_shield_begin(tend_after(TEND_MS), &outer);
	tend_shield_end(outer);
	n += tend_defer(cleanup, NULL);
	tend_undefer(cleanup, 1);
	TEND_CHECK(n > 0);
	if (n == 1)
		tend_panic("no %d", n);
	if (n == 2)
		tend_panic_at(TEND_HERE, "text");
	return n;
}

static int processes(tend_runtime *rt, tend_scope scope)
{
	static const char *const argv[] = {"true", NULL};
	tend_task task;
	char tail[TEND_NAME_MAX];
	uint64_t dropped;
	int n = tend_spawn_process(
		scope, TEND_PROCESS_OPTS(.argv = argv, .env = environment, .output = output),
		&task);

	n += tend_spawn_process_at(TEND_HERE, scope, TEND_PROCESS_OPTS(.argv = argv), NULL);
	n += tend_process_tail(task, tail, sizeof(tail), &dropped) > 0;
	n += tend_process_tail_of(task, 1, tail, sizeof(tail), &dropped) > 0;
	n += tend_guard_paths(rt, tail, sizeof(tail)) > 0;
	return n + tend_process_pid(task) + tend_process_signal(task, 1);
}

static int waits(void)
{
	tend_event *event;
	tend_channel *channel;
	int n = tend_event_open(&event), item = 0;

	tend_event_set(event);
	n += tend_event_wait(event, 0);
	tend_event_clear(event);
	tend_event_close(event);
	n += tend_channel_open(sizeof(item), 1, &channel);
	n += tend_channel_send(channel, &item, 0) + tend_channel_recv(channel, &item, 0);
	tend_channel_close(channel);
	tend_channel_free(channel);
	return n;
}

static int sockets(void)
{
	char byte = 0;
	int fd = tend_listen("tcp:localhost:0", 1), n = tend_accept(fd, 0);

	n += tend_connect("unix:path", 0) + tend_local_port(fd);
	n += tend_fd_wait(fd, TEND_READABLE | TEND_WRITABLE, 0);
	n += tend_read(fd, &byte, 1, 0) + tend_write(fd, &byte, 1, 0) > 0;
	return n + tend_fd_close(fd);
}

static int rows(tend_runtime *rt, tend_event *changed)
{
	tend_snapshot *tree;
	tend_subscription *events;
	struct tend_snapshot_info about;
	struct tend_event_info event;
	struct tend_tree_row row = {TEND_NO_ROW, 0, 0, 0};
	uint64_t lost, ns;
	uint32_t code;
	char text[64];
	int n = tend_snapshot_take(rt, &tree) + tend_snapshot_of(1, &tree);

	n += tend_snapshot_fd(0, &tree) + (tend_snapshot_count(tree) > 0);
	n += tend_kind_name(tend_snapshot_at(tree, 0)->kind)[0];
	n += tend_event_name(TEND_EVENT_STARTED)[0] + (tend_snapshots_of(1, &tree, 1) > 0);
	n += tend_state_name(tend_snapshot_at(tree, 0)->state)[0];
	n += tend_snapshot_path(tree, 0, text, sizeof(text)) > tend_snapshot_depth(tree, 0);
	tend_snapshot_about(tree, &about);
	struct tend_reason reason;
	n += tend_snapshot_reason(tree, 0, &reason);
	n += tend_snapshot_life(tree, 0, text, sizeof(text)) > 0;
	n += tend_snapshot_place(tree, tend_snapshot_at(tree, 0)->where, text, sizeof(text)) > 0;
	n += tend_snapshot_ends(tree) > 0 && tend_snapshot_end(tree, 0)->outcome == TEND_FAILED;
	n += tend_snapshot_text(tree, TEND_TREE_ASCII | TEND_TREE_HIDE, text, sizeof(text)) > 0;
	tend_snapshot_free(tree);
	n += tend_tree_link(&row, 1) + tend_tree_next(&row, 0) > 0;
	n += tend_tree_branch(&row, 0, 0, text, sizeof(text)) > 0;
	n += tend_subscribe(rt, &events) + (tend_events_take(events, &event, 1, &lost) > 0);
	tend_unsubscribe(events);
	n += tend_watch_changes(tend_root(rt).id, changed);
	n += tend_unwatch_changes(tend_root(rt).id, changed);
	n += tend_duration_text(TEND_SEC, text, sizeof(text)) > 0;
	n += tend_duration_parse("1s", 2, 0, &ns) + (tend_text_decode("a", 1, &code) > 0);
	n += tend_text_whole("a", 1) > 0;
	return n + (tend_text_plain("a", 1, TEND_TEXT_MASK, text, sizeof(text)) > 0);
}

static int simulated_program(const char *const *argv)
{
	int n = tend_sim_child(simulated_program) + tend_sim_daemon(simulated_program);

	n += tend_sim_on_signal(SIGTERM, TEND_SIM_TAKE) + tend_sim_wait(TEND_MS);
	n += (tend_sim_write(1, argv[0]) > 0) + tend_sim_close(1) + tend_sim_ready();
	if (n)
		tend_sim_die(SIGABRT);
	return n;
}

static int served(tend_daemon *daemon, void *arg)
{
	struct tend_service_end end;

	(void)arg;
	return tend_daemon_ending(daemon, &end) + tend_daemon_status(daemon, "%d", 1) +
	       tend_daemon_stop(daemon, TEND_STOP_REQUESTED, NULL) +
	       (tend_daemon_scope(daemon).id != 0);
}

static int services(tend_runtime *rt)
{
	const struct tend_service *service = TEND_SERVICE(.name = "s", .run = served);
	struct tend_service_end end;
	char name[] = "s", *argv[] = {name, NULL};

	return tend_service_run(rt, service, &end) + tend_service_main(service, 1, argv);
}

static int simulation(void)
{
	struct tend_sim_result result;
	int n = tend_sim_run(TEND_SIM_OPTS(.seed = 1), body, NULL, &result);

	n += tend_sim_explore(TEND_SIM_OPTS(.explore = 1), body, NULL, 1, NULL, &result);
	tend_sim_cancel_at(tend_sim_waits());
	tend_sim_fail_alloc(tend_sim_allocs(), 0);
	tend_sim_compute(tend_sim_choose(TEND_MS));
	n += tend_sim_program("p", simulated_program) + tend_sim_no_program("q", -1);
	tend_sim_kill_guard();
	return n + (tend_sim_held() > 0);
}

int uses(void)
{
	tend_runtime *rt;

	return runtime(&rt) + scopes(rt) + tasks(tend_root(rt), NULL) + lives() +
	       processes(rt, tend_root(rt)) + waits() + sockets() + rows(rt, NULL) + services(rt) +
	       simulation();
}
