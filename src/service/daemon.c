/* service/daemon.c - the state of a service: its reason to stop, and its failure. */
#include "service/service.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <unistd.h>

void tend__daemon_take(struct tend_daemon *d)
{
	tend__lock(&d->lock);
	tend__assert(d->refs);
	d->refs++;
	tend__unlock(&d->lock);
}

void tend__daemon_give(struct tend_daemon *d)
{
	tend__lock(&d->lock);
	tend__assert(d->refs);
	bool last = --d->refs == 0;
	tend__unlock(&d->lock);
	if (!last)
		return;
	tend_event_close(d->news);
	tend_event_close(d->hung_up);
	tend_event_close(d->ready);
	if (d->signals >= 0)
		close(d->signals);
	if (d->notify >= 0)
		close(d->notify);
	tend_report_free(d->report);
	tend__free(d);
}

/* ---- Wishes ---- */

int tend__daemon_stop(struct tend_daemon *d, uint32_t why, const char *text)
{
	tend__lock(&d->lock);
	bool first = d->end.stop == 0;
	if (first) {
		d->end.stop = why;
		tend__text_copy(d->end.text, sizeof(d->end.text), text ? text : "");
	}
	tend__unlock(&d->lock);
	if (first)
		tend_event_set(d->news);
	return first ? 0 : -EALREADY;
}

void tend__daemon_force(struct tend_daemon *d)
{
	tend__lock(&d->lock);
	d->forces++;
	tend__unlock(&d->lock);
	tend_event_set(d->news);
	/* The phases share this shutdown, or have begun a shutdown that this call shortens. */
	(void)!tend_shutdown(d->tasks, tend_now(), NULL);
}

bool tend__daemon_stops(struct tend_daemon *d)
{
	tend__lock(&d->lock);
	bool stops = d->end.stop != 0;
	tend__unlock(&d->lock);
	return stops;
}

void tend__daemon_read(struct tend_daemon *d, struct tend_service_end *out)
{
	tend__lock(&d->lock);
	*out = d->end;
	tend__unlock(&d->lock);
}

/* ---- From the hooks ---- */

tend_scope tend_daemon_scope(const tend_daemon *daemon)
{
	tend__assert(daemon);
	return daemon->tasks;
}

int tend_daemon_stop(tend_daemon *daemon, uint32_t why, const char *text)
{
	tend__assert(daemon);
	if (why != TEND_STOP_REQUESTED && why != TEND_STOP_FOR_RELOAD && why != TEND_STOP_FATAL)
		return -EINVAL;
	return tend__daemon_stop(daemon, why, text);
}

int(tend_daemon_ending)(tend_daemon *daemon, struct tend_service_end *out)
{
	size_t size = tend__out_size(out);
	struct tend_service_end all;

	tend__assert(daemon);
	if (!size)
		return -EINVAL;
	tend__daemon_read(daemon, &all);
	if (!all.stop)
		return -EAGAIN;
	tend__out_fill(out, size, &all, sizeof(all));
	return 0;
}
