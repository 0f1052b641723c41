/* cli/cmd/logs.c - `tend logs PATH`: the last output of a task, and the output to come. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include "tend/text.h"

#include <ctype.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEC_NS INT64_C(1000000000)

enum { REST_MAX = 1 << 18 }; /* bytes of a line; a longer line is cut */

/* A line of one attempt, or the bytes that were lost before it. */
struct line {
	json_int_t attempt, dropped;
	bool live;
	int64_t at_ns; /* 0: unknown */
	size_t n;
	char *text; /* NULL: the loss */
};

struct logs {
	struct client client;
	bool follow, stamps, filters;
	const char *pattern; /* NULL: each line is shown */
	regex_t regex;
	int64_t since_ns;
	uint32_t wanted; /* lines, until nothing is new; UINT32_MAX: all */
	struct line *ring;
	size_t count; /* lines that went into the ring */
	json_int_t attempt;
	bool live;
	json_int_t shown; /* attempt whose head was printed last */
	bool open;        /* the beginning of the line of `rest` was printed */
	char *rest;       /* a line whose end has not come */
	size_t n;
	int64_t rest_at_ns;
	char path[160];
};

/* ---- A line is shown ---- */

static void print_head(struct logs *logs, json_int_t attempt, bool live)
{
	if (logs->client.json || logs->shown == attempt)
		return;
	printf("==> %s, attempt %lld%s <==\n", logs->path, (long long)attempt,
	       live ? "" : " (ended)");
	logs->shown = attempt;
}

static void print_json(const struct logs *logs, const struct line *line)
{
	char at[TEXT_TIME_SIZE];
	json_t *document = json_pack("{s:s, s:I}", "path", logs->path, "attempt", line->attempt);

	if (!line->text)
		json_object_set_new(document, "dropped", json_integer(line->dropped));
	else {
		text_time(at, line->at_ns);
		json_object_set_new(document, "live", json_boolean(line->live));
		json_object_set_new(document, "at", line->at_ns ? json_string(at) : json_null());
		json_object_set_new(document, "text",
		                    text_json(line->text, text_uncolour(line->text, line->n)));
	}
	output_json(document);
	json_decref(document);
}

/* Prints text after the time, without an end of the line. */
static void print_begin(const struct logs *logs, const char *text, int64_t at_ns)
{
	char at[TEXT_TIME_SIZE];

	if (logs->stamps && at_ns) {
		text_time(at, at_ns);
		printf("%s ", at);
	}
	output_text(text);
}

static void show(struct logs *logs, const struct line *line)
{
	if (logs->client.json) {
		print_json(logs, line);
		return;
	}
	print_head(logs, line->attempt, line->live);
	if (line->text)
		print_begin(logs, line->text, line->at_ns);
	else
		printf("... %lld bytes before this are lost", (long long)line->dropped);
	putchar('\n');
}

/* ---- A line is chosen ---- */

/* Keeps a line in the ring of the last lines, and takes its text. */
static void keep(struct logs *logs, const struct line *line)
{
	struct line *slot = &logs->ring[logs->count++ % logs->wanted];

	free(slot->text);
	*slot = *line;
}

/* Shows the lines of the ring; from now on each line is shown as it comes. */
static void show_kept(struct logs *logs)
{
	size_t n = logs->count < logs->wanted ? logs->count : logs->wanted;

	for (size_t i = logs->count - n; logs->ring && i < logs->count; i++) {
		struct line *line = &logs->ring[i % logs->wanted];
		show(logs, line);
		free(line->text);
	}
	free(logs->ring);
	logs->ring = NULL;
	logs->wanted = UINT32_MAX;
}

static bool matches(const struct logs *logs, const char *text, size_t n)
{
	char *plain = logs->pattern ? strndup(text, n) : NULL;

	if (!logs->pattern)
		return true;
	if (!plain)
		return false;
	plain[text_uncolour(plain, strlen(plain))] = 0;
	bool found = regexec(&logs->regex, plain, 0, NULL, 0) == 0;
	free(plain);
	return found;
}

