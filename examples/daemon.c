/* A daemon with the main() of tend: phases, signals, and the words of a service manager. It counts,
 * in a task that runs again after a failure, and reads the step of its counter anew at SIGHUP.
 *
 *   daemon [FILE]      with the step, a number; default: 1 */
#include <tend/tend.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static const char *file;
static atomic_long step = 1, total;

static int read_step(tend_daemon *daemon, void *arg)
{
	FILE *f = file ? fopen(file, "re") : NULL;
	long n = 0;

	(void)arg;
	if (!file)
		return 0;
	if (!f || fscanf(f, "%ld", &n) != 1 || n <= 0) {
		if (f)
			fclose(f);
		return tend_fail(-EINVAL, "%s has no number above 0", file);
	}
	fclose(f);
	step = n;
	return tend_daemon_status(daemon, "steps of %ld", n);
}

static int count(void *arg)
{
	(void)arg;
	while (tend_sleep(100 * TEND_MS) == 0)
		total += step;
	return 0;
}

static int on_start(tend_daemon *daemon, void *arg)
{
	(void)arg;
	return tend_spawn(tend_daemon_scope(daemon), count, NULL,
	                  TEND_TASK_OPTS(.name = "counter",
	                                 .restart = TEND_RESTART(.policy = TEND_PERMANENT)),
	                  NULL);
}

static int run(tend_daemon *daemon, void *arg)
{
	(void)daemon;
	(void)arg;
	printf("counting\n");
	fflush(stdout);
	return tend_sleep_until(TEND_FOREVER); /* until the service stops */
}

static int on_stop(tend_daemon *daemon, void *arg)
{
	struct tend_service_end end;

	(void)arg;
	if (tend_daemon_ending(daemon, &end) == 0)
		printf("stopped: %s, at %ld\n", end.text, (long)total);
	return 0;
}

int main(int argc, char **argv)
{
	file = argc > 1 ? argv[1] : NULL;
	return tend_service_main(TEND_SERVICE(.pre_start = read_step, .on_start = on_start,
	                                      .run = run, .on_stop = on_stop, .reload = read_step,
	                                      .stop_ns = 10 * TEND_SEC),
	                         argc, argv);
}
