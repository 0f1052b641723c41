/* cli/config_schema.c - from a YAML document to tasks.
 *
 * The fields of each map stand in a table: the keys and what reads them.
 * Reading goes on after an error, so that one run tells all of them. What an
 * alias stands for is read, and counted, each time. */
#include "config_impl.h"
#include "text.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* One pair of a map. `first` is where its key stood before, if it did. */
struct entry {
	yaml_node_t *key, *value;
	const char *name;
	size_t len;
	struct config_place first;
};

/* A task while it is read: what it needs is looked up when all are known. */
struct draft {
	struct config_task *task;
	yaml_node_t *needs;
	struct config_place *needs_at;
	struct config_place command_at, shell_at;
};

struct stack {
	struct config_reader *r;
	yaml_document_t *document;
	struct draft *drafts;
	const char **names; /* of the tasks, sorted */
	size_t *by_name;    /* the index of the task of each */
	bool has_version, has_tasks;
};

struct field {
	const char *key;
	void (*read)(struct stack *s, const struct entry *e, void *into);
};

/* ---- values ---- */

static struct config_place place(const yaml_node_t *node)
{
	return config_place(node->start_mark);
}

static const char *scalar(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static size_t length(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? node->data.scalar.length : 0;
}

static struct config_shown show(const yaml_node_t *node)
{
	return config_show(scalar(node), length(node));
}

static struct config_shown show_key(const struct entry *e)
{
	return config_show(e->name, e->len);
}

static const char *kind(const yaml_node_t *node)
{
	return node->type == YAML_MAPPING_NODE    ? "a map"
	       : node->type == YAML_SEQUENCE_NODE ? "a list"
	                                          : "a text";
}

/* Nothing after the colon. "" in quotes is a value. */
static bool is_empty(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_plain_tag(const yaml_node_t *node)
{
	const char *tag = (const char *)node->tag;
	return !tag || strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, YAML_SEQ_TAG) == 0 ||
	       strcmp(tag, YAML_MAP_TAG) == 0;
}

/* Every node is taken before it is read, as often as it is read: this is what
 * keeps a file of aliases from growing without end. */
static bool take(struct stack *s, const yaml_node_t *node)
{
	struct config_reader *r = s->r;

	if (r->full || r->no_memory)
		return false;
	r->values++;
	r->bytes += length(node);
	if (r->values > CONFIG_VALUES_MAX || r->bytes > CONFIG_BYTES_MAX) {
		r->full = true;
		config_report(r->errors, place(node),
		              "the aliases of this file stand for more than %s; use fewer",
		              r->values > CONFIG_VALUES_MAX ? "100000 values" : "32 MiB");
		return false;
	}
	if (is_plain_tag(node))
		return true;
	config_report(r->errors, place(node), "tags are not read; remove the '!' and its name");
	return false;
}

static bool wrong_kind(struct stack *s, const struct entry *e, const char *wanted,
                       const char *example)
{
	config_report(s->r->errors, place(e->value), "'%s' wants %s, such as %s; this is %s",
	              show_key(e).text, wanted, example, kind(e->value));
	return false;
}

/* A text a program can be given. `spare` is what else stands in the string. */
static bool check_text(struct stack *s, yaml_node_t *node, const char *what, size_t spare)
{
	struct config_errors *errors = s->r->errors;

	if (!take(s, node))
		return false;
	if (node->type != YAML_SCALAR_NODE)
		config_report(errors, place(node), "%s wants a text; this is %s", what, kind(node));
	else if (is_empty(node))
		config_report(errors, place(node), "%s has no value; write \"\" for an empty text",
		              what);
	else if (memchr(scalar(node), 0, length(node)))
		config_report(errors, place(node), "%s holds a NUL byte; no program can be given "
		                                   "one, remove it",
		              what);
	else if (length(node) + spare > CONFIG_STRING_MAX)
		config_report(errors, place(node), "%s is longer than the %zu bytes that can be "
		                                   "given to a program; put it in a file",
		              what, CONFIG_STRING_MAX);
	else
		return true;
	return false;
}

struct subject {
	char text[96];
};

/* The value of a key, as messages name it. */
static struct subject subject(const struct entry *e)
{
	struct subject name;
	snprintf(name.text, sizeof(name.text), "'%s'", show_key(e).text);
	return name;
}

static char *keep_text(struct stack *s, const struct entry *e)
{
	if (!check_text(s, e->value, subject(e).text, 0))
		return NULL;
	return config_keep_text(s->r, scalar(e->value), length(e->value));
}

static char *keep_name(struct stack *s, const yaml_node_t *node, const char *what)
{
	if (config_name_valid(scalar(node), length(node)))
		return config_keep_text(s->r, scalar(node), length(node));
	config_report(s->r->errors, place(node),
	              "'%s' cannot be the name of a %s; use 1 to 64 letters, digits, '.', '_' or "
	              "'-', a letter first",
	              show(node).text, what);
	return NULL;
}

/* " (did you mean 'x'?)", or nothing. */
static struct subject hint(const char *s, size_t n, const char *const *names, size_t count)
{
	struct subject text = {""};
	const char *meant = config_suggest(s, n, names, count);
	if (meant)
		snprintf(text.text, sizeof(text.text), " (did you mean '%s'?)", meant);
	return text;
}

/* ---- maps and lists ---- */

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	int order = memcmp(x->name, y->name, x->len < y->len ? x->len : y->len);
	if (order == 0 && x->len != y->len)
		order = x->len < y->len ? -1 : 1;
	return order ? order : x < y ? -1 : x > y;
}

