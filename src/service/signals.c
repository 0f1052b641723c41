/* service/signals.c - the wishes of signals, and the watchdog. */
#include "service/service.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* A single Ctrl-C may come twice: from the terminal, and from the parent process. */
#define PAUSE_NS TEND_SEC

int tend__signals_open(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&set, signals[i]);
	int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
	int fd = error ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return error ? -error : fd < 0 ? -errno : fd;
}

/* ---- Wishes ---- */

static void write_tree(const struct tend_daemon *d)
{
	tend_snapshot *snapshot;

	if (tend_snapshot_take(d->rt, &snapshot) != 0)
		return;
	size_t n = tend_snapshot_text(snapshot, 0, NULL, 0);
	char *text = tend__alloc(n + 1);
	if (text) {
		tend_snapshot_text(snapshot, 0, text, n + 1);
		fputs(text, stderr);
	}
	tend__free(text);
	tend_snapshot_free(snapshot);
}

static void reload_once(struct tend_daemon *d)
{
	const struct tend__hook hook = {"reload", d->service.reload, d->service.reload_ns};
	char why[128], text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
	         (unsigned long long)(tend_now() / 1000));
	(void)!tend__notify(d, text);
	bool failed = tend__hook_call(d, &hook, why, sizeof(why)) != 0;
	if (failed)
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
	(void)!tend_daemon_status(d, "%s", failed ? why : "");
	/* After STOPPING=1 nothing else is news. */
	if (!tend__daemon_stops(d))
		(void)!tend__notify(d, "READY=1\n");
}

/* The signals during a reload cause one more reload, because the configuration may have changed
 * after the reload had read its file. */
static int reload_main(void *arg)
{
	struct tend_daemon *d = arg;

	/* A reload finds what the start has made, and no stop is under way. */
	if (tend_event_wait(d->ready, TEND_FOREVER) != 0)
		return 0;
	while (tend_event_wait(d->hung_up, TEND_FOREVER) == 0 && !tend__daemon_stops(d)) {
		tend_event_clear(d->hung_up);
		reload_once(d);
	}
	return 0;
}

static void hang_up(struct tend_daemon *d)
{
	if (d->service.reload)
		tend_event_set(d->hung_up);
	else
		(void)!tend__daemon_stop(d, TEND_STOP_FOR_RELOAD, "SIGHUP");
}

struct wishes {
	int n;
	uint64_t last_at;
};

static void stop(struct tend_daemon *d, struct wishes *wishes, int signal)
{
	uint64_t now = tend_now();

	if (wishes->n && now - wishes->last_at < PAUSE_NS)
		return;
	wishes->last_at = now;
	switch (wishes->n++) {
	case 0:
		/* A stop that has begun for another reason goes on. */
		(void)!tend__daemon_stop(d, TEND_STOP_BY_SIGNAL,
		                         signal == SIGINT ? "SIGINT" : "SIGTERM");
		break;
	case 1:
		tend__daemon_force(d);
		break;
	default:
		_exit(128 + signal);
	}
}

static int signals_main(void *arg)
{
	struct tend_daemon *d = arg;
	struct wishes wishes = {0};
	struct signalfd_siginfo info;
	ssize_t n;

	while ((n = tend_read(d->signals, &info, sizeof(info), TEND_FOREVER)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;

		if (signal == SIGQUIT)
			write_tree(d);
		else if (signal == SIGHUP)
			hang_up(d);
		else
			stop(d, &wishes, signal);
	}
	return n < 0 ? (int)n : -EIO;
}

/* ---- The watchdog ---- */

static int watchdog_main(void *arg)
{
	struct tend_daemon *d = arg;
	const struct tend__hook hook = {"health", d->service.health, d->service.health_ns};
	char why[128];

	/* Half of the time, as sd_watchdog_enabled(3) advises. */
	while (tend_sleep(d->watchdog_ns / 2) == 0)
		if (!hook.fn || tend__hook_call(d, &hook, why, sizeof(why)) == 0)
			(void)!tend__notify(d, "WATCHDOG=1\n");
		else
			(void)!tend_daemon_status(d, "%s", why);
	return 0;
}

/* ---- Begin ---- */

static void drop(void *daemon) { tend__daemon_give(daemon); }

static int spawn(struct tend_daemon *d, tend_fn *fn, const char *name)
{
	tend__daemon_take(d);
	int error = tend_spawn(d->own, fn, d, TEND_TASK_OPTS(.name = name, .drop = drop), NULL);
	if (error)
		tend__daemon_give(d);
	return error;
}

int tend__signals_begin(struct tend_daemon *d)
{
	int error = spawn(d, signals_main, "signals");

	if (!error && d->service.reload)
		error = spawn(d, reload_main, "reload");
	if (!error && d->watchdog_ns)
		error = spawn(d, watchdog_main, "watchdog");
	return error;
}
