/* The tree as text. */
#include "suite.h"

#include "fake.h"

#include <stdio.h>

static void draws(struct fake *f, uint32_t flags, const char *want)
{
	tend_snapshot *s = fake_read(f);
	char text[4096];

	ck_assert_uint_eq(tend_snapshot_text(s, flags, text, sizeof(text)), strlen(text));
	ck_assert_str_eq(text, want);
	ck_assert_uint_eq(tend_snapshot_text(s, flags, NULL, 0), strlen(want));
	tend_snapshot_text(s, flags, text, 10);
	ck_assert_uint_eq(strlen(text), 9);
	tend_snapshot_free(s);
}

static void plant(struct fake *f)
{
	uint32_t web = fake_scope(f, 1, "web");
	uint32_t t = fake_task(f, web, TEND_KIND_FIBER, "accept",
	                       TEND__PARKED | TEND__WAIT_READ << TEND__WAIT_SHIFT);

	fake_record(f, t)->object = 7;
	fake_record(f, t)->site_kind |= 1 << 8;
	t = fake_task(f, web, TEND_KIND_FIBER, "conn", TEND__RUNNING);
	fake_record(f, t)->spawned = 800 * TEND_MS;
	t = fake_task(f, 1, TEND_KIND_PROCESS, "api", TEND__PARKED);
	fake_record(f, t)->pid = 4711;
	fake_record(f, t)->attempt = 3;
	t = fake_task(f, 1, TEND_KIND_THREAD, "zeit\xc3\xa9",
	              TEND__ENDED | TEND_FAILED << TEND__OUTCOME_SHIFT);
	fake_record(f, t)->pid = 12;
	fake_record(f, t)->seq = 1;
}

TEST(a_tree_is_drawn_with_lines)
{
	struct fake f = fake_open(64);

	plant(&f);
	draws(&f, 0,
	      "root          scope    running\n"
	      "├─ api        process  running   1.0s  pid 4711  attempt 3\n"
	      "├─ web        scope    running\n"
	      "│  ├─ accept  fiber    parked    1.0s  read fd 7  server.c:42\n"
	      "│  └─ conn    fiber    running   200ms\n"
	      "└─ zeité      thread   ended     1.0s  tid 12  failed  torn\n");
	fake_close(&f);
}

TEST(a_tree_is_drawn_in_ascii)
{
	struct fake f = fake_open(64);

	plant(&f);
	draws(&f, TEND_TREE_ASCII,
	      "root          scope    running\n"
	      "|- api        process  running   1.0s  pid 4711  attempt 3\n"
	      "|- web        scope    running\n"
	      "|  |- accept  fiber    parked    1.0s  read fd 7  server.c:42\n"
	      "|  `- conn    fiber    running   200ms\n"
	      "`- zeit\xc3\xa9      thread   ended     1.0s  tid 12  failed  torn\n");
	fake_close(&f);
}

/* Not where the list by path would have it. */
TEST(in_the_drawing_a_row_stands_below_its_own_scope)
{
	struct fake f = fake_open(64);
	uint32_t first = fake_scope(&f, 1, "a"), second = fake_scope(&f, 1, "a");

	fake_scope(&f, second, "b");
	fake_scope(&f, first, "x");
	fake_scope(&f, second, "y");
	draws(&f, TEND_TREE_ASCII,
	      "root     scope    running\n"
	      "|- a     scope    running\n"
	      "|  `- x  scope    running\n"
	      "`- a     scope    running\n"
	      "   |- b  scope    running\n"
	      "   `- y  scope    running\n");
	fake_close(&f);
}

TEST(hidden_rows_take_no_room)
{
	struct fake f = fake_open(64);
	uint32_t hidden = fake_scope(&f, 1, ".tool-with-a-long-name");

	fake_scope(&f, hidden, "below");
	fake_scope(&f, 1, "a.b");
	draws(&f, TEND_TREE_ASCII | TEND_TREE_HIDE,
	      "root    scope    running\n"
	      "`- a.b  scope    running\n");
	draws(&f, TEND_TREE_ASCII,
	      "root                       scope    running\n"
	      "|- .tool-with-a-long-name  scope    running\n"
	      "|  `- below                scope    running\n"
	      "`- a.b                     scope    running\n");
	fake_close(&f);
}

TEST(marks_that_turn_a_line_around_are_not_drawn)
{
	struct fake f = fake_open(64);

	fake_scope(&f, 1,
	           "a\xe2\x80\xae"
	           "b\xd8\x9c"
	           "c\xe2\x81\xa6"
	           "d\xef\xbb\xbf"
	           "e\xe2\x82\xac");
	draws(&f, TEND_TREE_ASCII,
	      "root           scope    running\n"
	      "`- a?b?c?d?e\xe2\x82\xac  scope    running\n");
	fake_close(&f);
}

/* Draws rows that are named by their numbers. */
static const char *drawn(struct tend_tree_row *rows, size_t n)
{
	static char text[256];
	size_t used = 0;

	text[0] = 0;
	for (uint32_t row = tend_tree_link(rows, n); row != TEND_NO_ROW;
	     row = tend_tree_next(rows, row)) {
		char branch[40];

		ck_assert_uint_eq(tend_tree_branch(rows, row, TEND_TREE_ASCII, branch,
		                                   sizeof(branch)),
		                  3 * rows[row].depth);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u\n", branch, row);
	}
	return text;
}

TEST(any_rows_are_drawn_below_the_rows_they_stand_in)
{
	struct tend_tree_row rows[] = {{.above = 3},           {.above = 3}, {.above = 0},
	                               {.above = TEND_NO_ROW}, {.above = 1}, {.above = 0}};

	ck_assert_str_eq(drawn(rows, 6), "3\n"
	                                 "|- 0\n"
	                                 "|  |- 2\n"
	                                 "|  `- 5\n"
	                                 "`- 1\n"
	                                 "   `- 4\n");
	ck_assert_str_eq(drawn(rows, 0), "");
}

TEST(rows_without_a_place_are_drawn_on_top_and_circles_not_at_all)
{
	struct tend_tree_row rows[] = {{.above = 2}, {.above = 77}, {.above = 0},
	                               {.above = 3}, {.above = 1},  {.above = TEND_NO_ROW}};

	ck_assert_str_eq(drawn(rows, 6), "1\n"
	                                 "`- 4\n"
	                                 "5\n");
}

TEST(of_a_very_deep_row_the_last_branches_are_drawn)
{
	enum { N = 300 };
	struct tend_tree_row rows[N];
	uint32_t row;

	for (uint32_t i = 0; i < N; i++)
		rows[i].above = i ? i - 1 : TEND_NO_ROW;
	row = tend_tree_link(rows, N);
	for (uint32_t i = 1; i < N; i++)
		row = tend_tree_next(rows, row);
	ck_assert_uint_eq(rows[row].depth, N - 1);
	ck_assert_uint_eq(tend_tree_branch(rows, row, TEND_TREE_ASCII, NULL, 0), 3 * 256);
	ck_assert_uint_eq(tend_tree_next(rows, row), TEND_NO_ROW);
}
