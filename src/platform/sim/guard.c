/* platform/sim/guard.c - the fake of tend-guard and its keepers.
 *
 * A virtual thread at the other end of the socket that linux/guard.c talks to. The messages
 * are the bytes of the real guard, with real descriptors, and doc/guard.md is the contract of
 * both. Where the real guard promises no order or no time, the seed decides: how long a start
 * takes, when a message is sent, and which of the messages that are due is the next.
 *
 * A guard that was killed leaves its thread to its keepers, which kill their tasks.
 *
 * The stages of a task:
 *
 *   STARTING --> RUNS --> ENDING --> OVER
 *       |                             ^
 *       +-----------------------------+
 *
 *   STARTING -> RUNS    start()       the leader runs
 *   STARTING -> OVER    over()        the program cannot be run, or was killed before it ran
 *   RUNS     -> ENDING  attend()      nothing but the leader's end is left, the time of the
 *                                     stop is up, or the task is to be killed
 *   ENDING   -> OVER    over()        all of its processes are dead */
#include "platform/sim/sim.h"

#include "base/atomic.h"
#include "base/error.h"
#include "platform/linux/fdmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum stage { STARTING, RUNS, ENDING, OVER };

struct task {
	struct task *next;
	struct guard *guard;
	uint64_t cookie;
	enum stage stage;
	int stop_signal;
	uint64_t stop_ns;
	char *strings;     /* the blob, and a NUL after it */
	const char **argv; /* into `strings` */
	int fds[4];        /* the leader's before the start, or -1 */
	struct tend__sim_family family;
	struct tend__sim_process *leader; /* NULL before its start */
	int32_t pid;                      /* the leader's */
	int pidfd;                        /* the leader's until the program has it, or -1 */
	uint64_t starts_at;               /* STARTING */
	uint64_t signals;                 /* RUNS: bit n-1: signal n is to be sent */
	uint64_t stop_at, kill_at;        /* instants of SIGKILL: the stop's, the earliest */
	uint64_t lost_at;                 /* the guard died: when the keeper kills the task */
	bool kill, stopping, ended;       /* ended: the leader, which is not reaped yet */
	bool leader_first, leader_asked;  /* the stop is for the leader alone at first */
	bool owes_started, owes_end;
	uint64_t started_due, end_due; /* the earliest instants of the messages */
	uint32_t failed_stage, killed;
	int error; /* positive */
	int code, status;
	char names[TEND__GUARD_NAMES];
};

struct guard {
	struct guard *next;
	struct tend__thread thread;
	struct task *tasks;
	int sock;      /* -1 after its death */
	int died;      /* an eventfd: the guard's pidfd in the program has the other number */
	uint32_t news; /* its futex word */
	bool dead;
	bool full; /* the socket had no room for a message */
	bool left; /* nothing more is done in its thread */
};

static struct guard *guards;

/* ---- The end of a guard ---- */

static void free_task(struct task *t)
{
	for (int i = 0; i < 4; i++)
		if (t->fds[i] >= 0)
			close(t->fds[i]);
	if (t->pidfd >= 0)
		close(t->pidfd);
	free(t->argv);
	free(t->strings);
	free(t);
}

static void remove_task(struct task *t)
{
	struct task **at = &t->guard->tasks;

	tend__assert(t->stage == OVER && !t->family.first);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	free_task(t);
}

static void close_guard(struct guard *g)
{
	if (g->sock >= 0)
		close(g->sock);
	close(g->died);
	free(g);
}

static void say_dead(const struct guard *g)
{
	eventfd_write(g->died, 1);
	tend__sim_look();
}

/* The guard does nothing more, and its keepers kill their tasks: at once when the program is
 * gone. */
static void die(struct guard *g, bool at_once)
{
	tend__assert(!g->dead);
	g->dead = true;
	close(g->sock);
	g->sock = -1;
	for (struct task *t = g->tasks; t; t = t->next)
		t->lost_at = tend__clock() + (at_once ? 0 : tend__sim_while());
}

/* Frees the guards that have left. */
static void reap_guards(void)
{
	struct guard **at = &guards;

	while (*at) {
		struct guard *g = *at;

		if (!g->left) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		tend__thread_join(&g->thread);
		close_guard(g);
		at = &guards; /* others may have come meanwhile */
	}
}

/* The run is over, and the virtual threads are gone. */
static void forget_guards(void)
{
	while (guards) {
		struct guard *g = guards;

		guards = g->next;
		while (g->tasks) {
			struct task *t = g->tasks;

			g->tasks = t->next;
			tend__sim_forget_family(&t->family);
			free_task(t);
		}
		close_guard(g);
	}
}

