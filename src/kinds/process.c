/* kinds/process.c - a child process as a task.
 *
 * The task is a fiber that looks after the process: it asks the guard for it,
 * reads what it writes, passes the stop on, and ends when the guard says that
 * the leader was reaped and all that descends from it is dead. So a process has
 * the waits, the cancel and the end of any fiber, and no states of its own. */
#include "tend/io.h"
#include "tend/process.h"

#include "kinds/kinds.h"
#include "platform/guard.h"
#include "runtime/fds.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TAIL_MAX = 65536, TAIL_FIRST = 4096, READS_A_TURN = 16 };

#define RETRY_NS (20 * TEND_MS) /* what nobody tells of is looked at so often */
#define GONE_NS  (5 * TEND_SEC) /* in which the keepers of a dead guard end their tasks, at worst */

extern char **environ;

/* The guard of a runtime, and the processes that it has. */
struct tend__children {
	tend_runtime *rt;
	struct tend__lock lock;
	struct tend__guard guard TEND_GUARDED_BY(&lock);
	struct tend__link live TEND_GUARDED_BY(&lock);
	uint32_t blocked TEND_GUARDED_BY(&lock); /* that wait for room in the socket */
	bool open TEND_GUARDED_BY(&lock);
};

enum phase { ASKING, STARTED, FAILED, EXITED, LOST };

/* (c) constant  (f) its fiber's  (k) children.lock  (s) the task's stripe */
struct process {
	struct tend__children *children;          /* (c) */
	struct tend__task *task;                  /* (c) */
	uint64_t cookie;                          /* (c) the task's id */
	struct tend__link live;                   /* (k) */
	enum phase phase;                         /* (k) */
	bool blocked;                             /* (k) */
	int32_t pid, pidfd, code, status, error;  /* (k) */
	uint32_t stage;                           /* (k) */
	int base;                                 /* (f) where a relative cwd begins, -1 */
	int out[2];                               /* (f) read ends of its output, -1 */
	int stop_signal;                          /* (c) */
	uint64_t stop_ns;                         /* (c) */
	const char **argv, **env;                 /* (c) */
	const char *cwd;                          /* (c) */
	tend_output_fn *output;                   /* (c) */
	void *output_arg;                         /* (c) */
	void (*drop)(void *arg);                  /* (c) */
	char *tail;                               /* (s) a ring */
	size_t tail_size, tail_first, tail_count; /* (s) */
	uint64_t tail_dropped;                    /* (s) */
	char strings[];                           /* (c) */
};

/* ---- What the guard says ---- */

static void notify(struct process *p)
{
	if (tend__task_notify(p->task))
		tend__task_wake(p->task);
}

static struct process *find(struct tend__children *c, uint64_t cookie) TEND_REQUIRES(&c->lock)
{
	struct tend__task *t = tend__task_at(c->rt, cookie);
	struct process *p = tend__id_slot(cookie) < c->rt->slots ? t->data : NULL;

	/* A process is in the list until its fiber has seen the end. */
	return p && t->id == cookie && tend__linked(&p->live) ? p : NULL;
}

static void take(struct tend__children *c, const struct tend__guard_message *m)
	TEND_REQUIRES(&c->lock)
{
	struct process *p = find(c, m->cookie);

	if (!p) {
		if (m->type == TEND__GUARD_STARTED && m->pidfd >= 0)
			close(m->pidfd);
		return;
	}
	if (m->type == TEND__GUARD_STARTED) {
		p->phase = STARTED;
		p->pid = m->pid;
		p->pidfd = m->pidfd;
	} else if (m->type == TEND__GUARD_START_FAILED) {
		p->phase = FAILED;
		p->stage = m->stage;
		p->error = m->error;
	} else if (m->type == TEND__GUARD_EXITED) {
		p->phase = EXITED;
		p->code = m->code;
		p->status = m->status;
	}
	notify(p);
}

static void close_guard(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	int sock = c->guard.sock, pidfd = c->guard.pidfd;

	tend__fd_closing(sock);
	tend__fd_closing(pidfd);
	tend__guard_close(&c->guard);
	tend__fd_closed(sock);
	tend__fd_closed(pidfd);
	c->open = false;
}

