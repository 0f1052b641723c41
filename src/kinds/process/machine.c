/* kinds/process/machine.c - a turn of a process: the output, the news, and the outcome. */
#include "kinds/process/process.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The keepers of a dead guard end their tasks in this time, at worst. */
#define GONE_NS (5 * TEND_SEC)

/* The stripe is held, and the outcome of the attempt has the text, or the signal. */
static struct tend__extra *extra_of(struct tend__task *t)
{
	tend__assert_held(tend__stripe_of(tend__scope_of(t)->rt, t->id));
	if (t->flags & TEND__RESTARTABLE)
		tend__attempt_of(t)->has_text = true;
	return tend__task_extra(t);
}

static void message(struct tend__process *p, const char *text)
{
	struct tend__lock *stripe = tend__stripe_of(p->children->rt, p->task->id);

	tend__lock(stripe);
	struct tend__extra *extra = extra_of(p->task);
	if (extra)
		tend__text_copy(extra->message, sizeof(extra->message), text);
	tend__unlock(stripe);
}

/* The program does not run. Returns the result. */
static int failed(struct tend__process *p)
{
	char text[256];
	const char *stage = p->stage < TEND__STAGE_COUNT ? tend__guard_stage_text(p->stage)
	                                                 : "could not start it";
	const char *cwd = p->stage == TEND__STAGE_CWD && p->cwd ? p->cwd : NULL;

	tend__assert(p->error > 0);
	if (p->stage == TEND__STAGE_KILLED && tend__cancel_requested(p->task))
		return -ECANCELED;
	snprintf(text, sizeof(text), "%s: %s%s%s%s: %s", p->argv[0], stage, cwd ? " '" : "",
	         cwd ? cwd : "", cwd ? "'" : "", strerrordesc_np(p->error));
	message(p, text);
	if (!tend__cancel_requested(p->task))
		p->task->ending = TEND_FAILED;
	return -p->error;
}

/* The guard has died without a word that the program runs. */
static int never_began(struct tend__process *p)
{
	char text[128];

	snprintf(text, sizeof(text), "%s: tend-guard died before the process had started",
	         p->argv[0]);
	message(p, text);
	if (!tend__cancel_requested(p->task))
		p->task->ending = TEND_FAILED;
	return -EPIPE;
}

static int ended_with_guard(struct tend__process *p)
{
	if (p->unseen) {
		message(p, "tend-guard died, and the end of the process was not seen");
		p->task->ending = TEND_FAILED;
		return -EPIPE;
	}
	message(p,
	        p->out[0] < 0 && p->out[1] < 0
	                ? "tend-guard died, and the process with it"
	                : "tend-guard died, and the process with it, but not what has its output");
	p->task->ending = TEND_KILLED;
	return 128 + SIGKILL;
}

/* The leader ended by a signal. After a cancel, only the stop signal and the SIGKILL that
 * follows are the stop's; any other signal is a crash, which beats the cancel. */
static int ended_by_signal(struct tend__process *p)
{
	tend__lock(tend__stripe_of(p->children->rt, p->task->id));
	struct tend__extra *extra = extra_of(p->task);
	if (extra)
		extra->signal = p->status;
	tend__unlock(tend__stripe_of(p->children->rt, p->task->id));
	if (p->status == SIGKILL && (p->stop_sent || p->kill_sent))
		p->task->ending = TEND_KILLED;
	else if (p->status != p->stop.signal || !tend__cancel_requested(p->task))
		p->task->ending = TEND_FAILED;
	else
		p->task->ending = TEND_CANCELED;
	return 128 + p->status;
}

/* Names what had to be killed, in the report of a shutdown and in the outcome. */
static void tell_killed(struct tend__process *p)
{
	bool leader = p->task->ending == TEND_KILLED;
	const char *slash = strrchr(p->argv[0], '/');
	char text[TEND__GUARD_NAMES + 64], names[TEND__GUARD_NAMES + 64] = "";

	if (!leader && !p->killed)
		return;
	if (leader)
		snprintf(names, sizeof(names), "%.32s (%d)%s", slash ? slash + 1 : p->argv[0],
		         p->pid, p->names[0] ? ", " : "");
	snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s", p->names);
	tend__shutdown_killed(p->task, p->killed + leader, names);
	if (!p->killed)
		return;
	snprintf(text, sizeof(text), "%u killed below it: %s", p->killed, p->names);
	message(p, text);
}

