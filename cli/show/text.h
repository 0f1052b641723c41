/* cli/show/text.h - text from outside, made safe to print.
 *
 * Names, paths and values come from files and command lines. A character that
 * could move the cursor of a terminal or turn a line around is written as an
 * escape. */
#ifndef TEND_CLI_SHOW_TEXT_H
#define TEND_CLI_SHOW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes s[0..n) to buf in printable form, always ended by a NUL. Text that
 * does not fit is cut at a character and ends in "...". `size` is at least 4.
 * Returns buf. */
char *text_escape(char *buf, size_t size, const char *s, size_t n);

/* The room for n bytes in the form of text_output(), with the NUL. */
#define TEXT_PRINTABLE(n) ((n)*4 + 8)

/* Writes the output of a program as a terminal may show it. A sequence that sets colours
 * is kept with `colour`, and the text then ends without colours; else the sequence is
 * left out. Every other control is written as an escape.
 *
 *   size      at least TEXT_PRINTABLE(n)
 *   returns   the length without the NUL */
size_t text_output(const char *s, size_t n, bool colour, char *buf, size_t size);

/* text_output() in memory that the caller frees; NULL without memory. */
char *text_printable(const char *s, size_t n, bool colour);

/* Returns the length of s[0..n) without an unfinished character, or an unfinished sequence that
 * sets colours, at its end. */
size_t text_whole(const char *s, size_t n);

/* Returns the length of the line at the beginning of s[0..n), and in `whole` that with its
 * end: an LF, a CR, or CRs and an LF. */
size_t text_line(const char *s, size_t n, size_t *whole);

/* Takes sequences that set colours out of s[0..n), in place. Returns the new length. */
size_t text_uncolour(char *s, size_t n);

/* Writes the name of a signal: "SIGTERM", "SIGRTMIN+3", "signal 99". Returns buf. */
const char *text_signal(int signal, char *buf, size_t size);

/* Writes an instant of CLOCK_REALTIME in UTC: "2026-11-29T15:00:00.000Z". Returns buf. */
enum { TEXT_TIME_SIZE = 40 };
const char *text_time(char buf[TEXT_TIME_SIZE], int64_t at_ns);

/* Returns the number of edits (insert, remove, replace, swap two neighbours)
 * between two words of at most TEXT_WORD_MAX bytes. */
#define TEXT_WORD_MAX 64
size_t text_distance(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
