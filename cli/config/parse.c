/* cli/config/parse.c - from bytes to a YAML document.
 *
 * libyaml searches its anchors one by one and nests as deep as the file says.
 * So the text is first walked as events, which keep nothing in memory, and
 * composed only if that walk stayed within the limits. */
#include "config/reader.h"

#include "tend/text.h"

#include <assert.h>
#include <string.h>

/* The characters YAML 1.1 allows in a text. */
static bool is_allowed(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7e) || c == 0x85 ||
	       (c >= 0xa0 && c <= 0xfffd && c != 0xfeff) || c >= 0x10000;
}

bool config_unseen(uint32_t c)
{
	static const uint32_t unseen[] = {0xa0,   0xad,   0x1680, 0x180e,
	                                  0x202f, 0x205f, 0x3000, 0xfeff};

	for (size_t i = 0; i < CONFIG_COUNT(unseen); i++)
		if (c == unseen[i])
			return true;
	/* The joiners U+200C and U+200D are parts of words and of emoji. */
	return (c >= 0x2000 && c <= 0x200b) || c == 0x200e || c == 0x200f ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f);
}

static bool is_break(uint32_t c)
{
	return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* Lines and columns are counted as libyaml counts them. */
static void advance(struct config_place *at, const char *s, size_t left, uint32_t c)
{
	if (c == '\r' && left > 1 && s[1] == '\n')
		return;
	at->column++;
	if (is_break(c))
		*at = (struct config_place){at->line + 1, 1};
}

bool config_check_text(struct config_reader *r)
{
	struct config_place at = {1, 1};
	uint32_t c;

	if (r->size >= 2 &&
	    (memcmp(r->text, "\xff\xfe", 2) == 0 || memcmp(r->text, "\xfe\xff", 2) == 0)) {
		config_report(r->errors, at, "the file is UTF-16; save it as UTF-8");
		return false;
	}
	for (size_t i = 0, len; i < r->size; i += len) {
		len = tend_text_decode(r->text + i, r->size - i, &c);
		if (len == 0) {
			config_report(r->errors, at,
			              "the byte 0x%02x is not UTF-8; save the file as UTF-8",
			              (unsigned)(unsigned char)r->text[i]);
			return false;
		}
		if (config_unseen(c) && r->unseen.line == 0) {
			r->unseen = at;
			r->unseen_code = c;
		}
		if (!is_allowed(c)) {
			config_report(r->errors, at,
			              "the control character U+%04X is not allowed; remove it, or "
			              "write it as an escape in double quotes",
			              (unsigned)c);
			return false;
		}
		advance(&at, r->text + i, r->size - i, c);
	}
	return true;
}

/* Returns the character at a place, 0 behind the end. */
static uint32_t character_at(const struct config_reader *r, struct config_place wanted)
{
	struct config_place at = {1, 1};
	uint32_t c = 0;

	for (size_t i = 0, len; i < r->size; i += len) {
		len = tend_text_decode(r->text + i, r->size - i, &c);
		if (at.line == wanted.line && at.column == wanted.column)
			return c;
		advance(&at, r->text + i, r->size - i, c);
	}
	return 0;
}

/* Returns the usual remedy for a message of libyaml. */
static const char *remedy(const char *problem)
{
	static const struct {
		const char *problem, *remedy;
	} known[] = {
		{"mapping values are not allowed in this context",
	         "; put a value that holds ': ' in quotes, or check the indentation"},
		{"did not find expected key", "; check the indentation and the quotes"},
		{"did not find expected '-' indicator", "; check the indentation"},
		{"block sequence entries are not allowed in this context",
	         "; begin the list on a line of its own"},
		{"could not find expected ':'", "; a key ends in ': '"},
		{"found character that cannot start any token", "; put the value in quotes"},
		{"found unexpected end of stream", "; close the quotes"},
		{"did not find expected ',' or ']'", "; close the list, or put a value in quotes"},
		{"did not find expected ',' or '}'", "; close the map, or put a value in quotes"},
		{"found undefined alias", "; define it before, as in &name"},
		{"found invalid Unicode character escape code",
	         "; write the character itself, or \\U and its number in eight digits"},
		{"found unknown escape character", "; use single quotes, or write \\\\"},
		{"did not find expected <document start>",
	         "; the file holds one map, see the line above"},
	};
	for (size_t i = 0; i < CONFIG_COUNT(known); i++)
		if (strcmp(problem, known[i].problem) == 0)
			return known[i].remedy;
	return "";
}

static void report_syntax(struct config_reader *r, const yaml_parser_t *parser)
{
	struct config_place at = config_place(parser->problem_mark);
	struct config_place from = config_place(parser->context_mark);
	const char *problem = parser->problem;

	if (strcmp(problem, "found character that cannot start any token") == 0 &&
	    character_at(r, at) == '\t')
		config_report(r->errors, at, "a tab cannot indent; use spaces");
	else if (strcmp(problem, "second occurrence") == 0)
		config_report(
			r->errors, at,
			"there is an anchor of this name at %zu:%zu; give each a name of its own",
			from.line, from.column);
	else if (parser->context && (from.line != at.line || from.column != at.column))
		config_report(r->errors, at, "%s, %s that begins at %zu:%zu%s", problem,
		              parser->context, from.line, from.column, remedy(problem));
	else
		config_report(r->errors, at, "%s%s", problem, remedy(problem));
}

static bool fail(struct config_reader *r, const yaml_parser_t *parser)
{
	/* Some functions of libyaml fail without a message when they are out of
	 * memory. */
	if (parser->error == YAML_MEMORY_ERROR || !parser->problem)
		r->no_memory = true;
	else
		report_syntax(r, parser);
	return false;
}

static bool open_parser(struct config_reader *r, yaml_parser_t *parser)
{
	if (!yaml_parser_initialize(parser)) {
		r->no_memory = true;
		return false;
	}
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)r->text, r->size);
	return true;
}

