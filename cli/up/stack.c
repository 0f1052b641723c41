/* cli/up/stack.c - a stack from its begin to its end: the runtime, the fibers, the
 * socket. */
#include "up/up.h"
#include "show/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STACK_BYTES = 256 * 1024, NAME_WIDTH_MAX = 24 };
#define ANSWER_NS (2 * TEND_SEC) /* time for the last answers */

static enum printer_style style(const struct up *up)
{
	if (up->json)
		return PRINT_JSON;
	if (up->single)
		return PRINT_PLAIN;
	return output_colour() ? PRINT_COLOUR : PRINT_PLAIN;
}

/* The width of the names before each line: names of tasks and the name of the
 * stack. */
static size_t name_width(const struct config *config)
{
	size_t tasks = up_name_width(config), own = strlen(config->name);
	size_t width = own > tasks ? own : tasks;
	return width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX;
}

/* Returns the place of a task, "tend.yaml:12": the registry keeps it as long as there is a
 * runtime. */
static char *site_of(const struct up *up, const struct config_task *config)
{
	const char *slash = strrchr(up->file, '/'), *file = slash ? slash + 1 : up->file;
	char *site = NULL;
	int n = config->at.line ? asprintf(&site, "%s:%zu", file, config->at.line)
	                        : asprintf(&site, "%s", file);

	return n < 0 ? NULL : site;
}

static int prepare_tasks(struct up *up)
{
	up->tasks = calloc(up->config->ntasks + 1, sizeof(*up->tasks));
	up->groups = calloc(up->config->ngroups + 1, sizeof(*up->groups));
	int error = up->tasks && up->groups ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < up->config->ntasks; i++) {
		struct up_task *t = &up->tasks[i];
		assert(t->state == 0);
		t->up = up;
		t->index = i;
		t->config = &up->config->tasks[i];
		t->state = TEND_STATE_QUEUED;
		t->show_at = TEND_FOREVER;
		t->site = site_of(up, t->config);
		error = t->site ? tend_event_open(&t->news) : -ENOMEM;
		if (!error)
			error = up_ready_open(t);
	}
	if (!error)
		error = up_feeds_open(up);
	if (!error)
		error = tend_event_open(&up->changed);
	if (!error)
		error = tend_event_open(&up->moved);
	if (!error)
		error = tend_event_open(&up->over);
	return error;
}

static void free_tasks(struct up *up)
{
	for (size_t i = 0; up->tasks && i < up->config->ntasks; i++) {
		tend_event_close(up->tasks[i].news);
		up_ready_close(&up->tasks[i]);
		for (int k = 0; k < 2; k++) {
			free(up->tasks[i].tails[k].bytes);
			free(up->tasks[i].tails[k].marks);
		}
		free(up->tasks[i].marks);
		free(up->tasks[i].site);
	}
	up_feeds_close(up);
	tend_event_close(up->changed);
	tend_event_close(up->moved);
	tend_event_close(up->over);
	free(up->by_id);
	free(up->groups);
	free(up->tasks);
}

static int spawn_own(struct up *up, tend_fn *fn, void *arg, const char *name, tend_task *out)
{
	return tend_spawn(up->own, fn, arg, TEND_TASK_OPTS(.name = name), out);
}

/* Spawns all fibers from a fiber, because then none of them runs before all are
 * there. */
static int begin_main(void *arg)
{
	struct up *up = arg;
	int error = tend_subscribe(up->rt, &up->news);

	if (!error)
		error = tend_watch_changes(up->stack.id, up->moved);
	if (!error)
		error = spawn_own(up, up_follow_main, up, "events", NULL);
	if (!error)
		error = spawn_own(up, up_watch_main, up, "watch", NULL);

	if (!error)
		error = spawn_own(up, up_signals_main, up, "signals", NULL);
	if (!error && up->instance)
		error = spawn_own(up, up_keep_main, up, "keep", NULL);
	return error ? error : up_tasks_spawn(up);
}

static int open_groups(struct up *up)
{
	static const uint32_t strategies[] = {
		[CONFIG_ONE_FOR_ONE] = TEND_ONE_FOR_ONE,
		[CONFIG_ONE_FOR_ALL] = TEND_ONE_FOR_ALL,
		[CONFIG_REST_FOR_ONE] = TEND_REST_FOR_ONE,
	};
	int error = 0;

	for (size_t i = 0; !error && i < up->config->ngroups; i++) {
		const struct config_group *g = &up->config->groups[i];
		bool any = g->restarts == CONFIG_ANY_NUMBER;
		error = tend_scope_open(up->stack, g->name,
		                        TEND_SCOPE_OPTS(.strategy = strategies[g->strategy],
		                                        .restarts =
		                                                any ? TEND_ANY_NUMBER : g->restarts,
		                                        .period_ns = g->period_ns),
		                        &up->groups[i].scope);
	}
	return error;
}

