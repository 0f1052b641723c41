/* cli/cmd/down.c - `tend down`: stops a running stack and waits for its end. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "show/output.h"
#include "show/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NOW = 256 };
#define GONE_MS 5000 /* from the last answer to the end of the supervisor */

struct options {
	struct client client;
	uint64_t timeout_ns;
	bool now;
};

/* A number with ms, s, m or h; a bare one is of seconds. 0: it is not one. */
static uint64_t parse_duration(const char *text)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"", 1e9}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value > 0) || value > 1e6)
		return 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(end, units[i].unit) == 0)
			return (uint64_t)(value * units[i].ns);
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->client;
		return 0;
	case 't':
		options->timeout_ns = parse_duration(arg);
		if (options->timeout_ns == 0)
			argp_error(state, "not a length of time: %s (for example: 10s, 500ms)",
			           arg);
		return 0;
	case NOW:
		options->now = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument: %s (down stops the whole stack)", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option OPTIONS[] = {
	{"timeout", 't', "TIME", 0, "Kill what has not ended by then, for example 10s", 0},
	{"now", NOW, NULL, 0, "Kill at once", 0},
	{0},
};

static const struct argp_child CHILDREN[] = {{&CLIENT_ARGP, 0, NULL, 0}, {0}};

static const struct argp ARGP = {
	.options = OPTIONS,
	.parser = parse_option,
	.children = CHILDREN,
	.doc = "Stops a running stack, each task after those that need it, and waits for the end.\v"
	       "Exit codes: 0 all ended; 124 something did not, and is named; 5 nothing runs.",
};

static void show_progress(void *arg, const json_t *progress)
{
	struct options *options = arg;
	const char *text = json_string_value(json_object_get(progress, "text"));

	if (text && !options->client.json) {
		output_text(text);
		putchar('\n');
		fflush(stdout);
	}
}

/* So that what comes after this command finds neither lock nor socket. */
static void wait_until_gone(const struct instance *instance)
{
	const struct timespec step = {.tv_nsec = 10000000};
	for (int ms = 0; ms < GONE_MS && instance->lock[0] && instance_owner(instance) != 0;
	     ms += 10)
		nanosleep(&step, NULL);
}

int cmd_down(int argc, char **argv)
{
	struct options options = {.client = {.schema = "tend.down/1", .strict = true}};
	struct instance instance;
	int code = 0;

	if (argp_parse(&ARGP, argc, argv, ARGP_IN_ORDER, NULL, &options) != 0)
		return 2;
	json_t *envelope = client_ask(&options.client,
	                              json_pack("{s:s, s:I, s:b}", "cmd", "down", "timeout_ns",
	                                        (json_int_t)options.timeout_ns, "now", options.now),
	                              show_progress, &options, &instance, &code);
	if (!envelope)
		return output_end(code);
	const json_t *data = json_object_get(envelope, "data");
	if (json_integer_value(json_object_get(data, "abandoned")) > 0)
		code = EXIT_TIMEOUT;
	if (options.client.json)
		output_json(envelope);
	else
		report_print(data, instance.name);
	wait_until_gone(&instance);
	json_decref(envelope);
	return output_end(code);
}
