/* service/notify.c - sd_notify(3): datagrams to the socket of the service manager. */
#include "service/service.h"

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Only the queue of a hanging manager stays full. */
#define SEND_NS (5 * TEND_SEC)

/* Reads the address, which begins with '/', or with '@' for one without a file. */
static int address_of(const char *path, struct sockaddr_un *out, socklen_t *size)
{
	size_t n = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || n < 2)
		return -EPROTONOSUPPORT;
	if (n >= sizeof(out->sun_path))
		return -ENAMETOOLONG;
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(out->sun_path, path, n);
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (path[0] == '@')
		out->sun_path[0] = 0;
	return 0;
}

int tend__notify_open(void)
{
	const char *path = secure_getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t size = 0;

	if (!path)
		return -1;
	int error = address_of(path, &address, &size);
	/* A child that inherits the name would speak for this service. */
	unsetenv("NOTIFY_SOCKET");
	int fd = error ? -1 : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!error && fd < 0)
		error = -errno;
	if (!error && connect(fd, (struct sockaddr *)&address, size) != 0) {
		error = -errno;
		close(fd);
	}
	return error ? error == -1 ? -EIO : error : fd;
}

int tend__notify(const struct tend_daemon *d, const char *text)
{
	uint64_t limit = tend_after(SEND_NS);

	if (d->notify < 0)
		return 0;
	while (send(d->notify, text, strlen(text), MSG_NOSIGNAL) < 0) {
		int error = errno;

		if (error == EINTR)
			continue;
		if ((error != EAGAIN && error != ENOBUFS) || tend_now() >= limit)
			return -error;
		int ready = tend_fd_wait(d->notify, TEND_WRITABLE, limit);
		if (ready < 0)
			return ready;
	}
	return 0;
}

void tend__notify_time(const struct tend_daemon *d, const char *text, uint64_t ns)
{
	char all[128];

	/* Without the message, the time of the manager's own configuration counts. */
	if (ns == TEND_FOREVER)
		(void)!tend__notify(d, text);
	else {
		snprintf(all, sizeof(all), "%sEXTEND_TIMEOUT_USEC=%llu\n", text,
		         (unsigned long long)(ns / 1000));
		(void)!tend__notify(d, all);
	}
}

int tend_daemon_status(tend_daemon *daemon, const char *fmt, ...)
{
	char text[512] = "STATUS=";
	size_t used = strlen(text);
	va_list args;

	tend__assert(daemon && fmt);
	va_start(args, fmt);
	vsnprintf(text + used, sizeof(text) - used, fmt, args);
	va_end(args);
	/* A line is a variable of its own. */
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return tend__notify(daemon, text);
}
