/* cli/cmd/down.c - `tend down`: stops a running stack and waits for its end. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "show/json.h"
#include "show/output.h"
#include "show/report.h"

#include "tend/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GONE_MS 5000 /* at most, from the last answer to the end of the supervisor */

struct wish {
	uint64_t timeout_ns; /* 0: as long as the stop timeouts of the tasks */
	bool now;
};

/* A bare number is of seconds, as for other tools that stop programs. No time at all is a
 * wish for the end at once. */
static void store_timeout(struct argp_state *state, void *into, char *argument)
{
	struct wish *wish = into;

	if (tend_duration_parse(argument, strlen(argument), TEND_SEC, &wish->timeout_ns) != 0)
		argp_error(state, "not a length of time: %s (for example: 10s, 500ms)", argument);
	wish->now = wish->timeout_ns == 0;
}

static void show_progress(void *arg, const json_t *progress)
{
	const struct client *client = arg;
	const char *text = json_string_value(json_object_get(progress, "text"));

	if (text && !client->json) {
		output_text(text);
		putchar('\n');
		fflush(stdout);
	}
}

/* Waits until both files are gone, so that the next command finds neither lock
 * nor socket. */
static void wait_until_gone(const struct instance *instance)
{
	const struct timespec step = {.tv_nsec = 10000000};
	for (int ms = 0;
	     ms < GONE_MS && instance->lock[0] && instance_owner(instance, NULL, 0) != 0; ms += 10)
		nanosleep(&step, NULL);
}

static int parse(int argc, char **argv, struct client *client, struct wish *wish)
{
	const struct option_row options[] = {
		{"timeout", 't', "TIME", "Kill what has not ended by then, for example 10s",
	         store_timeout, wish},
		{"now", 0, NULL, "Kill at once", option_flag, &wish->now},
		{0},
	};
	const struct usage usage = {
		.help = "Stops a running stack, each task after those that need it, and waits for "
			"the end.\v"
			"Exit codes: 0 all ended; 124 something did not, and is named; 5 nothing "
			"runs.",
		.refused = "down stops the whole stack",
		.client = client,
		.options = options,
	};

	return options_parse(&usage, argc, argv);
}

int cmd_down(int argc, char **argv)
{
	struct client client = {.schema = "tend.down/1", .strict = true};
	struct wish wish = {0};
	struct instance instance;
	int code = 0;

	if (parse(argc, argv, &client, &wish) != 0)
		return EXIT_USAGE;
	json_t *request = json_pack("{s:s, s:I, s:b}", "cmd", "down", "timeout_ns",
	                            (json_int_t)wish.timeout_ns, "now", wish.now);
	json_t *envelope = client_ask(&client, request, show_progress, &client, &instance, &code);
	if (!envelope)
		return output_end(code);
	const json_t *data = json_object_get(envelope, "data");
	if (field_number(data, "abandoned") > 0)
		code = EXIT_TIMEOUT;
	if (client.json)
		output_json(envelope);
	else
		report_print(data, instance.name);
	wait_until_gone(&instance);
	json_decref(envelope);
	return output_end(code);
}
