/* An HTTP server: a fiber for each connection, a graceful stop on SIGTERM.
 *
 *   web ADDRESS      tcp:127.0.0.1:8080, unix:/run/user/1000/web.sock */
#include <tend/tend.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_MAX = 4096, CONNECTIONS_MAX = 1000 };

static tend_scope connections;
static int listener;
static atomic_int stopping;

/* A connection, with the bytes read and not answered yet. */
struct peer {
	int fd;
	size_t used;
	char buf[HEAD_MAX];
};

/* Waits for the next head, up to its empty line. Returns the length; 0 at the end. */
static ssize_t read_head(struct peer *p)
{
	uint64_t deadline = tend_after(30 * TEND_SEC); /* for the whole head: a slow peer goes */

	for (;;) {
		const char *end = memmem(p->buf, p->used, "\r\n\r\n", 4);
		ssize_t n;

		if (end)
			return end + 4 - p->buf;
		if (p->used == sizeof(p->buf))
			return -EMSGSIZE;
		n = tend_read(p->fd, p->buf + p->used, sizeof(p->buf) - p->used, deadline);
		if (n <= 0)
			return n;
		p->used += (size_t)n;
	}
}

static int respond(struct peer *p, const char *status, const char *body, int last)
{
	static const char form[] = "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
				   "Content-Length: %zu\r\n%s\r\n%s";
	char out[512];
	int n = snprintf(out, sizeof(out), form, status, strlen(body),
	                 last ? "Connection: close\r\n" : "", body);

	if (tend_write(p->fd, out, (size_t)n, tend_after(5 * TEND_SEC)) != n)
		return -EPIPE;
	return last ? -ECONNRESET : 0; /* an error ends the connection */
}

/* Answers a request without a body, whose head is the first n bytes. */
static int answer(struct peer *p, char *head, size_t n)
{
	char *fields = memmem(head, n, "\r\n", 2), *target, *version;
	int last;

	*fields++ = head[n - 1] = 0; /* two strings now: a line, and "\nName: value\r..." */
	target = strchr(head, ' ');
	version = target ? strchr(target + 1, ' ') : NULL;
	if (strlen(head) + strlen(fields) + 2 != n || !version || strcmp(version, " HTTP/1.1") ||
	    !strcasestr(fields, "\nHost:"))
		return respond(p, "400 Bad Request", "that is not HTTP/1.1\n", 1);
	*version = *target++ = 0;
	if (strcmp(head, "GET"))
		return respond(p, "501 Not Implemented", "only GET\n", 1);
	if (strcasestr(fields, "\nContent-Length:") || strcasestr(fields, "\nTransfer-Encoding:"))
		return respond(p, "413 Content Too Large", "no bodies\n", 1);
	last = stopping || strcasestr(fields, "\nConnection: close");
	if (strcmp(target, "/") == 0)
		return respond(p, "200 OK", "hello from a fiber\n", last);
	if (strcmp(target, "/slow"))
		return respond(p, "404 Not Found", "there is / and /slow\n", last);
	if (tend_sleep(300 * TEND_MS))
		return -ECANCELED;
	return respond(p, "200 OK", "that took a while\n", last);
}

static int connection(void *arg)
{
	struct peer p = {.fd = (int)(intptr_t)arg};
	ssize_t n;

	while ((n = read_head(&p)) > 0 && answer(&p, p.buf, (size_t)n) == 0) {
		p.used -= (size_t)n;
		memmove(p.buf, p.buf + n, p.used); /* the next request may be there */
	}
	if (n == -EMSGSIZE && respond(&p, "431 Request Header Fields Too Large", "", 1) == -EPIPE)
		return -EPIPE;
	return 0; /* an error of the peer is no failure of this task */
}

/* Closes the fiber's descriptor when the fiber has ended, whether it ran or not. */
static void close_connection(void *arg) { tend_fd_close((int)(intptr_t)arg); }

static int accept_all(void *arg)
{
	int error = 0;

	(void)arg;
	while (error != -ECANCELED) {
		int fd = tend_accept(listener, TEND_FOREVER);

		error = fd;
		if (fd >= 0)
			error = tend_spawn(connections, connection, (void *)(intptr_t)fd,
			                   TEND_TASK_OPTS(.name = "conn", .drop = close_connection),
			                   NULL);
		if (fd >= 0 && error)
			tend_fd_close(fd); /* refused: fd was never the fiber's */
		/* Out of descriptors, or enough connections: peers wait in the backlog. */
		while (error != -ECANCELED &&
		       (error || tend_scope_live(connections) >= CONNECTIONS_MAX))
			error = tend_sleep(50 * TEND_MS);
	}
	return 0;
}

/* Serves until a signal. Then accepts no connection, gives requests being answered
 * half a second, and the other connections two seconds more to end. */
static int run(tend_runtime *rt, const sigset_t *stop)
{
	tend_report *report;
	tend_task accepting;
	char text[4096];
	int error = tend_scope_open(tend_root(rt), "connections", NULL, &connections), signal;

	if (!error)
		error = tend_spawn(tend_root(rt), accept_all, NULL,
		                   TEND_TASK_OPTS(.name = "accept"), &accepting);
	if (error || sigwait(stop, &signal))
		return error;
	stopping = 1;
	error = tend_task_cancel(accepting, -ECANCELED, strsignal(signal));
	if (!error)
		error = tend_shutdown(connections, tend_after(2500 * TEND_MS),
		                      TEND_SHUTDOWN_OPTS(.drain = tend_after(500 * TEND_MS),
		                                         .text = strsignal(signal),
		                                         .report = &report));
	if (error && error != -ETIMEDOUT)
		return error;
	tend_report_text(report, text, sizeof(text));
	fputs(text, stdout);
	tend_report_free(report);
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
	sigprocmask(SIG_BLOCK, &stop,
	            NULL); /* before threads start, because they inherit the mask */
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
	tend_fd_close(listener);
	if (strncmp(argv[1], "unix:", 5) == 0)
		unlink(argv[1] + 5);
	if (error)
		fprintf(stderr, "web: %s\n", tend_strerror(error));
	return error ? 1 : 0;
}