static int exited(struct tend__process *p)
{
	int result = p->status;

	if (p->code != CLD_EXITED)
		result = ended_by_signal(p);
	else if (tend__cancel_requested(p->task))
		p->task->ending = TEND_CANCELED;
	else if (p->status)
		p->task->ending = TEND_FAILED;
	tell_killed(p);
	return result;
}

/* Returns whether no attempt follows, unless a command asks for one. */
static bool is_last(struct tend__task *t)
{
	if (!(t->flags & TEND__RESTARTABLE) || (t->flags & TEND__RUNS_ONCE) || tend__is_to_end(t))
		return true;
	/* The end for good of a set is the attempt's alone. */
	tend__lock(&t->home->lock);
	bool for_good = tend__attempt_of(t)->for_good;
	tend__unlock(&t->home->lock);
	return for_good;
}

/* The guard died, and the keeper kills the process. Returns true when the leader is dead, and
 * all of its descendants are: then both output pipes have reached their end, for which this
 * waits GONE_NS at most. A leader without a pidfd, for which no number was free, is awaited for
 * the same time at most. A task that may run again has no such bound, because no attempt begins
 * beside what is left of the last; so no command runs a task again after the bound.
 * Meanwhile the task is shown as abandoned. */
static bool seen_dead(struct tend__process *p)
{
	bool live = tend__task_mark(p->task->record, p->task->id, TEND__ABANDONED);

	tend__assert(live);
	tend__leader_kill(p->pidfd);
	p->unseen = !tend__leader_dead(p->pidfd, p->pid);
	if (p->unseen && p->pidfd >= 0)
		return false;
	if (!p->gone_at)
		p->gone_at = tend_after(GONE_NS);
	if (p->unseen || p->out[0] >= 0 || p->out[1] >= 0) {
		if (!is_last(p->task) || tend__clock() < p->gone_at)
			return false;
		if (p->repeats)
			tend__attempt_of(p->task)->is_last = true;
	}
	tend__task_unmark(p->task, TEND__ABANDONED);
	return true;
}

static int outcome_of(struct tend__process *p, enum tend__phase phase)
{
	bool guards_died = p->stage == TEND__STAGE_COUNT && p->error == EPIPE;

	if (phase == TEND__PHASE_FAILED && !guards_died)
		return failed(p);
	if (phase == TEND__PHASE_FAILED || (phase == TEND__PHASE_LOST && !p->pid))
		return never_began(p);
	if (phase == TEND__PHASE_LOST)
		return ended_with_guard(p);
	tend__assert(phase == TEND__PHASE_EXITED);
	return exited(p);
}

/* Tells of an attempt whose program does not run. The scope tells of a task without attempts. */
static void tell_not_started(struct tend__task *t)
{
	struct tend__lock *stripe = tend__stripe_of(tend__scope_of(t)->rt, t->id);
	char text[sizeof(t->extra->message)] = "";

	tend__lock(stripe);
	if (t->extra)
		tend__text_copy(text, sizeof(text), t->extra->message);
	tend__unlock(stripe);
	tend__failure_tell(t, "could not start", text[0] ? text : tend_strerror(t->result));
}

/* Makes the park that follows fail. */
static void again(struct tend__task *t)
{
	bool parked = tend__task_notify(t);

	tend__assert(!parked);
}

/* Another attempt begins. The spawner has opened the first, and has answered for the errors. */
void tend__process_begin(struct tend__task *t)
{
	struct tend__process *p = tend__own(t);
	int error = 0;

	tend__assert(p->repeats && !t->defers && !p->cookie == !p->opened);
	bool live = tend__task_mark(t->record, t->id, TEND__STARTING);
	tend__assert(live);
	p->calls = p->over = p->unseen = p->heard = false;
	p->gone_at = 0;
	p->output = p->callback;
	if (!p->opened)
		error = tend__output_begin(p);
	p->opened = false;
	if (error)
		tend__link_cannot(p, error);
	else
		tend__link_ask(p);
}

/* Returns whether the hook of failures is to hear that the program does not run. */
static bool tells(const struct tend__task *t)
{
	return t->ending == TEND_FAILED && t->result < 0 && !(tend__task_word(t) & TEND__KEPT);
}

/* The attempt is over: sets the outcome, and whether the last turn calls the program. */
static void conclude(struct tend__task *t, struct tend__process *p, enum tend__phase phase)
{
	/* After a panic of the output callback the outcome stands. */
	if (!t->ending)
		t->result = outcome_of(p, phase);
	p->calls = p->drop || t->defers || t->owns || tells(t);
	p->over = true;
}

