/* test/config/file_test.c - the file itself: where it is, how large, whose. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD "version: 1\ntasks: {a: {command: [x]}}\n"

static void check_refused(const char *path, int expected, const char *text)
{
	struct config_errors errors;
	struct config *config = NULL;
	ck_assert_int_eq(config_load(path, &config, &errors), expected);
	ck_assert_ptr_null(config);
	ck_assert_str_eq(printed(&errors, "error"), text);
}

FIXTURE(enter_shop, leave_shop);

TEST(a_missing_file_is_told)
{
	check_refused("no.yaml", -ENOENT,
	              "no.yaml: error: there is no such file; name one with -f FILE, or write it "
	              "(man tend.yaml shows how)\n");
}

TEST(a_directory_is_told)
{
	check_refused(".", -EISDIR, ".: error: it is a directory; name the file in it\n");
}

TEST(a_fifo_is_refused_without_waiting_for_its_writer)
{
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	check_refused("fifo", -EINVAL, "fifo: error: it is not a regular file\n");
}

TEST(a_file_this_user_may_not_read_is_told)
{
	enum { NOBODY = 65534 };
	bool root = geteuid() == 0;

	write_file("secret.yaml", GOOD, strlen(GOOD));
	ck_assert_int_eq(chmod("secret.yaml", 0), 0);
	ck_assert_int_eq(chmod("..", 0755), 0);
	ck_assert_int_eq(chmod(".", 0755), 0);
	if (root)
		ck_assert_int_eq(seteuid(NOBODY), 0);
	check_refused("secret.yaml", -EACCES,
	              "secret.yaml: error: permission denied; allow this user to read it\n");
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
}

TEST(a_file_over_8_mib_is_refused)
{
	write_file("big.yaml", GOOD, strlen(GOOD));
	ck_assert_int_eq(truncate("big.yaml", (off_t)CONFIG_FILE_MAX + 1), 0);
	check_refused("big.yaml", -EFBIG,
	              "big.yaml: error: the file is larger than 8 MiB; is it a tend.yaml?\n");
	ck_assert_int_eq(truncate("big.yaml", (off_t)1 << 40), 0);
	check_refused("big.yaml", -EFBIG,
	              "big.yaml: error: the file is larger than 8 MiB; is it a tend.yaml?\n");
}

TEST(a_file_of_8_mib_is_read)
{
	char *text = malloc(CONFIG_FILE_MAX);
	ck_assert_ptr_nonnull(text);
	memset(text, '#', CONFIG_FILE_MAX);
	memcpy(text, GOOD, strlen(GOOD));
	write_file("8.yaml", text, CONFIG_FILE_MAX);
	free(text);
	struct config_errors errors;
	struct config *config = NULL;
	ck_assert_int_eq(config_load("8.yaml", &config, &errors), 0);
	config_free(config);
}

TEST(the_name_of_the_file_is_escaped)
{
	check_refused("\x1b[2J", -ENOENT,
	              "\\x1b[2J: error: there is no such file; name one with -f FILE, or write it "
	              "(man tend.yaml shows how)\n");
}

TEST(paths_are_seen_from_the_directory_of_the_file)
{
	char here[PATH_MAX], expected[PATH_MAX + 16];
	static const char text[] = "version: 1\ntasks: {a: {command: [x], cwd: data}}\n";
	struct config_errors errors;
	struct config *config = NULL;

	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	write_file("sub/stack.yaml", text, strlen(text));
	ck_assert_int_eq(config_load("sub/stack.yaml", &config, &errors), 0);
	snprintf(expected, sizeof(expected), "%s/sub", here);
	ck_assert_str_eq(config->dir, expected);
	ck_assert_str_eq(config->name, "sub");
	snprintf(expected, sizeof(expected), "%s/sub/data", here);
	ck_assert_str_eq(config->tasks[0].cwd, expected);
	config_free(config);

	ck_assert_int_eq(symlink("sub/stack.yaml", "link.yaml"), 0);
	ck_assert_int_eq(config_load("link.yaml", &config, &errors), 0);
	ck_assert_str_eq(config->dir, here);
	config_free(config);
}

static const struct {
	const char *dir, *name;
} DIRS[] = {
	{"my stack", "my-stack"},
	{"2024.shop", "shop"},
	{"a/b", "b"},
	{"gr\xc3\xb6\xc3\x9f"
         "e",
         "gr----e"},
	{"_-x", "x"},
	{"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
         "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstu"},
};

TEST_EACH(a_stack_without_a_name_has_that_of_its_directory, sizeof(DIRS) / sizeof(DIRS[0]))
{
	struct config *config;
	if (strchr(DIRS[_i].dir, '/'))
		ck_assert_int_eq(mkdir("a", 0700), 0);
	ck_assert_int_eq(mkdir(DIRS[_i].dir, 0700), 0);
	ck_assert_int_eq(chdir(DIRS[_i].dir), 0);
	config = load(GOOD);
	ck_assert_str_eq(config->name, DIRS[_i].name);
	config_free(config);
}

TEST(a_directory_whose_name_cannot_be_used_asks_for_one)
{
	ck_assert_int_eq(mkdir("123", 0700), 0);
	ck_assert_int_eq(chdir("123"), 0);
	ck_assert_str_eq(refusal(GOOD, strlen(GOOD)),
	                 "tend.yaml:1:1: error: the directory's name '123' holds no letter to name "
	                 "the stack by; add name: NAME\n");
	config_free(load("name: x\n" GOOD));
}

TEST(no_descriptor_is_left_open)
{
	struct config_errors errors;
	struct config *config = NULL;
	int before = dup(0);
	close(before);
	write_file("a.yaml", GOOD, strlen(GOOD));
	ck_assert_int_eq(config_load("a.yaml", &config, &errors), 0);
	config_free(config);
	ck_assert_int_ne(config_load(".", &config, &errors), 0);
	ck_assert_int_ne(config_load("no", &config, &errors), 0);
	int after = dup(0);
	close(after);
	ck_assert_int_eq(before, after);
}

/* Aliases that stand for aliases that stand for lists, ten times each. */
TEST(what_aliases_stand_for_is_bounded)
{
	size_t size = (size_t)4 << 20, used = 0;
	char *text = malloc(size);
	ck_assert_ptr_nonnull(text);
	used += (size_t)snprintf(text, size, "version: 1\ntasks:\n  t0: {command: &c [x");
	for (int i = 0; i < 20000; i++)
		used += (size_t)snprintf(text + used, size - used, ", x");
	used += (size_t)snprintf(text + used, size - used, "]}\n");
	for (int i = 1; i < 1000; i++)
		used += (size_t)snprintf(text + used, size - used, "  t%d: {command: *c}\n", i);
	ck_assert_str_eq(refusal(text, used), "tend.yaml:3:17: error: the aliases of this file "
	                                      "stand for more than 500000 values; use fewer\n");

	used = (size_t)snprintf(text, size, "version: 1\ntasks:\n  t0: {shell: &c '");
	memset(text + used, 'x', 100000);
	used += 100000;
	used += (size_t)snprintf(text + used, size - used, "'}\n");
	for (int i = 1; i < 1000; i++)
		used += (size_t)snprintf(text + used, size - used, "  t%d: {shell: *c}\n", i);
	ck_assert_str_eq(refusal(text, used),
	                 "tend.yaml:3:15: error: the aliases of this file stand "
	                 "for more than 32 MiB; use fewer\n");
	free(text);
}