struct tally {
	size_t depth, values, anchors, documents;
};

static void count(struct tally *t, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		t->documents++;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		t->depth++;
		t->values++;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		t->depth++;
		t->values++;
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		assert(t->depth > 0);
		t->depth--;
		break;
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		t->values++;
		break;
	case YAML_ALIAS_EVENT:
		t->values++;
		break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	t->anchors += anchor != NULL;
}

/* Returns which limit the file has passed, or NULL. */
static const char *passed_limit(const struct tally *t)
{
	if (t->documents > 1)
		return "a second document begins here; keep one stack in a file";
	if (t->depth > CONFIG_DEPTH_MAX)
		return "nested deeper than 16 levels; nothing of a tend.yaml is so deep";
	if (t->anchors > CONFIG_ANCHORS_MAX)
		return "more than 1000 anchors; use fewer";
	if (t->values > CONFIG_VALUES_MAX)
		return "more than 500000 values; split the stack";
	return NULL;
}

static bool check_events(struct config_reader *r, yaml_parser_t *parser)
{
	struct tally tally = {0};

	for (bool more = true; more;) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event))
			return fail(r, parser);
		count(&tally, &event);
		const char *wrong = passed_limit(&tally);
		if (wrong)
			config_report(r->errors, config_place(event.start_mark), "%s", wrong);
		more = event.type != YAML_STREAM_END_EVENT && !wrong;
		yaml_event_delete(&event);
		if (wrong)
			return false;
	}
	return true;
}

static bool check_limits(struct config_reader *r)
{
	yaml_parser_t parser;
	if (!open_parser(r, &parser))
		return false;
	bool good = check_events(r, &parser);
	yaml_parser_delete(&parser);
	return good;
}

static bool compose(struct config_reader *r, yaml_document_t *document)
{
	yaml_parser_t parser;
	if (!open_parser(r, &parser))
		return false;
	bool good = yaml_parser_load(&parser, document) || fail(r, &parser);
	yaml_parser_delete(&parser);
	return good;
}

bool config_parse(struct config_reader *r, yaml_document_t *document)
{
	/* A byte order mark would shift the columns of the first line. */
	if (r->size >= 3 && memcmp(r->text, "\xef\xbb\xbf", 3) == 0) {
		r->text += 3;
		r->size -= 3;
	}
	return config_check_text(r) && check_limits(r) && compose(r, document);
}
