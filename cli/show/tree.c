/* cli/show/tree.c - the rows of a stack, drawn as a tree. */
#include "show/tree.h"
#include "show/json.h"
#include "show/output.h"

#include "tend/registry.h"
#include "tend/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_MAX = 60 };

/* The index of a row by its id, for the search of a parent. */
struct key {
	const char *id;
	uint32_t row;
};

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct key *)a)->id, ((const struct key *)b)->id);
}

/* Returns the places of the rows, each with the row of its parent; NULL without memory. */
static struct tend_tree_row *places_of(const json_t *rows, size_t n)
{
	struct tend_tree_row *places = calloc(n + 1, sizeof(*places));
	struct key *keys = calloc(n + 1, sizeof(*keys));

	for (uint32_t i = 0; keys && i < n; i++)
		keys[i] = (struct key){field_text(json_array_get(rows, i), "id"), i};
	if (keys)
		qsort(keys, n, sizeof(*keys), compare_keys);
	for (uint32_t i = 0; places && keys && i < n; i++) {
		struct key wanted = {.id = field_text(json_array_get(rows, i), "parent")};
		const struct key *found =
			wanted.id[0] ? bsearch(&wanted, keys, n, sizeof(*keys), compare_keys)
				     : NULL;
		assert(!found || found->row < n);
		places[i].above = found ? found->row : TEND_NO_ROW;
	}
	if (!keys) {
		free(places);
		places = NULL;
	}
	free(keys);
	return places;
}

/* Returns the last segment of the path; the whole path if no row above shows the rest. */
static const char *name_of(const json_t *rows, const struct tend_tree_row *places, uint32_t row)
{
	const char *path = field_text(json_array_get(rows, row), "path");
	const char *last = places[row].above == TEND_NO_ROW ? NULL : strrchr(path, '/');

	return last ? last + 1 : path;
}

static size_t width_of(const char *name, uint32_t depth)
{
	size_t n = 3 * (size_t)depth;
	for (; *name; name++)
		n += ((unsigned char)*name & 0xc0) != 0x80;
	return n;
}

static void print_facts(const json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));
	const char *state = json_string_value(json_object_get(row, "state"));
	const char *outcome = json_string_value(json_object_get(row, "outcome"));
	const char *wait = json_string_value(json_object_get(row, "wait"));
	const char *site = json_string_value(json_object_get(row, "site"));
	const char *life = json_string_value(json_object_get(row, "life"));
	json_int_t pid = json_integer_value(json_object_get(row, "pid"));
	json_int_t attempt = json_integer_value(json_object_get(row, "attempt"));
	char age[32];

	/* The wait between two attempts is the state, and the life says the rest. */
	if (life && state && (strcmp(state, "backoff") == 0 || strcmp(state, "stopped") == 0))
		wait = NULL;
	printf("  %-8s %-9s", kind ? kind : "?", state ? state : "?");
	tend_duration_text((uint64_t)json_integer_value(json_object_get(row, "age_ns")), age,
	                   sizeof(age));
	/* The age is padded only if a column follows. */
	printf(" %-*s", pid || outcome || wait || life || site ? 6 : 0, age);
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
	if (life) {
		printf("  ");
		output_text(life);
	}
	if (site) {
		printf("  ");
		output_text(site);
	}
	if (json_is_true(json_object_get(row, "torn")))
		printf("  torn");
	putchar('\n');
}

/* A mask is as wide as the character behind the mask, so that columns stay aligned. */
static void print_name(const char *name)
{
	size_t n = strlen(name);
	char *masked = malloc(n + 1);

	if (masked) {
		size_t used = tend_text_plain(name, n, TEND_TEXT_MASK, masked, n + 1);
		assert(used <= n);
		(void)used;
		fputs(masked, stdout);
	}
	free(masked);
}

void tree_print(const json_t *rows, bool ascii)
{
	size_t n = json_array_size(rows), width = 0;
	struct tend_tree_row *places = places_of(rows, n);
	uint32_t first = places ? tend_tree_link(places, n) : TEND_NO_ROW;

	for (uint32_t i = first; i != TEND_NO_ROW; i = tend_tree_next(places, i)) {
		size_t wide = width_of(name_of(rows, places, i), places[i].depth);
		width = wide > width && wide <= WIDTH_MAX ? wide : width;
	}
	for (uint32_t i = first; i != TEND_NO_ROW; i = tend_tree_next(places, i)) {
		char branch[2048];
		size_t used = tend_tree_branch(places, i, ascii ? TEND_TREE_ASCII : 0, branch,
		                               sizeof(branch));
		assert(used < sizeof(branch));
		(void)used;
		fputs(branch, stdout);
		const char *name = name_of(rows, places, i);
		print_name(name);
		size_t wide = width_of(name, places[i].depth);
		printf("%*s", wide < width ? (int)(width - wide) : 0, "");
		print_facts(json_array_get(rows, i));
	}
	free(places);
}
