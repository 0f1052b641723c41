/* service/service.h - the phases of a daemon.
 *
 * The phases are a fiber below the scope ".service", as are all hooks but `run`, which is a task of
 * the service. So the stop of the tasks ends no hook, and a hook that waits holds up the phase of
 * the hook and nothing else.
 *
 * Files, each uses only those above it:
 *   daemon.c   the state of a service
 *   notify.c   the words of a service manager
 *   hook.c     a hook as a task, with its time
 *   phases.c   one phase after the other
 *   run.c      the begin and the end of a service
 *   signals.c  the wishes of signals, and the watchdog
 *   main.c     a process that is a service
 */
#ifndef TEND_SERVICE_SERVICE_H
#define TEND_SERVICE_SERVICE_H

#include "tend/service.h"
#include "tend/tend.h"

#include "platform/lock.h"

/* (c) constant once the phases have begun  (p) the fiber of the phases  (l) lock */
struct tend_daemon {
	tend_runtime *rt;            /* (c) */
	struct tend_service service; /* (c) */
	tend_scope tasks, own;       /* (c) */
	tend_event *news;            /* (c) set after a wish, and at the end of a hook */
	/* (c) for tend_service_main() */
	int notify;           /* connected to the service manager; -1: there is none */
	int signals;          /* a signalfd; -1: none */
	tend_event *hung_up;  /* set: a reload is to begin */
	tend_event *ready;    /* set: run has begun */
	uint64_t watchdog_ns; /* 0: nobody watches */
	tend_report *report;  /* (p) the stop's */
	struct tend__lock lock;
	uint32_t refs;               /* (l) the runner, and each hook that has not ended */
	uint32_t forces;             /* (l) how often somebody has cut the stop short */
	struct tend_service_end end; /* (l) the reason of the stop, and the failure */
};

/* As long as any of the service's waits could be meant to take. A shield has an end. */
#define TEND__AGES_NS (UINT64_C(100) * 365 * 24 * 3600 * TEND_SEC)

/* daemon.c */

void tend__daemon_take(struct tend_daemon *d);
void tend__daemon_give(struct tend_daemon *d);
/* The first reason stays. Returns 0 or -EALREADY. */
int tend__daemon_stop(struct tend_daemon *d, uint32_t why, const char *text);
/* Cuts the stop short. */
void tend__daemon_force(struct tend_daemon *d);
/* Returns whether the service is to stop. */
bool tend__daemon_stops(struct tend_daemon *d);
void tend__daemon_read(struct tend_daemon *d, struct tend_service_end *out);

/* notify.c */

/* Connects to the service manager that the environment names, and removes the name. Returns a
 * descriptor, -1 without a manager, or an error but -1. */
int tend__notify_open(void);
/* Returns 0 or an error. */
int tend__notify(const struct tend_daemon *d, const char *text);
/* Asks for time, because the manager may otherwise think that the service hangs. */
void tend__notify_time(const struct tend_daemon *d, const char *text, uint64_t ns);

/* hook.c */

enum { TEND__HOOK_NS = 30 }; /* default, in seconds */
#define TEND__HOOK_GRACE_NS (5 * TEND_SEC)

struct tend__hook {
	const char *name;
	tend_hook_fn *fn;
	uint64_t ns; /* as in struct tend_service */
};
static inline uint64_t tend__hook_ns(uint64_t ns) { return ns ? ns : TEND__HOOK_NS * TEND_SEC; }

/* Returns the instant ns from now; TEND_FOREVER stays. */
static inline uint64_t tend__from_now(uint64_t ns)
{
	return ns == TEND_FOREVER ? TEND_FOREVER : tend_after(ns);
}

/* Spawns a hook that is canceled at `limit`. Returns 0 or an error. */
int tend__hook_spawn(struct tend_daemon *d, tend_scope scope, const struct tend__hook *hook,
                     uint64_t limit, tend_task *out);
/* Calls a hook beside the phases. Returns 0, or why the hook has failed, with words. */
int tend__hook_call(struct tend_daemon *d, const struct tend__hook *hook, char *why, size_t size);
/* Returns 0 for a hook that has completed, or was canceled by a stop; or the error, with words. */
int tend__hook_error(const struct tend__hook *hook, const struct tend_outcome *o, char *why,
                     size_t size);

/* phases.c */

tend_fn tend__phases;

/* run.c */

/* Makes a service that does not run yet. Returns 0 or an error. */
int tend__daemon_open(tend_runtime *rt, const struct tend_service *service,
                      struct tend_daemon **out);
/* Runs the phases. Returns 0 when the phases are over, or an error. */
int tend__daemon_run(struct tend_daemon *d);
/* Ends the fibers in ".service". Returns 0, or -ETIMEDOUT if a hook was left behind. */
int tend__daemon_close(struct tend_daemon *d);

/* signals.c */

/* Blocks the signals of a service. Returns a descriptor that tells of them, or an error. */
int tend__signals_open(void);
/* Spawns the fibers that follow the signals, and that tell the watchdog. Returns 0 or an error. */
int tend__signals_begin(struct tend_daemon *d);

#endif
