/* cli/ask/envelope.h - the document that `--json` prints, for success and
 * failure alike, and the exit codes. */
#ifndef TEND_CLI_ASK_ENVELOPE_H
#define TEND_CLI_ASK_ENVELOPE_H

#include <jansson.h>

enum exit_code {
	EXIT_FAILED = 1,      /* the operation failed */
	EXIT_USAGE = 2,       /* wrong usage */
	EXIT_NOT_RUNNING = 3, /* a check: not running, not ready, failed */
	EXIT_NO_TASK = 4,     /* no such task or process */
	EXIT_UNREACHABLE = 5, /* no supervisor there */
	EXIT_PERMISSION = 6,
	EXIT_PARTLY = 7, /* several targets, and not all were done */
	EXIT_CONFIG = 78,
	EXIT_TIMEOUT = 124,
	EXIT_NO_EXEC = 126,    /* run: the program is there, and could not be run */
	EXIT_NO_PROGRAM = 127, /* run: there is no such program */
};

/* {"schema", "node", "seq", "at", "data", "error"}, one of the last two null.
 *
 *   schema    "tend.tree/1"
 *   data      taken
 *   code      becomes error.exit_code
 *   returns   the document, to be given back by json_decref(); NULL: out of
 *             memory */
json_t *envelope_ok(const char *schema, json_t *data);
json_t *envelope_error(const char *schema, int code, const char *text);

#endif
