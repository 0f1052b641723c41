/* cli/up/task.c - looks after one task: starts its process when its needs have
 * started, starts the process again as the policy says, and stops the process
 * when all dependants have ended.
 *
 * The fiber has one wait, for its `wake` event. A fiber that changes a
 * condition of another task sets the event of that task, whose fiber then looks
 * at all its conditions from the start. */
#include "up/up.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* How long the fiber waits before the next try of a kill for which the guard had no room. */
#define AGAIN_NS (10 * TEND_MS)
/* How long the beginning of a line waits for its end. */
#define SHOW_NS (500 * TEND_MS)
/* How long a temporary task runs until the task counts as started. */
#define SETTLE_NS TEND_SEC

extern char **environ;

#define BIT(state) (1u << TEND_STATE_##state)

/* Returns the states that may follow a state, as up.h draws them. */
static unsigned next_of(uint8_t state)
{
	switch (state) {
	case TEND_STATE_QUEUED:
		return BIT(STARTING) | BIT(ENDED) | BIT(ABANDONED);
	case TEND_STATE_STARTING:
		return BIT(RUNNING) | BIT(STOPPING) | BIT(BACKOFF) | BIT(ENDED) | BIT(ABANDONED);
	case TEND_STATE_RUNNING:
		return BIT(STOPPING) | BIT(BACKOFF) | BIT(ENDED) | BIT(ABANDONED);
	case TEND_STATE_STOPPING:
		return BIT(STOPPING) | BIT(BACKOFF) | BIT(ENDED) | BIT(ABANDONED);
	case TEND_STATE_BACKOFF:
		return BIT(STARTING) | BIT(BACKOFF) | BIT(ENDED) | BIT(ABANDONED);
	case TEND_STATE_ABANDONED:
		return BIT(ENDED);
	default:
		return 0; /* ENDED is the last state, and no task has any other state */
	}
}

static void become(struct up_task *t, uint8_t state)
{
	assert(next_of(t->state) & (1u << state));
	t->state = state;
}

/* An abandoned task stays so until its end, whatever the process still does. */
static void set_state(struct up_task *t, uint8_t state)
{
	if (t->state == TEND_STATE_ABANDONED && state != TEND_STATE_ENDED)
		return;
	become(t, state);
	t->since = tend_now();
	t->wait[0] = 0;
	tend_event_set(t->news);
}

static void wake_neighbours(struct up_task *t)
{
	struct up *up = t->up;
	const struct graph_node *node = &up->graph.nodes[t->index];

	for (size_t k = 0; k < node->nwanted_by; k++)
		tend_event_set(up->tasks[node->wanted_by[k]].wake);
	for (size_t k = 0; k < t->config->nneeds; k++)
		tend_event_set(up->tasks[t->config->needs[k].task].wake);
	tend_event_set(up->changed);
}

static void finish(struct up_task *t, uint8_t outcome)
{
	struct graph_node *node = &t->up->graph.nodes[t->index];
	char text[CONFIG_NAME_MAX + 32];

	assert(!t->process.id && !node->ended && t->up->ended < t->up->config->ntasks);
	set_state(t, TEND_STATE_ENDED);
	t->outcome = outcome;
	t->pid = 0;
	node->ended = true;
	node->failed = outcome != TEND_COMPLETED;
	t->up->ended++;
	wake_neighbours(t);
	if (t->config->significant && !t->up->stopping) {
		t->up->ended_by = t;
		snprintf(text, sizeof(text), "%s has ended", t->config->name);
		up_stop(t->up, text, 0);
	}
}

/* ---- Output ---- */

static void print_line(void *arg, const char *text, size_t n, bool continues)
{
	struct up_task *t = arg;
	up_print(t->up, t->config->name, t->index, continues ? '+' : '|', text, n);
	up_probes_line(t, text, n);
}

/* Shows the beginning of a line, such as a prompt, when its end does not come. */
static void show_begun(struct up_task *t)
{
	if (tend_now() < t->show_at)
		return;
	t->show_at = TEND_FOREVER;
	line_show(&t->line, print_line, t);
}

