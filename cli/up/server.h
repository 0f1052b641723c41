/* cli/up/server.h - the answering side of the control socket; ask/control.h has
 * the documents. The server runs in fibers of one worker. */
#ifndef TEND_CLI_UP_SERVER_H
#define TEND_CLI_UP_SERVER_H

#include "tend/tend.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CONTROL_REQUEST_MAX     65536
#define CONTROL_CONNECTIONS_MAX 64
#define CONTROL_IDLE_NS         (10 * TEND_SEC)

struct control_reply;

/* Answers a request by control_send(); the last document is an envelope. */
typedef void control_fn(void *arg, const json_t *request, struct control_reply *reply);

/* (c) constant  (f) any fiber of the server */
struct control_server {
	tend_scope connections; /* (c) a fiber for each */
	tend_scope listeners;   /* (c) a fiber for each */
	size_t connected;       /* (f) */
	control_fn *answer;     /* (c) */
	void *arg;              /* (c) */
};

/* Makes the socket at a path, and serves the socket. Returns 0 or an error.
 *
 *   out       the fiber of the socket: a cancel ends the fiber and closes the socket;
 *             may be NULL */
int control_serve(struct control_server *server, const char *path, tend_task *out);

/* Accepts the connections of a listening socket and closes them: the client learns the
 * process, and nothing else. Takes the descriptor, also in a failure. */
int control_refuse(struct control_server *server, int fd);

/* Sends a document, and takes the document. Returns false if the client is
 * gone. */
bool control_send(struct control_reply *reply, json_t *document);

/* The same, for a client that may read slowly: it waits until the deadline. */
bool control_send_until(struct control_reply *reply, json_t *document, uint64_t deadline);

#endif
