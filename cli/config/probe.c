/* cli/config/probe.c - would the tasks start here and now?
 *
 * The result is only a warning: another task may build the program, and a
 * program that is there now may be gone later. Only a start proves that a task
 * starts. */
#include "config/reader.h"

#include "tend/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
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
static int executable_in(const char *cwd, const char *dir, size_t n, const char *program,
                         char *path)
{
	bool relative = n == 0 || dir[0] != '/';
	int len = snprintf(path, PATH_MAX, "%s%s%.*s/%s", relative ? cwd : "",
	                   relative && n ? "/" : "", (int)n, dir, program);
	return len < 0 || (size_t)len >= PATH_MAX ? ENAMETOOLONG : executable(path);
}

static const char *path_of(char *const *environment)
{
	for (; *environment; environment++)
		if (strncmp(*environment, "PATH=", 5) == 0)
			return *environment + 5;
	return "/bin:/usr/bin";
}

/* Looks the program up as the guard does: in the PATH of the child, unless the
 * name has a '/'. Writes the path if the program is found. */
static int find_program(const struct config_task *task, char *const *environment, char *path)
{
	const char *program = task->argv[0];
	int error = ENOENT;

	assert(program && task->cwd[0] == '/');

	snprintf(path, PATH_MAX, "%s", program);
	if (program[0] == '/')
		return executable(program);
	if (strchr(program, '/'))
		return executable_in(task->cwd, "", 0, program, path);
	for (const char *dir = path_of(environment);; dir++) {
		size_t n = strcspn(dir, ":");
		int got = executable_in(task->cwd, dir, n, program, path);
		if (got == 0)
			return 0;
		if (got == EACCES)
			error = EACCES;
		dir += n;
		if (*dir == 0)
			return error;
	}
}

/* Returns the slip in the first line of a script, "" if the line is right. */
static const char *script_slip(const char *path, char *buf, size_t size)
{
	char first[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, first, sizeof(first) - 1);

	if (fd >= 0)
		close(fd);
	buf[0] = 0;
	if (n < 3 || memcmp(first, "#!", 2) != 0)
		return buf;
	const char *name = first + 2 + strspn(first + 2, " \t");
	size_t line = strcspn(name, "\n"), len = strcspn(name, " \t\n");
	struct config_shown shown = config_show(name, len);
	if (line > 0 && name[line - 1] == '\r')
		snprintf(buf, size,
		         "its '#!' line ends in a carriage return, which is taken for a part of "
		         "the name of its interpreter; save the file with the ends of lines of "
		         "Unix");
	else if (len && name[0] == '/') {
		first[name - first + (ptrdiff_t)len] = 0;
		if (access(name, F_OK) != 0 && errno == ENOENT)
			snprintf(buf, size,
			         "its interpreter '%s' is not there; install it, or "
			         "correct the '#!' line",
			         shown.text);
	}
	return buf;
}

const char *config_script_slip(const struct config_task *task, char *const *parent, char *buf,
                               size_t size)
{
	char path[PATH_MAX];
	char **environment = config_environment(task, parent, NULL);

	buf[0] = 0;
	if (environment && find_program(task, environment, path) == 0)
		script_slip(path, buf, size);
	free(environment);
	return buf;
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
	char path[PATH_MAX], slip[400];
	int error = find_program(task, environment, path);

	if (error == 0 && script_slip(path, slip, sizeof(slip))[0])
		config_report(warnings, task->argv_at, "'%s': %s", shown.text, slip);
	else if (error == ENOENT && !strchr(program, '/'))
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

/* ---- Texts that stand as they are ---- */

static bool is_set(char *const *environment, const char *name, size_t n)
{
	for (; *environment; environment++)
		if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
			return true;
	return false;
}

/* Finds "$NAME" or "${NAME}" with a variable of the environment. Returns the length, 0 if
 * the text has no such variable, and writes the beginning. */
static size_t find_variable(const char *text, char *const *environment, const char **at)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_";

	for (const char *c = strchr(text, '$'); c; c = strchr(c + 1, '$')) {
		size_t brace = c[1] == '{', n = strspn(c + 1 + brace, letters);
		if (n && (!brace || c[2 + n] == '}') && is_set(environment, c + 1 + brace, n)) {
			*at = c;
			return 1 + n + 2 * brace;
		}
	}
	return 0;
}

/* Returns the invisible character at the beginning or the end of the text, or 0. */
static uint32_t unseen_edge(const char *text)
{
	size_t n = strlen(text), last = n;
	uint32_t code = 0;

	if (tend_text_decode(text, n, &code) && config_unseen(code))
		return code;
	while (last > 0 && ((unsigned char)text[--last] & 0xc0) == 0x80) {}
	return tend_text_decode(text + last, n - last, &code) && config_unseen(code) ? code : 0;
}

static void probe_text(const char *text, bool whole, struct config_place at,
                       char *const *environment, struct config_errors *warnings)
{
	const char *variable = text;
	size_t n = find_variable(text, environment, &variable);
	struct config_shown shown = config_show(text, strlen(text));

	if (n && (!whole || n == strlen(text)))
		config_report(
			warnings, at,
			"'%.*s' is not expanded, the text stands as it is; write the value, or "
			"use a shell line",
			n < 64 ? (int)n : 64, variable);
	if (strncmp(text, "~/", 2) == 0 || (!whole && strstr(text, ":~/")))
		config_report(
			warnings, at,
			"'%s': '~' is not expanded, the text stands as it is; write the path of "
			"the home directory",
			shown.text);
	if (unseen_edge(text))
		config_report(warnings, at,
		              "'%s' begins or ends with U+%04X, which looks like a space or like "
		              "nothing; remove it",
		              shown.text, (unsigned)unseen_edge(text));
}

static void probe_texts(const struct config_task *task, char *const *environment,
                        struct config_errors *warnings)
{
	for (size_t i = 0; task->env && task->env[i]; i++)
		probe_text(strchr(task->env[i], '=') + 1, false, task->env_at[i], environment,
		           warnings);
	/* A shell with -c expands its line. */
	for (size_t i = 1; task->words_at && task->argv[i] && strcmp(task->argv[i], "-c") != 0; i++)
		probe_text(task->argv[i], true, task->words_at[i], environment, warnings);
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
		if (environment)
			probe_texts(task, environment, warnings);
		free(environment);
	}
	config_errors_sort(warnings);
}