static void mark_started(struct up_task *t)
{
	struct graph_node *node = &t->up->graph.nodes[t->index];

	assert(!node->ended);
	if (!node->started) {
		node->started = true;
		node->ready = t->ready;
		wake_neighbours(t);
	}
}

/* Lets tasks start that need this task ready. */
static void see_ready(struct up_task *t)
{
	struct graph_node *node = &t->up->graph.nodes[t->index];

	if (t->ready && node->started && !node->ready) {
		node->ready = true;
		wake_neighbours(t);
	}
}

/* Looks if the process has started. */
static void see_start(struct up_task *t)
{
	int pid = t->pid == 0 ? tend_process_pid(t->process) : 0;

	if (pid <= 0)
		return;
	assert(t->attempt > 0);
	t->pid = pid;
	set_state(t, t->stop_sent || t->faulted ? TEND_STATE_STOPPING : TEND_STATE_RUNNING);
	if (t->attempt > 1)
		up_task_say(t, "started, pid %d, attempt %u", pid, t->attempt);
	else
		up_task_say(t, "started, pid %d", pid);
	t->settled_at = tend_after(t->config->restart.policy == TEND_TEMPORARY ? SETTLE_NS : 0);
	if (t->config->restart.policy != TEND_TEMPORARY)
		mark_started(t);
}

/* The first failure of a temporary task is for good, and the dependants then do not start.
 * So the dependants wait until the task has run for a while: the speed of the failure would
 * else decide. */
static void see_settled(struct up_task *t)
{
	if (t->pid > 0 && !t->up->graph.nodes[t->index].started && tend_now() >= t->settled_at)
		mark_started(t);
}

/* Writes the bytes of a program on, each stream to that of this process, as fast as they are
 * taken: the program waits with this fiber. A stop is kept off for the time that the program
 * has, because its last words are output like any other. */
static void copy_output(struct up_task *t, int stream, const char *bytes, size_t n)
{
	uint64_t outer;
	bool shielded = tend_shield_begin(tend_after(t->config->stop_timeout_ns), &outer) == 0;
	ssize_t done = tend_write(stream, bytes, n, TEND_FOREVER);

	if (shielded)
		tend_shield_end(outer);
	if (done == (ssize_t)n)
		return;
	/* Without a copy, a program whose reader has left gets this signal. */
	if (done == -EPIPE)
		(void)!tend_process_signal(t->process, SIGPIPE);
	else if (!t->cut)
		up_task_tell(t, "some of its output is lost: %s",
		             done < 0 ? tend_strerror((int)done) : "it was written in part");
	t->cut = true;
}

static void output(void *arg, int stream, const char *bytes, size_t n)
{
	struct up_task *t = arg;

	/* The stream has ended, which the end of the program tells. */
	if (n == 0)
		return;
	see_start(t);
	up_task_mark(t, n);
	tend_event_set(t->news);
	if (t->config->output == CONFIG_COPIED) {
		copy_output(t, stream, bytes, n);
		return;
	}
	line_feed(&t->line, bytes, n, print_line, t);
	if (t->line.n == 0) {
		t->show_at = TEND_FOREVER;
		return;
	}
	/* From the first byte of the line: a line that grows slowly is shown, too. */
	if (t->show_at == TEND_FOREVER) {
		tend_event_set(t->wake);
		t->show_at = tend_after(SHOW_NS);
	}
}

/* ---- How an attempt ended ---- */

/* Returns the place in the file that is to blame. */
static struct config_place place_of(const struct config_task *c)
{
	return c->cwd_at.line && access(c->cwd, X_OK) != 0 ? c->cwd_at : c->argv_at;
}

/* Stops the whole stack, because the user did not ask for a part of the stack. */
static void start_failed(struct up_task *t, const char *text)
{
	struct config_place at = place_of(t->config);
	struct up *up = t->up;
	char slip[400];

	config_script_slip(t->config, environ, slip, sizeof(slip));
	up_task_because(t, "could not start: %s", text);
	if (up->single)
		up_task_tell(t, "could not start: %s%s%s", text, slip[0] ? "; " : "", slip);
	else
		fprintf(stderr, "%s:%zu:%zu: error: task %s could not start: %s%s%s\n", up->file,
		        at.line, at.column, t->config->name, text, slip[0] ? "; " : "", slip);
	up->start_failed = true;
	finish(t, TEND_FAILED);
	up_stop(up, "a task could not start", 0);
}

