/* cli/up/up.h - a running stack: a runtime with a process task for each task of the file, in a
 * scope with the name of the stack, and fibers of this program, in a scope beside. The library
 * decides when a task begins, runs again and stops.
 *
 * All fibers run on one worker. Between two waits of a fiber no other fiber
 * runs, so no field here needs a lock. The thread of main() writes before the
 * fibers begin, and reads after `over` is set.
 *
 * Letters say which thread or fiber writes a field; every fiber may read it:
 *
 *   (c)  written before the fibers begin, constant from then on
 *   (t)  the fiber of the process of the task, or the fiber that follows the events
 *   (s)  stop.c, called by any fiber
 *   (w)  the watching fiber
 *   (m)  the thread of main()
 *
 * The states of a task are those of its process task, as its events tell them. */
#ifndef TEND_CLI_UP_UP_H
#define TEND_CLI_UP_UP_H

#include "ask/instance.h"
#include "config/config.h"
#include "show/line.h"
#include "show/printer.h"
#include "up/server.h"

#include "tend/tend.h"

#include <regex.h>
#include <stdbool.h>

#define UP_TAIL_MAX   65536
#define UP_MARKS_MAX  4096
#define UP_FEED_MAX   1024
#define UP_PATH_MAX   (3 * CONFIG_NAME_MAX + 3)
#define UP_MARK_EVENT 'e' /* the text of the line is an event of the library */

/* When the output of an attempt came, from a byte on. */
struct up_mark {
	uint64_t from; /* bytes of the attempt before */
	int64_t at_ns; /* CLOCK_REALTIME */
};

/* The last output of an attempt. */
struct up_tail {
	uint32_t attempt; /* 0: there was no attempt */
	uint64_t dropped; /* bytes before the tail that are lost */
	size_t n;
	char *bytes;
	size_t nmarks;
	struct up_mark *marks; /* in their order; the first may begin before the tail */
};

struct up_task {
	struct up *up;                    /* (c) */
	size_t index;                     /* (c) in the configuration */
	const struct config_task *config; /* (c) */
	tend_task process;                /* (c) over all attempts */
	char *site;                       /* (c) place of the task in its file, for the registry */
	uint8_t state;                    /* (t) TEND_STATE_...; ABANDONED: (w) */
	uint8_t outcome;                  /* (t) TEND_LIVE, or how the task ended for good */
	uint64_t stop_at;                 /* (t) begin of the stop of an attempt; 0: no stop */
	uint32_t stop_attempt;            /* (t) its number */
	bool killed;                      /* (t) the process was killed by force */
	bool started;                     /* (t) at least once; a temporary task for a second */
	bool was_ready;                   /* (t) at least once, and started */
	uint32_t attempt;                 /* (t) 0: no attempt yet */
	bool ready;                       /* (t) the attempt is ready */
	bool could_not;                   /* (t) the first attempt could not begin */
	uint32_t probed;                  /* (t) number of the attempt that `probes` are of */
	uint64_t sign_at;  /* (t) the last sign of life, or when signs were first wanted */
	tend_scope probes; /* (t) fibers find out there whether the attempt is ready and alive;
	                      {0}: no fibers */
	struct up_notify *notify; /* (c) the socket for sd_notify(); NULL: there is none */
	regex_t *patterns[2];     /* (c) for lines that tell: ready, alive; or NULL */
	bool cut;    /* (t) some of a copied output could not be written, and this was told */
	int32_t pid; /* (t) 0: no process is known to run */
	unsigned streams_ended;   /* (t) in this attempt */
	uint64_t began_at;        /* (t) the attempt */
	bool has_last;            /* (t) */
	struct tend_outcome last; /* (t) outcome of the last attempt */
	char wait[160];           /* (t) why the attempt is not ready; may be empty */
	char why[256];            /* (t) the last failure; empty: there was none */
	struct up_tail tails[2];  /* (t) those of the last two attempts that have ended */
	uint64_t written;         /* (t) bytes of output of this attempt */
	size_t nmarks;            /* (t) */
	struct up_mark *marks;    /* (t) this attempt's; room for UP_MARKS_MAX, or NULL */
	tend_event *news;         /* (c) set by any fiber at output, and at another state */
	struct line_buffer line;  /* (t) output not yet printed */
	uint64_t show_at;         /* (t) when the beginning of a line is shown without its end */
	bool shows;               /* (t) a fiber waits for this instant */
};

