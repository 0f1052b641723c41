/* cli/up/signals.c - the signals of a stack, which stop the stack. `tend run` stands in the
 * place of a program, and most signals go on to the program. */
#include "up/up.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSE_NS TEND_SEC       /* between two wishes */
#define START_NS (5 * TEND_SEC) /* for the news of a start */
#define LOOK_NS  (2 * TEND_MS)

/* The signals for a stack, and with `single` the signals for a program. */
static const struct taken {
	int number;
	bool single;
} TAKEN[] = {
	{SIGTERM, false}, {SIGINT, false},  {SIGHUP, false}, {SIGQUIT, true}, {SIGUSR1, true},
	{SIGUSR2, true},  {SIGWINCH, true}, {SIGTSTP, true}, {SIGCONT, true}, {SIGCHLD, true},
};

enum { COUNT = sizeof(TAKEN) / sizeof(*TAKEN) };

static bool ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* Blocks the signals before there are threads, because a signal ends up with any
 * thread in which the signal is not blocked. An ignored signal, as SIGHUP under nohup,
 * stays ignored. */
int up_signals_open(bool single)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	for (int i = 0; i < COUNT; i++) {
		int number = TAKEN[i].number;
		bool stays = ignored(number) && (single || number == SIGHUP);
		if ((single || !TAKEN[i].single) && (number == SIGTERM || !stays))
			sigaddset(&set, number);
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void up_signals_close(struct up *up)
{
	struct signalfd_siginfo info;
	sigset_t set;

	if (up->signal_fd < 0)
		return;
	/* A pending signal was sent before the end, and would now end this process early. */
	while (read(up->signal_fd, &info, sizeof(info)) == sizeof(info)) {}
	close(up->signal_fd);
	up->signal_fd = -1;
	signal(SIGINT, SIG_DFL);
	sigemptyset(&set);
	for (int i = 0; i < COUNT; i++)
		sigaddset(&set, TAKEN[i].number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* One wish may come as several signals: a Ctrl-C reaches the group of the terminal, and
 * a wrapper, as npm or make, passes it on. */
static bool is_new_wish(const struct up *up, int number)
{
	if (!up->wished_at)
		return true;
	/* A terminal that goes away sends SIGHUP after any other signal. */
	return number != SIGHUP && tend_now() - up->wished_at >= PAUSE_NS;
}

static void wish(struct up *up, int number)
{
	char reason[32];

	if (!is_new_wish(up, number))
		return;
	bool second = up->wished_at != 0;
	snprintf(reason, sizeof(reason), "SIG%s", sigabbrev_np(number));
	up->wished_at = tend_now();
	if (second)
		up_force(up, reason);
	else
		up_stop(up, reason, 0);
}

/* ---- In the place of a program ---- */

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0) {}
}

/* Signals the program. A program that has just begun may be known to its terminal before it is
 * known here, so a refused signal is tried again for a while. */
static int signal_program(const struct up *up, int number)
{
	uint64_t give_up = tend_after(START_NS);
	int error = -ESRCH;

	do {
		tend_task program = up->tasks[0].process;
		error = program.id ? tend_process_signal(program, number) : -ESRCH;
	} while (error == -EAGAIN && tend_now() < give_up && tend_sleep(LOOK_NS) == 0);
	return error;
}

/* Stops this process as the signal would, so that the shell sees the stop. The program goes
 * on when this process goes on. */
static void pause_with(const struct up *up)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGTSTP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal_program(up, SIGCONT);
}

/* Gives a signal to the program. Between two attempts there is no program, and a signal that
 * ends most programs then stops the stack. */
static void pass(struct up *up, int number)
{
	bool ends = number == SIGINT || number == SIGQUIT || number == SIGHUP;

	if (signal_program(up, number) != 0) {
		if (ends)
			wish(up, number);
		return;
	}
	if (ends)
		up->passed = number;
	if (number == SIGTSTP)
		pause_with(up);
}

static void take_single(struct up *up, int number)
{
	bool stops = number == SIGTERM;

	/* A program with restarts would come back after each Ctrl-C. */
	if (number == SIGINT || number == SIGQUIT)
		stops = up->config->tasks[0].restart.policy != TEND_TEMPORARY;
	if (number == SIGCHLD)
		reap();
	else if (stops)
		wish(up, number);
	else
		pass(up, number);
}

int up_signals_main(void *arg)
{
	struct up *up = arg;
	struct signalfd_siginfo info;

	while (tend_read(up->signal_fd, &info, sizeof(info), TEND_FOREVER) == sizeof(info)) {
		int number = (int)info.ssi_signo;
		up->interrupted |= number == SIGINT;
		if (up->single)
			take_single(up, number);
		else
			wish(up, number);
	}
	return 0;
}
