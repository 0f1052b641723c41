/* runtime/fds.c - a worker's descriptors.
 *
 * A descriptor is added to the worker's poller once, for both directions, by
 * edge; from then on waiting costs no system call. Its number may be closed and
 * given to another file: tend_fd_close() advances the number's generation, which
 * is in every event and compared with each wait. */
#include "runtime/fds.h"

#include "tend/io.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { FDS_MAX = 1 << 20 }; /* numbers we can tell generations of */

struct number {
	_Atomic uint32_t generation;
	_Atomic uint64_t workers; /* that may have added it: a bit each, modulo 64 */
};

static _Atomic(struct number *) numbers;

static struct number *number_of(int fd)
{
	/* Acquire: pairs with the exchange below. */
	struct number *n = tend__load_acquire(&numbers), *none = NULL;

	if (fd < 0 || fd >= FDS_MAX)
		return NULL;
	if (n)
		return &n[fd];
	n = tend__reserve(FDS_MAX * sizeof *n);
	if (!n)
		return NULL;
	if (!tend__cas_acq_rel(&numbers, &none, n)) {
		tend__unreserve(n, FDS_MAX * sizeof *n);
		n = none;
	}
	return &n[fd];
}

struct fd_waiter {
	struct tend__waiter base;
	int events;
};

static uint64_t key_of(int fd, uint32_t generation)
{
	/* The top bit is the poller's own. */
	return (uint64_t)(generation & 0x7fffffff) << 32 | (uint32_t)fd;
}

static void wake_all(struct tend__fd *f, int events, int result)
{
	for (struct tend__link *l = f->waiters.next, *next; l != &f->waiters; l = next) {
		struct fd_waiter *w = tend__entry(l, struct fd_waiter, base.link);

		next = l->next;
		if (w->events & events)
			tend__waiter_done(&w->base, result);
	}
}

void tend__fds_ready(struct tend__worker *w, const struct tend__ready *ready, int n)
{
	for (int i = 0; i < n; i++) {
		int fd = (int)(uint32_t)ready[i].key;
		struct tend__fd *f = fd < w->fds_max ? w->fds[fd] : NULL;

		/* Of a file that had the number before: nobody waits for it. */
		if (!f || !f->added || key_of(fd, f->generation) != ready[i].key)
			continue;
		if (f->watch) {
			f->watch(f->watch_arg);
			continue;
		}
		f->ready |= (uint8_t)ready[i].events;
		f->drained = false;
		wake_all(f, ready[i].events, 0);
	}
}

void tend__fds_fini(struct tend__worker *w)
{
	for (int i = 0; i < w->fds_max; i++)
		tend__free(w->fds[i]);
	tend__free(w->fds);
	w->fds = NULL;
	w->fds_max = 0;
}

static struct tend__fd *entry_of(struct tend__worker *w, int fd)
{
	if (fd >= w->fds_max) {
		int max = w->fds_max ? w->fds_max : 64;
		struct tend__fd **grown;

		while (max <= fd)
			max *= 2;
		grown = tend__alloc((size_t)max * sizeof(struct tend__fd *));
		if (!grown)
			return NULL;
		if (w->fds)
			memcpy(grown, w->fds, (size_t)w->fds_max * sizeof *grown);
		tend__free(w->fds);
		w->fds = grown;
		w->fds_max = max;
	}
	if (!w->fds[fd]) {
		w->fds[fd] = tend__alloc(sizeof *w->fds[fd]);
		if (w->fds[fd])
			tend__link_init(&w->fds[fd]->waiters);
	}
	return w->fds[fd];
}

static bool is_tcp(int fd)
{
	int domain = 0, type = 0;
	socklen_t bytes = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 &&
	       (domain == AF_INET || domain == AF_INET6);
}