/* The guard is gone, and its keepers and their leaders with it: they are tied to
 * it. Their fibers make sure. The next spawn opens another. */
static void lost(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	for (struct tend__link *l = c->live.next; l != &c->live; l = l->next) {
		struct process *p = tend__entry(l, struct process, live);

		if (p->phase == ASKING || p->phase == STARTED)
			p->phase = LOST;
		notify(p);
	}
	close_guard(c);
}

/* What the guard has said. False if it is dead, and all of this is read. */
static bool listen_to(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	bool dead = tend__guard_dead(&c->guard); /* before the look at what it said */
	struct tend__guard_message m;
	int got;

	while ((got = tend__guard_next(&c->guard, &m)) == 1)
		take(c, &m);
	return !dead && got != -EPIPE;
}

static void ready(void *arg, int error)
{
	struct tend__children *c = arg;

	tend__lock(&c->lock);
	/* One that cannot be watched is as good as dead. */
	if (c->open && (!listen_to(c) || error))
		lost(c);
	/* There may be room again: whoever found none tries once more. */
	for (struct tend__link *l = c->live.next; c->blocked && l != &c->live; l = l->next) {
		struct process *p = tend__entry(l, struct process, live);

		if (p->blocked) {
			p->blocked = false;
			c->blocked--;
			notify(p);
		}
	}
	tend__unlock(&c->lock);
}

static int open_guard(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	int error;

	if (c->open)
		return 0;
	error = tend__guard_open(c->rt->guard_path, &c->guard);
	if (error)
		return error;
	c->open = true;
	/* The pidfd, too: a fork of this program may have the guard's end of the socket. */
	error = tend__fd_watch(c->rt, c->guard.sock, ready, c);
	if (!error)
		error = tend__fd_watch(c->rt, c->guard.pidfd, ready, c);
	if (error)
		close_guard(c);
	return error;
}

