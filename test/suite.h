/* test/suite.h - a test registers itself where it is written; nothing else names
 * it. One file of each folder has SUITE_MAIN.
 *
 *   test_FOLDER [--list] [--part K/N] [PART OF A NAME]
 *
 * Part K of N has every N-th test, so that each test is in exactly one part. */
#ifndef TEND_TEST_SUITE_H
#define TEND_TEST_SUITE_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Each assertion that holds would write its place into a pipe, one system call an assertion,
 * only so that a crash can be dated; the explorations make a million of them. */
#define _mark_point(file, line) ((void)0)

/* Defined where AddressSanitizer or ThreadSanitizer is at work. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

struct suite_test {
	const TTest *test;
	int cases;
	struct suite_test *next;
};
/* Appends the test. */
void suite_add(struct suite_test *test);

/* A setup and a teardown around each test of one file: inside the process of the
 * test, or outside it, where the teardown comes even after a crash. */
struct suite_fixture {
	const char *file;
	void (*setup)(void), (*teardown)(void);
	int outside;
	struct suite_fixture *next;
};
void suite_fix(struct suite_fixture *fixture);

/* Runs the tests that the arguments choose. Returns the exit code of main(). */
int suite_main(const char *title, int argc, char **argv);

/* A test, and one that runs for each `_i` from 0 to below `n`. */
#define TEST(id) TEST_EACH(id, 1)
#define TEST_EACH(id, n) \
	static void id##_fn(int _i); \
	__attribute__((constructor)) static void register_##id(void) \
	{ \
		static const TTest check = {#id, id##_fn, __FILE__, __LINE__}; \
		static struct suite_test test = {&check, n, NULL}; \
		suite_add(&test); \
	} \
	static void id##_fn(int _i CK_ATTRIBUTE_UNUSED)

#define FIXTURE(setup, teardown)         FIXTURE_(setup, teardown, 0)
#define FIXTURE_OUTSIDE(setup, teardown) FIXTURE_(setup, teardown, 1)
#define FIXTURE_(setup, teardown, outside) \
	__attribute__((constructor)) static void register_fixture(void) \
	{ \
		static struct suite_fixture fixture = {__FILE__, setup, teardown, outside, NULL}; \
		suite_fix(&fixture); \
	} \
	_Static_assert(1, "takes a semicolon")

#define SUITE_MAIN(title) \
	int main(int argc, char **argv) { return suite_main(title, argc, argv); }

/* Nothing takes so long on a machine which is not stuck, be it slow and busy: only a
 * failure waits for it. */
#define PATIENCE_S  300
#define PATIENCE_NS (PATIENCE_S * UINT64_C(1000000000))

/* The call answers `want`. */
#define ANSWERS(call, want) ck_assert_int_eq((call), (want))

/* How often a test repeats: TEND_TEST is `quick`, as under sanitizers, or `full`, as
 * before a release, or not set. */
int suite_count(int quick, int usual, int full);

/* A number of the environment. */
uint64_t suite_number(const char *name, uint64_t otherwise);

/* The path of a static program: `exit_with N` exits with N at once; without a number
 * it stays until a signal ends it. */
const char *exit_with(void);
/* The path of a guard that never answers, and dies of a stop: no process starts there. */
const char *mute_guard(void);
/* The path of a static program: `hold PID` keeps a process from ending, see child/hold.c. */
const char *hold_program(void);
/* How many pipe ends this process has open. By their names, because another thread may close
 * the descriptors meanwhile. */
int open_pipes(void);
/* How many descriptors this process has open, and a constant more. */
int open_descriptors(void);

#endif
