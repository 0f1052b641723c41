/* cli/cmd/completion.c - `tend completion SHELL`: the completion of a shell, made of the
 * tables of the commands. */
#include "ask/client.h"
#include "cmd/options.h"
#include "cmd/table.h"
#include "config/config.h"
#include "show/json.h"
#include "show/output.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* ---- The values of an argument ---- */

/* PLACES: a task, or a file whose name begins with '/' or '.'. */
enum kind { NOTHING, FILES, FOLDERS, STACKS, TASKS, PLACES, PROGRAM, WORDS };

static const struct {
	const char *word; /* in the name of an argument, as --help shows it */
	enum kind kind;
} KINDS[] = {
	{"PATH|PID|FILE", PLACES}, {"DIRECTORY", FOLDERS}, {"FILE", FILES},      {"SOCKET", FILES},
	{"STACK", STACKS},         {"PATH", TASKS},        {"COMMAND", PROGRAM}, {"POLICY", WORDS},
	{"SIGNAL", WORDS},         {"SHELL", WORDS},       {"GOAL", WORDS},      {"JITTER", WORDS},
};

static enum kind kind_of(const char *argument)
{
	for (size_t i = 0; argument && i < COUNT_OF(KINDS); i++)
		if (strstr(argument, KINDS[i].word))
			return KINDS[i].kind;
	return NOTHING;
}

/* Prints the words of an argument, with a space between. */
static void print_words(const char *argument)
{
	if (strcmp(argument, "SHELL") == 0)
		printf("bash zsh fish");
	if (strcmp(argument, "GOAL") == 0)
		printf("started ready ended");
	if (strcmp(argument, "POLICY") == 0)
		for (size_t i = 0; i < COUNT_OF(CONFIG_POLICIES); i++)
			printf("%s%s", i ? " " : "", CONFIG_POLICIES[i]);
	if (strcmp(argument, "JITTER") == 0)
		for (size_t i = 0; i < COUNT_OF(CONFIG_JITTERS); i++)
			printf("%s%s", i ? " " : "", CONFIG_JITTERS[i]);
	if (strcmp(argument, "SIGNAL") == 0)
		for (int i = 1; i < NSIG; i++)
			if (sigabbrev_np(i))
				printf("%s%s", i > 1 ? " " : "", sigabbrev_np(i));
}

/* ---- bash ---- */

static void print_bash_kind(const char *argument, const char *indent)
{
	static const char *const kinds[] = {
		[NOTHING] = "nothing", [FILES] = "files",   [FOLDERS] = "folders",
		[STACKS] = "stacks",   [TASKS] = "tasks",   [PROGRAM] = "program",
		[WORDS] = "words",     [PLACES] = "places",
	};
	enum kind kind = kind_of(argument);

	printf("%skind=%s", indent, kinds[kind]);
	if (kind == WORDS) {
		printf(" words='");
		print_words(argument);
		printf("'");
	}
}

static void print_bash_command(const struct command *command)
{
	struct options_table table;

	options_of(command->run, &table);
	printf("\t%s)\n\t\toptions='", command->name);
	for (size_t i = 0; i < table.count; i++)
		printf("%s--%s", i ? " " : "", table.options[i].name);
	printf("'\n\t\tcase $option in\n");
	for (size_t i = 0; i < table.count; i++) {
		const struct options_named *o = &table.options[i];
		if (!o->argument)
			continue;
		printf("\t\t--%s%s%c) takes=1", o->name, o->letter ? " | -" : "",
		       o->letter ? o->letter : ' ');
		print_bash_kind(o->argument, " ");
		printf(" ;;\n");
	}
	printf("\t\t*)");
	print_bash_kind(table.argument, " ");
	printf(" ;;\n\t\tesac\n\t\t;;\n");
}