static int children_of(tend_runtime *rt, struct tend__children **out)
{
	int error = 0, cancelable;

	tend__lock(&rt->children_lock);
	if (!rt->children) {
		struct tend__children *c = tend__alloc(sizeof *c);

		if (c) {
			c->rt = rt;
			tend__link_init(&c->live);
			rt->children = c;
		}
	}
	*out = rt->children;
	tend__unlock(&rt->children_lock);
	if (!*out)
		return -ENOMEM;
	/* No pthread_cancel() takes effect with the lock. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	tend__lock(&(*out)->lock);
	error = open_guard(*out);
	tend__unlock(&(*out)->lock);
	pthread_setcancelstate(cancelable, NULL);
	return error;
}

void tend__children_close(tend_runtime *rt)
{
	struct tend__children *c = rt->children;

	if (!c)
		return;
	tend__lock(&c->lock);
	if (c->open)
		close_guard(c);
	tend__unlock(&c->lock);
}

void tend__children_free(tend_runtime *rt)
{
	tend__free(rt->children);
	rt->children = NULL;
}

/* ---- Its output ---- */

static void keep(struct process *p, const char *bytes, size_t n)
{
	struct tend__lock *stripe = tend__stripe_of(p->children->rt, p->cookie);

	tend__lock(stripe);
	if (p->tail_count + n > p->tail_size && p->tail_size < TAIL_MAX) {
		size_t size = p->tail_size ? p->tail_size : TAIL_FIRST;
		char *grown;

		while (size < p->tail_count + n && size < TAIL_MAX)
			size *= 2;
		grown = tend__alloc(size);
		if (grown) {
			for (size_t i = 0; i < p->tail_count; i++)
				grown[i] = p->tail[(p->tail_first + i) % p->tail_size];
			tend__free(p->tail);
			p->tail = grown;
			p->tail_size = size;
			p->tail_first = 0;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (!p->tail_size) {
			p->tail_dropped++;
			continue;
		}
		p->tail[(p->tail_first + p->tail_count) % p->tail_size] = bytes[i];
		if (p->tail_count < p->tail_size)
			p->tail_count++;
		else {
			p->tail_first = (p->tail_first + 1) % p->tail_size;
			p->tail_dropped++;
		}
	}
	tend__unlock(stripe);
}

static void close_output(struct process *p, int i)
{
	if (p->out[i] >= 0)
		tend_fd_close(p->out[i]);
	p->out[i] = -1;
}

/* Reads what is there. True if there may be more: one that floods us yields to
 * others, and is slowed by its own pipe. */
static bool read_output(struct process *p)
{
	char bytes[4096];
	bool more = false;

	for (int i = 0; i < 2; i++)
		for (int turn = 0; p->out[i] >= 0; turn++) {
			ssize_t n;

			if (turn == READS_A_TURN) {
				more = true;
				break;
			}
			n = read(p->out[i], bytes, sizeof bytes);
			if (n > 0) {
				keep(p, bytes, (size_t)n);
				if (p->output)
					p->output(p->output_arg, i + 1, bytes, (size_t)n);
			} else if (n < 0 && errno == EINTR)
				continue;
			else if (n < 0 && errno == EAGAIN)
				break;
			else
				close_output(p, i);
		}
	return more;
}

/* ---- Its fiber ---- */

static void message(struct process *p, const char *text)
{
	struct tend__lock *stripe = tend__stripe_of(p->children->rt, p->cookie);

	tend__lock(stripe);
	if (tend__task_extra(p->task))
		snprintf(p->task->extra->message, sizeof p->task->extra->message, "%s", text);
	tend__unlock(stripe);
}

static int failed(struct process *p, int error, const char *stage)
{
	char text[128];

	snprintf(text, sizeof text, "%s: %s: %s", p->argv[0], stage, strerrordesc_np(error));
	message(p, text);
	if (!tend__task_told(p->task))
		p->task->ending = TEND_FAILED;
	return -error;
}

/* One question. -EAGAIN when there is no room: a notify comes when there is. */
static int ask_once(struct process *p, const int fds[3])
{
	struct tend__children *c = p->children;
	int error;

	tend__lock(&c->lock);
	error = open_guard(c);
	p->phase = ASKING; /* an earlier guard may have died meanwhile */
	if (error == -EAGAIN)
		error = -ENOBUFS; /* of processes: there is no guard that would tell */
	if (!error)
		error = tend__guard_spawn(&c->guard, p->cookie, p->argv, p->env, p->cwd, p->base,
		                          fds);
	if ((!error || error == -EAGAIN) && !tend__linked(&p->live))
		tend__link_append(&c->live, &p->live);
	if (error == -EAGAIN && !p->blocked) {
		p->blocked = true;
		c->blocked++;
	}
	if (error == -EPIPE) {
		(void)listen_to(c);
		lost(c);
	}
	tend__unlock(&c->lock);
	return error;
}

/* Asks the guard, waiting while there is no room; and another one, if it has died. */
static int ask(struct process *p, const int fds[3])
{
	for (int deaths = 0;;) {
		struct tend__waiter w = {.task = p->task};
		int error = ask_once(p, fds);
		uint64_t until = error == -ETOOMANYREFS ? tend_after(RETRY_NS) : TEND_FOREVER;

		if (error == -EPIPE && deaths++ == 0)
			continue;
		if (error != -EAGAIN && error != -ETOOMANYREFS)
			return error;
		error = tend__wait(NULL, &w, TEND__WAIT_GUARD, 0, until, TEND__ONCE);
		if (error && error != -ETIMEDOUT)
			return error;
	}
}

static void unlink_live(struct process *p)
{
	struct tend__children *c = p->children;

	tend__lock(&c->lock);
	if (p->blocked)
		c->blocked--;
	p->blocked = false;
	tend__unlink(&p->live);
	tend__unlock(&c->lock);
	if (p->pidfd >= 0)
		tend_fd_close(p->pidfd); /* it may have been waited on */
	p->pidfd = -1;
}

static void close_base(struct process *p)
{
	if (p->base >= 0)
		close(p->base);
	p->base = -1;
}

/* Output goes through two pipes; their other ends are the child's. */
static int start(struct process *p)
{
	int in[2] = {-1, -1}, fds[3] = {-1, -1, -1}, error = 0;

	for (int i = 0; i < 2 && !error; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC)) {
			error = -errno;
			break;
		}
		p->out[i] = ends[0];
		fds[i + 1] = in[i] = ends[1];
		if (fcntl(ends[0], F_SETFL, O_NONBLOCK))
			error = -errno;
	}
	if (!error)
		error = ask(p, fds);
	close_base(p);
	for (int i = 0; i < 2; i++)
		if (in[i] >= 0)
			close(in[i]);
	return error;
}

