/* cli/show/text.h - text from outside, made safe to print.
 *
 * Names, paths and values come from files and command lines. A character that
 * could move the cursor of a terminal or turn a line around is written as an
 * escape. */
#ifndef TEND_CLI_SHOW_TEXT_H
#define TEND_CLI_SHOW_TEXT_H

#include <stddef.h>

/* Writes s[0..n) to buf in printable form, always ended by a NUL. Text that
 * does not fit is cut at a character and ends in "...". `size` is at least 4.
 * Returns buf. */
char *text_escape(char *buf, size_t size, const char *s, size_t n);

/* Returns the output of a program as a terminal may show it, to be freed by the caller;
 * NULL without memory. */
char *text_printable(const char *s, size_t n);

/* The room for n bytes in the form of tend_text_plain(), with the NUL. */
#define TEXT_PRINTABLE(n) ((n)*4 + 1)

/* Returns the number of edits (insert, remove, replace, swap two neighbours)
 * between two words of at most TEXT_WORD_MAX bytes. */
#define TEXT_WORD_MAX 64
size_t text_distance(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
