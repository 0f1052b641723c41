/* io/fd.c - descriptors: fibers park, threads sleep in poll(2). */
#include "tend/io.h"

#include "io/io.h"

#include "base/error.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

static short poll_events(int events)
{
	return (short)((events & TEND_READABLE ? POLLIN | POLLRDHUP : 0) |
	               (events & TEND_WRITABLE ? POLLOUT : 0));
}

/* Returns the events that poll(2) reports now, or -EBADF. */
static int level(int fd, int events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = poll_events(events)};
	int ready = 0;

	if (poll(&p, 1, timeout_ms) <= 0)
		return 0;
	if (p.revents & POLLNVAL)
		return -EBADF;
	if (p.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR))
		ready |= TEND_READABLE;
	if (p.revents & (POLLOUT | POLLHUP | POLLERR))
		ready |= TEND_WRITABLE;
	return ready & events;
}

/* For a thread that is no fiber. The thread looks every 20 ms whether it is canceled or the
 * descriptor is closed, because a wake-up by futex does not end the sleep in poll(2). */
static int wait_thread(int fd, int events, uint64_t deadline)
{
	struct tend__task *t = tend__tls.task;
	const uint32_t closes = tend__fd_closes(fd);

	tend__assert(!t || !t->worker);
	for (;;) {
		int ready = level(fd, events, 0), ms = 20;

		/* After the look, which may have been at a later file of this number. */
		if (tend__fd_closes(fd) != closes)
			return -EBADF;
		if (ready)
			return ready;
		if (t && tend__cancel_visible(t))
			return -ECANCELED;
		uint64_t now = tend__clock();
		if (now >= deadline)
			return -ETIMEDOUT;
		if ((deadline - now) / TEND_MS < 20)
			ms = (int)((deadline - now) / TEND_MS) + 1;
#ifdef TEND_SIM
		/* A virtual thread must not sleep for real. */
		if (t) {
			int error = tend_sleep_until(tend_after(TEND_MS));

			if (error)
				return error;
			continue;
		}
#endif
		(void)level(fd, events, ms);
	}
}

static enum tend__wait_kind why(int events)
{
	return events == TEND_READABLE   ? TEND__WAIT_READ
	       : events == TEND_WRITABLE ? TEND__WAIT_WRITE
	                                 : TEND__WAIT_POLL;
}

static bool is_fiber(void) { return tend__tls.task && tend__tls.task->worker; }

int tend__fd_wait(int fd, int events, uint64_t deadline, unsigned flags)
{
	int error = tend__check_may_wait();

	if (error && deadline)
		return error;
	if (!events || (events & ~(TEND_READABLE | TEND_WRITABLE)))
		return -EINVAL;
	if (fd < 0)
		return -EBADF;
	if (!is_fiber())
		return wait_thread(fd, events, deadline);
	for (;;) {
		if (flags & TEND__STAY ? tend__cancel_visible(tend__tls.task)
		                       : tend__cancel_point(tend__tls.task))
			return -ECANCELED;
		int ready = level(fd, events, 0);
		if (ready)
			return ready;
		error = tend__fds_wait(&fd, &events, 1, why(events), deadline, flags);
		if (error == -EPERM)
			return events; /* epoll cannot watch a file, which is always ready */
		if (error < 0)
			return error;
	}
}

int tend_fd_wait(int fd, int events, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	return tend__fd_wait(fd, events, deadline, 0);
}

/* After EAGAIN. */
static int wait_again(int fd, int events, uint64_t deadline, unsigned flags)
{
	int ready;

	if (is_fiber())
		ready = tend__fds_wait(&fd, &events, 1, why(events), deadline, flags);
	else
		ready = deadline && tend__check_may_wait() ? tend__check_may_wait()
		                                           : wait_thread(fd, events, deadline);
	return ready < 0 ? ready : 0;
}

static bool told(void) { return tend__tls.task && tend__cancel_point(tend__tls.task); }

ssize_t tend_read(int fd, void *buf, size_t n, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	bool fiber = is_fiber();
	bool untried = fiber && n && tend__fds_drained(fd);
	int error = 0;

	for (;;) {
		if (told())
			return -ECANCELED;
		if (!untried) {
			ssize_t got = read(fd, buf, n);

			if (got > 0 && fiber && (size_t)got < n)
				tend__fds_short(fd);
			if (got >= 0)
				return got;
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				return -errno;
			if (error)
				return error;
		}
		error = wait_again(fd, TEND_READABLE, deadline, 0);
		/* A caller that has not tried to read yet tries before it is late. */
		if (error && !(untried && error == -ETIMEDOUT))
			return error;
		untried = false;
	}
}

ssize_t tend_write(int fd, const void *buf, size_t n, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	size_t done = 0;
	int error = 0;

	while (done < n) {
		/* Bytes already moved beat a cancel, and an abort. */
		if (done ? tend__tls.task && tend__cancel_visible(tend__tls.task) : told()) {
			error = -ECANCELED;
			break;
		}
		/* A socket answers EPIPE without the signal; the rest is no socket. */
		ssize_t put = send(fd, (const char *)buf + done, n - done, MSG_NOSIGNAL);
		if (put < 0 && errno == ENOTSOCK)
			put = write(fd, (const char *)buf + done, n - done);
		if (put >= 0) {
			done += (size_t)put;
			continue;
		}
		if (errno == EINTR)
			continue;
		error = errno == EAGAIN ? wait_again(fd, TEND_WRITABLE, deadline,
		                                     done ? (unsigned)TEND__STAY : 0)
		                        : -errno;
		if (error)
			break;
	}
	tend__assert(done <= n);
	return done ? (ssize_t)done : error;
}

int tend_fd_close(int fd)
{
	TEND__KEEPS_ERRNO;
	if (fd < 0)
		return -EBADF;
	tend__fd_closing(fd);
	/* Linux has closed the descriptor even when it says EINTR. */
	int error = close(fd) == 0 || errno == EINTR ? 0 : errno == EBADF ? -EBADF : -EIO;
	tend__fd_closed(fd);
	return error;
}
