/* runtime/fds.c - the descriptors of a worker.
 *
 * A descriptor is added to the poller of the worker once, for both directions, by edge;
 * from then on a wait costs no system call. The number may be closed and given to another
 * file, at an instant that only the kernel knows: tend_fd_close() advances the generation
 * of the number before the close and after. The generation is in every event, and is
 * compared at each wait; an entry of an earlier generation is dropped, and its waits end. */
#include "runtime/fds.h"

#include "tend/io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { UNASKED_MAX = 16 };

struct number {
	_Atomic uint64_t generation; /* closes: BEGUN for each begun, 1 for each finished */
	_Atomic uint64_t workers;    /* a bit for each that may have added it, modulo 64 */
};
#define BEGUN (UINT64_C(1) << 32)

static uint32_t closes_of(uint64_t generation) { return (uint32_t)(generation / BEGUN); }

static _Atomic(struct number *) numbers;

static struct number *number_of(int fd)
{
	/* Acquire: pairs with the exchange below. */
	struct number *n = tend__load_acquire(&numbers), *none = NULL;

	if (fd < 0 || fd >= TEND__FDS_MAX)
		return NULL;
	if (n)
		return &n[fd];
	n = tend__reserve(TEND__FDS_MAX * sizeof(*n));
	if (!n)
		return NULL;
	if (!tend__cas_acq_rel(&numbers, &none, n)) {
		tend__unreserve(n, TEND__FDS_MAX * sizeof(*n));
		n = none;
	}
	return &n[fd];
}

struct fd_waiter {
	struct tend__waiter base;
	int events;
};

