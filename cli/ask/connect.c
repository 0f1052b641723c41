/* cli/ask/connect.c - a connection to the socket of a stack. */
#include "ask/instance.h"
#include "ask/envelope.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool instance_peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
		return false;
	return cred.uid == geteuid() || cred.uid == 0;
}

static int unreachable(const struct instance *i, int why, struct instance_error *error)
{
	pid_t owner = i->lock[0] ? instance_owner(i, NULL, 0) : -1;
	if (why == EACCES || why == EPERM)
		return instance_fail(error, EXIT_PERMISSION, "may not connect to %s: %s", i->socket,
		                     strerror(why));
	if (owner > 0)
		return instance_fail(error, EXIT_UNREACHABLE,
		                     "stack %s (pid %d) does not answer at %s: %s", i->name,
		                     (int)owner, i->socket, strerror(why));
	if (why == ENOENT)
		return instance_fail(
			error, EXIT_UNREACHABLE,
			"stack %s is not running (there is no socket %s); start it with: tend up",
			i->name, i->socket);
	if (why == ECONNREFUSED)
		return instance_fail(
			error, EXIT_UNREACHABLE,
			"stack %s is not running (the socket %s is stale, the next tend up "
			"replaces it)",
			i->name, i->socket);
	return instance_fail(error, EXIT_UNREACHABLE, "cannot connect to %s: %s", i->socket,
	                     strerror(why));
}

int instance_connect(const struct instance *instance, struct instance_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert(instance->socket[0] && memchr(instance->socket, 0, sizeof(instance->socket)));
	memcpy(address.sun_path, instance->socket, sizeof(instance->socket));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return instance_fail(error, EXIT_FAILED, "cannot make a socket: %s",
		                     strerror(errno));
	/* The connect does not block, because a supervisor that hangs has a
	 * full backlog and would make the command hang too. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int saved = errno;
		close(fd);
		return unreachable(instance, saved, error);
	}
	if (geteuid() != 0 && !instance_peer_allowed(fd)) {
		close(fd);
		return instance_fail(error, EXIT_PERMISSION, "%s is served by another user",
		                     instance->socket);
	}
	return fd;
}

pid_t instance_process(const struct instance *instance, struct instance_error *error)
{
	struct ucred cred = {0};
	socklen_t n = sizeof(cred);
	int fd = instance_connect(instance, error);
	/* A process that does not accept has the number in its lock only. */
	pid_t owner = fd < 0 && instance->lock[0] ? instance_owner(instance, NULL, 0) : 0;

	if (fd < 0)
		return owner > 0 ? owner : -1;
	/* The kernel writes the number as it is for this process: a container has its own. */
	int failed = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n);
	close(fd);
	if (failed || cred.pid <= 0)
		return instance_fail(error, EXIT_UNREACHABLE,
		                     "the process of stack %s is not visible here; run the command "
		                     "where the stack runs",
		                     instance->name);
	return cred.pid;
}
