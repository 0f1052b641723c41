/* tend/text.h - text for people: lengths of time, and foreign text made safe to show. */
#ifndef TEND_TEXT_H
#define TEND_TEXT_H

#include "tend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a length of time as trees and reports show it: "250ms", "3.2s", "2m10s",
 * "1h01m".
 *
 *   ns        nanoseconds
 *   returns   the length without the NUL, at most 12; writes like snprintf
 *   threads   any */
TEND_API size_t tend_duration_text(uint64_t ns, char *buf, size_t size);

/* Reads a length of time: a decimal number, which may have a fraction, and its unit,
 * which is ms, s, m or h. Nothing may stand before, between or after the two.
 *
 *   n         bytes of `text`
 *   bare_ns   the unit of a number without one; 0: such a number is refused
 *   ns        rounded down; of a fraction the first nine digits count
 *   returns   0; -EINVAL; -EOVERFLOW beyond INT64_MAX nanoseconds
 *   threads   any */
TEND_API TEND_MUST int tend_duration_parse(const char *text, size_t n, uint64_t bare_ns,
                                           uint64_t *ns);

/* Decodes the first character of UTF-8 text.
 *
 *   n         bytes of `text`
 *   code      the number of the character; NULL is allowed
 *   returns   the length of the character in bytes; 0 if there is none, because it is
 *             cut off, overlong, a surrogate or beyond U+10FFFF, or because n is 0
 *   threads   any */
TEND_API size_t tend_text_decode(const char *text, size_t n, uint32_t *code);

/* Says where text that was cut at any byte can be shown: before an unfinished character at
 * its end.
 *
 *   n         bytes of `text`
 *   returns   the length without the unfinished character; n if there is none
 *   threads   any */
TEND_API size_t tend_text_whole(const char *text, size_t n);

/* Writes foreign text so that a terminal shows what stands there: control
 * characters, bytes that are not UTF-8, marks that break or turn a line, and invisible
 * marks are written as \x1b or \u202e, a backslash as \\, and the controls from BEL
 * to CR as \a to \r.
 *
 *   n         bytes of `text`
 *   flags     TEND_TEXT_MASK writes a '?' for each such character, so that the width is
 *             known, and a backslash unchanged;
 *             TEND_TEXT_LINE is for running text: tabs, backslashes and invisible
 *             marks stay, and all controls are written as \x1b
 *   returns   the length without the NUL; writes like snprintf, but cuts in front of a
 *             character, never inside of one
 *   threads   any */
enum { TEND_TEXT_MASK = 1, TEND_TEXT_LINE = 2 };
TEND_API size_t tend_text_plain(const char *text, size_t n, uint32_t flags, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
