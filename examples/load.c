/* A load generator: each of many fibers asks, waits and asks again.
 *
 *   load ADDRESS [CLIENTS [PER_SECOND]] */
#include <tend/tend.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *address;
static uint64_t interval; /* between two requests of a client */
static atomic_long answered, refused;

/* Reads an answer with "Content-Length: N" and N bytes. Returns 0 if all is well. */
static int read_answer(int fd, uint64_t deadline)
{
	char buf[1024];
	size_t used = 0;

	for (;;) {
		const char *length, *end;
		ssize_t n = tend_read(fd, buf + used, sizeof(buf) - 1 - used, deadline);

		if (n <= 0)
			return n < 0 ? (int)n : -EPIPE;
		used += (size_t)n;
		buf[used] = 0;
		length = strcasestr(buf, "\nContent-Length:");
		end = strstr(buf, "\r\n\r\n");
		if (end && length &&
		    used - (size_t)(end + 4 - buf) == strtoul(length + 16, NULL, 10))
			return strncmp(buf, "HTTP/1.1 200 ", 13) == 0 ? 0 : -EPROTO;
		if (used == sizeof(buf) - 1)
			return -EMSGSIZE;
	}
}

/* Asks on a connection until the connection breaks or the fiber is canceled. */
static int talk(int fd)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	const ssize_t size = sizeof(request) - 1;
	uint64_t next = tend_now();
	int error = 0;

	while (!error) {
		uint64_t deadline = tend_after(5 * TEND_SEC);

		if (tend_write(fd, request, (size_t)size, deadline) != size)
			return -EPIPE;
		error = read_answer(fd, deadline);
		if (!error) {
			answered++;
			next += interval; /* instants, not pauses: the rate does not drift */
			error = tend_sleep_until(next);
		}
	}
	return error;
}

static int client(void *arg)
{
	int error = 0;

	(void)arg;
	while (error != -ECANCELED) {
		int fd = tend_connect(address, tend_after(TEND_SEC));

		error = fd;
		if (fd >= 0) {
			error = talk(fd);
			tend_fd_close(fd);
		} else if (error != -ECANCELED)
			refused++; /* the server is not there yet, or not any more */
		if (error != -ECANCELED)
			error = tend_sleep(200 * TEND_MS);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int clients = argc > 2 ? atoi(argv[2]) : 8, rate = argc > 3 ? atoi(argv[3]) : 100, error;
	struct timespec every = {2, 0};
	tend_runtime *rt;
	sigset_t stop;

	if (argc < 2 || argc > 4 || clients < 1 || rate < 1) {
		fprintf(stderr, "usage: load ADDRESS [CLIENTS [PER_SECOND]]\n");
		return 2;
	}
	address = argv[1];
	interval = TEND_SEC * (uint64_t)clients / (uint64_t)rate;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	error = tend_runtime_open(TEND_RUNTIME_OPTS(.name = "load", .workers = 1), &rt);
	for (int i = 0; i < clients && !error; i++) {
		char name[32];

		snprintf(name, sizeof(name), "client-%d", i + 1);
		error = tend_spawn(tend_root(rt), client, NULL, TEND_TASK_OPTS(.name = name), NULL);
	}
	if (error) {
		fprintf(stderr, "load: %s\n", tend_strerror(error));
		return 1;
	}
	while (sigtimedwait(&stop, NULL, &every) < 0) {
		printf("%ld answered, %ld connections refused\n", answered, refused);
		fflush(stdout);
	}
	error = tend_runtime_close(rt, tend_after(2 * TEND_SEC));
	if (error)
		fprintf(stderr, "load: %s\n", tend_strerror(error));
	return error ? 1 : 0;
}
