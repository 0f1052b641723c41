/* cli/config/task.c - the fields of a task.
 *
 * Reading goes on after an error, so that one run lists all errors. */
#include "config/task.h"
#include "config/reader.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

/* Writes a line as the list that it probably stands for. Returns false for a
 * long line, and for a line in which the shell would find more than words or
 * YAML would need quotes. */
static bool write_list(char *buf, size_t size, const char *line, size_t n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789./_=+-";
	size_t used = 0;

	for (size_t i = 0, len; i < n; i += len + 1) {
		len = strcspn(line + i, " ");
		if (len == 0)
			continue;
		if (strspn(line + i, plain) < len || (len == 1 && strchr("-=", line[i])))
			return false;
		int wrote = snprintf(buf + used, size - used, "%s%.*s", used ? ", " : "", (int)len,
		                     line + i);
		if (wrote < 0 || (size_t)wrote >= size - used)
			return false;
		used += (size_t)wrote;
	}
	return used > 0;
}

/* Reports both forms, filled with the given words if the line is simple. */
static void report_line(struct config_reader *r, const yaml_node_t *node)
{
	char list[64];
	bool simple = write_list(list, sizeof(list), node_text(node), node_length(node));

	config_report(r->errors, node_place(node),
	              "'command' is a list; write command: [%s], or have /bin/sh run the line: "
	              "shell: %s",
	              simple ? list : "PROGRAM, ARGUMENT", simple ? node_show(node).text : "LINE");
}

/* Reports a path with a tilde, which only a shell expands. */
static void check_home(struct config_reader *r, const char *path, struct config_place at)
{
	if (path[0] == '~' && (path[1] == 0 || path[1] == '/'))
		config_report(r->errors, at,
		              "'~' is not expanded here; write the path of the home directory, or "
		              "./~ for a directory of this name");
}

static void read_command(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct task_draft *draft = into;
	struct config_place *at;

	draft->command_at = node_place(e->key);
	if (e->value->type == YAML_SCALAR_NODE && !node_is_empty(e->value)) {
		if (node_take(r, e->value))
			report_line(r, e->value);
		return;
	}
	char **argv = node_keep_words(r, e, "command: [PROGRAM, ARGUMENT]", &at);
	if (!argv || !at)
		return;
	if (argv[0])
		check_home(r, argv[0], at[0]);
	draft->task->argv = argv;
	draft->task->words_at = at;
	draft->task->argv_at = at[0];
}

static void read_shell(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct task_draft *draft = into;

	draft->shell_at = node_place(e->key);
	if (e->value->type != YAML_SCALAR_NODE) {
		if (node_take(r, e->value))
			node_wrong_kind(r, e, "a text", "shell: ./serve --port 8080");
		return;
	}
	char **argv = config_keep(r, 4, sizeof(char *));
	char *line = node_keep_text(r, e);
	if (!argv || !line)
		return;
	if (line[0] == 0)
		config_report(r->errors, node_place(e->value),
		              "'shell' is empty; write a line for /bin/sh");
	argv[0] = config_keep_text(r, "/bin/sh", 7);
	argv[1] = config_keep_text(r, "-c", 2);
	argv[2] = line;
	draft->task->argv = argv;
	draft->task->argv_at = node_place(e->value);
}

/* The name of a variable may be almost anything, as for execve(). */
static bool check_variable(struct config_reader *r, const yaml_node_t *node)
{
	const char *name = node_text(node);
	bool good = node_length(node) > 0;

	for (size_t i = 0; i < node_length(node); i++)
		good = good && name[i] != '=' && (unsigned char)name[i] > 0x20 && name[i] != 0x7f;
	if (!good)
		config_report(r->errors, node_place(node),
		              "'%s' cannot be the name of a variable; it is not empty and holds no "
		              "'=', space or control character",
		              node_show(node).text);
	return good;
}

static char *keep_variable(struct config_reader *r, const struct node_entry *e)
{
	if (!check_variable(r, e->key) ||
	    !node_check_text(r, e->value, node_subject(e).text, e->len + 1))
		return NULL;
	size_t n = node_length(e->value);
	assert(e->len + 1 + n <= CONFIG_STRING_MAX);
	char *variable = config_keep(r, e->len + n + 2, 1);
	if (!variable)
		return NULL;
	memcpy(variable, e->name, e->len);
	variable[e->len] = '=';
	memcpy(variable + e->len + 1, node_text(e->value), n);
	return variable;
}

