/* test/config/accept_test.c - what a valid tend.yaml means. */
#include "harness.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD   "version: 1\ntasks:\n"
#define SECOND UINT64_C(1000000000)

/* Compares a NULL-ended vector with words separated by '|'. */
static void check_words(char *const *words, const char *expected)
{
	char joined[512] = "";
	for (size_t used = 0; words && *words; words++)
		used += (size_t)snprintf(joined + used, sizeof(joined) - used, "%s%s",
		                         used ? "|" : "", *words);
	ck_assert_str_eq(joined, expected);
}

FIXTURE(enter_shop, leave_shop);

TEST(the_smallest_stack_has_the_defaults)
{
	char here[PATH_MAX];
	struct config *c = load("version: 1\ntasks: {web: {command: [true]}}\n");
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	ck_assert_str_eq(c->name, "shop");
	ck_assert_str_eq(c->dir, here);
	ck_assert_uint_eq(c->ntasks, 1);
	const struct config_task *t = c->tasks;
	ck_assert_str_eq(t->name, "web");
	check_words(t->argv, "true");
	ck_assert_str_eq(t->cwd, here);
	check_words(t->env, "");
	check_words(t->env_pass, "");
	ck_assert(!t->env_pass_all);
	ck_assert_uint_eq(t->nneeds, 0);
	ck_assert_int_eq(t->stop_signal, SIGTERM);
	ck_assert_uint_eq(t->stop_timeout_ns, 10 * SECOND);
	ck_assert_int_eq(t->restart.policy, TEND_TRANSIENT);
	ck_assert_uint_eq(t->restart.delay_ns, SECOND / 10);
	ck_assert_uint_eq(t->at.line, 2);
	ck_assert_uint_eq(t->at.column, 9);
	ck_assert_uint_eq(c->order[0], 0);
	config_free(c);
}

TEST(every_field_is_read)
{
	struct config *c = load("version: 1\n"
	                        "name: demo-2\n"
	                        "tasks:\n"
	                        "  db:\n"
	                        "    command: [postgres, -D, data]\n"
	                        "    cwd: /srv\n"
	                        "    stop: {signal: SIGINT, timeout: 1m}\n"
	                        "    restart: permanent\n"
	                        "  web:\n"
	                        "    shell: ./web | tee log\n"
	                        "    cwd: sub\n"
	                        "    env:\n"
	                        "      PORT: 8080\n"
	                        "      EMPTY: \"\"\n"
	                        "    env_pass: [EDITOR]\n"
	                        "    needs: [db]\n"
	                        "    stop:\n"
	                        "      timeout: 500ms\n"
	                        "    restart:\n"
	                        "      policy: temporary\n"
	                        "      delay: 2h\n"
	                        "  all:\n"
	                        "    command: [env]\n"
	                        "    env_pass: all\n"
	                        "    restart: {delay: 0s}\n");
	ck_assert_str_eq(c->name, "demo-2");
	ck_assert_uint_eq(c->ntasks, 3);
	const struct config_task *db = &c->tasks[0], *web = &c->tasks[1], *all = &c->tasks[2];

	check_words(db->argv, "postgres|-D|data");
	ck_assert_str_eq(db->cwd, "/srv");
	ck_assert_int_eq(db->stop_signal, SIGINT);
	ck_assert_uint_eq(db->stop_timeout_ns, 60 * SECOND);
	ck_assert_int_eq(db->restart.policy, TEND_PERMANENT);
	ck_assert_uint_eq(db->restart.delay_ns, SECOND / 10);

	char cwd[PATH_MAX + 16];
	snprintf(cwd, sizeof(cwd), "%s/sub", c->dir);
	check_words(web->argv, "/bin/sh|-c|./web | tee log");
	ck_assert_str_eq(web->cwd, cwd);
	check_words(web->env, "PORT=8080|EMPTY=");
	check_words(web->env_pass, "EDITOR");
	ck_assert_uint_eq(web->nneeds, 1);
	ck_assert_uint_eq(web->needs[0].task, 0);
	ck_assert_int_eq(web->needs[0].until, CONFIG_STARTED);
	ck_assert_int_eq(web->stop_signal, SIGTERM);
	ck_assert_uint_eq(web->stop_timeout_ns, SECOND / 2);
	ck_assert_int_eq(web->restart.policy, TEND_TEMPORARY);
	ck_assert_uint_eq(web->restart.delay_ns, 7200 * SECOND);

	ck_assert(all->env_pass_all);
	ck_assert_int_eq(all->restart.policy, TEND_TRANSIENT);
	ck_assert_uint_eq(all->restart.delay_ns, TEND_MS);
	config_free(c);
}