/* ---- Messages to the program ---- */

static bool tell(struct guard *g, const struct tend__guard_message *m, int pidfd)
{
	int error = tend__fdmsg_send(g->sock, m, sizeof(*m), &pidfd, pidfd >= 0, MSG_DONTWAIT);

	if (!error)
		tend__sim_look();
	g->full |= error != 0;
	return !error;
}

static bool tell_started(struct task *t)
{
	const struct tend__guard_message m = {
		.type = TEND__GUARD_STARTED, .cookie = t->cookie, .pid = t->pid, .pidfd = -1};
	if (!tell(t->guard, &m, t->pidfd))
		return false;
	t->owes_started = false;
	close(t->pidfd);
	t->pidfd = -1;
	return true;
}

static bool tell_end(struct task *t)
{
	struct tend__guard_message m = {.type = TEND__GUARD_EXITED,
	                                .cookie = t->cookie,
	                                .code = t->code,
	                                .status = t->status,
	                                .killed = t->killed,
	                                .pidfd = -1};
	memcpy(m.names, t->names, sizeof(m.names));
	if (t->failed_stage) {
		m.type = TEND__GUARD_START_FAILED;
		m.stage = t->failed_stage;
		m.error = t->error;
	}
	t->owes_end = !tell(t->guard, &m, -1);
	return !t->owes_end;
}

static uint64_t message_due(const struct task *t)
{
	if (t->owes_started)
		return t->started_due;
	return t->owes_end ? t->end_due : TEND_FOREVER;
}

/* Sends one of the messages that are due. Returns false if none is, or there is no room. */
static bool pay(struct guard *g)
{
	const uint64_t now = tend__clock();
	uint32_t due = 0;

	for (struct task *t = g->tasks; t; t = t->next)
		due += message_due(t) <= now;
	if (!due || g->dead || g->full)
		return false;
	uint64_t n = tend_sim_choose(due);
	struct task *t = g->tasks;
	while (message_due(t) > now || n-- > 0)
		t = t->next;
	return t->owes_started ? tell_started(t) : tell_end(t);
}

/* ---- A task ---- */

static void over(struct task *t, uint32_t failed_stage, int error)
{
	tend__assert(t->stage == STARTING || t->stage == ENDING);
	t->stage = OVER;
	t->failed_stage = failed_stage;
	t->error = error;
	t->owes_end = true;
	t->end_due = tend__clock() + tend__sim_while();
	if (t->owes_started && t->end_due < t->started_due)
		t->end_due = t->started_due;
}

static int begin_leader(struct task *t, tend_sim_main *fn)
{
	struct tend__sim_birth birth = {.fn = fn, .fds = t->fds, .pidfd = -1};

	birth.pidfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->pidfd = birth.pidfd < 0 ? -1 : fcntl(birth.pidfd, F_DUPFD_CLOEXEC, 3);
	t->pid = t->pidfd < 0 ? -errno : tend__sim_begin_process(&t->family, &birth, &t->leader);
	if (t->pid < 0 && birth.pidfd >= 0)
		close(birth.pidfd);
	return t->pid < 0 ? t->pid : 0;
}

static void start(struct task *t)
{
	tend_sim_main *fn;
	uint32_t failed_stage;
	int error = tend__sim_find_program(t->argv[0], &fn, &failed_stage);

	if (!error) {
		failed_stage = TEND__STAGE_FORK;
		error = begin_leader(t, fn);
	}
	if (error) {
		t->leader = NULL;
		over(t, failed_stage, -error);
		return;
	}
	for (int i = 0; i < 4; i++) {
		if (t->fds[i] >= 0)
			close(t->fds[i]);
		t->fds[i] = -1;
	}
	t->stage = RUNS;
	t->owes_started = true;
	t->started_due = tend__clock() + tend__sim_while();
}

/* To the leader and its group. */
static void send_signal(struct task *t, int signal)
{
	const int32_t group = t->pid;

	for (struct tend__sim_process *p = t->family.first; p; p = p->next)
		if (p->group == group)
			tend__sim_signal(p, signal);
}

/* SIGCONT is the last, because the others must be pending when stopped processes go on. */
static void pass_signals(struct task *t)
{
	const uint64_t cont = UINT64_C(1) << (SIGCONT - 1), signals = t->signals;

	t->signals = 0;
	for (int i = 1; i <= 64; i++)
		if (signals & ~cont & (UINT64_C(1) << (i - 1)))
			send_signal(t, i);
	if (signals & cont)
		send_signal(t, SIGCONT);
}