struct up_group {
	tend_scope scope; /* (c) below the stack */
	bool gone;        /* (t) it has given up */
};

/* A line as it was printed. */
struct up_line {
	const char *name; /* a task's or the stack's */
	size_t number, n;
	int64_t at_ns; /* CLOCK_REALTIME */
	char mark;
	char text[];
};

/* The last lines: a ring of UP_FEED_MAX, or fewer if they are long. */
struct up_feed {
	struct up_line **ring; /* NULL: no line yet */
	uint64_t first, next;  /* numbers of the oldest line, and of the line to come */
	size_t bytes;
	tend_event *news; /* (c) set at each line */
};

struct up {
	const struct config *config;  /* (c) */
	const char *file;             /* (c) */
	struct up_task *tasks;        /* (c) */
	struct up_task **by_id;       /* (c) a table of the tasks, by the ids of their processes */
	size_t places;                /* (c) in the table, a power of two */
	size_t ended;                 /* (t) tasks that have ended */
	struct printer *printer;      /* (c) NULL: nothing is printed here */
	size_t width;                 /* (c) the room for the names before each line */
	struct up_feed lines;         /* (t) all lines, for `tend attach` */
	struct up_feed events;        /* (t) the lines of tend and events, for `tend events` */
	tend_runtime *rt;             /* (m) */
	tend_scope own;               /* (c) holds the fibers */
	struct up_group *groups;      /* (c) those of config->groups */
	tend_scope stack;             /* (c) holds the tasks of the user */
	char no_guard[400];           /* (m) where tend-guard was looked for, and is not */
	struct instance *instance;    /* (c) its content: the keeping fiber; NULL: no other command
	                               * finds the stack */
	struct control_server server; /* see server.h */
	tend_task accepting;          /* the keeping fiber; serves the socket */
	tend_subscription *news;      /* (c) the events of the runtime */
	tend_event *moved;            /* (c) set at each change in the runtime */
	tend_event *changed;          /* (c) any fiber sets it: a task ended, or the stop went on */
	tend_event *over;             /* (c) (w) sets it: all has ended or was given up */
	int signal_fd;                /* (c) */
	uint64_t started_at;          /* (c) */
	bool json;                    /* (c) write documents */
	bool detaches;                /* (c) `tend up --detach` */
	int ready_fd;                 /* (w) with `detaches`: says that all tasks have started; -1
	                               * from then on */
	bool single;                  /* (c) `tend run`: the only task is a program in the place of
	                               * this process, and standard output is the program's */
	struct up_task *ended_by;     /* (t) the significant task that has ended; NULL: none */
	bool start_failed;            /* (t) some task could not start */
	bool stopping;                /* (s) */
	bool forced;                  /* (s) a second Ctrl-C, or down --now */
	bool gave_up;                 /* (s) the deadline passed with survivors */
	bool interrupted;             /* the fiber of the signals: there was a SIGINT */
	int passed;                   /* the fiber of the signals: the last signal that was passed
	                               * on and ends most programs; 0: none */
	uint64_t wished_at;           /* the fiber of the signals: its last wish; 0: none */
	int exit_code;                /* (w) valid once `over` is set */
	uint64_t stop_began, stop_deadline; /* (s) valid if `stopping` */
};

/* The files stand in this order, and each calls only files before it; probe.h and server.h
 * stand before all of them. */

/* ---- find.c ---- */

/* Makes the table of the tasks. Returns 0 or -ENOMEM. */
int up_index(struct up *up);

/* Returns the task whose process has an id, or NULL. */
struct up_task *up_by_id(const struct up *up, uint64_t id);

/* Writes "STACK/TASK", or "STACK/GROUP/TASK" for a task in a group. */
void up_task_path(const struct up_task *t, char *buf, size_t size);

/* Returns the task of "TASK", "STACK/TASK" or its path; NULL if there is no such task. */
struct up_task *up_find(struct up *up, const char *path);