/* Two neighbours in this order are of one key, the earlier first. */
static bool mark_duplicates(struct stack *s, struct entry *entries, size_t n)
{
	struct entry **sorted = config_scratch(s->r, n + 1, sizeof(struct entry *));
	if (!sorted)
		return false;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &entries[i];
	qsort(sorted, n, sizeof(struct entry *), compare_entries);
	for (size_t i = 1; i < n; i++) {
		struct entry *before = sorted[i - 1], *e = sorted[i];
		if (before->len == e->len && memcmp(before->name, e->name, e->len) == 0)
			e->first = before->first.line ? before->first : place(before->key);
	}
	return true;
}

static bool read_key(struct stack *s, struct entry *e)
{
	if (!take(s, e->key))
		return false;
	if (e->key->type == YAML_SCALAR_NODE) {
		e->name = scalar(e->key);
		e->len = length(e->key);
		return true;
	}
	config_report(s->r->errors, place(e->key), "a key is a text; this is %s", kind(e->key));
	return false;
}

static bool report_duplicate(struct stack *s, const struct entry *e)
{
	config_report(s->r->errors, place(e->key),
	              "'%s' is given twice, first at %zu:%zu; remove one", show_key(e).text,
	              e->first.line, e->first.column);
	return false;
}

/* The pairs of a map that can be read, in the order of the file; NULL if it is
 * no map. A map with nothing in it may be left out after its colon. */
static struct entry *read_map(struct stack *s, yaml_node_t *map, size_t *count)
{
	yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	size_t n = is_empty(map) ? 0 : (size_t)(map->data.mapping.pairs.top - pair), good = 0;
	struct entry *entries = config_scratch(s->r, n + 1, sizeof(*entries));

	if (!entries)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct entry *e = &entries[good];
		e->key = yaml_document_get_node(s->document, pair[i].key);
		e->value = yaml_document_get_node(s->document, pair[i].value);
		good += read_key(s, e);
	}
	if (!mark_duplicates(s, entries, good))
		return NULL;
	n = good;
	good = 0;
	for (size_t i = 0; i < n; i++)
		if (!entries[i].first.line || report_duplicate(s, &entries[i]))
			entries[good++] = entries[i];
	*count = good;
	return entries;
}

static struct entry *read_map_of(struct stack *s, const struct entry *e, const char *example,
                                 size_t *count)
{
	if (!take(s, e->value))
		return NULL;
	if (e->value->type != YAML_MAPPING_NODE && !is_empty(e->value)) {
		wrong_kind(s, e, "a map", example);
		return NULL;
	}
	return read_map(s, e->value, count);
}

struct list {
	yaml_node_item_t *items;
	size_t n;
};

static bool read_list_of(struct stack *s, const struct entry *e, const char *example,
                         struct list *list)
{
	*list = (struct list){0};
	if (!take(s, e->value))
		return false;
	if (is_empty(e->value))
		return true;
	if (e->value->type != YAML_SEQUENCE_NODE)
		return wrong_kind(s, e, "a list", example);
	list->items = e->value->data.sequence.items.start;
	list->n = (size_t)(e->value->data.sequence.items.top - list->items);
	return true;
}

