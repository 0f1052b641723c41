/* cli/config/probe.c - would the tasks start here and now?
 *
 * The result is only a warning: another task may build the program, and a
 * program that is there now may be gone later. Only a start proves that a task
 * starts. */
#include "config/reader.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns 0, or why a file cannot be executed. */
static int executable(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return access(path, X_OK) == 0 ? 0 : errno;
}

/* `dir` may be empty for the working directory, as in PATH. */
static int executable_in(const char *cwd, const char *dir, size_t n, const char *program)
{
	char path[PATH_MAX];
	bool relative = n == 0 || dir[0] != '/';
	int len = snprintf(path, sizeof(path), "%s%s%.*s/%s", relative ? cwd : "",
	                   relative && n ? "/" : "", (int)n, dir, program);
	return len < 0 || (size_t)len >= sizeof(path) ? ENAMETOOLONG : executable(path);
}

static const char *path_of(char *const *environment)
{
	for (; *environment; environment++)
		if (strncmp(*environment, "PATH=", 5) == 0)
			return *environment + 5;
	return "/bin:/usr/bin";
}

/* Looks the program up as the guard does: in the PATH of the child, unless the
 * name has a '/'. */
static int find_program(const struct config_task *task, char *const *environment)
{
	const char *program = task->argv[0];
	int error = ENOENT;

	assert(program && task->cwd[0] == '/');

	if (program[0] == '/')
		return executable(program);
	if (strchr(program, '/'))
		return executable_in(task->cwd, "", 0, program);
	for (const char *dir = path_of(environment);; dir++) {
		size_t n = strcspn(dir, ":");
		int got = executable_in(task->cwd, dir, n, program);
		if (got == 0)
			return 0;
		if (got == EACCES)
			error = EACCES;
		dir += n;
		if (*dir == 0)
			return error;
	}
}

static bool probe_cwd(const struct config_task *task, struct config_errors *warnings)
{
	struct stat st;
	struct config_shown shown = config_show(task->cwd, strlen(task->cwd));
	struct config_place at = task->cwd_at.line ? task->cwd_at : task->at;

	if (stat(task->cwd, &st) != 0)
		config_report(warnings, at,
		              "the directory '%s' cannot be entered: %s; create it, or "
		              "correct 'cwd'",
		              shown.text, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		config_report(warnings, at, "'%s' is not a directory; correct 'cwd'", shown.text);
	else if (access(task->cwd, X_OK) != 0)
		config_report(warnings, at,
		              "the directory '%s' cannot be entered: %s; allow this "
		              "user to (mode x)",
		              shown.text, strerror(errno));
	else
		return true;
	return false;
}

static void probe_program(const struct config_task *task, char *const *environment,
                          struct config_errors *warnings)
{
	const char *program = task->argv[0];
	struct config_shown shown = config_show(program, strlen(program));
	int error = find_program(task, environment);

	if (error == ENOENT && !strchr(program, '/'))
		config_report(warnings, task->argv_at,
		              "there is no program '%s' in the PATH of task '%s'; install it, or "
		              "give its path",
		              shown.text, task->name);
	else if (error == ENOENT)
		config_report(warnings, task->argv_at,
		              "there is no file '%s', seen from the directory of task '%s'; build "
		              "it, or correct the path",
		              shown.text, task->name);
	else if (error == EACCES)
		config_report(warnings, task->argv_at,
		              "'%s' may not be executed by this user; chmod +x, if it is a program",
		              shown.text);
	else if (error)
		config_report(warnings, task->argv_at, "'%s' cannot be executed: %s", shown.text,
		              strerror(error));
}

void config_probe(const struct config *config, char *const *parent, const char *path,
                  struct config_errors *warnings)
{
	*warnings = (struct config_errors){.file = path};
	for (size_t i = 0; i < config->ntasks; i++) {
		const struct config_task *task = &config->tasks[i];
		char **environment = config_environment(task, parent, NULL);
		if (environment && probe_cwd(task, warnings))
			probe_program(task, environment, warnings);
		free(environment);
	}
}
