/* cli/ask/processes.h - a process and the processes below. */
#ifndef TEND_CLI_ASK_PROCESSES_H
#define TEND_CLI_ASK_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* At most this many processes of a task are looked into. */
enum { PROCESSES_MAX = 128 };

struct processes {
	size_t n;
	pid_t pid[PROCESSES_MAX];
};

/* Fills in a process and its descendants. */
void processes_of(struct processes *out, pid_t pid);

/* Returns true if the process is stopped, by a signal or by a debugger. */
bool process_is_stopped(pid_t pid);

#endif
