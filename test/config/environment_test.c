/* test/config/environment_test.c - what a child finds in its environment. */
#include "harness.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WEB(fields) "version: 1\ntasks: {web: {command: [x], " fields "}}\n"

static char *const PARENT[] = {
	"PATH=/bin",
	"HOME=/home/u",
	"USER=u",
	"LOGNAME=u",
	"SHELL=/bin/bash",
	"LANG=C.UTF-8",
	"LC_ALL=C",
	"LC_=x",
	"TERM=xterm",
	"TZ=UTC",
	"TMPDIR=/tmp",
	"XDG_RUNTIME_DIR=/run/u",
	"SECRET=1",
	"EDITOR=vi",
	"PATHS=no",
	"broken",
	"=odd",
	"EMPTY=",
	NULL,
};

static void check(const char *text, char *const *extra, const char *expected)
{
	char joined[1024] = "";
	size_t used = 0;
	struct config *c = load(text);
	char **env = config_environment(&c->tasks[0], PARENT, extra);
	ck_assert_ptr_nonnull(env);
	for (char **e = env; *e; e++)
		used += (size_t)snprintf(joined + used, sizeof(joined) - used, "%s%s",
		                         used ? " " : "", *e);
	free(env);
	config_free(c);
	ck_assert_str_eq(joined, expected);
}

#define USUAL_BUT_PATH \
	"HOME=/home/u USER=u LOGNAME=u SHELL=/bin/bash LANG=C.UTF-8 LC_ALL=C TERM=xterm TZ=UTC " \
	"TMPDIR=/tmp XDG_RUNTIME_DIR=/run/u"
#define USUAL "PATH=/bin " USUAL_BUT_PATH

FIXTURE(enter_shop, leave_shop);

TEST(a_child_gets_the_usual_variables_and_no_others) { check(WEB("needs: []"), NULL, USUAL); }

TEST(env_is_added_and_replaces)
{
	check(WEB("env: {PORT: 80, PATH: /opt}"), NULL, USUAL_BUT_PATH " PORT=80 PATH=/opt");
}

TEST(env_pass_names_what_else_is_handed_on)
{
	check(WEB("env_pass: [EDITOR, EMPTY, UNSET, HOME]"), NULL, USUAL " EDITOR=vi EMPTY=");
}

TEST(env_pass_all_hands_on_all_that_is_a_variable)
{
	check(WEB("env_pass: all"), NULL,
	      "PATH=/bin HOME=/home/u USER=u LOGNAME=u SHELL=/bin/bash LANG=C.UTF-8 LC_ALL=C LC_=x "
	      "TERM=xterm TZ=UTC TMPDIR=/tmp XDG_RUNTIME_DIR=/run/u SECRET=1 EDITOR=vi PATHS=no "
	      "EMPTY=");
}

TEST(what_the_supervisor_adds_comes_last_and_wins)
{
	char *const extra[] = {"TEND_X=1", "PORT=81", "TZ=CET", NULL};
	check(WEB("env: {PORT: 80, A: b}, env_pass: all"), extra,
	      "PATH=/bin HOME=/home/u USER=u LOGNAME=u SHELL=/bin/bash LANG=C.UTF-8 LC_ALL=C LC_=x "
	      "TERM=xterm TMPDIR=/tmp XDG_RUNTIME_DIR=/run/u SECRET=1 EDITOR=vi PATHS=no EMPTY= "
	      "A=b TEND_X=1 PORT=81 TZ=CET");
}

TEST(a_child_may_get_nothing_at_all)
{
	struct config *c = load(WEB("needs: []"));
	char **env = config_environment(&c->tasks[0], NULL, NULL);
	ck_assert_ptr_nonnull(env);
	ck_assert_ptr_null(env[0]);
	free(env);
	config_free(c);
}

/* Returns the PWD of a task, "" if it has none; the name of the test's directory is left
 * out. */
static const char *pwd_of(const char *text, char *const *parent)
{
	static char pwd[PATH_MAX];
	struct config *c = load(text);
	char **env = config_environment(&c->tasks[0], parent, NULL);
	size_t n = strlen(c->dir);
	pwd[0] = 0;
	for (char **e = env; *e; e++)
		if (strncmp(*e, "PWD=", 4) == 0) {
			ck_assert_str_eq(pwd, ""); /* at most one */
			bool inside = strncmp(*e + 4, c->dir, n) == 0;
			snprintf(pwd, sizeof(pwd), "%s%s", inside ? "" : "!",
			         *e + 4 + (inside ? n : 0));
		}
	free(env);
	config_free(c);
	return pwd;
}

TEST(pwd_is_the_directory_of_the_task)
{
	static char *const parent[] = {"PWD=/elsewhere", NULL}, *const none[] = {NULL};
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	ck_assert_str_eq(pwd_of(WEB("cwd: sub"), none), "/sub");
	ck_assert_str_eq(pwd_of(WEB("cwd: sub, env_pass: all"), parent), "/sub");
	ck_assert_str_eq(pwd_of(WEB("cwd: ./sub/../sub"), none), "/sub");
	ck_assert_str_eq(pwd_of(WEB("cwd: sub, env: {PWD: /mine}"), parent), "!/mine");
	ck_assert_str_eq(pwd_of(WEB("needs: []"), parent), "");
	ck_assert_str_eq(pwd_of(WEB("cwd: /, env_pass: [PWD]"), parent), "!/");
}
