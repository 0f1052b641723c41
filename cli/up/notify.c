/* cli/up/notify.c - messages of a program by sd_notify(3): ready, alive, a status.
 *
 * Each task has its own socket beside the socket of the stack, in a directory that only the
 * owner may enter. All processes of an attempt are dead when the next begins. So after a drain
 * at the begin of an attempt, each message is from this attempt. */
#include "up/up.h"
#include "show/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	MESSAGE_MAX = 4096,
	DRAIN_MAX = 4096, /* more messages than a socket holds, see net.unix.max_dgram_qlen */
};

struct up_notify {
	int fd;
	struct sockaddr_un address;
	char socket[sizeof("NOTIFY_SOCKET=") + sizeof(((struct sockaddr_un *)0)->sun_path)];
	char watchdog[48];
	char *variables[4]; /* for the program; ends with NULL */
};

/* The variable of a program that says by a descriptor that it is ready. */
static char descriptor[] = "NOTIFY_FD=3";
_Static_assert(CONFIG_READY_FD == 3, "the variable has the number");

static bool notifies(const struct up_task *t)
{
	return t->config->ready.kind == CONFIG_PROBE_NOTIFY ||
	       t->config->alive.kind == CONFIG_PROBE_NOTIFY;
}

static int bind_to(struct up_notify *notify)
{
	const char *path = notify->address.sun_path;

	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify->fd < 0)
		return -errno;
	/* The stack is claimed, so a file at this path is left from a dead stack. */
	(void)!unlink(path);
	if (bind(notify->fd, (struct sockaddr *)&notify->address, sizeof(notify->address)) == 0 &&
	    chmod(path, 0600) == 0)
		return 0;
	return -errno;
}

int up_notify_open(struct up_task *t)
{
	const struct config_probe *alive = &t->config->alive;

	if (!notifies(t))
		return 0;
	struct up_notify *n = t->notify = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	*n = (struct up_notify){.fd = -1, .address.sun_family = AF_UNIX};
	char *path = n->address.sun_path;
	size_t size = sizeof(n->address.sun_path);
	int used = snprintf(path, size, "%s-%zu", t->up->instance->socket, t->index);
	if (used < 0 || (size_t)used >= size)
		return -ENAMETOOLONG;
	snprintf(n->socket, sizeof(n->socket), "NOTIFY_SOCKET=%s", path);
	n->variables[0] = n->socket;
	if (alive->kind == CONFIG_PROBE_NOTIFY) {
		snprintf(n->watchdog, sizeof(n->watchdog), "WATCHDOG_USEC=%llu",
		         (unsigned long long)(alive->timeout_ns / 1000));
		n->variables[1] = n->watchdog;
	}
	if (t->config->ready.kind == CONFIG_PROBE_FD)
		n->variables[2] = descriptor; /* alive is by the socket then */
	return bind_to(n);
}

void up_notify_close(struct up_task *t)
{
	if (!t->notify)
		return;
	if (t->notify->fd >= 0) {
		(void)!unlink(t->notify->address.sun_path);
		close(t->notify->fd);
	}
	free(t->notify);
	t->notify = NULL;
}

char *const *up_notify_variables(const struct up_task *t)
{
	static char *const by_descriptor[] = {descriptor, NULL};

	if (t->notify)
		return t->notify->variables;
	return t->config->ready.kind == CONFIG_PROBE_FD ? by_descriptor : NULL;
}

/* ---- Messages ---- */

static int take_line(struct up_task *t, const char *line, size_t n)
{
	static const char ready[] = "READY=1", alive[] = "WATCHDOG=1", status[] = "STATUS=";
	enum { READY = sizeof(ready) - 1, ALIVE = sizeof(alive) - 1, STATUS = sizeof(status) - 1 };

	if (n == READY && memcmp(line, ready, n) == 0)
		return UP_SAYS_READY;
	if (n == ALIVE && memcmp(line, alive, n) == 0)
		return UP_SAYS_ALIVE;
	if (n > STATUS && memcmp(line, status, STATUS) == 0)
		text_escape(t->wait, sizeof(t->wait), line + STATUS, n - STATUS);
	return 0;
}

int up_notify_wait(struct up_task *t)
{
	char message[MESSAGE_MAX];
	int fd = t->notify->fd, says = 0;
	int ready = tend_fd_wait(fd, TEND_READABLE, TEND_FOREVER);

	/* A flood of messages keeps no other fiber waiting. After a cancel, the message is for
	 * the next attempt. */
	if (ready >= 0 && tend_yield() != 0)
		return -ECANCELED;
	if (ready < 0)
		return ready;
	/* Without room for control data, the kernel closes a descriptor in the message. */
	ssize_t n = recv(fd, message, sizeof(message), MSG_DONTWAIT);
	for (const char *at = message, *end = message + n; n > 0 && at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((stop ? stop : end) - at);
		says |= take_line(t, at, length);
		at += length + (stop != NULL);
	}
	return says;
}

void up_notify_drain(struct up_task *t)
{
	char byte;

	/* Without the bound, another process that sends without a pause would hold the worker. */
	for (int i = 0; t->notify && i < DRAIN_MAX; i++)
		if (recv(t->notify->fd, &byte, 1, MSG_DONTWAIT) < 0)
			return;
}