struct stop {
	bool told, killed; /* what was asked of the guard */
	bool sent_stop, sent_kill;
	bool failed; /* to send one, and not for want of room */
	uint64_t kill_at;
};

/* Passes the stop on: the signal once, SIGKILL when its time has come or when
 * it is asked for by force. */
static void pass_on(struct process *p, struct stop *stop)
{
	struct tend__children *c = p->children;
	int error = 0;

	if (!stop->told && tend__task_told(p->task)) {
		stop->told = true;
		stop->kill_at = tend_after(p->stop_ns);
	}
	if (stop->told &&
	    ((tend__task_word(p->task) & TEND__ABORTED) || tend__clock() >= stop->kill_at))
		stop->killed = true;
	tend__lock(&c->lock);
	if (c->open && stop->killed && !stop->sent_kill) {
		error = tend__guard_kill(&c->guard, p->cookie);
		stop->sent_kill = !error;
	} else if (c->open && stop->told && !stop->killed && !stop->sent_stop) {
		error = tend__guard_stop(&c->guard, p->cookie, p->stop_signal);
		stop->sent_stop = !error;
	}
	if (error == -EAGAIN && !p->blocked) {
		p->blocked = true;
		c->blocked++;
	}
	stop->failed = error && error != -EAGAIN;
	tend__unlock(&c->lock);
}

/* Its descriptors of output, and what is wanted of them. How many there are. */
static int outputs(const struct process *p, int fds[2], int events[2])
{
	int n = 0;

	for (int i = 0; i < 2; i++)
		if (p->out[i] >= 0) {
			events[n] = TEND_READABLE;
			fds[n++] = p->out[i];
		}
	return n;
}

/* The guard died. Direct children have died with it; one whose pidfd we have is
 * seen to be dead. Until then it is abandoned, and says so. Its keeper ends the others,
 * and with it go the last who could write. */
static void see_it_dead(struct process *p)
{
	int events = TEND_READABLE, error;

	if (!tend__task_mark(p->task->record, p->cookie, TEND__ABANDONED))
		return;
	while (p->pidfd >= 0) {
		struct pollfd look = {.fd = p->pidfd, .events = POLLIN};

		syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
		if (poll(&look, 1, 0) > 0)
			break;
		error = tend__fds_wait(&p->pidfd, &events, 1, TEND__WAIT_EXIT, TEND_FOREVER,
		                       TEND__DEAF);
		if (error < 0 && error != -EINTR)
			break;
	}
	for (uint64_t late = tend_after(GONE_NS);;) {
		int fds[2], wanted[2], n;

		while (read_output(p))
			tend__fiber_yield(p->task);
		n = outputs(p, fds, wanted);
		if (!n)
			break;
		error = tend__fds_wait(fds, wanted, n, TEND__WAIT_EXIT, late, TEND__DEAF);
		if (error < 0 && error != -EINTR)
			break;
	}
	tend__task_unmark(p->task, TEND__ABANDONED);
}

static enum phase phase_of(struct process *p)
{
	enum phase phase;
	int32_t pid;

	tend__lock(&p->children->lock);
	phase = p->phase;
	pid = p->pid;
	tend__unlock(&p->children->lock);
	/* Relaxed: for readers. */
	if (pid && !tend__load_relaxed(&p->task->record->pid)) {
		tend__store_relaxed(&p->task->record->pid, pid);
		tend__task_unmark(p->task, TEND__STARTING);
	}
	return phase;
}

static uint64_t retry_before(uint64_t deadline)
{
	uint64_t retry = tend_after(RETRY_NS);

	return retry < deadline ? retry : deadline;
}

