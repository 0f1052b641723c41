/* cli/config/environment.c - the environment of a child. */
#include "config/reader.h"

#include "tend/process.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
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

/* Returns true if a shell would take the path for its PWD: absolute, and without "." and
 * "..". */
static bool is_plain(const char *path)
{
	for (const char *part = path; *part; part += strcspn(part, "/")) {
		part += strspn(part, "/");
		size_t n = strcspn(part, "/");
		if ((n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
	}
	return path[0] == '/';
}

static bool is_pwd(const char *variable, size_t n)
{
	return n == 3 && memcmp(variable, "PWD", n) == 0;
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
                    char *const *extra, const char *pwd)
{
	/* The caller's PWD is replaced and never handed on. */
	bool names_directory =
		task->cwd_at.line && !has(task->env, "PWD", 3) && !has(extra, "PWD", 3);

	for (; parent && *parent; parent++) {
		if (!passes(task, *parent, extra))
			continue;
		if (is_pwd(*parent, name_length(*parent)))
			names_directory = true;
		else
			put(b, *parent);
	}
	if (pwd && names_directory)
		put(b, pwd);
	for (char *const *v = task->env; v && *v; v++)
		if (!has(extra, *v, name_length(*v)))
			put(b, *v);
	for (; extra && *extra; extra++)
		put(b, *extra);
}

char **config_environment(const struct config_task *task, char *const *parent, char *const *extra)
{
	struct block counted = {0}, filled = {0};

	char pwd[PATH_MAX + sizeof("PWD=")];
	char real[PATH_MAX];
	const char *dir = is_plain(task->cwd) ? task->cwd : realpath(task->cwd, real);

	if (dir)
		snprintf(pwd, sizeof(pwd), "PWD=%s", dir);
	put_all(&counted, task, parent, extra, dir ? pwd : NULL);
	filled.list = malloc((counted.n + 1) * sizeof(char *) + counted.size);
	if (!filled.list)
		return NULL;
	filled.bytes = (char *)(filled.list + counted.n + 1);
	put_all(&filled, task, parent, extra, dir ? pwd : NULL);
	assert(filled.n == counted.n && filled.size == counted.size);
	filled.list[filled.n] = NULL;
	return filled.list;
}
