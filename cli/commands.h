/* cli/commands.h - the commands of `tend`. Each is called with its own name as
 * argv[0] and answers the exit code. */
#ifndef TEND_CLI_COMMANDS_H
#define TEND_CLI_COMMANDS_H

int cmd_up(int argc, char **argv);
int cmd_down(int argc, char **argv);
int cmd_tree(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_logs(int argc, char **argv);

#endif
