/* cli/config/pattern.h - a regular expression for lines, that takes a bounded time. */
#ifndef TEND_CLI_CONFIG_PATTERN_H
#define TEND_CLI_CONFIG_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Writes why a pattern is refused; empty: the pattern is good. Returns false without memory. */
bool pattern_check(const char *pattern, char *why, size_t size);

#endif