static void read_env(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct task_draft *draft = into;
	size_t n, good = 0;
	struct node_entry *entries = node_read_map_of(r, e, "env: {LOG_LEVEL: debug}", &n);
	char **env = entries ? config_keep(r, n + 1, sizeof(char *)) : NULL;
	struct config_place *at = entries ? config_keep(r, n, sizeof(*at)) : NULL;

	for (size_t i = 0; env && at && i < n; i++) {
		char *variable = keep_variable(r, &entries[i]);
		if (!variable)
			continue;
		at[good] = node_place(entries[i].value);
		env[good++] = variable;
	}
	draft->task->env_at = at;
	draft->task->env = env;
}

/* A pattern would be taken for the name of a variable. */
static bool check_whole(struct config_reader *r, const yaml_node_t *node)
{
	if (!memchr(node_text(node), '*', node_length(node)))
		return true;
	config_report(r->errors, node_place(node),
	              "'%s' is no name; 'env_pass' has no patterns, list each name, or write "
	              "env_pass: all",
	              node_show(node).text);
	return false;
}

static void read_env_pass(struct config_reader *r, const struct node_entry *e, void *into)
{
	static const char example[] = "env_pass: [EDITOR, SSH_AUTH_SOCK], or all";
	struct task_draft *draft = into;
	struct node_list list;
	size_t good = 0;

	if (e->value->type == YAML_SCALAR_NODE && node_length(e->value) == 3 &&
	    memcmp(node_text(e->value), "all", 3) == 0) {
		draft->task->env_pass_all = node_take(r, e->value);
		return;
	}
	if (!node_read_list(r, e, example, &list))
		return;
	char **names = config_keep(r, list.n + 1, sizeof(char *));
	for (size_t i = 0; names && i < list.n; i++) {
		yaml_node_t *name = node_item(r, &list, i);
		if (node_check_text(r, name, "each name of 'env_pass'", 0) &&
		    check_variable(r, name) && check_whole(r, name))
			names[good++] = config_keep_text(r, node_text(name), node_length(name));
	}
	draft->task->env_pass = names;
}

static void read_cwd(struct config_reader *r, const struct node_entry *e, void *into)
{
	enum { PATH_LENGTH = 4095 };
	struct task_draft *draft = into;
	char *cwd = node_keep_text(r, e);
	const char *dir = r->config->dir;

	if (!cwd)
		return;
	size_t n = strlen(cwd), base = cwd[0] == '/' ? 0 : strlen(dir) + 1;
	if (n == 0)
		config_report(r->errors, node_place(e->value),
		              "'cwd' is empty; leave it out for the directory of this file");
	if (n + base > PATH_LENGTH)
		config_report(r->errors, node_place(e->value),
		              "'cwd' is longer than a path may be");
	draft->task->cwd_at = node_place(e->value);
	check_home(r, cwd, draft->task->cwd_at);
	draft->task->cwd = cwd;
	if (base == 0)
		return;
	char *joined = config_keep(r, base + n + 1, 1);
	if (!joined)
		return;
	assert(dir[0] == '/' && base == strlen(dir) + 1);
	memcpy(joined, dir, base - 1);
	joined[base - 1] = '/';
	memcpy(joined + base, cwd, n);
	draft->task->cwd = joined;
}

static void read_restart(struct config_reader *r, const struct node_entry *e, void *into)
{
	restart_read(r, e, &((struct task_draft *)into)->restart);
}

static void read_every(struct config_reader *r, const struct node_entry *e, void *into)
{
	restart_read_every(r, e, &((struct task_draft *)into)->restart);
}

static void read_timeout(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_span(r, e, &((struct task_draft *)into)->task->restart.timeout_ns);
}

static void read_stop(struct config_reader *r, const struct node_entry *e, void *into)
{
	stop_read(r, e, ((struct task_draft *)into)->task);
}

static void read_needs_list(struct config_reader *r, const struct node_entry *e,
                            struct task_draft *draft)
{
	struct node_list list;

	if (!node_read_list(r, e, "needs: [db]", &list))
		return;
	draft->needs = config_scratch(r, list.n, sizeof(*draft->needs));
	for (size_t i = 0; draft->needs && i < list.n; i++)
		draft->needs[draft->nneeds++] = (struct need_draft){.name = node_item(r, &list, i)};
}

