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

/* +ready N: says by the descriptor N whether it is the only one beside the standard ones. */
static int say_ready(int ready)
{
	for (int fd = 3; fd < 1024; fd++)
		if (fd != ready && fcntl(fd, F_GETFD) >= 0)
			return dprintf(ready, "and %d\n", fd) < 0;
	return dprintf(ready, "only\n") < 0;
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

static void say(const char *name, const char *what)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%s %s\n", name, what);
	if (write(1, line, (size_t)n) != n)
		_exit(1);
}

/* Says when it is asked to stop, and then ends when a byte comes from standard input. */
_Noreturn static void end_slowly(const char *name, int tell)
{
	sigset_t term, pending;
	int sig;
	char c;
	if (write(tell, "x", 1) != 1)
		_exit(1);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigwait(&term, &sig);
	say(name, "asked");
	if (read(0, &c, 1) != 1)
		_exit(1);
	sigpending(&pending);
	say(name, sigismember(&pending, SIGTERM) ? "asked again" : "over");
	_exit(0);
}

/* +grace [CODE]: a leader that ends at once with the code, or stays until a stop; with a
 * process in its group, a daemon, and a child of the daemon in a session of its own. */
static int grace(const char *code)
{
	int tell[2];
	char c;
	sigset_t term;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	if (pipe(tell) < 0)
		return 1;
	if (fork() == 0)
		end_slowly("group", tell[1]);
	if (fork() == 0) {
		setsid();
		if (fork() != 0)
			end_slowly("daemon", tell[1]);
		setsid();
		end_slowly("deep", tell[1]);
	}
	for (int i = 0; i < 3; i++)
		if (read(tell[0], &c, 1) != 1)
			return 1;
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	say("leader", "ready");
	if (code)
		_exit(atoi(code));
	stay();
}

/* +moved: a leader that has left its group, and ends with 5 when it is asked. */
static int moved(void)
{
	sigset_t term;
	int sig;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	if (setpgid(0, getpgid(getppid())) < 0)
		return 1;
	say("leader", "ready");
	sigwait(&term, &sig);
	return 5;
}

/* +nest GUARD: a program with a guard of its own and a brood under it. */
static int nest(const char *guard)
{
	struct tend__guard g;
	if (tend__guard_open(guard, &g) < 0)
		return 1;
	if (ask_guard(&g, 1, ARGV(self_path(), "+brood", "4"), ENV, NULL, -1, STOP,
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
	if (strcmp(argv[1], "+ready") == 0)
		return say_ready(atoi(argv[2]));
	if (strcmp(argv[1], "+echo") == 0)
		return echo(argc - 2, argv + 2);
	if (strcmp(argv[1], "+grace") == 0)
		return grace(argv[2]);
	if (strcmp(argv[1], "+moved") == 0)
		return moved();
	if (strcmp(argv[1], "+nest") == 0)
		return nest(argv[2]);
	return 99;
}

int main(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == '+') {
		int status = role_main(argc, argv);

		/* Without exit(), because the leak checker stops the process there. The SIGCONT
		 * after the stop signal of a task undoes that, and the checker waits for ever. */
		fflush(NULL);
		_exit(status);
	}
	return suite_main("guard", argc, argv);
}