/* Each process that has fallen to the keeper gets the stop signal once. One in the leader's
 * group got it with the group. Returns true if a process is left but the leader. */
static bool stop_rest(struct task *t)
{
	bool any = false;

	for (struct tend__sim_process *p = t->family.first; p; p = p->next) {
		any |= !p->dead;
		if (p->dead || p->parent || p->asked || p->group == t->pid)
			continue;
		p->asked = true;
		tend__sim_signal(p, t->stop_signal);
		tend__sim_signal(p, SIGCONT);
	}
	return any;
}

static void note_killed(struct task *t, const struct tend__sim_process *p)
{
	const char *slash = strrchr(t->argv[0], '/');
	size_t used = strlen(t->names), room = sizeof(t->names) - used;

	t->killed++;
	int n = snprintf(t->names + used, room, "%s%.15s (%d)", used ? ", " : "",
	                 slash ? slash + 1 : t->argv[0], p->pid);
	if (n < 0 || (size_t)n >= room)
		t->names[used] = '\0'; /* no half name */
}

/* Reaps the dead but the leader. */
static void reap(struct task *t)
{
	struct tend__sim_process *next;

	for (struct tend__sim_process *p = t->family.first; p; p = next) {
		next = p->next;
		if (!p->dead || p == t->leader)
			continue;
		if (t->stage == ENDING && p->code == CLD_KILLED && p->status == SIGKILL)
			note_killed(t, p);
		tend__sim_reap(p);
	}
}

/* SIGKILL to the group at once, to the other descendants when they have fallen to the keeper.
 * Returns false when none is left. */
static bool kill_all(struct task *t)
{
	bool any = false;

	for (struct tend__sim_process *p = t->family.first; p; p = p->next) {
		if (p->dead)
			continue;
		any = true;
		if (!p->parent || p->group == t->pid)
			tend__sim_signal(p, SIGKILL);
	}
	return any;
}

static void end(struct task *t)
{
	reap(t);
	if (kill_all(t))
		return;
	reap(t);
	t->code = t->leader->code;
	t->status = t->leader->status;
	tend__sim_reap(t->leader);
	t->leader = NULL;
	over(t, TEND__STAGE_NONE, 0);
}

static void run(struct task *t)
{
	const uint64_t now = tend__clock();

	reap(t);
	if (t->leader->dead && !t->ended) {
		t->ended = true;
		t->kill_at = t->stop_ns < TEND_FOREVER - now ? now + t->stop_ns : TEND_FOREVER;
	}
	pass_signals(t);
	if (t->stop_at < t->kill_at)
		t->kill_at = t->stop_at;
	if (t->leader_first && !t->leader_asked && t->stop_at != TEND_FOREVER && !t->ended) {
		t->leader_asked = true;
		tend__sim_signal(t->leader, t->stop_signal);
		tend__sim_signal(t->leader, SIGCONT);
	}
	if (!t->stopping && (t->ended || (t->stop_at != TEND_FOREVER && !t->leader_first))) {
		t->stopping = true;
		send_signal(t, t->stop_signal);
		send_signal(t, SIGCONT);
	}
	if (t->kill || (t->ended && !stop_rest(t)) || tend__clock() >= t->kill_at)
		t->stage = ENDING;
}