static const char *const UNTILS[] = {
	[CONFIG_STARTED] = "started",
	[CONFIG_READY] = "ready",
	[CONFIG_COMPLETED] = "completed",
};

const char *config_until_name(enum config_until until)
{
	assert((size_t)until < CONFIG_COUNT(UNTILS));
	return UNTILS[until];
}

static void read_needs(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct task_draft *draft = into;
	size_t n;

	if (e->value->type != YAML_MAPPING_NODE) {
		read_needs_list(r, e, draft);
		return;
	}
	struct node_entry *entries = node_read_map_of(r, e, "needs: {db: ready}", &n);
	draft->needs = entries ? config_scratch(r, n, sizeof(*draft->needs)) : NULL;
	for (size_t i = 0; draft->needs && i < n; i++) {
		struct need_draft need = {.name = entries[i].key};
		uint32_t until;
		if (!node_is_empty(entries[i].value)) {
			if (!node_read_word(r, &entries[i],
			                    "started, ready or completed (ended with success)",
			                    UNTILS, CONFIG_COUNT(UNTILS), &until))
				continue;
			need.given = true;
			need.until = (enum config_until)until;
		}
		draft->needs[draft->nneeds++] = need;
	}
}

static void read_significant(struct config_reader *r, const struct node_entry *e, void *into)
{
	static const char *const words[] = {"false", "true"};
	uint32_t which = 0;

	node_read_word(r, e, "true or false", words, CONFIG_COUNT(words), &which);
	((struct task_draft *)into)->task->significant = which == 1;
}

static void read_stdin(struct config_reader *r, const struct node_entry *e, void *into)
{
	static const char *const words[] = {"null", "inherit"};
	struct task_draft *draft = into;
	uint32_t which = 0;

	node_read_word(r, e, "null (nothing to read) or inherit (that of tend)", words,
	               CONFIG_COUNT(words), &which);
	draft->task->inherits_input = which == 1;
	draft->input_at = node_place(e->value);
}

static void read_ready(struct config_reader *r, const struct node_entry *e, void *into)
{
	ready_read(r, e, &((struct task_draft *)into)->task->ready);
}

static void read_alive(struct config_reader *r, const struct node_entry *e, void *into)
{
	alive_read(r, e, &((struct task_draft *)into)->task->alive);
}

static const struct node_field TASK[] = {
	{"command", read_command},
	{"shell", read_shell},
	{"cwd", read_cwd},
	{"env", read_env},
	{"env_pass", read_env_pass},
	{"needs", read_needs},
	{"stop", read_stop},
	{"restart", read_restart},
	{"timeout", read_timeout},
	{"every", read_every},
	{"ready", read_ready},
	{"alive", read_alive},
	{"significant", read_significant},
	{"stdin", read_stdin},
};

void config_task_defaults(struct config_task *task)
{
	task->stop_signal = SIGTERM;
	task->stop_timeout_ns = CONFIG_STOP_NS;
	task->restart = (struct tend_restart){.policy = TEND_TRANSIENT};
}

void task_read(struct config_reader *r, const struct node_entry *e, struct task_draft *draft)
{
	static const char example[] = "NAME: {command: [PROGRAM, ARGUMENT]}";
	struct config_task *task = draft->task;
	struct config_errors *errors = r->errors;
	size_t n;

	task->at = node_place(e->key);
	task->name = node_keep_name(r, e->key, "task");
	task->cwd = r->config->dir;
	config_task_defaults(task);
	draft->restart.restart = &task->restart;
	struct node_entry *entries = node_read_map_of(r, e, example, &n);
	if (!entries)
		return;
	size_t before = errors->count;
	node_read_fields(r, entries, n, TASK, CONFIG_COUNT(TASK), draft);
	restart_finish(r, &draft->restart);
	config_ready_fit(task);
	if (draft->command_at.line && draft->shell_at.line)
		config_report(errors, draft->shell_at,
		              "task '%s' has a command, at %zu:%zu, and a shell line; remove one",
		              node_show_key(e).text, draft->command_at.line,
		              draft->command_at.column);
	else if (!draft->command_at.line && !draft->shell_at.line && errors->count == before)
		config_report(errors, task->at,
		              "task '%s' has nothing to run; add command: [PROGRAM, ARGUMENT], or "
		              "shell: LINE",
		              node_show_key(e).text);
}
