/* test/config/memory_test.c - whichever allocation fails, it is told and
 * nothing is left. libyaml's and jansson's allocations are among them. */
#include "harness.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Without `log`: regcomp() of glibc leaves a block behind when it gets no memory. */
static const char GOOD[] =
	"version: 1\n"
	"tasks:\n"
	"  db: &db {command: [postgres, -D, data], cwd: data, stop: {signal: INT}}\n"
	"  web: {shell: run, needs: [db, db2], env: {A: b}, env_pass: [EDITOR],\n"
	"        restart: {success: [3], fatal: [4]}, ready: {http: 'http://127.0.0.1/'},\n"
	"        alive: {exec: [true]}, stop: [{signal: INT}, {signal: TERM}]}\n"
	"  log: {shell: run, needs: {web: ready}, alive: {tcp: 80}}\n"
	"  db2: *db\n";
static const char BAD[] = "version: 1\n"
			  "tasks:\n"
			  "  b: {ready: {tcp: x}, stop: [x], needs: {b: 1}, restart: [2]}\n"
			  "  a: {command: x, nedes: [b], needs: [c, a], env: {A: [1]}}\n"
			  "  a: {}\n";

/* All that is done with a file; answers what loading it answered, -EBADMSG if
 * that was not in order. Check allocates itself, so it is not asked meanwhile. */
static int use(void)
{
	static char *const parent[] = {"PATH=/bin", NULL};
	static struct config_errors errors, warnings;
	struct config *c = NULL;

	warnings.count = 0;
	int error = config_load("tend.yaml", &c, &errors);
	bool in_order = (error == 0) == (c != NULL) && (error == 0) == (errors.count == 0);
	if (c) {
		config_probe(c, parent, "tend.yaml", &warnings);
		free(config_environment(&c->tasks[0], parent, NULL));
	}
	json_decref(config_check_json(c, &errors, &warnings));
	config_free(c);
	return in_order ? error : -EBADMSG;
}

static void sweep(const char *text, int expected, bool for_ever)
{
	write_file("tend.yaml", text, strlen(text));
	ck_assert_int_eq(use(), expected); /* what is allocated once is, from here */
	long before = blocks_in_use(), n = 0, refused = 0;
	for (bool failed = true; failed;) {
		fail_allocation(++n, for_ever);
		int error = use();
		failed = allocation_failed();
		fail_allocation(0, false);
		ck_assert_msg(error == expected || error == -ENOMEM, "allocation %ld: %d", n,
		              error);
		refused += error == -ENOMEM;
		ck_assert_msg(blocks_in_use() == before, "allocation %ld: %ld blocks left", n,
		              blocks_in_use() - before);
		ck_assert_int_lt(n, 100000);
	}
	ck_assert_int_gt(refused, 20);
}

FIXTURE(enter_shop, leave_shop);

TEST_EACH(no_failed_allocation_leaves_anything, 2)
{
	if (!counts_memory())
		return;
	sweep(GOOD, 0, _i);
	sweep(BAD, -EINVAL, _i);
}
