/* cli/up/wait.c - the answer to `tend wait`: a task has started, is ready, or has ended for
 * good. */
#include "up/up.h"
#include "ask/envelope.h"
#include "show/json.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SILENCE_NS TEND_SEC /* at most, between two messages to a client */

enum goal { STARTED, READY, ENDED };
static const char *const REACHES[] = {
	[STARTED] = "has not started",
	[READY] = "is not ready",
	[ENDED] = "has not ended",
};

enum verdict { NOT_YET, REACHED, NEVER };

static enum verdict look(const struct up_task *t, enum goal goal)
{
	if (t->state == TEND_STATE_ENDED)
		return t->outcome == TEND_COMPLETED ? REACHED : NEVER;
	if (t->state == TEND_STATE_ABANDONED)
		return NEVER;
	bool there = goal == STARTED ? t->started : goal == READY && t->was_ready;
	return there ? REACHED : NOT_YET;
}

/* Looks at a task, or at all tasks, of which a single failure decides. `which` gets the task
 * that decides. */
static enum verdict look_all(const struct up *up, const struct up_task *only, enum goal goal,
                             const struct up_task **which)
{
	enum verdict all = REACHED;

	*which = only ? only : &up->tasks[0];
	if (only)
		return look(only, goal);
	for (size_t i = 0; i < up->config->ntasks && all != NEVER; i++) {
		enum verdict one = look(&up->tasks[i], goal);
		if (one == NEVER || (one == NOT_YET && all == REACHED)) {
			all = one;
			*which = &up->tasks[i];
		}
	}
	return all;
}

/* Writes the state of a task that has not got there. */
static void tell(const struct up_task *t, enum goal goal, char *buf, size_t size)
{
	char ending[256], wait[160];

	if (t->state == TEND_STATE_ENDED) {
		up_task_ending(t, ending, sizeof(ending));
		snprintf(buf, size, "%s is %s: %s", t->config->name, tend_outcome_name(t->outcome),
		         ending);
		return;
	}
	up_task_wait(t, wait, sizeof(wait));
	snprintf(buf, size, "%s %s; it is %s%s%s%s%s", t->config->name, REACHES[goal],
	         tend_state_name(t->state), wait[0] ? ": " : "", wait,
	         t->why[0] ? "; last error: " : "", t->why);
}

static json_t *answer(const struct up *up, const struct up_task *only, enum verdict verdict,
                      const struct up_task *which, enum goal goal)
{
	char text[600];

	if (verdict == REACHED)
		return envelope_ok("tend.wait/1", json_pack("{s:s, s:o}", "name", up->config->name,
		                                            "tasks", up_rows(up, only)));
	tell(which, goal, text, sizeof(text));
	json_t *message = text_json(text, strlen(text));
	json_t *envelope =
		envelope_error("tend.wait/1", verdict == NEVER ? EXIT_NOT_RUNNING : EXIT_TIMEOUT,
	                       message ? json_string_value(message) : "out of memory");
	json_decref(message);
	return envelope;
}

void up_wait(struct up *up, struct up_task *t, const json_t *request, struct control_reply *reply)
{
	json_int_t timeout = field_number(request, "timeout_ns");
	uint64_t deadline = timeout > 0 ? tend_after((uint64_t)timeout) : TEND_FOREVER;
	const char *word = field_text(request, "for");
	enum goal goal = strcmp(word, "ended") == 0   ? ENDED
	                 : strcmp(word, "ready") == 0 ? READY
	                                              : STARTED;

	for (;;) {
		const struct up_task *which;
		enum verdict verdict = look_all(up, t, goal, &which);
		if (verdict != NOT_YET || tend_now() >= deadline) {
			control_send(reply, answer(up, t, verdict, which, goal));
			return;
		}
		uint64_t until = tend_after(SILENCE_NS);
		int error = tend_event_wait(up->changed, until < deadline ? until : deadline);
		if (error == -ECANCELED)
			return;
		/* The event stays set until the watching fiber has seen it. */
		if (error == 0 && tend_yield() == -ECANCELED)
			return;
		if (error == -ETIMEDOUT && !control_send(reply, json_pack("{s:{}}", "progress")))
			return;
	}
}
