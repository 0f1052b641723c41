/* tend/io.h */
#include "refuse.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

TEST(refusals_of_descriptors) { try_rows(__FILE__); }

enum { CLOSED = 1000000 }; /* no descriptor has this number */

/* w->fd is an end of a socket pair; nothing comes from the other end. */
static void pair(struct world *w, const struct row *row, stage *stage_of, bool fill)
{
	char bytes[4096] = "";
	int ends[2];

	ANSWERS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	while (fill && write(ends[0], bytes, sizeof(bytes)) > 0) {}
	w->fd = ends[0];
	stage_of(w, row);
	close(ends[0]);
	close(ends[1]);
}

static void quiet(struct world *w, const struct row *row) { pair(w, row, outside, false); }
static void quiet_fiber(struct world *w, const struct row *row) { pair(w, row, in_fiber, false); }
static void quiet_canceled(struct world *w, const struct row *row)
{
	pair(w, row, canceled, false);
}
static void quiet_hosted(struct world *w, const struct row *row) { pair(w, row, hosted, false); }
static void quiet_forked(struct world *w, const struct row *row) { pair(w, row, forked, false); }
static void full(struct world *w, const struct row *row) { pair(w, row, outside, true); }
static void full_canceled(struct world *w, const struct row *row) { pair(w, row, canceled, true); }
static void full_hosted(struct world *w, const struct row *row) { pair(w, row, hosted, true); }

/* w->fd is an end of a socket pair; the other end is closed. */
static void broken(struct world *w, const struct row *row)
{
	int ends[2];

	ANSWERS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	w->fd = ends[0];
	close(ends[1]);
	judge(w, row);
	close(ends[0]);
}

/* ---- tend_fd_wait(), tend_fd_close() ---- */

REFUSES(tend_fd_wait, EBADF, "no descriptor", outside, tend_fd_wait(-1, TEND_READABLE, 0))
REFUSES(tend_fd_wait, EBADF, "closed", outside, tend_fd_wait(CLOSED, TEND_READABLE, TEND_FOREVER))
REFUSES(tend_fd_wait, EBADF, "closed, by a fiber", in_fiber,
        tend_fd_wait(CLOSED, TEND_READABLE, TEND_FOREVER))
REFUSES(tend_fd_wait, ECANCELED, "by a canceled task", quiet_canceled,
        tend_fd_wait(w->fd, TEND_READABLE, TEND_FOREVER))
REFUSES(tend_fd_wait, ETIMEDOUT, "no time", quiet, tend_fd_wait(w->fd, TEND_READABLE, 0))
REFUSES(tend_fd_wait, ETIMEDOUT, "an instant that has passed, by a fiber", quiet_fiber,
        tend_fd_wait(w->fd, TEND_READABLE, tend_now()))
CANNOT_PROVOKE(tend_fd_wait, ENOSPC, "it takes all watches that the kernel has for a user")
REFUSES(tend_fd_wait, EINVAL, "no events", quiet, tend_fd_wait(w->fd, 0, TEND_FOREVER))
REFUSES(tend_fd_wait, EINVAL, "unknown events", quiet, tend_fd_wait(w->fd, 4, TEND_FOREVER))
REFUSES(tend_fd_wait, EDEADLK, "by the thread that runs the tasks", quiet_hosted,
        tend_fd_wait(w->fd, TEND_READABLE, TEND_FOREVER))

REFUSES(tend_fd_close, EBADF, "no descriptor", outside, tend_fd_close(-1))
REFUSES(tend_fd_close, EBADF, "closed", outside, tend_fd_close(CLOSED))
CANNOT_PROVOKE(tend_fd_close, EIO,
               "close(2) fails like this on a network file system or a broken disk")

/* ---- tend_read(), tend_write() ---- */

static ssize_t read_from(struct world *w, int fd, uint64_t deadline)
{
	return tend_read(fd, w->out.bytes, sizeof(w->out.bytes), deadline);
}

static ssize_t write_to(int fd, uint64_t deadline) { return tend_write(fd, "bytes", 5, deadline); }

REFUSES(tend_read, ECANCELED, "by a canceled task", quiet_canceled,
        read_from(w, w->fd, TEND_FOREVER))
