/* cli/config/environment.c - the environment of a child. */
#include "config/reader.h"

#include "tend/process.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t name_length(const char *variable) { return strcspn(variable, "="); }

/* The variables of every child, as far as they are set: where things are and
 * how to talk to the user. Nothing else that a supervisor happens to carry is
 * passed on. */
static bool is_usual(const char *name, size_t n)
{
#define X(name) name,
	static const char *const usual[] = {TEND_ENVIRONMENT(X)};
#undef X
	for (size_t i = 0; i < CONFIG_COUNT(usual); i++) {
		size_t len = strcspn(usual[i], "*");
		bool prefix = usual[i][len] == '*';
		if ((prefix ? n > len : n == len) && memcmp(usual[i], name, len) == 0)
			return true;
	}
	return false;
}

/* Returns true if a list of names or variables has an entry of this name. */
static bool has(char *const *list, const char *name, size_t n)
{
	for (; list && *list; list++)
		if (name_length(*list) == n && memcmp(*list, name, n) == 0)
			return true;
	return false;
}

static bool passes(const struct config_task *task, const char *variable, char *const *extra)
{
	size_t n = name_length(variable);

	if (n == 0 || variable[n] == 0 || has(task->env, variable, n) || has(extra, variable, n))
		return false;
	return task->env_pass_all || is_usual(variable, n) || has(task->env_pass, variable, n);
}

struct block {
	char **list; /* NULL: only counting */
	char *bytes;
	size_t n, size;
};

static void put(struct block *b, const char *variable)
{
	size_t size = strlen(variable) + 1;
	if (b->list) {
		b->list[b->n] = memcpy(b->bytes, variable, size);
		b->bytes += size;
	}
	b->n++;
	b->size += size;
}

static void put_all(struct block *b, const struct config_task *task, char *const *parent,
                    char *const *extra)
{
	for (; parent && *parent; parent++)
		if (passes(task, *parent, extra))
			put(b, *parent);
	for (char *const *v = task->env; v && *v; v++)
		if (!has(extra, *v, name_length(*v)))
			put(b, *v);
	for (; extra && *extra; extra++)
		put(b, *extra);
}

char **config_environment(const struct config_task *task, char *const *parent, char *const *extra)
{
	struct block counted = {0}, filled = {0};

	put_all(&counted, task, parent, extra);
	filled.list = malloc((counted.n + 1) * sizeof(char *) + counted.size);
	if (!filled.list)
		return NULL;
	filled.bytes = (char *)(filled.list + counted.n + 1);
	put_all(&filled, task, parent, extra);
	assert(filled.n == counted.n && filled.size == counted.size);
	filled.list[filled.n] = NULL;
	return filled.list;
}