static void wait_for_news(struct process *p, const struct stop *stop)
{
	uint64_t deadline = stop->told && !stop->killed ? stop->kill_at : TEND_FOREVER;
	unsigned flags = TEND__ONCE | (stop->told ? (unsigned)TEND__DEAF : 0);
	int fds[2], events[2], n = outputs(p, fds, events);
	struct tend__waiter w = {.task = p->task};

	if (stop->failed)
		deadline = retry_before(deadline);
	/* Whatever it answers, the caller looks at everything again; a descriptor that
	 * cannot be watched, for want of memory say, is looked at now and then. */
	if (n) {
		int got = tend__fds_wait(fds, events, n, TEND__WAIT_EXIT, deadline, flags);

		if (got >= 0 || got == -EINTR || got == -ECANCELED || got == -ETIMEDOUT)
			return;
		deadline = retry_before(deadline);
	}
	if (tend__wait(NULL, &w, TEND__WAIT_EXIT,
	               (uint64_t)tend__load_relaxed(&p->task->record->pid), deadline, flags))
		return;
}

/* Has something come since the last look? The output callback may have waited,
 * and its wait have consumed the notify. */
static bool news(struct process *p, enum phase phase, const struct stop *stop)
{
	bool force = tend__task_word(p->task) & TEND__ABORTED;

	return phase == EXITED || phase_of(p) != phase || (force && !stop->killed) ||
	       (tend__task_told(p->task) && !stop->told);
}

static int ended(struct process *p, enum phase phase, const struct stop *stop)
{
	if (phase == FAILED && p->stage == TEND__STAGE_KILLED) {
		/* Killed between the question and the start: nothing of it ever ran. */
		p->task->ending = TEND_KILLED;
		return 128 + SIGKILL;
	}
	if (phase == FAILED)
		return failed(p, p->error, tend__guard_stage_text(p->stage));
	if (phase == LOST) {
		see_it_dead(p);
		message(p, "tend-guard died, and the process with it");
		p->task->ending = TEND_KILLED;
		return 128 + SIGKILL;
	}
	if (p->code == CLD_EXITED) {
		if (p->status && !tend__task_told(p->task))
			p->task->ending = TEND_FAILED;
		return p->status;
	}
	tend__lock(tend__stripe_of(p->children->rt, p->cookie));
	if (tend__task_extra(p->task))
		p->task->extra->signal = p->status;
	tend__unlock(tend__stripe_of(p->children->rt, p->cookie));
	if (stop->killed && p->status == SIGKILL)
		p->task->ending = TEND_KILLED;
	else if (!tend__task_told(p->task))
		p->task->ending = TEND_FAILED;
	return 128 + p->status;
}

static int process_main(void *arg)
{
	struct process *p = arg;
	struct tend__outside room;
	struct stop stop = {0};
	enum phase phase = ASKING;
	int result;

	tend__self(&room); /* a cancel must find it, however it waits */
	result = start(p);
	if (result) {
		if (result != -ECANCELED)
			result = failed(p, -result, "could not start it");
	} else {
		for (;;) {
			bool more;

			phase = phase_of(p);
			more = read_output(p);
			if (phase == FAILED || phase == LOST || (phase == EXITED && !more))
				break;
			pass_on(p, &stop);
			if (more)
				tend__fiber_yield(p->task);
			else if (!news(p, phase, &stop))
				wait_for_news(p, &stop);
		}
		result = ended(p, phase, &stop);
	}
	close_output(p, 0);
	close_output(p, 1);
	unlink_live(p);
	return result;
}

/* A panic in the output callback leaves process_main() behind: the process is
 * ended first. On the task's own stack, so this may wait. */
static void process_leave(struct tend__task *t)
{
	struct process *p = t->data;
	struct stop stop = {.told = true, .killed = true};
	enum phase phase;
	bool live;

	tend__lock(&p->children->lock);
	live = tend__linked(&p->live);
	tend__unlock(&p->children->lock);
	if (live) {
		p->output = NULL;
		close_output(p, 0);
		close_output(p, 1);
		while ((phase = phase_of(p)) == ASKING || phase == STARTED) {
			pass_on(p, &stop);
			wait_for_news(p, &stop);
		}
		if (phase == LOST)
			see_it_dead(p);
		unlink_live(p);
	}
	close_base(p); /* it may never have run */
	tend__fiber_end(t);
}

