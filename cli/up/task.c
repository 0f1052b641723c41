/* cli/up/task.c - the output of a task, and the spawn of all tasks. The library decides when a task
 * begins, runs again and stops. */
#include "up/up.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static int show_main(void *arg)
{
	struct up_task *t = arg;

	while (t->show_at != TEND_FOREVER) {
		if (tend_sleep_until(t->show_at) != 0)
			return 0;
		/* The line may have ended meanwhile, and another may have begun. */
		if (tend_now() < t->show_at)
			continue;
		t->show_at = TEND_FOREVER;
		line_show(&t->line, print_line, t);
	}
	t->shows = false;
	return 0;
}

static void show_later(struct up_task *t)
{
	t->show_at = tend_after(SHOW_NS);
	if (!t->shows &&
	    tend_spawn(t->up->own, show_main, t, TEND_TASK_OPTS(.name = "show"), NULL) == 0)
		t->shows = true;
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
	if (t->show_at == TEND_FOREVER)
		show_later(t);
}

/* ---- The spawn ---- */

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

/* The guard's stop of a process has the time of the file, and so has the stop of an attempt. A
 * temporary task without a probe is ready when this program says so. */
static struct tend_restart restart_of(const struct config_task *c)
{
	struct tend_restart restart = c->restart;

	restart.size = sizeof(restart);
	restart.grace_ns = c->stop_timeout_ns;
	if (!c->ready.kind && restart.policy == TEND_TEMPORARY)
		restart.ready_ns = TEND_FOREVER / 2;
	return restart;
}

/* Returns until when a child waits for a task that has to be started. A temporary task counts as
 * started after a while. */
static uint32_t until_of(const struct config_task *of, enum config_until until)
{
	static const uint32_t untils[] = {
		[CONFIG_STARTED] = TEND_NEED_STARTED,
		[CONFIG_READY] = TEND_NEED_READY,
		[CONFIG_COMPLETED] = TEND_NEED_COMPLETED,
	};
	bool settles = !of->ready.kind && of->restart.policy == TEND_TEMPORARY;

	return until == CONFIG_STARTED && settles ? TEND_NEED_READY : untils[until];
}

/* The memory for the spawn of all tasks, for the time of the call. */
struct batch {
	struct tend_child *children;
	struct tend_process_opts *processes;
	struct tend_restart *restarts;
	struct tend_need *needs; /* those of all children */
	char ***environments;
	tend_task *tasks;
};

static bool open_batch(struct batch *b, const struct config *config)
{
	size_t n = config->ntasks + 1, needs = 1;

	for (size_t i = 0; i < config->ntasks; i++)
		needs += config->tasks[i].nneeds;
	*b = (struct batch){
		.children = calloc(n, sizeof(*b->children)),
		.processes = calloc(n, sizeof(*b->processes)),
		.restarts = calloc(n, sizeof(*b->restarts)),
		.needs = calloc(needs, sizeof(*b->needs)),
		.environments = calloc(n, sizeof(*b->environments)),
		.tasks = calloc(n, sizeof(*b->tasks)),
	};
	return b->children && b->processes && b->restarts && b->needs && b->environments &&
	       b->tasks;
}

static void close_batch(struct batch *b, size_t n)
{
	for (size_t i = 0; b->environments && i < n; i++)
		free(b->environments[i]);
	free(b->children);
	free(b->processes);
	free(b->restarts);
	free(b->needs);
	free(b->environments);
	free(b->tasks);
}

/* Returns false without memory. */
static bool add(struct batch *b, struct up_task *t, struct tend_need *needs)
{
	const struct config_task *c = t->config;
	const int fd = c->ready.kind == CONFIG_PROBE_FD ? CONFIG_READY_FD : 0;
	char **env = config_environment(c, environ, up_notify_variables(t));

	b->environments[t->index] = env;
	b->restarts[t->index] = restart_of(c);
	b->processes[t->index] =
		*TEND_PROCESS_OPTS(.name = c->name, .stop_signal = c->stop_signal,
	                           .stop_ns = c->stop_timeout_ns,
	                           .argv = (const char *const *)c->argv,
	                           .env = (const char *const *)env, .cwd = c->cwd,
	                           .flags = flags_of(c), .ready_fd = fd,
	                           .output = c->output == CONFIG_INHERITED ? NULL : output,
	                           .output_arg = t, .restart = &b->restarts[t->index]);
	b->children[t->index] = (struct tend_child){.process = &b->processes[t->index],
	                                            .needs = needs,
	                                            .needs_count = c->nneeds,
	                                            .site = t->site};
	if (c->group != CONFIG_NO_GROUP)
		b->children[t->index].scope = t->up->groups[c->group].scope;
	for (size_t k = 0; k < c->nneeds; k++) {
		size_t of = c->needs[k].task;
		needs[k] = (struct tend_need){
			.of = of, .until = until_of(t->up->tasks[of].config, c->needs[k].until)};
	}
	return env;
}

static int spawn(struct up *up, struct batch *b)
{
	struct tend_need *needs = b->needs;
	size_t n = up->config->ntasks;

	for (size_t i = 0; i < n; i++) {
		if (!add(b, &up->tasks[i], needs))
			return -ENOMEM;
		needs += up->config->tasks[i].nneeds;
	}
	int error = tend_spawn_set(up->stack, b->children, n, 0, b->tasks, NULL);
	for (size_t i = 0; !error && i < n; i++) {
		up->tasks[i].process = b->tasks[i];
		up->tasks[i].state =
			b->children[i].needs_count ? TEND_STATE_QUEUED : TEND_STATE_STARTING;
	}
	return error;
}

int up_tasks_spawn(struct up *up)
{
	struct batch batch;
	int error = open_batch(&batch, up->config) ? spawn(up, &batch) : -ENOMEM;

	close_batch(&batch, up->config->ntasks);
	return error ? error : up_index(up);
}
