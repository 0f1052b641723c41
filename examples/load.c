/* A load generator: so many fibers that each ask, wait and ask again.
 *
 *   load ADDRESS [CLIENTS] */
#include <tend/tend.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *address;
static _Atomic long answered, failed;

static int ask(int fd)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	char answer[1024];
	ssize_t n = tend_write(fd, request, sizeof request - 1, tend_after(TEND_SEC));

	if (n < 0)
		return (int)n;
	n = tend_read(fd, answer, sizeof answer - 1, tend_after(5 * TEND_SEC));
	if (n <= 0)
		return n < 0 ? (int)n : -EPIPE;
	answer[n] = 0;
	return strncmp(answer, "HTTP/1.1 200", 12) == 0 ? 0 : -EPROTO;
}

/* Asks on one connection until it breaks or we are canceled. */
static int talk(int fd)
{
	int error = 0;

	while (!error) {
		error = ask(fd);
		if (!error)
			answered++;
		if (!error)
			error = tend_sleep_until(tend_after(50 * TEND_MS));
	}
	return error;
}

static int client(void *arg)
{
	int error = 0;

	(void)arg;
	while (error != -ECANCELED) {
		int fd = tend_connect(address, tend_after(TEND_SEC));

		error = fd < 0 ? fd : talk(fd);
		if (fd >= 0)
			tend_fd_close(fd);
		if (error == -ECANCELED)
			break;
		/* The server is not there yet, or not any more. */
		failed++;
		error = tend_sleep_until(tend_after(200 * TEND_MS));
	}
	return 0;
}

int main(int argc, char **argv)
{
	int clients = argc > 2 ? atoi(argv[2]) : 8, error;
	struct timespec every = {5, 0};
	tend_runtime *rt;
	sigset_t stop;

	if (argc < 2 || clients < 1) {
		fprintf(stderr, "usage: load ADDRESS [CLIENTS]\n");
		return 2;
	}
	address = argv[1];
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	error = tend_runtime_open(TEND_RUNTIME_OPTS(.name = "load", .workers = 1), &rt);
	for (int i = 0; i < clients && !error; i++) {
		char name[32];

		snprintf(name, sizeof name, "client-%d", i + 1);
		error = tend_spawn(tend_root(rt), client, NULL, TEND_TASK_OPTS(.name = name), NULL);
	}
	if (error) {
		fprintf(stderr, "load: %s\n", tend_strerror(error));
		return 1;
	}
	while (sigtimedwait(&stop, NULL, &every) < 0) {
		printf("%ld answered, %ld failed\n", answered, failed);
		fflush(stdout);
	}
	error = tend_runtime_close(rt, tend_after(2 * TEND_SEC));
	if (error)
		fprintf(stderr, "load: %s\n", tend_strerror(error));
	return error ? 1 : 0;
}
