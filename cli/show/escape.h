/* cli/show/escape.h - text of a program, made safe for a terminal. */
#ifndef TEND_CLI_SHOW_ESCAPE_H
#define TEND_CLI_SHOW_ESCAPE_H

#include <stddef.h>

/* Writes text of a program as a terminal may show it: every character that
 * could move the cursor becomes an escape. `out` has room for PRINT_ESCAPED(n)
 * bytes. Returns the length. */
#define PRINT_ESCAPED(n) ((n)*6 + 1)
size_t print_escaped(char *out, const char *text, size_t n);

#endif
