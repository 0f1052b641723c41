/* w9.c - a TCP echo server, a fiber a connection; it ends with its standard input. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[4096];
	ssize_t n;

	while ((n = tend_read(fd, buf, sizeof(buf), TEND_FOREVER)) > 0)
		if (tend_write(fd, buf, (size_t)n, TEND_FOREVER) != n)
			break;
	tend_fd_close(fd);
	return 0;
}

static int server(void *arg)
{
	int listener = (int)(intptr_t)arg, fd;

	while ((fd = tend_accept(listener, TEND_FOREVER)) >= 0)
		bench_need(tend_spawn(bench.scope, echo, (void *)(intptr_t)fd,
		                      TEND_TASK_OPTS(.name = "connection"), NULL));
	return 0;
}

static int w9(void)
{
	int listener = bench_need(tend_listen("tcp:127.0.0.1:0", 128));
	uint64_t cpu = bench_cpu_ns();
	char byte;

	bench_need(tend_spawn(bench.scope, server, (void *)(intptr_t)listener, NULL, NULL));
	printf("{\"port\":%d}\n", bench_need(tend_local_port(listener)));
	fflush(stdout);
	/* It may be a descriptor that blocks: read only what is there. */
	do
		bench_need(tend_fd_wait(STDIN_FILENO, TEND_READABLE, TEND_FOREVER));
	while (read(STDIN_FILENO, &byte, 1) > 0);
	bench_says("cpu_s", (double)(bench_cpu_ns() - cpu) / 1e9);
	bench_need(tend_scope_cancel(bench.scope, -ECANCELED, "measured"));
	bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
	return tend_fd_close(listener);
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"w9", w9, 1, 0}};

	return bench_main(argc, argv, cases, 1);
}
