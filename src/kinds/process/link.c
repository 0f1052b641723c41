/* kinds/process/link.c - a runtime's guard: requests, and its news of each process. */
#include "kinds/process/process.h"

#include "tend/io.h"

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/fds.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static void notify(struct tend__process *p)
{
	if (tend__task_notify(p->task))
		tend__task_wake(p->task);
}

static struct tend__process *find(struct tend__children *c, uint64_t cookie) TEND_REQUIRES(&c->lock)
{
	struct tend__task *t = tend__task_at(c->rt, cookie);
	struct tend__process *p = tend__id_slot(cookie) < c->rt->slots ? t->data : NULL;

	tend__assert_held(&c->lock);
	/* A process is in the list until its fiber has seen the end of the process. */
	return p && t->id == cookie && tend__linked(&p->live) ? p : NULL;
}

/* Returns true if the message may come in this phase. The guard is another process, and may
 * be another build, so a message that makes no sense is no reason to abort the program. */
static bool makes_sense(const struct tend__process *p, const struct tend__guard_message *m)
{
	if (m->type == TEND__GUARD_STARTED)
		return p->phase == TEND__PHASE_ASKING && m->pid > 0 && p->pidfd < 0;
	if (m->type == TEND__GUARD_START_FAILED)
		return p->phase == TEND__PHASE_ASKING && m->error >= 0;
	return m->type != TEND__GUARD_EXITED || p->phase == TEND__PHASE_STARTED;
}

/* Returns false if the message makes no sense. */
static bool take(struct tend__children *c, const struct tend__guard_message *m)
	TEND_REQUIRES(&c->lock)
{
	struct tend__process *p = find(c, m->cookie);
	bool sense = !p || makes_sense(p, m);

	if (!p || !sense) {
		if (m->type == TEND__GUARD_STARTED && m->pidfd >= 0)
			close(m->pidfd);
		return sense;
	}
	if (m->type == TEND__GUARD_STARTED) {
		p->phase = TEND__PHASE_STARTED;
		p->pid = m->pid;
		p->pidfd = m->pidfd;
	} else if (m->type == TEND__GUARD_START_FAILED) {
		p->phase = TEND__PHASE_FAILED;
		p->stage = m->stage;
		p->error = m->error;
	} else if (m->type == TEND__GUARD_EXITED) {
		p->phase = TEND__PHASE_EXITED;
		p->code = m->code;
		p->status = m->status;
	}
	notify(p);
	return true;
}

static void close_guard(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	int sock = c->guard.sock, pidfd = c->guard.pidfd;

	tend__assert_held(&c->lock);
	tend__assert(c->open && sock >= 0 && pidfd >= 0);
	tend__fd_closing(sock);
	tend__fd_closing(pidfd);
	tend__guard_close(&c->guard);
	tend__fd_closed(sock);
	tend__fd_closed(pidfd);
	c->open = false;
}

/* The guard died. The kernel signals each of its keepers, and a keeper then kills its
 * process (guard/keeper.c); the fiber of each process makes sure. The next spawn opens a
 * new guard. */
static void lost(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	tend__assert(c->open);
	for (struct tend__link *l = c->live.next; l != &c->live; l = l->next) {
		struct tend__process *p = tend__entry(l, struct tend__process, live);

		if (p->phase == TEND__PHASE_ASKING || p->phase == TEND__PHASE_STARTED)
			p->phase = TEND__PHASE_LOST;
		notify(p);
	}
	close_guard(c);
}

/* Takes the messages of the guard. Returns false if the guard is dead and all of its
 * messages are taken, or if a message makes no sense. */
static bool listen_to(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	/* Before the messages are read: messages sent between the two looks would be lost. */
	bool dead = tend__guard_dead(&c->guard);
	struct tend__guard_message m;
	int got;

	while ((got = tend__guard_next(&c->guard, &m)) == 1)
		if (!take(c, &m))
			return false;
	return !dead && got != -EPIPE;
}

static void block(struct tend__children *c, struct tend__process *p) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	if (p->blocked)
		return;
	tend__assert(tend__linked(&p->live));
	p->blocked = true;
	c->blocked++;
}

static void unblock(struct tend__children *c, struct tend__process *p) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	if (!p->blocked)
		return;
	tend__assert(c->blocked > 0 && tend__linked(&p->live));
	p->blocked = false;
	c->blocked--;
}

static void ready(void *arg, int error)
{
	struct tend__children *c = arg;

	tend__lock(&c->lock);
	/* A guard that cannot be watched is as good as dead. */
	if (c->open && (!listen_to(c) || error))
		lost(c);
	/* There may be room again: each fiber that had to wait for room tries once more. */
	for (struct tend__link *l = c->live.next; c->blocked && l != &c->live; l = l->next) {
		struct tend__process *p = tend__entry(l, struct tend__process, live);

		if (p->blocked) {
			unblock(c, p);
			notify(p);
		}
	}
	tend__assert(!c->blocked);
	tend__unlock(&c->lock);
}