static void check_repeated(const char *head, const char *piece, size_t times, const char *expected)
{
	size_t n = strlen(piece), used = strlen(head);
	char *text = malloc(used + n * times + 1);
	ck_assert_ptr_nonnull(text);
	memcpy(text, head, used);
	for (size_t i = 0; i < times; i++, used += n)
		memcpy(text + used, piece, n);
	ck_assert_str_eq(refusal(text, used), expected);
	free(text);
}

TEST(nesting_values_and_anchors_are_bounded)
{
	check_repeated(
		"a: ", "[", 4 << 20,
		"tend.yaml:1:19: error: nested deeper than 16 levels; nothing of a tend.yaml "
		"is so deep\n");
	check_repeated(
		"", "- ", 4 << 20,
		"tend.yaml:1:33: error: nested deeper than 16 levels; nothing of a tend.yaml "
		"is so deep\n");
	check_repeated("a:\n", "- x\n", 1 << 20,
	               "tend.yaml:499999:3: error: more than 500000 values; split the stack\n");
	check_repeated("a:\n", "- &a\n", 1 << 19,
	               "tend.yaml:1002:3: error: more than 1000 anchors; use fewer\n");
}

TEST(a_string_no_program_can_be_given_is_refused)
{
	size_t size = 300000, used;
	char *text = malloc(size);
	ck_assert_ptr_nonnull(text);
	used = (size_t)snprintf(text, size, "version: 1\ntasks: {a: {command: [x], env: {VAR: '");
	memset(text + used, 'x', 131068);
	used += 131068;
	used += (size_t)snprintf(text + used, size - used, "'}}}\n");
	ck_assert_str_eq(refusal(text, used),
	                 "tend.yaml:2:38: error: 'VAR' is longer than the 131071 bytes that can be "
	                 "given to a program; put it in a file\n");
	free(text);
}

TEST(there_are_at_most_16384_tasks)
{
	size_t size = 1 << 20, used;
	char *text = malloc(size);
	ck_assert_ptr_nonnull(text);
	used = (size_t)snprintf(text, size, "version: 1\ntasks:\n");
	for (int i = 0; i <= CONFIG_TASKS_MAX; i++)
		used += (size_t)snprintf(text + used, size - used, "  t%d: {command: [x]}\n", i);
	ck_assert_str_eq(
		refusal(text, used),
		"tend.yaml:16387:3: error: there are more than 16384 tasks; split the stack\n");
	free(text);
}