/* A keeper at work: all that can be done now. */
static void attend(struct task *t)
{
	const uint64_t now = tend__clock();

	t->kill |= now >= t->lost_at;
	if (t->stage == STARTING && (t->kill || now >= t->stop_at))
		over(t, TEND__STAGE_KILLED, ECANCELED);
	else if (t->stage == STARTING && now >= t->starts_at) {
		if (t->failed_stage)
			over(t, t->failed_stage, t->error);
		else
			start(t);
	}
	if (t->stage == RUNS)
		run(t);
	if (t->stage == ENDING)
		end(t);
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* When a task wants to be looked at again, without news. */
static uint64_t next_look(const struct task *t)
{
	uint64_t at = t->guard->dead || t->guard->full ? TEND_FOREVER : message_due(t);

	if (t->stage == STARTING || t->stage == RUNS)
		at = least(at, t->lost_at);
	if (t->stage == STARTING)
		at = least(at, least(t->starts_at, t->stop_at));
	if (t->stage == RUNS)
		at = least(at, t->kill_at);
	return at;
}

/* ---- Requests ---- */

static struct task *find(struct guard *g, uint64_t cookie)
{
	struct task *t = g->tasks;

	while (t && t->cookie != cookie)
		t = t->next;
	return t;
}

static int read_blob(struct task *t, int fd, size_t bytes)
{
	t->strings = calloc(1, bytes + 1);
	if (!t->strings)
		return ENOMEM;
	return bytes && pread(fd, t->strings, bytes, 0) == (ssize_t)bytes ? 0 : EPROTO;
}

/* Points argv at the strings after the cwd, which is *cwd or else empty. */
static int read_argv(struct task *t, const struct tend__guard_request *request, const char **cwd)
{
	const char *at = t->strings, *end = at + request->blob_bytes;

	t->argv = calloc((size_t)request->argc + 1, sizeof(*t->argv));
	if (!t->argv)
		return ENOMEM;
	*cwd = NULL;
	if (request->flags & TEND__GUARD_CWD) {
		*cwd = at;
		at += strlen(at) + 1;
	}
	for (uint32_t i = 0; i < request->argc; i++) {
		if (at >= end)
			return EPROTO;
		t->argv[i] = at;
		at += strlen(at) + 1;
	}
	t->family.argv = t->argv;
	return request->argc ? 0 : EPROTO;
}

/* A process of the simulation enters no directory, but does not start in one that is not there. */
static int check_cwd(const char *cwd, int base)
{
	int fd = openat(base, cwd ? cwd : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* Reads the request into the task. Returns 0, or a positive errno value and the stage. */
static int take_request_of(struct task *t, const struct tend__guard_request *request,
                           const int *fds, int count, uint32_t *stage)
{
	const int *fd = fds;
	const char *cwd;

	*stage = TEND__STAGE_REQUEST;
	if (!(request->flags & TEND__GUARD_BLOB) || request->signal <= 0 || request->signal > 64 ||
	    count != __builtin_popcount(request->flags & (TEND__GUARD_CWD - 1)))
		return EPROTO;
	if ((request->flags & TEND__GUARD_READY) && !tend__guard_ready_valid(request->ready_fd))
		return EPROTO;
	int error = read_blob(t, *fd++, request->blob_bytes);
	if (!error)
		error = read_argv(t, request, &cwd);
	if (error)
		return error;
	int base = request->flags & TEND__GUARD_BASE ? *fd++ : AT_FDCWD;
	*stage = TEND__STAGE_SETUP;
	for (int i = 0; i < 4; i++) {
		bool sent = request->flags & TEND__GUARD_FD(i);
		if (!sent && i == 3)
			break; /* no descriptor of readiness */
		t->fds[i] = sent ? fcntl(*fd++, F_DUPFD_CLOEXEC, 3)
		                 : open("/dev/null", O_RDWR | O_CLOEXEC);
		if (t->fds[i] < 0)
			return errno;
	}
	*stage = TEND__STAGE_CWD;
	return check_cwd(cwd, base);
}

static void refuse(struct guard *g, uint64_t cookie, uint32_t stage, int error)
{
	const struct tend__guard_message m = {.type = TEND__GUARD_START_FAILED,
	                                      .cookie = cookie,
	                                      .stage = stage,
	                                      .error = error,
	                                      .pidfd = -1};

	while (!tell(g, &m, -1) && !g->dead)
		tend__sim_wait(&g->news, g->news, g->sock, POLLOUT, TEND_FOREVER);
}

static void spawn(struct guard *g, const struct tend__guard_request *request, const int *fds,
                  int count)
{
	if (find(g, request->cookie)) {
		refuse(g, request->cookie, TEND__STAGE_REQUEST, EEXIST);
		return;
	}
	struct task *t = calloc(1, sizeof(*t));
	if (!t) {
		refuse(g, request->cookie, TEND__STAGE_FORK, ENOMEM);
		return;
	}
	*t = (struct task){.next = g->tasks,
	                   .guard = g,
	                   .cookie = request->cookie,
	                   .stop_signal = request->signal,
	                   .stop_ns = request->stop_ns,
	                   .leader_first = request->flags & TEND__GUARD_LEADER,
	                   .fds = {-1, -1, -1, -1},
	                   .pidfd = -1,
	                   .starts_at = tend__clock() + tend__sim_while(),
	                   .stop_at = TEND_FOREVER,
	                   .kill_at = TEND_FOREVER,
	                   .lost_at = TEND_FOREVER};
	t->family.news = &g->news;
	t->error = take_request_of(t, request, fds, count, &t->failed_stage);
	if (!t->error)
		t->failed_stage = TEND__STAGE_NONE;
	g->tasks = t;
}

static void obey(struct guard *g, const struct tend__guard_request *request, const int *fds,
                 int count)
{
	const uint64_t now = tend__clock();

	if (request->type == TEND__GUARD_SPAWN) {
		spawn(g, request, fds, count);
		return;
	}
	struct task *t = find(g, request->cookie);
	bool is_signal = request->type == TEND__GUARD_SIGNAL;
	if (!t || t->stage == OVER)
		return;
	if (request->type == TEND__GUARD_KILL || (is_signal && request->signal == SIGKILL))
		t->kill = true;
	else if (request->type == TEND__GUARD_STOP)
		t->stop_at = least(t->stop_at, request->stop_ns < TEND_FOREVER - 1 - now
		                                       ? now + request->stop_ns
		                                       : TEND_FOREVER - 1);
	else if (is_signal && request->signal > 0 && request->signal <= 64)
		t->signals |= UINT64_C(1) << (request->signal - 1);
}

/* Returns false if there is none now, or the program has closed the socket. */
static bool take_request(struct guard *g)
{
	struct tend__guard_request request;
	struct tend__fdmsg got;
	ssize_t n =
		g->dead ? -EAGAIN : tend__fdmsg_receive(g->sock, &request, sizeof(request), &got);

	if (n == 0 || n == -ECONNRESET)
		die(g, true); /* the program is gone */
	if (n <= 0)
		return false;
	if (n == (ssize_t)sizeof(request))
		obey(g, &request, got.fds, got.count);
	tend__fdmsg_close(&got, 0);
	return true;
}

/* ---- The thread ---- */

/* One round over all that is to be done. Returns the earliest instant for the next. */
static uint64_t serve(struct guard *g)
{
	uint64_t next = TEND_FOREVER;
	struct task *after;

	while (take_request(g))
		tend__step();
	for (struct task *t = g->tasks; t; t = t->next)
		attend(t);
	while (pay(g))
		tend__step();
	for (struct task *t = g->tasks; t; t = after) {
		after = t->next;
		if (t->stage == OVER && (g->dead || !t->owes_end))
			remove_task(t);
		else
			next = least(next, next_look(t));
	}
	return next;
}

static void guard_main(void *arg)
{
	struct guard *g = arg;

	while (!g->dead || g->tasks) {
		uint32_t news = g->news;
		uint64_t next = serve(g);

		if (!g->dead || g->tasks)
			tend__sim_wait(&g->news, news, g->sock,
			               (short)(POLLIN | (g->full ? POLLOUT : 0)), next);
		g->full = false;
	}
	g->left = true;
	say_dead(g);
}

int tend__guard_start(const char *path, int sock, int owner)
{
	if (!tend__sim_run())
		return tend__os_guard_start(path, sock, owner);
	reap_guards();
	struct guard *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	int pidfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g->sock = fcntl(sock, F_DUPFD_CLOEXEC, 3);
	g->died = pidfd < 0 ? -1 : fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
	int error = g->sock < 0 || g->died < 0 ? -errno : 0;
	if (!error)
		error = tend__thread_start(&g->thread, TEND__GUARD_NAME, guard_main, NULL, g);
	if (!error) {
		g->next = guards;
		guards = g;
		tend__sim_at_end(forget_guards);
		return pidfd;
	}
	if (pidfd >= 0)
		close(pidfd);
	close_guard(g);
	return error;
}

void tend__guard_await(int pidfd)
{
	if (!tend__sim_run()) {
		tend__os_guard_await(pidfd);
		return;
	}
	const uint64_t deadline = tend__clock() + TEND_SEC;
	struct pollfd dead = {.fd = pidfd, .events = POLLIN};
	uint32_t never = 0;

	tend__sim_look(); /* the socket was closed */
	while (poll(&dead, 1, 0) == 0 && tend__clock() < deadline)
		tend__sim_wait(&never, 0, pidfd, POLLIN, deadline);
	reap_guards();
}

void tend_sim_kill_guard(void)
{
	if (!tend__sim_run())
		return;
	struct guard *g = guards;
	while (g) {
		if (g->dead) {
			g = g->next;
			continue;
		}
		die(g, false);
		say_dead(g);
		g->news++;
		tend__futex_wake(&g->news, 1);
		g = guards; /* meanwhile some may have left */
	}
}