REFUSES(tend_read, ETIMEDOUT, "no time", quiet, read_from(w, w->fd, 0))
REFUSES(tend_read, ETIMEDOUT, "an instant that has passed, by a fiber", quiet_fiber,
        read_from(w, w->fd, tend_now()))
REFUSES(tend_read, EBADF, "closed", outside, read_from(w, CLOSED, TEND_FOREVER))
REFUSES(tend_read, EDEADLK, "by the thread that runs the tasks", quiet_hosted,
        read_from(w, w->fd, TEND_FOREVER))
CANNOT_PROVOKE(tend_read, EPIPE, "the row is that of two functions; this one answers 0 at the end")

REFUSES(tend_write, ECANCELED, "by a canceled task", full_canceled, write_to(w->fd, TEND_FOREVER))
REFUSES(tend_write, ECANCELED, "by a canceled task, and there is room", quiet_canceled,
        write_to(w->fd, TEND_FOREVER))
REFUSES(tend_write, ETIMEDOUT, "full, and no time", full, write_to(w->fd, 0))
REFUSES(tend_write, EPIPE, "the other end is closed", broken, write_to(w->fd, TEND_FOREVER))
REFUSES(tend_write, EBADF, "closed", outside, write_to(CLOSED, TEND_FOREVER))
REFUSES(tend_write, EDEADLK, "by the thread that runs the tasks", full_hosted,
        write_to(w->fd, TEND_FOREVER))

/* ---- Sockets ---- */

static char address[64]; /* where w->fd listens */

static void listening(struct world *w, const struct row *row, stage *stage_of)
{
	w->fd = tend_listen("tcp:127.0.0.1:0", 0);
	ck_assert_int_ge(w->fd, 0);
	snprintf(address, sizeof(address), "tcp:127.0.0.1:%d", tend_local_port(w->fd));
	stage_of(w, row);
	ANSWERS(tend_fd_close(w->fd), 0);
}

static void listener(struct world *w, const struct row *row) { listening(w, row, outside); }
static void listener_canceled(struct world *w, const struct row *row)
{
	listening(w, row, canceled);
}
static void listener_fiber(struct world *w, const struct row *row) { listening(w, row, in_fiber); }
static void listener_hosted(struct world *w, const struct row *row) { listening(w, row, hosted); }

/* The listener at the address is gone. */
static void deserted(struct world *w, const struct row *row)
{
	w->fd = tend_listen("tcp:127.0.0.1:0", 0);
	snprintf(address, sizeof(address), "tcp:127.0.0.1:%d", tend_local_port(w->fd));
	ANSWERS(tend_fd_close(w->fd), 0);
	judge(w, row);
}