/* Tells the life once that the program runs, before the output is read. */
static void hear(struct tend__process *p, enum tend__phase phase, int32_t pid)
{
	if (p->heard || phase == TEND__PHASE_ASKING)
		return;
	p->heard = true;
	/* A program that cannot run has no pid. */
	if (pid)
		p->children->rt->attempt_begun(p->task);
}

uint32_t tend__process_turn(struct tend__task *t)
{
	struct tend__process *p = tend__own(t);
	int32_t pid;

	tend__assert(p->task == t);
	/* The phase before the output: what the process has written before its end is read. */
	enum tend__phase phase = tend__link_look(p, &pid);
	hear(p, phase, pid);
	if (p->heard && (p->output || p->calls) && tend__tls.task != t) {
		again(t);
		return TEND__WAIT_GUARD;
	}
	/* None before the guard's news of the start: output comes from a task that has begun. The
	 * news will bring another turn. */
	bool any = phase != TEND__PHASE_ASKING && tend__ready_read(p);
	if (phase != TEND__PHASE_ASKING)
		any |= tend__output_read(p);
	bool over = phase == TEND__PHASE_FAILED || phase == TEND__PHASE_EXITED ||
	            (phase == TEND__PHASE_LOST && seen_dead(p));

	if (any || !over) {
		/* Another turn at once, also because the output callback may have waited, which
		 * consumed the notify of news. */
		if (any)
			again(t);
		tend__describe(t, (uint64_t)pid, tend__clock(), 0);
#ifdef TEND_SIM
		tend__on_wait(t->id);
#endif
		return pid ? TEND__WAIT_EXIT : TEND__WAIT_GUARD;
	}
	/* The last turn calls the program: the drop, or the hook of failures. */
	if (!p->over)
		conclude(t, p, phase);
	if (p->calls && tend__tls.task != t) {
		again(t);
		return TEND__WAIT_GUARD;
	}
	tend__output_end(p);
	tend__link_leave(p);
	if (tend__tls.task == t)
		tend__unwind(t);
	if (p->repeats && tells(t))
		tell_not_started(t);
	return TEND__WAIT_NONE;
}

/* No attempt follows: closes the descriptors for all attempts, because the task may be kept for
 * long, and the pipes that the spawner has opened for an attempt that does not come. */
void tend__process_retire(struct tend__task *t)
{
	struct tend__process *p = tend__own(t);

	if (p->opened) {
		p->opened = false;
		p->output = NULL;
		tend__output_end(p);
	}
	tend__process_close_ends(p, false);
}

static void turn_on_monitor(tend_runtime *rt, struct tend__errand *errand)
{
	struct tend__task *t = tend__entry(errand, struct tend__process, errand)->task;

	TEND__EDGE_ACQUIRE(t);
	uint32_t wait = t->kind->turn(t);
	TEND__EDGE_RELEASE(t);
	if (wait == TEND__WAIT_NONE)
		tend__task_finish(t);
	else if (wait == TEND__AGAIN || !tend__rest(rt, t, (enum tend__wait_kind)wait))
		tend__process_wake(t);
}

/* The notified task is the caller's alone until it is queued. */
void tend__process_wake(struct tend__task *t)
{
	struct tend__process *p = tend__own(t);

	if (t->worker) {
		tend__fiber_wake(t); /* parked inside the output callback */
		return;
	}
	TEND__EDGE_RELEASE(t);
	/* Until the program runs, no turn calls the program of the runtime, and the news of the
	 * beginning wait for no worker. */
	if (p->heard && (p->output || p->calls)) {
		tend__spawned(p->children->rt, t);
		return;
	}
	p->errand.fn = turn_on_monitor;
	tend__monitor_post(p->children->rt, &p->errand);
}

/* No stack could be had for the turn, which is taken later. */
void tend__process_starved(struct tend__task *t, int error)
{
	(void)error;
	tend__link_starved(tend__own(t));
	if (!tend__task_park(t, TEND__WAIT_GUARD))
		tend__process_wake(t);
}

/* The output callback has panicked. The cleanups and the drop follow when the process has
 * ended. */
uint32_t tend__process_broke(struct tend__task *t)
{
	struct tend__process *p = tend__own(t);

	tend__assert(p->task == t && tend__tls.task == t && t->ending);
	p->output = NULL;
	p->calls = true;
	tend__link_kill(p);
	again(t); /* the output that was not read yet goes to the tail */
	return TEND__WAIT_EXIT;
}
