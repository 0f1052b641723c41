/* kinds/process/link.c - a runtime's guard: requests, and its news of each process.
 *
 * The monitor reads the news, and sends what the spawner could not send and every stop. So
 * processes start, stop and end while all workers are busy.
 *
 * A guard is started by a thread that lives as long as the start, and with no lock held, because
 * the exec of the guard takes as long as the disk wants. So a start delays only spawners, which
 * wait for its result, and the requests in `asks`. A spawn during a start shares the start. */
#include "kinds/process/process.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* How often the monitor looks while something is awaited that might not make itself known: a
 * guard that someone stops, a lost process, memory. */
#define TICK_NS (20 * TEND_MS)

static void notify(struct tend__process *p)
{
	if (tend__task_notify(p->task))
		tend__task_wake(p->task);
}

static struct tend__children *children_of(tend_runtime *rt)
{
	tend__lock(&rt->children_lock);
	struct tend__children *c = rt->children;
	tend__unlock(&rt->children_lock);
	return c;
}

static struct tend__link *list_of(struct tend__children *c, uint64_t cookie) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	return &c->live[cookie % TEND__LIVE_LISTS];
}

/* A process is in a list until the last turn of the attempt has seen the end of the process. */
static struct tend__process *find(struct tend__children *c, uint64_t cookie) TEND_REQUIRES(&c->lock)
{
	struct tend__link *list = list_of(c, cookie);

	for (struct tend__link *l = list->next; l != list; l = l->next) {
		struct tend__process *p = tend__entry(l, struct tend__process, live);

		if (p->cookie == cookie)
			return p;
	}
	return NULL;
}

/* ---- News ---- */

/* Returns true if the message may come in this phase. The guard is another process, and may
 * be another build, so a message that makes no sense is no reason to abort the program. */
static bool makes_sense(const struct tend__process *p, const struct tend__guard_message *m)
{
	if (m->type == TEND__GUARD_STARTED)
		return p->phase == TEND__PHASE_ASKING && p->asked && m->pid > 0 && p->pidfd < 0;
	if (m->type == TEND__GUARD_START_FAILED)
		return p->phase == TEND__PHASE_ASKING && p->asked && m->error > 0;
	return m->type != TEND__GUARD_EXITED || p->phase == TEND__PHASE_STARTED;
}

static void started(struct tend__process *p, int32_t pid, int pidfd)
{
	p->phase = TEND__PHASE_STARTED;
	p->pid = pid;
	p->pidfd = pidfd;
	/* Relaxed: others only look whether there is a pid, and which. From here on readers see
	 * the task as running. */
	tend__store_relaxed(&p->task->record->pid, pid);
	tend__task_unmark(p->task, TEND__STARTING);
	/* Here, and not in a turn, because a turn may wait for a worker. A life tells of its own
	 * attempt. */
	if (!p->repeats && tend__listened(p->children->rt))
		tend__task_began(p->task);
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
	if (m->type == TEND__GUARD_STARTED)
		started(p, m->pid, m->pidfd);
	else if (m->type == TEND__GUARD_START_FAILED) {
		p->phase = TEND__PHASE_FAILED;
		p->stage = m->stage;
		p->error = m->error;
	} else if (m->type == TEND__GUARD_EXITED) {
		p->phase = TEND__PHASE_EXITED;
		p->code = m->code;
		p->status = m->status;
		p->killed = m->killed;
		memcpy(p->names, m->names, sizeof(p->names));
		p->names[sizeof(p->names) - 1] = 0;
	}
	notify(p);
	return true;
}

static void close_guard(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	tend__assert(c->open && c->guard.sock >= 0 && c->guard.pidfd >= 0);
	tend__monitor_unwatch(c->rt, c->guard.sock);
	tend__monitor_unwatch(c->rt, c->guard.pidfd);
	tend__guard_close(&c->guard);
	c->open = false;
}

static void tick(tend_runtime *rt, uint64_t id);

/* Has the monitor look in a while. Needs no memory, because what is awaited may be memory. */
static void await(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	if (c->ticks)
		return;
	tend__alarm_set(c->rt, &c->tick, tend_after(TICK_NS));
	c->ticks = true;
}

static void lose(struct tend__children *c, struct tend__process *p) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	if (!p->asked)
		return;
	if (p->phase == TEND__PHASE_ASKING || p->phase == TEND__PHASE_STARTED) {
		p->phase = TEND__PHASE_LOST;
		tend__unlink(&p->todo);
		notify(p);
		/* A process that is not dead yet has no news to come: its pipes may have
		 * ended, and no guard tells of its end. So the monitor looks. */
		await(c);
	}
}

