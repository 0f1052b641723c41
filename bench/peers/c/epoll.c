/* A TCP echo server on nothing but epoll, level-triggered: one read and one write a
 * request. What the machine can do at best. */
#include "peer.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { EVENTS = 64, STDIN = 0 };

static int poller;

static void watch(int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
		peer_fail("epoll_ctl");
}

static int listen_anywhere(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    listen(fd, SOMAXCONN) < 0 || getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		peer_fail("listen");
	peer_listening(ntohs(address.sin_port));
	return fd;
}

/* Nothing here waits: a read comes only after an event, and a client that asks for
 * nothing more before it has its answer leaves room for the write. */
static void echo(int fd)
{
	char buffer[4096];
	ssize_t count = read(fd, buffer, sizeof(buffer));

	if (count <= 0 || write(fd, buffer, (size_t)count) != count)
		close(fd);
}

static int input_ended(void)
{
	char byte;

	return read(STDIN, &byte, 1) <= 0;
}

static void serve_until_eof(int listener)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				watch(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
			else if (fd != STDIN)
				echo(fd);
			else if (input_ended())
				return;
		}
	}
}

static void serve(uint64_t n)
{
	int listener = listen_anywhere();
	uint64_t cpu = peer_cpu();

	(void)n;
	if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0)
		peer_fail("epoll_create1");
	watch(STDIN);
	watch(listener);
	serve_until_eof(listener);
	peer_metric("cpu_s", (double)(peer_cpu() - cpu) / 1e9);
}

int main(int argc, char **argv)
{
	static const struct peer_case cases[] = {
		{"epoll", "w9", serve, 1, 1, NULL, NULL},
		{NULL, NULL, NULL, 0, 0, NULL, NULL},
	};
	struct utsname kernel;

	uname(&kernel);
	return peer_main(argc, argv, kernel.release, cases);
}
