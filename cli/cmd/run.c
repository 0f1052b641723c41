/* cli/cmd/run.c - `tend run`: runs one program in the place of itself. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "config/config.h"
#include "up/up.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_GIVEN UINT64_MAX

/* Stacks with the name of one program: NAME, NAME-2, and so on. */
enum { SAME_NAME_MAX = 999, SUFFIX = sizeof("-999") - 1 };

struct run {
	struct config_program program;
	const char *name; /* --name, or NULL */
	const char *cwd;  /* --cwd, or NULL */
	size_t nenv;
	char address[CONFIG_ADDRESS_SIZE]; /* for --ready */
	bool logs;
};

/* Stores the index of a word. `wanted` names the option, and what it wants. */
static void store_word(struct argp_state *state, uint32_t *which, const char *argument,
                       const char *wanted, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], argument) == 0) {
			*which = (uint32_t)i;
			return;
		}
	const char *meant = config_suggest(argument, strlen(argument), words, count);
	argp_error(state, "%s, not '%s'%s%s%s", wanted, argument, meant ? " (did you mean '" : "",
	           meant ? meant : "", meant ? "'?)" : "");
}

static void store_policy(struct argp_state *state, void *into, char *argument)
{
	store_word(state, into, argument,
	           "--restart wants transient (after a failure), permanent (always) or temporary "
	           "(never)",
	           CONFIG_POLICIES, TEND_PERMANENT + 1);
}

static void store_jitter(struct argp_state *state, void *into, char *argument)
{
	store_word(state, into, argument, "--jitter wants none, full, equal or decorrelated",
	           CONFIG_JITTERS, TEND_JITTER_DECORRELATED + 1);
}

static void store_factor(struct argp_state *state, void *into, char *argument)
{
	if (!config_factor(argument, strlen(argument), into))
		argp_error(state,
		           "--factor wants a number from 1 to 1000, such as 2 or 1.5, not '%s'",
		           argument);
}

static void store_signal(struct argp_state *state, void *into, char *argument)
{
	int signal = config_signal(argument, strlen(argument));

	if (!signal)
		argp_error(state, "not a signal: %s (for example: TERM, SIGINT, 15)", argument);
	*(int *)into = signal;
}

static void store_variable(struct argp_state *state, void *into, char *argument)
{
	struct run *run = into;

	if (argument[0] == '=' || !strchr(argument, '='))
		argp_error(state,
		           "--env wants NAME=VALUE, not '%s'; the environment of tend is handed on "
		           "anyway",
		           argument);
	run->program.env[run->nenv++] = argument;
}

static void store_ready(struct argp_state *state, void *into, char *argument)
{
	struct run *run = into;
	struct config_probe *ready = &run->program.ready;
	size_t n = strlen(argument);

	ready->text = argument;
	ready->address = run->address;
	if (config_tcp_address(argument, n, run->address))
		ready->kind = CONFIG_PROBE_TCP;
	else if (config_http_address(argument, n, run->address, &ready->path))
		ready->kind = CONFIG_PROBE_HTTP;
	else
		argp_error(state,
		           "--ready wants a port, an address and a port, or a URL with an address, "
		           "such as 8080, 127.0.0.1:8080 or http://127.0.0.1:8080/health, not '%s'",
		           argument);
}

static int refuse(int code, const char *fmt, const char *what, const char *why)
{
	const struct client client = {.schema = "tend.run/1"};
	char text[PATH_MAX + 300];

	snprintf(text, sizeof(text), fmt, what, why);
	return client_tell(&client, code, text);
}