static yaml_node_t *item(struct stack *s, const struct list *list, size_t i)
{
	return yaml_document_get_node(s->document, list->items[i]);
}

static void report_unknown(struct stack *s, const struct entry *e, const struct field *fields,
                           size_t count)
{
	const char *names[16], *meant = NULL;
	char all[160] = "";
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		names[i] = fields[i].key;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
		                         names[i]);
	}
	if (e->len == 2 && memcmp(e->name, "<<", 2) == 0)
		config_report(s->r->errors, place(e->key),
		              "maps are not merged with '<<'; alias a whole value, such as env: "
		              "*common");
	else if ((meant = config_suggest(e->name, e->len, names, count)) != NULL)
		config_report(s->r->errors, place(e->key), "unknown key '%s' (did you mean '%s'?)",
		              show_key(e).text, meant);
	else
		config_report(s->r->errors, place(e->key), "unknown key '%s'; the keys here are: %s",
		              show_key(e).text, all);
}

static void read_fields(struct stack *s, struct entry *entries, size_t n,
                        const struct field *fields, size_t count, void *into)
{
	for (size_t i = 0; i < n; i++) {
		const struct field *field = fields;
		while (field < fields + count && (strlen(field->key) != entries[i].len ||
		                                  memcmp(field->key, entries[i].name, entries[i].len) != 0))
			field++;
		if (field < fields + count)
			field->read(s, &entries[i], into);
		else
			report_unknown(s, &entries[i], fields, count);
	}
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- a task: its program ---- */

/* Writes a line as the list it probably stands for. Only a line in which the
 * shell finds nothing but words and YAML nothing to quote; false otherwise, or
 * if it is long. */
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

/* Both forms, with the words that were given where that is simple. */
static void report_line(struct stack *s, const yaml_node_t *node)
{
	char list[64];
	bool simple = write_list(list, sizeof(list), scalar(node), length(node));

	config_report(s->r->errors, place(node),
	              "'command' is a list; write command: [%s], or have /bin/sh run the line: "
	              "shell: %s",
	              simple ? list : "PROGRAM, ARGUMENT", simple ? show(node).text : "LINE");
}

static void read_command(struct stack *s, const struct entry *e, void *into)
{
	struct draft *draft = into;
	struct list list;

	draft->command_at = place(e->key);
	if (e->value->type == YAML_SCALAR_NODE && !is_empty(e->value)) {
		if (take(s, e->value))
			report_line(s, e->value);
		return;
	}
	if (!read_list_of(s, e, "command: [PROGRAM, ARGUMENT]", &list))
		return;
	if (list.n == 0) {
		config_report(s->r->errors, place(e->value),
		              "'command' is empty; name a program: command: [PROGRAM, ARGUMENT]");
		return;
	}
	char **argv = config_keep(s->r, list.n + 1, sizeof(char *));
	for (size_t i = 0; argv && i < list.n; i++) {
		yaml_node_t *word = item(s, &list, i);
		if (!check_text(s, word, "each word of 'command'", 0))
			continue;
		if (i == 0 && length(word) == 0)
			config_report(s->r->errors, place(word), "the program of 'command' is empty; "
			                                         "name one");
		argv[i] = config_keep_text(s->r, scalar(word), length(word));
	}
	draft->task->argv = argv;
	draft->task->argv_at = place(item(s, &list, 0));
}

static void read_shell(struct stack *s, const struct entry *e, void *into)
{
	struct draft *draft = into;

	draft->shell_at = place(e->key);
	if (e->value->type != YAML_SCALAR_NODE) {
		if (take(s, e->value))
			wrong_kind(s, e, "a text", "shell: ./serve --port 8080");
		return;
	}
	char **argv = config_keep(s->r, 4, sizeof(char *));
	char *line = keep_text(s, e);
	if (!argv || !line)
		return;
	if (line[0] == 0)
		config_report(s->r->errors, place(e->value), "'shell' is empty; write a line for /bin/sh");
	argv[0] = config_keep_text(s->r, "/bin/sh", 7);
	argv[1] = config_keep_text(s->r, "-c", 2);
	argv[2] = line;
	draft->task->argv = argv;
	draft->task->argv_at = place(e->value);
}

/* ---- a task: its environment and directory ---- */

/* A variable's name may be almost anything, as execve() has it. */
static bool check_variable(struct stack *s, const yaml_node_t *node)
{
	const char *name = scalar(node);
	bool good = length(node) > 0;

	for (size_t i = 0; i < length(node); i++)
		good = good && name[i] != '=' && (unsigned char)name[i] > 0x20 && name[i] != 0x7f;
	if (!good)
		config_report(s->r->errors, place(node),
		              "'%s' cannot be the name of a variable; it is not empty and holds no "
		              "'=', space or control character",
		              show(node).text);
	return good;
}

static char *keep_variable(struct stack *s, const struct entry *e)
{
	if (!check_variable(s, e->key) || !check_text(s, e->value, subject(e).text, e->len + 1))
		return NULL;
	size_t n = length(e->value);
	char *variable = config_keep(s->r, e->len + n + 2, 1);
	if (!variable)
		return NULL;
	memcpy(variable, e->name, e->len);
	variable[e->len] = '=';
	memcpy(variable + e->len + 1, scalar(e->value), n);
	return variable;
}

static void read_env(struct stack *s, const struct entry *e, void *into)
{
	struct draft *draft = into;
	size_t n, good = 0;
	struct entry *entries = read_map_of(s, e, "env: {LOG_LEVEL: debug}", &n);
	char **env = entries ? config_keep(s->r, n + 1, sizeof(char *)) : NULL;

	for (size_t i = 0; env && i < n; i++) {
		char *variable = keep_variable(s, &entries[i]);
		if (variable)
			env[good++] = variable;
	}
	draft->task->env = env;
}

static void read_env_pass(struct stack *s, const struct entry *e, void *into)
{
	static const char example[] = "env_pass: [EDITOR, SSH_AUTH_SOCK], or all";
	struct draft *draft = into;
	struct list list;
	size_t good = 0;

	if (e->value->type == YAML_SCALAR_NODE && length(e->value) == 3 &&
	    memcmp(scalar(e->value), "all", 3) == 0) {
		draft->task->env_pass_all = take(s, e->value);
		return;
	}
	if (!read_list_of(s, e, example, &list))
		return;
	char **names = config_keep(s->r, list.n + 1, sizeof(char *));
	for (size_t i = 0; names && i < list.n; i++) {
		yaml_node_t *name = item(s, &list, i);
		if (check_text(s, name, "each name of 'env_pass'", 0) && check_variable(s, name))
			names[good++] = config_keep_text(s->r, scalar(name), length(name));
	}
	draft->task->env_pass = names;
}

static void read_cwd(struct stack *s, const struct entry *e, void *into)
{
	enum { PATH_LENGTH = 4095 };
	struct draft *draft = into;
	char *cwd = keep_text(s, e);
	const char *dir = s->r->config->dir;

	if (!cwd)
		return;
	size_t n = strlen(cwd), base = cwd[0] == '/' ? 0 : strlen(dir) + 1;
	if (n == 0)
		config_report(s->r->errors, place(e->value),
		              "'cwd' is empty; leave it out for the directory of this file");
	if (n + base > PATH_LENGTH)
		config_report(s->r->errors, place(e->value), "'cwd' is longer than a path may be");
	draft->task->cwd_at = place(e->value);
	draft->task->cwd = cwd;
	if (base == 0)
		return;
	char *joined = config_keep(s->r, base + n + 1, 1);
	if (!joined)
		return;
	memcpy(joined, dir, base - 1);
	joined[base - 1] = '/';
	memcpy(joined + base, cwd, n);
	draft->task->cwd = joined;
}

/* ---- a task: how it stops and starts again ---- */

static void read_duration(struct stack *s, const struct entry *e, uint64_t *ns)
{
	if (!check_text(s, e->value, subject(e).text, 0))
		return;
	if (!config_duration(scalar(e->value), length(e->value), ns))
		config_report(s->r->errors, place(e->value),
		              "'%s' wants a whole number with its unit, such as 500ms, 10s, 1m or 2h, "
		              "at most 8760h, not '%s'",
		              show_key(e).text, show(e->value).text);
}

static void read_stop_timeout(struct stack *s, const struct entry *e, void *into)
{
	read_duration(s, e, &((struct draft *)into)->task->stop_timeout_ns);
}

static void read_restart_delay(struct stack *s, const struct entry *e, void *into)
{
	read_duration(s, e, &((struct draft *)into)->task->restart_delay_ns);
}

static void read_stop_signal(struct stack *s, const struct entry *e, void *into)
{
	struct draft *draft = into;
	const char *names[NSIG];
	size_t n = 0;

	if (!check_text(s, e->value, subject(e).text, 0))
		return;
	int signal = config_signal(scalar(e->value), length(e->value));
	if (signal) {
		draft->task->stop_signal = signal;
		return;
	}
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i))
			names[n++] = sigabbrev_np(i);
	const char *name = scalar(e->value);
	size_t len = length(e->value), prefix = len > 3 && memcmp(name, "SIG", 3) == 0 ? 3 : 0;
	config_report(s->r->errors, place(e->value),
	              "'signal' wants a signal such as TERM, SIGINT or 15, not '%s'%s",
	              show(e->value).text, hint(name + prefix, len - prefix, names, n).text);
}

