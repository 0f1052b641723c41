/* cli/up.c - `tend up`: runs the stack of a tend.yaml until it has ended. */
#include "up.h"
#include "commands.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { STACK_BYTES = 256 * 1024, NAME_WIDTH_MAX = 24 };
#define ANSWER_NS (2 * TEND_SEC) /* what the last answers may take */

struct options {
	const char *file;
	bool json;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'f':
		if (options->file)
			argp_error(state, "one file at a time");
		options->file = arg;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument: %s (a file is given with -f)", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option OPTIONS[] = {
	{"file", 'f', "FILE", 0, "The stack to run; tend.yaml by default", 0},
	{"json", 'j', NULL, 0, "Write a document a line, the last one being the report", 0},
	{0},
};

static const struct argp ARGP = {
	.options = OPTIONS,
	.parser = parse_option,
	.doc = "Runs the stack of a tend.yaml and shows what it writes, until all of it has ended. "
	       "Ctrl-C stops it in order; a second one kills what is left.\v"
	       "Exit codes: 0 after a stop that ended, or if all tasks succeeded; 1 if a task "
	       "could "
	       "not start; 78 for a file or a runtime directory that is not valid; 124 if "
	       "something "
	       "outlived the stop; else the worst exit code of a task, 128+N for signal N.",
};

