/* cli/ask/control.h - the requests to a running stack, and its answers.
 *
 * A request is one JSON object {"cmd": ...} on a line of a local socket. The
 * stack answers with any number of lines {"progress": ...} and then with one
 * envelope, the only document with a "schema". */
#ifndef TEND_CLI_ASK_CONTROL_H
#define TEND_CLI_ASK_CONTROL_H

#include "ask/instance.h"

#include <jansson.h>

/* Called with each document before the envelope. */
typedef void control_progress_fn(void *arg, const json_t *progress);

/* Longer than the silence of any working supervisor. */
#define CONTROL_SILENCE_MS 15000

/* Sends a request and waits for the envelope.
 *
 *   request      taken
 *   silence_ms   a longer silence of the stack is an error
 *   returns   the envelope, which the caller gives back by json_decref(); or NULL */
json_t *control_ask(const struct instance *instance, json_t *request, int silence_ms,
                    control_progress_fn *progress, void *arg, struct instance_error *error);

#endif
