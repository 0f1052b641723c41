/* platform/linux/poller.c - a poller is an epoll set, an eventfd that wakes, and a timer. */
#include "platform/platform.h"

#include "tend/io.h"

#include "base/atomic.h"
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Keys of the poller's own descriptors. The keys of callers have the top bit clear. */
#define KEY_WAKE  UINT64_MAX
#define KEY_TIMER (UINT64_MAX - 1)

static int watch(int epoll, int fd, uint32_t events, uint64_t key)
{
	struct epoll_event e = {.events = events, .data.u64 = key};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

/* A program that closes descriptors of the library loses all wake-ups, and may have files of
 * its own at their numbers by now. */
static TEND_NORETURN void closed(const struct tend__poller *p)
{
	tend__bug("tend: the program has closed a descriptor of the runtime, %d, %d or %d",
	          p->epoll, p->wake, p->timer);
}

int TEND__OS(poller_init)(struct tend__poller *p, bool lent)
{
	struct epoll_event first;
	TEND__KEEPS_ERRNO;

	*p = (struct tend__poller){.epoll = -1, .wake = -1, .timer = -1, .armed = TEND_FOREVER};
	p->epoll = tend__descriptor_keep(epoll_create1(EPOLL_CLOEXEC), lent);
	int error = p->epoll < 0 ? -errno : 0;
	if (!error) {
		p->wake = tend__descriptor_keep(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), false);
		error = p->wake < 0 ? -errno
		                    : watch(p->epoll, p->wake, EPOLLIN | EPOLLET, KEY_WAKE);
	}
	if (error)
		TEND__OS(poller_fini)(p);
	else
		(void)epoll_wait(p->epoll, &first, 1, 0); /* the edge of the eventfd itself */
	return error;
}

void TEND__OS(poller_fini)(struct tend__poller *p)
{
	if (p->epoll >= 0)
		close(p->epoll);
	if (p->wake >= 0)
		close(p->wake);
	if (p->timer >= 0)
		close(p->timer);
	p->epoll = p->wake = p->timer = -1;
}

int tend__poller_add(struct tend__poller *p, int fd, uint64_t key)
{
	TEND__KEEPS_ERRNO;

	tend__assert(key < KEY_TIMER);
	return watch(p->epoll, fd, EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET, key);
}

void tend__poller_del(struct tend__poller *p, int fd)
{
	TEND__KEEPS_ERRNO;

	/* Fails if the descriptor is closed; the kernel has then taken it out of the set. */
	(void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* The time until the deadline, cut to a day: a wait that ends early is harmless, because
 * the caller looks at its own deadline. */
static struct timespec until(uint64_t deadline)
{
	uint64_t now = TEND__OS(clock)(), ns = deadline > now ? deadline - now : 0;

	if (ns > 86400 * TEND_SEC)
		ns = 86400 * TEND_SEC;
	return (struct timespec){(time_t)(ns / TEND_SEC), (long)(ns % TEND_SEC)};
}

/* epoll_pwait2() counts nanoseconds, but is unknown to Valgrind, which warns of each call,
 * and to filters of system calls from before Linux 5.11. There epoll_wait() counts
 * milliseconds, rounded up, so that the wait does not end before its time. */
static int wait_for(struct tend__poller *p, struct epoll_event *events, int max,
                    const struct timespec *timeout)
{
	static _Atomic bool no_pwait2;

	/* Relaxed: a thread that misses the store asks the kernel once more. */
	if (!tend__load_relaxed(&no_pwait2)) {
		int n = epoll_pwait2(p->epoll, events, max, timeout, NULL);

		if (n >= 0 || errno != ENOSYS)
			return n;
		tend__store_relaxed(&no_pwait2, true);
	}
	return epoll_wait(
		p->epoll, events, max,
		timeout ? (int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000)
			: -1);
}

int TEND__OS(poller_wait)(struct tend__poller *p, uint64_t deadline, struct tend__ready *out,
                          int max)
{
	struct epoll_event events[64];
	struct timespec timeout = {0, 0};

	if (deadline != TEND_FOREVER && deadline != 0)
		timeout = until(deadline);
	int m = 0;
	TEND__KEEPS_ERRNO;
	tend__assert(max > 0 && p->epoll >= 0);
	int n = wait_for(p, events, max < 64 ? max : 64,
	                 deadline == TEND_FOREVER ? NULL : &timeout);
	if (n < 0 && errno != EINTR)
		closed(p);
	for (int i = 0; i < n; i++) {
		uint32_t e = events[i].events;

		if (events[i].data.u64 >= KEY_TIMER) {
			p->armed = events[i].data.u64 == KEY_TIMER ? TEND_FOREVER : p->armed;
			continue;
		}
		tend__assert(m < max);
		out[m].key = events[i].data.u64;
		out[m].events = 0;
		if (e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			out[m].events |= TEND_READABLE;
		if (e & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			out[m].events |= TEND_WRITABLE;
		if (e & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			out[m].events |= TEND__UNUSUAL;
		m++;
	}
	return m;
}

int tend__poller_fd(const struct tend__poller *p)
{
	tend__assert(p->epoll >= 0);
	return p->epoll;
}

void TEND__OS(poller_wake)(struct tend__poller *p)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = KEY_WAKE};
	TEND__KEEPS_ERRNO;

	tend__assert(p->wake >= 0);
	/* The eventfd is always readable, and a change of the entry is an edge. Unlike a write,
	 * the change cannot go to a file of the program that has the number by now; nor is the
	 * call a cancellation point, in which a pthread_cancel() could end a thread that holds
	 * locks. */
	if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->wake, &e))
		closed(p);
}

void TEND__OS(poller_arm)(struct tend__poller *p, uint64_t deadline)
{
	struct itimerspec at = {{0, 0},
	                        {(time_t)(deadline / TEND_SEC), (long)(deadline % TEND_SEC)}};

	TEND__KEEPS_ERRNO;

	if (p->armed == deadline)
		return;
	if (p->timer < 0) {
		p->timer = tend__descriptor_keep(
			timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), false);
		if (p->timer < 0 || watch(p->epoll, p->timer, EPOLLIN | EPOLLET, KEY_TIMER))
			return;
	}
	if (deadline == TEND_FOREVER)
		at = (struct itimerspec){{0, 0}, {0, 0}};
	else if (deadline == 0)
		at.it_value.tv_nsec = 1;
	if (timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &at, NULL))
		closed(p);
	p->armed = deadline;
}

/* ---- The poller of a thread ---- */

static pthread_key_t poller_key;
static bool has_poller_key;
static _Thread_local struct tend__poller of_thread;
static _Thread_local bool has_poller;

static void give_back(void *p)
{
	has_poller = false;
	TEND__OS(poller_fini)(p);
}

/* The child would share the epoll set with the thread of its parent. */
static void in_child(void)
{
	if (has_poller)
		give_back(&of_thread);
}

static void make_poller_key(void)
{
	has_poller_key = pthread_key_create(&poller_key, give_back) == 0;
	tend__at_fork(in_child);
}

struct tend__poller *tend__thread_poller(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	TEND__KEEPS_ERRNO;

	pthread_once(&once, make_poller_key);
	if (has_poller)
		return &of_thread;
	if (!has_poller_key || TEND__OS(poller_init)(&of_thread, false))
		return NULL;
	if (pthread_setspecific(poller_key, &of_thread)) {
		TEND__OS(poller_fini)(&of_thread);
		return NULL;
	}
	has_poller = true;
	return &of_thread;
}
