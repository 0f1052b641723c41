/* Descriptors whose numbers are closed and given away while somebody waits. On one
 * worker tasks run in the order in which they are spawned, each until it parks. */
#include "suite.h"

#include "world.h"

#include "tend/tend.h"

#include "runtime/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOON tend_after(PATIENCE_NS)

static void open_pair(int fds[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static tend_task spawned(tend_runtime *rt, tend_fn *fn, void *arg)
{
	tend_task t;

	ANSWERS(tend_spawn(tend_root(rt), fn, arg, NULL, &t), 0);
	return t;
}

static int result_of(tend_task t)
{
	struct tend_outcome out;

	ANSWERS(tend_join(t, &out, SOON), 0);
	return out.result;
}

static void done(tend_runtime *rt, const int *fds, int n)
{
	ANSWERS(tend_runtime_close(rt, SOON), 0);
	for (int i = 0; i < n; i++)
		tend_fd_close(fds[i]);
}

static void send_byte(int fd) { ck_assert_int_eq(write(fd, "x", 1), 1); }

static int read_byte(void *fd)
{
	char byte;

	return (int)tend_read(*(int *)fd, &byte, 1, SOON);
}

struct reused {
	int before[2], after[2];
};

static int open_and_read(void *arg)
{
	struct reused *x = arg;

	open_pair(x->after);
	ck_assert_int_eq(x->after[0], x->before[0]);
	return read_byte(&x->after[0]);
}

static int close_is_over(void *arg)
{
	struct reused *x = arg;

	tend__fd_closed(x->before[0]);
	send_byte(x->after[1]);
	return 0;
}

/* The kernel has given the number away, and whoever closes it does not know yet. */
TEST(a_number_may_be_waited_for_while_its_close_goes_on)
{
	tend_runtime *rt = open_runtime(1, 0);
	struct reused x;
	tend_task t;

	open_pair(x.before);
	tend__fd_closing(x.before[0]);
	close(x.before[0]);
	t = spawned(rt, open_and_read, &x);
	spawned(rt, close_is_over, &x);
	ANSWERS(result_of(t), 1);
	done(rt, (int[]){x.before[1], x.after[0], x.after[1]}, 3);
}

static void *close_it(void *fd)
{
	ANSWERS(tend_fd_close(*(int *)fd), 0);
	return NULL;
}

/* The worker has not heard of it when the number is another's. */
static int close_elsewhere_open_and_read(void *arg)
{
	struct reused *x = arg;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, close_it, &x->before[0]), 0);
	pthread_join(thread, NULL);
	return open_and_read(x);
}

static int send_after(void *arg)
{
	send_byte(((struct reused *)arg)->after[1]);
	return 0;
}

TEST(who_waits_for_a_closed_file_gets_nothing_of_the_next)
{
	tend_runtime *rt = open_runtime(1, 0);
	struct reused x;
	tend_task first, second;

	open_pair(x.before);
	first = spawned(rt, read_byte, &x.before[0]);
	second = spawned(rt, close_elsewhere_open_and_read, &x);
	spawned(rt, send_after, &x);
	ANSWERS(result_of(first), -EBADF);
	ANSWERS(result_of(second), 1);
	done(rt, (int[]){x.before[1], x.after[0], x.after[1]}, 3);
}

struct restored {
	int fds[2];
	atomic_bool read;
};

static int read_restored(void *arg)
{
	struct restored *x = arg;
	int n = read_byte(&x->fds[0]);

	atomic_store(&x->read, true);
	return n;
}

static int send_one(void *arg)
{
	send_byte(((struct restored *)arg)->fds[1]);
	return 0;
}

static int send_and_yield(void *arg)
{
	struct restored *x = arg;
	uint64_t late = SOON;

	send_byte(x->fds[1]);
	while (!atomic_load(&x->read) && tend_now() < late)
		if (tend_yield())
			break;
	return 0;
}

/* As after dup(), close(), dup2(): the set of the kernel has kept the file. */
TEST(a_file_that_comes_back_is_looked_at_under_load)
{
	tend_runtime *rt = open_runtime(1, 0);
	struct restored x = {.read = false};
	tend_task t;
	int kept;

	open_pair(x.fds);
	t = spawned(rt, read_byte, &x.fds[0]);
	spawned(rt, send_one, &x);
	ANSWERS(result_of(t), 1);
	kept = dup(x.fds[0]);
	ANSWERS(tend_fd_close(x.fds[0]), 0);
	/* The worker is told before it runs what comes later. */
	spawned(rt, send_one, &x);
	ANSWERS(result_of(spawned(rt, read_byte, &kept)), 1);
	ck_assert_int_eq(dup2(kept, x.fds[0]), x.fds[0]);
	t = spawned(rt, read_restored, &x);
	spawned(rt, send_and_yield, &x);
	ANSWERS(result_of(t), 1);
	done(rt, (int[]){kept, x.fds[0], x.fds[1]}, 3);
}