TEST(a_text_is_what_stands_there_however_it_looks)
{
	struct config *c = load(
		HEAD "  web:\n"
		     "    command: [no, 1.10, 0x1F, ~, null, 2001-01-01, $HOME, \"${X}\", '']\n"
		     "    env: {A: yes, B: 0777, 12: 3, C: \" a\\tb \"}\n");
	check_words(c->tasks[0].argv, "no|1.10|0x1F|~|null|2001-01-01|$HOME|${X}|");
	check_words(c->tasks[0].env, "A=yes|B=0777|12=3|C= a\tb ");
	config_free(c);
}

TEST(a_quoted_number_is_the_same_text)
{
	config_free(load("version: \"1\"\ntasks: {a: {command: [x], stop: {signal: \"15\"}}}\n"));
}

TEST(a_map_or_list_may_be_left_empty)
{
	struct config *c =
		load(HEAD "  web:\n    command: [x]\n    env:\n    env_pass:\n    needs:\n"
	                  "    stop:\n    restart:\n");
	ck_assert_int_eq(c->tasks[0].stop_signal, SIGTERM);
	ck_assert_int_eq(c->tasks[0].restart.policy, TEND_TRANSIENT);
	config_free(c);
}

TEST(an_alias_stands_for_what_it_names)
{
	struct config *c = load(HEAD "  a: {command: &run [serve, x], env: &common {A: 1}}\n"
	                             "  b: {command: *run, env: *common}\n");
	check_words(c->tasks[1].argv, "serve|x");
	check_words(c->tasks[1].env, "A=1");
	config_free(c);
}

TEST(json_is_read_as_it_is)
{
	struct config *c = load("{\"version\": 1, \"name\": \"j\", \"tasks\": {\"a\": "
	                        "{\"command\": [\"x\", \"\\u00e9\"], \"needs\": []}}}");
	check_words(c->tasks[0].argv, "x|\xc3\xa9");
	config_free(c);
}

TEST(a_byte_order_mark_and_windows_lines_are_read)
{
	struct config *c = load("\xef\xbb\xbfversion: 1\r\ntasks:\r\n  a:\r\n    command: [x]\r\n");
	check_words(c->tasks[0].argv, "x");
	ck_assert_uint_eq(c->tasks[0].at.line, 3);
	ck_assert_uint_eq(c->tasks[0].at.column, 3);
	config_free(c);
}

TEST(tasks_stay_in_the_order_of_the_file)
{
	struct config *c =
		load(HEAD "  z: {command: [x]}\n  a: {command: [x]}\n  m: {command: [x]}\n");
	ck_assert_str_eq(c->tasks[0].name, "z");
	ck_assert_str_eq(c->tasks[1].name, "a");
	ck_assert_str_eq(c->tasks[2].name, "m");
	config_free(c);
}

