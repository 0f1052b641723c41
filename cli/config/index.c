/* cli/config/index.c - names, and what they stand for. */
#include "config/index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct named {
	const char *name;
	size_t at;
};

static int compare(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	return strcmp(x->name, y->name);
}

bool index_build(struct config_reader *r, struct index *index, size_t count, index_name_fn *name)
{
	struct named *sorted = config_scratch(r, count, sizeof(*sorted));

	*index = (struct index){
		.names = config_scratch(r, count, sizeof(char *)),
		.at = config_scratch(r, count, sizeof(size_t)),
	};
	if (r->no_memory)
		return false;
	for (size_t i = 0; i < count; i++)
		if (name(r->config, i))
			sorted[index->n++] = (struct named){name(r->config, i), i};
	assert(index->n <= count);
	qsort(sorted, index->n, sizeof(*sorted), compare);
	for (size_t i = 0; i < index->n; i++) {
		index->names[i] = sorted[i].name;
		index->at[i] = sorted[i].at;
	}
	return true;
}

bool index_find(const struct index *index, const char *name, size_t *at)
{
	size_t low = 0, high = index->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, index->names[middle]);
		if (order == 0) {
			*at = index->at[middle];
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}