/* Returns whether a task is in the group of "GROUP" or "STACK/GROUP". */
bool up_is_in(const struct up_task *t, const char *path);

/* Returns the envelope of an error that names the tasks there are. */
json_t *up_no_such_task(const struct up *up, const char *schema, const char *path);

/* ---- feed.c ---- */

/* Opens both feeds. Returns 0 or an error. */
int up_feeds_open(struct up *up);
void up_feeds_close(struct up *up);

/* Adds a line to the feeds. Without memory the line counts as lost. */
void up_feed(struct up *up, const char *name, size_t number, char mark, const char *text, size_t n);

/* Adds an event of the library to the lines for `tend events`; with type 0, that `number` events
 * were lost. */
void up_feed_event(struct up *up, const struct tend_event_info *event, const char *path);

/* Sends lines: those that are kept, and with `follow` those to come, until the stack is
 * over. Returns false if the client has gone. */
bool up_feed_send(struct up *up, struct up_feed *feed, bool follow, struct control_reply *reply);

/* ---- say.c ---- */

/* Prints a line, and adds the line to the feeds; as printer_line(). */
void up_print(struct up *up, const char *name, size_t number, char mark, const char *text,
              size_t n);

/* Write a line of the stack, or of one of its tasks. */
void up_say(struct up *up, const char *fmt, ...) TEND_PRINTF(2, 3);
void up_task_say(const struct up_task *t, const char *fmt, ...) TEND_PRINTF(2, 3);

/* Writes a line that `tend run` does not keep back. */
void up_task_tell(const struct up_task *t, const char *fmt, ...) TEND_PRINTF(2, 3);

/* Writes `t->why`, the reason of the last failure. */
void up_task_because(struct up_task *t, const char *fmt, ...) TEND_PRINTF(2, 3);

/* Returns the length of the longest name of a task. */
size_t up_name_width(const struct config *config);

/* ---- steps.c ---- */

/* An attempt was told to stop: sends the later signals as they are due. */
void up_steps_begin(struct up_task *t, uint32_t attempt);

/* Returns true for a signal of the stop of this task. */
bool up_steps_have(const struct config_task *task, int signal);

/* ---- ending.c ---- */

/* Writes an outcome of the task in words: "exited with code 3". */
void up_outcome_text(const struct up_task *t, const struct tend_outcome *o, char *buf, size_t size);

/* Writes how the last attempt ended, or why there was no attempt. */
void up_task_ending(const struct up_task *t, char *buf, size_t size);

/* ---- tail.c ---- */

/* Copies the last output of the current attempt. Returns false if there is
 * none; on true the caller frees `out->bytes`, and before the next wait is done with
 * `out->marks`. */
bool up_task_tail(const struct up_task *t, struct up_tail *out);

/* Notes that n bytes of output have come now. */
void up_task_mark(struct up_task *t, size_t n);

/* Returns how many tails there are, of the running attempt and the attempt before, or else
 * of the last two, oldest first. The caller frees the bytes of the last if it is `live`. */
size_t up_task_tails(const struct up_task *t, struct up_tail out[2], bool *live);

/* Keeps the output of an attempt that has written all, and of the attempt before. */
void up_task_keep_tail(struct up_task *t, uint32_t attempt);

/* ---- stop.c ---- */

/* Begins to stop everything, or makes an earlier stop harder: the deadline only
 * ever comes nearer.
 *
 *   timeout_ns  0: as long as the stop timeouts of the tasks can take */
void up_stop(struct up *up, const char *reason, uint64_t timeout_ns);
void up_force(struct up *up, const char *reason);

/* Writes the progress of the stop: "waiting for 2: a, b; 8 s left". */
void up_progress(const struct up *up, char *buf, size_t size);

/* Returns whether processes are killed now, although their own time to stop is not over. */
bool up_is_forced(const struct up *up);

/* ---- notify.c ---- */

/* Opens the socket of a task that says by sd_notify() that it is ready or alive. Returns 0 or an
 * error; the caller closes in both cases. */
int up_notify_open(struct up_task *t);
void up_notify_close(struct up_task *t);