static void print_bash(void)
{
	fputs("# Completion of `tend` in bash, as printed by: tend completion bash\n"
	      "\n"
	      "# Sets what may follow an option of a command, or the command itself.\n"
	      "_tend_table()\n"
	      "{\n"
	      "\tlocal command=$1 option=$2\n"
	      "\toptions='' kind=nothing words='' takes=''\n"
	      "\tcase $command in\n",
	      stdout);
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		print_bash_command(&ALL_COMMANDS[i]);
	fputs("\tesac\n"
	      "}\n"
	      "\n"
	      "_tend()\n"
	      "{\n"
	      "\tlocal tend=$1 cur=$2 prev=$3 command='' name='' word last='' i\n"
	      "\tlocal options kind words takes\n"
	      "\tCOMPREPLY=()\n"
	      "\t# bash gives the = of --option=value as a word.\n"
	      "\tif [[ $cur == = ]]; then\n"
	      "\t\tcur=''\n"
	      "\telif [[ $prev == = ]]; then\n"
	      "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	      "\tfi\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tword=${COMP_WORDS[i]}\n"
	      "\t\tif [[ $word == = ]]; then\n"
	      "\t\t\tcontinue\n"
	      "\t\telif [[ -z $command ]]; then\n"
	      "\t\t\t[[ $word == -* ]] || command=$word\n"
	      "\t\t\tcontinue\n"
	      "\t\tfi\n"
	      "\t\tif [[ $last == --name || $last == -n ]]; then\n"
	      "\t\t\tname=$word\n"
	      "\t\tfi\n"
	      "\t\t_tend_table \"$command\" \"$last\"\n"
	      "\t\tif [[ -n $takes ]]; then\n"
	      "\t\t\tlast=''\n"
	      "\t\telif [[ $word == -?* && $word != -- ]]; then\n"
	      "\t\t\tlast=$word\n"
	      "\t\telse\n"
	      "\t\t\tlast=''\n"
	      "\t\t\t_tend_table \"$command\" ''\n"
	      "\t\t\tif [[ $kind == program ]]; then\n"
	      "\t\t\t\t[[ $word != -- ]] || ((i++))\n"
	      "\t\t\t\tbreak\n"
	      "\t\t\tfi\n"
	      "\t\tfi\n"
	      "\tdone\n"
	      "\tif [[ -z $command ]]; then\n"
	      "\t\tkind=words words='",
	      stdout);
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		printf("%s%s", i ? " " : "", ALL_COMMANDS[i].name);
	fputs("'\n"
	      "\t\t[[ $cur != -* ]] || words='--help --version'\n"
	      "\telse\n"
	      "\t\t_tend_table \"$command\" \"$last\"\n"
	      "\t\tif [[ -z $takes ]]; then\n"
	      "\t\t\t_tend_table \"$command\" ''\n"
	      "\t\t\t[[ $cur != -* || ($kind == program && $i -lt $COMP_CWORD) ]] || kind=options\n"
	      "\t\tfi\n"
	      "\tfi\n"
	      "\tif [[ $kind == places ]]; then\n"
	      "\t\tkind=tasks\n"
	      "\t\t[[ $cur != [./]* ]] || kind=files\n"
	      "\tfi\n"
	      "\tcase $kind in\n"
	      "\toptions) words=$options ;;\n"
	      "\tstacks) words=$(\"$tend\" completion stacks 2>/dev/null) ;;\n"
	      "\ttasks) words=$(\"$tend\" completion tasks ${name:+--name \"$name\"} 2>/dev/null) "
	      ";;\n"
	      "\tprogram)\n"
	      "\t\tif [[ $i -lt $COMP_CWORD || ${COMP_WORDS[COMP_CWORD - 1]} == -- ]] &&\n"
	      "\t\t\tdeclare -F _command_offset >/dev/null; then\n"
	      "\t\t\t_command_offset \"$i\"\n"
	      "\t\telif [[ $i -lt $COMP_CWORD ]]; then\n"
	      "\t\t\tcompopt -o default 2>/dev/null\n"
	      "\t\telse\n"
	      "\t\t\tmapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n"
	      "\t\tfi\n"
	      "\t\treturn\n"
	      "\t\t;;\n"
	      "\tfiles)\n"
	      "\t\tcompopt -o default 2>/dev/null\n"
	      "\t\treturn\n"
	      "\t\t;;\n"
	      "\tfolders)\n"
	      "\t\tcompopt -o dirnames 2>/dev/null\n"
	      "\t\treturn\n"
	      "\t\t;;\n"
	      "\tesac\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "}\n"
	      "complete -F _tend tend\n",
	      stdout);
}

/* ---- zsh ---- */

/* Prints text of an option inside of single quotes, where brackets and colons have a
 * meaning. */
static void print_zsh_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:\\", *text))
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

static void print_zsh_action(const char *argument)
{
	static const char *const actions[] = {
		[NOTHING] = " ",         [FILES] = "_files",
		[FOLDERS] = "_files -/", [STACKS] = "_tend_stacks",
		[TASKS] = "_tend_tasks", [PLACES] = "_tend_places",
		[PROGRAM] = "",          [WORDS] = "",
	};
	enum kind kind = kind_of(argument);

	putchar(':');
	print_zsh_text(argument);
	printf(":%s", actions[kind]);
	if (kind == WORDS) {
		putchar('(');
		print_words(argument);
		putchar(')');
	}
}

