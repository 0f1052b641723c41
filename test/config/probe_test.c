/* test/config/probe_test.c - what is missing on this machine is a warning. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "version: 1\ntasks:\n"

static const char *probe(const char *text)
{
	static char *const parent[] = {"PATH=/nowhere:/usr/bin:/bin", NULL};
	struct config_errors warnings;
	struct config *c = load(text);
	config_probe(c, parent, "tend.yaml", &warnings);
	config_free(c);
	return printed(&warnings, "warning");
}

FIXTURE(enter_shop, leave_shop);

TEST(a_stack_that_can_start_has_no_warning)
{
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	write_file("sub/run", "#!/bin/sh\n", 10);
	ck_assert_int_eq(chmod("sub/run", 0700), 0);
	ck_assert_str_eq(probe(HEAD "  a: {command: [sh], cwd: sub}\n"
	                            "  b: {shell: anything at all}\n"
	                            "  c: {command: [./run], cwd: sub}\n"
	                            "  d: {command: [/bin/sh], cwd: /}\n"
	                            "  e: {command: [run], cwd: sub, env: {PATH: '/x:'}}\n"
	                            "  f: {command: [run], env: {PATH: sub}}\n"),
	                 "");
}

TEST(a_program_that_is_not_there_is_named)
{
	write_file("plain", "", 0);
	ck_assert_str_eq(probe(HEAD "  a: {command: [ngnix, -x]}\n"
	                            "  b: {command: [./ngnix]}\n"
	                            "  c: {command: [./plain]}\n"
	                            "  d: {command: [/usr]}\n"
	                            "  e: {command: [sh], env: {PATH: /nowhere}}\n"
	                            "  f: {command: [plain], env: {PATH: '/nowhere:'}}\n"),
	                 "tend.yaml:3:17: warning: there is no program 'ngnix' in the PATH of task "
	                 "'a'; install it, or give its path\n"
	                 "tend.yaml:4:17: warning: there is no file './ngnix', seen from the "
	                 "directory of task 'b'; build it, or correct the path\n"
	                 "tend.yaml:5:17: warning: './plain' may not be executed by this user; "
	                 "chmod +x, if it is a program\n"
	                 "tend.yaml:6:17: warning: '/usr' may not be executed by this user; chmod "
	                 "+x, if it is a program\n"
	                 "tend.yaml:7:17: warning: there is no program 'sh' in the PATH of task "
	                 "'e'; install it, or give its path\n"
	                 "tend.yaml:8:17: warning: 'plain' may not be executed by this user; "
	                 "chmod +x, if it is a program\n");
}

TEST(a_directory_that_cannot_be_entered_is_named)
{
	write_file("plain", "", 0);
	ck_assert_str_eq(
		probe(HEAD "  a: {command: [sh], cwd: /no/such}\n"
	                   "  b: {command: [no-such-program], cwd: /dev/null}\n"),
		"tend.yaml:3:27: warning: the directory '/no/such' cannot be entered: No such "
		"file or directory; create it, or correct 'cwd'\n"
		"tend.yaml:4:40: warning: '/dev/null' is not a directory; correct 'cwd'\n");
}