static const char *const POLICIES[] = {
	[CONFIG_TRANSIENT] = "transient",
	[CONFIG_PERMANENT] = "permanent",
	[CONFIG_TEMPORARY] = "temporary",
};

const char *config_restart_name(enum config_restart restart)
{
	return POLICIES[restart];
}

static void read_policy(struct stack *s, const struct entry *e, void *into)
{
	struct draft *draft = into;

	if (!check_text(s, e->value, subject(e).text, 0))
		return;
	for (size_t i = 0; i < COUNT(POLICIES); i++)
		if (strlen(POLICIES[i]) == length(e->value) &&
		    memcmp(POLICIES[i], scalar(e->value), length(e->value)) == 0) {
			draft->task->restart = (enum config_restart)i;
			return;
		}
	config_report(s->r->errors, place(e->value),
	              "'%s' wants transient (after a failure), permanent (always) or temporary "
	              "(never), not '%s'%s",
	              show_key(e).text, show(e->value).text,
	              hint(scalar(e->value), length(e->value), POLICIES, COUNT(POLICIES)).text);
}

static const struct field STOP[] = {
	{"signal", read_stop_signal},
	{"timeout", read_stop_timeout},
};

static const struct field RESTART[] = {
	{"policy", read_policy},
	{"delay", read_restart_delay},
};

