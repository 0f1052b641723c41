/* cli/ask/client.h - what the commands that ask a running stack have in common:
 * which stack, how it is asked, and how its answer or its absence is told. */
#ifndef TEND_CLI_ASK_CLIENT_H
#define TEND_CLI_ASK_CLIENT_H

#include "ask/control.h"
#include "ask/envelope.h"

#include <jansson.h>
#include <stdbool.h>

struct client {
	const char *schema; /* of the answers, "tend.tree/1" */
	bool strict;        /* the command changes something */
	const char *name, *socket;
	const char *path; /* of what is asked about, or NULL */
	bool json;
};

/* Asks; on an error it tells, as an envelope if `json`, and answers NULL with
 * the exit code written. An answer that is an error is told likewise. */
json_t *client_ask(const struct client *client, json_t *request, control_progress_fn *progress,
                   void *arg, struct instance *instance, int *exit_code);

/* Tells an error, as an envelope if `json`; answers the exit code. */
int client_tell(const struct client *client, int exit_code, const char *text);

#endif
