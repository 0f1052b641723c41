/* cli/config/config.h - tend.yaml: what a stack is, checked completely before anything
 * is started.
 *
 * A loaded configuration never changes. Values are typed by the schema and not
 * by how they look: `no` is the text "no" wherever a text is wanted. */
#ifndef TEND_CLI_CONFIG_CONFIG_H
#define TEND_CLI_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_t;

#define CONFIG_FILE           "tend.yaml"
#define CONFIG_FILE_MAX       ((size_t)8 << 20)
#define CONFIG_NAME_MAX       64
#define CONFIG_TASKS_MAX      4096
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
	size_t count;     /* of which the first CONFIG_ERRORS_MAX are kept, by place */
	struct config_error kept[CONFIG_ERRORS_MAX];
};

enum config_restart {
	CONFIG_TRANSIENT, /* after a failure */
	CONFIG_PERMANENT, /* always */
	CONFIG_TEMPORARY, /* never */
};

struct config_task {
	char *name;
	char **argv;     /* ends with NULL; for `shell` it is /bin/sh -c TEXT */
	char *cwd;       /* absolute */
	char **env;      /* "NAME=VALUE", ends with NULL */
	char **env_pass; /* names beside the usual ones, ends with NULL */
	bool env_pass_all;
	size_t *needs; /* indices into tasks */
	size_t nneeds;
	int stop_signal;
	enum config_restart restart;
	uint64_t stop_timeout_ns;
	uint64_t restart_delay_ns;
	struct config_place at;      /* of the name */
	struct config_place argv_at; /* of the program or the shell's line */
	struct config_place cwd_at;  /* {0, 0} if it was not given */
};

struct config {
	char *name; /* of the stack */
	char *dir;  /* of the file, absolute */
	size_t ntasks;
	struct config_task *tasks; /* in the order of the file */
	size_t *order;             /* indices of tasks, each after those it needs */
	struct config_block *memory;
};

/* Reads and checks a file.
 *
 *   path      kept in `errors` and borrowed for as long
 *   out       written on success; free it with config_free()
 *   returns   0; -EINVAL what it says is not valid; -ENOMEM; else why it cannot
 *             be read. On failure `errors` holds at least one error */
int config_load(const char *path, struct config **out, struct config_errors *errors);

/* Accepts NULL. */
void config_free(struct config *config);

/* Looks for what would stop a task of this configuration from starting here and
 * now: a program that is not found, a directory that cannot be entered. Adds
 * what it finds to `warnings`, which it starts anew.
 *
 *   parent    the environment of the supervisor */
void config_probe(const struct config *config, char *const *parent, const char *path,
                  struct config_errors *warnings);

/* The environment of a child: of `parent` the variables every child gets and
 * those of `env_pass`, then `env`, then `extra`; a later one replaces an earlier
 * one of its name.
 *
 *   extra     "NAME=VALUE", ends with NULL; may be NULL
 *   returns   one block, free it with free(); NULL: out of memory */
char **config_environment(const struct config_task *task, char *const *parent, char *const *extra);

const char *config_restart_name(enum config_restart restart);

/* Writes "file:line:column: error: text" for each, and how many were left out. */
void config_errors_write(const struct config_errors *errors, const char *severity, FILE *out);

/* The `data` of `tend check --json`; `config` is NULL if it was not valid,
 * `warnings` may be. NULL: out of memory. Values of `env` are left out: they
 * may be secrets. */
struct json_t *config_check_json(const struct config *config, const struct config_errors *errors,
                                 const struct config_errors *warnings);

#endif