static void read_stop(struct stack *s, const struct entry *e, void *into)
{
	size_t n;
	struct entry *entries = read_map_of(s, e, "stop: {signal: TERM, timeout: 10s}", &n);
	if (entries)
		read_fields(s, entries, n, STOP, COUNT(STOP), into);
}

static void read_restart(struct stack *s, const struct entry *e, void *into)
{
	size_t n;

	if (e->value->type == YAML_SCALAR_NODE && !is_empty(e->value)) {
		read_policy(s, e, into);
		return;
	}
	struct entry *entries = read_map_of(s, e, "restart: {policy: transient, delay: 1s}", &n);
	if (entries)
		read_fields(s, entries, n, RESTART, COUNT(RESTART), into);
}

/* ---- tasks ---- */

static void read_needs(struct stack *s, const struct entry *e, void *into)
{
	struct list list;
	if (read_list_of(s, e, "needs: [db]", &list))
		((struct draft *)into)->needs = e->value;
}

static const struct field TASK[] = {
	{"command", read_command},
	{"shell", read_shell},
	{"cwd", read_cwd},
	{"env", read_env},
	{"env_pass", read_env_pass},
	{"needs", read_needs},
	{"stop", read_stop},
	{"restart", read_restart},
};

static void read_task(struct stack *s, const struct entry *e, struct draft *draft)
{
	static const char example[] = "NAME: {command: [PROGRAM, ARGUMENT]}";
	struct config_task *task = draft->task;
	struct config_errors *errors = s->r->errors;
	size_t n;

	task->at = place(e->key);
	task->name = keep_name(s, e->key, "task");
	task->cwd = s->r->config->dir;
	task->stop_signal = SIGTERM;
	task->stop_timeout_ns = UINT64_C(10) * 1000000000;
	task->restart = CONFIG_TRANSIENT;
	task->restart_delay_ns = 1000000000;

	struct entry *entries = read_map_of(s, e, example, &n);
	if (!entries)
		return;
	size_t before = errors->count;
	read_fields(s, entries, n, TASK, COUNT(TASK), draft);
	if (draft->command_at.line && draft->shell_at.line)
		config_report(errors, draft->shell_at,
		              "task '%s' has a command, at %zu:%zu, and a shell line; remove one",
		              show_key(e).text, draft->command_at.line, draft->command_at.column);
	else if (!draft->command_at.line && !draft->shell_at.line && errors->count == before)
		config_report(errors, task->at,
		              "task '%s' has nothing to run; add command: [PROGRAM, ARGUMENT], or "
		              "shell: LINE",
		              show_key(e).text);
}

