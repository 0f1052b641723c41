/* cli/config/index.h - names, and what they stand for. */
#ifndef TEND_CLI_CONFIG_INDEX_H
#define TEND_CLI_CONFIG_INDEX_H

#include "config/reader.h"

/* The valid names of a list, sorted, and the place of each in the list. */
struct index {
	const char **names;
	size_t *at;
	size_t n;
};

/* Returns the i-th name of a list, NULL for a name that is not valid. */
typedef const char *index_name_fn(const struct config *config, size_t i);

/* Lasts as long as the file is read. Returns false without memory. */
bool index_build(struct config_reader *r, struct index *index, size_t count, index_name_fn *name);

bool index_find(const struct index *index, const char *name, size_t *at);

#endif