static uint64_t key_of(int fd, uint64_t generation)
{
	tend__assert(fd >= 0 && fd < TEND__FDS_MAX);
	/* The sum changes at each advance. */
	return tend__key(fd, (generation >> 32) + generation);
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

/* No fiber of this worker asks for the descriptor any more: perhaps those of another worker
 * do, and the events would wake this worker for nothing, for ever. The next wait here adds
 * the descriptor again. */
static void forget(struct tend__worker *w, int fd, struct tend__fd *f)
{
	tend__assert(f->added && !tend__linked(&f->waiters));
	tend__poller_del(&w->poller, fd);
	f->added = false;
	w->poller.watched--;
}

static void report(struct tend__worker *w, const struct tend__ready *ready, int n)
{
	for (int i = 0; i < n; i++) {
		int fd = tend__key_fd(ready[i].key);

		tend__assert(fd >= 0 && fd < TEND__FDS_MAX);
		/* Relaxed: this worker wrote the pointer. */
		struct tend__fd *f = tend__load_relaxed(&w->fds) + fd;

		/* The event of an earlier file of the number: no wait is for that file. */
		if (!f->added || key_of(fd, f->generation) != ready[i].key)
			continue;
		if (!tend__linked(&f->waiters) && ++f->unasked == UNASKED_MAX) {
			forget(w, fd, f);
			continue;
		}
		f->ready |= (uint8_t)ready[i].events;
		f->drained = false;
		wake_all(f, ready[i].events, 0);
	}
}

void tend__fds_look(struct tend__worker *w, uint64_t deadline)
{
	struct tend__ready ready[64];
	int n = tend__poller_wait(&w->poller, deadline, ready, 64);

	report(w, ready, n);
}

void tend__fds_fini(struct tend__worker *w)
{
	struct tend__fd *fds = tend__load_relaxed(&w->fds);

	if (fds)
		tend__unreserve(fds, TEND__FDS_MAX * sizeof(*fds));
	tend__store_relaxed(&w->fds, NULL);
}

/* The entry of the calling worker. */
static struct tend__fd *entry_of(struct tend__worker *w, int fd)
{
	/* Relaxed: only this worker writes it. */
	struct tend__fd *fds = tend__load_relaxed(&w->fds);

	if (!fds) {
		fds = tend__reserve(TEND__FDS_MAX * sizeof(*fds));
		if (!fds)
			return NULL;
		/* Release: for a thread that closes a number, and finds it by the number's bits. */
		tend__store_release(&w->fds, fds);
	}
	if (!fds[fd].waiters.next)
		tend__link_init(&fds[fd].waiters);
	return &fds[fd];
}

static bool is_tcp(int fd)
{
	int protocol = 0;
	socklen_t bytes = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes) == 0 &&
	       (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

static int add(struct tend__worker *w, int fd, struct tend__fd *f, uint64_t generation)
{
	tend__assert(!f->added);
	int error = tend__poller_add(&w->poller, fd, key_of(fd, generation));

	/* The file has been in the set under this number before, was closed here, and came
	 * back by a duplicate, which had kept it in the set. */
	if (error == -EEXIST) {
		tend__poller_del(&w->poller, fd);
		error = tend__poller_add(&w->poller, fd, key_of(fd, generation));
	}
	if (error)
		return error;
	f->added = true;
	f->ready = 0;
	f->drained = false;
	f->tcp = is_tcp(fd);
	f->blocking = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
	f->unasked = 0;
	f->generation = generation;
	w->poller.watched++;
	return 0;
}

/* The generation of the entry has passed. A wait from before the close is for a file that is
 * gone; a wait from during the close looks again at the file of the number. */
static void drop(struct tend__worker *w, struct tend__fd *f, uint64_t generation)
{
	bool gone = closes_of(f->generation) != closes_of(generation);

	tend__assert(f->added && w->poller.watched > 0);
	f->added = false;
	w->poller.watched--;
	wake_all(f, TEND_READABLE | TEND_WRITABLE, gone ? -EBADF : 0);
}

/* Makes sure that the poller reports the present file of the number. */
static int prepare(struct tend__worker *w, int fd, struct tend__fd **out)
{
	struct number *n = number_of(fd);

	if (!n)
		return fd < 0 ? -EBADF : -EOVERFLOW;
	struct tend__fd *f = entry_of(w, fd);
	if (!f)
		return -ENOMEM;
	*out = f;
	for (;;) {
		uint64_t generation = tend__load(&n->generation);

		if (f->added && f->generation == generation)
			return 0;
		if (f->added) {
			/* A file with a second descriptor is still in the set. */
			tend__poller_del(&w->poller, fd);
			drop(w, f, generation);
		}
		/* The bit is set before the second look: a thread that closes the number sees
		 * the bit, or the new generation is seen here. */
		tend__or(&n->workers, UINT64_C(1) << w->number % 64);
		int error = add(w, fd, f, generation);
		if (error)
			return error;
		if (tend__load(&n->generation) == generation)
			return 0;
	}
}

int tend__fds_wait(const int *fds, const int *events, int n, enum tend__wait_kind why,
                   uint64_t deadline, unsigned flags, uint64_t where)
{
	struct tend__task *t = tend__self(NULL);
	struct tend__worker *w = t->worker;
	struct fd_waiter waiters[TEND__FDS];
	int error = 0, linked = 0, ready = -1;

	tend__assert(w && w == tend__tls.worker);
	tend__assert(n > 0 && n <= TEND__FDS);
	for (int i = 0; i < n && !error && ready < 0; i++) {
		struct tend__fd *f;

		error = prepare(w, fds[i], &f);
		if (error)
			break;
		f->unasked = 0;
		/* An event since the caller tried, or from before: the caller tries once more. */
		if (f->ready & events[i]) {
			f->ready &= (uint8_t)~events[i];
			ready = i;
			break;
		}
		waiters[i] = (struct fd_waiter){{.task = t}, events[i]};
		tend__link_append(&f->waiters, &waiters[i].base.link);
		linked++;
	}
	/* Any of the waiters ends the wait: `any` stands for all of them. No lock is needed,
	 * because all of this happens on this worker. */
	for (struct tend__waiter any = {.task = t, .where = where}; !error && ready < 0;) {
		error = tend__wait(NULL, &any, why, (uint64_t)fds[0], deadline,
		                   flags | TEND__ONCE | TEND__STAY);
		for (int i = 0; i < linked && ready < 0; i++)
			if (waiters[i].base.done) {
				ready = i;
				error = waiters[i].base.result;
				entry_of(w, fds[i])->ready &= (uint8_t)~events[i];
			}
	}
	for (int i = 0; i < linked; i++)
		tend__unlink(&waiters[i].base.link);
	if (error == -ECANCELED && !(flags & (TEND__UNCANCELABLE | TEND__STAY)))
		tend__abort_if_asked(t);
	return error ? error : ready;
}

/* ---- Short reads ---- */

/* Returns the calling worker's entry of a descriptor in its poller, or NULL. */
static struct tend__fd *watched(int fd)
{
	struct tend__worker *w = tend__tls.worker;

	tend__assert(w);
	/* Relaxed: this worker wrote the pointer. */
	struct tend__fd *f = tend__load_relaxed(&w->fds);

	if (!f || fd < 0 || fd >= TEND__FDS_MAX)
		return NULL;
	f += fd;
	return f->added && f->generation == tend__load(&number_of(fd)->generation) ? f : NULL;
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

int tend__fds_mode(int fd)
{
	struct tend__fd *f = watched(fd);

	return !f ? -1 : f->blocking;
}

/* ---- Closing ---- */

static void look_again(struct tend__worker *w, struct tend__fd *f)
{
	int fd = (int)(f - tend__load_relaxed(&w->fds));
	uint64_t generation = tend__load(&number_of(fd)->generation);

	if (f->added && f->generation != generation)
		drop(w, f, generation);
}

static void on_advance(struct tend__worker *w, struct tend__post *p)
{
	struct tend__fd *f = tend__entry(p, struct tend__fd, post);
	int fd = (int)(f - tend__load_relaxed(&w->fds));

	/* `posted` is cleared and the bit is restored before the generations are compared. A
	 * thread that advances the number after the comparison finds the bit, and posts again. */
	tend__store(&f->posted, false);
	if (f->added)
		tend__or(&number_of(fd)->workers, UINT64_C(1) << w->number % 64);
	look_again(w, f);
}

static void tell_workers(tend_runtime *rt, uint64_t workers, int fd)
{
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct tend__worker *w = &rt->workers[i];
		/* Acquire: pairs with the release in entry_of(). */
		struct tend__fd *fds = tend__load_acquire(&w->fds);

		if (!fds || !(workers & UINT64_C(1) << i % 64) || w == tend__tls.worker ||
		    tend__exchange(&fds[fd].posted, true))
			continue;
		fds[fd].post.fn = on_advance;
		tend__post(w, &fds[fd].post);
	}
}

/* Advances the generation, and makes the workers that have added the number look. */
static void advance(int fd, uint64_t by)
{
	struct number *n = number_of(fd);
	struct tend__worker *self = tend__tls.worker;
	/* Relaxed: this worker wrote the pointer. */
	struct tend__fd *own = self ? tend__load_relaxed(&self->fds) : NULL;

	if (!n)
		return;
	tend__add(&n->generation, by);
	uint64_t workers = tend__exchange(&n->workers, UINT64_C(0));
	if (!workers)
		return;
	if (own && own[fd].added) {
		if (by == BEGUN)
			tend__poller_del(&self->poller, fd);
		look_again(self, &own[fd]);
	}
	/* All runtimes, because programs have few. A runtime that closes leaves the table
	 * first. */
	tend__lock(&tend__runtimes_lock);
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++) {
		/* Acquire: pairs with the release in tend__runtime_claim(). */
		tend_runtime *rt = tend__load_acquire(&tend__runtimes[i].rt);

		if (rt)
			tell_workers(rt, workers, fd);
	}
	tend__unlock(&tend__runtimes_lock);
}

void tend__fd_closing(int fd) { advance(fd, BEGUN); }
void tend__fd_closed(int fd) { advance(fd, 1); }

uint32_t tend__fd_closes(int fd)
{
	struct number *n = number_of(fd);

	return n ? closes_of(tend__load(&n->generation)) : 0;
}
