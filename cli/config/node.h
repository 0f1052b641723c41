/* cli/config/node.h - how the readers of tend.yaml read a node.
 *
 * A function returns false or NULL after it has reported an error, or if there is
 * no memory. */
#ifndef TEND_CLI_CONFIG_NODE_H
#define TEND_CLI_CONFIG_NODE_H

#include "config/reader.h"

/* A pair of a map. `first` is the earlier place of the same key, {0, 0} if there
 * is none. */
struct node_entry {
	yaml_node_t *key, *value;
	const char *name;
	size_t len;
	struct config_place first;
};

struct node_list {
	yaml_node_item_t *items;
	size_t n;
};

/* A key of a map and the function that reads its value. */
struct node_field {
	const char *key;
	void (*read)(struct config_reader *r, const struct node_entry *e, void *into);
};

/* A piece of a message. */
struct node_phrase {
	char text[96];
};

struct config_place node_place(const yaml_node_t *node);
const char *node_text(const yaml_node_t *node);
size_t node_length(const yaml_node_t *node);
struct config_shown node_show(const yaml_node_t *node);
struct config_shown node_show_key(const struct node_entry *e);

/* "a map", "a list" or "a text". */
const char *node_kind(const yaml_node_t *node);

/* Returns true if nothing stands after the colon. "" in quotes is a value. */
bool node_is_empty(const yaml_node_t *node);

/* Counts a node. Every node is taken before each read of the node; without the
 * count, the aliases of a file could make the reading grow without end. */
bool node_take(struct config_reader *r, const yaml_node_t *node);

/* Reports a value of another kind than wanted. Returns false. */
bool node_wrong_kind(struct config_reader *r, const struct node_entry *e, const char *wanted,
                     const char *example);

/* Checks that a node is a text which a program can be given. Messages name the
 * text by `what`; `spare` is the number of other bytes in the string. */
bool node_check_text(struct config_reader *r, yaml_node_t *node, const char *what, size_t spare);
char *node_keep_text(struct config_reader *r, const struct node_entry *e);
char *node_keep_name(struct config_reader *r, const yaml_node_t *node, const char *what);

/* The value of a key, as messages name it. */
struct node_phrase node_subject(const struct node_entry *e);

/* " (did you mean 'x'?)", or nothing. */
struct node_phrase node_hint(const char *s, size_t n, const char *const *names, size_t count);

/* Returns the readable pairs of a map, in the order of the file. An entry
 * without a value is a map without pairs. */
struct node_entry *node_read_map(struct config_reader *r, yaml_node_t *map, size_t *count);
struct node_entry *node_read_map_of(struct config_reader *r, const struct node_entry *e,
                                    const char *example, size_t *count);

bool node_read_list(struct config_reader *r, const struct node_entry *e, const char *example,
                    struct node_list *list);
yaml_node_t *node_item(struct config_reader *r, const struct node_list *list, size_t i);

/* Read the value of a key. A span is a duration of more than no time. */
bool node_read_duration(struct config_reader *r, const struct node_entry *e, uint64_t *ns);
bool node_read_span(struct config_reader *r, const struct node_entry *e, uint64_t *ns);
bool node_read_count(struct config_reader *r, const struct node_entry *e, uint32_t least,
                     uint32_t most, uint32_t *count);
bool node_read_factor(struct config_reader *r, const struct node_entry *e, uint32_t *thousandths);

/* Reads one of some words. `wanted` names them in a message, and `which` gets the index. */
bool node_read_word(struct config_reader *r, const struct node_entry *e, const char *wanted,
                    const char *const *words, size_t count, uint32_t *which);
bool node_find_word(const yaml_node_t *node, const char *const *words, size_t count,
                    uint32_t *which);

/* Reads a list of exit codes; the list ends with 0. */
const int32_t *node_read_codes(struct config_reader *r, const struct node_entry *e,
                               const char *example);

/* Reads a program and its arguments; the list ends with NULL. `at` gets the place of each. */
char **node_keep_words(struct config_reader *r, const struct node_entry *e, const char *example,
                       struct config_place **at);

/* Hands each entry to the field of its key. A key without a field is reported. */
void node_read_fields(struct config_reader *r, struct node_entry *entries, size_t n,
                      const struct node_field *fields, size_t count, void *into);

#endif
