/* cli/cmd_check.h - `tend check [FILE]`: is a tend.yaml valid? */
#ifndef TEND_CLI_CMD_CHECK_H
#define TEND_CLI_CMD_CHECK_H

/* Answers the exit code: 0 valid (perhaps with warnings), 78 not. */
int cmd_check(int argc, char **argv);

#endif
