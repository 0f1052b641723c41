/* service/main.c - a process that is a service. */
#include "service/service.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CODE_FAILED = 1, CODE_PANICKED = 70, CODE_LEFT = 124, CODE_MAX = 255 };

static int code_of(const struct tend_service_end *end)
{
	if (end->kind == TEND_PANICKED)
		return CODE_PANICKED;
	if (end->phase == TEND_PHASE_STOP)
		return CODE_LEFT;
	if (end->phase != TEND_PHASE_NONE || end->stop == TEND_STOP_FATAL)
		return CODE_FAILED;
	return end->result > CODE_MAX ? CODE_FAILED : end->result;
}

static void tell(const struct tend_daemon *d, const char *name, const struct tend_service_end *end)
{
	if (end->phase != TEND_PHASE_NONE) {
		fprintf(stderr, "%s: %s\n", name, end->message);
		(void)!tend_daemon_status((struct tend_daemon *)(uintptr_t)d, "%s", end->message);
	}
	if (end->stop == TEND_STOP_FATAL)
		fprintf(stderr, "%s: stopped: %s\n", name, end->text);
	if (!end->abandoned || !d->report)
		return;
	size_t n = tend_report_text(d->report, NULL, 0);
	char *text = tend__alloc(n + 1);
	if (text) {
		tend_report_text(d->report, text, n + 1);
		fputs(text, stderr);
	}
	tend__free(text);
}

/* Returns the time within which the service manager wants signs of life, or 0. */
static uint64_t watchdog(void)
{
	const char *time = secure_getenv("WATCHDOG_USEC"), *pid = secure_getenv("WATCHDOG_PID");
	unsigned long long us = time ? strtoull(time, NULL, 10) : 0;
	bool ours = !pid || strtol(pid, NULL, 10) == getpid();

	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return ours && us < UINT64_MAX / 1000 ? us * 1000 : 0;
}

/* Runs the service, and returns the exit code. */
static int run(tend_runtime *rt, const struct tend_service *service, const char *name, int signals,
               int notify, uint64_t watchdog_ns)
{
	struct tend_service_end end;
	struct tend_daemon *d;
	int error = tend__daemon_open(rt, service, &d);

	if (error) {
		fprintf(stderr, "%s: the service cannot begin: %s\n", name, tend_strerror(error));
		close(signals);
		if (notify >= 0)
			close(notify);
		return CODE_FAILED;
	}
	d->signals = signals;
	d->notify = notify;
	d->watchdog_ns = notify < 0 ? 0 : watchdog_ns;
	error = tend__signals_begin(d);
	if (!error)
		error = tend__daemon_run(d);
	if (error)
		fprintf(stderr, "%s: the service cannot begin: %s\n", name, tend_strerror(error));
	tend__daemon_read(d, &end);
	tell(d, name, &end);
	(void)!tend__daemon_close(d);
	return error ? CODE_FAILED : code_of(&end);
}

int tend_service_main(const struct tend_service *service, int argc, char **argv)
{
	struct tend_runtime_opts opts;
	tend_runtime *rt;

	tend__assert(service);
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = service->name ? service->name
	                   : argc > 0    ? (slash ? slash + 1 : argv[0])
	                                 : program_invocation_short_name;
	int signals = tend__signals_open(), notify = tend__notify_open();
	if (notify < -1)
		fprintf(stderr, "%s: NOTIFY_SOCKET cannot be used: %s\n", name,
		        tend_strerror(notify));
	uint64_t watchdog_ns = watchdog();
	int error = signals < 0 ? signals : tend__options(&opts, sizeof(opts), service->runtime);
	if (!error) {
		opts.size = sizeof(opts);
		opts.name = opts.name ? opts.name : name;
		error = tend_runtime_open(&opts, &rt);
	}
	if (error) {
		fprintf(stderr, "%s: the runtime cannot be opened: %s\n", name,
		        tend_strerror(error));
		return CODE_FAILED;
	}
	int code = run(rt, service, name, signals, notify < 0 ? -1 : notify, watchdog_ns);
	/* With something left behind the runtime stays, and ends with the process. */
	(void)!tend_runtime_close(rt, 0);
	return code;
}
