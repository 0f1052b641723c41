/* cli/up/ending.c - how an attempt ended, in words. */
#include "up/up.h"
#include "show/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* How the process itself ended. */
static void leader_text(const struct up_task *t, const struct tend_outcome *o, char *buf,
                        size_t size)
{
	const char *forced = t->killed ? " (by force)" : "";
	char signal[16], timeout[32];

	if (o->signal == 0)
		snprintf(buf, size, "exited with code %d", o->result);
	else if (o->kind == TEND_KILLED && t->stop_at && !t->killed) {
		tend_duration_text(t->config->stop_timeout_ns, timeout, sizeof(timeout));
		snprintf(buf, size, "killed by SIGKILL: it had not ended %s after %s", timeout,
		         text_signal(t->config->stop_signal, signal, sizeof(signal)));
	} else
		snprintf(buf, size, "%s by %s%s",
		         o->kind == TEND_CANCELED && up_steps_have(t->config, o->signal) ? "ended"
		                                                                         : "killed",
		         text_signal(o->signal, signal, sizeof(signal)),
		         o->kind == TEND_CANCELED ? "" : forced);
}

void up_outcome_text(const struct up_task *t, const struct tend_outcome *o, char *buf, size_t size)
{
	char leader[128];

	assert(o->kind != TEND_LIVE);
	if (o->kind == TEND_FAILED && o->result < 0)
		snprintf(buf, size, "could not start: %s",
		         o->message[0] ? o->message : tend_strerror(o->result));
	else if (o->kind == TEND_CANCELED && o->result < 0)
		snprintf(buf, size, "stopped before it had started");
	else if (o->kind == TEND_KILLED && !o->signal && o->message[0])
		snprintf(buf, size, "%s", o->message); /* the guard has died */
	else {
		leader_text(t, o, leader, sizeof(leader));
		snprintf(buf, size, "%s%s%s", leader, o->message[0] ? "; " : "", o->message);
	}
}

void up_task_ending(const struct up_task *t, char *buf, size_t size)
{
	if (t->has_last)
		up_outcome_text(t, &t->last, buf, size);
	else
		snprintf(buf, size, "%.150s", t->why[0] ? t->why : "never started");
}
