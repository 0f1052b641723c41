/* io/fd.c - descriptors: fibers park, threads sleep in poll(2). */
#include "tend/io.h"

#include "io/io.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
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

static enum tend__wait_kind why(int events)
{
	return events == TEND_READABLE   ? TEND__WAIT_READ
	       : events == TEND_WRITABLE ? TEND__WAIT_WRITE
	                                 : TEND__WAIT_POLL;
}

/* ---- Threads ---- */

/* A thread that waits for a descriptor in a poller of its own, in which a cancel of its task
 * or the close of the descriptor wakes the thread. Linked before the thread looks at the
 * descriptor and at its task, so that a change after the look wakes the thread. */
struct sleeper {
	struct tend__link link;
	struct tend__poller *poller;
	struct tend__task *task; /* NULL: a thread of the program */
	int fd;
};
static struct tend__lock sleepers_lock;
static struct tend__link sleepers TEND_GUARDED_BY(&sleepers_lock);
static _Atomic uint32_t sleeping;

/* No other thread is left in the child of a fork. */
static void no_sleepers(void)
{
	tend__store(&sleeping, 0u);
	sleepers_lock = (struct tend__lock){0};
	tend__lock(&sleepers_lock);
	tend__link_init(&sleepers);
	tend__unlock(&sleepers_lock);
}

static void make_sleepers(void)
{
	no_sleepers();
	tend__at_fork(no_sleepers);
}

static void fall_asleep(struct sleeper *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_sleepers);
	tend__lock(&sleepers_lock);
	tend__link_append(&sleepers, &s->link);
	tend__unlock(&sleepers_lock);
	/* seq_cst, against the load in wake(). */
	tend__add(&sleeping, 1);
}

/* The thread wakes itself, unless a notify came first. */
static void unpark(struct tend__task *t)
{
	if (!t || (tend__task_word(t) & TEND__STATE) == TEND__RUNNING)
		return;
	(void)!tend__task_notify(t);
	tend__task_run(t);
}

/* Also called when a pthread_cancel() takes effect in the sleep. */
static void wake_up(void *arg)
{
	struct sleeper *s = arg;

	unpark(s->task);
	tend__lock(&sleepers_lock);
	tend__unlink(&s->link);
	tend__unlock(&sleepers_lock);
	tend__add(&sleeping, (uint32_t)-1);
	tend__poller_del(s->poller, s->fd);
}

/* Wakes the threads that wait for the descriptor, or the thread of the task. */
static void wake(int fd, const struct tend__task *t)
{
	if (!tend__load(&sleeping))
		return;
	tend__lock(&sleepers_lock);
	for (struct tend__link *l = sleepers.next; l != &sleepers; l = l->next) {
		struct sleeper *s = tend__entry(l, struct sleeper, link);

		if (t ? s->task == t : s->fd == fd)
			tend__poller_wake(s->poller);
	}
	tend__unlock(&sleepers_lock);
}

void tend__fd_wake(const struct tend__task *t) { wake(-1, t); }

/* Returns the ready events, an error, or 0 if the thread is to sleep. */
static int look(int fd, int events, uint32_t closes, uint64_t deadline)
{
	struct tend__task *t = tend__tls.task;
	int ready = level(fd, events, 0);

	/* After the look, which may have been at a later file of this number. */
	if (tend__fd_closes(fd) != closes)
		return -EBADF;
	if (ready)
		return ready;
	if (t && tend__cancel_visible(t))
		return -ECANCELED;
	return tend__clock() >= deadline ? -ETIMEDOUT : 0;
}

/* Shows the task as parked while the thread sleeps: a notify finds the task parked, and wakes
 * its thread by the sleeper. */
static void sleep_in_poller(struct sleeper *s, int events, uint64_t deadline, uint64_t where)
{
	struct tend__task *t = s->task;
	struct tend__ready ready[1];

	if (t && t->shield && t->shield < deadline && t->shield > tend__clock())
		deadline = t->shield; /* a cancel that the shield keeps out comes then */
	if (!t) {
		(void)tend__poller_wait(s->poller, deadline, ready, 1);
		return;
	}
	tend__describe(t, (uint64_t)s->fd, tend__clock(), where);
	if (!tend__task_park(t, why(events)))
		return; /* notified since the look */
	(void)tend__poller_wait(s->poller, deadline, ready, 1);
	unpark(t);
}

/* For a thread that is no fiber. */
static int wait_thread(int fd, int events, uint64_t deadline, uint64_t where)
{
	const uint32_t closes = tend__fd_closes(fd);
	struct tend__outside room;
	struct sleeper s = {.task = tend__tls.task, .fd = fd};
	int ready = look(fd, events, closes, deadline);

	tend__assert(!s.task || !s.task->worker);
	if (ready)
		return ready;
	(void)tend__self(&room); /* so that a cancel finds the task */
#ifdef TEND_SIM
	/* A virtual thread must not sleep for real. */
	while (tend__sim_run() && !(ready = look(fd, events, closes, deadline)))
		(void)tend_sleep_until(tend_after(TEND_MS));
	if (ready)
		return ready;
#endif
	s.poller = tend__thread_poller();
	int error = s.poller ? tend__poller_add(s.poller, fd, (uint64_t)fd) : -EMFILE;
	if (error)
		return error;
	fall_asleep(&s);
	pthread_cleanup_push(wake_up, &s);
	while (!(ready = look(fd, events, closes, deadline)))
		sleep_in_poller(&s, events, deadline, where);
	pthread_cleanup_pop(1);
	return ready;
}

