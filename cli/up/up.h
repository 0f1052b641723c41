/* cli/up/up.h - a running stack: one runtime, and a fiber for each task that starts
 * its process, watches it and starts it again.
 *
 * All of it runs on one worker, so between two waits nothing else moves and no
 * field here needs a lock. The thread of main() reads only what it was given
 * when the fibers have ended. */
#ifndef TEND_CLI_UP_UP_H
#define TEND_CLI_UP_UP_H

#include "ask/instance.h"
#include "config/config.h"
#include "show/line.h"
#include "show/printer.h"
#include "up/graph.h"
#include "up/server.h"

#include "tend/tend.h"

#include <stdbool.h>

#define UP_TAIL_MAX 65536

/* What an attempt wrote last. */
struct up_tail {
	uint32_t attempt; /* 0: there was none */
	uint64_t dropped; /* bytes before it that are lost */
	size_t n;
	char *bytes;
};

struct up_task {
	struct up *up;
	size_t index; /* in the configuration and the graph */
	const struct config_task *config;
	tend_event *wake;  /* something happened that may concern it */
	tend_task fiber;   /* that looks after it */
	tend_task process; /* {0}: none is live */
	uint64_t id;       /* of its row */
	uint8_t state;     /* TEND_STATE_... */
	uint8_t outcome;   /* TEND_LIVE, or how it ended for good */
	bool watched;      /* its process sets `wake` when it ends */
	bool told;         /* to stop */
	bool killed;       /* by force */
	uint32_t attempt;  /* 0: none yet */
	uint32_t restarts;
	int32_t pid;
	uint64_t spawned_at, since, retry_at;
	bool has_last;
	struct tend_outcome last; /* of the last attempt */
	char wait[160];           /* what it waits for, empty: nothing */
	char why[256];            /* the last thing that went wrong, empty: nothing did */
	struct up_tail tails[2];  /* of the last attempt that ended, and of the one before */
	struct line_buffer lines[2];
};

struct up {
	const struct config *config;
	const char *file;
	struct graph graph;
	struct up_task *tasks;
	size_t ended;
	struct printer *printer;
	tend_runtime *rt;
	tend_scope own; /* of the fibers; what runs for the user is in the root */
	struct control_server server;
	tend_event *changed; /* a task ended, or the stop went on */
	tend_event *over;    /* all has ended or was given up */
	int signal_fd;
	uint64_t started_at;
	bool json; /* what is written */
	bool start_failed;
	bool stopping;
	bool forced;      /* kill, by whoever */
	bool user_forced; /* a second Ctrl-C, or down --now */
	bool gave_up;     /* the deadline passed with survivors */
	bool interrupted; /* by a signal */
	int exit_code;    /* valid once `over` is set */
	uint64_t stop_began, stop_deadline;
};

/* The files stand in this order, and each calls only what stands before it;
 * graph.h and server.h stand before all of them. */

/* ---- say.c ---- */

/* Writes a line of the stack itself, or of one of its tasks. */
void up_say(const struct up *up, const char *fmt, ...) TEND_PRINTF(2, 3);
void up_task_say(const struct up_task *t, const char *fmt, ...) TEND_PRINTF(2, 3);

/* Returns the length of the longest name of a task. */
size_t up_name_width(const struct config *config);

/* ---- ending.c ---- */

/* "exited with code 3": an outcome of the task. */
void up_outcome_text(const struct up_task *t, const struct tend_outcome *o, char *buf, size_t size);

/* The same of its last attempt, or why there was none. */
void up_task_ending(const struct up_task *t, char *buf, size_t size);

/* ---- tail.c ---- */

/* Copies what the current attempt wrote last; false if there is none. */
bool up_task_tail(const struct up_task *t, struct up_tail *out);

/* Keeps it, when the attempt has ended, and that of the attempt before. */
void up_task_keep_tail(struct up_task *t);

/* ---- stop.c ---- */

/* Begins to stop everything, or makes an earlier stop harder: the deadline only
 * ever comes nearer.
 *
 *   timeout_ns  0: as long as the stop timeouts of the tasks can take */
void up_stop(struct up *up, const char *reason, uint64_t timeout_ns);
void up_force(struct up *up, const char *reason);

/* "waiting for 2: a, b; 8 s left". */
void up_progress(const struct up *up, char *buf, size_t size);

/* When force is used by itself: in the last fifth of the time, at most 1 s. */
uint64_t up_force_at(const struct up *up);

/* Looks at the clock: uses force or gives up when it is time to. */
void up_stop_look(struct up *up);

/* ---- task.c ---- */

/* The fiber of a task: struct up_task. */
int up_task_main(void *arg);

/* ---- signals.c ---- */

/* Blocks the signals that stop a stack; answers a signalfd of them, or -1. */
int up_signals_open(void);

/* The fiber that takes SIGINT, SIGTERM and SIGHUP. */
int up_signals_main(void *arg);

/* ---- rows.c ---- */

/* The `data` of `tend tree`: all rows, or those of one task. */
json_t *up_rows(const struct up *up, const struct up_task *only);

/* ---- report.c ---- */

void up_report_print(const struct up *up);
json_t *up_report_json(const struct up *up);
int up_exit_code(const struct up *up);

/* ---- watch.c ---- */

/* The fiber that waits until all has ended, and says how far it is. */
int up_watch_main(void *arg);

/* ---- answer.c ---- */

/* A control_fn: struct up. */
void up_answer(void *arg, const json_t *request, struct control_reply *reply);

/* ---- stack.c ---- */

/* Runs a stack whose name is claimed; answers the exit code. If `up->rt` is set
 * afterwards, fibers have outlived the deadline and still use `up`. */
int up_run(struct up *up, const struct instance *instance);

#endif
