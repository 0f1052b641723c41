/* kinds/process/machine.c - the fiber of a process: asks, attends, stops, and ends.
 *
 * The fiber looks at the phase (process.h) and passes a stop on. A stop goes up two steps:
 *
 *   NONE   -> SIGNAL  pass_on()                   the task was canceled
 *   SIGNAL -> KILL    pass_on()                   stop_ns has passed, or a shutdown forces it
 *   NONE   -> KILL    tend__process_before_end()  the output callback has panicked
 *
 * A step is `wanted` when its time has come, and `sent` when the guard has the request. */
#include "kinds/process/process.h"

#include "tend/io.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/fds.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How often the fiber looks when nothing would notify it. */
#define RETRY_NS (20 * TEND_MS)
/* The keepers of a dead guard end their tasks in this time, at worst. */
#define GONE_NS (5 * TEND_SEC)

enum step { STEP_NONE, STEP_SIGNAL, STEP_KILL };

struct stop {
	enum step wanted, sent;
	bool failed;      /* the last step could not be sent, though there was room */
	uint64_t kill_at; /* SIGNAL: when KILL is wanted */
};

static void message(struct tend__process *p, const char *text)
{
	struct tend__lock *stripe = tend__stripe_of(p->children->rt, p->cookie);

	tend__lock(stripe);
	if (tend__task_extra(p->task))
		tend__text_copy(p->task->extra->message, sizeof(p->task->extra->message), text);
	tend__unlock(stripe);
}

static int failed(struct tend__process *p, int error, const char *stage)
{
	char text[128];

	snprintf(text, sizeof(text), "%s: %s: %s", p->argv[0], stage, strerrordesc_np(error));
	tend__text_trim(text);
	message(p, text);
	if (!tend__cancel_requested(p->task))
		p->task->ending = TEND_FAILED;
	return -error;
}

/* Asks the guard, and waits while there is no room. If the guard has died, asks another
 * guard, once. Returns 0 or a negative errno value. */