static void read_tasks(struct stack *s, const struct entry *e, void *into)
{
	struct config *config = s->r->config;
	size_t n;

	(void)into;
	s->has_tasks = true;
	struct entry *entries = read_map_of(s, e, "tasks: {NAME: {command: [PROGRAM, ARGUMENT]}}", &n);
	if (!entries)
		return;
	if (is_empty(e->value) || e->value->data.mapping.pairs.top == e->value->data.mapping.pairs.start)
		config_report(s->r->errors, place(e->key),
		              "there are no tasks; add one: NAME: {command: [PROGRAM, ARGUMENT]}");
	if (n > CONFIG_TASKS_MAX) {
		config_report(s->r->errors, place(entries[CONFIG_TASKS_MAX].key),
		              "there are more than %d tasks; split the stack", CONFIG_TASKS_MAX);
		return;
	}
	config->tasks = config_keep(s->r, n, sizeof(*config->tasks));
	s->drafts = config_scratch(s->r, n, sizeof(*s->drafts));
	if (!config->tasks || !s->drafts)
		return;
	config->ntasks = n;
	for (size_t i = 0; i < n; i++) {
		s->drafts[i].task = &config->tasks[i];
		read_task(s, &entries[i], &s->drafts[i]);
	}
}

/* ---- needs ---- */

static int compare_tasks(const void *a, const void *b)
{
	const struct config_task *x = *(struct config_task *const *)a;
	const struct config_task *y = *(struct config_task *const *)b;
	return strcmp(x->name, y->name);
}

/* The names that are valid, to be found by halving. */
static size_t sort_names(struct stack *s)
{
	struct config *config = s->r->config;
	struct config_task **sorted = config_scratch(s->r, config->ntasks + 1, sizeof(*sorted));
	size_t n = 0;

	s->names = config_scratch(s->r, config->ntasks + 1, sizeof(char *));
	s->by_name = config_scratch(s->r, config->ntasks + 1, sizeof(size_t));
	if (!sorted || !s->names || !s->by_name)
		return 0;
	for (size_t i = 0; i < config->ntasks; i++)
		if (config->tasks[i].name)
			sorted[n++] = &config->tasks[i];
	qsort(sorted, n, sizeof(*sorted), compare_tasks);
	for (size_t i = 0; i < n; i++) {
		s->names[i] = sorted[i]->name;
		s->by_name[i] = (size_t)(sorted[i] - config->tasks);
	}
	return n;
}

