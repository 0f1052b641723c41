/* test/config/procfile_test.c - what a Procfile means, and what it may not be. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void enter_portless(void)
{
	enter_shop();
	unsetenv("PORT");
}

static struct config *load_procfile(const char *text)
{
	struct config_errors errors;
	struct config *c = NULL;

	write_file("Procfile", text, strlen(text));
	int error = config_load("Procfile", &c, &errors);
	ck_assert_msg(error == 0, "%s", printed(&errors, "error"));
	return c;
}

static const char *refusal_of(const char *path, const char *text)
{
	static struct config_errors errors;
	struct config *c = NULL;

	write_file(path, text, strlen(text));
	ck_assert_int_ne(config_load(path, &c, &errors), 0);
	ck_assert_ptr_null(c);
	return printed(&errors, "error");
}

static const char *variable(const struct config_task *t, const char *name)
{
	for (char **v = t->env; *v; v++)
		if (strncmp(*v, name, strlen(name)) == 0 && (*v)[strlen(name)] == '=')
			return *v + strlen(name) + 1;
	return "";
}

FIXTURE(enter_portless, leave_shop);

TEST(each_line_is_a_task)
{
	struct config *c = load_procfile("# programs\n\nweb: serve -p $PORT # all\r\n"
	                                 "  work-er:run\n\t\nlast:\tx: y");

	ck_assert_str_eq(c->name, "shop");
	ck_assert(c->procfile);
	ck_assert_uint_eq(c->ntasks, 3);
	ck_assert_str_eq(c->tasks[0].name, "web");
	ck_assert_str_eq(c->tasks[0].argv[0], "/bin/sh");
	ck_assert_str_eq(c->tasks[0].argv[1], "-c");
	ck_assert_str_eq(c->tasks[0].argv[2], "serve -p $PORT # all");
	ck_assert_ptr_null(c->tasks[0].argv[3]);
	ck_assert_str_eq(c->tasks[1].name, "work-er");
	ck_assert_str_eq(c->tasks[1].argv[2], "run");
	ck_assert_uint_eq(c->tasks[1].at.line, 4);
	ck_assert_uint_eq(c->tasks[1].at.column, 3);
	ck_assert_uint_eq(c->tasks[1].argv_at.column, 11);
	ck_assert_str_eq(c->tasks[2].argv[2], "x: y");
	for (size_t i = 0; i < 3; i++) {
		const struct config_task *t = &c->tasks[i];
		ck_assert_uint_eq(c->order[i], i);
		ck_assert_str_eq(t->cwd, c->dir);
		ck_assert(t->env_pass_all && t->nneeds == 0);
		ck_assert_uint_eq(t->restart.policy, TEND_TRANSIENT);
		ck_assert_uint_eq(t->restart.delay_ns, 100 * TEND_MS);
		ck_assert_uint_eq(t->stop_timeout_ns, UINT64_C(10000000000));
	}
	ck_assert_str_eq(variable(&c->tasks[0], "PORT"), "5000");
	ck_assert_str_eq(variable(&c->tasks[2], "PORT"), "5200");
	ck_assert_str_eq(variable(&c->tasks[1], "PS"), "work-er.1");
	config_free(c);
}

TEST(the_variables_are_those_of_the_file_beside_it)
{
	static const char env[] =
		"# all\n\nA=1 \nexport B=\"x\\ny\\\"\\z\"\nC='q\\n $A'\nD=\nE=\"a\r\n"
		"F==\n PORT=3000";

	write_file(".env", env, strlen(env));
	struct config *c = load_procfile("web: x\nworker: y\n");
	const struct config_task *t = &c->tasks[1];
	ck_assert_str_eq(variable(t, "A"), "1");
	ck_assert_str_eq(variable(t, "B"), "x\ny\"z");
	ck_assert_str_eq(variable(t, "C"), "q\\n $A");
	ck_assert_str_eq(t->env[3], "D=");
	ck_assert_str_eq(variable(t, "E"), "\"a");
	ck_assert_str_eq(variable(t, "F"), "=");
	ck_assert_str_eq(variable(t, "PORT"), "3100");
	ck_assert_ptr_null(t->env[8]);
	config_free(c);
}

TEST(the_first_port_may_be_that_of_the_environment)
{
	setenv("PORT", "8000", 1);
	struct config *c = load_procfile("web: x\nworker: y\n");
	ck_assert_str_eq(variable(&c->tasks[1], "PORT"), "8100");
	config_free(c);
	ck_assert_ptr_nonnull(strstr(refusal_of("Procfile", ""), "the file is empty"));
	setenv("PORT", "65500", 1);
	ck_assert_str_eq(refusal_of("Procfile", "web: x\nworker: y\n"),
	                 "Procfile:2:1: error: the PORT of task 'worker' is beyond 65535; begin "
	                 "lower, or split the stack\n");
	setenv("PORT", "-1", 1);
	ck_assert_ptr_nonnull(
		strstr(refusal_of("Procfile", "web: x\n"), "PORT of the environment is '-1'"));
	unsetenv("PORT");
}

TEST(a_procfile_is_told_by_its_name_or_its_lines)
{
	static const struct {
		const char *path, *text;
		bool procfile;
	} files[] = {
		{"Procfile.dev", "web: x\n", true},
		{"my.procfile", "web: x\n", true},
		{"stack", "# x\nweb: x y\n\nworker: z\n", true},
		{"stack", "version: 1\nname: web\n", false},
		{"stack", "web:\n  command: [x]\n", false},
		{"stack", "web: x\n  y: z\nonly", false},
		{"stack.yaml", "web: x\n", false},
		{"stack.yml", "web: x\n", false},
		{"stack.json", "web: x\n", false},
		{"stack", "", false},
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct config_errors errors;
		struct config *c = NULL;
		write_file(files[i].path, files[i].text, strlen(files[i].text));
		int error = config_load(files[i].path, &c, &errors);
		ck_assert_msg((error == 0) == files[i].procfile, "%s: %s", files[i].path,
		              files[i].text);
		config_free(c);
	}
}

TEST(what_is_no_line_of_a_procfile_is_named)
{
	ck_assert_str_eq(
		refusal_of("Procfile", "a b\nweb\n1x: y\nweb: \nweb: a\nweb: b\n : c\n"),
		"Procfile:1:1: error: 'a b' is no line NAME: COMMAND; write one, or put a # "
		"before\n"
		"Procfile:2:1: error: 'web' is no line NAME: COMMAND; write one, or put a # "
		"before\n"
		"Procfile:3:1: error: '1x' is no name; a name is 1 to 47 letters, digits, '_' and "
		"'-', a letter first\n"
		"Procfile:4:1: error: task 'web' has nothing to run; add a command line\n"
		"Procfile:6:1: error: task 'web' is there twice, first at 5:1; rename one\n"
		"Procfile:7:2: error: ': c' is no line NAME: COMMAND; write one, or put a # "
		"before\n");
	ck_assert_ptr_nonnull(
		strstr(refusal_of("Procfile", "web: \377\n"), "Procfile:1:6: error:"));
	ck_assert_ptr_nonnull(strstr(refusal_of("Procfile", "# nothing\n"), "the file is empty"));
	write_file(".env", "A\n1=2\n=3\n", 9);
	ck_assert_str_eq(
		refusal_of("Procfile", "web: x\n"),
		"Procfile: error: .env:1: 'A' is no line NAME=VALUE; remove it, or put a # before\n"
		"Procfile: error: .env:2: '1=2' is no line NAME=VALUE; remove it, or put a # "
		"before\n"
		"Procfile: error: .env:3: '=3' is no line NAME=VALUE; remove it, or put a # "
		"before\n");
}

TEST(a_procfile_has_limits)
{
	enum { LONG = 140000 };
	char *text = malloc(LONG + 16);

	ck_assert_ptr_nonnull(text);
	strcpy(text, "web: ");
	memset(text + 5, 'x', LONG);
	text[LONG + 5] = 0;
	ck_assert_ptr_nonnull(strstr(refusal_of("Procfile", text), "is longer than 131071 bytes"));
	for (size_t i = 0; i < CONFIG_TASKS_MAX + 1; i++)
		memcpy(text + 5 * i, "w: x\n", 6);
	ck_assert_ptr_nonnull(strstr(refusal_of("Procfile", text), "more than 16384 tasks"));
	free(text);
}

TEST(a_procfile_without_memory_is_none)
{
	static struct config_errors errors;
	struct config *c = NULL;

	if (!counts_memory())
		return;
	write_file("Procfile", "web: x\n", 7);
	write_file(".env", "A=1\n", 4);
	long before = blocks_in_use();
	for (long n = 1;; n++) {
		fail_allocation(n, true);
		int error = config_load("Procfile", &c, &errors);
		bool failed = allocation_failed();
		fail_allocation(0, false);
		ck_assert((error == 0) == !failed);
		if (!failed)
			break;
		ck_assert_int_eq(blocks_in_use(), before);
	}
	config_free(c);
	ck_assert_int_eq(blocks_in_use(), before);
}
