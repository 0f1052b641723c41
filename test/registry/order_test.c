/* Rows come by path, segment by segment, bytes within a segment, then by id as a
 * number; a tree that is broken is still one that ends. */
#include "suite.h"

#include "fake.h"

#include <stdio.h>

TEST(rows_come_by_path_and_a_scope_before_what_is_in_it)
{
	struct fake f = fake_open(64);
	uint32_t b = fake_scope(&f, 1, "b");
	uint32_t a = fake_scope(&f, 1, "a");
	tend_snapshot *s;

	fake_task(&f, b, TEND_KIND_FIBER, "z", TEND__READY);
	fake_task(&f, a, TEND_KIND_FIBER, "y", TEND__READY);
	fake_task(&f, 1, TEND_KIND_FIBER, "c", TEND__READY);
	s = fake_read(&f);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#3 root/a/y#5 root/b#2 root/b/z#4 root/c#6");
	tend_snapshot_free(s);
	fake_close(&f);
}

/* As whole paths compared by bytes they would come the other way: '-' and '.' are
 * less than '/'. */
TEST(a_segment_is_compared_with_a_segment)
{
	struct fake f = fake_open(64);
	uint32_t a = fake_scope(&f, 1, "a");
	tend_snapshot *s;

	fake_scope(&f, 1, "a-b");
	fake_scope(&f, 1, "a.b");
	fake_scope(&f, 1, "a b");
	fake_scope(&f, a, "z");
	s = fake_read(&f);
	ck_assert_str_eq(paths_of(s),
	                 "root#1 root/a#2 root/a/z#6 root/a b#5 root/a-b#3 root/a.b#4");
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(names_are_compared_as_unsigned_bytes_to_their_end)
{
	static const char *const names[] = {"é",
	                                    "z",
	                                    "a",
	                                    "aa",
	                                    "Z",
	                                    "10",
	                                    "9",
	                                    "same-first-eight-bytes-and-more-2",
	                                    "same-first-eight-bytes-and-more-10",
	                                    "same-first-eight-bytes-and-more",
	                                    "same-fir"};
	struct fake f = fake_open(64);
	tend_snapshot *s;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		fake_task(&f, 1, TEND_KIND_FIBER, names[i], TEND__READY);
	s = fake_read(&f);
	for (size_t i = 2; i < tend_snapshot_count(s); i++)
		ck_assert_int_lt(
			strcmp(tend_snapshot_at(s, i - 1)->name, tend_snapshot_at(s, i)->name), 0);
	ck_assert_str_eq(tend_snapshot_at(s, 1)->name, "10");
	ck_assert_str_eq(tend_snapshot_at(s, 11)->name, "é");
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(rows_of_one_path_come_by_id_as_a_number)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	for (int i = 0; i < 4; i++)
		fake_task(&f, 1, TEND_KIND_FIBER, "t", TEND__READY);
	/* The generation is the high part of an id. */
	fake_generation(&f, 2, 300);
	fake_generation(&f, 3, 2);
	fake_generation(&f, 4, 300);
	s = fake_read(&f);
	ck_assert_str_eq(paths_of(s), "root#1 root/t#5 root/t#3 root/t#2 root/t#4");
	for (size_t i = 2; i < tend_snapshot_count(s); i++)
		ck_assert_uint_lt(tend_snapshot_at(s, i - 1)->id, tend_snapshot_at(s, i)->id);
	tend_snapshot_free(s);
	fake_close(&f);
}

/* What follows the end of a name is not of it. */
TEST(names_that_read_alike_are_one_path)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	fake_task(&f, 1, TEND_KIND_FIBER, "t", TEND__READY);
	fake_task(&f, 1, TEND_KIND_FIBER, "t", TEND__READY);
	fake_rename(&f, 2, "t\0b", 3);
	fake_rename(&f, 3, "t\0a", 3);
	s = fake_read(&f);
	ck_assert_str_eq(paths_of(s), "root#1 root/t#2 root/t#3");
	tend_snapshot_free(s);
	fake_close(&f);
}

/* The list is by path, whichever of the two scopes a row is in. */
TEST(what_is_in_scopes_of_one_path_is_one_list)
{
	struct fake f = fake_open(64);
	uint32_t first = fake_scope(&f, 1, "a"), second = fake_scope(&f, 1, "a");
	tend_snapshot *s;

	fake_task(&f, second, TEND_KIND_FIBER, "b", TEND__READY);
	fake_task(&f, first, TEND_KIND_FIBER, "x", TEND__READY);
	fake_task(&f, second, TEND_KIND_FIBER, "x", TEND__READY);
	fake_task(&f, 1, TEND_KIND_FIBER, "aa", TEND__READY);
	s = fake_read(&f);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#2 root/a#3 root/a/b#4 root/a/x#5 root/a/x#6 "
	                              "root/aa#7");
	ck_assert_uint_eq(tend_snapshot_at(s, 4)->parent, tend_snapshot_at(s, 1)->id);
	ck_assert_uint_eq(tend_snapshot_at(s, 3)->parent, tend_snapshot_at(s, 2)->id);
	tend_snapshot_free(s);
	fake_close(&f);
}

