/* cli/cmd/up.c - `tend up`: runs the stack of a tend.yaml until it has ended. */
#include "up/up.h"
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "config/config.h"

#include "show/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int parse(int argc, char **argv, const char **file, bool *detach, struct client *client)
{
	const struct option_row options[] = {
		{"file", 'f', "FILE", "The tend.yaml or Procfile to run; tend.yaml by default",
	         option_file, file},
		{"detach", 'd', NULL, "Return when all tasks have started; the stack goes on",
	         option_flag, detach},
		{"json", 'j', NULL, "Write a document a line, the last one being the report",
	         option_flag, &client->json},
		{0},
	};
	const struct usage usage = {
		.help = "Runs the stack of a tend.yaml or Procfile and shows what it writes, until "
			"all of it "
			"has ended. Ctrl-C stops it in order; a second one kills what is left.\v"
			"Exit codes: 0 after a stop that ended, or if all tasks succeeded; 1 if a "
			"task could not start; 78 for a file or a runtime directory that is not "
			"valid; 124 if something outlived the stop; else the worst exit code of a "
			"task, 128+N for signal N.",
		.refused = "a file is given with -f",
		.options = options,
	};

	return options_parse(&usage, argc, argv);
}

struct ask {
	const char *file;
	bool detach;
	struct client client;
};

/* Runs the stack. Returns the exit code. */
static int run(struct up *up, const struct client *client)
{
	struct instance_error why;

	if (instance_claim(up->config->name, up->config->file, up->instance, &why) != 0)
		return client_tell(client, why.exit_code, why.text);
	int code = up_run(up);
	if (up->rt) {
		/* Fibers beyond the deadline still use the memory. */
		fflush(NULL);
		_exit(code);
	}
	/* A shell script ends with a program of SIGINT, but goes on after a program with an
	 * exit code. */
	if (up->interrupted && !up->start_failed && code != EXIT_TIMEOUT) {
		fflush(NULL);
		raise(SIGINT);
	}
	return code;
}

static void tell_running(const struct up *up, const struct client *client, pid_t pid)
{
	if (!client->json) {
		printf("%s: %zu %s, pid %d; see it with tend attach, stop it with tend down\n",
		       up->config->name, up->config->ntasks,
		       up->config->ntasks == 1 ? "task has started" : "tasks have started",
		       (int)pid);
		return;
	}
	json_t *envelope =
		envelope_ok(client->schema, json_pack("{s:s, s:I, s:b}", "name", up->config->name,
	                                              "pid", (json_int_t)pid, "detached", 1));
	output_json(envelope);
	json_decref(envelope);
}

/* Waits until the stack of another process has started. Returns 0, or the exit code of a
 * stack that has ended before. */
static int await(const struct up *up, const struct client *client, pid_t pid, int fd)
{
	char byte;
	int status = 0;
	ssize_t got;

	/* The signals of the terminal are for the stack, too, which decides. */
	signal(SIGINT, SIG_IGN);
	do
		got = read(fd, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 1) {
		tell_running(up, client, pid);
		return output_end(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return EXIT_FAILED;
}

/* Runs the stack in another process, and waits for its start. */
static int detach(struct up *up, const struct client *client)
{
	int both[2];

	if (pipe2(both, O_CLOEXEC) != 0)
		return client_tell(client, EXIT_FAILED, "cannot make a pipe");
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return client_tell(client, EXIT_FAILED, "cannot make a process");
	if (pid > 0) {
		close(both[1]);
		return await(up, client, pid, both[0]);
	}
	/* The stack outlives its caller, and keeps no file of the caller open. */
	enum { READY_FD = 3 };
	if (both[1] != READY_FD && dup3(both[1], READY_FD, O_CLOEXEC) < 0)
		_exit(client_tell(client, EXIT_FAILED, "cannot copy a descriptor"));
	close_range(READY_FD + 1, ~0U, 0);
	up->detaches = true;
	up->ready_fd = READY_FD;
	return run(up, client);
}

int cmd_up(int argc, char **argv)
{
	struct ask ask = {.client = {.schema = "tend.up/1"}};
	struct config_errors errors;
	struct instance instance;
	struct config *config = NULL;
	struct up up = {.signal_fd = -1, .ready_fd = -1, .instance = &instance};

	if (parse(argc, argv, &ask.file, &ask.detach, &ask.client) != 0)
		return EXIT_USAGE;
	up.file = ask.file ? ask.file : CONFIG_FILE;
	up.json = ask.client.json && !ask.detach;
	if (config_load(up.file, &config, &errors) != 0)
		return client_refuse(&ask.client, &errors);
	up.config = config;
	int code = ask.detach ? detach(&up, &ask.client) : run(&up, &ask.client);
	config_free(config);
	return code;
}
