/* test/cli/tree_test.c - the rows of a stack, drawn. */
#include "suite.h"

#include "show/tree.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void add(json_t *rows, const char *id, const char *parent, const char *path)
{
	ck_assert_int_eq(json_array_append_new(rows,
	                                       json_pack("{s:s, s:s?, s:s, s:s, s:s, s:i}", "id",
	                                                 id, "parent", parent, "path", path, "kind",
	                                                 "scope", "state", "running", "age_ns", 0)),
	                 0);
}

/* Draws with ASCII. Returns the names with their branches, a line each. */
static const char *drawn(json_t *rows)
{
	static char text[4096];
	int to = memfd_create("tree", 0), before = dup(STDOUT_FILENO);

	fflush(stdout);
	ck_assert_int_ge(to, 0);
	ck_assert_int_ge(dup2(to, STDOUT_FILENO), 0);
	tree_print(rows, true);
	fflush(stdout);
	ck_assert_int_ge(dup2(before, STDOUT_FILENO), 0);
	ssize_t n = pread(to, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = 0;
	close(to);
	close(before);
	json_decref(rows);
	char *out = text;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		char *facts = strstr(line, "  scope");
		ck_assert_ptr_nonnull(facts);
		while (facts > line && facts[-1] == ' ')
			facts--;
		memmove(out, line, (size_t)(facts - line));
		out += facts - line;
		*out++ = '\n';
	}
	*out = 0;
	return text;
}

/* The rows are sorted by path, so the two scopes come before the two tasks. */
TEST(each_row_is_drawn_below_its_own_of_two_scopes_with_one_name)
{
	json_t *rows = json_array();
	add(rows, "1", NULL, "s");
	add(rows, "7", "1", "s/app");
	add(rows, "40:2", "7", "s/app/pool");
	add(rows, "40:3", "7", "s/app/pool");
	add(rows, "40:4", "40:2", "s/app/pool/in-first");
	add(rows, "40:5", "40:3", "s/app/pool/in-second");
	ck_assert_str_eq(drawn(rows), "s\n"
	                              "`- app\n"
	                              "   |- pool\n"
	                              "   |  `- in-first\n"
	                              "   `- pool\n"
	                              "      `- in-second\n");
}

TEST(a_row_that_stands_in_none_of_the_rows_is_drawn_with_its_path)
{
	json_t *rows = json_array();
	add(rows, "7", "1", "s/app");
	add(rows, "40:1", "7", "s/app/inner");
	ck_assert_str_eq(drawn(rows), "s/app\n"
	                              "`- inner\n");
	ck_assert_str_eq(drawn(json_array()), "");
}

TEST(names_are_masked_as_the_library_masks_them)
{
	json_t *rows = json_array();
	add(rows, "1", NULL, "s");
	add(rows, "2", "1",
	    "s/a\xe2\x80\xae"
	    "b\xe2\x80\x8b"
	    "c\xc3\xa9");
	ck_assert_str_eq(drawn(rows), "s\n"
	                              "`- a?b?c\xc3\xa9\n");
}
