/* cli/cmd_tree.c - `tend tree [PATH|PID]`: the tree of a running stack. A number
 * is a process, which answers for itself: the name of a task begins with a
 * letter. */
#include "client.h"
#include "commands.h"
#include "tree_pid.h"

#include <ctype.h>
#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASCII = 256, DEPTH_MAX = 64, WIDTH_MAX = 60 };

struct options {
	struct client client;
	bool ascii;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->client;
		return 0;
	case ASCII:
		options->ascii = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->client.path)
			argp_error(state, "one path or process at a time");
		options->client.path = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option OPTIONS[] = {
	{"ascii", ASCII, NULL, 0, "Draw with ASCII; the default unless the locale is of UTF-8", 0},
	{0},
};

static const struct argp_child CHILDREN[] = {{&CLIENT_ARGP, 0, NULL, 0}, {0}};

static const struct argp ARGP = {
	.options = OPTIONS,
	.parser = parse_option,
	.children = CHILDREN,
	.args_doc = "[PATH|PID]",
	.doc = "Shows everything that a running stack runs as one tree: its tasks, and the fibers "
	       "and "
	       "threads inside of those that are linked with libtend. With PATH, one task of it; "
	       "with "
	       "PID, any process that is linked with libtend, also one that is stopped.\v"
	       "Exit codes: 4 there is no such task or process; 5 no stack is running.",
};

/* ---- Text ---- */

struct line {
	const json_t *row;
	size_t depth;
	bool followed; /* by a sibling */
	const char *name;
};

static size_t segments(const char *path)
{
	size_t n = 0;
	for (; *path; path++)
		n += *path == '/';
	return n;
}

static struct line *lines_of(const json_t *rows)
{
	size_t n = json_array_size(rows), base = 0;
	struct line *lines = calloc(n + 1, sizeof(*lines));
	bool open[DEPTH_MAX] = {false};

	for (size_t i = 0; lines && i < n; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *path = json_string_value(json_object_get(row, "path"));
		path = path ? path : "";
		base = i ? base : segments(path);
		lines[i].row = row;
		lines[i].depth = segments(path) > base ? segments(path) - base : 0;
		lines[i].depth = lines[i].depth < DEPTH_MAX ? lines[i].depth : DEPTH_MAX - 1;
		lines[i].name = i && strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	}
	for (size_t i = n; lines && i-- > 0;) {
		lines[i].followed = open[lines[i].depth];
		open[lines[i].depth] = true;
		for (size_t d = lines[i].depth + 1; d < DEPTH_MAX; d++)
			open[d] = false;
	}
	return lines;
}

static void print_facts(const json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));
	const char *state = json_string_value(json_object_get(row, "state"));
	const char *outcome = json_string_value(json_object_get(row, "outcome"));
	const char *wait = json_string_value(json_object_get(row, "wait"));
	const char *site = json_string_value(json_object_get(row, "site"));
	json_int_t pid = json_integer_value(json_object_get(row, "pid"));
	json_int_t attempt = json_integer_value(json_object_get(row, "attempt"));
	char age[32];

	printf("  %-8s %-9s", kind ? kind : "?", state ? state : "?");
	client_age(age, sizeof(age), (uint64_t)json_integer_value(json_object_get(row, "age_ns")));
	/* Aligned, if anything follows. */
	printf(" %-*s", pid || outcome || wait || site ? 6 : 0, age);
	if (pid)
		printf("  %s %lld", kind && strcmp(kind, "thread") == 0 ? "tid" : "pid",
		       (long long)pid);
	if (attempt > 1)
		printf("  attempt %lld", (long long)attempt);
	if (outcome)
		printf("  %s", outcome);
	if (wait) {
		printf("  ");
		client_print_text(wait);
	}
	if (site) {
		printf("  ");
		client_print_text(site);
	}
	putchar('\n');
}

static size_t characters(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_tree(const json_t *rows, bool ascii)
{
	size_t n = json_array_size(rows), width = 0;
	struct line *lines = lines_of(rows);
	bool more[DEPTH_MAX] = {false};

	for (size_t i = 0; lines && i < n; i++) {
		size_t wide = 3 * lines[i].depth + characters(lines[i].name);
		width = wide > width && wide <= WIDTH_MAX ? wide : width;
	}
	for (size_t i = 0; lines && i < n; i++) {
		const struct line *l = &lines[i];
		more[l->depth] = l->followed;
		for (size_t d = 1; d < l->depth; d++)
			fputs(more[d] ? (ascii ? "|  " : "\u2502  ") : "   ", stdout);
		if (l->depth)
			fputs(l->followed ? (ascii ? "|- " : "\u251c\u2500 ")
			                  : (ascii ? "`- " : "\u2514\u2500 "),
			      stdout);
		client_print_text(l->name);
		size_t wide = 3 * l->depth + characters(l->name);
		printf("%*s", wide < width ? (int)(width - wide) : 0, "");
		print_facts(l->row);
	}
	free(lines);
}

/* ---- The command ---- */

static bool is_number(const char *text)
{
	for (; *text; text++)
		if (!isdigit((unsigned char)*text))
			return false;
	return true;
}

int cmd_tree(int argc, char **argv)
{
	struct options options = {.client = {.schema = "tend.tree/1"}};
	struct instance instance;
	int code = 0;

	setlocale(LC_CTYPE, "");
	options.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (argp_parse(&ARGP, argc, argv, ARGP_IN_ORDER, NULL, &options) != 0)
		return 2;
	if (options.client.path && options.client.path[0] && is_number(options.client.path)) {
		long pid = strtol(options.client.path, NULL, 10);
		return cmd_tree_pid(pid > 0 && pid <= INT_MAX ? (pid_t)pid : INT_MAX,
		                    options.client.json, options.ascii);
	}
	json_t *envelope = client_ask(&options.client, json_pack("{s:s}", "cmd", "tree"), NULL,
	                              NULL, &instance, &code);
	if (envelope && options.client.json)
		client_print_json(envelope);
	else if (envelope)
		print_tree(json_object_get(json_object_get(envelope, "data"), "tasks"),
		           options.ascii);
	json_decref(envelope);
	return client_end(code);
}