/* Returns 0, or the exit code for options that do not fit together. */
static int check(struct run *run)
{
	struct config_program *p = &run->program;

	if (run->name && (!config_name_valid(run->name, strlen(run->name))))
		return refuse(EXIT_USAGE,
		              "'%s' is no name%s; a name is 1 to 47 letters, digits, '.', '_' and "
		              "'-', a letter first",
		              run->name, "");
	struct tend_restart *r = &p->restart;
	bool delay = r->delay_ns != NOT_GIVEN, max = r->delay_max_ns != NOT_GIVEN;
	bool stable = r->stable_ns != NOT_GIVEN;
	if (r->policy == TEND_TEMPORARY &&
	    (r->retries || r->factor || r->jitter || delay || max || stable))
		return refuse(EXIT_USAGE, "%s are for a program that is started again%s",
		              "--retries, --delay, --factor, --max-delay, --jitter and "
		              "--reset-after",
		              "; add --restart transient or --restart permanent");
	r->stable_ns = !stable ? 0 : r->stable_ns ? r->stable_ns : CONFIG_NEVER;
	r->delay_ns = !delay ? 0 : r->delay_ns < TEND_MS ? TEND_MS : r->delay_ns;
	r->delay_max_ns = !max ? 0 : r->delay_max_ns < TEND_MS ? TEND_MS : r->delay_max_ns;
	if (!config_restart_fit(r))
		return refuse(EXIT_USAGE, "%s is shorter than %s; make it longer, or equal",
		              "--max-delay", "--delay");
	if (p->ready.timeout_ns != NOT_GIVEN && !p->ready.kind)
		return refuse(EXIT_USAGE, "%s is for a program that shows when it is ready%s",
		              "--ready-timeout", "; add --ready, such as --ready 8080");
	if (p->ready.timeout_ns == NOT_GIVEN)
		p->ready.timeout_ns = CONFIG_READY_TIMEOUT_NS;
	/* The library takes 0 for its default. */
	if (!p->stop_timeout_ns)
		p->stop_timeout_ns = 1;
	p->output = run->logs ? CONFIG_COPIED : CONFIG_INHERITED;
	return 0;
}

/* Reads the options. Returns 0 or an exit code. */
static int parse(int argc, char **argv, struct run *run)
{
	struct config_program *p = &run->program;
	const struct option_row options[] = {
		{"name", 'n', "NAME", "The name of the stack; the program's by default",
	         option_text, &run->name},
		{"restart", 'r', "POLICY",
	         "Start it again: transient after a failure, permanent always", store_policy,
	         &p->restart.policy},
		{"delay", 0, "TIME", "Before the first restart (100ms)", option_time,
	         &p->restart.delay_ns},
		{"factor", 0, "NUMBER", "From a delay to the next (2)", store_factor,
	         &p->restart.factor},
		{"max-delay", 0, "TIME", "The longest time before a restart (30s)", option_time,
	         &p->restart.delay_max_ns},
		{"jitter", 0, "JITTER", "Delays by chance: none, full, equal, decorrelated",
	         store_jitter, &p->restart.jitter},
		{"reset-after", 0, "TIME", "An attempt this long makes up for failures (10s)",
	         option_time, &p->restart.stable_ns},
		{"retries", 0, "N", "Give up after N restarts without success between them",
	         option_count, &p->restart.retries},
		{"ready", 0, "ADDRESS", "A port or a URL that shows that it is ready", store_ready,
	         run},
		{"ready-timeout", 0, "TIME", "It fails if it is not ready until then (1m)",
	         option_time, &p->ready.timeout_ns},
		{"stop-signal", 0, "SIGNAL", "Asks the program to end (TERM)", store_signal,
	         &p->stop_signal},
		{"stop-timeout", 't', "TIME", "From there until it is killed (10s)", option_time,
	         &p->stop_timeout_ns},
		{"env", 'e', "NAME=VALUE", "Set a variable of the program", store_variable, run},
		{"cwd", 'C', "DIRECTORY", "Run the program there", option_text, &run->cwd},
		{"logs", 0, NULL, "Keep the last output for tend logs: the program gets a pipe",
	         option_flag, &run->logs},
		{0},
	};
	const struct usage usage = {
		.argument = "[--] COMMAND [ARGUMENT...]",
		.help = "Runs one program under supervision, in the place of tend: with its input, "
			"output and terminal as they are, its exit code, and the signals that tend "
			"gets. It can be the first process of a container.\v"
			"Exit codes: that of the program, 128+N for signal N; 127 there is no such "
			"program; 126 it cannot be run; 124 something outlived the stop; 1 tend "
			"itself failed; 2 wrong usage.",
		.rest = &p->argv,
		.missing = "which program? For example: tend run -- sleep 10",
		.options = options,
	};

	return options_parse(&usage, argc, argv) != 0 ? EXIT_USAGE : check(run);
}

/* ---- The directory ---- */

