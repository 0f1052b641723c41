/* cli/up/report.c - the fate of each task, and the exit code of `tend up`. */
#include "up/up.h"
#include "ask/envelope.h"
#include "show/json.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *word(const struct up_task *t)
{
	return t->state == TEND_STATE_ENDED ? tend_outcome_name(t->outcome)
	                                    : tend_state_name(t->state);
}

/* Returns how long the stop took or, without a stop, the whole run. */
static uint64_t took_ns(const struct up *up)
{
	return tend_now() - (up->stopping ? up->stop_began : up->started_at);
}

static size_t survivors(const struct up *up)
{
	assert(up->ended <= up->config->ntasks);
	return up->config->ntasks - up->ended;
}

static void ending_of(const struct up_task *t, char *buf, size_t size)
{
	if (t->state == TEND_STATE_ENDED)
		up_task_ending(t, buf, size);
	else
		snprintf(buf, size, "pid %d did not end", t->pid);
}

static void print_task(struct up *up, const struct up_task *t, int width)
{
	char text[300], restarts[32] = "";

	ending_of(t, text, sizeof(text));
	if (t->attempt > 1)
		snprintf(restarts, sizeof(restarts), ", %u restart%s", t->attempt - 1,
		         t->attempt == 2 ? "" : "s");
	up_say(up, "  %-*s  %-9s  %s%s", width, t->config->name, word(t), text, restarts);
}

static const char *error_of(int code)
{
	if (code == EXIT_TIMEOUT)
		return "something outlived the stop";
	return code == EXIT_FAILED ? "a task could not start, or failed" : "a task failed";
}

static void print_envelope(const struct up *up)
{
	int code = up_exit_code(up);
	json_t *envelope = code ? envelope_error("tend.up/1", code, error_of(code))
	                        : envelope_ok("tend.up/1", json_object());

	if (envelope)
		json_object_set_new(envelope, "data", up_report_json(up));
	printer_document(up->printer, envelope);
}

void up_report_print(struct up *up)
{
	if (up->single)
		return;
	if (up->json) {
		print_envelope(up);
		return;
	}
	char took[32];
	tend_duration_text(took_ns(up), took, sizeof(took));
	const char *verb = up->stopping ? "stopped" : "ran";

	if (survivors(up))
		up_say(up, "%zu of %zu tasks did not end within %s:", survivors(up),
		       up->config->ntasks, took);
	else
		up_say(up, "%s in %s; how the tasks ended:", verb, took);
	for (size_t i = 0; i < up->config->ntasks; i++)
		print_task(up, &up->tasks[i], (int)up_name_width(up->config));
}

json_t *up_report_json(const struct up *up)
{
	json_t *tasks = json_array();

	for (size_t i = 0; i < up->config->ntasks; i++) {
		const struct up_task *t = &up->tasks[i];
		bool ended = t->state == TEND_STATE_ENDED;
		char path[UP_PATH_MAX], text[300];
		up_task_path(t, path, sizeof(path));
		ending_of(t, text, sizeof(text));
		json_array_append_new(tasks,
		                      json_pack("{s:s, s:s, s:s?, s:o, s:I}", "path", path, "state",
		                                tend_state_name(t->state), "outcome",
		                                ended ? tend_outcome_name(t->outcome) : NULL,
		                                "ending", text_json(text, strlen(text)), "restarts",
		                                (json_int_t)(t->attempt ? t->attempt - 1 : 0)));
	}
	return json_pack("{s:s, s:I, s:I, s:o}", "name", up->config->name, "abandoned",
	                 (json_int_t)survivors(up), "took_ns", (json_int_t)took_ns(up), "tasks",
	                 tasks);
}

/* Returns the exit code of a child; 0 for a child that never ran. */
static int code_of(const struct up_task *t)
{
	/* At the end the outcome decides, because a task may list a code as a success. */
	bool well = t->state == TEND_STATE_ENDED ? t->outcome == TEND_COMPLETED
	                                         : t->last.kind == TEND_COMPLETED;

	if (!t->has_last || well)
		return 0;
	if (t->last.result < 0)
		return t->last.kind == TEND_CANCELED ? 0 : 1;
	if (t->last.result == 0)
		return t->outcome == TEND_FAILED;
	return t->last.result > 255 ? 255 : t->last.result;
}

/* Returns what a shell answers for a program that cannot be run. */
static int code_of_start(int error)
{
	switch (error) {
	case ENOENT:
		return EXIT_NO_PROGRAM;
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EFBIG:
	case EPIPE:
		return EXIT_FAILED;
	default:
		return EXIT_NO_EXEC;
	}
}

static int code_of_single(const struct up_task *t)
{
	if (t->state != TEND_STATE_ENDED)
		return EXIT_TIMEOUT;
	if (!t->has_last && t->outcome != TEND_CANCELED)
		return EXIT_FAILED;
	if (!t->has_last || t->last.result == -ECANCELED)
		return 128 + SIGTERM; /* as if the program had begun */
	if (t->last.result < 0)
		return code_of_start(-t->last.result);
	return t->last.result > 255 ? 255 : t->last.result;
}

int up_exit_code(const struct up *up)
{
	int worst = 0;

	if (up->single)
		return code_of_single(&up->tasks[0]);
	if (up->start_failed)
		return 1;
	if (survivors(up))
		return EXIT_TIMEOUT;
	if (up->stopping && !up->forced)
		return up->ended_by ? code_of(up->ended_by) : 0;
	for (size_t i = 0; i < up->config->ntasks; i++) {
		const struct up_task *t = &up->tasks[i];
		size_t group = t->config->group;
		bool gone = group != CONFIG_NO_GROUP && up->groups[group].gone;
		/* A task that ended with its group has not failed itself, but the group has. */
		int code = gone && t->outcome == TEND_CANCELED ? EXIT_FAILED : code_of(t);
		worst = code > worst ? code : worst;
	}
	return worst;
}
