/* cli/up/events.c - tells what happens to the tasks: the events of their attempts, and the ends. */
#include "up/up.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How long a temporary task runs until the task counts as started. */
#define SETTLE_NS TEND_SEC

extern char **environ;

void up_task_set_state(struct up_task *t, uint8_t state)
{
	assert(t->state != TEND_STATE_ENDED);
	if (t->state == TEND_STATE_ABANDONED && state != TEND_STATE_ENDED)
		return;
	t->state = state;
	t->wait[0] = 0;
	tend_event_set(t->news);
	tend_event_set(t->up->changed);
}

/* The task has ended for good. */
static void finish(struct up_task *t, uint8_t outcome)
{
	char text[CONFIG_NAME_MAX + 32];

	assert(t->up->ended < t->up->config->ntasks);
	up_task_set_state(t, TEND_STATE_ENDED);
	t->outcome = outcome;
	t->pid = 0;
	t->up->ended++;
	up_probes_follow(t);
	if (t->config->significant && !t->up->stopping) {
		t->up->ended_by = t;
		snprintf(text, sizeof(text), "%s has ended", t->config->name);
		up_stop(t->up, text, 0);
	}
}

static void has_started(struct up_task *t)
{
	t->started = true;
	t->was_ready |= t->ready;
	tend_event_set(t->up->changed);
}

/* The first failure of a temporary task is for good, and the dependents then do not start. So
 * the dependents wait until the task has run for a while: the speed of the failure would else
 * decide. */
static int settle_main(void *arg)
{
	struct up_task *t = arg;
	uint32_t attempt = t->attempt;

	if (tend_sleep(SETTLE_NS) != 0 || t->pid == 0 || t->attempt != attempt)
		return 0;
	has_started(t);
	/* With a probe, the task is ready when the probe says so. */
	if (!t->config->ready.kind)
		(void)!tend_task_ready(t->process, attempt);
	return 0;
}

static int spawn_settle(struct up_task *t)
{
	return tend_spawn(t->up->own, settle_main, t, TEND_TASK_OPTS(.name = "settle"), NULL);
}

/* ---- Events of the attempts ---- */

/* An attempt was told to stop. */
static void stops(struct up_task *t, uint32_t attempt)
{
	if (t->stop_at != 0 && t->stop_attempt == attempt)
		return;
	if (t->pid != 0)
		up_task_set_state(t, TEND_STATE_STOPPING);
	up_steps_begin(t, attempt);
}

void up_task_began(struct up_task *t, uint32_t attempt)
{
	bool temporary = t->config->restart.policy == TEND_TEMPORARY;
	char of[24], number[24];

	if (attempt < t->attempt || t->state == TEND_STATE_ENDED)
		return;
	int pid = tend_process_pid(t->process);
	/* The output of an attempt may be there before the pid. */
	if (attempt == t->attempt) {
		if (t->pid == 0 && pid > 0 && t->state == TEND_STATE_RUNNING) {
			t->pid = pid;
			up_probes_follow(t);
		}
		return;
	}
	t->attempt = attempt;
	t->pid = pid > 0 ? pid : 0;
	t->began_at = tend_now();
	t->killed = false;
	/* The attempt may have been told to stop before its program was there. */
	bool to_stop = t->stop_at && t->stop_attempt == attempt;
	t->stop_at = 0;
	t->ready = !t->config->ready.kind;
	up_task_set_state(t, TEND_STATE_RUNNING);
	snprintf(of, sizeof(of), ", pid %d", pid);
	snprintf(number, sizeof(number), ", attempt %u", attempt);
	up_task_say(t, "started%s%s", pid > 0 ? of : "", attempt > 1 ? number : "");
	if (to_stop)
		stops(t, attempt);
	if (!temporary || spawn_settle(t) != 0)
		has_started(t);
	up_probes_follow(t);
}

/* Returns the place in the file that is to blame. */
static struct config_place place_of(const struct config_task *c)
{
	return c->cwd_at.line && access(c->cwd, X_OK) != 0 ? c->cwd_at : c->argv_at;
}

/* The first attempt could not begin: tells why, and stops the whole stack, because the user did
 * not ask for a part of the stack. */
static void start_failed(struct up_task *t, const char *text)
{
	struct config_place at = place_of(t->config);
	struct up *up = t->up;
	char slip[400];

	config_script_slip(t->config, environ, slip, sizeof(slip));
	up_task_because(t, "could not start: %s", text);
	if (up->single)
		up_task_tell(t, "could not start: %s%s%s", text, slip[0] ? "; " : "", slip);
	else
		fprintf(stderr, "%s:%zu:%zu: error: task %s could not start: %s%s%s\n", up->file,
		        at.line, at.column, t->config->name, text, slip[0] ? "; " : "", slip);
	up->start_failed = t->could_not = true;
	up_stop(up, "a task could not start", 0);
}

/* Looks if the first attempt could not begin. */
static void see_failed_start(struct up_task *t)
{
	const struct tend_outcome *o = &t->last;

	if (o->kind == TEND_FAILED && o->result < 0 && t->attempt == 1 && !t->stop_at &&
	    !t->could_not)
		start_failed(t, o->message[0] ? o->message : tend_strerror(o->result));
}