static uint64_t chance(uint64_t low, uint64_t high)
{
	uint64_t random = 0;

	assert(low <= high && high - low < UINT64_MAX);
	(void)!getrandom(&random, sizeof(random), 0); /* without it the delay is the shortest */
	return low + random % (high - low + 1);
}

/* Returns the time before the next attempt after a failure: it grows with each failure in a row
 * but the first, up to its limit. The jitter does not reach the next delay. */
static uint64_t delay_of(struct up_task *t)
{
	const struct tend_restart *r = &t->config->restart;
	uint64_t first = r->delay_ns, max = r->delay_max_ns, base = first;

	if (t->failures > 1 && t->rest_ns > max / r->factor * 1000)
		base = max;
	else if (t->failures > 1)
		base = t->rest_ns / 1000 * r->factor + t->rest_ns % 1000 * r->factor / 1000;
	t->rest_ns = base;
	switch (r->jitter) {
	case TEND_JITTER_FULL:
		return chance(0, base);
	case TEND_JITTER_EQUAL:
		return chance(base / 2, base);
	case TEND_JITTER_DECORRELATED:
		return chance(first, base > max / 3 ? max : 3 * base);
	default:
		return base;
	}
}

static void try_later(struct up_task *t, uint64_t wait)
{
	set_state(t, TEND_STATE_BACKOFF);
	assert(!t->process.id);
	t->retry_at = tend_after(wait);
	char delay[32];
	tend_duration_text(wait, delay, sizeof(delay));
	up_task_tell(t, "%s; restart %u in %s", t->why, t->restarts + 1, delay);
	tend_event_set(t->up->changed);
}

static void count_failure(struct up_task *t, bool failed)
{
	if (!failed || tend_now() - t->spawned_at >= t->config->restart.stable_ns)
		t->failures = 0;
	t->failures += failed && t->failures < UINT32_MAX;
}

static bool listed(const int32_t *codes, int32_t code)
{
	for (; codes && *codes; codes++)
		if (*codes == code)
			return true;
	return false;
}

/* Returns the exit code of a process that ended by itself, else -1. */
static int32_t code_of(const struct up_task *t, const struct tend_outcome *o)
{
	return o->kind == TEND_FAILED && o->result > 0 && !o->signal && !t->faulted ? o->result
	                                                                            : -1;
}

static bool starts_again(const struct up_task *t, bool failed)
{
	const struct tend_restart *r = &t->config->restart;

	if (t->up->stopping || r->policy == TEND_TEMPORARY)
		return false;
	if (failed && t->has_last && listed(r->fatal, code_of(t, &t->last))) {
		up_task_tell(t, "%s; it is not started again after this code", t->why);
		return false;
	}
	if (failed && r->retries && t->failures > r->retries) {
		up_task_tell(t, "%s; it is not started again after %u failures", t->why,
		             t->failures);
		return false;
	}
	return failed || r->policy == TEND_PERMANENT;
}

static void attempt_over(struct up_task *t, const struct tend_outcome *o)
{
	bool well = !t->faulted && (o->kind == TEND_COMPLETED ||
	                            listed(t->config->restart.success, code_of(t, o)));
	bool failed = !well, could_not = o->kind == TEND_FAILED && o->result < 0;
	char text[256];

	assert(t->process.id && o->kind != TEND_LIVE);
	up_probes_end(t);
	up_task_keep_tail(t);
	int error = tend_join(t->process, NULL, 0);
	assert(error == 0); /* the process has ended, and no other fiber joins it */
	t->process.id = 0;
	t->pid = 0;
	t->last = *o;
	t->has_last = true;
	line_flush(&t->line, print_line, t);
	t->show_at = TEND_FOREVER;
	if (t->faulted)
		snprintf(t->last.message, sizeof(t->last.message), "%.*s",
		         (int)sizeof(t->last.message) - 1, t->fault);
	up_outcome_text(t, &t->last, text, sizeof(text));
	if (failed && (t->faulted || o->kind != TEND_CANCELED))
		up_task_because(t, "%s", text);
	if (could_not && t->attempt == 1 && !t->stop_sent) {
		start_failed(t, o->message[0] ? o->message : tend_strerror(o->result));
		return;
	}
	count_failure(t, failed);
	/* A user who passes a signal on wants the end that the signal brings. */
	bool wished = t->up->passed && o->signal == t->up->passed;
	if (!wished && starts_again(t, failed)) {
		if (!failed)
			up_task_because(t, "%s", text);
		try_later(t, failed ? delay_of(t) : t->config->restart.interval_ns);
		return;
	}
	up_task_say(t, "%s", text);
	/* The stop signal may have been quicker than the force. */
	finish(t, well                                ? TEND_COMPLETED
	          : t->killed && o->signal == SIGKILL ? TEND_KILLED
	          : t->faulted && !t->up->stopping    ? TEND_FAILED
	                                              : (uint8_t)o->kind);
}