/* Returns what the program needs to find the socket, or NULL. */
char *const *up_notify_variables(const struct up_task *t);

/* Throws away what an attempt before has left. */
void up_notify_drain(struct up_task *t);

/* Waits for a message. Returns what it says, or an error. */
enum { UP_SAYS_READY = 1, UP_SAYS_ALIVE = 2 };
int up_notify_wait(struct up_task *t);

/* ---- ready.c ---- */

/* Compiles the patterns of a task. Returns 0 or an error; the caller closes in both cases. */
int up_ready_open(struct up_task *t);
void up_ready_close(struct up_task *t);

/* Begins to find out whether the attempt that runs is ready and alive, and ends this for an
 * attempt that is over. */
void up_probes_follow(struct up_task *t);

/* Takes a line of the output, or a piece of a line. */
void up_probes_line(struct up_task *t, const char *text, size_t n);

/* Takes the news that the attempt has said by its descriptor that it is ready. */
void up_probes_fd(struct up_task *t, uint32_t attempt);

/* ---- events.c ---- */

/* An abandoned task stays so until its end, whatever the process still does. */
void up_task_set_state(struct up_task *t, uint8_t state);

/* Tells of the begin of an attempt, once. */
void up_task_began(struct up_task *t, uint32_t attempt);

/* Tells what has happened to all tasks since the last call. */
void up_events_take(struct up *up);

/* The fiber that calls this at each change. */
int up_follow_main(void *arg);

/* ---- task.c ---- */

/* Spawns all tasks, or none. Returns 0 or an error. */
int up_tasks_spawn(struct up *up);

/* ---- signals.c ---- */

/* Blocks the signals that are for the stack. Returns a signalfd for them, or -1. */
int up_signals_open(bool single);

/* The fiber that takes SIGINT, SIGTERM and SIGHUP. The first of them stops the stack, and
 * a later one kills what is left if it comes after a pause. In the place of a program it
 * passes signals on to the program, and reaps what falls to this process. */
int up_signals_main(void *arg);

/* Gives the signals their default action again. */
void up_signals_close(struct up *up);

/* ---- rows.c ---- */

/* Returns the rows of all tasks, or of one. */
json_t *up_rows(const struct up *up, const struct up_task *only);

/* Writes what a task waits for; maybe nothing. */
void up_task_wait(const struct up_task *t, char *buf, size_t size);

/* ---- report.c ---- */

void up_report_print(struct up *up);
json_t *up_report_json(const struct up *up);
int up_exit_code(const struct up *up);

/* ---- detach.c ---- */

/* With `detaches`: leaves the terminal once all tasks have started, and tells the process
 * that waits for this. */
void up_detach_look(struct up *up);

/* With `detaches`: prints the lines of tend if the stack has ended before all tasks had
 * started, because no other command can show them any more. */
void up_detach_fail(struct up *up);

/* ---- watch.c ---- */

/* The fiber that waits for the end of all tasks, and prints the progress of a
 * stop. */
int up_watch_main(void *arg);

/* ---- keep.c ---- */

/* The fiber that makes the files of the stack again when they were unlinked. */
int up_keep_main(void *arg);

/* ---- act.c ---- */

/* Answers the commands for single tasks, such as `tend signal`: when each of the tasks has made
 * its step, or could not. */
void up_act(struct up *up, const json_t *request, struct control_reply *reply);

/* ---- logs.c ---- */

/* Answers `tend logs` for a task. */
void up_logs(struct up_task *t, const json_t *request, struct control_reply *reply);

/* ---- wait.c ---- */

/* Answers `tend wait` for a task; NULL: for all tasks. */
void up_wait(struct up *up, struct up_task *t, const json_t *request, struct control_reply *reply);

/* ---- answer.c ---- */

/* A control_fn: struct up. */
void up_answer(void *arg, const json_t *request, struct control_reply *reply);

/* ---- stack.c ---- */

/* Runs a claimed stack, and releases it. Returns the exit code. If `up->rt` is set afterwards,
 * fibers have outlived the deadline and still use `up`. */
int up_run(struct up *up);

#endif
