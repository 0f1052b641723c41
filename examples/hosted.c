/* A program with a loop of its own: fibers run inside of the loop, on its thread,
 * when the runtime's descriptor is readable. */
#include <tend/tend.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int reads_left = 3;

/* The fiber waits like a thread, but does not block the loop. */
static int reader(void *arg)
{
	char byte;

	for (; reads_left > 0; reads_left--) {
		ssize_t n = tend_read(*(int *)arg, &byte, 1, tend_after(TEND_SEC));

		if (n < 1)
			return (int)n;
		printf("the fiber reads '%c'\n", byte);
	}
	return 0;
}

/* The program's loop: a timer of its own, and one descriptor for all of tend. */
static int loop(tend_runtime *rt, int timer, int out)
{
	struct pollfd fds[2] = {{timer, POLLIN, 0}, {tend_runtime_fd(rt), POLLIN, 0}};
	uint64_t ticks;

	while (reads_left > 0) {
		if (poll(fds, 2, 2000) < 1)
			return -1;
		if (fds[0].revents && read(timer, &ticks, sizeof(ticks)) > 0) {
			puts("the loop writes");
			if (write(out, "x", 1) != 1)
				return -1;
		}
		if (fds[1].revents && tend_runtime_poll(rt, 0) < 0)
			return -1;
	}
	return 0;
}

int main(void)
{
	struct itimerspec often = {{0, 20000000}, {0, 20000000}};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), fds[2];
	tend_runtime *rt;

	if (timerfd_settime(timer, 0, &often, NULL) || pipe2(fds, O_NONBLOCK | O_CLOEXEC) ||
	    tend_runtime_open(TEND_RUNTIME_OPTS(.flags = TEND_HOSTED), &rt) ||
	    tend_spawn(tend_root(rt), reader, fds, TEND_TASK_OPTS(.name = "reader"), NULL))
		return 1;
	return loop(rt, timer, fds[1]) || tend_runtime_close(rt, tend_after(TEND_SEC)) ? 1 : 0;
}