/* The guard died. The kernel signals each of its keepers, and a keeper then kills its
 * process (guard/keeper.c); the turns of each process make sure. The next request opens a
 * new guard. */
static void lost(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	tend__assert(c->open);
	for (uint64_t i = 0; i < TEND__LIVE_LISTS; i++) {
		struct tend__link *list = list_of(c, i);

		for (struct tend__link *l = list->next; l != list; l = l->next)
			lose(c, tend__entry(l, struct tend__process, live));
	}
	/* A guard that makes no sense may be alive, and nobody waits for its end under the lock. */
	if (!tend__guard_dead(&c->guard))
		tend__guard_end(&c->guard);
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

/* ---- Requests ---- */

static void ready(tend_runtime *rt, uint64_t id, int fd);

/* Takes over a guard that was started. Returns 0, or an error of tend__monitor_watch(). */
static int take_over(struct tend__children *c, const struct tend__guard *guard)
	TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	tend__assert(!c->open && c->starting);
	/* The pidfd, too: the socket alone does not tell the death of the guard, because a
	 * fork of this program may have the guard's end. */
	int error = tend__monitor_watch(c->rt, guard->sock, ready, 0);
	if (error)
		return error;
	error = tend__monitor_watch(c->rt, guard->pidfd, ready, 0);
	if (error) {
		tend__monitor_unwatch(c->rt, guard->sock);
		return error;
	}
	c->guard = *guard;
	c->open = true;
	return 0;
}

static int open_guard(struct tend__children *c)
{
	struct tend__guard guard;
	int error = tend__guard_open(c->rt->guard_path, &guard);

	if (error)
		return error;
	tend__lock(&c->lock);
	error = take_over(c, &guard);
	tend__unlock(&c->lock);
	if (error)
		tend__guard_close(&guard);
	return error;
}

static void fail(struct tend__process *p, uint32_t stage, int error)
{
	tend__assert(p->phase == TEND__PHASE_ASKING && !p->asked && error > 0);
	p->phase = TEND__PHASE_FAILED;
	p->stage = stage;
	p->error = error;
	tend__unlink(&p->todo);
	tend__process_close_ends(p, p->repeats);
	notify(p);
}

static bool wants_kill(const struct tend__process *p)
{
	return p->kill || (tend__task_word(p->task) & TEND__ABORTED);
}

/* Names the attempt to its process. */
static void name_parent(struct tend__process *p)
{
	const struct tend__header *h = p->children->rt->segment.header;
	/* Relaxed: the turn that began the attempt has asked for the process since. */
	uint32_t attempt = tend__load_relaxed(&p->task->record->attempt);
	int n = snprintf(p->parent, sizeof(p->parent),
	                 TEND__PARENT "=1:%llu:%llu:%u:", (unsigned long long)h->opened,
	                 (unsigned long long)p->task->id, attempt);

	tend__assert(n > 0 && (size_t)n < sizeof(p->parent));
}

static struct tend__guard_program program_of(const struct tend__process *p)
{
	return (struct tend__guard_program){.argv = p->argv,
	                                    .env = p->env,
	                                    .cwd = p->cwd,
	                                    .base = p->base,
	                                    .fds = {p->ends[0], p->ends[1], p->ends[2], p->ends[3]},
	                                    .ready_fd = p->ready_fd,
	                                    .stop = p->stop};
}

/* Sends the request for the process. Returns 0, also if the process has failed; or -EAGAIN:
 * later, also because a guard is to be started before. The request is repeated for one dead guard,
 * because guards that die one after the other are not started for ever. */
static int ask(struct tend__children *c, struct tend__process *p) TEND_REQUIRES(&c->lock)
{
	const struct tend__guard_program program = program_of(p);
	int error = 0;

	tend__assert_held(&c->lock);
	if (tend__cancel_requested(p->task) || wants_kill(p)) {
		fail(p, TEND__STAGE_KILLED, ECANCELED);
		return 0;
	}
	name_parent(p);
	if (c->open)
		error = tend__guard_spawn(&c->guard, p->cookie, &program);
	if (error == -EPIPE) {
		(void)listen_to(c);
		lost(c);
	}
	if (!c->open && (!error || !p->met_dead)) {
		p->met_dead |= error != 0;
		c->wanted = true;
		return -EAGAIN;
	}
	if (error == -EAGAIN || error == -ETOOMANYREFS) {
		await(c);
		return -EAGAIN;
	}
	if (error) {
		fail(p, TEND__STAGE_COUNT, -error);
		return 0;
	}
	p->asked = true;
	tend__unlink(&p->todo);
	tend__process_close_ends(p, p->repeats);
	await(c);
	return 0;
}