/* Reads how an attempt ended. Returns false if the text is only known once the task has ended,
 * because the attempt was the last. */
static bool read_ending(struct up_task *t, const struct tend_event_info *e)
{
	struct tend_life life = {0};
	char time[32];

	t->last = (struct tend_outcome){.kind = e->outcome, .result = e->result, .error = e->error};
	if (tend_task_info(t->process, &life) == 0 && life.attempt == e->attempt && life.last) {
		t->last.signal = life.last_signal;
		memcpy(t->last.message, life.last_message, sizeof(t->last.message));
	}
	tend_duration_text(t->config->restart.timeout_ns, time, sizeof(time));
	if (e->error == -ETIMEDOUT)
		snprintf(t->last.message, sizeof(t->last.message), "it took longer than %s", time);
	return life.last || life.state != TEND_STATE_ENDED;
}

static void attempt_ended(struct up_task *t, const struct tend_event_info *e)
{
	bool known = read_ending(t, e);
	char text[256];

	up_notify_drain(t); /* the next attempt has not begun */
	t->has_last = true;
	t->attempt = e->attempt;
	t->pid = 0;
	t->wait[0] = 0;
	t->killed = t->last.signal == SIGKILL && up_is_forced(t->up);
	up_outcome_text(t, &t->last, text, sizeof(text));
	if (e->outcome != TEND_COMPLETED && e->outcome != TEND_CANCELED)
		up_task_because(t, "%s", text);
	if (known)
		see_failed_start(t);
	up_probes_follow(t);
}

static void rests(struct up_task *t, uint64_t delay_ns)
{
	char text[256], delay[32];

	if (t->could_not)
		return;
	up_task_set_state(t, TEND_STATE_BACKOFF);
	tend_duration_text(delay_ns, delay, sizeof(delay));
	up_outcome_text(t, &t->last, text, sizeof(text));
	/* A user who passes a signal on wants the end that the signal brings. */
	if (t->up->passed && t->last.signal == t->up->passed)
		tend_task_cancel(t->process, -ECANCELED, "the signal was passed on");
	else
		up_task_tell(t, "%s; restart %u in %s", text, t->attempt, delay);
}

static void stopped(struct up_task *t)
{
	up_task_set_state(t, TEND_STATE_STOPPED);
	up_task_say(t, "stopped; tend start %s lets it run again", t->config->name);
}

/* Tells why a task that was to run again does not. */
static void tell_end(struct up_task *t, const struct tend_outcome *o)
{
	const struct tend_restart *r = &t->config->restart;
	bool used = r->policy != TEND_TEMPORARY && r->retries && o->kind == TEND_FAILED &&
	            !t->up->stopping;
	char text[256];

	up_outcome_text(t, &t->last, text, sizeof(text));
	if (o->kind != TEND_COMPLETED && o->kind != TEND_CANCELED)
		up_task_because(t, "%s", text);
	if (used)
		up_task_tell(t, "%s; it is not started again after %u failures", text,
		             r->retries + 1);
	/* The exit code of a program does not tell that the program was stopped for a fault. */
	bool fault = o->error == -ETIME || o->error == -ETIMEDOUT;
	if (fault && !used && !t->up->stopping)
		up_task_tell(t, "%s", text);
	else
		up_task_say(t, "%s", text);
}

/* Writes which need of the task can hold no more, and why: in the words of this program, or in
 * those of the library. */
static void broken_need(const struct up_task *t, const struct tend_outcome *o, char *buf,
                        size_t size)
{
	char text[200];

	snprintf(buf, size, "%s", o->message);
	for (size_t k = 0; k < t->config->nneeds; k++) {
		const struct up_task *need = &t->up->tasks[t->config->needs[k].task];
		if (need->state != TEND_STATE_ENDED || need->outcome == TEND_COMPLETED)
			continue;
		up_task_ending(need, text, sizeof(text));
		snprintf(buf, size, "needs %s, which %s", need->config->name, text);
		return;
	}
}

/* The task has ended, and had no attempt. */
static void never_started(struct up_task *t, const struct tend_outcome *o)
{
	char text[256];

	if (o->kind == TEND_CANCELED)
		up_task_because(t, "never started: %s",
		                t->up->stopping ? "the stack was stopped first"
		                                : "it was canceled first");
	else {
		broken_need(t, o, text, sizeof(text));
		up_task_because(t, "never started: it %s", text);
		up_task_say(t, "%s", t->why);
	}
	finish(t, (uint8_t)o->kind);
}

