/* io/net.c - stream sockets by address: "tcp:HOST:PORT", "unix:PATH". */
#include "tend/io.h"

#include "io/io.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/* Exactly a number of 0 to 65535. */
static int port_of(const char *text, uint16_t *out)
{
	unsigned long n = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (unsigned long)(*text - '0');
	}
	if (n > 65535)
		return -EINVAL;
	*out = htons((uint16_t)n);
	return 0;
}

static int parse_tcp(const char *text, union address *a, socklen_t *len)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 1];
	uint16_t port;

	if (!colon || port_of(colon + 1, &port))
		return -EINVAL;
	size_t n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = 0;
	if (strcmp(host, "localhost") == 0)
		memcpy(host, "127.0.0.1", sizeof "127.0.0.1");
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = port;
		*len = sizeof(a->in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = port;
		*len = sizeof(a->in6);
		return 0;
	}
	return -EINVAL;
}

static int parse(const char *text, union address *a, socklen_t *len)
{
	memset(a, 0, sizeof(*a));
	if (!text)
		return -EINVAL;
	if (strncmp(text, "tcp:", 4) == 0)
		return parse_tcp(text + 4, a, len);
	if (strncmp(text, "unix:", 5) != 0)
		return -EINVAL;
	text += 5;
	if (!*text || strlen(text) >= sizeof(a->un.sun_path))
		return -EINVAL;
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, text, strlen(text) + 1);
	*len = sizeof(a->un);
	return 0;
}

static int stream(const union address *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int tend_listen(const char *address, int backlog)
{
	TEND__KEEPS_ERRNO;
	union address a;
	socklen_t len;
	int one = 1, error = parse(address, &a, &len), fd;
	bool bound = false;

	if (tend__check_process())
		return -ESTALE;
	if (error)
		return error;
	fd = stream(&a);
	if (fd < 0)
		return fd;
	if (a.any.sa_family != AF_UNIX) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	} else if (fchmod(fd, 0600)) {
		/* Before bind(): the file is made with the socket's mode. */
		error = -errno;
	}
	if (!error && bind(fd, &a.any, len))
		error = -errno;
	bound = !error;
	if (!error && a.any.sa_family == AF_UNIX && chmod(a.un.sun_path, 0600))
		error = -errno;
	if (!error && listen(fd, backlog > 0 ? backlog : SOMAXCONN))
		error = -errno;
	if (!error)
		return fd;
	if (bound && a.any.sa_family == AF_UNIX)
		unlink(a.un.sun_path);
	close(fd);
	return error;
}

int tend_accept(int fd, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	bool blocks = tend__fd_may_block(fd);

	if (tend__check_process())
		return -ESTALE;
	for (;;) {
		int one = 1;

		if (tend__io_told())
			return -ECANCELED;
		int got = tend__fd_would_wait(fd, TEND_READABLE, blocks)
		                  ? -1
		                  : accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got >= 0) {
			/* Fails on a unix socket, which has no delay to begin with. */
			setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			return got;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN)
			return -errno;
		got = tend__fd_wait(fd, TEND_READABLE, deadline, 0, TEND__CALLER);
		if (got < 0)
			return got;
	}
}

static int connected(int fd, uint64_t deadline, uint64_t where)
{
	socklen_t len = sizeof(int);
	int error = tend__fd_wait(fd, TEND_WRITABLE, deadline, TEND__STAY, where), status = 0;

	if (error < 0)
		return error;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &len))
		return -errno;
	return -status;
}

static int try_connect(const union address *a, socklen_t len, uint64_t deadline, uint64_t where)
{
	int error = 0, fd, one = 1;

	if (tend__io_told())
		return -ECANCELED;
	fd = stream(a);
	if (fd < 0)
		return fd;
	if (connect(fd, &a->any, len))
		error = errno == EINPROGRESS ? connected(fd, deadline, where) : -errno;
	if (error) {
		tend_fd_close(fd);
		if (error == -ECANCELED && tend__tls.task)
			tend__abort_if_asked(tend__tls.task);
		return error;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int tend_connect(const char *address, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	union address a;
	socklen_t len;
	int error = parse(address, &a, &len), fd;

	if (tend__check_process())
		return -ESTALE;
	if (error)
		return error;
	for (uint64_t nap = TEND_MS;; nap = nap < 16 * TEND_MS ? 2 * nap : nap) {
		uint64_t until = tend_after(nap);

		/* A unix socket whose queue is full does not tell when it no longer is. */
		fd = try_connect(&a, len, deadline, TEND__CALLER);
		if (fd != -EAGAIN || a.any.sa_family != AF_UNIX)
			return fd;
		if (tend_now() >= deadline)
			return -ETIMEDOUT;
		error = tend_sleep_until(until < deadline ? until : deadline);
		if (error)
			return error;
	}
}

int tend_local_port(int fd)
{
	TEND__KEEPS_ERRNO;
	union address a;
	socklen_t len = sizeof(a);

	if (tend__check_process())
		return -ESTALE;
	if (getsockname(fd, &a.any, &len))
		return -errno;
	if (a.any.sa_family == AF_INET)
		return ntohs(a.in.sin_port);
	return a.any.sa_family == AF_INET6 ? ntohs(a.in6.sin6_port) : -EINVAL;
}
