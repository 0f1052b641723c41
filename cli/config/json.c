/* cli/config/json.c - a configuration and its errors as JSON. */
#include "config/reader.h"
#include "show/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A path may hold any bytes, JSON only UTF-8: the other bytes are escaped. */
static json_t *text(const char *s)
{
	json_t *as_it_is = json_string(s);
	if (as_it_is)
		return as_it_is;
	size_t size = strlen(s) * 4 + 4;
	char *escaped = malloc(size);
	json_t *value = escaped ? json_string(text_escape(escaped, size, s, strlen(s))) : NULL;
	free(escaped);
	return value;
}

/* Adds a value to an array, or frees both. A NULL array could not be made. */
static json_t *add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) == 0)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *texts(char *const *list)
{
	json_t *array = json_array();
	for (; list && *list; list++)
		array = add(array, text(*list));
	return array;
}

static json_t *variable_names(char *const *env)
{
	json_t *array = json_array();
	for (; env && *env; env++)
		array = add(array, json_stringn(*env, strcspn(*env, "=")));
	return array;
}

static json_t *needs(const struct config *config, const struct config_task *task)
{
	json_t *array = json_array();
	for (size_t i = 0; i < task->nneeds; i++)
		array = add(array,
		            json_pack("{s:s, s:s}", "task", config->tasks[task->needs[i].task].name,
		                      "until", config_until_name(task->needs[i].until)));
	return array;
}

static json_t *encode_probe(const struct config_probe *probe)
{
	static const char *const ways[] = {
		[CONFIG_PROBE_TCP] = "tcp",       [CONFIG_PROBE_HTTP] = "http",
		[CONFIG_PROBE_LOG] = "log",       [CONFIG_PROBE_EXEC] = "exec",
		[CONFIG_PROBE_NOTIFY] = "notify", [CONFIG_PROBE_FD] = "notify",
	};

	if (!probe->kind)
		return json_null();
	return json_pack("{s:o, s:I, s:I, s:I}", ways[probe->kind],
	                 probe->argv ? texts(probe->argv) : text(probe->text), "every_ns",
	                 (json_int_t)probe->every_ns, "timeout_ns", (json_int_t)probe->timeout_ns,
	                 "after_ns", (json_int_t)probe->after_ns);
}

static json_t *signal_name(int signal)
{
	char name[16];

	text_signal(signal, name, sizeof(name));
	return strncmp(name, "SIG", 3) == 0 ? json_string(name + 3) : json_sprintf("%d", signal);
}

static json_t *later_steps(const struct config_task *task)
{
	json_t *array = json_array();
	for (size_t i = 0; i < task->nstop_steps; i++) {
		const struct config_stop_step *step = &task->stop_steps[i];
		array = add(array, json_pack("{s:o, s:I}", "signal", signal_name(step->signal),
		                             "after_ns", (json_int_t)step->after_ns));
	}
	return array;
}

static json_t *codes(const int32_t *list)
{
	json_t *array = json_array();
	for (; list && *list; list++)
		array = add(array, json_integer(*list));
	return array;
}

/* CONFIG_NEVER and 0 are no lengths. */
static json_t *length(uint64_t ns)
{
	return ns == CONFIG_NEVER || ns == 0 ? json_null() : json_integer((json_int_t)ns);
}

static json_t *encode_restart(const struct tend_restart *r)
{
	return json_pack("{s:s, s:o, s:f, s:o, s:s, s:o, s:I, s:o, s:o}", "policy",
	                 CONFIG_POLICIES[r->policy], "delay_ns", length(r->delay_ns), "factor",
	                 r->factor / 1000.0, "max_delay_ns", length(r->delay_max_ns), "jitter",
	                 CONFIG_JITTERS[r->jitter], "reset_after_ns", length(r->stable_ns),
	                 "retries", (json_int_t)r->retries, "success", codes(r->success), "fatal",
	                 codes(r->fatal));
}

static json_t *encode_task(const struct config *config, const struct config_task *task)
{
	const struct tend_restart *r = &task->restart;

	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:s, s:I, s:o}, s:o, s:o, s:o, s:o, "
		"s:o, s:b, s:s, s:s?, s:I, s:I}",
		"name", task->name, "command", texts(task->argv), "cwd", text(task->cwd), "env",
		variable_names(task->env), "env_pass",
		task->env_pass_all ? json_string("all") : texts(task->env_pass), "needs",
		needs(config, task), "stop", "signal", signal_name(task->stop_signal), "target",
		task->stop_leader ? "leader" : "group", "timeout_ns",
		(json_int_t)task->stop_timeout_ns, "later", later_steps(task), "restart",
		encode_restart(r), "timeout_ns", length(r->timeout_ns), "every_ns",
		r->policy == TEND_PERMANENT ? length(r->interval_ns) : json_null(), "ready",
		encode_probe(&task->ready), "alive", encode_probe(&task->alive), "significant",
		task->significant, "stdin", task->inherits_input ? "inherit" : "null", "group",
		task->group == CONFIG_NO_GROUP ? NULL : config->groups[task->group].name, "line",
		(json_int_t)task->at.line, "column", (json_int_t)task->at.column);
}

static json_t *encode_tasks(const struct config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; config && i < config->ntasks; i++)
		array = add(array, encode_task(config, &config->tasks[i]));
	return array;
}

static json_t *start_order(const struct config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; config && i < config->ntasks; i++)
		array = add(array, json_string(config->tasks[config->order[i]].name));
	return array;
}

static json_t *encode_groups(const struct config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; config && i < config->ngroups; i++) {
		const struct config_group *g = &config->groups[i];
		json_t *one = json_pack(
			"{s:s, s:s, s:o, s:I, s:I, s:I}", "name", g->name, "strategy",
			CONFIG_STRATEGIES[g->strategy], "restarts",
			g->restarts == CONFIG_ANY_NUMBER ? json_null() : json_integer(g->restarts),
			"period_ns", (json_int_t)g->period_ns, "line", (json_int_t)g->at.line,
			"column", (json_int_t)g->at.column);
		array = add(array, one);
	}
	return array;
}

static json_t *encode_errors(const struct config_errors *errors)
{
	json_t *array = json_array();
	for (size_t i = 0; errors && i < errors->count && i < CONFIG_ERRORS_MAX; i++) {
		const struct config_error *e = &errors->kept[i];
		json_t *one = json_pack("{s:I, s:I, s:o}", "line", (json_int_t)e->at.line, "column",
		                        (json_int_t)e->at.column, "message", text(e->text));
		array = add(array, one);
	}
	return array;
}

struct json_t *config_check_json(const struct config *config, const struct config_errors *errors,
                                 const struct config_errors *warnings)
{
	return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "file",
	                 text(errors->file), "valid", config != NULL, "name",
	                 config ? json_string(config->name) : json_null(), "dir",
	                 config ? text(config->dir) : json_null(), "tasks", encode_tasks(config),
	                 "groups", encode_groups(config), "order", start_order(config), "errors",
	                 encode_errors(errors), "warnings", encode_errors(warnings), "error_count",
	                 (json_int_t)errors->count);
}