static int add(struct tend__worker *w, int fd, struct tend__fd *f, uint32_t generation)
{
	int error;

	/* A number that changed hands by plain close() may still be in the set, if
	 * the file has another descriptor; then it is added anew. */
	if (f->added)
		tend__poller_del(&w->poller, fd);
	f->added = false;
	f->watch = NULL;
	f->ready = 0;
	f->drained = false;
	f->tcp = is_tcp(fd);
	f->generation = generation;
	error = tend__poller_add(&w->poller, fd, key_of(fd, generation));
	if (error == -EEXIST) {
		tend__poller_del(&w->poller, fd);
		error = tend__poller_add(&w->poller, fd, key_of(fd, generation));
	}
	f->added = !error;
	return error;
}

/* Makes sure that the poller reports this file under this number. While a number
 * is being closed its generation is odd. */
static int prepare(struct tend__worker *w, int fd, struct tend__fd **out)
{
	struct number *n = number_of(fd);
	struct tend__fd *f;

	if (!n)
		return fd < 0 ? -EBADF : -EOVERFLOW;
	f = entry_of(w, fd);
	if (!f)
		return -ENOMEM;
	*out = f;
	for (;;) {
		uint32_t generation = tend__load(&n->generation);
		int error;

		if (generation & 1)
			return -EBADF;
		if (f->added && f->generation == generation)
			return 0;
		/* First the bit, then a second look: whoever closes the number sees the
		 * one, or we see the new generation. */
		tend__or(&n->workers, UINT64_C(1) << w->number % 64);
		error = add(w, fd, f, generation);
		if (error)
			return error;
		if (tend__load(&n->generation) == generation)
			return 0;
	}
}

int tend__fds_wait(const int *fds, const int *events, int n, enum tend__wait why, uint64_t deadline,
                   unsigned flags)
{
	struct tend__task *t = tend__self(NULL);
	struct tend__worker *w = t->worker;
	struct fd_waiter waiters[4];
	/* What the tree shows: a process's fiber waits for more than its pipes. */
	uint64_t object = why == TEND__WAIT_EXIT ? (uint64_t)tend__load_relaxed(&t->record->pid)
	                                         : (uint64_t)fds[0];
	int error = 0, linked = 0, ready = -1;

	for (int i = 0; i < n && i < 4 && !error && ready < 0; i++) {
		struct tend__fd *f;

		error = prepare(w, fds[i], &f);
		if (error)
			break;
		/* What came since the caller tried, or before: it tries once more. */
		if (f->ready & events[i]) {
			f->ready &= (uint8_t)~events[i];
			ready = i;
			break;
		}
		waiters[i] = (struct fd_waiter){{.task = t}, events[i]};
		tend__link_append(&f->waiters, &waiters[i].base.link);
		linked++;
	}
	/* Any of them ends the wait: a waiter of its own stands for all. It needs no
	 * lock, for all of this happens on this worker. */
	for (struct tend__waiter any = {.task = t}; !error && ready < 0;) {
		error = tend__wait(NULL, &any, why, object, deadline,
		                   flags | TEND__ONCE | TEND__STAY);
		if (!error && (flags & TEND__ONCE))
			error = -EINTR;
		for (int i = 0; i < linked && ready < 0; i++)
			if (waiters[i].base.done) {
				ready = i;
				error = waiters[i].base.result;
				w->fds[fds[i]]->ready &= (uint8_t)~events[i];
			}
	}
	for (int i = 0; i < linked; i++)
		tend__unlink(&waiters[i].base.link);
	if (error == -ECANCELED && !(flags & (TEND__DEAF | TEND__STAY)))
		tend__abort_if_asked(t);
	return error ? error : ready;
}

/* ---- Short reads ---- */

/* The worker's entry of a descriptor that it watches, or NULL. */
static struct tend__fd *watched(int fd)
{
	struct tend__worker *w = tend__tls.worker;
	struct tend__fd *f = fd >= 0 && fd < w->fds_max ? w->fds[fd] : NULL;