/* Takes a line without its end. */
static void take_line(struct logs *logs, const char *text, size_t n, int64_t at_ns)
{
	if (logs->open) {
		/* Its beginning was chosen, and printed. */
		logs->open = false;
		char *rest = strndup(text, n);
		output_text(rest ? rest : "");
		putchar('\n');
		free(rest);
		return;
	}
	if (at_ns < logs->since_ns || !matches(logs, text, n))
		return;
	struct line line = {.attempt = logs->attempt,
	                    .live = logs->live,
	                    .at_ns = at_ns,
	                    .n = n,
	                    .text = strndup(text, n)};
	if (!line.text)
		return;
	if (logs->ring) {
		keep(logs, &line);
		return;
	}
	if (logs->wanted)
		show(logs, &line);
	free(line.text);
}

/* ---- Lines out of pieces ---- */

static bool append(struct logs *logs, const char *text, size_t n)
{
	char *more = realloc(logs->rest, logs->n + n + 1);

	if (!more)
		return false;
	memcpy(more + logs->n, text, n);
	logs->rest = more;
	logs->n += n;
	return true;
}

/* Takes each line that has ended out of the rest.
 *
 *   whole     no more comes, so the rest is a line, too */
static void take_lines(struct logs *logs, int64_t at_ns, bool whole)
{
	size_t used = 0, end;

	while (used < logs->n) {
		size_t left = logs->n - used, n = text_line(logs->rest + used, left, &end);
		/* A CR at the end may be half of the end of a line. */
		bool ended = n < left && (end < left || logs->rest[logs->n - 1] == '\n');
		if (!ended && !whole && left < REST_MAX)
			break;
		take_line(logs, logs->rest + used, n, logs->rest_at_ns ? logs->rest_at_ns : at_ns);
		logs->rest_at_ns = at_ns;
		used += end;
	}
	logs->n -= used;
	if (logs->n)
		memmove(logs->rest, logs->rest + used, logs->n);
}

static void end_attempt(struct logs *logs)
{
	take_lines(logs, logs->rest_at_ns, true);
	if (logs->open)
		putchar('\n');
	logs->open = false;
}

static void take_loss(struct logs *logs, json_int_t dropped)
{
	struct line line = {.attempt = logs->attempt, .live = logs->live, .dropped = dropped};

	end_attempt(logs);
	if (logs->ring)
		keep(logs, &line);
	else if (logs->wanted)
		show(logs, &line);
}

static void take_attempt(struct logs *logs, const json_t *attempt)
{
	json_int_t number = field_number(attempt, "attempt");
	json_int_t dropped = field_number(attempt, "dropped");
	size_t i;
	const json_t *piece;

	if (number != logs->attempt)
		end_attempt(logs);
	logs->attempt = number;
	logs->live = json_is_true(json_object_get(attempt, "live"));
	if (!logs->filters)
		print_head(logs, number, logs->live);
	if (dropped)
		take_loss(logs, dropped);
	json_array_foreach (json_object_get(attempt, "pieces"), i, piece) {
		const json_t *text = json_object_get(piece, "text");
		int64_t at_ns = field_number(piece, "at_ns");
		if (logs->n == 0)
			logs->rest_at_ns = at_ns;
		if (append(logs, json_string_value(text), json_string_length(text)))
			take_lines(logs, at_ns, false);
	}
}

/* Shows the beginning of a line, such as a prompt, unless its end decides. */
static void show_begun(struct logs *logs)
{
	if (logs->n == 0 || logs->client.json || logs->pattern || logs->rest_at_ns < logs->since_ns)
		return;
	if (memchr(logs->rest, '\r', logs->n)) {
		take_lines(logs, logs->rest_at_ns, true);
		return;
	}
	print_head(logs, logs->attempt, logs->live);
	logs->rest[logs->n] = 0;
	if (logs->open)
		output_text(logs->rest);
	else
		print_begin(logs, logs->rest, logs->rest_at_ns);
	logs->open = true;
	logs->n = 0;
}

static void take_all(struct logs *logs, const json_t *data)
{
	size_t i;
	const json_t *attempt;

	snprintf(logs->path, sizeof(logs->path), "%s", field_text(data, "path"));
	json_array_foreach (json_object_get(data, "attempts"), i, attempt)
		take_attempt(logs, attempt);
}

static void take_progress(void *arg, const json_t *progress)
{
	struct logs *logs = arg;

	take_all(logs, progress);
	if (json_is_true(json_object_get(progress, "idle"))) {
		show_kept(logs);
		show_begun(logs);
	}
	output_live();
}

