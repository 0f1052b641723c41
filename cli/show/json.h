/* cli/show/json.h - text as JSON, and the fields of a row. */
#ifndef TEND_CLI_SHOW_JSON_H
#define TEND_CLI_SHOW_JSON_H

#include <jansson.h>

/* Text of any bytes as a JSON string: what is not UTF-8 becomes U+FFFD. */
json_t *text_json(const char *text, size_t n);

/* A field of a row: "" and 0 if there is none. */
const char *field_text(const json_t *row, const char *key);
json_int_t field_number(const json_t *row, const char *key);

#endif
