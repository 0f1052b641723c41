/* cli/config/node.c - reads the nodes of a document: texts, maps and lists. */
#include "config/node.h"
#include "config/reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct config_place node_place(const yaml_node_t *node) { return config_place(node->start_mark); }

const char *node_text(const yaml_node_t *node)
{
	assert(node->type == YAML_SCALAR_NODE);
	return (const char *)node->data.scalar.value;
}

size_t node_length(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? node->data.scalar.length : 0;
}

struct config_shown node_show(const yaml_node_t *node)
{
	return config_show(node_text(node), node_length(node));
}

struct config_shown node_show_key(const struct node_entry *e)
{
	return config_show(e->name, e->len);
}

const char *node_kind(const yaml_node_t *node)
{
	return node->type == YAML_MAPPING_NODE    ? "a map"
	       : node->type == YAML_SEQUENCE_NODE ? "a list"
	                                          : "a text";
}

bool node_is_empty(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_plain_tag(const yaml_node_t *node)
{
	const char *tag = (const char *)node->tag;
	return !tag || strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, YAML_SEQ_TAG) == 0 ||
	       strcmp(tag, YAML_MAP_TAG) == 0;
}

static bool report_full(struct config_reader *r, const yaml_node_t *node)
{
	r->full = true;
	config_report(r->errors, node_place(node),
	              "the aliases of this file stand for more than %s; use fewer",
	              r->bytes > CONFIG_BYTES_MAX ? "32 MiB" : "500000 values");
	return false;
}

/* Called before there is memory for all the values at once. */
static bool check_count(struct config_reader *r, const yaml_node_t *node, size_t n)
{
	assert(r->values <= CONFIG_VALUES_MAX);
	return n <= CONFIG_VALUES_MAX - r->values || report_full(r, node);
}

bool node_take(struct config_reader *r, const yaml_node_t *node)
{
	if (r->full || r->no_memory)
		return false;
	r->values++;
	r->bytes += node_length(node);
	if (r->values > CONFIG_VALUES_MAX || r->bytes > CONFIG_BYTES_MAX)
		return report_full(r, node);
	if (is_plain_tag(node))
		return true;
	config_report(r->errors, node_place(node),
	              "tags are not read; remove the '!' and its name");
	return false;
}

bool node_wrong_kind(struct config_reader *r, const struct node_entry *e, const char *wanted,
                     const char *example)
{
	config_report(r->errors, node_place(e->value), "'%s' wants %s, such as %s; this is %s",
	              node_show_key(e).text, wanted, example, node_kind(e->value));
	return false;
}

bool node_check_text(struct config_reader *r, yaml_node_t *node, const char *what, size_t spare)
{
	struct config_errors *errors = r->errors;

	if (!node_take(r, node))
		return false;
	if (node->type != YAML_SCALAR_NODE)
		config_report(errors, node_place(node), "%s wants a text; this is %s", what,
		              node_kind(node));
	else if (node_is_empty(node))
		config_report(errors, node_place(node),
		              "%s has no value; write \"\" for an empty text", what);
	else if (memchr(node_text(node), 0, node_length(node)))
		config_report(errors, node_place(node),
		              "%s holds a NUL byte; no program can be given one, remove it", what);
	else if (node_length(node) + spare > CONFIG_STRING_MAX)
		config_report(errors, node_place(node),
		              "%s is longer than the %zu bytes that can be "
		              "given to a program; put it in a file",
		              what, CONFIG_STRING_MAX);
	else
		return true;
	return false;
}

struct node_phrase node_subject(const struct node_entry *e)
{
	struct node_phrase name;
	snprintf(name.text, sizeof(name.text), "'%s'", node_show_key(e).text);
	return name;
}

char *node_keep_text(struct config_reader *r, const struct node_entry *e)
{
	if (!node_check_text(r, e->value, node_subject(e).text, 0))
		return NULL;
	return config_keep_text(r, node_text(e->value), node_length(e->value));
}

char *node_keep_name(struct config_reader *r, const yaml_node_t *node, const char *what)
{
	if (config_name_valid(node_text(node), node_length(node)))
		return config_keep_text(r, node_text(node), node_length(node));
	config_report(r->errors, node_place(node),
	              "'%s' cannot be the name of a %s; use 1 to 47 letters, digits, '.', '_' or "
	              "'-', a letter first",
	              node_show(node).text, what);
	return NULL;
}

struct node_phrase node_hint(const char *s, size_t n, const char *const *names, size_t count)
{
	struct node_phrase text = {""};
	const char *meant = config_suggest(s, n, names, count);
	if (meant)
		snprintf(text.text, sizeof(text.text), " (did you mean '%s'?)", meant);
	return text;
}

static int compare_entries(const void *a, const void *b)
{
	const struct node_entry *x = *(struct node_entry *const *)a,
				*y = *(struct node_entry *const *)b;
	int order = memcmp(x->name, y->name, x->len < y->len ? x->len : y->len);
	if (order == 0 && x->len != y->len)
		order = x->len < y->len ? -1 : 1;
	return order ? order : x < y ? -1 : x > y;
}

