/* cli/cmd/act.h - the commands for single tasks of a stack. */
#ifndef TEND_CLI_CMD_ACT_H
#define TEND_CLI_CMD_ACT_H

#include "ask/client.h"

#include <stddef.h>

struct act {
	struct client client;
	const char *verb; /* "signal" */
	const char *done; /* the word for a task that has made the step: "signaled" */
	const char **tasks;
	size_t ntasks;
	uint64_t timeout_ns; /* 0: no limit */
	int signal;
};

/* Asks the stack, and prints a line for each task. Returns the exit code. */
int act_run(struct act *act);

#endif