/* Serves the socket of the stack. The addresses only tell that the stack runs, because no
 * directory and no mode keeps others from an address. */
static int serve(struct up *up)
{
	struct control_server *server = &up->server;

	server->answer = up_answer;
	server->arg = up;
	/* The stack is a scope of its own, because its stop must leave the fibers of this program
	 * alone. The names that begin with a dot are hidden from readers. */
	int error = tend_scope_open(tend_root(up->rt), ".tend", NULL, &up->own);
	if (!error)
		error = tend_scope_open(tend_root(up->rt), up->config->name, NULL, &up->stack);
	if (!error)
		error = open_groups(up);
	if (error || !up->instance)
		return error;
	error = tend_scope_open(up->own, "listen", NULL, &server->listeners);
	if (!error)
		error = tend_scope_open(up->own, "control", NULL, &server->connections);
	if (!error)
		error = control_serve(server, up->instance->socket, &up->accepting);
	if (error)
		return error;
	instance_served(up->instance);
	for (int key = 0; key < INSTANCE_KEYS && !error; key++) {
		int fd = up->instance->address_fds[key];
		if (fd < 0)
			continue;
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		error = fd < 0 ? -errno : control_refuse(server, fd);
	}
	return error;
}

static int open_runtime(struct up *up)
{
	char name[TEND_NAME_MAX + 1];

	snprintf(name, sizeof(name), ".%.*s", TEND_NAME_MAX - 1, up->config->name);
	int error = tend_runtime_open(
		TEND_RUNTIME_OPTS(.name = name, .workers = 1, .stack_bytes = STACK_BYTES), &up->rt);
	return error ? error : serve(up);
}

/* Runs the stack until all has ended. Returns 0, or why the stack could not
 * begin. */
static int run(struct up *up)
{
	tend_task begin;
	struct tend_outcome outcome;

	int error = open_runtime(up);
	if (!error)
		error = tend_spawn(up->own, begin_main, up, TEND_TASK_OPTS(.name = "begin"),
		                   &begin);
	if (!error)
		error = tend_join(begin, &outcome, TEND_FOREVER);
	if (!error && outcome.result < 0) {
		error = outcome.result;
		if (error == -ENOENT)
			tend_guard_paths(up->rt, up->no_guard, sizeof(up->no_guard));
	}
	if (!error)
		error = tend_event_wait(up->over, TEND_FOREVER);
	return error;
}

/* Ends the runtime. A client that waits for the end of the stack gets its
 * answer before the socket goes. */
static void end(struct up *up)
{
	if (!up->rt)
		return;
	if (up->server.connections.id) {
		tend_scope_seal(up->server.connections);
		(void)!tend_scope_wait_empty(up->server.connections, tend_after(ANSWER_NS));
	}
	/* With survivors the runtime stays; the guard ends them with this
	 * process. */
	if (tend_runtime_close(up->rt, tend_after(ANSWER_NS)) != 0)
		return;
	up->rt = NULL;
	tend_unsubscribe(up->news);
}

int up_run(struct up *up)
{
	assert(up->config && !up->rt && !up->tasks);
	assert(!up->instance || up->instance->lock_fd >= 0);
	assert(!up->single || up->config->ntasks == 1);
	up->signal_fd = up_signals_open(up->single);
	up->started_at = tend_now();
	int error = up->signal_fd < 0 ? -errno : 0;
	up->width = name_width(up->config);
	if (!up->detaches)
		up->printer = printer_open(up->single ? STDERR_FILENO : STDOUT_FILENO, style(up),
		                           up->width);
	if (!error)
		error = up->printer || up->detaches ? prepare_tasks(up) : -ENOMEM;
	if (!error)
		error = run(up);
	if (error)
		fprintf(stderr, "tend: stack %s cannot run: %s%s%s\n", up->config->name,
		        up->no_guard[0] ? "there is no tend-guard at " : strerror(-error),
		        up->no_guard, error == -EFBIG ? INSTANCE_EFBIG_REMEDY : "");
	int code = error ? 1 : up->exit_code;
	end(up);
	if (up->instance)
		instance_release(up->instance);
	/* The reader of the output may be slow, and a signal then ends the wait. */
	up_signals_close(up);
	printer_close(up->printer);
	if (!up->rt)
		free_tasks(up);
	return code;
}
