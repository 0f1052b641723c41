/* The refusals of tend/service.h. */
#include "refuse.h"

static tend_daemon *daemon_of_row;

static int stays(tend_daemon *daemon, void *arg)
{
	(void)arg;
	daemon_of_row = daemon;
	return tend_sleep_until(TEND_FOREVER);
}

static int serves(void *world)
{
	struct world *w = world;

	return tend_service_run(w->rt, TEND_SERVICE(.run = stays), NULL);
}

/* daemon_of_row runs. */
static void serving(struct world *w, const struct row *row)
{
	ANSWERS(tend_spawn(w->beside, serves, w, NULL, &w->made), 0);
	settle(w->rt);
	judge(w, row);
	ANSWERS(tend_task_shutdown(w->made, TEND_FOREVER), 0);
}

static int run(struct world *w, const struct tend_service *service)
{
	return (tend_service_run)(w->rt, service, NULL);
}

static const struct {
	struct tend_service service;
	char more[8];
} tomorrow = {{.size = sizeof(tomorrow), .run = stays}, {1}};

REFUSES(tend_service_run, EINVAL, "no run", outside, run(w, TEND_SERVICE(.run = NULL)))
REFUSES(tend_service_run, EINVAL, "no service", outside, run(w, NULL))
REFUSES(tend_service_run, EINVAL, "an end without a size", outside,
        (tend_service_run)(w->rt, TEND_SERVICE(.run = stays),
                           &(struct tend_service_end){.size = 0}))
REFUSES(tend_service_run, E2BIG, "a field of tomorrow", outside, run(w, &tomorrow.service))
REFUSES(tend_service_run, ENOMEM, "no memory", outside,
        (no_memory(1), run(w, TEND_SERVICE(.run = stays))))
REFUSES(tend_service_run, ESTALE, "a fork", forked, run(w, TEND_SERVICE(.run = stays)))
CANNOT_PROVOKE(tend_service_run, EAGAIN, "the row is that of tend_scope_open()")
CANNOT_PROVOKE(tend_service_run, ECANCELED, "the service has run by then: see the scenarios")
CANNOT_PROVOKE(tend_service_run, ETIMEDOUT, "the service has run by then: see the scenarios")

REFUSES(tend_daemon_stop, EINVAL, "a reason that is not the program's", serving,
        tend_daemon_stop(daemon_of_row, TEND_STOP_BY_SIGNAL, NULL))
CANNOT_PROVOKE(tend_daemon_stop, EALREADY, "the stop goes on while the row looks")

REFUSES(tend_daemon_ending, EAGAIN, "it does not stop", serving,
        tend_daemon_ending(daemon_of_row, &(struct tend_service_end){.size = 0}))
REFUSES(tend_daemon_ending, EINVAL, "a struct without a size", serving,
        (tend_daemon_ending)(daemon_of_row, &(struct tend_service_end){.size = 0}))

TEST(refusals_of_services) { try_rows(__FILE__); }
