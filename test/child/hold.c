/* test/child/hold.c - keeps a process from ending: a traced process that was killed stops at
 * the begin of its exit until its tracer, this program, is gone. So the end of its task is
 * late for sure.
 *
 *   hold PID   says "held" and stays; or ends with 77 where tracing is forbidden */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2 || ptrace(PTRACE_SEIZE, atoi(argv[1]), NULL, PTRACE_O_TRACEEXIT) < 0)
		return 77;
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}
