/* cli/config/scalar.c - reads the value of a key as a length of time, a number, a word, or a
 * list of exit codes. */
#include "config/node.h"
#include "config/reader.h"

#include <assert.h>
#include <string.h>

bool node_read_duration(struct config_reader *r, const struct node_entry *e, uint64_t *ns)
{
	if (!node_check_text(r, e->value, node_subject(e).text, 0))
		return false;
	if (config_duration(node_text(e->value), node_length(e->value), ns))
		return true;
	config_report(r->errors, node_place(e->value),
	              "'%s' wants a number with its unit, such as 500ms, 10s, 1m or 2h, at most "
	              "8760h, not '%s'",
	              node_show_key(e).text, node_show(e->value).text);
	return false;
}

bool node_read_span(struct config_reader *r, const struct node_entry *e, uint64_t *ns)
{
	uint64_t got;

	if (!node_read_duration(r, e, &got))
		return false;
	if (got == 0) {
		config_report(r->errors, node_place(e->value),
		              "'%s' wants more than no time; leave it out, or write a time such as "
		              "10s",
		              node_show_key(e).text);
		return false;
	}
	*ns = got;
	return true;
}

bool node_read_count(struct config_reader *r, const struct node_entry *e, uint32_t least,
                     uint32_t most, uint32_t *count)
{
	uint64_t got;

	assert(least <= most);
	if (!node_check_text(r, e->value, node_subject(e).text, 0))
		return false;
	if (config_number(node_text(e->value), node_length(e->value), &got) && got >= least &&
	    got <= most) {
		*count = (uint32_t)got;
		return true;
	}
	config_report(r->errors, node_place(e->value),
	              "'%s' wants a whole number from %u to %u, not '%s'", node_show_key(e).text,
	              least, most, node_show(e->value).text);
	return false;
}

bool node_read_factor(struct config_reader *r, const struct node_entry *e, uint32_t *thousandths)
{
	if (!node_check_text(r, e->value, node_subject(e).text, 0))
		return false;
	if (config_factor(node_text(e->value), node_length(e->value), thousandths))
		return true;
	config_report(r->errors, node_place(e->value),
	              "'%s' wants a number from 1 to 1000, with at most three digits behind the "
	              "point, such as 2 or 1.5, not '%s'",
	              node_show_key(e).text, node_show(e->value).text);
	return false;
}

bool node_find_word(const yaml_node_t *node, const char *const *words, size_t count,
                    uint32_t *which)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(words[i]) == node_length(node) &&
		    memcmp(words[i], node_text(node), node_length(node)) == 0) {
			*which = (uint32_t)i;
			return true;
		}
	return false;
}

bool node_read_word(struct config_reader *r, const struct node_entry *e, const char *wanted,
                    const char *const *words, size_t count, uint32_t *which)
{
	if (!node_check_text(r, e->value, node_subject(e).text, 0))
		return false;
	if (node_find_word(e->value, words, count, which))
		return true;
	config_report(r->errors, node_place(e->value), "'%s' wants %s, not '%s'%s",
	              node_show_key(e).text, wanted, node_show(e->value).text,
	              node_hint(node_text(e->value), node_length(e->value), words, count).text);
	return false;
}

const int32_t *node_read_codes(struct config_reader *r, const struct node_entry *e,
                               const char *example)
{
	enum { CODE_MAX = 255 };
	struct node_list list;
	char what[64];

	if (!node_read_list(r, e, example, &list))
		return NULL;
	if (list.n > CODE_MAX) {
		config_report(r->errors, node_place(e->value),
		              "'%s' has more codes than there are; name each code once",
		              node_show_key(e).text);
		return NULL;
	}
	int32_t *codes = config_keep(r, list.n + 1, sizeof(*codes));
	size_t good = 0;
	snprintf(what, sizeof(what), "each code of '%.16s'", node_show_key(e).text);
	for (size_t i = 0; codes && i < list.n; i++) {
		yaml_node_t *node = node_item(r, &list, i);
		uint64_t code;
		if (!node_check_text(r, node, what, 0))
			continue;
		if (config_number(node_text(node), node_length(node), &code) && code >= 1 &&
		    code <= CODE_MAX)
			codes[good++] = (int32_t)code;
		else
			config_report(
				r->errors, node_place(node),
				"%s is from 1 to 255, because 0 is a success anyway and there "
				"are no others; this is '%s'",
				what, node_show(node).text);
	}
	return codes;
}

char **node_keep_words(struct config_reader *r, const struct node_entry *e, const char *example,
                       struct config_place **at)
{
	struct node_list list;
	char what[64];

	if (!node_read_list(r, e, example, &list))
		return NULL;
	if (list.n == 0) {
		config_report(r->errors, node_place(e->value), "'%s' is empty; name a program: %s",
		              node_show_key(e).text, example);
		return NULL;
	}
	char **words = config_keep(r, list.n + 1, sizeof(char *));
	*at = config_keep(r, list.n, sizeof(**at));
	snprintf(what, sizeof(what), "each word of '%.16s'", node_show_key(e).text);
	for (size_t i = 0; words && *at && i < list.n; i++) {
		yaml_node_t *word = node_item(r, &list, i);
		if (!node_check_text(r, word, what, 0))
			continue;
		if (i == 0 && node_length(word) == 0)
			config_report(r->errors, node_place(word),
			              "the program of '%s' is empty; name one",
			              node_show_key(e).text);
		(*at)[i] = node_place(word);
		words[i] = config_keep_text(r, node_text(word), node_length(word));
	}
	return words;
}