static void *wait_thread(void *fd)
{
	ANSWERS(tend_fd_wait(*(int *)fd, TEND_READABLE, TEND_FOREVER), -EBADF);
	return NULL;
}

TEST(a_close_ends_the_wait_of_a_thread)
{
	int fds[2], none = -1;
	pthread_t thread;

	open_pair(fds);
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_thread, &fds[0]), 0);
	ANSWERS(tend_fd_close(fds[0]), 0);
	pthread_join(thread, NULL);
	tend_fd_close(fds[1]);
	wait_thread(&none);
}

/* ---- Threads ---- */

static int read_for_ever(void *fd)
{
	char byte;

	return (int)tend_read(*(int *)fd, &byte, 1, TEND_FOREVER);
}

/* Waits until the task is parked, and returns the number of its thread. */
static int32_t parked(tend_runtime *rt, tend_task t)
{
	int32_t pid = 0;

	for (bool is = false; !is; sched_yield()) {
		tend_snapshot *s;

		ANSWERS(tend_snapshot_take(rt, &s), 0);
		for (size_t i = 0; i < tend_snapshot_count(s); i++)
			if (tend_snapshot_at(s, i)->id == t.id) {
				is = tend_snapshot_at(s, i)->state == TEND_STATE_PARKED;
				pid = tend_snapshot_at(s, i)->pid;
			}
		tend_snapshot_free(s);
	}
	return pid;
}

/* Waits until the thread sleeps in the kernel, and returns the call and its arguments as the
 * kernel shows them; "" if the kernel does not. */
static void sleeps_in(int32_t thread, char *out, int size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)thread);
	for (bool runs = true; runs; sched_yield()) {
		FILE *f = fopen(path, "re");

		*out = 0;
		if (!f)
			return;
		if (!fgets(out, size, f))
			*out = 0;
		fclose(f);
		runs = strncmp(out, "running", 7) == 0;
	}
}

TEST(a_thread_task_that_waits_for_bytes_sleeps_until_a_cancel)
{
	tend_runtime *rt = open_runtime(1, 0);
	char call[256], forever[32];
	tend_task t;
	int fds[2];

	open_pair(fds);
	ANSWERS(tend_spawn_thread(tend_root(rt), read_for_ever, &fds[0], NULL, &t), 0);
	sleeps_in(parked(rt, t), call, sizeof(call));
	/* The fourth argument, the time, is none. */
	snprintf(forever, sizeof(forever), "%d ", SYS_epoll_pwait2);
	if (strncmp(call, forever, strlen(forever)) == 0)
		ck_assert_msg(sscanf(call, "%*d %*s %*s %*s %31s", forever) == 1 &&
		                      strcmp(forever, "0x0") == 0,
		              "%s", call);
	ANSWERS(tend_task_cancel(t, -ECANCELED, "enough"), 0);
	ANSWERS(result_of(t), -ECANCELED);

	ANSWERS(tend_spawn_thread(tend_root(rt), read_for_ever, &fds[0], NULL, &t), 0);
	parked(rt, t);
	send_byte(fds[1]);
	ANSWERS(result_of(t), 1);
	done(rt, fds, 2);
}

/* ThreadSanitizer sees no atomics of a thread that was canceled in a call of the system. */
#ifndef TEND__TSAN
static int read_and_be_canceled(void *fd)
{
	pthread_cancel(pthread_self());
	return read_for_ever(fd);
}

TEST(a_thread_that_is_canceled_by_the_system_leaves_its_wait)
{
	tend_runtime *rt = open_runtime(1, 0);
	struct tend_outcome o;
	tend_task t;
	int fds[2];

	open_pair(fds);
	ANSWERS(tend_spawn_thread(tend_root(rt), read_and_be_canceled, &fds[0], NULL, &t), 0);
	ANSWERS(tend_join(t, &o, SOON), 0);
	ANSWERS(o.kind, TEND_ABORTED);
	done(rt, fds, 2);
}
#endif

/* ---- Blocking mode ---- */

static int blocking_pipe[2], blocking_listener;

static int reads_a_blocking_pipe(void *arg)
{
	char byte;

	(void)arg;
	ANSWERS((int)tend_read(blocking_pipe[0], &byte, 1, tend_after(TEND_MS)), -ETIMEDOUT);
	ANSWERS((int)tend_read(blocking_pipe[0], &byte, 1, 0), -ETIMEDOUT);
	ANSWERS((int)tend_write(blocking_pipe[1], "x", 1, SOON), 1);
	ANSWERS((int)tend_read(blocking_pipe[0], &byte, 1, SOON), 1);
	return 0;
}

