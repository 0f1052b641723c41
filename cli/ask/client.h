/* cli/ask/client.h - the shared part of all commands that ask a running stack:
 * which stack, how the command asks, and how the answer or its absence is
 * reported. */
#ifndef TEND_CLI_ASK_CLIENT_H
#define TEND_CLI_ASK_CLIENT_H

#include "ask/control.h"
#include "ask/envelope.h"
#include "config/config.h"

#include <jansson.h>
#include <stdbool.h>

struct client {
	const char *schema; /* schema of the answers, "tend.tree/1" */
	bool strict;        /* the command changes something */
	const char *name, *socket;
	const char *path; /* path of the task that the command asks about, or NULL */
	bool json;
};

/* Asks a running stack. An error, also one in the answer, is reported by
 * client_tell(); then the call returns NULL and sets `*exit_code`. */
json_t *client_ask(const struct client *client, json_t *request, control_progress_fn *progress,
                   void *arg, struct instance *instance, int *exit_code);

/* Chooses the stack of a command. Returns 0, or -1 with the error written. */
int client_choose(const struct client *client, struct instance *instance,
                  struct instance_error *error);

/* Asks a stack that was chosen, and that may not answer.
 *
 *   silence_ms   how long the process may be silent
 *   returns      the envelope, maybe with an error; NULL, and no report: no answer */
json_t *client_try(const struct client *client, const struct instance *instance, json_t *request,
                   int silence_ms);

/* Reports the error of an envelope, if there is one: then the call takes the envelope, returns
 * NULL and sets `*exit_code`. */
json_t *client_result(const struct client *client, json_t *envelope, int *exit_code);

/* Reports an error, as an envelope if `json`. Returns the exit code. */
int client_tell(const struct client *client, int exit_code, const char *text);

/* Reports the errors of a file; as an envelope only the first. Returns EXIT_CONFIG. */
int client_refuse(const struct client *client, const struct config_errors *errors);

#endif
