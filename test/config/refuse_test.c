/* test/config/refuse_test.c - what is wrong is told with its place and what to
 * do about it, word for word, and all of it at once. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HEAD         "version: 1\ntasks:\n"
/* A task of two lines; what is tested begins on line 5, or in 5:5. */
#define TASK            HEAD "  a:\n    command: [x]\n"
#define AT(place, text) "tend.yaml:" place ": error: " text "\n"

#define TIME "wants a number with its unit, such as 500ms, 10s, 1m or 2h, at most 8760h, not "
#define FACTOR \
	"'factor' wants a number from 1 to 1000, with at most three digits behind the " \
	"point, such as 2 or 1.5, not "
#define PORT \
	"'tcp' wants a port, or an address and a port, such as 5432, 127.0.0.1:5432 or " \
	"\"[::1]:5432\"; names but localhost are not looked up; this is "
#define URL \
	"'http' wants a URL with an address, such as http://127.0.0.1:8080/health; for https or " \
	"a name write exec: [curl, -f, URL]; this is "
#define CODES "is from 1 to 255, because 0 is a success anyway and there are no others; this is "

struct refused {
	const char *text;
	size_t n; /* 0: up to the NUL */
	const char *errors;
};

static const struct refused FILES[] = {
	{"", 0,
         AT("1:1", "the file is empty; write at least version: 1 and tasks: {NAME: {command: "
                   "[PROGRAM, ARGUMENT]}}")},
	{"# nothing\n\n", 0,
         AT("1:1", "the file is empty; write at least version: 1 and tasks: {NAME: {command: "
                   "[PROGRAM, ARGUMENT]}}")},
	{"---\n", 0,
         AT("1:1", "the file is empty; write at least version: 1 and tasks: {NAME: {command: "
                   "[PROGRAM, ARGUMENT]}}")},
	{"- a\n", 0,
         AT("1:1", "the file is a map of version, name, tasks and groups; this is a list")},
	{"hello\n", 0,
         AT("1:1", "the file is a map of version, name, tasks and groups; this is a text")},
	{"{}\n", 0,
         AT("1:1", "the version is missing; add the line version: 1") AT(
		 "1:1", "there are no tasks; add tasks: {NAME: {command: [PROGRAM, ARGUMENT]}}")},
	{"tasks: {a: {command: [x]}}\n", 0,
         AT("1:1", "the version is missing; add the line version: 1")},
	{"version: 1\n", 0,
         AT("1:1", "there are no tasks; add tasks: {NAME: {command: [PROGRAM, ARGUMENT]}}")},
	{"version: 1\ntasks:\n", 0,
         AT("2:1", "there are no tasks; add one: NAME: {command: [PROGRAM, ARGUMENT]}")},
	{"version: 1\ntasks: {}\n", 0,
         AT("2:1", "there are no tasks; add one: NAME: {command: [PROGRAM, ARGUMENT]}")},
	{"version: 1\ntasks: [a]\n", 0,
         AT("2:8", "'tasks' wants a map, such as tasks: {NAME: {command: [PROGRAM, ARGUMENT]}}; "
                   "this is a list")},
	{"version: 2\ntasks: {a: {command: [x]}}\n", 0,
         AT("1:10", "this tend reads version 1, not '2'; write version: 1")},
	{"version:\ntasks: {a: {command: [x]}}\n", 0,
         AT("1:9", "'version' has no value; write \"\" for an empty text")},
	{"version: [1]\ntasks: {a: {command: [x]}}\n", 0,
         AT("1:10", "'version' wants a text; this is a list")},
	{"version: 1\nname: 9lives\ntasks: {a: {command: [x]}}\n", 0,
         AT("2:7", "'9lives' cannot be the name of a stack; use 1 to 47 letters, digits, '.', '_' "
                   "or '-', a letter first")},
	{"version: 1\nnmae: x\nservices: {}\nzzz: 1\ntasks: {a: {command: [x]}}\n", 0,
         AT("2:1", "unknown key 'nmae' (did you mean 'name'?)") AT(
		 "3:1", "unknown key 'services' (did you mean 'tasks'?)")
                 AT("4:1", "unknown key 'zzz'; the keys here are: version, name, tasks, groups")},
	{"version: 1\nversion: 1\ntasks: {a: {command: [x]}}\n", 0,
         AT("2:1", "'version' is given twice, first at 1:1; remove one")},
	{"version: 1\n[a]: 1\n{b: c}: 1\ntasks: {a: {command: [x]}}\n", 0,
         AT("2:1", "a key is a text; this is a list") AT("3:1", "a key is a text; this is a map")},
	{HEAD "  a: {command: [x]}\n---\nversion: 1\n", 0,
         AT("4:1", "a second document begins here; keep one stack in a file")},
};