static void say(const struct up *up, const char *name, size_t number, const char *fmt, va_list args)
{
	char text[1024];
	int n = vsnprintf(text, sizeof(text), fmt, args);

	if (n > 0)
		printer_line(up->printer, name, number, '*', text,
		             (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void up_say(const struct up *up, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(up, up->config->name, up->config->ntasks, fmt, args);
	va_end(args);
}

void up_task_say(const struct up_task *t, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(t->up, t->config->name, t->index, fmt, args);
	va_end(args);
}

/* A descriptor opened while 0, 1 or 2 is closed would become the output. */
static bool fill_standard_fds(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR); /* inherited on purpose, like any standard stream */
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	return fd > 2;
}

static enum printer_style style(const struct up *up)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if (up->json)
		return PRINT_JSON;
	if ((none && none[0]) || !term || strcmp(term, "dumb") == 0 || !isatty(STDOUT_FILENO))
		return PRINT_PLAIN;
	return PRINT_COLOUR;
}

static size_t name_width(const struct config *config)
{
	size_t width = strlen(config->name);
	for (size_t i = 0; i < config->ntasks; i++)
		if (strlen(config->tasks[i].name) > width)
			width = strlen(config->tasks[i].name);
	return width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX;
}

/* Blocked before there are threads, so that none of them takes one. A SIGHUP
 * that was ignored, as nohup does, stays ignored. */
static int take_signals(void)
{
	sigset_t set;
	struct sigaction hup;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int prepare_tasks(struct up *up)
{
	up->tasks = calloc(up->config->ntasks + 1, sizeof(*up->tasks));
	int error = up->tasks ? graph_open(&up->graph, up->config) : -ENOMEM;

	for (size_t i = 0; !error && i < up->config->ntasks; i++) {
		struct up_task *t = &up->tasks[i];
		t->up = up;
		t->index = i;
		t->config = &up->config->tasks[i];
		t->state = TEND_STATE_QUEUED;
		t->since = up->started_at;
		error = tend_event_open(&t->wake);
	}
	if (!error)
		error = tend_event_open(&up->changed);
	if (!error)
		error = tend_event_open(&up->over);
	return error;
}

static void free_tasks(struct up *up)
{
	for (size_t i = 0; up->tasks && i < up->config->ntasks; i++) {
		tend_event_close(up->tasks[i].wake);
		free(up->tasks[i].tails[0].bytes);
		free(up->tasks[i].tails[1].bytes);
	}
	tend_event_close(up->changed);
	tend_event_close(up->over);
	free(up->tasks);
	if (up->graph.nodes)
		graph_close(&up->graph);
}

static int spawn_own(struct up *up, tend_fn *fn, void *arg, const char *name, tend_task *out)
{
	return tend_spawn(up->own, fn, arg, TEND_TASK_OPTS(.name = name), out);
}

/* A fiber itself, so that none of the others runs before all are there. They are
 * spawned in the order of the file; the graph decides who waits. */
static int begin_main(void *arg)
{
	struct up *up = arg;
	tend_task ignored;
	int error = spawn_own(up, up_watch_main, up, "watch", &ignored);

	if (!error)
		error = spawn_own(up, up_signals_main, up, "signals", &ignored);
	for (size_t i = 0; !error && i < up->config->ntasks; i++) {
		char name[TEND_NAME_MAX + 1];
		snprintf(name, sizeof(name), "%.*s", TEND_NAME_MAX, up->config->tasks[i].name);
		error = spawn_own(up, up_task_main, &up->tasks[i], name, &up->tasks[i].fiber);
		up->tasks[i].id = up->tasks[i].fiber.id;
	}
	return error;
}

static int open_runtime(struct up *up, const struct instance *instance)
{
	char name[TEND_NAME_MAX + 1];
	tend_scope control;

	snprintf(name, sizeof(name), "%.*s", TEND_NAME_MAX, up->config->name);
	int error = tend_runtime_open(
		TEND_RUNTIME_OPTS(.name = name, .workers = 1, .stack_bytes = STACK_BYTES), &up->rt);
	if (error)
		return error;
	/* A name that no task can have: theirs begin with a letter. */
	error = tend_scope_open(tend_root(up->rt), ".tend", NULL, &up->own);
	if (!error)
		error = tend_scope_open(up->own, "control", NULL, &control);
	if (!error)
		error = control_serve(&up->server, control, instance->socket, up_answer, up);
	return error;
}

/* Runs the stack until all has ended; answers 0 or why it could not begin. */
static int run(struct up *up, const struct instance *instance)
{
	tend_task begin;
	struct tend_outcome outcome;

	int error = open_runtime(up, instance);
	if (!error)
		error = tend_spawn(up->own, begin_main, up, TEND_TASK_OPTS(.name = "begin"),
		                   &begin);
	if (!error)
		error = tend_join(begin, &outcome, TEND_FOREVER);
	if (!error && outcome.result < 0)
		error = outcome.result;
	if (!error)
		error = tend_event_wait(up->over, TEND_FOREVER);
	return error;
}

/* Whoever waits for the end is told before the socket goes. */
static void end(struct up *up)
{
	if (!up->rt)
		return;
	int ignored = tend_scope_seal(up->server.scope);
	uint64_t until = tend_after(ANSWER_NS);
	/* One task is left when the last connection is gone: the one that accepts. */
	while (up->server.scope.id && tend_scope_live(up->server.scope) > 1 && tend_now() < until)
		tend_sleep_until(tend_after(5 * TEND_MS));
	ignored = tend_runtime_close(up->rt, tend_after(ANSWER_NS));
	/* With survivors it stays; they end with this process, by the guard. */
	if (ignored == 0)
		up->rt = NULL;
}

static int up_claimed(struct up *up, const struct instance *instance)
{
	up->signal_fd = take_signals();
	up->started_at = tend_now();
	up->printer = printer_open(STDOUT_FILENO, style(up), name_width(up->config));
	int error = up->signal_fd < 0 ? -errno : up->printer ? prepare_tasks(up) : -ENOMEM;
	if (!error)
		error = run(up, instance);
	if (error)
		fprintf(stderr, "tend: stack %s cannot run: %s\n", up->config->name,
		        strerror(-error));
	int code = error ? 1 : up->exit_code;
	end(up);
	printer_close(up->printer);
	if (!up->rt)
		free_tasks(up);
	if (up->signal_fd >= 0)
		close(up->signal_fd);
	return code;
}

static int refuse(const struct up *up, int code, const char *text)
{
	json_t *envelope = up->json ? envelope_error("tend.up/1", code, text) : NULL;

	if (envelope)
		json_dumpf(envelope, stdout, JSON_COMPACT);
	if (envelope)
		putchar('\n');
	else
		fprintf(stderr, "tend: %s\n", text);
	json_decref(envelope);
	return code;
}

static int refuse_config(const struct up *up, const struct config_errors *errors)
{
	const struct config_error *first = &errors->kept[0];
	char text[CONFIG_ERROR_TEXT_MAX + 400];

	if (!up->json) {
		config_errors_write(errors, "error", stderr);
		return EXIT_CONFIG;
	}
	snprintf(text, sizeof(text), "%.300s:%zu:%zu: error: %s", up->file, first->at.line,
	         first->at.column, first->text);
	return refuse(up, EXIT_CONFIG, text);
}

int cmd_up(int argc, char **argv)
{
	struct options options = {0};
	struct config_errors errors;
	struct instance_error why;
	struct instance instance;
	struct config *config = NULL;
	struct up up = {.signal_fd = -1};

	if (argp_parse(&ARGP, argc, argv, ARGP_IN_ORDER, NULL, &options) != 0)
		return EXIT_USAGE;
	up.file = options.file ? options.file : CONFIG_FILE;
	up.json = options.json;
	if (!fill_standard_fds())
		return 1;
	if (config_load(up.file, &config, &errors) != 0)
		return refuse_config(&up, &errors);
	up.config = config;
	if (instance_claim(config->name, &instance, &why) != 0) {
		config_free(config);
		return refuse(&up, why.exit_code, why.text);
	}
	int code = up_claimed(&up, &instance);
	instance_release(&instance);
	if (up.rt) {
		/* Fibers that outlive the deadline still use what would be freed. */
		fflush(NULL);
		_exit(code);
	}
	config_free(config);
	return code;
}