TEST(the_longest_string_the_kernel_takes_is_taken)
{
	enum { MOST = 131071 };
	char *text = malloc(MOST + 200), *word = malloc(MOST + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(word);
	memset(word, 'x', MOST);
	word[MOST] = 0;
	snprintf(text, MOST + 200, HEAD "  a: {command: [%s]}\n", word);
	struct config *c = load(text);
	ck_assert_uint_eq(strlen(c->tasks[0].argv[0]), MOST);
	config_free(c);
	free(word);
	free(text);
}

TEST(json_with_its_own_escapes_is_read)
{
	struct config *c = load("{\n\t\"version\": 1,\n\t\"tasks\": {\"a\": {\"command\": [\"x\", "
	                        "\"\\ud83d\\ude00 \\u00e9 a\\/b \\\\ud83d\\\\ude00\", "
	                        "\"\\uD834\\udd1e\\ud83d\\ude00\\\"\"]}}\n}\n");
	check_words(c->tasks[0].argv, "x|\xf0\x9f\x98\x80 \xc3\xa9 a/b \\ud83d\\ude00|"
	                              "\xf0\x9d\x84\x9e\xf0\x9f\x98\x80\"");
	config_free(c);
}

TEST(the_escapes_of_json_leave_the_columns_as_they_are)
{
	static const char text[] = "{\"version\": 1, \"tasks\": {\"a\": {\"command\": "
				   "[\"\\ud83d\\ude00\"], \"x\": 1}}}";
	ck_assert_str_eq(
		refusal(text, strlen(text)),
		"tend.yaml:1:61: error: unknown key 'x'; the keys here are: command, shell, "
		"cwd, env, env_pass, needs, stop, restart, timeout, every, ready, alive, "
		"significant, stdin\n");
}

TEST(what_only_looks_like_an_escape_of_json_stays)
{
	struct config *c = load(HEAD "  a: {shell: 'x \\ud83d\\ude00'}\n");
	ck_assert_str_eq(c->tasks[0].argv[2], "x \\ud83d\\ude00");
	config_free(c);
}

static struct tend_restart restart_of(const char *keys)
{
	char text[400];

	snprintf(text, sizeof(text), HEAD "  a:\n    command: [x]\n%s", keys);
	struct config *c = load(text);
	struct tend_restart restart = c->tasks[0].restart;
	restart.success = restart.fatal = NULL; /* they end with the configuration */
	config_free(c);
	return restart;
}

TEST(a_restart_has_all_that_the_library_knows)
{
	struct config *c =
		load(HEAD "  a:\n    command: [x]\n    timeout: 5m\n    restart:\n"
	                  "      policy: transient\n      delay: 250ms\n      factor: 1.5\n"
	                  "      max_delay: 1m\n      jitter: decorrelated\n"
	                  "      reset_after: 30s\n      retries: 7\n"
	                  "      success: [143, 3]\n      fatal: [78]\n");
	const struct tend_restart *r = &c->tasks[0].restart;

	ck_assert_uint_eq(r->size, sizeof(*r));
	ck_assert_uint_eq(r->policy, TEND_TRANSIENT);
	ck_assert_uint_eq(r->delay_ns, SECOND / 4);
	ck_assert_uint_eq(r->factor, 1500);
	ck_assert_uint_eq(r->delay_max_ns, 60 * SECOND);
	ck_assert_uint_eq(r->jitter, TEND_JITTER_DECORRELATED);
	ck_assert_uint_eq(r->stable_ns, 30 * SECOND);
	ck_assert_uint_eq(r->retries, 7);
	ck_assert_uint_eq(r->timeout_ns, 300 * SECOND);
	ck_assert_int_eq(r->success[0], 143);
	ck_assert_int_eq(r->success[1], 3);
	ck_assert_int_eq(r->success[2], 0);
	ck_assert_int_eq(r->fatal[0], 78);
	ck_assert_int_eq(r->fatal[1], 0);
	config_free(c);
}

TEST(what_a_restart_leaves_out_follows_from_the_rest)
{
	struct tend_restart r = restart_of("");
	ck_assert_uint_eq(r.delay_ns, SECOND / 10);
	ck_assert_uint_eq(r.delay_max_ns, 30 * SECOND);
	ck_assert_uint_eq(r.factor, 2000);
	ck_assert_uint_eq(r.stable_ns, 10 * SECOND);
	ck_assert_uint_eq(r.timeout_ns, 0);
	r = restart_of("    restart: {delay: 1m}\n");
	ck_assert_uint_eq(r.delay_max_ns, 60 * SECOND);
	r = restart_of("    restart: {max_delay: 50ms}\n");
	ck_assert_uint_eq(r.delay_ns, SECOND / 20);
	r = restart_of("    restart: {max_delay: 0s, reset_after: 0s}\n");
	ck_assert_uint_eq(r.delay_ns, TEND_MS);
	ck_assert_uint_eq(r.stable_ns, CONFIG_NEVER);
}

TEST(every_runs_a_task_again_and_again)
{
	struct tend_restart r = restart_of("    every: 1h\n");
	ck_assert_uint_eq(r.policy, TEND_PERMANENT);
	ck_assert_uint_eq(r.interval_ns, 3600 * SECOND);
	r = restart_of("    every: 1h\n    restart: {policy: permanent, retries: 3}\n");
	ck_assert_uint_eq(r.retries, 3);
	r = restart_of("    restart: permanent\n");
	ck_assert_uint_eq(r.interval_ns, SECOND / 10);
}

TEST(a_pattern_may_have_as_many_repetitions_as_are_soon_matched)
{
	struct config *c =
		load(HEAD "  a: {command: [x], ready: {log: "
	                  "'^[0-9]{4}-[0-9]{2}-[0-9]{2} ([]{[:digit:]]{3}\\{9){20}$'}}\n");

	ck_assert_int_eq(c->tasks[0].ready.kind, CONFIG_PROBE_LOG);
	config_free(c);
}

TEST(a_task_tells_when_it_is_ready_and_alive)
{
	struct config *c = load(
		HEAD
		"  a: {command: [x], ready: {tcp: 5432}, alive: {log: 'beat [0-9]+', timeout: "
		"5s}}\n"
		"  b: {command: [x], ready: {http: 'http://[::1]/x?y=1', every: 2s, timeout: 1m, "
		"after: 3s}}\n"
		"  c: {command: [x], ready: {exec: [pg_isready, -q]}, alive: {tcp: "
		"'localhost:80'}}\n"
		"  d: {command: [x], ready: {http: 'http://127.0.0.1:8080'}, alive: {notify: "
		"sd}}\n"
		"  e: {command: [x], ready: {notify: fd}}\n");
	const struct config_task *a = &c->tasks[0], *b = &c->tasks[1], *d = &c->tasks[3];

	ck_assert_int_eq(c->tasks[4].ready.kind, CONFIG_PROBE_FD);
	ck_assert_int_eq(d->alive.kind, CONFIG_PROBE_NOTIFY);

	ck_assert_int_eq(a->ready.kind, CONFIG_PROBE_TCP);
	ck_assert_str_eq(a->ready.address, "tcp:127.0.0.1:5432");
	ck_assert_uint_eq(a->ready.every_ns, SECOND);
	ck_assert_uint_eq(a->ready.timeout_ns, 60 * SECOND);
	ck_assert_uint_eq(a->restart.ready_ns, 61 * SECOND);
	ck_assert_uint_eq(a->ready.after_ns, 0);
	ck_assert_int_eq(a->alive.kind, CONFIG_PROBE_LOG);
	ck_assert_str_eq(a->alive.text, "beat [0-9]+");
	ck_assert_uint_eq(a->alive.timeout_ns, 5 * SECOND);
	ck_assert_int_eq(b->ready.kind, CONFIG_PROBE_HTTP);
	ck_assert_str_eq(b->ready.address, "tcp:[::1]:80");
	ck_assert_str_eq(b->ready.path, "/x?y=1");
	ck_assert_uint_eq(b->ready.every_ns, 2 * SECOND);
	ck_assert_uint_eq(b->ready.after_ns, 3 * SECOND);
	ck_assert_int_eq(b->alive.kind, CONFIG_PROBE_NONE);
	check_words(c->tasks[2].ready.argv, "pg_isready|-q");
	ck_assert_str_eq(c->tasks[2].alive.address, "tcp:localhost:80");
	ck_assert_uint_eq(c->tasks[2].alive.every_ns, 10 * SECOND);
	ck_assert_str_eq(d->ready.path, "/");
	config_free(c);
}

TEST(a_need_waits_for_as_much_as_there_is_to_wait_for)
{
	struct config *c = load(HEAD "  db: {command: [x], ready: {tcp: 1}}\n"
	                             "  once: {command: [x]}\n"
	                             "  a: {command: [x], needs: [db, once]}\n"
	                             "  b: {command: [x], needs: {db: started, once: completed}}\n"
	                             "  c: {command: [x], needs: {once: , db: ready}}\n");
	static const struct config_need wanted[][2] = {
		{{0, CONFIG_READY}, {1, CONFIG_STARTED}},
		{{0, CONFIG_STARTED}, {1, CONFIG_COMPLETED}},
		{{1, CONFIG_STARTED}, {0, CONFIG_READY}},
	};

	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 2; k++) {
			const struct config_need *need = &c->tasks[2 + i].needs[k];
			ck_assert_uint_eq(need->task, wanted[i][k].task);
			ck_assert_int_eq(need->until, wanted[i][k].until);
		}
	config_free(c);
}