static const struct refused SYNTAX[] = {
	{HEAD "\ta: {command: [x]}\n", 0, AT("3:1", "a tab cannot indent; use spaces")},
	{HEAD "  a:\n    command: [x\n", 0,
         AT("5:1", "did not find expected ',' or ']', while parsing a flow sequence that begins at "
                   "4:14; close the list, or put a value in quotes")},
	{HEAD "  a: {command: [x]\n", 0,
         AT("4:1", "did not find expected ',' or '}', while parsing a flow mapping that begins at "
                   "3:6; close the map, or put a value in quotes")},
	{HEAD "  a:\n    shell: \"x\n", 0,
         AT("5:1", "found unexpected end of stream, while scanning a quoted scalar that begins at "
                   "4:12; close the quotes")},
	{HEAD "  a:\n    shell: x: y\n", 0,
         AT("4:13",
            "mapping values are not allowed in this context; put a value that holds ': ' in "
            "quotes, or check the indentation")},
	{HEAD "  a:\n    shell: x\n   cwd: y\n", 0,
         AT("5:4", "did not find expected key, while parsing a block mapping that begins at 3:3; "
                   "check the indentation and the quotes")},
	{HEAD "  a:\n    shell: @x\n", 0,
         AT("4:12", "found character that cannot start any token; put the value in quotes")},
	{HEAD "  a:\n    shell: x\n    cwd\n", 0,
         AT("6:1", "could not find expected ':', while scanning a simple key that begins at 5:5; a "
                   "key ends in ': '")},
	{HEAD "  a: {shell: \"\\q\"}\n", 0,
         AT("3:15", "found unknown escape character, while parsing a quoted scalar that begins at "
                    "3:14; use single quotes, or write \\\\")},
	{HEAD "  a: *web\n", 0, AT("3:6", "found undefined alias; define it before, as in &name")},
	{HEAD "  a: {shell: &v x}\n  b: {shell: &v y}\n", 0,
         AT("4:14", "there is an anchor of this name at 3:14; give each a name of its own")},
	{HEAD "  a: {shell: !secret x}\n  b: {command: [!!int 1]}\n  c: !x {shell: y}\n", 0,
         AT("3:14", "tags are not read; remove the '!' and its name")
                 AT("4:17", "tags are not read; remove the '!' and its name")
                         AT("5:6", "tags are not read; remove the '!' and its name")},
	{HEAD "  a:\n    <<: {x: y}\n    command: [x]\n", 0,
         AT("4:5",
            "maps are not merged with '<<'; write the keys out, or alias a whole value, such "
            "as env: *common")},
	{TASK "    env: {<<: {A: 1}, B: 2}\n", 0,
         AT("5:11", "maps are not merged with '<<'; write the keys out, or alias a whole value, "
                    "such as env: *common")},
	{HEAD "  a:\n\xc2\xa0\xc2\xa0  command: [x]\n", 0,
         AT("3:3", "task 'a' has nothing to run; add command: [PROGRAM, ARGUMENT], or shell: LINE")
                 AT("4:1", "unknown key '\xc2\xa0\xc2\xa0  command'; the keys here are: version, "
                           "name, tasks, groups")
                         AT("4:1", "here stands U+00A0, which looks like a space or like nothing "
                                   "and is neither to YAML; type an ordinary space, or remove it")},
	{HEAD "  a: {command\xe2\x80\x8b: [x]}\n", 0,
         AT("3:7", "unknown key 'command\\u200b' (did you mean 'command'?)")
                 AT("3:14", "here stands U+200B, which looks like a space or like nothing and is "
                            "neither to YAML; type an ordinary space, or remove it")},
	{HEAD "\ta: {command: [x]}\n", 0, AT("3:1", "a tab cannot indent; use spaces")},
	{HEAD "  a:\n  \tcommand: [x]\n", 0, AT("4:3", "a tab cannot indent; use spaces")},
	{HEAD "  a:\n    env:\n\t  A: 1\n", 0, AT("5:1", "a tab cannot indent; use spaces")},
	{HEAD "  a: {shell: \"\\ud83d\"}\n", 0,
         AT("3:17", "found invalid Unicode character escape code, while parsing a quoted scalar "
                    "that begins at 3:14; write the character itself, or \\U and its number in "
                    "eight digits")},
};