	return f && f->added && f->generation == tend__load(&number_of(fd)->generation) ? f : NULL;
}

void tend__fds_short(int fd)
{
	struct tend__fd *f = watched(fd);

	if (f && f->tcp && !(f->ready & (TEND_READABLE | TEND__UNUSUAL)))
		f->drained = true;
}

bool tend__fds_drained(int fd)
{
	struct tend__fd *f = watched(fd);

	return f && f->drained;
}

/* ---- Watches ---- */

struct watching {
	struct tend__post post;
	int fd;
	void (*fn)(void *arg);
	void *arg;
};

static void on_watch(struct tend__worker *w, struct tend__post *p)
{
	struct watching *x = tend__entry(p, struct watching, post);
	struct tend__fd *f;

	if (!prepare(w, x->fd, &f)) {
		f->watch = x->fn;
		f->watch_arg = x->arg;
	}
	/* What came before it was added is reported as a first edge; if it could not
	 * be added, the call is all there is. */
	x->fn(x->arg);
	tend__free(x);
}

int tend__fd_watch(tend_runtime *rt, int fd, void (*fn)(void *arg), void *arg)
{
	struct watching *x = tend__alloc(sizeof *x);

	if (!x)
		return -ENOMEM;
	*x = (struct watching){{NULL, on_watch}, fd, fn, arg};
	tend__post(&rt->workers[0], &x->post);
	return 0;
}

/* ---- Closing ---- */

struct closing {
	struct tend__post post;
	int fd;
	uint32_t generation;
};

static void on_closed(struct tend__worker *w, int fd, uint32_t generation)
{
	struct tend__fd *f = fd < w->fds_max ? w->fds[fd] : NULL;

	if (f && f->added && f->generation == generation) {
		f->added = false;
		f->watch = NULL;
		wake_all(f, TEND_READABLE | TEND_WRITABLE, -EBADF);
	}
}

static void on_post(struct tend__worker *w, struct tend__post *p)
{
	struct closing *c = tend__entry(p, struct closing, post);
	struct tend__fd *f = c->fd < w->fds_max ? w->fds[c->fd] : NULL;

	/* Closed, it has left the set by itself. */
	if (f && f->added && f->generation == c->generation)
		w->poller.watched--;
	on_closed(w, c->fd, c->generation);
	tend__free(c);
}

static void tell_workers(tend_runtime *rt, uint64_t workers, int fd, uint32_t generation)
{
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct closing *c;

		if (!(workers & UINT64_C(1) << i % 64) || &rt->workers[i] == tend__tls.worker)
			continue;
		c = tend__alloc(sizeof *c);
		if (!c)
			return; /* its waiters see the hangup, or their deadline */
		*c = (struct closing){{NULL, on_post}, fd, generation};
		tend__post(&rt->workers[i], &c->post);
	}
}

void tend__fd_closing(int fd)
{
	struct number *n = number_of(fd);
	struct tend__worker *self = tend__tls.worker;
	uint64_t workers;
	uint32_t generation;

	if (!n)
		return;
	generation = tend__add(&n->generation, 1);
	workers = tend__exchange(&n->workers, UINT64_C(0));
	if (self && (workers & UINT64_C(1) << self->number % 64)) {
		struct tend__fd *f = fd < self->fds_max ? self->fds[fd] : NULL;

		if (f && f->added)
			tend__poller_del(&self->poller, fd);
		on_closed(self, fd, generation);
	}
	if (!workers)
		return;
	/* Workers that know the number; few programs share one among many. A runtime
	 * that closes leaves the table first. */
	tend__runtimes_lock();
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++) {
		tend_runtime *rt = tend__runtime_of(tend__id(i, 0, 0));

		if (rt)
			tell_workers(rt, workers, fd, generation);
	}
	tend__runtimes_unlock();
}

void tend__fd_closed(int fd)
{
	struct number *n = number_of(fd);

	if (n)
		tend__add(&n->generation, 1);
}
