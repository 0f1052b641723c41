/* cli/up/server.c - a fiber for each connection, and for each listening socket. */
#include "up/server.h"
#include "ask/envelope.h"
#include "ask/instance.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct control_reply {
	struct control_server *server;
	int fd;
	bool broken;
	size_t n; /* bytes of the next requests, read already */
	char bytes[CONTROL_REQUEST_MAX];
};

bool control_send_until(struct control_reply *reply, json_t *document, uint64_t deadline)
{
	char *line = document ? json_dumps(document, JSON_COMPACT) : NULL;
	json_decref(document);
	size_t n = line ? strlen(line) : 0;

	if (line && !reply->broken) {
		line[n] = '\n'; /* in place of its NUL: the length is known */
		ssize_t sent = tend_write(reply->fd, line, n + 1, deadline);
		reply->broken = sent != (ssize_t)n + 1;
	} else
		reply->broken = true;
	free(line);
	return !reply->broken;
}

bool control_send(struct control_reply *reply, json_t *document)
{
	return control_send_until(reply, document, tend_after(CONTROL_IDLE_NS));
}

static void refuse(struct control_reply *reply, const char *text)
{
	control_send(reply, envelope_error("tend.error/1", EXIT_USAGE, text));
}

static void answer(struct control_reply *reply, const char *line, size_t n)
{
	json_error_t why;
	json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, &why);

	if (!json_is_object(request) || !json_is_string(json_object_get(request, "cmd")))
		refuse(reply, "a request is a JSON object with a \"cmd\", on one line");
	else
		reply->server->answer(reply->server->arg, request, reply);
	json_decref(request);
}

/* Serves one request. Returns false at the end, or when no more requests are
 * expected. */
static bool serve_next(struct control_reply *reply)
{
	char *end;
	uint64_t deadline = tend_after(CONTROL_IDLE_NS);

	while (!(end = memchr(reply->bytes, '\n', reply->n))) {
		if (reply->n == sizeof(reply->bytes)) {
			refuse(reply, "the request is longer than 64 KiB");
			return false;
		}
		assert(reply->n < sizeof(reply->bytes));
		ssize_t got = tend_read(reply->fd, reply->bytes + reply->n,
		                        sizeof(reply->bytes) - reply->n, deadline);
		if (got <= 0)
			return false;
		reply->n += (size_t)got;
	}
	size_t line = (size_t)(end - reply->bytes);
	assert(line < reply->n);
	answer(reply, reply->bytes, line);
	reply->n -= line + 1;
	memmove(reply->bytes, end + 1, reply->n);
	return !reply->broken;
}

static int connection(void *arg)
{
	while (serve_next(arg)) {}
	return 0;
}

static void connection_drop(void *arg)
{
	struct control_reply *reply = arg;
	assert(reply->server->connected > 0);
	reply->server->connected--;
	tend_fd_close(reply->fd);
	free(reply);
}

static void take_connection(struct control_server *server, int fd)
{
	static const char full[] =
		"{\"schema\":\"tend.error/1\",\"data\":null,\"error\":{\"exit_code\":1,\"message\":"
		"\"too many connections; try again\"}}\n";
	struct control_reply *reply =
		server->connected < CONTROL_CONNECTIONS_MAX ? malloc(sizeof(*reply)) : NULL;

	if (!reply) {
		/* The first bytes of a new socket always fit. */
		send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL);
		tend_fd_close(fd);
		return;
	}
	assert(fd >= 0 && server->connected < CONTROL_CONNECTIONS_MAX);
	reply->server = server;
	reply->fd = fd;
	reply->broken = false;
	reply->n = 0;
	server->connected++;
	int error = tend_spawn(server->connections, connection, reply,
	                       TEND_TASK_OPTS(.name = "connection", .drop = connection_drop), NULL);
	if (error)
		connection_drop(reply);
}

struct listener {
	struct control_server *server;
	int fd;
	bool serves; /* else each connection is closed */
};

static int accept_all(void *arg)
{
	const struct listener *listener = arg;

	for (;;) {
		int fd = tend_accept(listener->fd, TEND_FOREVER);
		if (fd == -ECANCELED)
			return 0;
		if (fd < 0) {
			/* Descriptors or memory have run out. The connection
			 * that waits is not lost. */
			if (tend_sleep_until(tend_after(100 * TEND_MS)) != 0)
				return 0;
		} else if (!listener->serves || !instance_peer_allowed(fd))
			tend_fd_close(fd);
		else
			take_connection(listener->server, fd);
	}
}

static void listener_drop(void *arg)
{
	struct listener *listener = arg;

	tend_fd_close(listener->fd);
	free(listener);
}

static int listen_at(struct control_server *server, int fd, bool serves, tend_task *out)
{
	struct listener *listener = malloc(sizeof(*listener));

	assert(fd >= 0 && server->answer);
	if (!listener) {
		tend_fd_close(fd);
		return -ENOMEM;
	}
	*listener = (struct listener){server, fd, serves};
	int error = tend_spawn(server->listeners, accept_all, listener,
	                       TEND_TASK_OPTS(.name = "accept", .drop = listener_drop), out);
	if (error)
		listener_drop(listener);
	return error;
}

int control_serve(struct control_server *server, const char *path, tend_task *out)
{
	char address[sizeof("unix:") + INSTANCE_PATH_MAX];

	snprintf(address, sizeof(address), "unix:%s", path);
	int fd = tend_listen(address, CONTROL_CONNECTIONS_MAX);
	if (fd < 0)
		return fd;
	int error = listen_at(server, fd, true, out);
	if (error)
		unlink(path);
	return error;
}

int control_refuse(struct control_server *server, int fd)
{
	return listen_at(server, fd, false, NULL);
}
