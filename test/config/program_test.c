/* test/config/program_test.c - a program of a command line as a stack. */
#include "harness.h"

#include <string.h>

static char *argv[] = {"./serve", "--port", "80", NULL};
static char *env[] = {"A=1", NULL};
static const struct config_program serve = {
	.name = "serve",
	.argv = argv,
	.env = env,
	.cwd = "/srv",
	.stop_signal = 2,
	.stop_timeout_ns = 7,
	.restart = {.policy = TEND_PERMANENT, .retries = 3},
	.output = CONFIG_INHERITED,
};

TEST(a_program_is_a_stack_of_one_task)
{
	struct config *c = config_of_program(&serve);

	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->name, "serve");
	ck_assert_str_eq(c->file, "tend run serve");
	ck_assert_uint_eq(c->ntasks, 1);
	ck_assert_uint_eq(c->order[0], 0);
	const struct config_task *t = c->tasks;
	ck_assert_str_eq(t->name, "serve");
	ck_assert_str_eq(t->argv[2], "80");
	ck_assert_ptr_null(t->argv[3]);
	ck_assert_ptr_ne(t->argv[0], argv[0]);
	ck_assert_str_eq(t->env[0], "A=1");
	ck_assert_ptr_null(t->env[1]);
	ck_assert(t->env_pass_all && t->inherits_input);
	ck_assert_str_eq(t->cwd, "/srv");
	ck_assert_int_eq(t->stop_signal, 2);
	ck_assert_uint_eq(t->stop_timeout_ns, 7);
	ck_assert_int_eq(t->restart.policy, TEND_PERMANENT);
	ck_assert_uint_eq(t->restart.retries, 3);
	ck_assert_int_eq(t->output, CONFIG_INHERITED);
	ck_assert_uint_eq(t->nneeds, 0);
	config_free(c);
}

TEST(a_program_without_memory_is_none)
{
	long before = blocks_in_use();

	if (!counts_memory())
		return;
	for (long n = 1;; n++) {
		fail_allocation(n, true);
		struct config *c = config_of_program(&serve);
		bool failed = allocation_failed();
		fail_allocation(0, false);
		ck_assert(failed == !c);
		config_free(c);
		ck_assert_int_eq(blocks_in_use(), before);
		if (!failed)
			break;
	}
}

TEST(a_text_becomes_a_name)
{
	static const struct {
		const char *text, *name;
	} names[] = {
		{"serve", "serve"},  {"2nd", "nd"},  {"my prog.sh", "my-prog.sh"},
		{"\377a\377", "a-"}, {"a/b", "a-b"}, {"[", NULL},
		{"", NULL},
	};
	char name[CONFIG_NAME_MAX + 1], longest[200];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		ck_assert_msg(config_name_of(names[i].text, name) == !!names[i].name, "%s",
		              names[i].text);
		if (names[i].name)
			ck_assert_str_eq(name, names[i].name);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	ck_assert(config_name_of(longest, name));
	ck_assert_uint_eq(strlen(name), CONFIG_NAME_MAX);
}
