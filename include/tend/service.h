/* tend/service.h - a daemon: phases with hooks, signals, and the words of service managers.
 *
 * A service goes through its phases in this order, and a phase without a hook is passed over:
 *
 *   pre_start   what the service needs: configuration, files, sockets
 *   on_start    starts the tasks of the service
 *   run         the service is ready, and runs until the hook returns or a stop is asked for
 *   the stop    the scope of the service is shut down: cleanups, then the members of sets and
 *               strategies in order, then a cancel, all under one deadline
 *   on_stop     if on_start has completed
 *   post_stop   if pre_start has completed
 *
 * A phase fails by a negative result or a panic of its hook, or because the hook was late. After a
 * failed start, the scope is shut down, and the last two phases undo those that completed: after a
 * failure of on_start only post_stop. After a failure of run both come. The first failure in the
 * order pre_start, on_start, run, on_stop, post_stop, stop is the failure of the service. */
#ifndef TEND_SERVICE_H
#define TEND_SERVICE_H

#include "tend/base.h"
#include "tend/runtime.h"
#include "tend/scope.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A service that runs: a handle for its hooks, and for the tasks in its scope. */
typedef struct tend_daemon tend_daemon;

/* A hook, called in a fiber of its own. A stop of the service cancels the hooks of a start and
 * `run`: their waits answer -ECANCELED.
 *
 *   arg       of the struct tend_service
 *   returns   0 or more: done; a negative errno value: failed, perhaps with the text of
 *             tend_fail() */
typedef int tend_hook_fn(tend_daemon *daemon, void *arg);

/* Zero is every field's default. Fields are only ever added, at the end. A hook that takes longer
 * than its time is canceled with -ETIMEDOUT and has failed; TEND_FOREVER is no limit, and 0 is
 * 30 s. A hook that does not return then, within 5 s more, is left behind. */
struct tend_service {
	size_t size;      /* size of this struct, set by TEND_SERVICE */
	const char *name; /* for tend_service_main(): the root's; default: the program's name */
	void *arg;        /* given to all hooks */
	tend_hook_fn *pre_start, *on_start, *on_stop, *post_stop; /* NULL: the phase has no work */
	tend_hook_fn *run;                                        /* required */
	uint64_t pre_start_ns, on_start_ns, on_stop_ns, post_stop_ns;
	uint64_t run_ns;   /* 0: no limit */
	uint64_t drain_ns; /* in the stop, until tasks are canceled; default 0 */
	uint64_t stop_ns;  /* for the whole stop, and then tasks are abandoned; default 30 s */
	/* Reads the configuration anew. NULL: SIGHUP stops the service. */
	tend_hook_fn *reload;
	uint64_t reload_ns;
	/* Whether the service works, for the watchdog of a service manager. NULL: the service works
	   if a fiber of its runtime gets to run. */
	tend_hook_fn *health;
	uint64_t health_ns;
	const struct tend_runtime_opts *runtime; /* for tend_service_main(); NULL: defaults */
};
#define TEND_SERVICE(...) TEND_OPTIONS_(tend_service, __VA_ARGS__)

/* Why a service stops. The first reason stays. */
enum {
	TEND_STOP_BY_RUN = 1,  /* run has returned */
	TEND_STOP_REQUESTED,   /* by tend_daemon_stop(), or a cancel of the caller */
	TEND_STOP_BY_SIGNAL,   /* SIGTERM or SIGINT */
	TEND_STOP_FOR_RELOAD,  /* SIGHUP without a hook, or tend_daemon_stop() */
	TEND_STOP_FATAL,       /* tend_daemon_stop() says that the service cannot go on */
	TEND_STOP_FAILED_START /* pre_start or on_start has failed */
};

/* The phase that has failed. */
enum {
	TEND_PHASE_NONE = 0,
	TEND_PHASE_PRE_START,
	TEND_PHASE_ON_START,
	TEND_PHASE_RUN,
	TEND_PHASE_ON_STOP,
	TEND_PHASE_POST_STOP,
	TEND_PHASE_STOP, /* something was abandoned */
};