TEST(a_task_may_be_significant_and_have_the_input)
{
	struct config *c = load(HEAD "  a: {command: [x], significant: true, stdin: inherit}\n"
	                             "  b: {command: [x], significant: false, stdin: null}\n");

	ck_assert(c->tasks[0].significant && c->tasks[0].inherits_input);
	ck_assert(!c->tasks[1].significant && !c->tasks[1].inherits_input);
	config_free(c);
}

TEST(a_stop_may_have_steps)
{
	struct config *c = load(HEAD "  a:\n    command: [x]\n    stop:\n"
	                             "      - {signal: INT, timeout: 3s, target: leader}\n"
	                             "      - {signal: TERM, timeout: 500ms}\n"
	                             "      - {signal: QUIT}\n"
	                             "  b: {command: [x], stop: {timeout: 0s}}\n");
	const struct config_task *a = &c->tasks[0];

	ck_assert_int_eq(a->stop_signal, SIGINT);
	ck_assert(a->stop_leader && !c->tasks[1].stop_leader);
	ck_assert_uint_eq(a->nstop_steps, 2);
	ck_assert_int_eq(a->stop_steps[0].signal, SIGTERM);
	ck_assert_uint_eq(a->stop_steps[0].after_ns, 3 * SECOND);
	ck_assert_int_eq(a->stop_steps[1].signal, SIGQUIT);
	ck_assert_uint_eq(a->stop_steps[1].after_ns, 7 * SECOND / 2);
	ck_assert_uint_eq(a->stop_timeout_ns, 27 * SECOND / 2);
	ck_assert_uint_eq(c->tasks[1].nstop_steps, 0);
	ck_assert_uint_eq(c->tasks[1].stop_timeout_ns, 1); /* for the library 0 is the default */
	config_free(c);
}

