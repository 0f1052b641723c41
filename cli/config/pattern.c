/* cli/config/pattern.c - a regular expression for lines, that takes a bounded time.
 *
 * The lines of a task are matched by the only thread of a stack, so a pattern must not take long
 * with any line. Two things make a match long: a back-reference, which the matcher tries for each
 * possible length, and repetitions of repetitions, which the matcher writes out. */
#include "config/pattern.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ATOMS_MAX = 300, /* some tenths of a second for the worst line of 4 KiB */
	GROUPS_MAX = 32,
};

/* The atoms of a pattern with its repetitions written out, while the pattern is read. */
struct reading {
	unsigned long sum[GROUPS_MAX + 1]; /* the count of each open group; [0]: the whole */
	unsigned long last;                /* the count of the last atom or group */
	int open;
	bool refers; /* has a back-reference */
};

static void add(struct reading *r, unsigned long atoms)
{
	r->last = atoms;
	r->sum[r->open] += atoms;
	if (r->sum[r->open] > ATOMS_MAX)
		r->sum[r->open] = ATOMS_MAX + 1;
}

/* Returns the end of a bracket expression, whose first character may be its ']'. */
static const char *bracket_end(const char *at)
{
	at += at[1] == '^' ? 2 : 1;
	if (*at == ']')
		at++;
	while (*at && *at != ']') {
		const char *class = *at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '=')
		                            ? strchr(at + 2, at[1])
		                            : NULL;
		at = class && class[1] == ']' ? class + 2 : at + 1;
	}
	return *at ? at : at - 1;
}

/* Counts a repetition such as {2,5}. Returns its end. */
static const char *repeat(struct reading *r, const char *at)
{
	char *end;
	unsigned long low = strtoul(at + 1, &end, 10), most = low;

	if (*end == ',')
		most = strtoul(end + 1, &end, 10);
	most = most > low ? most : low;
	if (most > ATOMS_MAX)
		most = ATOMS_MAX + 1;
	if (most > 1)
		add(r, r->last * (most - 1));
	return *end == '}' ? end : at;
}

static void read_pattern(struct reading *r, const char *pattern)
{
	for (const char *at = pattern; *at; at++) {
		if (*at == '\\' && at[1]) {
			at++;
			r->refers |= *at >= '1' && *at <= '9';
			add(r, 1);
		} else if (*at == '[') {
			at = bracket_end(at);
			add(r, 1);
		} else if (*at == '(' && r->open < GROUPS_MAX) {
			r->sum[++r->open] = 0;
		} else if (*at == ')' && r->open > 0) {
			unsigned long group = r->sum[r->open--];
			add(r, group);
		} else if (*at == '{') {
			at = repeat(r, at);
		} else
			add(r, 1);
	}
}

bool pattern_check(const char *pattern, char *why, size_t size)
{
	struct reading r = {.open = 0};
	regex_t regex;

	why[0] = 0;
	read_pattern(&r, pattern);
	if (!*pattern)
		snprintf(why, size, "it is empty");
	else if (r.refers)
		snprintf(why, size, "a back-reference such as \\1 may take hours with a line");
	else if (r.sum[0] > ATOMS_MAX)
		snprintf(why, size,
		         "it is longer than %d characters with its repetitions written out",
		         ATOMS_MAX);
	if (why[0])
		return true;
	int error = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	if (error)
		regerror(error, &regex, why, size);
	else
		regfree(&regex);
	return error != REG_ESPACE;
}
