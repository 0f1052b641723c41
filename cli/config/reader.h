/* cli/config/reader.h - the shared parts of the files of the configuration.
 *
 * The files stand in this order, and each calls only files before it: memory, report, value,
 * node, scalar, stop, restart, ready, index, task, graph, group, schema, surrogate, parse,
 * procfile, load; program makes a configuration without a file; environment, probe and json read a
 * configuration. */
#ifndef TEND_CLI_CONFIG_READER_H
#define TEND_CLI_CONFIG_READER_H

#include "config/config.h"

#include <yaml.h>

/* Limits of a file, before and after its aliases are followed. A file written
 * by hand gets nowhere near them; they bound the cost of a hostile file. */
#define CONFIG_DEPTH_MAX   16
#define CONFIG_VALUES_MAX  500000
#define CONFIG_ANCHORS_MAX 1000
#define CONFIG_BYTES_MAX   ((size_t)32 << 20)

/* The kernel's limit for one argument or variable, without its NUL. */
#define CONFIG_STRING_MAX ((size_t)131071)

#define CONFIG_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Memory that is freed as a whole. */
struct config_block {
	struct config_block *next;
	size_t used, size;
	max_align_t bytes[];
};

/* Returns zeroed memory, NULL if there is none. */
void *config_alloc(struct config_block **memory, size_t count, size_t size);
void config_release(struct config_block **memory);

struct config_reader {
	struct config *config;
	struct config_errors *errors;
	struct config_block *scratch; /* lives as long as the file is read */
	yaml_document_t *document;
	const char *text;
	size_t size;
	size_t values, bytes;       /* counted so far, aliases followed */
	struct config_place unseen; /* place of the first character of config_unseen() */
	uint32_t unseen_code;
	bool full; /* a limit was passed and the error reported */
	bool no_memory;
};

/* Memory that stays with the configuration, and scratch memory; each sets
 * `no_memory` if there is none. */
void *config_keep(struct config_reader *r, size_t count, size_t size);
char *config_keep_text(struct config_reader *r, const char *s, size_t n);
void *config_scratch(struct config_reader *r, size_t count, size_t size);

void config_report(struct config_errors *errors, struct config_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
struct config_place config_place(yaml_mark_t mark);

/* Sorts the errors by place. Errors of the same place stay in the order in
 * which they were found. */
void config_errors_sort(struct config_errors *errors);

/* A piece of the file in printable form, cut to a readable length. */
struct config_shown {
	char text[72];
};
struct config_shown config_show(const char *s, size_t n);

/* Makes the two escapes of a character in a file of JSON the single escape of YAML. */
void config_join_surrogates(char *text, size_t size);

/* Returns true for an invisible character, or a character that looks like a space. YAML
 * takes the character for a letter. */
bool config_unseen(uint32_t c);

/* Checks that the text is UTF-8 without control characters. Returns false if an error was
 * reported. */
bool config_check_text(struct config_reader *r);

/* Turns the text into a document: encoding, syntax, limits. Returns false if an
 * error was reported or there is no memory. */
bool config_parse(struct config_reader *r, yaml_document_t *document);

/* Turns the document into the configuration. */
void config_read_document(struct config_reader *r);

/* Gives the stack the name of its directory. */
void config_name_by_directory(struct config_reader *r, struct config_place at);

/* Sets the stop of a task to its defaults, and the restart to the default policy; what else the
 * restart needs is for config_restart_fit(). */
void config_task_defaults(struct config_task *task);

/* Values. */
bool config_duration(const char *s, size_t n, uint64_t *ns);
bool config_number(const char *s, size_t n, uint64_t *number);
#define CONFIG_DURATION_MAX_NS (UINT64_C(8760) * 3600 * 1000000000)

#endif
