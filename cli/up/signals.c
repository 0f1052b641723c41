/* cli/up/signals.c - SIGINT, SIGTERM and SIGHUP, which stop the stack. */
#include "up/up.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define PAUSE_NS TEND_SEC /* between two wishes */

/* Blocks the signals before there are threads, because a signal ends up with any
 * thread in which the signal is not blocked. An ignored SIGHUP, as under nohup,
 * stays ignored. */
int up_signals_open(void)
{
	sigset_t set;
	struct sigaction hup;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
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
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
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

int up_signals_main(void *arg)
{
	struct up *up = arg;
	struct signalfd_siginfo info;
	char reason[32];

	while (tend_read(up->signal_fd, &info, sizeof(info), TEND_FOREVER) == sizeof(info)) {
		int number = (int)info.ssi_signo;
		up->interrupted |= number == SIGINT;
		if (!is_new_wish(up, number))
			continue;
		bool second = up->wished_at != 0;
		snprintf(reason, sizeof(reason), "SIG%s", sigabbrev_np(number));
		up->wished_at = tend_now();
		if (second)
			up_force(up, reason);
		else
			up_stop(up, reason, 0);
	}
	return 0;
}
