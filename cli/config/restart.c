/* cli/config/restart.c - when a task runs again: the fields of `restart`. */
#include "config/restart.h"

#include <assert.h>
#include <string.h>

#define DELAY_NS     (100 * TEND_MS)
#define MAX_DELAY_NS (30 * TEND_SEC)
#define STABLE_NS    (10 * TEND_SEC)

const char *const CONFIG_POLICIES[TEND_PERMANENT + 1] = {
	[TEND_TEMPORARY] = "temporary",
	[TEND_TRANSIENT] = "transient",
	[TEND_PERMANENT] = "permanent",
};

const char *const CONFIG_JITTERS[TEND_JITTER_DECORRELATED + 1] = {
	[TEND_JITTER_NONE] = "none",
	[TEND_JITTER_FULL] = "full",
	[TEND_JITTER_EQUAL] = "equal",
	[TEND_JITTER_DECORRELATED] = "decorrelated",
};

bool config_restart_fit(struct tend_restart *restart)
{
	uint64_t delay = restart->delay_ns, max = restart->delay_max_ns;

	restart->size = sizeof(*restart);
	if (!delay)
		delay = max && max < DELAY_NS ? max : DELAY_NS;
	if (!max)
		max = delay > MAX_DELAY_NS ? delay : MAX_DELAY_NS;
	if (max < delay)
		return false;
	restart->delay_ns = delay;
	restart->delay_max_ns = max;
	if (!restart->factor)
		restart->factor = 2000;
	if (!restart->stable_ns)
		restart->stable_ns = STABLE_NS;
	if (!restart->interval_ns)
		restart->interval_ns = delay;
	return true;
}

/* ---- The fields ---- */

/* A pause of no time is the shortest there is; in the struct 0 stands for the default. */
static void read_pause(struct config_reader *r, const struct node_entry *e, uint64_t *ns)
{
	if (node_read_duration(r, e, ns) && *ns < TEND_MS)
		*ns = TEND_MS;
}

static void read_policy(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct restart_draft *draft = into;

	draft->policy_at = node_place(e->value);
	node_read_word(r, e, "transient (after a failure), permanent (always) or temporary (never)",
	               CONFIG_POLICIES, CONFIG_COUNT(CONFIG_POLICIES), &draft->restart->policy);
}

static void read_delay(struct config_reader *r, const struct node_entry *e, void *into)
{
	read_pause(r, e, &((struct restart_draft *)into)->restart->delay_ns);
}

static void read_factor(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_factor(r, e, &((struct restart_draft *)into)->restart->factor);
}

static void read_max_delay(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct restart_draft *draft = into;

	draft->max_delay_at = node_place(e->value);
	read_pause(r, e, &draft->restart->delay_max_ns);
}

static void read_jitter(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_word(r, e, "none, full, equal or decorrelated", CONFIG_JITTERS,
	               CONFIG_COUNT(CONFIG_JITTERS),
	               &((struct restart_draft *)into)->restart->jitter);
}

static void read_reset_after(struct config_reader *r, const struct node_entry *e, void *into)
{
	uint64_t *stable = &((struct restart_draft *)into)->restart->stable_ns;

	if (node_read_duration(r, e, stable) && *stable == 0)
		*stable = CONFIG_NEVER;
}

static void read_retries(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_count(r, e, 0, UINT32_MAX, &((struct restart_draft *)into)->restart->retries);
}

static void read_success(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct restart_draft *draft = into;

	draft->restart->success = node_read_codes(r, e, "success: [143]");
}

static void read_fatal(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct restart_draft *draft = into;

	draft->fatal_at = node_place(e->value);
	draft->restart->fatal = node_read_codes(r, e, "fatal: [78]");
}

static const struct node_field RESTART[] = {
	{"policy", read_policy},       {"delay", read_delay},     {"factor", read_factor},
	{"max_delay", read_max_delay}, {"jitter", read_jitter},   {"reset_after", read_reset_after},
	{"retries", read_retries},     {"success", read_success}, {"fatal", read_fatal},
};

static bool listed(const int32_t *codes, int32_t code)
{
	for (; codes && *codes; codes++)
		if (*codes == code)
			return true;
	return false;
}

static void check_codes(struct config_reader *r, const struct restart_draft *draft)
{
	const struct tend_restart *restart = draft->restart;

	for (const int32_t *code = restart->fatal; code && *code; code++)
		if (listed(restart->success, *code))
			config_report(
				r->errors, draft->fatal_at,
				"the code %d is in 'success' and in 'fatal'; remove it from one",
				(int)*code);
}

void restart_read(struct config_reader *r, const struct node_entry *e, struct restart_draft *draft)
{
	size_t n;

	if (e->value->type == YAML_SCALAR_NODE && !node_is_empty(e->value)) {
		read_policy(r, e, draft);
		return;
	}
	struct node_entry *entries =
		node_read_map_of(r, e, "restart: {policy: transient, delay: 1s}", &n);
	if (entries)
		node_read_fields(r, entries, n, RESTART, CONFIG_COUNT(RESTART), draft);
}

void restart_read_every(struct config_reader *r, const struct node_entry *e,
                        struct restart_draft *draft)
{
	draft->every_at = node_place(e->key);
	if (node_read_span(r, e, &draft->restart->interval_ns) &&
	    draft->restart->interval_ns < TEND_MS)
		draft->restart->interval_ns = TEND_MS;
}

void restart_finish(struct config_reader *r, struct restart_draft *draft)
{
	struct tend_restart *restart = draft->restart;

	if (draft->every_at.line && draft->policy_at.line && restart->policy != TEND_PERMANENT)
		config_report(r->errors, draft->every_at,
		              "'every' is for a task that is always started again; remove it, or "
		              "write policy: permanent at %zu:%zu",
		              draft->policy_at.line, draft->policy_at.column);
	if (draft->every_at.line)
		restart->policy = TEND_PERMANENT;
	if (!config_restart_fit(restart))
		config_report(r->errors, draft->max_delay_at,
		              "'max_delay' is shorter than 'delay'; make it longer, or equal");
	check_codes(r, draft);
}
