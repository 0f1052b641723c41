/* test/config/graph_test.c - `needs`: the order of starting, and cycles. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "version: 1\ntasks:\n"

static void check_order(const char *text, const char *expected)
{
	char joined[256] = "";
	struct config *c = load(text);
	for (size_t i = 0, used = 0; i < c->ntasks; i++)
		used += (size_t)snprintf(joined + used, sizeof(joined) - used, "%s%s",
		                         used ? " " : "", c->tasks[c->order[i]].name);
	config_free(c);
	ck_assert_str_eq(joined, expected);
}

FIXTURE(enter_shop, leave_shop);

TEST(without_needs_the_order_is_that_of_the_file)
{
	check_order(HEAD "  c: {command: [x]}\n  a: {command: [x]}\n  b: {command: [x]}\n",
	            "c a b");
}

TEST(a_task_comes_after_those_it_needs)
{
	check_order(HEAD "  web: {command: [x], needs: [cache, db]}\n"
	                 "  cache: {command: [x], needs: [net]}\n"
	                 "  db: {command: [x], needs: [net]}\n"
	                 "  net: {command: [x]}\n"
	                 "  log: {command: [x]}\n",
	            "net cache db web log");
}

static const struct {
	const char *text, *errors;
} CYCLES[] = {
	{HEAD "  a: {command: [x], needs: [a]}\n",
         "tend.yaml:3:29: error: needs form a cycle: a -> a (at 3:29); remove one of them\n"},
	{HEAD "  a: {command: [x], needs: [b]}\n"
              "  b: {command: [x], needs: [c]}\n"
              "  c: {command: [x], needs: [a]}\n",
         "tend.yaml:3:29: error: needs form a cycle: a -> b -> c -> a (at 3:29, 4:29, 5:29); "
         "remove one of them\n"},
	{HEAD "  first: {command: [x], needs: [c]}\n"
              "  b: {command: [x], needs: [c]}\n"
              "  c: {command: [x], needs: [first, b]}\n",
         "tend.yaml:3:33: error: needs form a cycle: first -> c -> first (at 3:33, 5:29); remove "
         "one of them\n"
         "tend.yaml:4:29: error: needs form a cycle: b -> c -> b (at 4:29, 5:36); remove one of "
         "them\n"},
};

TEST_EACH(a_cycle_is_told_from_its_first_task_with_the_place_of_each_need,
          sizeof(CYCLES) / sizeof(CYCLES[0]))
{
	ck_assert_str_eq(refusal(CYCLES[_i].text, strlen(CYCLES[_i].text)), CYCLES[_i].errors);
}

TEST(a_long_cycle_is_shortened)
{
	char text[4096] = HEAD;
	for (int i = 0; i < 40; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		         "  task-with-a-rather-long-name-%02d: {command: [x], needs: "
		         "[task-with-a-rather-long-name-%02d]}\n",
		         i, (i + 1) % 40);
	const char *errors = refusal(text, strlen(text));
	ck_assert_ptr_nonnull(strstr(errors, "-> ... -> task-with-a-rather-long-name-00 (at 3:"));
	ck_assert_ptr_nonnull(strstr(errors, ", ...); remove one of them\n"));
}

TEST(the_deepest_chain_is_ordered)
{
	enum { DEEP = CONFIG_TASKS_MAX };
	size_t size = DEEP * 64, used = 0;
	char *text = malloc(size);
	ck_assert_ptr_nonnull(text);
	used += (size_t)snprintf(text, size, HEAD);
	for (int i = 0; i < DEEP; i++)
		used += (size_t)snprintf(text + used, size - used,
		                         i + 1 < DEEP ? "  t%d: {command: [x], needs: [t%d]}\n"
		                                      : "  t%d: {command: [x]}\n",
		                         i, i + 1);
	struct config *c = load(text);
	for (size_t i = 0; i < DEEP; i++)
		ck_assert_uint_eq(c->order[i], DEEP - 1 - i);
	config_free(c);
	free(text);
}