static const struct refused BYTES[] = {
	{HEAD "  \xff: {}\n", 0, AT("3:3", "the byte 0xff is not UTF-8; save the file as UTF-8")},
	{"\xc3\xa9\xc3\xa9 \xe9\n", 0,
         AT("1:4", "the byte 0xe9 is not UTF-8; save the file as UTF-8")},
	{"a: \xed\xa0\x80\n", 0, AT("1:4", "the byte 0xed is not UTF-8; save the file as UTF-8")},
	{"a: \xc0\xaf\n", 0, AT("1:4", "the byte 0xc0 is not UTF-8; save the file as UTF-8")},
	{"a: \xe2\x82", 0, AT("1:4", "the byte 0xe2 is not UTF-8; save the file as UTF-8")},
	{"\xff\xfe"
         "a\0",
         4, AT("1:1", "the file is UTF-16; save it as UTF-8")},
	{"a: b\0c\n", 7,
         AT("1:5",
            "the control character U+0000 is not allowed; remove it, or write it as an escape "
            "in double quotes")},
	{"a: b\nc: \x1b[31m\n", 0,
         AT("2:4",
            "the control character U+001B is not allowed; remove it, or write it as an escape "
            "in double quotes")},
	{"a: \x7f\n", 0,
         AT("1:4",
            "the control character U+007F is not allowed; remove it, or write it as an escape "
            "in double quotes")},
	{"a\r\nb\xc2\x9b", 0,
         AT("2:2",
            "the control character U+009B is not allowed; remove it, or write it as an escape "
            "in double quotes")},
	{HEAD "  a: {command: [\"x\\0y\"]}\n", 0,
         AT("3:17",
            "each word of 'command' holds a NUL byte; no program can be given one, remove it")},
	{HEAD "  a: {command: [x], cwd: \"\\0\"}\n", 0,
         AT("3:26", "'cwd' holds a NUL byte; no program can be given one, remove it")},
	{HEAD "  \"a\\e[2J\": {command: [x]}\n", 0,
         AT("3:3",
            "'a\\x1b[2J' cannot be the name of a task; use 1 to 47 letters, digits, '.', '_' "
            "or '-', a letter first")},
	{HEAD "  \"a\\nb\": {command: [x]}\n", 0,
         AT("3:3", "'a\\nb' cannot be the name of a task; use 1 to 47 letters, digits, '.', '_' or "
                   "'-', a letter first")},
	{HEAD "  \"a\\0b\": {command: [x]}\n", 0,
         AT("3:3",
            "'a\\x00b' cannot be the name of a task; use 1 to 47 letters, digits, '.', '_' or "
            "'-', a letter first")},
	{HEAD "  a: {\"\\u202e\": 1, command: [x]}\n", 0,
         AT("3:7", "unknown key '\\u202e'; the keys here are: command, shell, cwd, env, env_pass, "
                   "needs, stop, restart, timeout, every, ready, alive, significant, stdin")},
};