/* Sends the stop or the kill that the task's word asks for. Returns 0, or -EAGAIN: later. */
static int stop(struct tend__children *c, struct tend__process *p) TEND_REQUIRES(&c->lock)
{
	bool live = p->phase == TEND__PHASE_ASKING || p->phase == TEND__PHASE_STARTED;
	bool kills = live && wants_kill(p) && !p->kill_sent;
	bool stops = live && tend__cancel_requested(p->task) && !p->stop_sent && !p->kill_sent;
	int error = 0;

	tend__assert_held(&c->lock);
	tend__assert(p->asked);
	if (kills) {
		error = tend__guard_kill(&c->guard, p->cookie);
		p->kill_sent = !error;
	} else if (stops) {
		error = tend__guard_stop(&c->guard, p->cookie, p->stop.ns);
		p->stop_sent = !error;
	}
	if (kills || stops)
		await(c);
	/* A guard that has died makes itself known by its pidfd, and the kernel may be out of
	 * memory for a while. */
	if (error)
		return -EAGAIN;
	tend__unlink(&p->todo);
	return 0;
}

static void send_all(struct tend__children *c) TEND_REQUIRES(&c->lock)
{
	tend__assert_held(&c->lock);
	while (tend__linked(&c->stops))
		if (stop(c, tend__entry(c->stops.next, struct tend__process, todo)))
			break;
	while (tend__linked(&c->asks))
		if (ask(c, tend__entry(c->asks.next, struct tend__process, todo)))
			break;
}

/* ---- The start of a guard ---- */

/* A start is over. Returns whether another start is to follow, because the guard has died since. */
static bool start_is_over(struct tend__children *c, int error)
{
	tend__lock(&c->lock);
	tend__assert(c->starting);
	while (tend__linked(&c->spawners))
		tend__waiter_done(tend__entry(c->spawners.next, struct tend__waiter, link), error);
	while (error && tend__linked(&c->asks))
		fail(tend__entry(c->asks.next, struct tend__process, todo), TEND__STAGE_COUNT,
		     -error);
	tend__assert(!c->wanted);
	send_all(c);
	bool another = c->starting = c->wanted;
	c->wanted = false;
	tend__unlock(&c->lock);
	return another;
}

static void start_guards(void *arg)
{
	struct tend__children *c = arg;

	while (start_is_over(c, open_guard(c)))
		continue;
}

/* By the thread that has set `starting`. */
static void begin_start(struct tend__children *c)
{
	int error;

	do {
		tend__lock(&c->starter_lock);
		if (c->has_starter)
			tend__thread_join(&c->starter); /* which is on its way out */
		error = tend__thread_start(&c->starter, "tend-starter", start_guards, NULL, c);
		c->has_starter = !error;
		tend__unlock(&c->starter_lock);
	} while (error && start_is_over(c, error));
}

/* Gives the lock back, and has a guard started if a guard is wanted. */
static void unlock_and_start(struct tend__children *c) TEND_RELEASE(&c->lock)
{
	bool starts = c->wanted && !c->starting;

	tend__assert(!c->wanted || !c->open);
	c->starting |= starts;
	c->wanted = false;
	tend__unlock(&c->lock);
	if (starts)
		begin_start(c);
}

/* Waits for the end of a start, which is under way or wanted. The wait has no deadline, because
 * the caller is to tell why there is no guard. Returns the result of the start. */
static int await_start(struct tend__children *c) TEND_RELEASE(&c->lock)
{
	struct tend__outside room;
	struct tend__waiter w = {.task = tend__self(&room)};

	tend__link_append(&c->spawners, &w.link);
	unlock_and_start(c);
	tend__lock(&c->lock);
	return tend__wait(&c->lock, &w, TEND__WAIT_GUARD, 0, TEND_FOREVER, TEND__UNCANCELABLE);
}

/* ---- The monitor's calls ---- */

static void ready(tend_runtime *rt, uint64_t id, int fd)
{
	struct tend__children *c = children_of(rt);

	(void)id;
	(void)fd;
	tend__lock(&c->lock);
	if (c->open && !listen_to(c))
		lost(c);
	send_all(c);
	unlock_and_start(c);
}

static struct tend__process *take_told(struct tend__children *c)
{
	struct tend__process *p = NULL;

