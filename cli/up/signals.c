/* cli/up/signals.c - SIGINT, SIGTERM and SIGHUP, which stop the stack. */
#include "up/up.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

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

int up_signals_main(void *arg)
{
	struct up *up = arg;
	struct signalfd_siginfo info;
	char reason[32];

	while (tend_read(up->signal_fd, &info, sizeof(info), TEND_FOREVER) == sizeof(info)) {
		int number = (int)info.ssi_signo;
		snprintf(reason, sizeof(reason), "SIG%s", sigabbrev_np(number));
		/* A terminal that goes away sends SIGHUP after any other
		 * signal. */
		if (up->interrupted && number != SIGHUP)
			up_force(up, reason);
		else if (!up->interrupted) {
			up->interrupted = true;
			up_stop(up, reason, 0);
		}
	}
	return 0;
}