/* ---- Steps; each returns until when the fiber may sleep ---- */

static uint32_t flags_of(const struct config_task *c)
{
	static const uint32_t flags[] = {
		[CONFIG_SHOWN] = TEND_ONE_OUTPUT,
		[CONFIG_COPIED] = 0,
		[CONFIG_INHERITED] = TEND_INHERIT_OUTPUT,
	};

	return flags[c->output] | (c->inherits_input ? TEND_INHERIT_INPUT : 0);
}

static void begin(struct up_task *t)
{
	const struct config_task *c = t->config;
	char **env = config_environment(c, environ, up_notify_variables(t));
	char name[TEND_NAME_MAX + 1];
	tend_task process;

	assert(!t->process.id && !t->pid && !t->stop_sent && !t->killed);
	snprintf(name, sizeof(name), "%.*s", TEND_NAME_MAX, c->name);
	t->attempt++;
	t->faulted = false;
	t->fault[0] = 0;
	t->written = t->nmarks = 0;
	int error =
		env ? tend_spawn_process_at(
			      t->site, tend_root(t->up->rt),
			      TEND_PROCESS_OPTS(.name = name, .stop_signal = c->stop_signal,
	                                        .stop_ns = c->stop_timeout_ns,
	                                        .argv = (const char *const *)c->argv,
	                                        .env = (const char *const *)env, .cwd = c->cwd,
	                                        .flags = flags_of(c),
	                                        .output = c->output == CONFIG_INHERITED ? NULL
	                                                                                : output,
	                                        .output_arg = t, .attempt = t->attempt),
			      &process)
		    : -ENOMEM;
	free(env);
	if (error == 0 && tend_watch_changes(process.id, t->wake) != 0) {
		/* The start and the end of the process would go unseen. */
		tend_task_cancel(process, -ENOMEM, "it cannot be watched");
		(void)!tend_join(process, NULL, TEND_FOREVER);
		error = -ENOMEM;
	}
	if (error == 0) {
		t->process = process;
		t->id = process.id;
		t->spawned_at = tend_now();
		set_state(t, TEND_STATE_STARTING);
		up_probes_begin(t);
		return;
	}
	char missing[400] = "there is no tend-guard at ";
	size_t used = strlen(missing);
	const char *text = tend_strerror(error);
	if (error == -ENOENT) {
		tend_guard_paths(t->up->rt, missing + used, sizeof(missing) - used);
		text = missing;
	}
	if (t->attempt == 1) {
		start_failed(t, text);
		return;
	}
	up_task_because(t, "could not start: %s", text);
	count_failure(t, true);
	if (starts_again(t, true))
		try_later(t, delay_of(t));
	else
		finish(t, TEND_FAILED);
}

