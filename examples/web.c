/* An HTTP server: a fiber for each connection, a graceful stop on SIGTERM.
 *
 *   web ADDRESS      tcp:127.0.0.1:8080, unix:/run/user/1000/web.sock */
#include <tend/tend.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUEST_MAX = 4096 };

static tend_scope connections;
static int listener;

/* Reads one request. Its length; 0 at the end of the connection. */
static ssize_t read_request(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n < size - 1) {
		ssize_t got = tend_read(fd, buf + n, size - 1 - n, tend_after(30 * TEND_SEC));

		if (got <= 0)
			return got;
		n += (size_t)got;
		buf[n] = 0;
		if (strstr(buf, "\r\n\r\n"))
			return (ssize_t)n;
	}
	return -EMSGSIZE;
}

static int respond(int fd, const char *status, const char *body)
{
	char out[512];
	int n = snprintf(out, sizeof out,
	                 "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
	                 status, strlen(body), body);

	return tend_write(fd, out, (size_t)n, tend_after(5 * TEND_SEC)) == n ? 0 : -EPIPE;
}

static int serve(int fd)
{
	char request[REQUEST_MAX];
	ssize_t n;
	int error = 0;

	while (!error && (n = read_request(fd, request, sizeof request)) > 0) {
		if (strncmp(request, "GET / ", 6) == 0)
			error = respond(fd, "200 OK", "hello from a fiber\n");
		else if (strncmp(request, "GET /slow ", 10) == 0) {
			error = tend_sleep_until(tend_after(300 * TEND_MS));
			if (!error)
				error = respond(fd, "200 OK", "that took a while\n");
		} else if (strncmp(request, "GET ", 4) == 0)
			error = respond(fd, "404 Not Found", "there is / and /slow\n");
		else
			error = respond(fd, "405 Method Not Allowed", "only GET\n");
	}
	return error;
}

/* The descriptor is the fiber's: closed here, whether or not it ever ran. */
static void close_connection(void *arg) { tend_fd_close((int)(intptr_t)arg); }
static int connection(void *arg) { return serve((int)(intptr_t)arg); }

static int accept_all(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = tend_accept(listener, TEND_FOREVER);
		int error = fd;

		if (fd >= 0) {
			error = tend_spawn(connections, connection, (void *)(intptr_t)fd,
			                   TEND_TASK_OPTS(.name = "conn", .drop = close_connection), NULL);
			if (error)
				tend_fd_close(fd); /* refused: it was never the fiber's */
		}
		if (error == -EMFILE || error == -ENFILE)
			error = tend_sleep_until(tend_after(100 * TEND_MS));
		if (error == -ECANCELED)
			return 0;
		if (error < 0)
			fprintf(stderr, "web: %s\n", tend_strerror(error));
	}
}

static int run(tend_runtime *rt, const sigset_t *stop)
{
	tend_report *report;
	char text[4096];
	int error = tend_scope_open(tend_root(rt), "connections", NULL, &connections), signal;

	if (!error)
		error = tend_spawn(tend_root(rt), accept_all, NULL, TEND_TASK_OPTS(.name = "accept"), NULL);
	if (error)
		return error;
	sigwait(stop, &signal);
	/* What is being answered may be finished: half a second to drain. */
	error = tend_shutdown(tend_root(rt), tend_after(3 * TEND_SEC),
	                      TEND_SHUTDOWN_OPTS(.drain = tend_after(500 * TEND_MS),
	                                         .text = strsignal(signal), .report = &report));
	if (!error || error == -ETIMEDOUT) {
		tend_report_text(report, text, sizeof text);
		fputs(text, stdout);
		tend_report_free(report);
	}
	return error;
}

int main(int argc, char **argv)
{
	tend_runtime *rt;
	sigset_t stop;
	int error;

	if (argc != 2) {
		fprintf(stderr, "usage: web tcp:HOST:PORT | unix:PATH\n");
		return 2;
	}
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	/* A socket that a crash left behind is ours to replace: nobody else uses it. */
	if (strncmp(argv[1], "unix:", 5) == 0)
		unlink(argv[1] + 5);
	listener = tend_listen(argv[1], 0);
	if (listener < 0) {
		fprintf(stderr, "web: cannot listen on %s: %s\n", argv[1], tend_strerror(listener));
		return 1;
	}
	printf("listening on %s\n", argv[1]);
	fflush(stdout);
	error = tend_runtime_open(TEND_RUNTIME_OPTS(.name = "web", .workers = 2), &rt);
	if (!error)
		error = run(rt, &stop);
	if (!error)
		error = tend_runtime_close(rt, tend_after(TEND_SEC));
	close(listener);
	if (strncmp(argv[1], "unix:", 5) == 0)
		unlink(argv[1] + 5);
	if (error)
		fprintf(stderr, "web: %s\n", tend_strerror(error));
	return error ? 1 : 0;
}