static void print_zsh_command(const struct command *command)
{
	struct options_table table;

	options_of(command->run, &table);
	printf("\t%s)\n\t\t_arguments -s -S", command->name);
	for (size_t i = 0; i < table.count; i++) {
		const struct options_named *o = &table.options[i];
		/* An option that sets a variable may come again. */
		bool again = strcmp(o->name, "env") == 0;
		fputs(" \\\n\t\t\t", stdout);
		if (o->letter)
			printf("%s{-%s%c%s,--%s%s}'[", again ? "'*'" : "",
			       o->letter == '?' ? "\\" : "", o->letter, o->argument ? "+" : "",
			       o->name, o->argument ? "=" : "");
		else
			printf("'--%s%s[", o->name, o->argument ? "=" : "");
		print_zsh_text(o->help);
		putchar(']');
		if (o->argument)
			print_zsh_action(o->argument);
		putchar('\'');
	}
	if (kind_of(table.argument) == PROGRAM)
		fputs(" \\\n\t\t\t'(-)1:program: _command_names -e' '*::arguments: _normal'",
		      stdout);
	else if (table.argument) {
		fputs(strstr(table.argument, "...") ? " \\\n\t\t\t'*" : " \\\n\t\t\t'1", stdout);
		print_zsh_action(table.argument);
		putchar('\'');
	}
	printf("\n\t\t;;\n");
}

static void print_zsh(void)
{
	fputs("#compdef tend\n"
	      "# Completion of `tend` in zsh, as printed by: tend completion zsh\n"
	      "\n"
	      "_tend_stacks()\n"
	      "{\n"
	      "\tlocal -a found\n"
	      "\tfound=(${(f)\"$($tend completion stacks 2>/dev/null)\"})\n"
	      "\tcompadd -a found\n"
	      "}\n"
	      "\n"
	      "_tend_tasks()\n"
	      "{\n"
	      "\tlocal -a found\n"
	      "\tlocal name=${opt_args[-n]:-${opt_args[--name]}}\n"
	      "\tfound=(${(f)\"$($tend completion tasks ${name:+--name=$name} 2>/dev/null)\"})\n"
	      "\tcompadd -a found\n"
	      "}\n"
	      "\n"
	      "_tend_places()\n"
	      "{\n"
	      "\tif [[ $PREFIX == [./]* ]]; then _files; else _tend_tasks; fi\n"
	      "}\n"
	      "\n"
	      "_tend()\n"
	      "{\n"
	      "\tlocal curcontext=$curcontext context state line tend=$words[1]\n"
	      "\tlocal -A opt_args\n"
	      "\tlocal -a commands\n"
	      "\tcommands=(\n",
	      stdout);
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		printf("\t\t'%s:%s'\n", ALL_COMMANDS[i].name, ALL_COMMANDS[i].help);
	fputs("\t)\n"
	      "\t_arguments -C '(-)'{-\\?,--help}'[Explain it]' '(-)'{-V,--version}'[Print the "
	      "version]' \\\n"
	      "\t\t'1:command:->command' '*::argument:->rest'\n"
	      "\tif [[ $state == command ]]; then\n"
	      "\t\t_describe command commands\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tcase $words[1] in\n",
	      stdout);
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		print_zsh_command(&ALL_COMMANDS[i]);
	fputs("\tesac\n"
	      "}\n"
	      "\n"
	      "# Read by the function itself at its first use, or by a file of the user.\n"
	      "if [[ $funcstack[1] == _tend ]]; then\n"
	      "\t_tend \"$@\"\n"
	      "else\n"
	      "\tcompdef _tend tend\n"
	      "fi\n",
	      stdout);
}

/* ---- fish ---- */

