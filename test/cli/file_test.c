/* test/cli/file_test.c - `tend tree FILE`: the registry of a process that has died, and files that
 * are none. */
#include "suite.h"

#include "tend/tend.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/tend-tree-XXXXXX", file[64];

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/box", folder);
}

static void remove_folder(void)
{
	unlink(file);
	rmdir(folder);
}

FIXTURE(make_folder, remove_folder);

/* Returns what the tool says about the file, and its exit code. */
static const char *tree_of_file(const char *options, int *code)
{
	static char text[8192];
	char command[512];

	snprintf(command, sizeof(command), "exec \"$TEND\" tree %s %s 2>&1", options, file);
	FILE *tool = popen(command, "r");
	ck_assert_ptr_nonnull(tool);
	size_t n = fread(text, 1, sizeof(text) - 1, tool);
	text[n] = 0;
	int status = pclose(tool);
	ck_assert(WIFEXITED(status));
	*code = WEXITSTATUS(status);
	return text;
}

/* A process with the file as its registry, which dies without a word. */
static void die_with_registry(void)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		tend_runtime *rt;
		int error = tend_runtime_open(TEND_RUNTIME_OPTS(.name = "box", .tasks_max = 1000,
		                                                .flags = TEND_HOSTED,
		                                                .registry_path = file),
		                              &rt);
		tend_task work;

		if (!error)
			error = tend_task_begin(tend_root(rt), NULL, &work);
		if (!error)
			raise(SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

TEST(the_file_of_a_dead_process_shows_its_tree)
{
	int code;

	die_with_registry();
	const char *text = tree_of_file("--ascii", &code);
	ck_assert_int_eq(code, 0);
	ck_assert_msg(strncmp(text, "box ", 4) == 0 && strstr(text, " external "), "%s", text);
	text = tree_of_file("--json", &code);
	ck_assert_int_eq(code, 0);
	ck_assert_ptr_nonnull(strstr(text, "\"name\":\"box\""));
	ck_assert_ptr_nonnull(strstr(text, "\"ended\":true"));
	ck_assert_ptr_nonnull(strstr(text, "\"kind\":\"external\""));
}

/* ---- What is no such file ---- */

static void write_file(const char *bytes, size_t n)
{
	FILE *f = fopen(file, "r+");

	f = f ? f : fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void nothing(void) {}
static void text(void) { write_file("hello\n", 6); }
static void empty(void) { write_file("", 0); }
static void fifo(void) { ck_assert_int_eq(mkfifo(file, 0600), 0); }
static void cut(void)
{
	die_with_registry();
	ck_assert_int_eq(truncate(file, 5000), 0);
}
/* The version stands behind the 8 bytes of the magic. */
static void other(void)
{
	die_with_registry();
	write_file("TENDREG\0\x09", 9);
}
static void itself(void) { snprintf(file, sizeof(file), "%s", folder); }

static const struct {
	void (*make)(void);
	int code;
	const char *why;
} refused[] = {
	{nothing, 4, "there is nothing of that name"},
	{text, 1, "this is no registry; the registry_path of a runtime is one"},
	{empty, 1, "this is no registry; the registry_path of a runtime is one"},
	{fifo, 1, "this is no regular file"},
	{itself, 1, "this is no regular file"},
	{cut, 1, "the registry is cut off after 5000 bytes; copy it as a whole"},
	{other, 1,
         "the registry is damaged, or of a version of libtend that this version of tend does not "
         "understand"},
};

TEST_EACH(a_file_that_is_no_registry_is_refused_with_the_reason, 7)
{
	char line[256];
	int code;

	refused[_i].make();
	snprintf(line, sizeof(line), "tend: %s: %s\n", file, refused[_i].why);
	ck_assert_str_eq(tree_of_file("", &code), line);
	ck_assert_int_eq(code, refused[_i].code);
}