static int open_guard(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	if (c->open)
		return 0;
	int error = tend__guard_open(c->rt->guard_path, &c->guard);
	if (error)
		return error;
	c->open = true;
	/* The pidfd, too: the socket alone does not tell the death of the guard, because a
	 * fork of this program may have the guard's end. */
	error = tend__fd_watch(c->rt, c->guard.sock, ready, c);
	if (!error)
		error = tend__fd_watch(c->rt, c->guard.pidfd, ready, c);
	if (error)
		close_guard(c);
	return error;
}

int tend__link_open(tend_runtime *rt, struct tend__children **out)
{
	tend__lock(&rt->children_lock);
	if (!rt->children) {
		struct tend__children *c = tend__alloc(sizeof(*c));

		if (c) {
			c->rt = rt;
			tend__link_init(&c->live);
			rt->children = c;
		}
	}
	struct tend__children *c = rt->children;
	tend__unlock(&rt->children_lock);
	if (!c)
		return -ENOMEM;

	/* No pthread_cancel() takes effect while this thread holds the lock. */
	int cancelable;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	tend__lock(&c->lock);
	int error = open_guard(c);
	tend__unlock(&c->lock);
	pthread_setcancelstate(cancelable, NULL);
	*out = c;
	return error;
}

static struct tend__children *children_of(tend_runtime *rt)
{
	tend__lock(&rt->children_lock);
	struct tend__children *c = rt->children;
	tend__unlock(&rt->children_lock);
	return c;
}

void tend__children_close(tend_runtime *rt)
{
	struct tend__children *c = children_of(rt);

	if (!c)
		return;
	tend__lock(&c->lock);
	tend__assert(!tend__linked(&c->live) && !c->blocked);
	if (c->open)
		close_guard(c);
	tend__unlock(&c->lock);
}

void tend__children_free(tend_runtime *rt)
{
	tend__lock(&rt->children_lock);
	tend__free(rt->children);
	rt->children = NULL;
	tend__unlock(&rt->children_lock);
}

int tend__link_ask(struct tend__process *p, const int fds[3])
{
	struct tend__children *c = p->children;
	const struct tend__guard_stop stop = {.signal = p->stop_signal, .ns = p->stop_ns};

	tend__lock(&c->lock);
	int error = open_guard(c);
	tend__assert(p->phase == TEND__PHASE_ASKING || p->phase == TEND__PHASE_LOST);
	p->phase = TEND__PHASE_ASKING; /* LOST if the last guard died meanwhile */
	if (error == -EAGAIN)
		error = -ENOBUFS; /* out of processes: no guard would notify the fiber */
	if (!error)
		error = tend__guard_spawn(&c->guard, p->cookie, p->argv, p->env, p->cwd, p->base,
		                          stop, fds);
	if ((!error || error == -EAGAIN) && !tend__linked(&p->live))
		tend__link_append(&c->live, &p->live);
	if (error == -EAGAIN)
		block(c, p);
	if (error == -EPIPE) {
		(void)listen_to(c);
		lost(c);
	}
	tend__unlock(&c->lock);
	return error;
}

enum tend__phase tend__link_look(struct tend__process *p, int32_t *pid)
{
	tend__lock(&p->children->lock);
	enum tend__phase phase = p->phase;
	*pid = p->pid;
	tend__unlock(&p->children->lock);
	return phase;
}

/* Sends the stop signal to the process, or with 0 SIGKILL to everything of the process. */
static int pass(struct tend__process *p, int signal)
{
	struct tend__children *c = p->children;
	int error = -EAGAIN;

	tend__lock(&c->lock);
	if (c->open) {
		error = signal ? tend__guard_stop(&c->guard, p->cookie, p->stop_ns)
		               : tend__guard_kill(&c->guard, p->cookie);
		if (error == -EAGAIN)
			block(c, p);
	}
	tend__unlock(&c->lock);
	return error;
}

int tend__link_stop(struct tend__process *p) { return pass(p, p->stop_signal); }
int tend__link_kill(struct tend__process *p) { return pass(p, 0); }

int tend__link_signal(struct tend__process *p, int signal)
{
	struct tend__children *c = p->children;
	int error = -EPIPE;

	tend__lock(&c->lock);
	if (c->open)
		error = signal == SIGKILL ? tend__guard_kill(&c->guard, p->cookie)
		                          : tend__guard_signal(&c->guard, p->cookie, signal);
	tend__unlock(&c->lock);
	return error;
}

bool tend__link_has(struct tend__process *p)
{
	tend__lock(&p->children->lock);
	bool has = tend__linked(&p->live);
	tend__unlock(&p->children->lock);
	return has;
}

void tend__link_leave(struct tend__process *p)
{
	struct tend__children *c = p->children;

	tend__lock(&c->lock);
	unblock(c, p);
	tend__assert(p->phase != TEND__PHASE_STARTED);
	tend__unlink(&p->live);
	tend__unlock(&c->lock);
	if (p->pidfd >= 0)
		tend_fd_close(p->pidfd); /* see_it_dead() may have waited for it */
	p->pidfd = -1;
}
