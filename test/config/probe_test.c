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

TEST(what_nobody_expands_is_named)
{
	ck_assert_str_eq(
		probe(HEAD
	              "  a: {command: [sh, $PATH, ~/x, a$b], env: {PATH: '/bin:$PATH', P: 'x$y', "
	              "H: '/x:~/z'}}\n"
	              "  b: {command: [sh, -c, $PATH]}\n"
	              "  c: {shell: 'echo $PATH ~/x'}\n"),
		"tend.yaml:3:21: warning: '$PATH' is not expanded, the text stands as it is; write "
		"the value, or use a shell line\n"
		"tend.yaml:3:28: warning: '~/x': '~' is not expanded, the text stands as it is; "
		"write the path of the home directory\n"
		"tend.yaml:3:51: warning: '$PATH' is not expanded, the text stands as it is; write "
		"the value, or use a shell line\n"
		"tend.yaml:3:78: warning: '/x:~/z': '~' is not expanded, the text stands as it is; "
		"write the path of the home directory\n");
}

TEST(a_character_that_nobody_sees_at_an_edge_is_named)
{
	ck_assert_str_eq(
		probe(HEAD "  a: {command: [sh, \xc2\xa0x], env: {A: \"b\xe2\x80\x8b\"}}\n"),
		"tend.yaml:3:21: warning: '\xc2\xa0x' begins or ends with U+00A0, which looks "
		"like a space or like nothing; remove it\n"
		"tend.yaml:3:35: warning: 'b\\u200b' begins or ends with U+200B, which "
		"looks like a space or like nothing; remove it\n");
}

TEST(a_first_line_that_the_kernel_does_not_take_is_named)
{
	write_file("dos", "#!/bin/sh\r\nexit 0\r\n", 20);
	write_file("typo", "#!/usr/bin/pyton3 -u\n", 21);
	ck_assert_int_eq(chmod("dos", 0700), 0);
	ck_assert_int_eq(chmod("typo", 0700), 0);
	ck_assert_str_eq(
		probe(HEAD "  a: {command: [./dos]}\n  b: {command: [./typo]}\n"),
		"tend.yaml:3:17: warning: './dos': its '#!' line ends in a carriage return, "
		"which is taken for a part of the name of its interpreter; save the file "
		"with the ends of lines of Unix\n"
		"tend.yaml:4:17: warning: './typo': its interpreter '/usr/bin/pyton3' is "
		"not there; install it, or correct the '#!' line\n");
}
