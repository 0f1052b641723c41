/* cli/config/config.h - tend.yaml: the description of a stack, checked
 * completely before anything is started.
 *
 * A loaded configuration never changes. The schema gives a value its type, not
 * its looks: `no` is the text "no" wherever a text is wanted. */
#ifndef TEND_CLI_CONFIG_CONFIG_H
#define TEND_CLI_CONFIG_CONFIG_H

#include "tend/supervise.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_t;

#define CONFIG_FILE           "tend.yaml"
#define CONFIG_PROCFILE       "Procfile"
#define CONFIG_FILE_MAX       ((size_t)8 << 20)
#define CONFIG_NAME_MAX       TEND_NAME_MAX
#define CONFIG_TASKS_MAX      16384
#define CONFIG_ERRORS_MAX     20
#define CONFIG_ERROR_TEXT_MAX 1024

/* A place in the file, both counted from 1, in characters; {0, 0} is the file
 * as a whole. */
struct config_place {
	size_t line;
	size_t column;
};

struct config_error {
	struct config_place at;
	char text[CONFIG_ERROR_TEXT_MAX]; /* printable, without the place */
};

struct config_errors {
	const char *file; /* borrowed from the caller of config_load() */
	size_t count;     /* all errors; the first CONFIG_ERRORS_MAX are kept, by place */
	struct config_error kept[CONFIG_ERRORS_MAX];
};

/* A length of time that is never over: in `stable_ns`, no attempt is long enough. */
#define CONFIG_NEVER UINT64_MAX

/* Where the output of a task goes. */
enum config_output {
	CONFIG_SHOWN,     /* to tend, which keeps the last of it and shows each line */
	CONFIG_COPIED,    /* to tend, which keeps the last of it and writes the bytes on */
	CONFIG_INHERITED, /* where that of tend goes */
};

/* How a task shows that it is ready, or alive. */
enum config_probe_kind {
	CONFIG_PROBE_NONE,
	CONFIG_PROBE_TCP,    /* an address accepts connections */
	CONFIG_PROBE_HTTP,   /* a URL answers with a code of 2xx or 3xx */
	CONFIG_PROBE_LOG,    /* a line of the output matches */
	CONFIG_PROBE_EXEC,   /* a program exits with 0 */
	CONFIG_PROBE_NOTIFY, /* a message by sd_notify() */
	CONFIG_PROBE_FD,     /* a newline to a descriptor */
};

/* The number of that descriptor in the program. */
#define CONFIG_READY_FD 3

struct config_probe {
	enum config_probe_kind kind;
	const char *text; /* as the file has it: the address, the URL, the pattern; the program */
	const char *address; /* tcp, http: for tend_connect() */
	const char *path;    /* http: from the first slash */
	char **argv;         /* exec: ends with NULL */
	uint64_t every_ns;   /* from a try to the next */
	uint64_t timeout_ns; /* ready: until then; alive: without a sign of life */
	uint64_t after_ns;   /* before the first try */
};

/* How far a need has to be before the task starts. */
enum config_until {
	CONFIG_STARTED,
	CONFIG_READY,
	CONFIG_COMPLETED, /* ended with success */
};

struct config_need {
	size_t task; /* index into tasks */
	enum config_until until;
};

/* A later signal of a stop. */
struct config_stop_step {
	int signal;
	uint64_t after_ns; /* from the first signal on */
};
#define CONFIG_STOP_NS (10 * TEND_SEC)

struct config_task {
	char *name;
	char **argv;     /* ends with NULL; for `shell` this is /bin/sh -c TEXT */
	char *cwd;       /* absolute */
	char **env;      /* "NAME=VALUE", ends with NULL */
	char **env_pass; /* names beside the usual ones, ends with NULL */
	bool env_pass_all;
	struct config_need *needs;
	size_t nneeds;
	size_t group; /* index into groups; CONFIG_NO_GROUP: none */
	int stop_signal;
	uint64_t stop_timeout_ns; /* from the first signal to SIGKILL */
	bool stop_leader;         /* the first signal is for the leader alone */
	struct config_stop_step *stop_steps;
	size_t nstop_steps;
	struct tend_restart restart; /* with all defaults filled in */
	struct config_probe ready, alive;
	enum config_output output;
	bool inherits_input;
	bool significant;              /* its end for good stops the stack */
	struct config_place at;        /* place of the name */
	struct config_place *env_at;   /* places of the values of `env` */
	struct config_place *words_at; /* places of the words of `command`; NULL for `shell` */
	struct config_place argv_at;   /* place of the program or of the shell's line */
	struct config_place cwd_at;    /* {0, 0} if there is no cwd */
};

/* The tasks that are started again with a task that failed. */
enum config_strategy {
	CONFIG_ONE_FOR_ONE,
	CONFIG_ONE_FOR_ALL,
	CONFIG_REST_FOR_ONE, /* the tasks that need the task, directly or not */
	CONFIG_STRATEGIES_COUNT,
};
extern const char *const CONFIG_STRATEGIES[CONFIG_STRATEGIES_COUNT];

#define CONFIG_NO_GROUP   SIZE_MAX
#define CONFIG_ANY_NUMBER UINT32_MAX

struct config_group {
	char *name;
	uint32_t strategy; /* CONFIG_ONE_FOR_ONE, ... */
	uint32_t restarts; /* more in a period, and the group gives up; CONFIG_ANY_NUMBER */
	uint64_t period_ns;
	struct config_place at; /* place of the name */
};