static const struct refused TASKS[] = {
	{HEAD "  a:\n", 0,
         AT("3:3",
            "task 'a' has nothing to run; add command: [PROGRAM, ARGUMENT], or shell: LINE")},
	{HEAD "  a: x\n", 0,
         AT("3:6",
            "'a' wants a map, such as NAME: {command: [PROGRAM, ARGUMENT]}; this is a text")},
	{HEAD "  9: {command: [x]}\n  a b: {command: [x]}\n  '': {command: [x]}\n", 0,
         AT("3:3",
            "'9' cannot be the name of a task; use 1 to 47 letters, digits, '.', '_' or '-', "
            "a letter first")
                 AT("4:3", "'a b' cannot be the name of a task; use 1 to 47 letters, digits, '.', "
                           "'_' or '-', a letter first")
                         AT("5:3", "'' cannot be the name of a task; use 1 to 47 letters, digits, "
                                   "'.', '_' or '-', a letter first")},
	{HEAD "  a: {command: [x]}\n  b: {command: [x]}\n  a: {command: [y]}\n", 0,
         AT("5:3", "'a' is given twice, first at 3:3; remove one")},
	{HEAD "  a: {command: [x], comand: [y]}\n", 0,
         AT("3:21", "unknown key 'comand' (did you mean 'command'?)")},
	{HEAD "  a: {depends_on: [b]}\n", 0,
         AT("3:7", "unknown key 'depends_on' (did you mean 'needs'?)")},
	{HEAD "  a: {command: [x], replicas: 2}\n", 0,
         AT("3:21",
            "unknown key 'replicas'; the keys here are: command, shell, cwd, env, env_pass, "
            "needs, stop, restart, timeout, every, ready, alive, significant, stdin")},
	{HEAD "  a: {command: [x], shell: y}\n", 0,
         AT("3:21", "task 'a' has a command, at 3:7, and a shell line; remove one")},
	{HEAD "  a: {command: ./web --port 80}\n", 0,
         AT("3:16",
            "'command' is a list; write command: [./web, --port, 80], or have /bin/sh run the "
            "line: shell: ./web --port 80")},
	{HEAD "  a: {command: \"echo $HOME | cat\"}\n", 0,
         AT("3:16",
            "'command' is a list; write command: [PROGRAM, ARGUMENT], or have /bin/sh run the "
            "line: shell: LINE")},
	{HEAD "  a: {command: {x: y}}\n", 0,
         AT("3:16", "'command' wants a list, such as command: [PROGRAM, ARGUMENT]; this is a map")},
	{HEAD "  a: {command: []}\n", 0,
         AT("3:16", "'command' is empty; name a program: command: [PROGRAM, ARGUMENT]")},
	{HEAD "  a: {command: }\n", 0,
         AT("3:16", "'command' is empty; name a program: command: [PROGRAM, ARGUMENT]")},
	{HEAD "  a: {command: ['', x]}\n", 0,
         AT("3:17", "the program of 'command' is empty; name one")},
	{HEAD "  a:\n    command:\n      - x\n      - [y]\n      - y: z\n      -\n", 0,
         AT("6:9", "each word of 'command' wants a text; this is a list") AT(
		 "7:9", "each word of 'command' wants a text; this is a map")
                 AT("8:8", "each word of 'command' has no value; write \"\" for an empty text")},
	{HEAD "  a: {shell: [x]}\n", 0,
         AT("3:14", "'shell' wants a text, such as shell: ./serve --port 8080; this is a list")},
	{HEAD "  a: {shell: }\n", 0,
         AT("3:14", "'shell' has no value; write \"\" for an empty text")},
	{HEAD "  a: {shell: ''}\n", 0, AT("3:14", "'shell' is empty; write a line for /bin/sh")},
	{TASK "    cwd: [x]\n", 0, AT("5:10", "'cwd' wants a text; this is a list")},
	{TASK "    cwd: ''\n", 0,
         AT("5:10", "'cwd' is empty; leave it out for the directory of this file")},
	{TASK "    cwd: ~/x\n", 0,
         AT("5:10", "'~' is not expanded here; write the path of the home directory, or ./~ for "
                    "a directory of this name")},
	{HEAD "  a: {command: [~/bin/x, ~/y]}\n", 0,
         AT("3:17", "'~' is not expanded here; write the path of the home directory, or ./~ for "
                    "a directory of this name")},
	{TASK "    env_pass: [HOME, APP_*]\n", 0,
         AT("5:22", "'APP_*' is no name; 'env_pass' has no patterns, list each name, or write "
                    "env_pass: all")},
	{TASK "    cwd:\n", 0, AT("5:9", "'cwd' has no value; write \"\" for an empty text")},
	{TASK "    env: [A=1]\n", 0,
         AT("5:10", "'env' wants a map, such as env: {LOG_LEVEL: debug}; this is a list")},
	{TASK "    env: {A: , B: [1], C: {d: e}}\n", 0,
         AT("5:14", "'A' has no value; write \"\" for an empty text")
                 AT("5:19", "'B' wants a text; this is a list")
                         AT("5:27", "'C' wants a text; this is a map")},
	{TASK "    env: {A: 1, B: 2, A: 3, A: 4}\n", 0,
         AT("5:23", "'A' is given twice, first at 5:11; remove one")
                 AT("5:29", "'A' is given twice, first at 5:11; remove one")},
	{TASK "    env: {A=B: 1, '': 2, 'C D': 3, \"E\\0\": 4}\n", 0,
         AT("5:11",
            "'A=B' cannot be the name of a variable; it is not empty and holds no '=', space "
            "or control character")
                 AT("5:19",
                    "'' cannot be the name of a variable; it is not empty and holds no '=', "
                    "space or control character")
                         AT("5:26", "'C D' cannot be the name of a variable; it is not empty and "
                                    "holds no '=', space or control character")
                                 AT("5:36", "'E\\x00' cannot be the name of a variable; it is not "
                                            "empty and holds no '=', space or control character")},
	{TASK "    env_pass: none\n", 0,
         AT("5:15", "'env_pass' wants a list, such as env_pass: [EDITOR, SSH_AUTH_SOCK], or all; "
                    "this is a text")},
	{TASK "    env_pass: [A=, [b]]\n", 0,
         AT("5:16",
            "'A=' cannot be the name of a variable; it is not empty and holds no '=', space "
            "or control character")
                 AT("5:20", "each name of 'env_pass' wants a text; this is a list")},
	{TASK "    stop: INT\n", 0,
         AT("5:11",
            "'stop' wants a map, such as stop: {signal: TERM, timeout: 10s}; this is a text")},
	{TASK "    stop: {signal: TREM}\n", 0,
         AT("5:20", "'signal' wants a signal such as TERM, SIGINT or 15, not 'TREM' (did you mean "
                    "'TERM'?)")},
	{TASK "    stop: {signal: SIGITN}\n", 0,
         AT("5:20",
            "'signal' wants a signal such as TERM, SIGINT or 15, not 'SIGITN' (did you mean "
            "'INT'?)")},
	{TASK "    stop: {signal: 0}\n", 0,
         AT("5:20", "'signal' wants a signal such as TERM, SIGINT or 15, not '0'")},
	{TASK "    stop: {timeout: 10, grace: 1s}\n", 0,
         AT("5:21", "'timeout' wants a number with its unit, such as 500ms, 10s, 1m or 2h, at "
                    "most 8760h, not '10'")
                 AT("5:25", "unknown key 'grace' (did you mean 'timeout'?)")},
	{TASK "    stop: {target: all}\n", 0,
         AT("5:20", "'target' wants leader (the program alone, and the rest when it has ended) or "
                    "group (all at once), not 'all'")},
	{TASK "    stop: [{target: leader}, {target: group}]\n", 0,
         AT("5:31", "'target' is for the first signal, the later ones go to the group; remove it")},
	{TASK "    stop: []\n", 0,
         AT("5:11", "'stop' has no step; add one, such as {signal: TERM, timeout: 10s}")},
	{TASK "    stop: [TERM, {signal: TREM, timeout: 5}]\n", 0,
         AT("5:12",
            "'stop' wants a map, such as stop: {signal: TERM, timeout: 10s}; this is a text")
                 AT("5:27",
                    "'signal' wants a signal such as TERM, SIGINT or 15, not 'TREM' (did you "
                    "mean 'TERM'?)") AT("5:42", "'timeout' " TIME "'5'")},
	{TASK "    stop: [{}, {}, {}, {}, {}, {}, {}, {}, {}]\n", 0,
         AT("5:11", "'stop' has more than 8 steps; remove some")},
	{TASK "    restart: always\n", 0,
         AT("5:14", "'restart' wants transient (after a failure), permanent (always) or temporary "
                    "(never), not 'always' (did you mean 'permanent'?)")},
	{TASK "    restart: {policy: tranzient, delay: 1d, foo: 3}\n", 0,
         AT("5:23", "'policy' wants transient (after a failure), permanent (always) or temporary "
                    "(never), not 'tranzient' (did you mean 'transient'?)")
                 AT("5:41", "'delay' wants a number with its unit, such as 500ms, 10s, 1m or 2h, "
                            "at most 8760h, not '1d'")
                         AT("5:45", "unknown key 'foo'; the keys here are: policy, delay, factor, "
                                    "max_delay, jitter, reset_after, retries, success, fatal")},
	{TASK "    restart: {factor: 0.9, jitter: xyz, retries: -1, reset_after: x}\n", 0,
         AT("5:23", FACTOR "'0.9'") AT("5:36", "'jitter' wants none, full, equal or decorrelated, "
                                               "not 'xyz'")
                 AT("5:50", "'retries' wants a whole number from 0 to 4294967295, not '-1'")
                         AT("5:67", "'reset_after' " TIME "'x'")},
	{TASK "    restart: {factor: 1.2345, retries: 4294967296, jitter: equl}\n", 0,
         AT("5:23", FACTOR "'1.2345'")
                 AT("5:40", "'retries' wants a whole number from 0 to 4294967295, not '4294967296'")
                         AT("5:60", "'jitter' wants none, full, equal or decorrelated, not 'equl' "
                                    "(did you mean 'equal'?)")},
	{TASK "    restart: {factor: 1001, delay: -1s, max_delay: 9000h, retries: 1.5}\n", 0,
         AT("5:23", FACTOR "'1001'") AT("5:36", "'delay' " TIME "'-1s'")
                 AT("5:52", "'max_delay' " TIME "'9000h'")
                         AT("5:68", "'retries' wants a whole number from 0 to 4294967295, not "
                                    "'1.5'")},
	{TASK "    restart: {factor: [2], jitter: {}, retries: , success: 3, fatal: {a: b}}\n", 0,
         AT("5:23", "'factor' wants a text; this is a list")
                 AT("5:36", "'jitter' wants a text; this is a map") AT(
			 "5:49", "'retries' has no value; write \"\" for an empty text")
                         AT("5:60", "'success' wants a list, such as success: [143]; this is a "
                                    "text")
                                 AT("5:70", "'fatal' wants a list, such as fatal: [78]; this is a "
                                            "map")},
	{TASK "    restart: {success: [0, 256, -1, x, [1], 255], fatal: [0x1]}\n", 0,
         AT("5:25", "each code of 'success' " CODES
                    "'0'") AT("5:28", "each code of 'success' " CODES "'256'")
                 AT("5:33", "each code of 'success' " CODES "'-1'")
                         AT("5:37", "each code of 'success' " CODES "'x'")
                                 AT("5:40", "each code of 'success' wants a text; this is a list")
                                         AT("5:59", "each code of 'fatal' " CODES "'0x1'")},
	{TASK "    restart: {success: [3, 4], fatal: [4]}\n", 0,
         AT("5:39", "the code 4 is in 'success' and in 'fatal'; remove it from one")},
	{TASK "    restart: {max_delay: 1s, delay: 2s}\n", 0,
         AT("5:26", "'max_delay' is shorter than 'delay'; make it longer, or equal")},
	{TASK "    timeout: 0s\n    every: 0ms\n", 0,
         AT("5:14", "'timeout' wants more than no time; leave it out, or write a time such as "
                    "10s")
                 AT("6:12", "'every' wants more than no time; leave it out, or write a time such "
                            "as 10s")},
	{TASK "    timeout: 30\n    every: [1h]\n", 0,
         AT("5:14", "'timeout' " TIME "'30'") AT("6:12", "'every' wants a text; this is a list")},
	{TASK "    every: 1h\n    restart: temporary\n", 0,
         AT("5:5", "'every' is for a task that is always started again; remove it, or write "
                   "policy: permanent at 6:14")},
	{TASK "    restart: [permanent]\n", 0,
         AT("5:14",
            "'restart' wants a map, such as restart: {policy: transient, delay: 1s}; this is a "
            "list")},
	{TASK "    needs: b\n  b: {command: [x]}\n", 0,
         AT("5:12", "'needs' wants a list, such as needs: [db]; this is a text")},
	{TASK "    needs: {b: ready}\n  b: {command: [x]}\n", 0,
         AT("5:13", "task 'b' does not tell when it is ready; add ready: {tcp: 127.0.0.1:8080} to "
                    "it, or need it as started")},
	{TASK "    needs: {b: completed}\n  b: {command: [x], every: 1h}\n", 0,
         AT("5:13", "task 'b' is always started again and never completes; need it as started, or "
                    "remove its restart")},
	{TASK "    needs: {b: redy, c: [x], a: started}\n  b: {command: [x]}\n", 0,
         AT("5:16", "'b' wants started, ready or completed (ended with success), not 'redy' (did "
                    "you mean 'ready'?)") AT("5:25", "'c' wants a text; this is a list")
                 AT("5:30", "needs form a cycle: a -> a (at 5:30); remove one of them")},
	{TASK "    significant: yes\n    stdin: pty\n", 0,
         AT("5:18", "'significant' wants true or false, not 'yes'")
                 AT("6:12", "'stdin' wants null (nothing to read) or inherit (that of tend), not "
                            "'pty'")},
	{TASK "    stdin: inherit\n  b: {command: [x], stdin: inherit}\n", 0,
         AT("6:28", "only one task can read the input of tend, and 'a' does, at 5:12; remove one")},
	{TASK "    ready: {}\n    alive: {every: 1s}\n", 0,
         AT("5:5",
            "'ready' has no way to find out; add notify, tcp, http, log or exec, such as ready: "
            "{tcp: 127.0.0.1:8080}")
                 AT("6:5",
                    "'alive' has no way to find out; add notify, tcp, http, log or exec, such as "
                    "alive: {tcp: 127.0.0.1:8080}")},
	{TASK "    ready: {tcp: 1, log: x}\n", 0,
         AT("5:21", "'ready' has two ways, 'log' and, at 5:13, 'tcp'; remove one")},
	{TASK "    ready: tcp\n    alive: [1]\n", 0,
         AT("5:12", "'ready' wants a map, such as ready: {tcp: 127.0.0.1:8080}; this is a text")
                 AT("6:12", "'alive' wants a map, such as alive: {tcp: 127.0.0.1:8080}; this is a "
                            "list")},
	{TASK "    ready: {tcp: db:5432}\n", 0, AT("5:18", PORT "'db:5432'")},
	{TASK "    ready: {tcp: 65536}\n", 0, AT("5:18", PORT "'65536'")},
	{TASK "    ready: {tcp: '127.0.0.1:0'}\n", 0, AT("5:18", PORT "'127.0.0.1:0'")},
	{TASK "    ready: {tcp: '::1:80'}\n", 0, AT("5:18", PORT "'::1:80'")},
	{TASK "    ready: {tcp: ''}\n", 0, AT("5:18", PORT "''")},
	{TASK "    ready: {tcp: [1]}\n", 0, AT("5:18", "'tcp' wants a text; this is a list")},
	{TASK "    ready: {http: 'https://127.0.0.1/'}\n", 0,
         AT("5:19", URL "'https://127.0.0.1/'")},
	{TASK "    ready: {http: 'http://example.org/'}\n", 0,
         AT("5:19", URL "'http://example.org/'")},
	{TASK "    ready: {http: 'http:///x'}\n", 0, AT("5:19", URL "'http:///x'")},
	{TASK "    ready: {http: 'http://127.0.0.1/a b'}\n", 0,
         AT("5:19", URL "'http://127.0.0.1/a b'")},
	{TASK "    ready: {log: '[a', every: 1s}\n", 0,
         AT("5:18", "'log' wants a regular expression that a line of the output matches, such as "
                    "'listening on'; in this one: Unmatched [, [^, [:, [., or [=")
                 AT("5:24", "'every' is for a way that is tried again; what comes from the "
                            "task is seen as it comes; remove it")},
	{TASK "    ready: {log: '(a{1,20}){16}'}\n", 0,
         AT("5:18", "'log' wants a regular expression that a line of the output matches, such as "
                    "'listening on'; in this one: it is longer than 300 characters with its "
                    "repetitions written out")},
	{TASK "    ready: {log: 'x{0,40000}'}\n", 0,
         AT("5:18", "'log' wants a regular expression that a line of the output matches, such as "
                    "'listening on'; in this one: it is longer than 300 characters with its "
                    "repetitions written out")},
	{TASK "    ready: {log: '((((a{9}){9}){9}){9}){9}b'}\n", 0,
         AT("5:18", "'log' wants a regular expression that a line of the output matches, such as "
                    "'listening on'; in this one: it is longer than 300 characters with its "
                    "repetitions written out")},
	{TASK "    ready: {log: '(a*)\\1b'}\n", 0,
         AT("5:18", "'log' wants a regular expression that a line of the output matches, such as "
                    "'listening on'; in this one: a back-reference such as \\1 may take hours with "
                    "a line")},
	{TASK "    ready: {log: ''}\n", 0,
         AT("5:18", "'log' wants a regular expression that a line of the output matches, such as "
                    "'listening on'; in this one: it is empty")},
	{TASK "    ready: {notify: 3}\n    alive: {notify: fd}\n", 0,
         AT("5:21", "'notify' wants sd (the program calls sd_notify) or fd (it writes a newline to "
                    "descriptor 3), not '3'")
                 AT("6:21", "'notify' wants sd (the program calls sd_notify), not 'fd' (did you "
                            "mean 'sd'?)")},
	{TASK "    ready: {notify: fd, every: 1s}\n    alive: {notify: sd, every: 1s}\n", 0,
         AT("5:25", "'every' is for a way that is tried again; what comes from the task is seen "
                    "as it comes; remove it")
                 AT("6:25", "'every' is for a way that is tried again; what comes from the task "
                            "is seen as it comes; remove it")},
	{TASK "    ready: {exec: pg_isready}\n", 0,
         AT("5:19", "'exec' wants a list, such as exec: [pg_isready, -q]; this is a text")},
	{TASK "    ready: {exec: []}\n", 0,
         AT("5:19", "'exec' is empty; name a program: exec: [pg_isready, -q]")},
	{TASK "    ready: {tcp: 1, every: 0s, timeout: 5, after: 9000h, retries: 3}\n", 0,
         AT("5:28", "'every' wants more than no time; leave it out, or write a time such as 10s")
                 AT("5:41", "'timeout' " TIME "'5'") AT("5:51", "'after' " TIME "'9000h'")
                         AT("5:58", "unknown key 'retries'; the keys here are: notify, tcp, "
                                    "http, log, exec, every, timeout, after")},
	{TASK "    needs: [databse, nothing, [b], '']\n  database: {command: [x]}\n", 0,
         AT("5:13", "there is no task 'databse' (did you mean 'database'?)")
                 AT("5:22", "there is no task 'nothing'; name one of this file")
                         AT("5:31", "each name of 'needs' wants a text; this is a list")
                                 AT("5:36", "there is no task ''; name one of this file")},
	{TASK "    needs: [b, b]\n  b: {command: [x]}\n", 0,
         AT("5:16", "'b' is needed twice; remove one")},
};

