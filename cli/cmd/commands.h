/* cli/cmd/commands.h - the commands of `tend`, in the order of its --help. */
#ifndef TEND_CLI_CMD_COMMANDS_H
#define TEND_CLI_CMD_COMMANDS_H

/* The only list of commands: each name, and its line in `tend --help`. */
#define COMMANDS(X) \
	X(run, "run one program under supervision") \
	X(up, "run the stack of a tend.yaml") \
	X(down, "stop a running stack and wait for its end") \
	X(check, "check a tend.yaml and start nothing") \
	X(plan, "show when tasks would be started again") \
	X(tree, "show the tree of a stack, or of a process") \
	X(status, "show the state of the tasks") \
	X(start, "start tasks that are stopped") \
	X(stop, "stop tasks until they are started") \
	X(restart, "stop tasks and start them again") \
	X(cancel, "end tasks for good") \
	X(signal, "send a signal to tasks") \
	X(logs, "show what a task wrote last") \
	X(wait, "wait until a task has started, is ready or has ended") \
	X(events, "show what has happened to the tasks") \
	X(attach, "show what a running stack writes") \
	X(completion, "print the completion of a shell")

/* cmd_NAME(argc, argv) is called with the name of the command as argv[0].
 * Returns the exit code. */
#define COMMAND_DECLARE(name, help) int cmd_##name(int argc, char **argv);
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#endif
