/* cli/control.h - what a running stack is asked, and answers.
 *
 * One JSON object a line over a local socket. A request is {"cmd": ...}; it is
 * answered by any number of lines {"progress": ...} and then by one envelope,
 * which has "schema". */
#ifndef TEND_CLI_CONTROL_H
#define TEND_CLI_CONTROL_H

#include "envelope.h"
#include "instance.h"

#include "tend/tend.h"

#include <jansson.h>

#define CONTROL_REQUEST_MAX     65536
#define CONTROL_CONNECTIONS_MAX 64
#define CONTROL_IDLE_NS         (10 * TEND_SEC)

/* ---- The side that answers; it runs in fibers of one worker ---- */

struct control_reply;

/* Answers a request by control_send(); the last document is an envelope. */
typedef void control_fn(void *arg, const json_t *request, struct control_reply *reply);

struct control_server {
	tend_scope scope;
	int fd;
	size_t connections;
	control_fn *answer;
	void *arg;
};

/* Serves the socket in `scope`. Answers 0, or an error with nothing begun. */
int control_serve(struct control_server *server, tend_scope scope, const char *socket,
                  control_fn *answer, void *arg);

/* Sends a document, which it takes. False: the other side is gone. */
bool control_send(struct control_reply *reply, json_t *document);

/* Text of any bytes as a JSON string: what is not UTF-8 becomes U+FFFD. */
json_t *control_text(const char *text, size_t n);

/* ---- The side that asks ---- */

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
