/* cli/config/procfile.c - a Procfile, as of foreman: lines NAME: COMMAND LINE.
 *
 * A program gets here whatever foreman gives to the program: the whole environment, the
 * variables of the .env beside the file, a PORT of its own, and PS with its name. */
#include "config/procfile.h"

#include "config/task.h"

#include <assert.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_BASE = 5000, PORT_STEP = 100, PORT_MAX = 65535 };

/* A line without its end. */
struct line {
	const char *text;
	size_t n;
	size_t number; /* from 1 */
};

static bool next_line(struct line *line, const char *end)
{
	const char *at = line->number ? line->text + line->n : line->text;

	/* Behind the last line is its end, which begins no other. */
	if (line->number && at < end)
		at += *at == '\r' ? 2 : 1;
	if (at >= end)
		return false;
	const char *lf = memchr(at, '\n', (size_t)(end - at));
	const char *stop = lf ? lf : end;
	line->text = at;
	line->n = (size_t)(stop - at) - (lf && lf > at && lf[-1] == '\r');
	line->number++;
	return true;
}

static size_t blanks(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (s[i] == ' ' || s[i] == '\t'))
		i++;
	return i;
}

static bool is_blank(const struct line *line)
{
	size_t i = blanks(line->text, line->n);

	return i == line->n || line->text[i] == '#';
}

/* ---- Which files ---- */

static size_t name_length(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (isalnum((unsigned char)s[i]) || s[i] == '_' || s[i] == '-'))
		i++;
	return i;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

/* A tend.yaml has an indented line, or a line without a value, sooner or later. */
static bool looks_like_one(const char *text, size_t size)
{
	struct line line = {.text = text};
	bool any = false;

	while (next_line(&line, text + size)) {
		size_t n = name_length(line.text, line.n);
		if (is_blank(&line))
			continue;
		if (n == 0 || n == line.n || line.text[n] != ':' ||
		    blanks(line.text + n + 1, line.n - n - 1) == line.n - n - 1)
			return false;
		if (n == 7 && memcmp(line.text, "version", n) == 0)
			return false;
		any = true;
	}
	return any;
}

bool config_is_procfile(const char *path, const char *text, size_t size)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (strncmp(name, "Procfile", 8) == 0 || ends_with(name, ".procfile"))
		return true;
	if (ends_with(name, ".yaml") || ends_with(name, ".yml") || ends_with(name, ".json"))
		return false;
	return looks_like_one(text, size);
}

/* ---- The variables ---- */

/* Writes the value of a variable: without its quotes and, in double quotes, without
 * escapes. Returns the length. */
static size_t unquote(const char *s, size_t n, char *out)
{
	size_t used = 0;

	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	bool quoted = n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n - 1] == s[0];
	for (size_t i = quoted; i < n - quoted; i++) {
		char c = s[i];
		if (quoted && s[0] == '"' && c == '\\' && i + 1 < n - 1) {
			c = s[++i];
			c = c == 'n' ? '\n' : c;
		}
		out[used++] = c;
	}
	return used;
}

/* Returns "NAME=VALUE" of a line of .env; NULL if an error was reported. */
static char *read_variable(struct config_reader *r, const struct line *line)
{
	const char *s = line->text + blanks(line->text, line->n);
	size_t n = line->n - (size_t)(s - line->text), name = 0;

	if (n > 7 && memcmp(s, "export ", 7) == 0) {
		s += 7;
		n -= 7;
	}
	while (name < n && (isalnum((unsigned char)s[name]) || s[name] == '_'))
		name++;
	if (name == 0 || name == n || s[name] != '=' || isdigit((unsigned char)s[0])) {
		config_report(r->errors, (struct config_place){0},
		              ".env:%zu: '%s' is no line NAME=VALUE; remove it, or put a # before",
		              line->number, config_show(s, n).text);
		return NULL;
	}
	char *variable = config_keep(r, n + 1, 1);
	if (!variable)
		return NULL;
	memcpy(variable, s, name + 1);
	variable[name + 1 + unquote(s + name + 1, n - name - 1, variable + name + 1)] = 0;
	return variable;
}

struct variables {
	char **list;
	size_t n;
	unsigned long port; /* the first task's */
};

static bool take_port(struct config_reader *r, const char *text, const char *where,
                      struct variables *out)
{
	char *end;

	out->port = strtoul(text, &end, 10);
	if (isdigit((unsigned char)text[0]) && !*end && out->port > 0 && out->port <= PORT_MAX)
		return true;
	config_report(r->errors, (struct config_place){0},
	              "PORT%s is '%s'; the first task gets this port, so it is a number from 1 to "
	              "65535",
	              where, config_show(text, strlen(text)).text);
	return false;
}

static void read_variables(struct config_reader *r, const char *text, size_t size,
                           struct variables *out)
{
	struct line line = {.text = text};
	const char *inherited = getenv("PORT");
	size_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	*out = (struct variables){config_keep(r, lines, sizeof(char *)), 0, PORT_BASE};
	bool given = false;
	while (out->list && text && next_line(&line, text + size)) {
		char *variable = is_blank(&line) ? NULL : read_variable(r, &line);
		if (!variable)
			continue;
		if (strncmp(variable, "PORT=", 5) == 0)
			given = take_port(r, variable + 5, " of .env", out);
		else
			out->list[out->n++] = variable;
	}
	if (!given && inherited && inherited[0])
		take_port(r, inherited, " of the environment", out);
}

/* ---- The tasks ---- */

