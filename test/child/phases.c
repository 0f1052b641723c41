/* A service that does as it is told: each argument is PHASE=WHAT, and WHAT is one of
 *
 *   code       returns 3
 *   fail       returns -EIO
 *   panic
 *   wait       waits until it is canceled
 *   stay       is not ended by a cancel
 *
 * The phases say their names. */
#include <tend/tend.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char **plan;

static const char *planned(const char *phase)
{
	size_t n = strlen(phase);

	for (char **p = plan; *p; p++)
		if (strncmp(*p, phase, n) == 0 && (*p)[n] == '=')
			return *p + n + 1;
	return "";
}

static int act(const char *phase)
{
	const char *what = planned(phase);
	int error = 0;

	printf("%s\n", phase);
	fflush(stdout);
	if (strcmp(what, "fail") == 0)
		return -EIO;
	if (strcmp(what, "panic") == 0)
		tend_panic("as planned");
	while (strcmp(what, "stay") == 0) {
		uint64_t outer;

		error = tend_shield_begin(tend_after(3600 * TEND_SEC), &outer);
		if (!error)
			error = tend_sleep(3600 * TEND_SEC);
	}
	if (strcmp(what, "wait") == 0)
		return tend_sleep(3600 * TEND_SEC);
	return strcmp(what, "code") == 0 ? 3 : error;
}

static int pre_start(tend_daemon *daemon, void *arg)
{
	(void)daemon, (void)arg;
	return act("pre_start");
}

static int on_start(tend_daemon *daemon, void *arg)
{
	(void)daemon, (void)arg;
	return act("on_start");
}

static int run(tend_daemon *daemon, void *arg)
{
	(void)daemon, (void)arg;
	return act("run");
}

static int on_stop(tend_daemon *daemon, void *arg)
{
	(void)daemon, (void)arg;
	return act("on_stop");
}

static int post_stop(tend_daemon *daemon, void *arg)
{
	(void)daemon, (void)arg;
	return act("post_stop");
}

int main(int argc, char **argv)
{
	plan = argv + 1;
	return tend_service_main(TEND_SERVICE(.pre_start = pre_start, .on_start = on_start,
	                                      .run = run, .on_stop = on_stop,
	                                      .post_stop = post_stop, .on_stop_ns = 3600 * TEND_SEC,
	                                      .stop_ns = 3600 * TEND_SEC),
	                         argc, argv);
}
