/* test/guard/main.c - the suites of tend-guard, and the programs it runs in
 * them: this one with a role. */
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn static void stay(void)
{
	for (;;)
		pause();
}

/* A daemon as they are made: forked twice, in a session of its own, its parent
 * gone. Every other one has a child of its own. */
static void hide(int tell, int number)
{
	if (fork() != 0) {
		wait(NULL);
		return;
	}
	setsid();
	if (fork() != 0)
		_exit(0);
	setsid();
	if (number % 2)
		prctl(PR_SET_PDEATHSIG, 0);
	if (number % 2 && fork() == 0)
		stay();
	if (write(tell, "x", 1) != 1)
		_exit(1);
	stay();
}

/* +brood N: makes N daemons and a child in its group, says "ready" when all are
 * hidden, then stays; or ends at once with the code that follows. */
static int brood(int count, const char *code)
{
	int tell[2];
	char c;
	/* What a polite program dies of; so do all below it. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (pipe(tell) < 0)
		return 1;
	if (fork() == 0)
		stay();
	for (int i = 0; i < count; i++)
		hide(tell[1], i);
	for (int i = 0; i < count; i++)
		if (read(tell[0], &c, 1) != 1)
			return 1;
	if (write(1, "ready\n", 6) != 6)
		return 1;
	if (code)
		_exit(atoi(code));
	stay();
}

/* +report: what it was started with, a line each. */
static int report(void)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");
	if (!status)
		return 1;
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, "Sig", 3) == 0 && strncmp(line, "SigQ", 4) != 0)
			fputs(line, stdout);
	fclose(status);
	printf("leads %d\n", getpgrp() == getpid());
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("fd %d\n", fd);
	return 0;
}

/* +echo: its arguments, environment and directory, each with a NUL. */
static int echo(int argc, char **argv)
{
	char cwd[4096];
	for (int i = 0; i < argc; i++)
		fwrite(argv[i], strlen(argv[i]) + 1, 1, stdout);
	for (char **env = environ; *env; env++)
		fwrite(*env, strlen(*env) + 1, 1, stdout);
	if (!getcwd(cwd, sizeof(cwd)))
		return 1;
	fwrite(cwd, strlen(cwd) + 1, 1, stdout);
	return 0;
}

/* +nest GUARD: a program with a guard of its own and a brood under it. */
static int nest(const char *guard)
{
	struct tend__guard g;
	if (tend__guard_open(guard, &g) < 0)
		return 1;
	if (tend__guard_spawn(&g, 1, ARGV(self_path(), "+brood", "4"), ENV, NULL, -1,
	                      (int[]){-1, 1, 2}) < 0)
		return 1;
	stay();
}

int role_main(int argc, char **argv)
{
	if (strcmp(argv[1], "+brood") == 0)
		return brood(atoi(argv[2]), argv[3]);
	if (strcmp(argv[1], "+report") == 0)
		return report();
	if (strcmp(argv[1], "+echo") == 0)
		return echo(argc - 2, argv + 2);
	if (strcmp(argv[1], "+nest") == 0)
		return nest(argv[2]);
	return 99;
}

int main(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == '+')
		return role_main(argc, argv);
	return suite_main("guard", argc, argv);
}