static void free_process(struct process *p)
{
	close_base(p);
	tend__free(p->tail);
	tend__free(p);
}

static void process_gone(struct tend__task *t)
{
	struct process *p = t->data;

	t->data = NULL;
	if (p)
		free_process(p);
}

static void process_drop(void *arg)
{
	struct process *p = arg;

	if (p->drop)
		p->drop(p->output_arg);
}

static const struct tend__kind kind_process = {.wake = tend__fiber_wake,
                                               .ended = tend__task_finish,
                                               .leave = process_leave,
                                               .gone = process_gone};

/* ---- Spawning ---- */

/* The names that children are given by default; those that end in '*' are
 * prefixes. */
static bool passed_on(const char *var)
{
	static const char *const names[] = {"PATH",  "HOME",   "USER",           "LOGNAME",
	                                    "SHELL", "LANG",   "LC_*",           "TERM",
	                                    "TZ",    "TMPDIR", "XDG_RUNTIME_DIR"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strcspn(names[i], "*");

		if (strncmp(var, names[i], n) == 0 && (names[i][n] == '*' || var[n] == '='))
			return true;
	}
	return false;
}

struct room {
	size_t bytes, pointers;
};

static void measure(struct room *room, const char *const *list, bool filter)
{
	for (; list && *list; list++)
		if (!filter || passed_on(*list)) {
			room->bytes += strlen(*list) + 1;
			room->pointers++;
		}
	room->pointers++;
}

static const char **copy(const char ***slot, char **bytes, const char *const *list, bool filter)
{
	const char **first = *slot;

	for (; list && *list; list++)
		if (!filter || passed_on(*list)) {
			size_t n = strlen(*list) + 1;

			*(*slot)++ = memcpy(*bytes, *list, n);
			*bytes += n;
		}
	*(*slot)++ = NULL;
	return first;
}

static int make(const struct tend_process_opts *o, struct process **out)
{
	const char *const *env = o->env ? o->env : (const char *const *)environ;
	struct room room = {o->cwd ? strlen(o->cwd) + 1 : 0, 0};
	const char **slot;
	struct process *p;
	char *bytes;

	measure(&room, o->argv, false);
	measure(&room, env, !o->env);
	/* Pointers first: `strings` is aligned for them. */
	p = tend__alloc(sizeof *p + sizeof *slot + room.pointers * sizeof *slot + room.bytes);
	if (!p)
		return -ENOMEM;
	slot = (const char **)(void *)((char *)p + (sizeof *p + sizeof *slot - 1) / sizeof *slot *
	                                                   sizeof *slot);
	bytes = (char *)(slot + room.pointers);
	p->argv = copy(&slot, &bytes, o->argv, false);
	p->env = copy(&slot, &bytes, env, !o->env);
	if (o->cwd)
		p->cwd = memcpy(bytes, o->cwd, strlen(o->cwd) + 1);
	p->stop_signal = o->stop_signal ? o->stop_signal : SIGTERM;
	p->stop_ns = o->stop_ns ? o->stop_ns : 10 * TEND_SEC;
	p->output = o->output;
	p->output_arg = o->output_arg;
	p->drop = o->drop;
	p->out[0] = p->out[1] = p->pidfd = p->base = -1;
	tend__link_init(&p->live);
	/* The working directory is that of the call. */
	if (!o->cwd || o->cwd[0] != '/') {
		int cancelable, error;

		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
		p->base = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		error = p->base < 0 ? -errno : 0;
		pthread_setcancelstate(cancelable, NULL);
		if (error) {
			tend__free(p);
			return error;
		}
	}
	*out = p;
	return 0;
}

static const char *default_name(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	return tend__name_valid(name, strlen(name)) ? name : "process";
}

