/* service/hook.c - a hook as a task, with its time. */
#include "service/service.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>

struct call {
	struct tend_daemon *daemon;
	tend_hook_fn *fn;
};

static int call(void *arg)
{
	const struct call *c = arg;

	return c->fn(c->daemon, c->daemon->service.arg);
}

static void drop(void *arg)
{
	struct call *c = arg;

	tend__daemon_give(c->daemon);
	tend__free(c);
}

int tend__hook_spawn(struct tend_daemon *d, tend_scope scope, const struct tend__hook *hook,
                     uint64_t limit, tend_task *out)
{
	struct call *c = tend__alloc(sizeof(*c));

	tend__assert(hook->fn);
	if (!c)
		return -ENOMEM;
	*c = (struct call){.daemon = d, .fn = hook->fn};
	tend__daemon_take(d);
	int error = tend_spawn(scope, call, c,
	                       TEND_TASK_OPTS(.name = hook->name, .drop = drop,
	                                      .deadline = limit == TEND_FOREVER ? 0 : limit),
	                       out);
	if (error)
		drop(c);
	return error;
}

int tend__hook_error(const struct tend__hook *hook, const struct tend_outcome *o, char *why,
                     size_t size)
{
	char time[32];

	if (o->timed_out && o->kind != TEND_PANICKED) {
		tend_duration_text(tend__hook_ns(hook->ns), time, sizeof(time));
		snprintf(why, size, "%s took longer than %s", hook->name, time);
		return -ETIMEDOUT;
	}
	if (o->kind == TEND_COMPLETED || o->kind == TEND_CANCELED)
		return 0;
	int error = o->error ? o->error : -EIO;
	const char *verb = o->kind == TEND_PANICKED ? "panicked" : "failed";
	snprintf(why, size, "%s %s: %s", hook->name, verb,
	         o->message[0] ? o->message : tend_strerror(error));
	return error;
}

int tend__hook_call(struct tend_daemon *d, const struct tend__hook *hook, char *why, size_t size)
{
	uint64_t ns = tend__hook_ns(hook->ns), limit = tend__from_now(ns);
	struct tend_outcome o = {0};
	tend_task task;

	int error = tend__hook_spawn(d, d->own, hook, limit, &task);
	if (!error)
		error = tend_join(task, &o,
		                  limit == TEND_FOREVER ? limit : limit + TEND__HOOK_GRACE_NS);
	if (!error)
		return tend__hook_error(hook, &o, why, size);
	snprintf(why, size, "%s %s", hook->name,
	         error == -ETIMEDOUT ? "did not return" : tend_strerror(error));
	return error;
}
