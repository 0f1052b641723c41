/* service/run.c - the begin and the end of a service. */
#include "service/service.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>

static int read_service(struct tend_service *out, const struct tend_service *service)
{
	int error = service ? tend__options(out, sizeof(*out), service) : -EINVAL;

	return error ? error : out->run ? 0 : -EINVAL;
}

int tend__daemon_open(tend_runtime *rt, const struct tend_service *service,
                      struct tend_daemon **out)
{
	struct tend_service read;
	int error = read_service(&read, service);
	struct tend_daemon *d = error ? NULL : tend__alloc(sizeof(*d));

	if (!d)
		return error ? error : -ENOMEM;
	d->rt = rt;
	d->service = read;
	d->notify = d->signals = -1;
	d->end.size = sizeof(d->end);
	d->refs = 1;
	error = tend_event_open(&d->news);
	if (!error)
		error = tend_event_open(&d->hung_up);
	if (!error)
		error = tend_event_open(&d->ready);
	if (!error)
		error = tend_scope_open(tend_root(rt), ".service", NULL, &d->own);
	if (!error)
		error = tend_scope_open(tend_root(rt), "tasks", NULL, &d->tasks);
	if (error) {
		(void)!tend_scope_close(d->own, TEND_FOREVER, NULL);
		tend__daemon_give(d);
		return error;
	}
	*out = d;
	return 0;
}

int tend__daemon_run(struct tend_daemon *d)
{
	struct tend_outcome o = {0};
	uint64_t outer;
	tend_task task;

	int error = tend_spawn(d->own, tend__phases, d, TEND_TASK_OPTS(.name = "phases"), &task);
	if (error)
		return error;
	error = tend_join(task, &o, TEND_FOREVER);
	if (error == -ECANCELED) {
		(void)!tend__daemon_stop(d, TEND_STOP_REQUESTED, "its caller was canceled");
		error = tend_shield_begin(tend__from_now(TEND__AGES_NS), &outer);
		if (error)
			return error;
		error = tend_join(task, &o, TEND_FOREVER);
		tend_shield_end(outer);
	}
	/* A cancel of the root may come before the first step of the phases. */
	return error ? error : o.kind == TEND_COMPLETED ? 0 : -ECANCELED;
}

int tend__daemon_close(struct tend_daemon *d)
{
	tend_scope own = d->own, tasks = d->tasks;

	tend_scope_cancel(own, -ECANCELED, "the service has ended");
	int error = tend_scope_close(own, tend_after(TEND__HOOK_GRACE_NS), NULL);
	int left = tend_scope_close(tasks, 0, NULL);
	tend__daemon_give(d);
	return error ? error : left;
}

/* Returns what the program is told of an end. */
static int answer(const struct tend_service_end *end)
{
	if (end->phase != TEND_PHASE_NONE)
		return end->error;
	return end->stop == TEND_STOP_FATAL ? -ECANCELED : 0;
}

int(tend_service_run)(tend_runtime *rt, const struct tend_service *service,
                      struct tend_service_end *end)
{
	size_t size = end ? tend__out_size(end) : 0;
	struct tend_service_end all;
	struct tend_daemon *d;

	if (end && !size)
		return -EINVAL;
	int error = tend__daemon_open(rt, service, &d);
	if (error)
		return error;
	error = tend__daemon_run(d);
	tend__daemon_read(d, &all);
	int left = tend__daemon_close(d);
	if (end)
		tend__out_fill(end, size, &all, sizeof(all));
	return error ? error : all.phase ? answer(&all) : left ? left : answer(&all);
}