/* Two tasks; what is tested begins on line 6, or in 6:3. */
#define GROUPS HEAD "  a: {command: [x]}\n  b: {command: [x]}\ngroups:\n"

static const struct refused GROUP[] = {
	{HEAD "  a: {command: [x]}\ngroups: [a]\n", 0,
         AT("4:9", "'groups' wants a map, such as groups: {NAME: {strategy: one_for_all, tasks: "
                   "[db, web]}}; this is a list")},
	{GROUPS "  g:\n", 0,
         AT("6:3", "group 'g' has no tasks; add tasks: [NAME, NAME], or remove it")},
	{GROUPS "  g: {tasks: []}\n", 0,
         AT("6:3", "group 'g' has no tasks; add tasks: [NAME, NAME], or remove it")},
	{GROUPS "  9: {tasks: [a]}\n", 0,
         AT("6:3", "'9' cannot be the name of a group; use 1 to 47 letters, digits, '.', '_' or "
                   "'-', a letter first")},
	{GROUPS "  g: {tasks: a}\n", 0,
         AT("6:14", "'tasks' wants a list, such as tasks: [db, web]; this is a text")},
	{GROUPS "  b: {tasks: [a]}\n", 0,
         AT("6:3", "'b' is the name of a task, at 4:3; give the group a name of its own")},
	{GROUPS "  g: {tasks: [a, [b], c, '']}\n  group: {tasks: [h]}\n", 0,
         AT("6:18", "each name of 'tasks' wants a text; this is a list")
                 AT("6:23", "there is no task 'c'; name one of this file")
                         AT("6:26", "there is no task ''; name one of this file")
                                 AT("7:19", "there is no task 'h'; name one of this file")},
	{GROUPS "  g: {tasks: [a, b, a]}\n  h: {tasks: [b]}\n", 0,
         AT("6:21", "'a' is in a group already, at 6:15; remove one")
                 AT("7:15", "'b' is in a group already, at 6:18; remove one")},
	{GROUPS "  g: {tasks: [a]}\n  h: {tasks: [g, h]}\n", 0,
         AT("7:15", "'g' is a group, and a group holds tasks; name the tasks")
                 AT("7:18", "'h' is a group, and a group holds tasks; name the tasks")},
	{GROUPS "  g: {strategy: always, tasks: [a]}\n", 0,
         AT("6:17", "'strategy' wants one_for_one (only what failed is started again), one_for_all "
                    "(all of the group) or rest_for_one (what failed, and what needs it), not "
                    "'always'")},
	{GROUPS "  g: {intensity: 5, tasks: [a]}\n", 0,
         AT("6:18", "'intensity' wants a map, such as intensity: {restarts: 5, period: 30s}; this "
                    "is a text")},
	{GROUPS "  g: {intensity: {restarts: 0, period: 0s}, tasks: [a]}\n", 0,
         AT("6:29", "'restarts' wants a whole number from 1 to 1024, not '0'")
                 AT("6:40", "'period' wants more than no time; leave it out, or write a time such "
                            "as 10s")},
	{GROUPS "  g: {intensity: {restarts: 1025, period: -1s, max: 3}, tasks: [a]}\n", 0,
         AT("6:29", "'restarts' wants a whole number from 1 to 1024, not '1025'")
                 AT("6:43", "'period' " TIME "'-1s'")
                         AT("6:48", "unknown key 'max'; the keys here are: restarts, period")},
	{GROUPS "  g: {task: [a], tasks: [b]}\n", 0,
         AT("6:7", "unknown key 'task' (did you mean 'tasks'?)")},
};