static int fills_a_blocking_pipe(void *arg)
{
	static char bytes[1 << 20];
	int64_t put = tend_write(blocking_pipe[1], bytes, sizeof(bytes), tend_after(TEND_MS));

	(void)arg;
	ck_assert_int_gt(put, 0);
	ck_assert_int_lt(put, (int)sizeof(bytes));
	while (put > 0)
		put -= read(blocking_pipe[0], bytes, sizeof(bytes));
	return 0;
}

static int accepts_in_blocking_mode(void *arg)
{
	(void)arg;
	ANSWERS(tend_accept(blocking_listener, tend_after(TEND_MS)), -ETIMEDOUT);
	return 0;
}

TEST_EACH(a_descriptor_in_blocking_mode_keeps_no_thread_past_a_deadline, 6)
{
	static tend_fn *const bodies[] = {reads_a_blocking_pipe, fills_a_blocking_pipe,
	                                  accepts_in_blocking_mode};
	tend_runtime *rt = open_runtime(1, 0);
	tend_task t;

	ANSWERS(pipe(blocking_pipe), 0);
	blocking_listener = tend_listen("tcp:127.0.0.1:0", 1);
	ANSWERS(fcntl(blocking_listener, F_SETFL, 0), 0);
	ANSWERS((_i < 3 ? tend_spawn_at : tend_spawn_thread_at)(TEND_HERE, tend_root(rt),
	                                                        bodies[_i % 3], NULL, NULL, &t),
	        0);
	ANSWERS(result_of(t), 0);
	ANSWERS(tend_runtime_close(rt, SOON), 0);
	ANSWERS(tend_fd_close(blocking_listener), 0);
}

/* ---- Events that no fiber asks for ---- */

/* The descriptor is another worker's by now, or the program's. */
TEST(a_worker_forgets_a_descriptor_for_which_no_fiber_waits)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	struct pollfd p = {.fd = tend_runtime_fd(rt), .events = POLLIN};
	tend_task t;
	int fds[2];

	open_pair(fds);
	t = spawned(rt, read_byte, &fds[0]);
	while (tend_runtime_poll(rt, 0) > 0)
		;
	send_byte(fds[1]);
	while (tend_runtime_poll(rt, SOON) == 0)
		;
	ANSWERS(result_of(t), 1);
	for (int i = 0; i < 100; i++) {
		send_byte(fds[1]);
		ck_assert_int_ge(tend_runtime_poll(rt, 0), 0);
	}
	send_byte(fds[1]);
	ANSWERS(poll(&p, 1, 0), 0);
	/* The next wait finds the bytes. */
	t = spawned(rt, read_byte, &fds[0]);
	for (struct tend_outcome o; tend_task_outcome(t, &o) == -EAGAIN;)
		ck_assert_int_ge(tend_runtime_poll(rt, SOON), 0);
	ANSWERS(result_of(t), 1);
	done(rt, fds, 2);
}

TEST(a_deadline_of_zero_is_only_a_try_in_a_hosted_loop_too)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	int fds[2];
	char byte;

	open_pair(fds);
	ANSWERS((int)tend_read(fds[0], &byte, 1, 0), -ETIMEDOUT);
	ANSWERS((int)tend_read(fds[0], &byte, 1, TEND_FOREVER), -EDEADLK);
	ANSWERS(tend_fd_wait(fds[0], TEND_READABLE, 0), -ETIMEDOUT);
	done(rt, fds, 2);
}

static int connect_to(void *address)
{
	int fd = tend_connect(address, SOON);

	return fd < 0 ? fd : tend_fd_close(fd);
}

TEST(a_connect_waits_for_room_in_the_queue_of_a_unix_socket)
{
	tend_runtime *rt = open_runtime(1, 0);
	char dir[] = "/tmp/tend-test-XXXXXX", path[64], address[80];
	int listener, fd;
	tend_task t;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	listener = tend_listen(address, 1);
	ck_assert_int_ge(listener, 0);
	while ((fd = tend_connect(address, 0)) >= 0)
		tend_fd_close(fd);
	ANSWERS(fd, -ETIMEDOUT);
	t = spawned(rt, connect_to, address);
	fd = tend_accept(listener, SOON);
	ck_assert_int_ge(fd, 0);
	ANSWERS(result_of(t), 0);
	unlink(path);
	rmdir(dir);
	done(rt, (int[]){listener, fd}, 2);
}