struct config {
	char *name; /* name of the stack */
	char *dir;  /* directory of the file, absolute */
	char *file; /* real path of the file */
	size_t ntasks;
	struct config_task *tasks; /* in the order of the file */
	size_t ngroups;
	struct config_group *groups; /* in the order of the file */
	size_t *order;               /* indices of tasks; a task stands after its needs */
	bool procfile;               /* the last two variables of a task are its PORT and PS, the
	                              others are those of .env */
	struct config_block *memory;
};

/* Reads and checks a file.
 *
 *   path      kept in `errors` and borrowed for as long
 *   out       written on success; the caller frees the configuration by
 *             config_free()
 *   returns   0; -EINVAL if the file is not valid; -ENOMEM; else why the file
 *             cannot be read. On failure `errors` holds at least one error */
int config_load(const char *path, struct config **out, struct config_errors *errors);

/* A program of a command line, as a stack with this program as its only task. */
struct config_program {
	const char *name; /* for the stack and for the task; see config_name_of() */
	char **argv;      /* ends with NULL */
	char **env;       /* "NAME=VALUE", ends with NULL; the rest is the environment of tend */
	const char *cwd;  /* absolute */
	int stop_signal;
	uint64_t stop_timeout_ns;
	struct tend_restart restart;
	struct config_probe ready; /* none, tcp or http */
	enum config_output output;
};

/* Makes the stack of a program. All is copied. Returns NULL if there is no memory; else the
 * caller frees the configuration by config_free(). */
struct config *config_of_program(const struct config_program *program);

/* Writes a name for a stack, made of a text: every character that a name may not hold becomes
 * a '-', and what stands before the first letter is left out. Returns false if the text has
 * no letter. */
bool config_name_of(const char *text, char name[CONFIG_NAME_MAX + 1]);

/* Returns true for the name of a stack or a task. */
bool config_name_valid(const char *s, size_t n);

/* Returns a signal by its name or number; 0 if there is no such signal. */
int config_signal(const char *s, size_t n);

/* Reads a factor of delays, in thousandths: a number from 1 to 1000 with at most three digits
 * behind a point. */
bool config_factor(const char *s, size_t n, uint32_t *thousandths);

/* Make the address for tend_connect() of PORT or HOST:PORT, and of http://HOST[:PORT][/PATH].
 * The path is within the URL. Return false for any other text. */
enum { CONFIG_ADDRESS_SIZE = 96 };
bool config_tcp_address(const char *s, size_t n, char address[CONFIG_ADDRESS_SIZE]);
bool config_http_address(const char *url, size_t n, char address[CONFIG_ADDRESS_SIZE],
                         const char **path);

#define CONFIG_READY_TIMEOUT_NS (60 * TEND_SEC)
#define CONFIG_READY_EVERY_NS   TEND_SEC

/* Has the library wait a second longer than the probe of `ready`, because the probe knows the
 * reason of a failure. */
void config_ready_fit(struct config_task *task);

/* Returns the name among `names` that was probably meant, or NULL. */
const char *config_suggest(const char *s, size_t n, const char *const *names, size_t count);

/* Accepts NULL. */
void config_free(struct config *config);

/* Looks for reasons why a task of this configuration could not start here and
 * now, or would not do what was meant: a program that is not found, a directory that
 * cannot be entered, a '$' or '~' without a shell. Clears `warnings` and writes
 * each reason there.
 *
 *   parent    the environment of the supervisor */
void config_probe(const struct config *config, char *const *parent, const char *path,
                  struct config_errors *warnings);

/* Looks for the usual slip in the first line of a script, for which the kernel merely says
 * that there is no such file. Returns the slip in words, "" if there is none.
 *
 *   parent    as for config_probe() */
const char *config_script_slip(const struct config_task *task, char *const *parent, char *buf,
                               size_t size);

/* Builds the environment of a child: from `parent` the variables that every
 * child gets and those of `env_pass`, then PWD, then `env`, then `extra`. A later variable
 * replaces an earlier variable of the same name.
 *
 *   extra     "NAME=VALUE", ends with NULL; may be NULL
 *   returns   one block, which the caller frees by free(); NULL: out of memory */
char **config_environment(const struct config_task *task, char *const *parent, char *const *extra);

/* The words for TEND_TEMPORARY, ... and TEND_JITTER_NONE, ..., in this order. */
extern const char *const CONFIG_POLICIES[TEND_PERMANENT + 1];
extern const char *const CONFIG_JITTERS[TEND_JITTER_DECORRELATED + 1];

const char *config_until_name(enum config_until until);

/* Fills in the default of each field that is 0. The limit of the delays follows a long delay,
 * and the delay a low limit. Returns false if the limit is below the delay. */
bool config_restart_fit(struct tend_restart *restart);

/* Writes "file:line:column: error: text" for each error, and how many were left
 * out. */
void config_errors_write(const struct config_errors *errors, const char *severity, FILE *out);

/* Returns the `data` of `tend check --json`; NULL if out of memory. `config` is
 * NULL if the file was not valid; `warnings` may be NULL. Values of `env` are
 * left out because they may be secrets. */
struct json_t *config_check_json(const struct config *config, const struct config_errors *errors,
                                 const struct config_errors *warnings);

#endif