	tend__lock(&c->told_lock);
	if (tend__linked(&c->told)) {
		p = tend__entry(c->told.next, struct tend__process, told);
		tend__unlink(&p->told);
	}
	tend__unlock(&c->told_lock);
	return p;
}

static void stop_told(tend_runtime *rt, struct tend__errand *errand)
{
	struct tend__children *c = children_of(rt);
	struct tend__process *p;

	/* Once, because from here on the errand may be in the queue again. */
	tend__lock(&c->told_lock);
	tend__assert(errand == &c->errand);
	c->posted = false;
	tend__unlock(&c->told_lock);
	/* No process that is taken is freed meanwhile: tend__link_leave() takes the lock. */
	tend__lock(&c->lock);
	while ((p = take_told(c))) {
		/* tend__link_ask() looks again when the process is in the list. */
		if (!tend__linked(&p->live))
			continue;
		if (p->asked && !tend__linked(&p->todo))
			tend__link_append(&c->stops, &p->todo);
		else if (!p->asked && p->phase == TEND__PHASE_ASKING)
			fail(p, TEND__STAGE_KILLED, ECANCELED);
	}
	send_all(c);
	unlock_and_start(c);
}

/* Returns whether there is something to await in the list. */
static bool look_at(struct tend__children *c, uint64_t i) TEND_REQUIRES(&c->lock)
{
	struct tend__link *list = list_of(c, i);
	bool awaited = false;

	for (struct tend__link *l = list->next; l != list; l = l->next) {
		struct tend__process *p = tend__entry(l, struct tend__process, live);

		awaited |= p->phase == TEND__PHASE_ASKING || p->phase == TEND__PHASE_LOST ||
		           (p->phase == TEND__PHASE_STARTED && (p->stop_sent || p->kill_sent));
		if (p->phase == TEND__PHASE_LOST)
			notify(p);
	}
	return awaited;
}

static void tick(tend_runtime *rt, uint64_t id)
{
	struct tend__children *c = children_of(rt);
	bool awaited = false;

	(void)id;
	tend__lock(&c->lock);
	c->ticks = false;
	if (c->open)
		tend__guard_continue(&c->guard);
	send_all(c);
	for (uint64_t i = 0; i < TEND__LIVE_LISTS; i++)
		awaited |= look_at(c, i);
	while (tend__linked(&c->starved)) {
		struct tend__process *p =
			tend__entry(c->starved.next, struct tend__process, starved);

		tend__unlink(&p->starved);
		notify(p);
	}
	if (awaited)
		await(c);
	unlock_and_start(c);
}

static void readable(tend_runtime *rt, uint64_t id, int fd)
{
	struct tend__children *c = children_of(rt);

	(void)fd;
	tend__lock(&c->lock);
	struct tend__process *p = find(c, id);
	if (p)
		notify(p);
	tend__unlock(&c->lock);
}

int tend__link_watch(struct tend__process *p, int fd)
{
	return tend__monitor_watch(p->children->rt, fd, readable, p->cookie);
}

/* ---- The link ---- */

int tend__link_open(tend_runtime *rt, struct tend__children **out)
{
	int error = tend__monitor_start(rt);

	if (error)
		return error;
	tend__lock(&rt->children_lock);
	if (!rt->children) {
		struct tend__children *c = tend__alloc(sizeof(*c));

		if (c) {
			c->rt = rt;
			tend__lock(&c->lock);
			for (int i = 0; i < TEND__LIVE_LISTS; i++)
				tend__link_init(&c->live[i]);
			tend__link_init(&c->starved);
			tend__link_init(&c->asks);
			tend__link_init(&c->stops);
			tend__link_init(&c->spawners);
			c->tick.ring = tick;
			tend__unlock(&c->lock);
			tend__lock(&c->told_lock);
			tend__link_init(&c->told);
			c->errand.fn = stop_told;
			tend__unlock(&c->told_lock);
			rt->children = c;
		}
	}
	struct tend__children *c = rt->children;
	tend__unlock(&rt->children_lock);
	if (!c)
		return -ENOMEM;
	*out = c;
	tend__lock(&c->lock);
	if (!c->open) {
		c->wanted = true;
		return await_start(c);
	}
	tend__unlock(&c->lock);
	return 0;
}