/* Negative, zero, positive as strcmp(), a segment at a time. */
static int compare_paths(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++) {}
	int x = *a == '/' ? 1 : (unsigned char)*a, y = *b == '/' ? 1 : (unsigned char)*b;
	return x - y;
}

TEST(a_thousand_random_trees_are_in_order)
{
	unsigned seed = 1;

	for (int round = 0; round < 1000; round++) {
		struct fake f = fake_open(256);
		uint32_t scopes[64] = {1}, nscopes = 1;
		char last[TEND_PATH_MAX] = "", path[TEND_PATH_MAX];
		uint64_t last_id = 0;
		tend_snapshot *s;

		for (int i = 0; i < 60; i++) {
			char name[24];
			uint32_t in = scopes[(unsigned)rand_r(&seed) % nscopes];

			snprintf(name, sizeof(name), "%.*s%c", rand_r(&seed) % 2 ? 9 : 0,
			         "name-of-n", "abc-."[rand_r(&seed) % 5]);
			if (rand_r(&seed) % 3 == 0)
				scopes[nscopes++] = fake_scope(&f, in, name);
			else
				fake_task(&f, in, TEND_KIND_FIBER, name, TEND__READY);
			fake_generation(&f, f.h->records_used - 1, 1 + (unsigned)rand_r(&seed) % 3);
		}
		s = fake_read(&f);
		ck_assert_uint_eq(tend_snapshot_count(s), 61);
		for (size_t i = 0; i < 61; i++) {
			uint64_t id = tend_snapshot_at(s, i)->id;
			size_t n = tend_snapshot_path(s, i, path, sizeof(path));
			int order = compare_paths(last, path);

			ck_assert_uint_eq(n, strlen(path));
			ck_assert_msg(order < 0 || (order == 0 && last_id < id), "%s before %s",
			              last, path);
			memcpy(last, path, n + 1);
			last_id = id;
		}
		tend_snapshot_free(s);
		fake_close(&f);
	}
}

TEST(a_path_is_cut_as_snprintf_cuts)
{
	struct fake f = fake_open(64);
	char small[8] = "xxxxxxx";
	tend_snapshot *s;

	fake_task(&f, 1, TEND_KIND_FIBER, "worker", TEND__READY);
	s = fake_read(&f);
	ck_assert_uint_eq(tend_snapshot_path(s, 1, NULL, 0), strlen("root/worker"));
	ck_assert_uint_eq(tend_snapshot_path(s, 1, small, sizeof(small)), strlen("root/worker"));
	ck_assert_str_eq(small, "root/wo");
	ck_assert_uint_eq(tend_snapshot_depth(s, 0), 0);
	ck_assert_uint_eq(tend_snapshot_depth(s, 1), 1);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(a_path_that_is_too_long_is_cut_in_front)
{
	struct fake f = fake_open(64);
	char path[2 * TEND_PATH_MAX];
	uint32_t in = 1;
	tend_snapshot *s;
	size_t n;

	for (int i = 0; i < 30; i++)
		in = fake_scope(&f, in, "a-name-of-forty-seven-bytes-is-as-long-as-it-is");
	fake_task(&f, in, TEND_KIND_FIBER, "t", TEND__READY);
	s = fake_read(&f);
	n = tend_snapshot_path(s, 31, path, sizeof(path));
	ck_assert_uint_eq(n, strlen(path));
	ck_assert_uint_lt(n, TEND_PATH_MAX);
	ck_assert_uint_gt(n, TEND_PATH_MAX - 64);
	ck_assert_int_eq(strncmp(path, ".../a-name", 10), 0);
	ck_assert_str_eq(path + n - 8, "-it-is/t");
	tend_snapshot_free(s);
	fake_close(&f);
}

/* ---- Broken trees ---- */

static tend_snapshot *read_broken(struct fake *f, uint64_t torn)
{
	tend_snapshot *s = fake_read(f);
	struct tend_snapshot_info about;
	char path[TEND_PATH_MAX];

	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.torn, torn);
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		tend_snapshot_path(s, i, path, sizeof(path));
	ck_assert_uint_gt(tend_snapshot_text(s, 0, NULL, 0), 0);
	return s;
}