static void check(const struct refused *refused)
{
	size_t n = refused->n ? refused->n : strlen(refused->text);
	ck_assert_str_eq(refusal(refused->text, n), refused->errors);
}

FIXTURE(enter_shop, leave_shop);

TEST_EACH(a_file_that_is_no_stack_is_refused, COUNT(FILES)) { check(&FILES[_i]); }

TEST_EACH(text_that_is_no_yaml_is_refused, COUNT(SYNTAX)) { check(&SYNTAX[_i]); }

TEST_EACH(bytes_that_are_no_text_are_refused, COUNT(BYTES)) { check(&BYTES[_i]); }

TEST_EACH(a_task_that_cannot_be_is_refused, COUNT(TASKS)) { check(&TASKS[_i]); }

TEST_EACH(a_group_that_cannot_be_is_refused, COUNT(GROUP)) { check(&GROUP[_i]); }

TEST(errors_are_told_in_the_order_of_the_file)
{
	const char *text = "version: 3\ntasks:\n  a: {needs: [c, a], command: []}\n  a: {}\n";
	ck_assert_str_eq(
		refusal(text, strlen(text)),
		AT("1:10", "this tend reads version 1, not '3'; write version: 1") AT(
			"3:15", "there is no task 'c'; name one of this file")
			AT("3:18", "needs form a cycle: a -> a (at 3:18); remove one of them") AT(
				"3:31",
				"'command' is empty; name a program: command: [PROGRAM, ARGUMENT]")
				AT("4:3", "'a' is given twice, first at 3:3; remove one"));
}

TEST(at_most_twenty_errors_are_shown_and_all_are_counted)
{
	char text[2048] = HEAD, *line;
	for (int i = 0; i < 25; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "  t%d: {shell: ''}\n",
		         i);
	line = strdup(refusal(text, strlen(text)));
	ck_assert_ptr_nonnull(line);
	size_t lines = 0;
	for (char *c = line; (c = strchr(c, '\n')) != NULL; c++)
		lines++;
	ck_assert_uint_eq(lines, 21);
	ck_assert_ptr_nonnull(strstr(line, "\ntend.yaml: error: 5 more are not shown\n"));
	free(line);
}

TEST(a_long_key_is_shown_cut)
{
	char text[512] = HEAD "  a: {command: [x], ";
	memset(text + strlen(text), 'k', 200);
	strcat(text, ": 1}\n");
	const char *errors = refusal(text, strlen(text));
	ck_assert_ptr_nonnull(strstr(errors, "tend.yaml:3:21: error: unknown key 'kkkk"));
	ck_assert_ptr_nonnull(strstr(errors, "kkk...'; the keys here"));
	ck_assert_uint_lt(strlen(errors), 250);
}