static void ended(struct up_task *t)
{
	struct tend_outcome o;
	bool rested = t->state == TEND_STATE_BACKOFF || t->state == TEND_STATE_STOPPED;
	int error = tend_task_outcome(t->process, &o);

	assert(error == 0); /* the outcome is kept until the scope closes */
	if (!t->attempt && t->state == TEND_STATE_QUEUED) {
		never_started(t, &o);
		return;
	}
	/* For the library only the first signal is the stop. */
	bool fault = o.error == -ETIME || o.error == -ETIMEDOUT;
	if (t->stop_at && !fault && o.kind == TEND_FAILED && up_steps_have(t->config, o.signal))
		o.kind = TEND_CANCELED;
	/* The message of the end is there, even if that of the attempt was not seen in time. */
	if (!rested && !t->could_not && o.error != -ETIMEDOUT)
		t->last = o;
	t->has_last = true;
	see_failed_start(t);
	if (!rested && !t->could_not)
		tell_end(t, &o);
	/* The stop signal may have been quicker than the force. */
	finish(t, t->could_not ? TEND_FAILED : (uint8_t)o.kind);
}

static void take(struct up_task *t, const struct tend_event_info *e)
{
	/* look() may have read already what this event tells. */
	bool old = e->attempt < t->attempt && e->type != TEND_EVENT_ENDED;
	if (t->state == TEND_STATE_ENDED || old)
		return;
	switch (e->type) {
	case TEND_EVENT_BEGAN:
		up_task_began(t, e->attempt);
		break;
	case TEND_EVENT_READY:
		up_probes_fd(t, e->attempt);
		break;
	case TEND_EVENT_ATTEMPT_ENDED:
		attempt_ended(t, e);
		break;
	case TEND_EVENT_STOPPING:
	case TEND_EVENT_CANCELED:
		stops(t, e->attempt);
		break;
	case TEND_EVENT_BACKOFF:
		rests(t, e->delay_ns);
		break;
	case TEND_EVENT_STOPPED:
		stopped(t);
		break;
	case TEND_EVENT_ENDED:
		ended(t);
		break;
	default:
		break;
	}
}

/* Reads the state of a task of which events were lost. */
static void look(struct up_task *t)
{
	struct tend_life life;

	if (t->state == TEND_STATE_ENDED || tend_task_info(t->process, &life))
		return;
	bool over = life.state == TEND_STATE_ENDED || life.state == TEND_STATE_BACKOFF ||
	            life.state == TEND_STATE_STOPPED;
	/* An attempt without a pid has yet to start, and the event of its begin comes. */
	if (over || tend_process_pid(t->process) > 0)
		up_task_began(t, life.attempt);
	if (!over && life.ready)
		up_probes_fd(t, life.attempt);
	if (life.state == TEND_STATE_STOPPING)
		stops(t, life.attempt);
	if (!over)
		return;
	t->pid = 0;
	up_probes_follow(t);
	if (life.state == TEND_STATE_ENDED)
		ended(t);
	else
		up_task_set_state(t, (uint8_t)life.state);
}

/* Keeps an event for `tend events`, unless it is of what tend itself runs. */
static void keep(struct up *up, const struct tend_event_info *e)
{
	char path[TEND_PATH_MAX];
	int64_t n = tend_path(e->parent, path, sizeof(path));
	/* The name of the root is not shown, and beside the stack all is tend's own. */
	const char *shown = n < 0 ? NULL : strchr(path, '/');

	if (e->id == up->stack.id) {
		up_feed_event(up, e, up->config->name);
		return;
	}
	/* The scope around may be gone, and was one of tend's own or below a task then. */
	if (!shown || e->name[0] == '.' || strstr(shown, "/.") ||
	    (size_t)n + 1 + strlen(e->name) >= sizeof(path))
		return;
	snprintf(path + n, sizeof(path) - (size_t)n, "/%s", e->name);
	up_feed_event(up, e, shown + 1);
}

/* The library has told why, on standard error; the lines of the stack have it, too. */
static void gave_up(struct up *up, uint64_t id)
{
	struct tend_reason reason = {0};

	for (size_t i = 0; i < up->config->ngroups; i++) {
		if (up->groups[i].scope.id != id)
			continue;
		/* The cancel follows the event. */
		(void)!tend_scope_reason(up->groups[i].scope, &reason);
		up->groups[i].gone = true;
		up_say(up, "group %s has given up%s%s", up->config->groups[i].name,
		       reason.text[0] ? ": " : "", reason.text);
	}
}

void up_events_take(struct up *up)
{
	enum { ROOM = 64 };
	struct tend_event_info events[ROOM];
	uint64_t lost = 0, all_lost = 0;
	int64_t n;

	do {
		n = tend_events_take(up->news, events, ROOM, &lost);
		all_lost += lost;
		if (lost)
			up_feed_event(up, &(struct tend_event_info){.number = lost}, "");
		for (int64_t i = 0; i < n; i++) {
			keep(up, &events[i]);
			if (events[i].type == TEND_EVENT_GAVE_UP)
				gave_up(up, events[i].id);
			struct up_task *t = up_by_id(up, events[i].id);
			if (t)
				take(t, &events[i]);
		}
	} while (n == ROOM);
	/* The last event is taken before: an older event would be told after the state. */
	for (size_t k = 0; all_lost && k < up->config->ntasks; k++)
		look(&up->tasks[k]);
}

int up_follow_main(void *arg)
{
	struct up *up = arg;

	do {
		tend_event_clear(up->moved);
		up_events_take(up);
	} while (tend_event_wait(up->moved, TEND_FOREVER) != -ECANCELED);
	return 0;
}
