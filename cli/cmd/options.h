/* cli/cmd/options.h - the options and the argument of a command, as a table.
 *
 * A command declares each option, and where the value is stored. On wrong usage
 * argp prints the error and ends the process with EXIT_USAGE. */
#ifndef TEND_CLI_CMD_OPTIONS_H
#define TEND_CLI_CMD_OPTIONS_H

#include "ask/client.h"

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

/* Stores the argument of an option, NULL for an option without an argument.
 * Calls argp_error() if the argument is not valid. */
typedef void option_fn(struct argp_state *state, void *into, char *argument);

option_fn option_flag;  /* bool: becomes true */
option_fn option_text;  /* const char *: the last use counts */
option_fn option_file;  /* const char *: a second use is an error */
option_fn option_time;  /* uint64_t, nanoseconds; a bare number is of seconds */
option_fn option_count; /* uint32_t: a whole number */

struct option_row {
	const char *name;     /* NULL ends the table */
	int letter;           /* 0: the option has none */
	const char *argument; /* NULL: the option takes none */
	const char *help;
	option_fn *store;
	void *into;
};

enum { OPTIONS_MAX = 16 }; /* in the table of a command, without those for a client */

struct usage {
	const char *argument;             /* "PATH", "PATH..."; NULL: the command takes none */
	const char *help;                 /* before and, behind a \v, after the list of options */
	const char **into;                /* where the argument is stored */
	const char *twice;                /* message for a second argument */
	size_t *count;                    /* counts the arguments, of which `into` then has room
	                                   * for argc; NULL: one argument at most */
	const char *missing;              /* message for no argument; NULL: it may be left out */
	const char *refused;              /* why the command takes none */
	char ***rest;                     /* where the arguments from the first on are stored,
	                                   * instead of `into`: a command line, whose options are
	                                   * its own; or NULL */
	struct client *client;            /* adds --name, --socket and --json; may be NULL. A
	                                   * letter of the command's own is not theirs */
	const struct option_row *options; /* may be NULL */
};

/* Parses the command line of a command. Returns 0 or EXIT_USAGE. */
int options_parse(const struct usage *usage, int argc, char **argv);

/* The options of a command, those for a client and --help among them. */
struct options_table {
	const char *argument; /* as in struct usage */
	size_t count;
	struct options_named {
		const char *name, *argument, *help; /* no argument: NULL */
		int letter;                         /* none: 0 */
	} options[OPTIONS_MAX + 4];
};

/* Fills in the table of a command. The command itself stops at its options.
 *
 *   run   cmd_NAME() */
void options_of(int (*run)(int argc, char **argv), struct options_table *out);

#endif
