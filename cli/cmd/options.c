/* cli/cmd/options.c - the parser of the options of all commands. */
#include "cmd/options.h"
#include "ask/envelope.h"

#include "tend/text.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	CLIENT_OPTIONS = 3,
	ALL_MAX = CLIENT_OPTIONS + OPTIONS_MAX,
	NO_LETTER = 256, /* the key of the first option without a letter */
};

/* The table for argp, and the rows behind it. */
struct parse {
	const struct usage *usage;
	size_t count;
	struct option_row rows[ALL_MAX];
	struct argp_option options[ALL_MAX + 1];
};

void option_flag(struct argp_state *state, void *into, char *argument)
{
	(void)state;
	(void)argument;
	*(bool *)into = true;
}

void option_text(struct argp_state *state, void *into, char *argument)
{
	(void)state;
	*(const char **)into = argument;
}

void option_file(struct argp_state *state, void *into, char *argument)
{
	const char **file = into;

	if (*file)
		argp_error(state, "one file at a time");
	*file = argument;
}

void option_time(struct argp_state *state, void *into, char *argument)
{
	if (tend_duration_parse(argument, strlen(argument), TEND_SEC, into) != 0)
		argp_error(state, "not a length of time: %s (for example: 10s, 500ms)", argument);
}

void option_count(struct argp_state *state, void *into, char *argument)
{
	char *end;
	unsigned long number = strtoul(argument, &end, 10);

	if (!isdigit((unsigned char)argument[0]) || *end || number > UINT32_MAX)
		argp_error(state, "not a whole number: %s", argument);
	*(uint32_t *)into = (uint32_t)number;
}

static void add(struct parse *parse, const struct option_row *row)
{
	size_t i = parse->count++;

	assert(i < ALL_MAX && row->store && row->into && row->help);

	parse->rows[i] = *row;
	parse->options[i] = (struct argp_option){
		.name = row->name,
		.key = row->letter ? row->letter : NO_LETTER + (int)i,
		.arg = row->argument,
		.doc = row->help,
	};
}

static void add_client(struct parse *parse, struct client *client)
{
	const struct option_row rows[CLIENT_OPTIONS] = {
		{"name", 'n', "STACK", "The stack of that name", option_text, &client->name},
		{"socket", 's', "SOCKET", "The stack that serves this socket; also $TEND_SOCKET",
	         option_text, &client->socket},
		{"json", 'j', NULL, "Answer as JSON", option_flag, &client->json},
	};

	for (size_t i = 0; i < CLIENT_OPTIONS; i++) {
		struct option_row row = rows[i];
		for (const struct option_row *own = parse->usage->options; own && own->name; own++)
			if (own->letter == row.letter)
				row.letter = 0;
		add(parse, &row);
	}
}

static error_t take_argument(const struct usage *usage, char *argument, struct argp_state *state)
{
	if (!usage->argument) {
		argp_error(state, "unexpected argument: %s (%s)", argument, usage->refused);
		return EINVAL;
	}
	if (usage->rest) {
		*usage->rest = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	}
	if (usage->count) {
		usage->into[(*usage->count)++] = argument;
		return 0;
	}
	if (*usage->into)
		argp_error(state, "%s", usage->twice);
	*usage->into = argument;
	return 0;
}

static error_t take(int key, char *argument, struct argp_state *state)
{
	const struct parse *parse = state->input;
	const struct usage *usage = parse->usage;

	if (key == ARGP_KEY_ARG)
		return take_argument(usage, argument, state);
	if (key == ARGP_KEY_END && usage->missing &&
	    !(usage->rest ? (void *)*usage->rest : (const void *)*usage->into))
		argp_error(state, "%s", usage->missing);
	for (size_t i = 0; i < parse->count; i++)
		if (parse->options[i].key == key) {
			parse->rows[i].store(state, parse->rows[i].into, argument);
			return 0;
		}
	return ARGP_ERR_UNKNOWN;
}

/* Where the next call of options_parse() writes the table instead of parsing; or NULL. */
static struct options_table *wanted;

static void tell(const struct parse *parse, struct options_table *out)
{
	*out = (struct options_table){.argument = parse->usage->argument};
	for (size_t i = 0; i < parse->count; i++) {
		const struct option_row *row = &parse->rows[i];
		out->options[out->count++] =
			(struct options_named){row->name, row->argument, row->help, row->letter};
	}
	out->options[out->count++] = (struct options_named){"help", NULL, "Explain it", '?'};
}

void options_of(int (*run)(int argc, char **argv), struct options_table *out)
{
	char name[] = "";
	char *argv[] = {name, NULL};

	wanted = out;
	int code = run(1, argv);
	assert(code == EXIT_USAGE && !wanted);
}

int options_parse(const struct usage *usage, int argc, char **argv)
{
	struct parse parse = {.usage = usage};
	const struct argp argp = {
		.options = parse.options,
		.parser = take,
		.args_doc = usage->argument,
		.doc = usage->help,
	};

	assert(usage->argument ? usage->rest || (usage->into && (usage->twice || usage->count))
	                       : !!usage->refused);
	assert(!usage->missing || usage->argument);
	if (usage->client)
		add_client(&parse, usage->client);
	for (const struct option_row *row = usage->options; row && row->name; row++)
		add(&parse, row);
	if (wanted) {
		tell(&parse, wanted);
		wanted = NULL;
		return EXIT_USAGE;
	}
	return argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &parse) ? EXIT_USAGE : 0;
}