/* How a service ended. Fields are only ever added, at the end. */
struct tend_service_end {
	size_t size;        /* size of this struct, set by the macro of the call */
	uint32_t stop;      /* TEND_STOP_BY_RUN, ... */
	uint32_t phase;     /* TEND_PHASE_...: the failure; TEND_PHASE_NONE: no phase has failed */
	int32_t error;      /* as `error` of struct tend_outcome; 0 without a failure */
	int32_t kind;       /* as `kind` of struct tend_outcome; 0 without a failure */
	int32_t result;     /* that of run if run has completed; else 0 */
	uint32_t abandoned; /* tasks that the stop has left */
	char text[64];      /* the reason of the stop in words, such as "SIGTERM" */
	char message[128];  /* the failure in words */
};

/* Sets the size, for the macro. */
static inline struct tend_service_end *tend_service_end_out_(struct tend_service_end *out)
{
	if (out)
		out->size = sizeof(*out);
	return out;
}

/* The main() of a daemon: opens a runtime, runs the service, and returns the exit code.
 *
 * SIGTERM and SIGINT stop the service; a second signal, a second later or more, cuts the stop
 * short, and a third ends the process at once. SIGHUP calls `reload`. SIGQUIT writes the tree of
 * the service to standard error. A service manager that gives NOTIFY_SOCKET is told READY=1,
 * STATUS=, RELOADING=1, STOPPING=1, EXTEND_TIMEOUT_USEC= for the time of each phase, and
 * WATCHDOG=1 if the manager asks for that by WATCHDOG_USEC (sd_notify(3)). Both variables are
 * taken out of the environment. A failure and what was abandoned are written to standard error.
 *
 *   argc      of main()
 *   argv      of main(), for the name
 *   returns   0 after a stop without a failure, or the result of run (1 to 255);
 *             1: a phase has failed, the reason is TEND_STOP_FATAL, or the runtime could
 *             not be opened; 70: a hook has panicked; 124: something was abandoned. A third signal
 *             ends the process with 128 and its number
 *   threads   the thread of main(), before other threads start, because they inherit the
 *             signals that are blocked here */
TEND_API TEND_MUST int tend_service_main(const struct tend_service *service, int argc, char **argv);

/* Runs a service in a runtime of the program: its phases, without signals or a service manager,
 * such as for a test in the simulator. The service has two scopes below the root: "tasks", and
 * ".service" for the hooks. A cancel of the caller stops the service. If the root is canceled, the
 * service stops, too, but no hook can begin any more.
 *
 *   end       out, or NULL
 *   returns   0; the error of the failure; -ECANCELED after TEND_STOP_FATAL; -EINVAL without `run`
 *             or with a bad size; -E2BIG; -ENOMEM; -EAGAIN; -ECANCELED if the root is canceled;
 *             -ETIMEDOUT also if a hook was left behind: its scope is still there; -ESTALE
 *   threads   any that is not inside of the service; parks */
TEND_API TEND_MUST int tend_service_run(tend_runtime *rt, const struct tend_service *service,
                                        struct tend_service_end *end);
#define tend_service_run(rt, service, end) \
	(tend_service_run)((rt), (service), tend_service_end_out_(end))

/* Returns the scope of the service's tasks, which the stop shuts down.
 *
 *   threads   any */
TEND_API tend_scope tend_daemon_scope(const tend_daemon *daemon);

/* Asks the service to stop, and returns at once.
 *
 *   why       TEND_STOP_REQUESTED, TEND_STOP_FOR_RELOAD or TEND_STOP_FATAL
 *   text      the reason in words, of which 63 bytes are kept; or NULL
 *   returns   0; -EALREADY if the service stops already; -EINVAL
 *   threads   any */
TEND_API int tend_daemon_stop(tend_daemon *daemon, uint32_t why, const char *text);

/* Reads why the service stops, and how it has failed so far: for on_stop and post_stop.
 *
 *   returns   0; -EAGAIN if the service does not stop yet; -EINVAL for a struct without a size
 *   threads   any */
TEND_API TEND_MUST int tend_daemon_ending(tend_daemon *daemon, struct tend_service_end *out);
#define tend_daemon_ending(daemon, out) (tend_daemon_ending)((daemon), tend_service_end_out_(out))

/* Tells the service manager the state of the service in words (STATUS=). Without a manager it
 * does nothing.
 *
 *   returns   0; a negative errno value of the send
 *   threads   any */
TEND_API int tend_daemon_status(tend_daemon *daemon, const char *fmt, ...) TEND_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif

#endif
