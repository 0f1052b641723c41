/* cli/up/ending.c - how an attempt ended, in words. */
#include "up/up.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

void up_outcome_text(const struct up_task *t, const struct tend_outcome *o, char *buf, size_t size)
{
	assert(o->kind != TEND_LIVE);
	const char *forced = t->killed ? " (by force)" : "";

	if (o->kind == TEND_FAILED && o->result < 0)
		snprintf(buf, size, "could not start: %s",
		         o->message[0] ? o->message : tend_strerror(o->result));
	else if (o->kind == TEND_CANCELED && o->result < 0)
		snprintf(buf, size, "stopped before it had started");
	else if (o->kind == TEND_KILLED && t->stop_sent && !t->killed)
		snprintf(buf, size, "killed by SIGKILL: it had not ended %.3gs after SIG%s",
		         (double)t->config->stop_timeout_ns / 1e9,
		         sigabbrev_np(t->config->stop_signal) ? sigabbrev_np(t->config->stop_signal)
		                                              : "?");
	else if (o->kind == TEND_KILLED && o->message[0])
		snprintf(buf, size, "%s", o->message);
	else if (o->kind == TEND_CANCELED && o->signal == t->config->stop_signal)
		snprintf(buf, size, "ended by SIG%s",
		         sigabbrev_np(o->signal) ? sigabbrev_np(o->signal) : "?");
	else if (o->signal && sigabbrev_np(o->signal))
		snprintf(buf, size, "killed by SIG%s%s", sigabbrev_np(o->signal), forced);
	else if (o->signal)
		snprintf(buf, size, "killed by signal %d%s", o->signal, forced);
	else
		snprintf(buf, size, "exited with code %d", o->result);
}

void up_task_ending(const struct up_task *t, char *buf, size_t size)
{
	if (t->has_last)
		up_outcome_text(t, &t->last, buf, size);
	else
		snprintf(buf, size, "%.150s", t->why[0] ? t->why : "never started");
}
