/* cli/config/node.h - what the readers of tend.yaml do with a node.
 *
 * Whatever answers false or NULL has reported why, or there is no memory. */
#ifndef TEND_CLI_CONFIG_NODE_H
#define TEND_CLI_CONFIG_NODE_H

#include "config/reader.h"

/* One pair of a map. `first` is where its key stood before, if it did. */
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

/* A key of a map and what reads it. */
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

/* Nothing after the colon. "" in quotes is a value. */
bool node_is_empty(const yaml_node_t *node);

/* Every node is taken before it is read, as often as it is read: this is what
 * keeps a file of aliases from growing without end. */
bool node_take(struct config_reader *r, const yaml_node_t *node);

/* Reports that a value is of another kind; answers false. */
bool node_wrong_kind(struct config_reader *r, const struct node_entry *e, const char *wanted,
                     const char *example);

/* A text a program can be given. `what` names it in messages, `spare` is what
 * else stands in the string. */
bool node_check_text(struct config_reader *r, yaml_node_t *node, const char *what, size_t spare);
char *node_keep_text(struct config_reader *r, const struct node_entry *e);
char *node_keep_name(struct config_reader *r, const yaml_node_t *node, const char *what);

/* The value of a key, as messages name it. */
struct node_phrase node_subject(const struct node_entry *e);

/* " (did you mean 'x'?)", or nothing. */
struct node_phrase node_hint(const char *s, size_t n, const char *const *names, size_t count);

/* The pairs of a map that can be read, in the order of the file. The value of
 * an entry may also be left empty, and is then a map without any. */
struct node_entry *node_read_map(struct config_reader *r, yaml_node_t *map, size_t *count);
struct node_entry *node_read_map_of(struct config_reader *r, const struct node_entry *e,
                                    const char *example, size_t *count);

bool node_read_list(struct config_reader *r, const struct node_entry *e, const char *example,
                    struct node_list *list);
yaml_node_t *node_item(struct config_reader *r, const struct node_list *list, size_t i);

/* Hands each entry to the field of its key; a key without one is reported. */
void node_read_fields(struct config_reader *r, struct node_entry *entries, size_t n,
                      const struct node_field *fields, size_t count, void *into);

#endif