static bool find_task(struct stack *s, size_t count, const char *name, size_t *index)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, s->names[middle]);
		if (order == 0) {
			*index = s->by_name[middle];
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* `met[i]` is 1 + the last task that was seen to need task i. */
static void link_need(struct stack *s, struct draft *draft, yaml_node_t *node, size_t names,
                      size_t *met)
{
	struct config_task *task = draft->task;
	size_t self = (size_t)(task - s->r->config->tasks), index;

	if (!check_text(s, node, "each name of 'needs'", 0))
		return;
	if (!find_task(s, names, scalar(node), &index)) {
		/* Looking for a near name is not for nothing. */
		struct subject meant = {""};
		if (s->r->errors->count < CONFIG_ERRORS_MAX)
			meant = hint(scalar(node), length(node), s->names, names);
		config_report(s->r->errors, place(node), "there is no task '%s'%s", show(node).text,
		              meant.text[0] ? meant.text : "; name one of this file");
		return;
	}
	if (met[index] == self + 1) {
		config_report(s->r->errors, place(node), "'%s' is needed twice; remove one",
		              show(node).text);
		return;
	}
	met[index] = self + 1;
	draft->needs_at[task->nneeds] = place(node);
	task->needs[task->nneeds++] = index;
}

static void link_task(struct stack *s, struct draft *draft, size_t names, size_t *met)
{
	struct list list = {0};

	if (!draft->needs || is_empty(draft->needs))
		return;
	list.items = draft->needs->data.sequence.items.start;
	list.n = (size_t)(draft->needs->data.sequence.items.top - list.items);
	if (list.n + s->r->values > CONFIG_VALUES_MAX) {
		s->r->values = CONFIG_VALUES_MAX;
		take(s, draft->needs);
		return;
	}
	draft->task->needs = config_keep(s->r, list.n, sizeof(size_t));
	draft->needs_at = config_scratch(s->r, list.n, sizeof(struct config_place));
	for (size_t i = 0; i < list.n && !s->r->no_memory; i++)
		link_need(s, draft, item(s, &list, i), names, met);
}

static void link_tasks(struct stack *s)
{
	struct config *config = s->r->config;
	struct config_place **at = config_scratch(s->r, config->ntasks + 1, sizeof(*at));
	size_t *met = config_scratch(s->r, config->ntasks + 1, sizeof(*met));
	size_t names = sort_names(s);

	for (size_t i = 0; i < config->ntasks && !s->r->no_memory; i++) {
		link_task(s, &s->drafts[i], names, met);
		at[i] = s->drafts[i].needs_at;
	}
	if (!s->r->no_memory)
		config_sort(s->r, at);
}

/* ---- the file ---- */

static void read_version(struct stack *s, const struct entry *e, void *into)
{
	(void)into;
	s->has_version = true;
	if (!check_text(s, e->value, subject(e).text, 0))
		return;
	if (length(e->value) != 1 || scalar(e->value)[0] != '1')
		config_report(s->r->errors, place(e->value),
		              "this tend reads version 1, not '%s'; write version: 1",
		              show(e->value).text);
}

static void read_name(struct stack *s, const struct entry *e, void *into)
{
	(void)into;
	if (check_text(s, e->value, subject(e).text, 0))
		s->r->config->name = keep_name(s, e->value, "stack");
}

static const struct field ROOT[] = {
	{"version", read_version},
	{"name", read_name},
	{"tasks", read_tasks},
};

/* The directory's name, with what a name may not hold replaced. */
static void name_by_directory(struct stack *s, struct config_place at)
{
	struct config *config = s->r->config;
	const char *base = strrchr(config->dir, '/');
	char name[CONFIG_NAME_MAX];
	size_t n = 0;

	base = base ? base + 1 : config->dir;
	for (const char *c = base; *c && n < sizeof(name); c++) {
		char tail[2] = {'a', *c};
		if (n > 0 && !config_name_valid(tail, 2))
			name[n++] = '-';
		else if (n > 0 || config_name_valid(c, 1))
			name[n++] = *c;
	}
	if (n > 0)
		config->name = config_keep_text(s->r, name, n);
	else
		config_report(s->r->errors, at,
		              "the directory's name '%s' holds no letter to name the stack by; add "
		              "name: NAME",
		              config_show(base, strlen(base)).text);
}

static void read_root(struct stack *s, yaml_node_t *root)
{
	struct config_errors *errors = s->r->errors;
	bool named = false;
	size_t n;

	struct entry *entries = read_map(s, root, &n);
	if (!entries)
		return;
	for (size_t i = 0; i < n; i++)
		named = named || (entries[i].len == 4 && memcmp(entries[i].name, "name", 4) == 0);
	if (!named)
		name_by_directory(s, place(root));
	read_fields(s, entries, n, ROOT, COUNT(ROOT), NULL);
	if (!s->has_version)
		config_report(errors, place(root), "the version is missing; add the line version: 1");
	if (!s->has_tasks)
		config_report(errors, place(root),
		              "there are no tasks; add tasks: {NAME: {command: [PROGRAM, "
		              "ARGUMENT]}}");
	link_tasks(s);
}

void config_read_document(struct config_reader *r, yaml_document_t *document)
{
	struct stack s = {.r = r, .document = document};
	yaml_node_t *root = yaml_document_get_root_node(document);

	if (!root || is_empty(root))
		config_report(r->errors, (struct config_place){1, 1},
		              "the file is empty; write at least version: 1 and tasks: {NAME: "
		              "{command: [PROGRAM, ARGUMENT]}}");
	else if (!take(&s, root))
		return;
	else if (root->type != YAML_MAPPING_NODE)
		config_report(r->errors, place(root),
		              "the file is a map of version, name and tasks; this is %s", kind(root));
	else
		read_root(&s, root);
}