/* PWD may name the directory in the way in which the user came there. */
static bool is_here(const char *path)
{
	struct stat there, here;

	return path && path[0] == '/' && strlen(path) < PATH_MAX && stat(path, &there) == 0 &&
	       stat(".", &here) == 0 && there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

/* Returns 0 with the directory of the program, or an exit code. */
static int find_cwd(struct run *run, char buf[PATH_MAX])
{
	const char *pwd = getenv("PWD");

	run->program.cwd = buf;
	if (!run->cwd && is_here(pwd)) {
		snprintf(buf, PATH_MAX, "%s", pwd);
		return 0;
	}
	if (!realpath(run->cwd ? run->cwd : ".", buf))
		return refuse(EXIT_FAILED, "cannot enter %s: %s; name a directory with --cwd",
		              run->cwd ? run->cwd : "the working directory", strerror(errno));
	return 0;
}

/* ---- The name ---- */

/* Claims the stack NAME of a program. Other programs of the same name may run: then the name
 * gets a number. */
static int claim_any(struct run *run, char name[CONFIG_NAME_MAX + 1], struct instance *instance,
                     struct instance_error *why)
{
	char base[CONFIG_NAME_MAX + 1], file[CONFIG_NAME_MAX + 16];
	const char *slash = strrchr(run->program.argv[0], '/');
	struct instance taken;

	if (!config_name_of(slash ? slash + 1 : run->program.argv[0], base))
		snprintf(base, sizeof(base), "program");
	base[TEND_NAME_MAX - SUFFIX] = 0;
	snprintf(name, CONFIG_NAME_MAX + 1, "%s", base);
	for (int i = 2; i <= SAME_NAME_MAX; i++) {
		if (instance_of(name, &taken, why) != 0)
			return -1;
		snprintf(file, sizeof(file), "tend run %s", name);
		if (instance_owner(&taken, NULL, 0) == 0 &&
		    instance_claim(name, file, instance, why) == 0)
			return 0;
		/* Nothing is said of a program that took the name meanwhile. */
		if (instance_owner(&taken, NULL, 0) == 0 && why->exit_code != EXIT_FAILED)
			return -1;
		snprintf(name, CONFIG_NAME_MAX + 1, "%.*s-%d", TEND_NAME_MAX - SUFFIX, base, i);
	}
	return instance_fail(why, EXIT_FAILED, "too many stacks %s are running; choose a --name",
	                     base);
}

/* Returns 0, or an exit code. Without a directory for sockets the program runs all the same,
 * as in a container whose files cannot be written, unless the user has named the stack. */
static int claim(struct run *run, char name[CONFIG_NAME_MAX + 1], struct instance *instance,
                 bool *claimed)
{
	char file[CONFIG_NAME_MAX + 16];
	struct instance_error why = {0};

	run->program.name = name;
	if (run->name) {
		snprintf(name, CONFIG_NAME_MAX + 1, "%s", run->name);
		snprintf(file, sizeof(file), "tend run %s", name);
		*claimed = instance_claim(name, file, instance, &why) == 0;
		return *claimed ? 0 : refuse(why.exit_code, "%s%s", why.text, "");
	}
	*claimed = claim_any(run, name, instance, &why) == 0;
	if (!*claimed)
		refuse(why.exit_code, "no other command will find this program: %s%s", why.text,
		       "");
	return 0;
}

/* ---- All of it ---- */

int cmd_run(int argc, char **argv)
{
	struct run run = {.program = {.stop_signal = SIGTERM,
	                              .stop_timeout_ns = 10 * TEND_SEC,
	                              .restart = {.policy = TEND_TEMPORARY,
	                                          .delay_ns = NOT_GIVEN,
	                                          .delay_max_ns = NOT_GIVEN,
	                                          .stable_ns = NOT_GIVEN},
	                              .ready = {.every_ns = CONFIG_READY_EVERY_NS / 10,
	                                        .timeout_ns = NOT_GIVEN}}};
	char cwd[PATH_MAX], name[CONFIG_NAME_MAX + 1] = "";
	struct instance instance;
	struct up up = {.signal_fd = -1, .single = true, .file = "tend run"};
	bool claimed = false;

	run.program.env = calloc((size_t)argc + 1, sizeof(char *));
	int code = run.program.env ? parse(argc, argv, &run)
	                           : refuse(EXIT_FAILED, "%s%s", "out of memory", "");
	if (code == 0)
		code = find_cwd(&run, cwd);
	if (code == 0)
		code = claim(&run, name, &instance, &claimed);
	if (code == 0) {
		struct config *config = config_of_program(&run.program);
		up.config = config;
		up.instance = claimed ? &instance : NULL;
		code = config ? up_run(&up) : refuse(EXIT_FAILED, "%s%s", "out of memory", "");
		if (up.rt) {
			/* Fibers beyond the deadline still use the memory. */
			fflush(NULL);
			_exit(code);
		}
		config_free(config);
	}
	free(run.program.env);
	/* A shell script ends with a program that dies of SIGINT, but goes on after an exit
	 * code. */
	bool stopped = run.program.restart.policy != TEND_TEMPORARY && code != EXIT_TIMEOUT;
	if (up.interrupted && (stopped || code == 128 + SIGINT)) {
		fflush(NULL);
		raise(SIGINT);
	}
	return code;
}