static int ask(struct tend__process *p, const int fds[3])
{
	for (int deaths = 0;;) {
		struct tend__waiter w = {.task = p->task};
		int error = tend__link_ask(p, fds);
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

static int start(struct tend__process *p)
{
	int ends[2];
	int error = tend__output_open(p, ends);

	if (!error)
		error = ask(p, (const int[3]){-1, ends[0], ends[1]});
	tend__process_close_base(p);
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	return error;
}

/* Passes a stop on to the guard: the stop signal once, and SIGKILL when stop_ns has passed
 * or a shutdown forces the task. */
static void pass_on(struct tend__process *p, struct stop *stop)
{
	if (stop->wanted == STEP_NONE && tend__cancel_requested(p->task)) {
		stop->wanted = STEP_SIGNAL;
		stop->kill_at = tend_after(p->stop_ns);
	}
	if (stop->wanted == STEP_SIGNAL &&
	    ((tend__task_word(p->task) & TEND__ABORTED) || tend__clock() >= stop->kill_at))
		stop->wanted = STEP_KILL;
	tend__assert(stop->sent <= stop->wanted);
	stop->failed = false;
	if (stop->sent == stop->wanted)
		return;
	int error = stop->wanted == STEP_KILL ? tend__link_kill(p) : tend__link_stop(p);
	if (!error)
		stop->sent = stop->wanted;
	stop->failed = error && error != -EAGAIN;
}

/* The guard died, and the keeper kills the process; wait for the pidfd of the leader to
 * confirm that. Meanwhile the task is shown as abandoned. When the last of the descendants
 * is dead both output pipes reach end of file, for which this waits GONE_NS at most. */
static void see_it_dead(struct tend__process *p)
{
	if (!tend__task_mark(p->task->record, p->cookie, TEND__ABANDONED))
		return;
	while (p->pidfd >= 0) {
		struct pollfd look = {.fd = p->pidfd, .events = POLLIN};
		const int events = TEND_READABLE;

		syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
		if (poll(&look, 1, 0) > 0)
			break;
		int error = tend__fds_wait(&p->pidfd, &events, 1, TEND__WAIT_EXIT, TEND_FOREVER,
		                           TEND__UNCANCELABLE);
		if (error < 0 && error != -EINTR)
			break;
	}
	for (uint64_t late = tend_after(GONE_NS);;) {
		int fds[2], events[2];

		while (tend__output_read(p))
			tend__fiber_yield(p->task);
		int n = tend__output_fds(p, fds, events);
		if (!n)
			break;
		int error =
			tend__fds_wait(fds, events, n, TEND__WAIT_EXIT, late, TEND__UNCANCELABLE);
		if (error < 0 && error != -EINTR)
			break;
	}
	tend__task_unmark(p->task, TEND__ABANDONED);
}

/* Returns the phase. Publishes the pid of a leader that has started since the last call:
 * from then on readers see the task as running. */
static enum tend__phase refresh(struct tend__process *p)
{
	int32_t pid;
	enum tend__phase phase = tend__link_look(p, &pid);

	tend__assert(pid > 0 || phase != TEND__PHASE_STARTED);
	/* Relaxed: only this fiber writes the pid; others look whether there is one. */
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

static void wait_for_news(struct tend__process *p, const struct stop *stop)
{
	uint64_t deadline = stop->wanted == STEP_SIGNAL ? stop->kill_at : TEND_FOREVER;
	unsigned flags = TEND__ONCE | (stop->wanted ? (unsigned)TEND__UNCANCELABLE : 0);
	int fds[2], events[2];
	int n = tend__output_fds(p, fds, events);

	if (stop->failed)
		deadline = retry_before(deadline);
	/* The caller looks at everything again after each answer. A descriptor that cannot
	 * be watched, because there is no memory, say, is looked at every RETRY_NS. */
	if (n) {
		int got = tend__fds_wait(fds, events, n, TEND__WAIT_EXIT, deadline, flags);

		if (got >= 0 || got == -EINTR || got == -ECANCELED || got == -ETIMEDOUT)
			return;
		deadline = retry_before(deadline);
	}
	struct tend__waiter w = {.task = p->task};
	if (tend__wait(NULL, &w, TEND__WAIT_EXIT,
	               (uint64_t)tend__load_relaxed(&p->task->record->pid), deadline, flags))
		return;
}

/* Returns true if something has come since the last look. The output callback may have
 * waited since then, and that wait has consumed the notify. */
static bool news(struct tend__process *p, enum tend__phase phase, const struct stop *stop)
{
	bool force = tend__task_word(p->task) & TEND__ABORTED;

	return phase == TEND__PHASE_EXITED || refresh(p) != phase ||
	       (force && stop->wanted != STEP_KILL) ||
	       (stop->wanted == STEP_NONE && tend__cancel_requested(p->task));
}

/* Looks after a process that the guard was asked for, until no news and no output are left.
 * Returns the phase: FAILED, EXITED or LOST. */
static enum tend__phase attend(struct tend__process *p, struct stop *stop)
{
	for (;;) {
		enum tend__phase phase = refresh(p);
		bool more = tend__output_read(p);

		if (phase == TEND__PHASE_FAILED || phase == TEND__PHASE_LOST ||
		    (phase == TEND__PHASE_EXITED && !more))
			return phase;
		pass_on(p, stop);
		if (more)
			tend__fiber_yield(p->task);
		else if (!news(p, phase, stop))
			wait_for_news(p, stop);
	}
}

/* The outcome of an end in this phase: sets `ending`, and returns the result. */
static int ended(struct tend__process *p, enum tend__phase phase, const struct stop *stop)
{
	if (phase == TEND__PHASE_FAILED && p->stage == TEND__STAGE_KILLED) {
		/* Killed between the request and the start: the program never ran. */
		p->task->ending = TEND_KILLED;
		return 128 + SIGKILL;
	}
	if (phase == TEND__PHASE_FAILED)
		return failed(p, p->error, tend__guard_stage_text(p->stage));
	if (phase == TEND__PHASE_LOST) {
		see_it_dead(p);
		message(p, "tend-guard died, and the process with it");
		p->task->ending = TEND_KILLED;
		return 128 + SIGKILL;
	}
	tend__assert(phase == TEND__PHASE_EXITED);
	if (p->code == CLD_EXITED) {
		if (p->status && !tend__cancel_requested(p->task))
			p->task->ending = TEND_FAILED;
		return p->status;
	}
	tend__lock(tend__stripe_of(p->children->rt, p->cookie));
	if (tend__task_extra(p->task))
		p->task->extra->signal = p->status;
	tend__unlock(tend__stripe_of(p->children->rt, p->cookie));
	if (stop->wanted == STEP_KILL && p->status == SIGKILL)
		p->task->ending = TEND_KILLED;
	else if (!tend__cancel_requested(p->task))
		p->task->ending = TEND_FAILED;
	return 128 + p->status;
}

int tend__process_main(void *process)
{
	struct tend__process *p = process;
	struct tend__outside room;

	tend__assert(tend__tls.task == p->task && p->task->data == p);
	tend__self(&room); /* links the task, so that a cancel finds it in each wait */
	int result = start(p);
	if (!result) {
		struct stop stop = {.wanted = STEP_NONE};
		enum tend__phase phase = attend(p, &stop);

		result = ended(p, phase, &stop);
	} else if (result != -ECANCELED)
		result = failed(p, -result, "could not start it");
	tend__output_close(p, 0);
	tend__output_close(p, 1);
	tend__link_leave(p);
	return result;
}

/* A panic in the output callback leaves tend__process_main() behind, so the process is
 * ended here. This runs on the task's own stack, so the fiber may wait. */
void tend__process_before_end(struct tend__task *t)
{
	struct tend__process *p = t->data;

	tend__assert(p->task == t && tend__tls.task == t);
	if (tend__link_has(p)) {
		struct stop stop = {.wanted = STEP_KILL};

		p->output = NULL;
		tend__output_close(p, 0);
		tend__output_close(p, 1);
		if (attend(p, &stop) == TEND__PHASE_LOST)
			see_it_dead(p);
		tend__link_leave(p);
	}
	tend__process_close_base(p); /* open if the task was canceled before its first run */
}
