/* cli/up/task.c - looks after one task: spawns its process when its needs hold, prints the output,
 * and stops the process when all dependants have ended. The library decides when the process runs
 * again.
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

/* How long the fiber waits before the next try of a kill for which the guard had no room. */
#define AGAIN_NS (10 * TEND_MS)
/* How long the beginning of a line waits for its end. */
#define SHOW_NS (500 * TEND_MS)

extern char **environ;

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

/* A stream of the attempt has ended. */
static void output_ended(struct up_task *t, uint32_t attempt)
{
	unsigned streams = t->config->output == CONFIG_COPIED ? 2 : 1;

	if (++t->streams_ended < streams)
		return;
	t->streams_ended = 0;
	line_flush(&t->line, print_line, t);
	t->show_at = TEND_FOREVER;
	up_task_keep_tail(t, attempt);
}

static void output(void *arg, int stream, const char *bytes, size_t n)
{
	struct up_task *t = arg;
	struct tend_life life = {0};

	/* A start is told before the first line, and the end of an attempt before the next. */
	up_events_take(t->up);
	(void)!tend_task_info(t->process, &life);
	if (n == 0) {
		output_ended(t, life.attempt);
		return;
	}
	up_task_began(t, life.attempt);
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

/* ---- Steps; each returns until when the fiber may sleep ---- */

static uint32_t flags_of(const struct config_task *c)
{
	static const uint32_t flags[] = {
		[CONFIG_SHOWN] = TEND_ONE_OUTPUT,
		[CONFIG_COPIED] = 0,
		[CONFIG_INHERITED] = TEND_INHERIT_OUTPUT,
	};

	return flags[c->output] | (c->inherits_input ? TEND_INHERIT_INPUT : 0) |
	       (c->stop_leader ? TEND_STOP_LEADER : 0);
}

/* The guard's stop of a process has the time of the file, and so has the stop of an attempt. */
static struct tend_restart restart_of(const struct config_task *c)
{
	struct tend_restart restart = c->restart;

	restart.size = sizeof(restart);
	restart.grace_ns = c->stop_timeout_ns;
	return restart;
}

static int spawn(struct up_task *t)
{
	const struct config_task *c = t->config;
	const struct tend_restart restart = restart_of(c);
	const int fd = c->ready.kind == CONFIG_PROBE_FD ? CONFIG_READY_FD : 0;
	char **env = config_environment(c, environ, up_notify_variables(t));
	char name[TEND_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", TEND_NAME_MAX, c->name);
	int error =
		env ? tend_spawn_process_at(
			      t->site, tend_root(t->up->rt),
			      TEND_PROCESS_OPTS(.name = name, .stop_signal = c->stop_signal,
	                                        .stop_ns = c->stop_timeout_ns,
	                                        .argv = (const char *const *)c->argv,
	                                        .env = (const char *const *)env, .cwd = c->cwd,
	                                        .flags = flags_of(c), .ready_fd = fd,
	                                        .output = c->output == CONFIG_INHERITED ? NULL
	                                                                                : output,
	                                        .output_arg = t, .restart = &restart),
			      &t->process)
		    : -ENOMEM;
	free(env);
	return error;
}

static void begin(struct up_task *t)
{
	char missing[400] = "there is no tend-guard at ";
	size_t used = strlen(missing);
	int error = spawn(t);

	if (error == 0) {
		up_task_set_state(t, TEND_STATE_STARTING);
		return;
	}
	if (error == -ENOENT)
		tend_guard_paths(t->up->rt, missing + used, sizeof(missing) - used);
	up_start_failed(t, error == -ENOENT ? missing : tend_strerror(error));
	up_task_finish(t, TEND_FAILED);
}

static uint64_t step_queued(struct up_task *t)
{
	const struct config_need *need;
	size_t which = 0;

	assert(t->state == TEND_STATE_QUEUED || t->state == TEND_STATE_ABANDONED);

	if (t->up->stopping) {
		up_task_because(t, "never started: the stack was stopped first");
		up_task_finish(t, TEND_CANCELED);
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
		up_task_finish(t, TEND_REJECTED);
		return 0;
	}
	case GRAPH_GO:
		begin(t);
	}
	return 0;
}

/* Returns true if the guard had no room for the kill, which then is to be tried again. */
static bool pass_stop(struct up_task *t)
{
	struct up *up = t->up;

	assert(t->process.id && (up->stopping || (!t->stop_sent && !up->forced)));
	if (up->stopping && !t->stop_sent &&
	    (up->forced || t->could_not || graph_may_stop(&up->graph, t->index))) {
		t->stop_sent = true;
		if (t->pid > 0)
			up_task_set_state(t, TEND_STATE_STOPPING);
		tend_task_cancel(t->process, -ECANCELED, "the stack is stopped");
		up_steps_begin(t);
	}
	/* Before the process has started, the cancel above is enough. */
	if (!up->forced || !t->stop_sent || t->killed || t->pid == 0)
		return false;
	int error = tend_process_signal(t->process, SIGKILL);
	t->killed = error == 0;
	return error == -EAGAIN;
}

static uint64_t step_live(struct up_task *t)
{
	bool again = pass_stop(t);
	uint64_t next = up_steps_look(t);

	up_probes_follow(t);
	up_task_see(t);
	show_begun(t);
	if (again)
		return tend_after(AGAIN_NS);
	if (t->show_at < next)
		next = t->show_at;
	if (t->pid == 0 || t->up->graph.nodes[t->index].started)
		return next;
	return t->settled_at < next ? t->settled_at : next;
}

int up_task_main(void *arg)
{
	struct up_task *t = arg;

	while (t->state != TEND_STATE_ENDED) {
		tend_event_clear(t->wake);
		uint64_t until = t->process.id ? step_live(t) : step_queued(t);
		if (until != 0 && tend_event_wait(t->wake, until) == -ECANCELED)
			return -ECANCELED;
	}
	up_probes_follow(t);
	return 0;
}