static char *keep_format(struct config_reader *r, const char *before, const char *name, long number)
{
	char text[CONFIG_NAME_MAX + 32];
	int n = number < 0 ? snprintf(text, sizeof(text), "%s%s.1", before, name)
	                   : snprintf(text, sizeof(text), "%s%ld", before, number);

	assert(n > 0 && (size_t)n < sizeof(text));
	return config_keep_text(r, text, (size_t)n);
}

static void fill_environment(struct config_reader *r, struct config_task *task, size_t index,
                             const struct variables *variables)
{
	unsigned long port = variables->port + PORT_STEP * index;
	char **env = config_keep(r, variables->n + 3, sizeof(*env));

	task->env = env;
	task->env_at = config_keep(r, variables->n + 2, sizeof(*task->env_at));
	if (!env || !task->env_at)
		return;
	if (port > PORT_MAX)
		config_report(r->errors, task->at,
		              "the PORT of task '%s' is beyond 65535; begin lower, or split the "
		              "stack",
		              task->name);
	memcpy(env, variables->list, variables->n * sizeof(*env));
	env[variables->n] = keep_format(r, "PORT=", "", (long)port);
	env[variables->n + 1] = keep_format(r, "PS=", task->name, -1);
	for (size_t i = 0; i < variables->n + 2; i++)
		task->env_at[i] = task->at;
}

static void fill_command(struct config_reader *r, struct config_task *task, const char *s, size_t n)
{
	char **argv = config_keep(r, 4, sizeof(char *));

	if (n > CONFIG_STRING_MAX)
		config_report(r->errors, task->argv_at,
		              "the command line is longer than %zu bytes; put it into a script",
		              CONFIG_STRING_MAX);
	if (!argv)
		return;
	argv[0] = config_keep_text(r, "/bin/sh", 7);
	argv[1] = config_keep_text(r, "-c", 2);
	argv[2] = config_keep_text(r, s, n);
	task->argv = argv;
}

/* Reads "NAME: COMMAND LINE". Returns false if an error was reported. */
static bool read_task(struct config_reader *r, const struct line *line, struct config_task *task)
{
	size_t first = blanks(line->text, line->n), left = line->n - first;
	const char *s = line->text + first;
	size_t n = name_length(s, left);

	task->at = (struct config_place){line->number, first + 1};
	if (n == 0 || n == left || s[n] != ':') {
		config_report(r->errors, task->at,
		              "'%s' is no line NAME: COMMAND; write one, or put a # before",
		              config_show(s, left).text);
		return false;
	}
	if (!config_name_valid(s, n)) {
		config_report(r->errors, task->at,
		              "'%s' is no name; a name is 1 to 47 letters, digits, '_' and '-', a "
		              "letter first",
		              config_show(s, n).text);
		return false;
	}
	size_t gap = n + 1 + blanks(s + n + 1, left - n - 1);
	task->argv_at = (struct config_place){line->number, first + gap + 1};
	if (gap == left) {
		config_report(r->errors, task->at,
		              "task '%s' has nothing to run; add a command line",
		              config_show(s, n).text);
		return false;
	}
	task->name = config_keep_text(r, s, n);
	fill_command(r, task, s + gap, left - gap);
	return true;
}

/* Reports a name that an earlier task has. */
static void check_name(struct config_reader *r, const struct config_task *task)
{
	for (const struct config_task *t = r->config->tasks; task->name && t < task; t++)
		if (t->name && strcmp(t->name, task->name) == 0)
			config_report(r->errors, task->at,
			              "task '%s' is there twice, first at %zu:%zu; rename one",
			              task->name, t->at.line, t->at.column);
}

static size_t count_lines(const struct config_reader *r)
{
	struct line line = {.text = r->text};
	size_t n = 0;

	while (next_line(&line, r->text + r->size))
		n += !is_blank(&line);
	return n;
}

static void read_tasks(struct config_reader *r, const struct variables *variables)
{
	struct config *config = r->config;
	struct line line = {.text = r->text};

	while (next_line(&line, r->text + r->size) && !r->no_memory) {
		struct config_task *task = &config->tasks[config->ntasks];
		if (is_blank(&line) || !read_task(r, &line, task) || r->no_memory)
			continue;
		check_name(r, task);
		task->cwd = config->dir;
		task->env_pass_all = true;
		config_task_defaults(task);
		config_restart_fit(&task->restart);
		task->group = CONFIG_NO_GROUP;
		fill_environment(r, task, config->ntasks++, variables);
	}
}

void config_read_procfile(struct config_reader *r, const char *dotenv, size_t size)
{
	const struct config_place first = {1, 1};
	struct variables variables;

	if (r->no_memory || !config_check_text(r))
		return;
	size_t n = count_lines(r);
	if (n == 0 || n > CONFIG_TASKS_MAX) {
		config_report(r->errors, first,
		              n ? "there are more than %d tasks; split the stack"
		                : "the file is empty; write lines NAME: COMMAND, %d at most",
		              CONFIG_TASKS_MAX);
		return;
	}
	r->config->procfile = true;
	config_name_by_directory(r, first);
	read_variables(r, dotenv, size, &variables);
	r->config->tasks = config_keep(r, n, sizeof(*r->config->tasks));
	r->config->order = config_keep(r, n, sizeof(size_t));
	if (r->no_memory)
		return;
	read_tasks(r, &variables);
	for (size_t i = 0; i < r->config->ntasks; i++)
		r->config->order[i] = i;
}
