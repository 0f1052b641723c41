/* cli/show/tree.c - the rows of a stack, drawn as a tree. */
#include "show/tree.h"
#include "show/output.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, WIDTH_MAX = 60 };

struct line {
	const json_t *row;
	size_t depth;
	bool followed; /* by a sibling */
	const char *name;
};

static size_t segments(const char *path)
{
	size_t n = 0;
	for (; *path; path++)
		n += *path == '/';
	return n;
}

static struct line *lines_of(const json_t *rows)
{
	size_t n = json_array_size(rows), base = 0;
	struct line *lines = calloc(n + 1, sizeof(*lines));
	bool open[DEPTH_MAX] = {false};

	for (size_t i = 0; lines && i < n; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *path = json_string_value(json_object_get(row, "path"));
		path = path ? path : "";
		base = i ? base : segments(path);
		lines[i].row = row;
		lines[i].depth = segments(path) > base ? segments(path) - base : 0;
		lines[i].depth = lines[i].depth < DEPTH_MAX ? lines[i].depth : DEPTH_MAX - 1;
		lines[i].name = i && strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	}
	for (size_t i = n; lines && i-- > 0;) {
		lines[i].followed = open[lines[i].depth];
		open[lines[i].depth] = true;
		for (size_t d = lines[i].depth + 1; d < DEPTH_MAX; d++)
			open[d] = false;
	}
	return lines;
}

static void print_facts(const json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));
	const char *state = json_string_value(json_object_get(row, "state"));
	const char *outcome = json_string_value(json_object_get(row, "outcome"));
	const char *wait = json_string_value(json_object_get(row, "wait"));
	const char *site = json_string_value(json_object_get(row, "site"));
	json_int_t pid = json_integer_value(json_object_get(row, "pid"));
	json_int_t attempt = json_integer_value(json_object_get(row, "attempt"));
	char age[32];

	printf("  %-8s %-9s", kind ? kind : "?", state ? state : "?");
	output_age(age, sizeof(age), (uint64_t)json_integer_value(json_object_get(row, "age_ns")));
	/* Aligned, if anything follows. */
	printf(" %-*s", pid || outcome || wait || site ? 6 : 0, age);
	if (pid)
		printf("  %s %lld", kind && strcmp(kind, "thread") == 0 ? "tid" : "pid",
		       (long long)pid);
	if (attempt > 1)
		printf("  attempt %lld", (long long)attempt);
	if (outcome)
		printf("  %s", outcome);
	if (wait) {
		printf("  ");
		output_text(wait);
	}
	if (site) {
		printf("  ");
		output_text(site);
	}
	putchar('\n');
}

static size_t characters(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void tree_print(const json_t *rows, bool ascii)
{
	size_t n = json_array_size(rows), width = 0;
	struct line *lines = lines_of(rows);
	bool more[DEPTH_MAX] = {false};

	for (size_t i = 0; lines && i < n; i++) {
		size_t wide = 3 * lines[i].depth + characters(lines[i].name);
		width = wide > width && wide <= WIDTH_MAX ? wide : width;
	}
	for (size_t i = 0; lines && i < n; i++) {
		const struct line *l = &lines[i];
		more[l->depth] = l->followed;
		for (size_t d = 1; d < l->depth; d++)
			fputs(more[d] ? (ascii ? "|  " : "\u2502  ") : "   ", stdout);
		if (l->depth)
			fputs(l->followed ? (ascii ? "|- " : "\u251c\u2500 ")
			                  : (ascii ? "`- " : "\u2514\u2500 "),
			      stdout);
		output_text(l->name);
		size_t wide = 3 * l->depth + characters(l->name);
		printf("%*s", wide < width ? (int)(width - wide) : 0, "");
		print_facts(l->row);
	}
	free(lines);
}
