/* test/config/check_test.c - the command `tend check`. */
#include "cmd/commands.h"
#include "harness.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct run {
	int code;
	char out[2048], err[2048];
};

static void read_back(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ssize_t n = read(fd, buf, size - 1);
	ck_assert_int_ge(n, 0);
	buf[n] = 0;
	close(fd);
}

/* In a process of its own: a wrong use ends it. */
static struct run run_into(const char *out, const char *arg, const char *arg2)
{
	char *argv[] = {"tend check", (char *)(uintptr_t)arg, (char *)(uintptr_t)arg2, NULL};
	struct run run = {0};
	int status;

	fflush(NULL);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (!freopen(out, "w", stdout) || !freopen("../err", "w", stderr))
			_exit(99);
		argp_err_exit_status = 2;
		int code = cmd_check(1 + (arg != NULL) + (arg2 != NULL), argv);
		fflush(NULL);
		_exit(code);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	run.code = WEXITSTATUS(status);
	if (strcmp(out, "../out") == 0)
		read_back(out, run.out, sizeof(run.out));
	read_back("../err", run.err, sizeof(run.err));
	return run;
}

static struct run run(const char *arg, const char *arg2) { return run_into("../out", arg, arg2); }

static void write_text(const char *path, const char *text) { write_file(path, text, strlen(text)); }

FIXTURE(enter_shop, leave_shop);

TEST(a_valid_file_is_told_with_its_order_and_answers_0)
{
	write_text("tend.yaml", "version: 1\ntasks:\n  web: {command: [sh], needs: [db]}\n"
	                        "  db: {command: [sh]}\n");
	struct run r = run(NULL, NULL);
	ck_assert_str_eq(r.err, "");
	ck_assert_str_eq(r.out, "shop: 2 tasks, started in this order: db, web\n");
	ck_assert_int_eq(r.code, 0);
}

TEST(warnings_do_not_change_the_answer)
{
	write_text("one.yaml", "version: 1\ntasks: {web: {command: [/no/such]}}\n");
	struct run r = run("one.yaml", NULL);
	ck_assert_str_eq(r.err,
	                 "one.yaml:2:25: warning: there is no file '/no/such', seen from the "
	                 "directory of task 'web'; build it, or correct the path\n");
	ck_assert_str_eq(r.out, "shop: 1 task, started in this order: web\n");
	ck_assert_int_eq(r.code, 0);
}

TEST(a_file_that_is_not_valid_answers_78)
{
	write_text("tend.yaml", "version: 1\ntasks: {web: {comand: [x]}}\n");
	struct run r = run("-f", "tend.yaml");
	ck_assert_str_eq(r.out, "");
	ck_assert_str_eq(r.err, "tend.yaml:2:15: error: unknown key 'comand' (did you mean "
	                        "'command'?)\n");
	ck_assert_int_eq(r.code, 78);
}

TEST(a_missing_file_answers_78) { ck_assert_int_eq(run(NULL, NULL).code, 78); }

/* The part of the answer that does not change from run to run. */
static void check_answer(struct run r, int code, const char *expected)
{
	json_error_t error;
	json_t *answer = json_loads(r.out, 0, &error);
	ck_assert_msg(answer != NULL, "%s: %s", error.text, r.out);
	ck_assert_str_eq(r.err, "");
	ck_assert_int_eq(r.code, code);
	ck_assert(json_is_string(json_object_get(answer, "node")));
	ck_assert(json_is_string(json_object_get(answer, "at")));
	char *text = json_dumps(json_object_get(answer, "error"), JSON_COMPACT | JSON_ENCODE_ANY);
	const json_t *data = json_object_get(answer, "data");
	char line[1024];
	snprintf(line, sizeof(line), "%s %d %zu %zu %s",
	         json_string_value(json_object_get(answer, "schema")),
	         json_is_true(json_object_get(data, "valid")),
	         json_array_size(json_object_get(data, "tasks")),
	         json_array_size(json_object_get(data, "errors")), text);
	free(text);
	json_decref(answer);
	ck_assert_str_eq(line, expected);
}

TEST(json_is_one_document_for_success_and_failure)
{
	write_text("good.yaml", "version: 1\ntasks: {web: {command: [sh]}}\n");
	write_text("bad.yaml", "version: 1\ntasks: {web: {comand: [x]}}\n");
	check_answer(run("--json", "good.yaml"), 0, "tend.check/1 1 1 0 null");
	check_answer(run("--json", "bad.yaml"), 78,
	             "tend.check/1 0 0 1 {\"exit_code\":78,\"message\":\"the file is not valid; "
	             "see data.errors\"}");
	check_answer(run("--json", "none.yaml"), 78,
	             "tend.check/1 0 0 1 {\"exit_code\":78,\"message\":\"the file is not valid; "
	             "see data.errors\"}");
}

TEST(an_answer_that_cannot_be_written_is_an_error)
{
	write_text("tend.yaml", "version: 1\ntasks: {web: {command: [sh]}}\n");
	struct run r = run_into("/dev/full", NULL, NULL);
	ck_assert_str_eq(r.err, "tend: cannot write to standard output: No space left on device\n");
	ck_assert_int_eq(r.code, 1);
	write_text("tend.yaml", "version: 1\n");
	ck_assert_int_eq(run_into("/dev/full", "--json", NULL).code, 78);
}

TEST(a_wrong_use_answers_2)
{
	ck_assert_int_eq(run("a.yaml", "b.yaml").code, 2);
	ck_assert_int_eq(run("--no-such-option", NULL).code, 2);
}