/* Two neighbours in this order have the same key, the earlier entry first. */
static bool mark_duplicates(struct config_reader *r, struct node_entry *entries, size_t n)
{
	struct node_entry **sorted = config_scratch(r, n + 1, sizeof(struct node_entry *));
	if (!sorted)
		return false;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &entries[i];
	qsort(sorted, n, sizeof(struct node_entry *), compare_entries);
	for (size_t i = 1; i < n; i++) {
		struct node_entry *before = sorted[i - 1], *e = sorted[i];
		if (before->len == e->len && memcmp(before->name, e->name, e->len) == 0)
			e->first = before->first.line ? before->first : node_place(before->key);
	}
	return true;
}

static bool read_key(struct config_reader *r, struct node_entry *e)
{
	if (!node_take(r, e->key))
		return false;
	if (e->key->type == YAML_SCALAR_NODE) {
		e->name = node_text(e->key);
		e->len = node_length(e->key);
		if (e->len != 2 || memcmp(e->name, "<<", 2) != 0)
			return true;
		config_report(r->errors, node_place(e->key),
		              "maps are not merged with '<<'; write the keys out, or alias a whole "
		              "value, such as env: *common");
		return false;
	}
	config_report(r->errors, node_place(e->key), "a key is a text; this is %s",
	              node_kind(e->key));
	return false;
}

static bool report_duplicate(struct config_reader *r, const struct node_entry *e)
{
	config_report(r->errors, node_place(e->key),
	              "'%s' is given twice, first at %zu:%zu; remove one", node_show_key(e).text,
	              e->first.line, e->first.column);
	return false;
}

struct node_entry *node_read_map(struct config_reader *r, yaml_node_t *map, size_t *count)
{
	assert(map->type == YAML_MAPPING_NODE || node_is_empty(map));
	yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	size_t n = node_is_empty(map) ? 0 : (size_t)(map->data.mapping.pairs.top - pair), good = 0;

	if (!check_count(r, map, n))
		return NULL;
	struct node_entry *entries = config_scratch(r, n + 1, sizeof(*entries));
	if (!entries)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct node_entry *e = &entries[good];
		e->key = yaml_document_get_node(r->document, pair[i].key);
		e->value = yaml_document_get_node(r->document, pair[i].value);
		good += read_key(r, e);
	}
	assert(good <= n);
	if (r->full || !mark_duplicates(r, entries, good))
		return NULL;
	n = good;
	good = 0;
	for (size_t i = 0; i < n; i++)
		if (!entries[i].first.line || report_duplicate(r, &entries[i]))
			entries[good++] = entries[i];
	*count = good;
	return entries;
}

struct node_entry *node_read_map_of(struct config_reader *r, const struct node_entry *e,
                                    const char *example, size_t *count)
{
	if (!node_take(r, e->value))
		return NULL;
	if (e->value->type != YAML_MAPPING_NODE && !node_is_empty(e->value)) {
		node_wrong_kind(r, e, "a map", example);
		return NULL;
	}
	return node_read_map(r, e->value, count);
}

bool node_read_list(struct config_reader *r, const struct node_entry *e, const char *example,
                    struct node_list *list)
{
	*list = (struct node_list){0};
	if (!node_take(r, e->value))
		return false;
	if (node_is_empty(e->value))
		return true;
	if (e->value->type != YAML_SEQUENCE_NODE)
		return node_wrong_kind(r, e, "a list", example);
	yaml_node_item_t *items = e->value->data.sequence.items.start;
	size_t n = (size_t)(e->value->data.sequence.items.top - items);
	if (!check_count(r, e->value, n))
		return false;
	*list = (struct node_list){items, n};
	return true;
}

yaml_node_t *node_item(struct config_reader *r, const struct node_list *list, size_t i)
{
	assert(i < list->n);
	return yaml_document_get_node(r->document, list->items[i]);
}

static void report_unknown(struct config_reader *r, const struct node_entry *e,
                           const struct node_field *fields, size_t count)
{
	const char *names[16], *meant = NULL;
	char all[200] = "";
	size_t used = 0;

	assert(count <= sizeof(names) / sizeof(*names));

	for (size_t i = 0; i < count; i++) {
		names[i] = fields[i].key;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
		                         names[i]);
		assert(used < sizeof(all));
	}
	if ((meant = config_suggest(e->name, e->len, names, count)) != NULL)
		config_report(r->errors, node_place(e->key),
		              "unknown key '%s' (did you mean '%s'?)", node_show_key(e).text,
		              meant);
	else
		config_report(r->errors, node_place(e->key),
		              "unknown key '%s'; the keys here are: %s", node_show_key(e).text,
		              all);
}

void node_read_fields(struct config_reader *r, struct node_entry *entries, size_t n,
                      const struct node_field *fields, size_t count, void *into)
{
	for (size_t i = 0; i < n; i++) {
		const struct node_field *field = fields;
		while (field < fields + count &&
		       (strlen(field->key) != entries[i].len ||
		        memcmp(field->key, entries[i].name, entries[i].len) != 0))
			field++;
		if (field < fields + count)
			field->read(r, &entries[i], into);
		else
			report_unknown(r, &entries[i], fields, count);
	}
}
