/* test/config/json_test.c - the data of `tend check --json`. */
#include "harness.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESTART \
	"\"restart\":{\"delay_ns\":100000000,\"factor\":2.0,\"fatal\":[],\"jitter\":\"none\"," \
	"\"max_delay_ns\":30000000000,"

static void check_json(const struct config *config, const struct config_errors *errors,
                       const struct config_errors *warnings, const char *expected)
{
	json_t *data = config_check_json(config, errors, warnings);
	ck_assert_ptr_nonnull(data);
	if (config)
		json_object_set_new(data, "dir", json_string("DIR"));
	char *text = json_dumps(data, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, expected);
	free(text);
	json_decref(data);
}

FIXTURE(enter_shop, leave_shop);

TEST(a_valid_stack_is_told_in_full_but_for_the_values_of_env)
{
	struct config_errors errors = {.file = "tend.yaml"}, warnings;
	struct config *c =
		load("version: 1\n"
	             "name: s\n"
	             "tasks:\n"
	             "  web: {command: [serve, x], cwd: /, needs: [db], env: {PASSWORD: geheim},\n"
	             "        env_pass: [EDITOR], stop: {signal: 40}}\n"
	             "  db: {shell: run, cwd: /, env_pass: all, restart: permanent, stop: "
	             "{target: leader}}\n");
	char *const parent[] = {"PATH=/nowhere", NULL};
	config_probe(c, parent, "tend.yaml", &warnings);
	check_json(
		c, &errors, &warnings,
		"{\"dir\":\"DIR\",\"error_count\":0,\"errors\":[],\"file\":\"tend.yaml\","
		"\"groups\":[],\"name\":"
		"\"s\",\"order\":[\"db\",\"web\"],\"tasks\":["
		"{\"alive\":null,\"column\":3,\"command\":[\"serve\",\"x\"],\"cwd\":\"/"
		"\",\"env\":[\"PASSWORD\"],"
		"\"env_pass\":[\"EDITOR\"],\"every_ns\":null,\"group\":null,\"line\":4,\"name\":"
		"\"web\",\"needs\":"
		"[{\"task\":\"db\",\"until\":\"started\"}],\"ready\":null," RESTART
		"\"policy\":\"transient\",\"reset_after_ns\":10000000000,"
		"\"retries\":0,\"success\":[]},\"significant\":false,\"stdin\":\"null\","
		"\"stop\":{\"later\":[],\"signal\":\"RTMIN+6\",\"target\":\"group\","
		"\"timeout_ns\":10000000000},"
		"\"timeout_ns\":null},"
		"{\"alive\":null,\"column\":3,\"command\":[\"/bin/sh\",\"-c\",\"run\"],\"cwd\":\"/"
		"\",\"env\":[],"
		"\"env_pass\":\"all\",\"every_ns\":100000000,\"group\":null,\"line\":6,\"name\":"
		"\"db\",\"needs\":["
		"],\"ready\":null," RESTART
		"\"policy\":\"permanent\",\"reset_after_ns\":10000000000,\"retries\":"
		"0,\"success\":[]},\"significant\":false,\"stdin\":\"null\","
		"\"stop\":{\"later\":[],\"signal\":\"TERM\",\"target\":\"leader\","
		"\"timeout_ns\":10000000000},\"timeout_ns\":null}],"
		"\"valid\":true,\"warnings\":[{\"column\":19,\"line\":4,\"message\":\"there is no "
		"program 'serve' in the PATH of task 'web'; install it, or give its path\"}]}");
	config_free(c);
}

TEST(errors_have_their_places)
{
	struct config_errors errors;
	struct config *c = NULL;
	static const char text[] = "version: 1\ntasks: {\"gr\xc3\xb6\": {shell: ''}}\n";
	write_file("tend.yaml", text, strlen(text));
	ck_assert_int_ne(config_load("tend.yaml", &c, &errors), 0);
	check_json(
		NULL, &errors, NULL,
		"{\"dir\":null,\"error_count\":2,\"errors\":[{\"column\":9,\"line\":2,\"message\":"
		"\"'gr\xc3\xb6' cannot be the name of a task; use 1 to 47 letters, digits, '.', "
		"'_' or '-', a letter first\"},{\"column\":24,\"line\":2,\"message\":\"'shell' is "
		"empty; write a line for "
		"/bin/sh\"}],\"file\":\"tend.yaml\",\"groups\":[],\"name\":null,\"order\":"
		"[],\"tasks\":[],\"valid\":false,\"warnings\":[]}");
}

TEST(a_path_that_is_not_utf_8_is_escaped)
{
	struct config_errors errors = {.file = "\xff.yaml"};
	ck_assert_int_eq(mkdir("x\xff", 0700), 0);
	ck_assert_int_eq(chdir("x\xff"), 0);
	struct config *c = load("version: 1\ntasks: {a: {command: [x]}}\n");
	json_t *data = config_check_json(c, &errors, NULL);
	ck_assert_ptr_nonnull(data);
	ck_assert_str_eq(json_string_value(json_object_get(data, "file")), "\\xff.yaml");
	const char *dir = json_string_value(json_object_get(data, "dir"));
	ck_assert_str_eq(dir + strlen(dir) - 6, "/x\\xff");
	ck_assert_str_eq(json_string_value(json_object_get(data, "name")), "x-");
	json_decref(data);
	config_free(c);
}
