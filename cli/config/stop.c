/* cli/config/stop.c - how a task is stopped: the fields of `stop`. */
#include "config/stop.h"

#include <signal.h>
#include <string.h>

enum { STEPS_MAX = 8 };

struct step {
	int signal;
	uint64_t timeout_ns;
	uint32_t target;               /* index of TARGETS */
	struct config_place target_at; /* {0, 0}: none is given */
};

static const char *const TARGETS[] = {"group", "leader"};

static void read_timeout(struct config_reader *r, const struct node_entry *e, void *into)
{
	uint64_t *ns = &((struct step *)into)->timeout_ns;

	/* No time at all is the shortest there is; for the library 0 stands for the default. */
	if (node_read_duration(r, e, ns) && *ns == 0)
		*ns = 1;
}

static void read_signal(struct config_reader *r, const struct node_entry *e, void *into)
{
	const char *names[NSIG];
	size_t n = 0;

	if (!node_check_text(r, e->value, node_subject(e).text, 0))
		return;
	int signal = config_signal(node_text(e->value), node_length(e->value));
	if (signal) {
		((struct step *)into)->signal = signal;
		return;
	}
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i))
			names[n++] = sigabbrev_np(i);
	const char *name = node_text(e->value);
	size_t len = node_length(e->value), prefix = len > 3 && memcmp(name, "SIG", 3) == 0 ? 3 : 0;
	config_report(r->errors, node_place(e->value),
	              "'signal' wants a signal such as TERM, SIGINT or 15, not '%s'%s",
	              node_show(e->value).text,
	              node_hint(name + prefix, len - prefix, names, n).text);
}

static void read_target(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct step *step = into;

	step->target_at = node_place(e->key);
	node_read_word(
		r, e,
		"leader (the program alone, and the rest when it has ended) or group (all at "
		"once)",
		TARGETS, CONFIG_COUNT(TARGETS), &step->target);
}

static const struct node_field STEP[] = {
	{"signal", read_signal},
	{"target", read_target},
	{"timeout", read_timeout},
};

static struct step read_step(struct config_reader *r, const struct node_entry *e)
{
	struct step step = {.signal = SIGTERM, .timeout_ns = CONFIG_STOP_NS};
	size_t n;
	struct node_entry *entries =
		node_read_map_of(r, e, "stop: {signal: TERM, timeout: 10s}", &n);

	if (entries)
		node_read_fields(r, entries, n, STEP, CONFIG_COUNT(STEP), &step);
	return step;
}

static void take_first(struct config_task *task, const struct step *step)
{
	task->stop_signal = step->signal;
	task->stop_leader = step->target == 1;
}

/* The first step is the stop signal of the process; the time of all steps is its stop time. */
static void read_steps(struct config_reader *r, const struct node_entry *e,
                       const struct node_list *list, struct config_task *task)
{
	struct config_stop_step *later = config_keep(r, list->n, sizeof(*later));
	uint64_t sum = 0;

	for (size_t i = 0; later && i < list->n; i++) {
		struct node_entry item = *e;
		item.value = node_item(r, list, i);
		struct step step = read_step(r, &item);
		if (i > 0 && step.target_at.line)
			config_report(r->errors, step.target_at,
			              "'target' is for the first signal, the later ones go to the "
			              "group; remove it");
		if (i == 0)
			take_first(task, &step);
		else
			later[i - 1] = (struct config_stop_step){step.signal, sum};
		sum += step.timeout_ns;
	}
	task->stop_timeout_ns = sum;
	task->stop_steps = later;
	task->nstop_steps = list->n - 1;
}

void stop_read(struct config_reader *r, const struct node_entry *e, struct config_task *task)
{
	struct node_list list;

	if (e->value->type != YAML_SEQUENCE_NODE) {
		struct step step = read_step(r, e);
		take_first(task, &step);
		task->stop_timeout_ns = step.timeout_ns;
		return;
	}
	if (!node_read_list(r, e, "stop: [{signal: INT, timeout: 5s}, {signal: TERM}]", &list))
		return;
	if (list.n == 0)
		config_report(r->errors, node_place(e->value),
		              "'stop' has no step; add one, such as {signal: TERM, timeout: 10s}");
	else if (list.n > STEPS_MAX)
		config_report(r->errors, node_place(e->value),
		              "'stop' has more than %d steps; remove some", STEPS_MAX);
	else
		read_steps(r, e, &list, task);
}
