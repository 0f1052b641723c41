/* platform/sim/process.c - simulated processes: functions of the test, each in a virtual thread.
 *
 * A process ends in its own thread: a signal leaves a bit and wakes the process, and the
 * process looks at the bits in each call of a program. So no process ends with a lock of the
 * core held, or in the middle of a change. */
#include "platform/sim/sim.h"

#include "base/atomic.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FIRST_PID = 4194305, /* no kernel has so high a pid, so a real kill() finds nothing */
	WRITE_MAX = 4096,    /* a pipe that is ready has room for so much */
	READY = 3            /* the place of the descriptor of readiness */
};

struct program {
	struct program *next;
	tend_sim_main *fn;
	int error;
	char name[];
};

static struct program *programs;
static int32_t pids;

/* ---- Programs ---- */

static void forget_programs(void)
{
	while (programs) {
		struct program *next = programs->next;

		free(programs);
		programs = next;
	}
	pids = 0;
}

static int add_program(const char *name, tend_sim_main *fn, int error)
{
	if (!tend__sim_run())
		return -EPERM;
	if (!name || !*name || (!fn && error >= 0))
		return -EINVAL;
	size_t size = strlen(name) + 1;
	struct program *p = malloc(sizeof(*p) + size);
	if (!p)
		return -ENOMEM;
	*p = (struct program){.next = programs, .fn = fn, .error = error};
	memcpy(p->name, name, size);
	programs = p;
	tend__sim_at_end(forget_programs);
	return 0;
}

int tend_sim_program(const char *name, tend_sim_main *fn) { return add_program(name, fn, 0); }

int tend_sim_no_program(const char *name, int error) { return add_program(name, NULL, error); }

int tend__sim_find_program(const char *name, tend_sim_main **fn, uint32_t *stage)
{
	for (struct program *p = programs; p; p = p->next)
		if (strcmp(p->name, name) == 0) {
			*fn = p->fn;
			*stage = p->fn ? TEND__STAGE_NONE : TEND__STAGE_EXEC;
			return p->error;
		}
	*stage = TEND__STAGE_LOOKUP;
	return -ENOENT;
}

/* ---- Signals ---- */

static uint64_t bit(int signal) { return UINT64_C(1) << (signal - 1); }

static uint64_t stops(void) { return bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU); }

void tend__sim_signal(struct tend__sim_process *p, int signal)
{
	tend__assert(signal > 0 && signal <= 64);
	if (p->dead)
		return;
	/* As in the kernel, the later of stop and continue wins, and SIGCONT continues a process
	 * also if the process ignores SIGCONT. */
	if (signal == SIGCONT) {
		p->pending &= ~stops();
		p->stopped = false;
	} else if (stops() & bit(signal))
		p->pending &= ~bit(SIGCONT);
	p->pending |= bit(signal);
	p->news++;
	tend__futex_wake(&p->news, 1);
}

static TEND_NORETURN void end_by(struct tend__sim_process *p, int signal)
{
	p->code = CLD_KILLED;
	p->status = signal;
	longjmp(p->out, 1);
}

/* The default of a signal that does not end a process. */
static uint64_t harmless(void) { return bit(SIGCHLD) | bit(SIGCONT) | bit(SIGURG) | bit(SIGWINCH); }

/* Ends the process, or keeps it stopped, as its signals want. Signals that the program takes
 * stay pending. */
static void heed(struct tend__sim_process *p)
{
	for (;;) {
		if (p->pending & bit(SIGKILL))
			end_by(p, SIGKILL);
		p->pending &= ~(p->ignored | (harmless() & ~p->taken));
		uint64_t stop = p->pending & stops() & ~p->taken,
			 end = p->pending & ~p->taken & ~stop;
		if (stop) {
			p->pending &= ~stop;
			p->stopped = true;
		} else if (p->stopped)
			tend__sim_wait(&p->news, p->news, -1, 0, TEND_FOREVER);
		else if (end)
			end_by(p, __builtin_ctzll(end) + 1);
		else
			return;
	}
}

/* ---- Life ---- */