static uint64_t step_queued(struct up_task *t)
{
	const struct config_need *need;
	size_t which = 0;

	assert(t->state == TEND_STATE_QUEUED || t->state == TEND_STATE_ABANDONED);

	if (t->up->stopping) {
		up_task_because(t, "never started: the stack was stopped first");
		finish(t, TEND_CANCELED);
		return 0;
	}
	switch (graph_may_start(&t->up->graph, t->index, &which)) {
	case GRAPH_WAIT:
		need = &t->config->needs[which];
		snprintf(t->wait, sizeof(t->wait), "needs %s%s%s",
		         t->up->tasks[need->task].config->name,
		         need->until == CONFIG_STARTED ? "" : " ",
		         need->until == CONFIG_STARTED ? "" : config_until_name(need->until));
		return TEND_FOREVER;
	case GRAPH_NEVER: {
		char text[256];
		need = &t->config->needs[which];
		up_task_ending(&t->up->tasks[need->task], text, sizeof(text));
		up_task_because(t, "never started: it needs %s, which %s",
		                t->up->tasks[need->task].config->name, text);
		up_task_say(t, "%s", t->why);
		finish(t, TEND_REJECTED);
		return 0;
	}
	case GRAPH_GO:
		begin(t);
	}
	return 0;
}

static uint64_t step_backoff(struct up_task *t)
{
	assert(t->attempt > 0);
	if (t->up->stopping) {
		finish(t, t->last.kind == TEND_COMPLETED ? TEND_COMPLETED : TEND_FAILED);
		return 0;
	}
	if (tend_now() < t->retry_at)
		return t->retry_at;
	t->restarts++;
	begin(t);
	return 0;
}

/* Returns true if the guard had no room for the kill, which then is to be tried again. */
static bool pass_stop(struct up_task *t)
{
	struct up *up = t->up;

	assert(t->process.id && (up->stopping || (!t->stop_sent && !up->forced)));
	if (up->stopping && !t->stop_sent && (up->forced || graph_may_stop(&up->graph, t->index))) {
		tend_task_cancel(t->process, -ECANCELED, "the stack is stopped");
		t->stop_sent = true;
		set_state(t, TEND_STATE_STOPPING);
	}
	/* Before the process has started, the cancel above is enough. */
	if (!up->forced || !t->stop_sent || t->killed || t->pid == 0)
		return false;
	int error = tend_process_signal(t->process, SIGKILL);
	t->killed = error == 0;
	return error == -EAGAIN;
}

/* Stops an attempt that has a fault. Returns when there is something to look at. */
static uint64_t see_fault(struct up_task *t)
{
	uint64_t timeout = t->config->restart.timeout_ns;
	char time[32];

	if (t->faulted || t->stop_sent)
		return TEND_FOREVER;
	if (timeout && tend_now() - t->spawned_at >= timeout && !t->fault[0]) {
		tend_duration_text(timeout, time, sizeof(time));
		snprintf(t->fault, sizeof(t->fault), "it took longer than %s", time);
	}
	if (!t->fault[0])
		return timeout ? t->spawned_at + timeout : TEND_FOREVER;
	tend_task_cancel(t->process, -ETIMEDOUT, t->fault);
	t->faulted = true;
	set_state(t, TEND_STATE_STOPPING);
	return TEND_FOREVER;
}

static uint64_t step_live(struct up_task *t)
{
	struct tend_outcome outcome;

	see_start(t);
	int error = tend_task_outcome(t->process, &outcome);
	if (error == 0) {
		attempt_over(t, &outcome);
		return 0;
	}
	bool again = pass_stop(t);
	uint64_t late_at = see_fault(t);
	see_settled(t);
	see_ready(t);
	show_begun(t);
	if (again)
		return tend_after(AGAIN_NS);
	if (late_at > t->show_at)
		late_at = t->show_at;
	if (t->pid == 0)
		return late_at;
	bool settles = !t->up->graph.nodes[t->index].started;
	return settles && t->settled_at < late_at ? t->settled_at : late_at;
}

static uint64_t step(struct up_task *t)
{
	if (t->process.id)
		return step_live(t);
	return t->state == TEND_STATE_BACKOFF ? step_backoff(t) : step_queued(t);
}

void up_task_abandon(struct up_task *t)
{
	assert(t->state != TEND_STATE_ENDED);
	become(t, TEND_STATE_ABANDONED);
}

int up_task_main(void *arg)
{
	struct up_task *t = arg;

	while (t->state != TEND_STATE_ENDED) {
		tend_event_clear(t->wake);
		uint64_t until = step(t);
		if (until != 0 && tend_event_wait(t->wake, until) == -ECANCELED)
			return -ECANCELED;
	}
	return 0;
}