TEST(groups_hold_tasks)
{
	struct config *c = load("version: 1\ngroups:\n"
	                        "  all: {strategy: one_for_all, tasks: [c]}\n"
	                        "  inner: {strategy: rest_for_one, tasks: [b, a],\n"
	                        "          intensity: {restarts: 3, period: 1m}}\n"
	                        "  own: {intensity: {restarts: any}, tasks: [d]}\n"
	                        "tasks:\n"
	                        "  a: {command: [x], needs: [b]}\n"
	                        "  b: {command: [x]}\n"
	                        "  c: {command: [x], needs: [a]}\n"
	                        "  d: {command: [x], needs: [c]}\n"
	                        "  e: {command: [x], needs: [d]}\n");
	const struct config_group *all = &c->groups[0], *inner = &c->groups[1];

	ck_assert_uint_eq(c->ngroups, 3);
	ck_assert_str_eq(all->name, "all");
	ck_assert_uint_eq(all->strategy, CONFIG_ONE_FOR_ALL);
	ck_assert_uint_eq(all->restarts, 5);
	ck_assert_uint_eq(all->period_ns, 30 * SECOND);
	ck_assert_uint_eq(inner->strategy, CONFIG_REST_FOR_ONE);
	ck_assert_uint_eq(inner->restarts, 3);
	ck_assert_uint_eq(inner->period_ns, 60 * SECOND);
	ck_assert_uint_eq(c->groups[2].restarts, CONFIG_ANY_NUMBER);
	ck_assert_uint_eq(c->groups[2].strategy, CONFIG_ONE_FOR_ONE);
	ck_assert_uint_eq(c->tasks[0].group, 1);
	ck_assert_uint_eq(c->tasks[1].group, 1);
	ck_assert_uint_eq(c->tasks[2].group, 0);
	ck_assert_uint_eq(c->tasks[3].group, 2);
	ck_assert_uint_eq(c->tasks[4].group, CONFIG_NO_GROUP);
	config_free(c);
}