/* The children of the dead process fall to the keeper, and its parent gets SIGCHLD. */
static void leave_family(const struct tend__sim_process *dead)
{
	for (struct tend__sim_process *p = dead->family->first; p; p = p->next) {
		if (p->parent == dead->pid)
			p->parent = 0;
		if (p->pid == dead->parent)
			tend__sim_signal(p, SIGCHLD);
	}
}

static void close_all(struct tend__sim_process *p)
{
	for (int i = 0; i < 4; i++) {
		if (p->fds[i] >= 0)
			close(p->fds[i]);
		p->fds[i] = -1;
	}
}

static void wake_keeper(const struct tend__sim_process *p)
{
	++*p->family->news;
	tend__futex_wake(p->family->news, 1);
}

static void process_main(void *arg)
{
	struct tend__sim_process *p = arg;

	if (!setjmp(p->out)) {
		heed(p); /* signals may have come before the program began */
		p->status = p->fn(p->family->argv) & 0xff;
		p->code = CLD_EXITED;
	}
	p = arg;
	close_all(p);
	p->dead = true;
	if (p->pidfd >= 0)
		eventfd_write(p->pidfd, 1);
	leave_family(p);
	tend__sim_look();
	wake_keeper(p);
}

static int copy_fds(const int from[4], int to[4])
{
	for (int i = 0; i < 4; i++) {
		if (from[i] < 0)
			continue;
		to[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		/* The flag belongs to the pipe's end, so it counts for all copies. */
		if (to[i] < 0 || fcntl(to[i], F_SETFL, O_WRONLY | O_NONBLOCK) < 0)
			return -errno;
	}
	return 0;
}

int tend__sim_begin_process(struct tend__sim_family *family, const struct tend__sim_birth *birth,
                            struct tend__sim_process **out)
{
	struct tend__sim_process *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->family = family;
	p->fn = birth->fn;
	p->parent = birth->parent;
	p->ignored = birth->ignored;
	p->pidfd = birth->pidfd;
	p->fds[0] = p->fds[1] = p->fds[2] = p->fds[READY] = -1;
	int error = copy_fds(birth->fds, p->fds);
	if (!error) {
		p->next = family->first;
		family->first = p;
		/* The process may be over and reaped when the start returns. */
		const int32_t pid = FIRST_PID + pids++;

		p->pid = pid;
		p->group = birth->group ? birth->group : pid;
		if (out)
			*out = p;
		error = tend__thread_start(&p->thread, "process", process_main, NULL, p);
		if (!error)
			return pid;
		family->first = p->next;
	}
	close_all(p);
	free(p);
	return error;
}

static void free_process(struct tend__sim_process *p)
{
	close_all(p);
	if (p->pidfd >= 0)
		close(p->pidfd);
	free(p);
}

void tend__sim_reap(struct tend__sim_process *p)
{
	struct tend__sim_process **at = &p->family->first;

	tend__assert(p->dead);
	tend__thread_join(&p->thread);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free_process(p);
}

void tend__sim_forget_family(struct tend__sim_family *family)
{
	while (family->first) {
		struct tend__sim_process *p = family->first;

		family->first = p->next;
		free_process(p);
	}
}

/* ---- The calls of programs ---- */

static struct tend__sim_process *self(void) { return tend__sim_self(process_main); }

/* Gives the process that calls, which may end here. */
static struct tend__sim_process *enter(void)
{
	struct tend__sim_process *p = self();

	if (p) {
		tend__step();
		heed(p);
	}
	return p;
}

int tend_sim_wait(uint64_t ns)
{
	struct tend__sim_process *p = enter();

	if (!p)
		return -EPERM;
	const uint64_t now = tend__clock(),
		       until = ns < TEND_FOREVER - now ? now + ns : TEND_FOREVER;
	for (;;) {
		uint64_t signals = p->pending & p->taken;

		if (signals) {
			int signal = __builtin_ctzll(signals) + 1;

			p->pending &= ~bit(signal);
			return signal;
		}
		if (tend__clock() >= until)
			return 0;
		tend__sim_wait(&p->news, p->news, -1, 0, until);
		heed(p);
	}
}

int tend_sim_on_signal(int signal, enum tend_sim_action action)
{
	struct tend__sim_process *p = enter();

	if (!p)
		return -EPERM;
	if (signal <= 0 || signal > 64 || signal == SIGKILL || signal == SIGSTOP ||
	    action > TEND_SIM_TAKE)
		return -EINVAL;
	p->ignored &= ~bit(signal);
	p->taken &= ~bit(signal);
	if (action == TEND_SIM_IGNORE)
		p->ignored |= bit(signal);
	else if (action == TEND_SIM_TAKE)
		p->taken |= bit(signal);
	heed(p);
	return 0;
}

static bool is_open(const struct tend__sim_process *p, int fd)
{
	return (fd == 1 || fd == 2 || fd == READY) && p->fds[fd] >= 0;
}

/* Writes some of the text. Returns how much, or -EPIPE, or -EAGAIN while the pipe is full. A
 * pipe that nobody reads is asked for first, because a write would send SIGPIPE to the test. */
static int64_t write_some(int fd, const char *text, size_t n)
{
	struct pollfd look = {.fd = fd, .events = POLLOUT};

	if (poll(&look, 1, 0) < 0 || !look.revents)
		return -EAGAIN;
	if (look.revents & POLLERR)
		return -EPIPE;
	ssize_t done = write(fd, text, n < WRITE_MAX ? n : WRITE_MAX);
	if (done < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	tend__sim_look();
	return done;
}

int64_t tend_sim_write(int fd, const char *text)
{
	struct tend__sim_process *p = enter();
	size_t n = strlen(text), done = 0;

	if (!p)
		return -EPERM;
	if (!is_open(p, fd))
		return -EINVAL;
	while (done < n) {
		int64_t some = write_some(p->fds[fd], text + done, n - done);

		if (some > 0)
			done += (size_t)some;
		else if (some == -EPIPE)
			tend__sim_signal(p, SIGPIPE);
		else if (some != -EAGAIN)
			return some;
		else if (p->pending & p->taken)
			return done ? (int64_t)done : -EINTR;
		else
			tend__sim_wait(&p->news, p->news, p->fds[fd], POLLOUT, TEND_FOREVER);
		heed(p);
		if (some == -EPIPE)
			return done ? (int64_t)done : -EPIPE;
		tend__step();
	}
	return (int64_t)done;
}

int tend_sim_ready(void)
{
	int64_t n = tend_sim_write(READY, "\n");

	return n < 0 ? (int)n : tend_sim_close(READY);
}

int tend_sim_close(int fd)
{
	struct tend__sim_process *p = enter();

	if (!p)
		return -EPERM;
	if (!is_open(p, fd))
		return -EINVAL;
	close(p->fds[fd]);
	p->fds[fd] = -1;
	tend__sim_look();
	return 0;
}

static int begin_below(tend_sim_main *fn, bool is_daemon)
{
	struct tend__sim_process *p = enter();

	if (!p)
		return -EPERM;
	/* As fork(2) and exec(2) do: an ignored signal stays so, a taken one has its default. */
	const struct tend__sim_birth birth = {.fn = fn,
	                                      .parent = is_daemon ? 0 : p->pid,
	                                      .group = is_daemon ? 0 : p->group,
	                                      .fds = p->fds,
	                                      .pidfd = -1,
	                                      .ignored = p->ignored};
	int32_t pid = tend__sim_begin_process(p->family, &birth, NULL);
	if (pid > 0)
		wake_keeper(p);
	return pid;
}

int tend_sim_child(tend_sim_main *fn) { return begin_below(fn, false); }
int tend_sim_daemon(tend_sim_main *fn) { return begin_below(fn, true); }

void tend_sim_die(int signal)
{
	struct tend__sim_process *p = enter();

	tend__assert(p && signal > 0 && signal <= 64);
	end_by(p, signal);
}

void tend_sim_compute(uint64_t ns)
{
	if (!tend__sim_run())
		return;
	tend__sim_compute(ns);
	(void)enter();
}
