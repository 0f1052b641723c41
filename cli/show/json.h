/* cli/show/json.h - text as JSON, and the fields of a row. */
#ifndef TEND_CLI_SHOW_JSON_H
#define TEND_CLI_SHOW_JSON_H

#include <jansson.h>

/* Returns text of any bytes as a JSON string; bytes that are not UTF-8 become
 * U+FFFD. */
json_t *text_json(const char *text, size_t n);

/* Return a field of a row; "" and 0 if there is no such field. */
const char *field_text(const json_t *row, const char *key);
json_int_t field_number(const json_t *row, const char *key);

#endif