int tend_spawn_process_at(const char *site, tend_scope scope, const struct tend_process_opts *given,
                          tend_task *out)
{
	struct tend_task_opts task = {.size = sizeof task};
	struct tend__birth birth = {.site = site,
	                            .opts = &task,
	                            .ops = &kind_process,
	                            .kind = TEND_KIND_PROCESS,
	                            .held = out != NULL,
	                            .starting = true};
	struct tend_process_opts options, *o = &options;
	struct tend__children *children;
	struct tend__scope *s;
	struct tend__task *t;
	struct process *p = NULL;
	tend_task name;
	int error = 0;

	if (!given)
		return -EINVAL;
	error = tend__options(&options, sizeof options, given);
	if (error)
		return error;
	if (!o->argv || !o->argv[0] || !o->argv[0][0] || o->reserved ||
	    (o->flags & ~(uint32_t)TEND_CRITICAL) || o->stop_signal < 0 || o->stop_signal > 64)
		return -EINVAL;
	s = tend__scope_find(scope.id, &error);
	if (!s)
		return error;
#ifdef TEND_SIM
	if (tend__thread_number() == 0)
		return -ENOSYS; /* a simulation has no processes */
#endif
	error = children_of(s->rt, &children);
	if (error)
		return error;
	error = make(o, &p);
	if (error)
		return error;
	task.name = o->name ? o->name : default_name(o->argv[0]);
	task.flags = o->flags;
	task.drop = process_drop;
	birth.attempt = o->attempt;
	error = tend__conceive(scope, &birth, &t);
	if (error) {
		free_process(p);
		return error;
	}
	p->children = children;
	p->task = t;
	p->cookie = t->id;
	t->data = p;
	t->fn = process_main;
	t->arg = p;
	name.id = t->id;
	tend__born(t, &birth, TEND__READY);
	if (out)
		*out = name;
	tend__spawned(tend__scope_of(t)->rt, t);
	return 0;
}

/* ---- Asking about it ---- */

static int touch(tend_task task, tend_runtime **rt, struct process **p)
{
	struct tend__task *t;
	int error = tend__task_touch(task.id, rt, &t);

	if (error)
		return error;
	*p = t->kind == &kind_process ? t->data : NULL;
	if (*p)
		return 0;
	tend__unlock(tend__stripe_of(*rt, task.id));
	return -EINVAL;
}

int64_t tend_process_tail(tend_task task, char *buf, size_t size, uint64_t *dropped)
{
	tend_runtime *rt;
	struct process *p;
	int error = touch(task, &rt, &p);
	size_t n;

	if (error)
		return error;
	n = p->tail_count < size ? p->tail_count : size;
	for (size_t i = 0; i < n; i++)
		buf[i] = p->tail[(p->tail_first + p->tail_count - n + i) % p->tail_size];
	if (dropped)
		*dropped = p->tail_dropped + (p->tail_count - n);
	tend__unlock(tend__stripe_of(rt, task.id));
	return (int64_t)n;
}

int tend_process_pid(tend_task task)
{
	tend_runtime *rt;
	struct process *p;
	int error = touch(task, &rt, &p), pid;

	if (error)
		return error;
	/* Relaxed: set once. */
	pid = tend__load_relaxed(&p->task->record->pid);
	tend__unlock(tend__stripe_of(rt, task.id));
	return pid ? pid : -EAGAIN;
}

static int signal_it(struct process *p, int signal)
{
	int error;

	if ((tend__task_word(p->task) & TEND__STATE) == TEND__ENDED)
		error = -ESRCH;
	else if (!tend__load_relaxed(&p->task->record->pid))
		error = -EAGAIN;
	else {
		tend__lock(&p->children->lock);
		error = !p->children->open ? -EPIPE
		        : signal == SIGKILL
		                ? tend__guard_kill(&p->children->guard, p->cookie)
		                : tend__guard_signal(&p->children->guard, p->cookie, signal);
		tend__unlock(&p->children->lock);
	}
	return error;
}

int tend_process_signal(tend_task task, int signal)
{
	tend_runtime *rt;
	struct process *p;
	int error, cancelable;

	if (signal <= 0 || signal > 64)
		return -EINVAL;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	error = touch(task, &rt, &p);
	if (!error) {
		error = signal_it(p, signal);
		tend__unlock(tend__stripe_of(rt, task.id));
	}
	pthread_setcancelstate(cancelable, NULL);
	return error;
}