/* In a folder of its own; the queue of the listener takes no more. */
static void crowd(struct world *w, const struct row *row, stage *by)
{
	char folder[] = "/tmp/tend-refusals-XXXXXX", path[sizeof(folder) + 2];
	enum { ENOUGH = 16 };
	int queued[ENOUGH], n = 0;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(address, sizeof(address), "unix:%s", path);
	w->fd = tend_listen(address, 1);
	ck_assert_int_ge(w->fd, 0);
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	for (bool room = true; room; n++) {
		ck_assert_int_lt(n, ENOUGH);
		queued[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		room = connect(queued[n], (struct sockaddr *)&to, sizeof(to)) == 0;
	}
	by(w, row);
	while (n)
		close(queued[--n]);
	ANSWERS(tend_fd_close(w->fd), 0);
	unlink(path);
	rmdir(folder);
}
static void crowded(struct world *w, const struct row *row) { crowd(w, row, outside); }
static void crowded_hosted(struct world *w, const struct row *row) { crowd(w, row, hosted); }

REFUSES(tend_listen, EINVAL, "no address", outside, tend_listen(NULL, 0))
REFUSES(tend_listen, EINVAL, "another family", outside, tend_listen("udp:127.0.0.1:1", 0))
REFUSES(tend_listen, EINVAL, "no port", outside, tend_listen("tcp:127.0.0.1", 0))
REFUSES(tend_listen, EINVAL, "a port that cannot be", outside,
        tend_listen("tcp:127.0.0.1:65536", 0))
REFUSES(tend_listen, EINVAL, "a name for a host", outside, tend_listen("tcp:example.com:1", 0))
REFUSES(tend_listen, EINVAL, "an empty path", outside, tend_listen("unix:", 0))
REFUSES(tend_listen, EADDRINUSE, "somebody listens there", listener, tend_listen(address, 0))
REFUSES(tend_listen, EADDRINUSE, "a path that is there", outside, tend_listen("unix:/tmp", 0))
REFUSES(tend_listen, ENOENT, "no folder for the path", outside, tend_listen("unix:/nowhere/s", 0))
REFUSES(tend_listen, EMFILE, "no descriptors", outside,
        (limit(RLIMIT_NOFILE, 0), tend_listen("tcp:127.0.0.1:0", 0)))

REFUSES(tend_accept, ECANCELED, "by a canceled task", listener_canceled,
        tend_accept(w->fd, TEND_FOREVER))
REFUSES(tend_accept, ETIMEDOUT, "no time", listener, tend_accept(w->fd, 0))
REFUSES(tend_accept, ETIMEDOUT, "an instant that has passed, by a fiber", listener_fiber,
        tend_accept(w->fd, tend_now()))
REFUSES(tend_accept, EBADF, "closed", outside, tend_accept(CLOSED, TEND_FOREVER))
REFUSES(tend_accept, EINVAL, "it does not listen", quiet, tend_accept(w->fd, TEND_FOREVER))
REFUSES(tend_accept, EDEADLK, "by the thread that runs the tasks", listener_hosted,
        tend_accept(w->fd, TEND_FOREVER))

REFUSES(tend_connect, EINVAL, "no address", outside, tend_connect(NULL, TEND_FOREVER))
REFUSES(tend_connect, EINVAL, "no port", outside, tend_connect("tcp:127.0.0.1", TEND_FOREVER))
REFUSES(tend_connect, ECANCELED, "by a canceled task", listener_canceled,
        tend_connect(address, TEND_FOREVER))
REFUSES(tend_connect, ETIMEDOUT, "no room in the queue, and no time", crowded,
        tend_connect(address, 0))
REFUSES(tend_connect, EDEADLK, "by the thread that runs the tasks", crowded_hosted,
        tend_connect(address, TEND_FOREVER))
REFUSES(tend_connect, ECONNREFUSED, "nobody listens there", deserted,
        tend_connect(address, TEND_FOREVER))
REFUSES(tend_connect, ENOENT, "no such path", outside,
        tend_connect("unix:/nowhere/s", TEND_FOREVER))
REFUSES(tend_connect, EMFILE, "no descriptors", listener,
        (limit(RLIMIT_NOFILE, 0), tend_connect(address, TEND_FOREVER)))

REFUSES(tend_local_port, EINVAL, "no TCP socket", quiet, tend_local_port(w->fd))
REFUSES(tend_local_port, EBADF, "closed", outside, tend_local_port(CLOSED))
REFUSES(tend_local_port, ENOTSOCK, "no socket", outside, tend_local_port(STDIN_FILENO))

/* ---- In a fork ---- */

REFUSES(tend_fd_wait, ESTALE, "a fork", quiet_forked,
        tend_fd_wait(w->fd, TEND_READABLE, TEND_FOREVER))
REFUSES(tend_fd_close, ESTALE, "a fork", quiet_forked, tend_fd_close(w->fd))
REFUSES(tend_read, ESTALE, "a fork", quiet_forked, read_from(w, w->fd, TEND_FOREVER))
REFUSES(tend_write, ESTALE, "a fork", quiet_forked, write_to(w->fd, TEND_FOREVER))
REFUSES(tend_listen, ESTALE, "a fork", forked, tend_listen("tcp:127.0.0.1:0", 0))
REFUSES(tend_accept, ESTALE, "a fork", quiet_forked, tend_accept(w->fd, TEND_FOREVER))
REFUSES(tend_connect, ESTALE, "a fork", forked, tend_connect("tcp:127.0.0.1:1", TEND_FOREVER))
REFUSES(tend_local_port, ESTALE, "a fork", quiet_forked, tend_local_port(w->fd))