/* ---- Fibers and threads ---- */

static bool is_fiber(void) { return tend__tls.task && tend__tls.task->worker; }

int tend__fd_wait(int fd, int events, uint64_t deadline, unsigned flags, uint64_t where)
{
	int error = tend__check_wait(deadline);

	if (error)
		return error;
	if (!events || (events & ~(TEND_READABLE | TEND_WRITABLE)))
		return -EINVAL;
	if (fd < 0)
		return -EBADF;
	if (!is_fiber())
		return wait_thread(fd, events, deadline, where);
	tend__may_go_on(tend__tls.task, 1);
	for (;;) {
		if (flags & TEND__STAY ? tend__cancel_visible(tend__tls.task)
		                       : tend__cancel_point(tend__tls.task))
			return -ECANCELED;
		int ready = level(fd, events, 0);
		if (ready)
			return ready;
		error = tend__fds_wait(&fd, &events, 1, why(events), deadline, flags, where);
		if (error == -EPERM)
			return events; /* epoll cannot watch a file, which is always ready */
		if (error < 0)
			return error;
	}
}

int tend_fd_wait(int fd, int events, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	return tend__fd_wait(fd, events, deadline, 0, TEND__CALLER);
}

bool tend__fd_may_block(int fd)
{
	int known = is_fiber() ? tend__fds_mode(fd) : -1, flags;
	struct stat st;

	if (known >= 0)
		return known;
	flags = fcntl(fd, F_GETFL);
	/* A file lacks neither bytes nor room, whatever its mode is. */
	return flags >= 0 && !(flags & O_NONBLOCK) && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) &&
	       !S_ISBLK(st.st_mode);
}

bool tend__fd_would_wait(int fd, int events, bool blocks)
{
	if (!blocks || level(fd, events, 0))
		return false;
	errno = EAGAIN;
	return true;
}

/* After EAGAIN. */
static int wait_again(int fd, int events, uint64_t deadline, unsigned flags, uint64_t where)
{
	int ready;

	if (is_fiber())
		ready = tend__fds_wait(&fd, &events, 1, why(events), deadline, flags, where);
	else
		ready = deadline && tend__check_may_wait()
		                ? tend__check_may_wait()
		                : wait_thread(fd, events, deadline, where);
	return ready < 0 ? ready : 0;
}

bool tend__io_told(void)
{
	if (!tend__tls.task)
		return false;
	tend__may_go_on(tend__tls.task, 1);
	return tend__cancel_point(tend__tls.task);
}

ssize_t tend_read(int fd, void *buf, size_t n, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	bool fiber = is_fiber(), blocks = tend__fd_may_block(fd);
	bool untried = fiber && n && tend__fds_drained(fd);
	int error = tend__check_process();

	if (error)
		return error;

	for (;;) {
		if (tend__io_told())
			return -ECANCELED;
		if (!untried) {
			ssize_t got = tend__fd_would_wait(fd, TEND_READABLE, blocks)
			                      ? -1
			                      : read(fd, buf, n);

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
		error = wait_again(fd, TEND_READABLE, deadline, 0, TEND__CALLER);
		/* A caller that has not tried to read yet tries before it is late. */
		if (error && !(untried && error == -ETIMEDOUT))
			return error;
		untried = false;
	}
}

/* A socket answers EPIPE without the signal, and never blocks. A pipe has room for PIPE_BUF
 * bytes at least when poll(2) says so. */
static ssize_t try_write(int fd, const char *buf, size_t n, bool blocks)
{
	ssize_t put = send(fd, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (put >= 0 || errno != ENOTSOCK)
		return put;
	if (tend__fd_would_wait(fd, TEND_WRITABLE, blocks))
		return -1;
	return write(fd, buf, blocks && n > PIPE_BUF ? PIPE_BUF : n);
}

ssize_t tend_write(int fd, const void *buf, size_t n, uint64_t deadline)
{
	TEND__KEEPS_ERRNO;
	bool blocks = tend__fd_may_block(fd);
	size_t done = 0;
	int error = tend__check_process();

	if (error)
		return error;
	while (done < n) {
		/* Bytes already moved beat a cancel, and an abort. */
		if (done ? tend__tls.task && tend__cancel_visible(tend__tls.task)
		         : tend__io_told()) {
			error = -ECANCELED;
			break;
		}
		ssize_t put = try_write(fd, (const char *)buf + done, n - done, blocks);

		if (put >= 0) {
			done += (size_t)put;
			continue;
		}
		if (errno == EINTR)
			continue;
		error = errno == EAGAIN ? wait_again(fd, TEND_WRITABLE, deadline,
		                                     done ? (unsigned)TEND__STAY : 0, TEND__CALLER)
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
	if (tend__check_process())
		return -ESTALE;
	if (fd < 0)
		return -EBADF;
	tend__fd_closing(fd);
	wake(fd, NULL);
	/* Linux has closed the descriptor even when it says EINTR. */
	int error = close(fd) == 0 || errno == EINTR ? 0 : errno == EBADF ? -EBADF : -EIO;
	tend__fd_closed(fd);
	return error;
}