void tend__children_close(tend_runtime *rt)
{
	struct tend__children *c = children_of(rt);

	if (!c)
		return;
	tend__lock(&c->lock);
	tend__assert(!tend__linked(&c->asks) && !tend__linked(&c->stops));
	/* For a process that was canceled since. */
	if (c->starting)
		(void)await_start(c);
	else
		tend__unlock(&c->lock);
	tend__lock(&c->starter_lock);
	if (c->has_starter)
		tend__thread_join(&c->starter);
	c->has_starter = false;
	tend__unlock(&c->starter_lock);
	tend__lock(&c->lock);
	tend__assert(!c->starting && !c->wanted);
	if (c->open)
		close_guard(c);
	tend__alarm_stop(c->rt, &c->tick);
	tend__unlock(&c->lock);
}

void tend__children_free(tend_runtime *rt)
{
	tend__lock(&rt->children_lock);
	tend__free(rt->children);
	rt->children = NULL;
	tend__unlock(&rt->children_lock);
}

/* A cancel, an abort or a panic has come: has the monitor look. */
static void tell(struct tend__process *p)
{
	struct tend__children *c = p->children;

	tend__lock(&c->told_lock);
	if (!p->left && !tend__linked(&p->told))
		tend__link_append(&c->told, &p->told);
	bool posts = tend__linked(&p->told) && !c->posted;
	c->posted |= posts;
	tend__unlock(&c->told_lock);
	if (posts)
		tend__monitor_post(c->rt, &c->errand);
}

void tend__link_enroll(struct tend__process *p)
{
	struct tend__children *c = p->children;

	tend__lock(&c->lock);
	tend__assert(!tend__linked(&p->live) && !tend__linked(&p->todo) && p->pidfd < 0);
	p->cookie = ++c->cookies;
	p->phase = TEND__PHASE_ASKING;
	p->asked = p->met_dead = p->stop_sent = p->kill_sent = p->kill = false;
	p->pid = 0;
	tend__lock(&c->told_lock);
	p->left = false;
	tend__unlock(&c->told_lock);
	tend__unlock(&c->lock);
}

void tend__link_cannot(struct tend__process *p, int error)
{
	tend__lock(&p->children->lock);
	fail(p, TEND__STAGE_COUNT, -error);
	tend__unlock(&p->children->lock);
}

void tend__link_ask(struct tend__process *p)
{
	struct tend__children *c = p->children;

	tend__lock(&c->lock);
	tend__assert(p->phase == TEND__PHASE_ASKING && !tend__linked(&p->live));
	tend__link_append(list_of(c, p->cookie), &p->live);
	tend__link_append(&c->asks, &p->todo);
	send_all(c);
	/* A cancel that came before the process was in the list has stopped nothing. */
	if (tend__cancel_requested(p->task) || wants_kill(p))
		tell(p);
	unlock_and_start(c);
}

enum tend__phase tend__link_look(struct tend__process *p, int32_t *pid)
{
	tend__lock(&p->children->lock);
	enum tend__phase phase = p->phase;
	*pid = p->pid;
	tend__unlock(&p->children->lock);
	return phase;
}

void tend__link_told(struct tend__task *t) { tell(tend__own(t)); }

void tend__link_kill(struct tend__process *p)
{
	tend__lock(&p->children->lock);
	p->kill = true;
	tend__unlock(&p->children->lock);
	tell(p);
}

void tend__link_starved(struct tend__process *p)
{
	struct tend__children *c = p->children;

	tend__lock(&c->lock);
	if (!tend__linked(&p->starved))
		tend__link_append(&c->starved, &p->starved);
	await(c);
	tend__unlock(&c->lock);
}

int tend__link_signal(struct tend__process *p, int signal)
{
	struct tend__children *c = p->children;
	int error = -EPIPE;

	tend__lock(&c->lock);
	if (!p->cookie)
		error = -EAGAIN; /* another attempt may follow */
	else if (c->open)
		error = signal == SIGKILL ? tend__guard_kill(&c->guard, p->cookie)
		                          : tend__guard_signal(&c->guard, p->cookie, signal);
	if (!error)
		await(c);
	if (error == -EPIPE && c->open) {
		(void)listen_to(c);
		lost(c);
	}
	tend__unlock(&c->lock);
	return error;
}

void tend__link_leave(struct tend__process *p)
{
	struct tend__children *c = p->children;

	tend__lock(&c->lock);
	tend__assert(!tend__linked(&p->live) ||
	             (p->phase != TEND__PHASE_STARTED && p->phase != TEND__PHASE_ASKING));
	tend__unlink(&p->todo);
	tend__unlink(&p->live);
	tend__unlink(&p->starved);
	p->cookie = 0;
	tend__lock(&c->told_lock);
	tend__unlink(&p->told);
	p->left = true;
	tend__unlock(&c->told_lock);
	tend__unlock(&c->lock);
	tend__process_close(&p->pidfd);
}