/* ---- Options ---- */

/* Reads a length of time before now, or a time as --timestamps prints it. */
static void store_since(struct argp_state *state, void *into, char *argument)
{
	int64_t *since_ns = into;
	struct timespec now;
	struct tm tm = {0};
	uint64_t ago;

	clock_gettime(CLOCK_REALTIME, &now);
	*since_ns = (int64_t)now.tv_sec * SEC_NS + now.tv_nsec;
	if (tend_duration_parse(argument, strlen(argument), TEND_SEC, &ago) == 0) {
		*since_ns = ago < (uint64_t)*since_ns ? *since_ns - (int64_t)ago : 1;
		return;
	}
	const char *rest = strptime(argument, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t fraction = 0, digit = SEC_NS;
	if (rest && *rest == '.')
		for (rest++; isdigit((unsigned char)*rest) && digit > 1; rest++)
			fraction += (*rest - '0') * (digit /= 10);
	if (!rest || strcmp(rest, "Z") != 0)
		argp_error(state,
		           "not a time: %s (for example: 10m, or 2026-11-29T15:00:00Z, as "
		           "--timestamps prints it)",
		           argument);
	*since_ns = (int64_t)timegm(&tm) * SEC_NS + fraction;
}

static void store_pattern(struct argp_state *state, void *into, char *argument)
{
	struct logs *logs = into;
	char why[160];

	if (logs->pattern)
		argp_error(state, "one pattern at a time; A|B is one of two");
	int error = regcomp(&logs->regex, argument, REG_EXTENDED | REG_NOSUB);
	if (error) {
		regerror(error, &logs->regex, why, sizeof(why));
		argp_error(state, "not a regular expression: %s (%s)", argument, why);
	}
	logs->pattern = argument;
}

static int parse(int argc, char **argv, struct logs *logs)
{
	const struct option_row options[] = {
		{"follow", 'f', NULL, "Go on until the task has ended", option_flag, &logs->follow},
		{"lines", 'n', "N", "The last N lines, and with -f what follows", option_count,
	         &logs->wanted},
		{"since", 0, "TIME", "Lines since then, for example 10m", store_since,
	         &logs->since_ns},
		{"grep", 'g', "PATTERN", "Lines that match an extended regular expression",
	         store_pattern, logs},
		{"timestamps", 't', NULL, "Show when each line came", option_flag, &logs->stamps},
		{0},
	};
	const struct usage usage = {
		.argument = "PATH",
		.help = "Shows what a task wrote last, at most 64 KiB an attempt: of the attempt "
			"that runs and of the one before it.\v"
			"PATH is the name of a task, with or without the name of the stack and a "
			"slash before it. With --json each line is a document of its own. With -f "
			"the exit code is 0 when the task has ended, and 5 if the stack is gone. "
			"Exit "
			"code 4: no such task.",
		.into = &logs->client.path,
		.twice = "one task at a time",
		.missing = "which task? Give its path, for example: tend logs web",
		.client = &logs->client,
		.options = options,
	};

	return options_parse(&usage, argc, argv);
}

int cmd_logs(int argc, char **argv)
{
	struct logs logs = {.client = {.schema = "tend.logs/1"}, .wanted = UINT32_MAX};
	struct instance instance;
	int code = 0;

	if (parse(argc, argv, &logs) != 0)
		return EXIT_USAGE;
	logs.filters = logs.wanted != UINT32_MAX || logs.since_ns || logs.pattern;
	if (logs.wanted && logs.wanted != UINT32_MAX)
		logs.ring = calloc(logs.wanted, sizeof(*logs.ring));
	if (logs.wanted && logs.wanted != UINT32_MAX && !logs.ring)
		return client_tell(&logs.client, EXIT_FAILED, "out of memory; ask for fewer lines");
	json_t *envelope = client_ask(&logs.client,
	                              json_pack("{s:s, s:b}", "cmd", "logs", "follow", logs.follow),
	                              take_progress, &logs, &instance, &code);
	if (envelope)
		take_all(&logs, json_object_get(envelope, "data"));
	end_attempt(&logs);
	show_kept(&logs);
	json_decref(envelope);
	free(logs.rest);
	if (logs.pattern)
		regfree(&logs.regex);
	return output_end(code);
}
