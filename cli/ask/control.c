/* cli/ask/control.c - asks a running stack. */
#include "ask/control.h"
#include "ask/envelope.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)256 << 20)

struct stream {
	int fd;
	int silence_ms;
	char *bytes;
	size_t n, size;
	size_t seen; /* bytes known to hold no end of a line */
};

static bool send_all(const struct stream *s, const char *bytes, size_t n)
{
	while (n > 0) {
		struct pollfd ready = {.fd = s->fd, .events = POLLOUT};
		ssize_t sent = send(s->fd, bytes, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN && poll(&ready, 1, s->silence_ms) > 0)
			continue;
		if (sent < 0 && errno != EINTR)
			return false;
		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		}
	}
	return true;
}

static bool grow(struct stream *s)
{
	assert(s->n <= s->size);
	size_t size = s->size ? s->size * 2 : 65536;
	char *bytes = s->n < s->size ? s->bytes : NULL;
	if (bytes)
		return true;
	bytes = size <= ANSWER_MAX ? realloc(s->bytes, size) : NULL;
	if (!bytes)
		return false;
	s->bytes = bytes;
	s->size = size;
	return true;
}

/* Returns a line and its length, valid until the next call. Returns NULL with
 * errno set on an error, with errno 0 at the end of the stream. */
static char *next_line(struct stream *s, size_t *n)
{
	for (;;) {
		assert(s->seen <= s->n && s->n <= s->size);
		char *end =
			s->n > s->seen ? memchr(s->bytes + s->seen, '\n', s->n - s->seen) : NULL;
		struct pollfd ready = {.fd = s->fd, .events = POLLIN};
		if (end) {
			*n = (size_t)(end - s->bytes);
			return s->bytes;
		}
		s->seen = s->n;
		errno = EMSGSIZE;
		if (!grow(s))
			return NULL;
		ssize_t got = read(s->fd, s->bytes + s->n, s->size - s->n);
		if (got > 0)
			s->n += (size_t)got;
		else if (got == 0) {
			errno = 0;
			return NULL;
		} else if (errno == EAGAIN) {
			int polled = poll(&ready, 1, s->silence_ms);
			if (polled == 0)
				errno = ETIMEDOUT;
			if (polled == 0 || (polled < 0 && errno != EINTR))
				return NULL;
		} else if (errno != EINTR)
			return NULL;
	}
}

static void drop_line(struct stream *s, size_t n)
{
	assert(n < s->n && s->bytes[n] == '\n');
	s->n -= n + 1;
	memmove(s->bytes, s->bytes + n + 1, s->n);
	s->seen = 0;
}

static void gone(const struct instance *i, int why, struct instance_error *error)
{
	pid_t owner = i->lock[0] ? instance_owner(i, NULL, 0) : -1;
	char pid[32] = "";

	if (owner > 0)
		snprintf(pid, sizeof(pid), " (pid %d)", (int)owner);
	error->exit_code = EXIT_UNREACHABLE;
	if (why == ETIMEDOUT)
		snprintf(error->text, sizeof(error->text), "stack %s%s does not answer at %s",
		         i->name, pid, i->socket);
	else if (owner == 0)
		snprintf(error->text, sizeof(error->text),
		         "the supervisor of stack %s ended before it answered (the socket %s is "
		         "stale)",
		         i->name, i->socket);
	else
		snprintf(error->text, sizeof(error->text),
		         "stack %s%s hung up before it answered%s%s", i->name, pid, why ? ": " : "",
		         why ? strerror(why) : "");
}

static json_t *receive(struct stream *s, control_progress_fn *progress, void *arg)
{
	size_t n;

	for (char *line; (line = next_line(s, &n)) != NULL; drop_line(s, n)) {
		json_t *document = json_loadb(line, n, 0, NULL);
		if (json_object_get(document, "schema"))
			return document;
		if (document && progress)
			progress(arg, json_object_get(document, "progress"));
		json_decref(document);
	}
	return NULL;
}

json_t *control_ask(const struct instance *instance, json_t *request, int silence_ms,
                    control_progress_fn *progress, void *arg, struct instance_error *error)
{
	struct stream stream = {.fd = instance_connect(instance, error), .silence_ms = silence_ms};
	char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_t *envelope = NULL;

	json_decref(request);
	if (stream.fd < 0) {
		free(line);
		return NULL;
	}
	if (line && send_all(&stream, line, strlen(line)) && send_all(&stream, "\n", 1)) {
		errno = 0;
		envelope = receive(&stream, progress, arg);
	}
	if (!envelope)
		gone(instance, errno, error);
	close(stream.fd);
	free(stream.bytes);
	free(line);
	return envelope;
}