TEST(a_circle_of_scopes_is_cut_and_shown_as_torn)
{
	struct fake f = fake_open(64);
	uint32_t a = fake_scope(&f, 3, "a"), b = fake_scope(&f, a, "b");
	tend_snapshot *s;

	fake_scope(&f, 4, "in-itself");
	fake_task(&f, b, TEND_KIND_FIBER, "t", TEND__READY);
	s = read_broken(&f, 2);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#2 root/a/b#3 root/a/b/t#5 root/in-itself#4");
	tend_snapshot_free(s);
	fake_record(&f, 1)->word = 0;
	s = read_broken(&f, 2);
	ck_assert_str_eq(paths_of(s), "a#2 a/b#3 a/b/t#5 in-itself#4");
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(tend_snapshot_depth(s, i), i % 3);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(a_scope_that_is_not_there_leaves_its_rows_at_the_root_and_torn)
{
	struct fake f = fake_open(64);
	uint32_t task, gone = fake_scope(&f, 1, "gone");
	tend_snapshot *s;

	fake_task(&f, 4000000000u, TEND_KIND_FIBER, "far", TEND__READY);
	fake_task(&f, 0, TEND_KIND_FIBER, "zero", TEND__READY);
	fake_task(&f, gone, TEND_KIND_FIBER, "orphan", TEND__READY);
	task = fake_task(&f, 1, TEND_KIND_FIBER, "task", TEND__READY);
	fake_task(&f, task, TEND_KIND_FIBER, "in-a-task", TEND__READY);
	fake_record(&f, gone)->word = (uint64_t)2 << 32;
	s = read_broken(&f, 4);
	ck_assert_str_eq(
		paths_of(s),
		"root#1 root/far#3 root/in-a-task#7 root/orphan#5 root/task#6 root/zero#4");
	tend_snapshot_free(s);
	fake_close(&f);
}

/* The paths of the rows below are as wrong as the path of the row. */
TEST(what_is_below_a_row_without_a_scope_is_torn_as_well)
{
	struct fake f = fake_open(64);
	uint32_t gone = fake_scope(&f, 1, "gone"), a = fake_scope(&f, gone, "a");
	tend_snapshot *s;

	fake_task(&f, fake_scope(&f, a, "b"), TEND_KIND_FIBER, "t", TEND__READY);
	fake_task(&f, 1, TEND_KIND_FIBER, "whole", TEND__READY);
	fake_record(&f, gone)->word = (uint64_t)2 << 32;
	s = read_broken(&f, 3);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#3 root/a/b#4 root/a/b/t#5 root/whole#6");
	ck_assert_int_eq(info_named(s, "t")->torn, 1);
	ck_assert_int_eq(info_named(s, "whole")->torn, 0);
	tend_snapshot_free(s);
	fake_close(&f);
}

/* The read ends where the slots end that were in use when it began. */
TEST(a_scope_that_is_opened_during_the_read_is_found)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	fake_task(&f, 5, TEND_KIND_FIBER, "t", TEND__READY);
	fake_task(&f, 1, TEND_KIND_FIBER, "a", TEND__READY);
	fake_scope(&f, 1, "a");
	fake_scope(&f, 4, "late");
	f.h->records_used = 4;
	s = read_broken(&f, 0);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#3 root/a#4 root/a/late#5 root/a/late/t#2");
	tend_snapshot_free(s);
	fake_close(&f);
}

/* A scope that closes drops its outcomes one after the other. */
TEST(an_outcome_whose_scope_has_ended_is_no_row)
{
	struct fake f = fake_open(64);
	uint32_t a = fake_scope(&f, 1, "a");
	tend_snapshot *s;

	fake_task(&f, a, TEND_KIND_FIBER, "kept", TEND__ENDED | TEND__KEPT);
	fake_record(&f, a)->word = (uint64_t)1 << 32 | TEND__SCOPE_CLOSED;
	s = read_broken(&f, 0);
	ck_assert_str_eq(paths_of(s), "root#1");
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(without_a_root_the_rows_are_still_there)
{
	struct fake f = fake_open(64);
	uint32_t a = fake_scope(&f, 1, "a");
	tend_snapshot *s;

	fake_task(&f, a, TEND_KIND_FIBER, "t", TEND__READY);
	fake_task(&f, 1, TEND_KIND_FIBER, "b", TEND__READY);
	fake_record(&f, 1)->word = 0;
	s = read_broken(&f, 3);
	ck_assert_str_eq(paths_of(s), "a#2 a/t#3 b#4");
	tend_snapshot_free(s);
	fake_close(&f);
}

/* From its end, too, and into few pieces: one row in each is torn. */
TEST(a_chain_that_begins_at_its_end_is_cut)
{
	enum { LONG = 20000 };
	struct fake f = fake_open(LONG + 2);
	tend_snapshot *s;
	int torn = 0;

	for (uint32_t i = 0; i < LONG; i++)
		fake_scope(&f, i + 1 < LONG ? i + 3 : 1, "s");
	s = fake_read(&f);
	ck_assert_uint_eq(tend_snapshot_count(s), LONG + 1);
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		ck_assert_uint_lt(tend_snapshot_depth(s, i), TEND__TREE_LEVELS);
		torn += tend_snapshot_at(s, i)->torn;
	}
	ck_assert_int_le(torn, LONG / (TEND__ROW_DEPTH_MAX / 2));
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(a_chain_without_end_is_cut)
{
	enum { LONG = 20000 };
	struct fake f = fake_open(LONG + 2);
	tend_snapshot *s;

	for (uint32_t i = 0; i < LONG; i++)
		fake_scope(&f, i + 1, "s");
	s = fake_read(&f);
	ck_assert_uint_eq(tend_snapshot_count(s), LONG + 1);
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		ck_assert_uint_lt(tend_snapshot_depth(s, i), TEND__TREE_LEVELS);
	ck_assert_uint_gt(tend_snapshot_text(s, 0, NULL, 0), 0);
	tend_snapshot_free(s);
	fake_close(&f);
}
