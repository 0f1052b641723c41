/* test/suite.c - runs the tests that are linked with it. */
#include "suite.h"

#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* Of one test, against a hang only: the slowest takes some seconds, on a slow and busy
 * machine some minutes. */
enum { TEST_S = 3 * PATIENCE_S, TEST_FULL_S = 24 * PATIENCE_S };

static struct suite_test *tests, **last_test = &tests;
static struct suite_fixture *fixtures;

void suite_add(struct suite_test *test)
{
	*last_test = test;
	last_test = &test->next;
}

void suite_fix(struct suite_fixture *fixture)
{
	fixture->next = fixtures;
	fixtures = fixture;
}

static bool mode_is(const char *mode)
{
	const char *set = getenv("TEND_TEST");

	return set && strcmp(set, mode) == 0;
}

int suite_count(int quick, int usual, int full)
{
	return mode_is("full") ? full : mode_is("quick") ? quick : usual;
}

uint64_t suite_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static const char *beside(char path[PATH_MAX + 16], const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n > 0 ? n : 0] = '\0';
	snprintf(path, PATH_MAX + 16, "%s/%s", dirname(self), name);
	return path;
}

const char *exit_with(void)
{
	static char path[PATH_MAX + 16];

	return beside(path, "exit_with");
}

const char *mute_guard(void)
{
	static char path[PATH_MAX + 16];

	return beside(path, "mute_guard");
}

const char *hold_program(void)
{
	static char path[PATH_MAX + 16];

	return beside(path, "hold");
}

int open_pipes(void)
{
	char path[64], name[16];
	int n = 0;

	for (int fd = 0; fd < 4096; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n += readlink(path, name, sizeof(name)) >= 5 && memcmp(name, "pipe:", 5) == 0;
	}
	return n;
}

int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The file with its folder, and the name: `scenarios/rules.c:NAME`. */
static const char *full_name(const struct suite_test *t)
{
	static char text[512];
	const char *file = t->test->file, *at = file + strlen(file);

	for (int slashes = 0; at > file; at--)
		if (at[-1] == '/' && ++slashes == 2)
			break;
	snprintf(text, sizeof(text), "%s:%s", at, t->test->name);
	return text;
}

static void add_fixtures(TCase *c, const char *file)
{
	for (const struct suite_fixture *f = fixtures; f; f = f->next)
		if (strcmp(f->file, file) != 0)
			continue;
		else if (f->outside)
			tcase_add_unchecked_fixture(c, f->setup, f->teardown);
		else
			tcase_add_checked_fixture(c, f->setup, f->teardown);
}

static TCase *make_case(const struct suite_test *t)
{
	TCase *c = tcase_create(t->test->name);

	tcase_set_timeout(c, mode_is("full") ? TEST_FULL_S : TEST_S);
	add_fixtures(c, t->test->file);
	tcase_add_loop_test(c, t->test, 0, t->cases);
	return c;
}

struct choice {
	const char *name;
	int part, parts;
	bool list;
};

/* False if the arguments are not understood. */
static bool choose(int argc, char **argv, struct choice *out)
{
	*out = (struct choice){.name = "", .part = 1, .parts = 1};
	for (int i = 1; i < argc; i++) {
		int end = 0;

		if (strcmp(argv[i], "--list") == 0)
			out->list = true;
		else if (strcmp(argv[i], "--part") != 0 && argv[i][0] != '-')
			out->name = argv[i];
		else if (++i == argc ||
		         sscanf(argv[i], "%d/%d%n", &out->part, &out->parts, &end) != 2 ||
		         argv[i][end] || out->part < 1 || out->part > out->parts)
			return false;
	}
	return true;
}

int suite_main(const char *title, int argc, char **argv)
{
	struct choice choice;
	int at = 0, chosen = 0, failed;

	if (!choose(argc, argv, &choice)) {
		fprintf(stderr, "usage: %s [--list] [--part K/N] [PART OF A NAME]\n", argv[0]);
		return 2;
	}
	Suite *suite = suite_create(title);
	SRunner *runner = srunner_create(suite);
	for (const struct suite_test *t = tests; t; t = t->next) {
		if (at++ % choice.parts != choice.part - 1 || !strstr(full_name(t), choice.name))
			continue;
		chosen++;
		if (choice.list)
			puts(full_name(t));
		else
			suite_add_tcase(suite, make_case(t));
	}
	if (!choice.list)
		srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (!chosen)
		fprintf(stderr, "%s: no test has '%s' in its name\n", argv[0], choice.name);
	return failed || !chosen;
}
