/* cli/config/reader.h - what the files of the configuration share.
 *
 * The files stand in this order, and each calls only what stands before it:
 * memory, report, value, node, task, graph, schema, parse, load; environment,
 * probe and json read a configuration that is loaded. */
#ifndef TEND_CLI_CONFIG_READER_H
#define TEND_CLI_CONFIG_READER_H

#include "config/config.h"

#include <yaml.h>

/* What a file may hold, before and after its aliases are followed. Nobody gets
 * near them by hand; they bound what a hostile file can cost. */
#define CONFIG_DEPTH_MAX   16
#define CONFIG_VALUES_MAX  100000
#define CONFIG_ANCHORS_MAX 1000
#define CONFIG_BYTES_MAX   ((size_t)32 << 20)

/* The kernel's limit for one argument or variable, without its NUL. */
#define CONFIG_STRING_MAX ((size_t)131071)

#define CONFIG_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Memory that is freed at once. */
struct config_block {
	struct config_block *next;
	size_t used, size;
	max_align_t bytes[];
};

/* Answers zeroed memory, NULL if there is none. */
void *config_alloc(struct config_block **memory, size_t count, size_t size);
void config_release(struct config_block **memory);

struct config_reader {
	struct config *config;
	struct config_errors *errors;
	struct config_block *scratch; /* for as long as the file is read */
	yaml_document_t *document;
	const char *text;
	size_t size;
	size_t values, bytes; /* taken so far, aliases followed */
	bool full;            /* a limit was passed and said so */
	bool no_memory;
};

/* Memory that stays with the configuration; notes when there is none. */
void *config_keep(struct config_reader *r, size_t count, size_t size);
char *config_keep_text(struct config_reader *r, const char *s, size_t n);
void *config_scratch(struct config_reader *r, size_t count, size_t size);

void config_report(struct config_errors *errors, struct config_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
struct config_place config_place(yaml_mark_t mark);

/* By place; those of one place stay in the order they were found. */
void config_errors_sort(struct config_errors *errors);

/* A piece of the file as it may be printed, cut to a readable length. */
struct config_shown {
	char text[72];
};
struct config_shown config_show(const char *s, size_t n);

/* Text to document: encoding, syntax, limits. False: reported, or no memory. */
bool config_parse(struct config_reader *r, yaml_document_t *document);

/* Document to configuration. */
void config_read_document(struct config_reader *r);

/* Values. */
bool config_name_valid(const char *s, size_t n);
bool config_duration(const char *s, size_t n, uint64_t *ns);
#define CONFIG_DURATION_MAX_NS (UINT64_C(8760) * 3600 * 1000000000)
int config_signal(const char *s, size_t n); /* 0: there is none of that name */

/* The one of `names` that was probably meant, or NULL. */
const char *config_suggest(const char *s, size_t n, const char *const *names, size_t count);

#endif
