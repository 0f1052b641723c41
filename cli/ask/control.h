/* cli/ask/control.h - what a running stack is asked, and answers.
 *
 * One JSON object a line over a local socket. A request is {"cmd": ...}; it is
 * answered by any number of lines {"progress": ...} and then by one envelope,
 * which has "schema". */
#ifndef TEND_CLI_ASK_CONTROL_H
#define TEND_CLI_ASK_CONTROL_H

#include "ask/instance.h"

#include <jansson.h>

/* Called with each document before the envelope. */
typedef void control_progress_fn(void *arg, const json_t *progress);

/* Asks, and waits for the envelope. Silence for longer than a supervisor that
 * works can be silent is an error.
 *
 *   request   taken
 *   returns   the envelope, to be given back by json_decref(); or NULL */
json_t *control_ask(const struct instance *instance, json_t *request, control_progress_fn *progress,
                    void *arg, struct instance_error *error);

#endif
