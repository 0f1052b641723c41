/* Promises of tend/runtime.h and tend/io.h that are half a sentence long, and that no other test
 * shows. */
#include "suite.h"

#include "world.h"

#include "tend/tend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Runtimes ---- */

TEST(the_root_has_the_name_of_the_program)
{
	tend_runtime *rt;
	char path[64];

	ANSWERS(tend_runtime_open(NULL, &rt), 0);
	ck_assert_int_gt((int)tend_path(tend_root(rt).id, path, sizeof(path)), 0);
	ck_assert_str_eq(path, program_invocation_short_name);
	close_runtime(rt);
}

TEST(a_process_has_a_number_of_runtimes_at_most)
{
	static tend_runtime *rt[TEND_RUNTIMES_MAX];
	const struct tend_runtime_opts *small =
		TEND_RUNTIME_OPTS(.flags = TEND_HOSTED, .tasks_max = 16, .events_max = 16);
	tend_runtime *more;

	for (int i = 0; i < TEND_RUNTIMES_MAX; i++)
		ANSWERS(tend_runtime_open(small, &rt[i]), 0);
	ANSWERS(tend_runtime_open(small, &more), -EAGAIN);
	close_runtime(rt[7]);
	ANSWERS(tend_runtime_open(small, &rt[7]), 0);
	for (int i = 0; i < TEND_RUNTIMES_MAX; i++)
		close_runtime(rt[i]);
}

static int yields_twice(void *arg)
{
	(void)arg;
	return tend_yield() || tend_yield();
}

TEST(a_poll_tells_how_often_tasks_were_run_and_waits_for_work)
{
	tend_runtime *rt = open_runtime(1, TEND_HOSTED);
	uint64_t until = tend_after(TEND_MS);

	ANSWERS(tend_runtime_poll(rt, 0), 0);
	ANSWERS(tend_runtime_poll(rt, until), 0);
	ck_assert_uint_ge(tend_now(), until);
	ANSWERS(tend_spawn(tend_root(rt), yields_twice, NULL, NULL, NULL), 0);
	int runs = 0;
	while (tend_scope_live(tend_root(rt)) > 0) {
		int n = tend_runtime_poll(rt, TEND_FOREVER);

		ck_assert_int_ge(n, 1);
		runs += n;
	}
	ck_assert_int_eq(runs, 3);
	close_runtime(rt);
}

/* ---- Descriptors ---- */

TEST(a_regular_file_is_ready_and_a_hangup_is_both)
{
	char path[] = "/tmp/tend-promise-XXXXXX";
	const int both = TEND_READABLE | TEND_WRITABLE;
	int file = mkstemp(path), ends[2];

	ck_assert_int_ge(file, 0);
	unlink(path);
	ANSWERS(tend_fd_wait(file, TEND_READABLE, 0), TEND_READABLE);
	ANSWERS(tend_fd_wait(file, both, 0), both);
	ANSWERS(tend_fd_close(file), 0);
	ANSWERS(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	ANSWERS(tend_fd_wait(ends[0], both, 0), -ETIMEDOUT);
	close(ends[1]);
	ANSWERS(tend_fd_wait(ends[0], both, 0), both);
	ANSWERS(tend_fd_close(ends[0]), 0);
}

/* Non-blocking, and closed by an exec. */
static void is_private(int fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

static void talks(const char *address, int listener)
{
	char byte = 0;

	int client = tend_connect(address, tend_after(PATIENCE_NS));
	is_private(client);
	int server = tend_accept(listener, tend_after(PATIENCE_NS));
	is_private(server);
	ANSWERS((int)tend_write(client, "x", 1, tend_after(PATIENCE_NS)), 1);
	ANSWERS((int)tend_read(server, &byte, 1, tend_after(PATIENCE_NS)), 1);
	ck_assert_int_eq(byte, 'x');
	ANSWERS(tend_fd_close(client), 0);
	ANSWERS((int)tend_read(server, &byte, 1, tend_after(PATIENCE_NS)), 0);
	ANSWERS(tend_fd_close(server), 0);
	ANSWERS(tend_fd_close(listener), 0);
}

TEST(a_host_is_a_literal_or_localhost)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
	char address[64];

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		snprintf(address, sizeof(address), "tcp:%s:0", hosts[i]);
		int fd = tend_listen(address, 1);
		/* A machine may be without IPv6. */
		if (i == 2 && (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT))
			continue;
		ck_assert_int_ge(fd, 0);
		snprintf(address, sizeof(address), "tcp:%s:%d", hosts[i], tend_local_port(fd));
		talks(address, fd);
	}
}

TEST(a_unix_socket_is_the_owners)
{
	char folder[] = "/tmp/tend-promise-XXXXXX", path[64], address[80];
	mode_t mask = umask(0);
	struct stat st;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(address, sizeof(address), "unix:%s", path);
	int fd = tend_listen(address, 1);
	is_private(fd);
	ANSWERS(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	umask(mask);
	talks(address, fd);
	/* Nobody listens there any more. */
	ANSWERS(tend_listen(address, 1), -EADDRINUSE);
	unlink(path);
	rmdir(folder);
}

static int pair[2];
static int writes_much(void *arg)
{
	static char bytes[1 << 22];
	ssize_t n = tend_write(pair[0], bytes, sizeof(bytes), TEND_FOREVER);

	(void)arg;
	ck_assert_int_gt((int)n, 0);
	ck_assert_int_lt((int)n, (int)sizeof(bytes));
	ANSWERS((int)tend_write(pair[0], bytes, 1, TEND_FOREVER), -ECANCELED);
	return 0;
}

static void until_parked(const tend_runtime *rt, tend_task t)
{
	for (bool parked = false; !parked;) {
		tend_snapshot *s;

		ANSWERS(tend_snapshot_take(rt, &s), 0);
		for (size_t i = 0; i < tend_snapshot_count(s); i++)
			parked |= tend_snapshot_at(s, i)->id == t.id &&
			          tend_snapshot_at(s, i)->state == TEND_STATE_PARKED;
		tend_snapshot_free(s);
	}
}

TEST(bytes_that_were_written_beat_a_cancel)
{
	tend_runtime *rt = open_runtime(1, 0);
	tend_task t;

	ANSWERS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	ANSWERS(tend_spawn(tend_root(rt), writes_much, NULL, NULL, &t), 0);
	until_parked(rt, t);
	ANSWERS(tend_task_cancel(t, -ECANCELED, NULL), 0);
	ANSWERS(tend_join(t, NULL, tend_after(PATIENCE_NS)), 0);
	close_runtime(rt);
	ANSWERS(tend_fd_close(pair[0]), 0);
	ANSWERS(tend_fd_close(pair[1]), 0);
}