static void print_fish_text(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static void print_fish_kind(const char *argument)
{
	switch (kind_of(argument)) {
	case FILES:
		printf(" -F");
		break;
	case FOLDERS:
		printf(" -a '(__fish_complete_directories)'");
		break;
	case STACKS:
		printf(" -a '(tend completion stacks 2>/dev/null)'");
		break;
	case TASKS:
		printf(" -a '(__tend_tasks)'");
		break;
	case PLACES:
		printf(" -a '(__tend_places)'");
		break;
	case PROGRAM:
		printf(" -a '(__fish_complete_subcommand --fcs-skip=2)'");
		break;
	case WORDS:
		printf(" -a '");
		print_words(argument);
		printf("'");
		break;
	case NOTHING:
		break;
	}
}

static void print_fish_command(const struct command *command)
{
	struct options_table table;

	options_of(command->run, &table);
	printf("complete -c tend -n __fish_use_subcommand -a %s -d ", command->name);
	print_fish_text(command->help);
	printf("\n");
	for (size_t i = 0; i < table.count; i++) {
		const struct options_named *o = &table.options[i];
		printf("complete -c tend -n '__fish_seen_subcommand_from %s' -l %s", command->name,
		       o->name);
		if (o->letter)
			printf(" -s '%c'", o->letter);
		if (o->argument) {
			printf(kind_of(o->argument) == FILES ? " -r" : " -x");
			print_fish_kind(o->argument);
		}
		printf(" -d ");
		print_fish_text(o->help);
		printf("\n");
	}
	if (kind_of(table.argument) == NOTHING)
		return;
	printf("complete -c tend -n '__fish_seen_subcommand_from %s'", command->name);
	print_fish_kind(table.argument);
	printf("\n");
}

static void print_fish(void)
{
	fputs("# Completion of `tend` in fish, as printed by: tend completion fish\n"
	      "\n"
	      "function __tend_tasks\n"
	      "\tset -l words (commandline -opc)\n"
	      "\tset -l name\n"
	      "\tfor i in (seq (count $words))\n"
	      "\t\tif contains -- $words[$i] -n --name; and set -q words[(math $i + 1)]\n"
	      "\t\t\tset name --name=$words[(math $i + 1)]\n"
	      "\t\telse if string match -q -- '--name=*' $words[$i]\n"
	      "\t\t\tset name $words[$i]\n"
	      "\t\tend\n"
	      "\tend\n"
	      "\ttend completion tasks $name 2>/dev/null\n"
	      "end\n"
	      "\n"
	      "function __tend_places\n"
	      "\tif string match -qr '^[./]' -- (commandline -ct)\n"
	      "\t\t__fish_complete_path (commandline -ct)\n"
	      "\telse\n"
	      "\t\t__tend_tasks\n"
	      "\tend\n"
	      "end\n"
	      "\n"
	      "complete -c tend -f\n"
	      "complete -c tend -n __fish_use_subcommand -l help -s '?' -d 'Explain it'\n"
	      "complete -c tend -n __fish_use_subcommand -l version -s V -d 'Print the version'\n",
	      stdout);
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		print_fish_command(&ALL_COMMANDS[i]);
}

/* ---- Running stacks ---- */

static void print_stacks(void)
{
	struct instance_listed found[INSTANCE_LISTED_MAX];
	size_t count = instance_list(found);

	for (size_t i = 0; i < count && i < INSTANCE_LISTED_MAX; i++)
		puts(found[i].name);
}

/* Prints the names of the tasks of a running stack. Without a stack there is none. */
static int print_tasks(const struct client *client)
{
	struct instance instance;
	int code = 0;
	size_t i;
	const json_t *row;

	json_t *envelope = client_ask(client, json_pack("{s:s}", "cmd", "status"), NULL, NULL,
	                              &instance, &code);
	json_array_foreach (json_object_get(json_object_get(envelope, "data"), "tasks"), i, row) {
		const char *path = field_text(row, "path"), *slash = strrchr(path, '/');
		puts(slash ? slash + 1 : path);
	}
	json_decref(envelope);
	return code;
}

int cmd_completion(int argc, char **argv)
{
	struct client client = {.schema = "tend.completion/1"};
	const char *what = NULL;
	const struct option_row options[] = {
		{"name", 'n', "STACK", "With tasks: of the stack of that name", option_text,
	         &client.name},
		{0},
	};
	const struct usage usage = {
		.argument = "SHELL",
		.help = "Prints the completion of a shell: bash, zsh or fish.\v"
			"An installed tend comes with all three. By hand: source <(tend completion "
			"bash); tend completion fish | source. For their use, stacks prints the "
			"names of the running stacks, and tasks those of the tasks of one.",
		.into = &what,
		.twice = "one shell at a time",
		.missing = "which shell? bash, zsh or fish",
		.options = options,
	};
	char text[160];
	int code = 0;

	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	if (strcmp(what, "bash") == 0)
		print_bash();
	else if (strcmp(what, "zsh") == 0)
		print_zsh();
	else if (strcmp(what, "fish") == 0)
		print_fish();
	else if (strcmp(what, "stacks") == 0)
		print_stacks();
	else if (strcmp(what, "tasks") == 0)
		code = print_tasks(&client);
	else {
		snprintf(text, sizeof(text),
		         "there is no completion for %.64s; there is one for bash, zsh and fish",
		         what);
		return client_tell(&client, EXIT_USAGE, text);
	}
	return output_end(code);
}
