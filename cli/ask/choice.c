/* cli/ask/choice.c - which stack a command is for. */
#include "ask/instance.h"
#include "ask/envelope.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Finds the next running stack in the directory of the locks. Returns false at the end.
 *
 *   file      gets the file of the stack */
static bool next_running(DIR *d, struct instance *one, char *file, size_t size)
{
	struct instance_error ignored;

	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		char name[INSTANCE_NAME_MAX + 1];
		size_t n = strlen(e->d_name);
		if (n <= 5 || n - 5 > INSTANCE_NAME_MAX || strcmp(e->d_name + n - 5, ".lock") != 0)
			continue;
		memcpy(name, e->d_name, n - 5);
		name[n - 5] = 0;
		if (instance_of(name, one, &ignored) == 0 && instance_owner(one, file, size) != 0)
			return true;
	}
	return false;
}

static DIR *open_dir(void)
{
	struct instance_error ignored;
	char dir[INSTANCE_PATH_MAX];

	return instance_dir(dir, sizeof(dir), false, &ignored) == 0 ? opendir(dir) : NULL;
}

bool instance_of_file(const char *file, struct instance *out)
{
	char its[PATH_MAX];
	struct instance one;
	DIR *d = open_dir();
	bool found = false;

	while (d && !found && next_running(d, &one, its, sizeof(its)))
		found = strcmp(its, file) == 0;
	if (d)
		closedir(d);
	if (found)
		*out = one;
	return found;
}

static int by_name(const void *a, const void *b)
{
	const struct instance_listed *x = a, *y = b;
	return strcmp(x->name, y->name);
}

size_t instance_list(struct instance_listed *found)
{
	struct instance one;
	DIR *d = open_dir();
	size_t count = 0;

	while (d && next_running(d, &one, NULL, 0)) {
		if (count < INSTANCE_LISTED_MAX)
			memcpy(found[count].name, one.name, sizeof(one.name));
		count++;
	}
	if (d)
		closedir(d);
	qsort(found, count < INSTANCE_LISTED_MAX ? count : INSTANCE_LISTED_MAX, sizeof(*found),
	      by_name);
	return count;
}

static void write_names(const struct instance_listed *found, size_t count, char *buf, size_t size)
{
	size_t shown = count < INSTANCE_LISTED_MAX ? count : INSTANCE_LISTED_MAX, n = 0;

	for (size_t i = 0; i < shown && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", found[i].name);
}

/* Chooses among the running stacks, when the current directory does not decide. */
static int choose_running(const char *here, bool strict, struct instance *out,
                          struct instance_error *error)
{
	struct instance_listed found[INSTANCE_LISTED_MAX];
	char dir[INSTANCE_PATH_MAX], names[400] = "";

	if (instance_dir(dir, sizeof(dir), false, error) != 0)
		return -1;
	size_t count = instance_list(found);
	write_names(found, count, names, sizeof(names));
	if (count == 0)
		return instance_fail(error, EXIT_UNREACHABLE,
		                     "no stack is running (looked in %s); start one with: tend up",
		                     dir);
	if (here && strict)
		return instance_fail(
			error, EXIT_UNREACHABLE,
			"stack %s of this directory is not running; another is: %s; choose with "
			"--name",
			here, names);
	assert(count > 0);
	if (count > 1)
		return instance_fail(error, EXIT_USAGE,
		                     "%zu stacks are running: %s; choose one with --name", count,
		                     names);
	return instance_of(found[0].name, out, error);
}

static int choose_socket(const char *path, struct instance *out, struct instance_error *error)
{
	struct instance made = {.lock_fd = -1, .address_fds = {-1, -1}};
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(made.socket))
		return instance_fail(error, EXIT_USAGE, "the path of a socket has 1 to %zu bytes",
		                     sizeof(made.socket) - 1);
	memcpy(made.socket, path, n + 1);
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t stem = strlen(base);
	if (stem > 5 && strcmp(base + stem - 5, ".sock") == 0) {
		assert(n > 5 && n < sizeof(made.lock));
		memcpy(made.lock, path, n - 5);
		memcpy(made.lock + n - 5, ".lock", 6);
		stem -= 5;
	}
	snprintf(made.name, sizeof(made.name), "%.*s", (int)(stem < 64 ? stem : 64), base);
	*out = made;
	return 0;
}

/* Chooses the stack of the current directory, which does not run. Returns 1 if the name
 * of this stack decides nothing. */
static int choose_here(const struct instance_choice *choice, struct instance *out,
                       struct instance_error *error)
{
	char file[PATH_MAX];
	struct instance local;

	if (instance_of(choice->here, &local, error) != 0)
		return -1;
	if (instance_owner(&local, file, sizeof(file)) != 0)
		return instance_fail(
			error, EXIT_UNREACHABLE,
			"stack %s is running from %.300s, and the one of %.300s is not running; "
			"for the first use --name %s",
			choice->here, file[0] ? file : "another file", choice->here_file,
			choice->here);
	/* A stale socket of this directory's stack is worth more than a guess. */
	if (access(local.socket, F_OK) != 0)
		return 1;
	*out = local;
	return 0;
}

int instance_choose(const struct instance_choice *choice, struct instance *out,
                    struct instance_error *error)
{
	if (choice->name)
		return instance_of(choice->name, out, error);
	if (choice->socket)
		return choose_socket(choice->socket, out, error);
	int chosen = choice->here ? choose_here(choice, out, error) : 1;
	return chosen <= 0 ? chosen : choose_running(choice->here, choice->strict, out, error);
}
