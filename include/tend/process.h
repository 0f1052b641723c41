/* tend/process.h - child processes as tasks.
 *
 * A program's children are children of tend-guard, a small program that spawns
 * and reaps them: exit statuses are right whatever the program does with
 * SIGCHLD or waitpid(-1), and if the program dies the guard kills them all. */
#ifndef TEND_PROCESS_H
#define TEND_PROCESS_H

#include "tend/base.h"
#include "tend/task.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Called with bytes the process wrote, in the order they came, by a fiber of
 * the runtime: it must not wait for the same process.
 *
 *   stream    1 standard output, 2 standard error */
typedef void tend_output_fn(void *arg, int stream, const char *bytes, size_t n);

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_process_opts {
	size_t size;             /* of this struct, set by TEND_PROCESS_OPTS */
	const char *name;        /* 1 to 47 bytes; default: the last part of argv[0] */
	uint32_t flags;          /* TEND_CRITICAL */
	int32_t stop_signal;     /* what cancel sends to its group; default SIGTERM */
	uint64_t stop_ns;        /* then SIGKILL after this; default 10 s */
	const char *const *argv; /* NULL-ended; argv[0] is looked up in the child's PATH */
	const char *const *env;  /* NULL-ended "K=V"; NULL: PATH HOME USER LOGNAME SHELL LANG
	                            LC_* TERM TZ TMPDIR XDG_RUNTIME_DIR of this program */
	const char *cwd;         /* NULL, and where it begins if relative: this program's, now */
	tend_output_fn *output;  /* or NULL */
	void *output_arg;
	void (*drop)(void *arg); /* runs once with output_arg when the task has ended */
	uint32_t attempt;        /* what the tree shows; default 1 */
	uint32_t reserved;       /* 0 */
};
#define TEND_PROCESS_OPTS(...) \
	(&(const struct tend_process_opts){.size = sizeof(struct tend_process_opts), __VA_ARGS__})

/* Starts a process as a task of `scope`, with /dev/null as standard input, a
 * group of its own, default signals, and no descriptor but 0, 1 and 2. Returns
 * before it runs: that it could not start (no such program, no permission, no
 * cwd) is its outcome, TEND_FAILED with the negative errno value as result and
 * the sentence as message.
 *
 * Cancel sends stop_signal to its group (and SIGCONT, for the stopped), after
 * stop_ns SIGKILL. It has ended when the leader was reaped and the rest of its
 * group and its daemonised descendants are dead.
 *
 * Credentials, limits, root directory and namespaces are those that the program had
 * when the runtime started its guard: at its first process. A program that gives up
 * privileges does so before that.
 *
 *   opts      argv is required; everything is copied
 *   out       as of tend_spawn()
 *   returns   as tend_spawn(); -ENOENT if tend-guard is not installed; -EACCES if
 *             this program may not search its own working directory; -EMFILE
 *   threads   any */
#define tend_spawn_process(scope, opts, out) tend_spawn_process_at(TEND_HERE, scope, opts, out)
TEND_API TEND_MUST int tend_spawn_process_at(const char *site, tend_scope scope,
                                             const struct tend_process_opts *opts, tend_task *out);

/* Copies the tail of what the process wrote, both streams as they came: at most
 * the last 64 KiB. Answered while the task is live or its outcome is held.
 *
 *   dropped   bytes of the flood that were lost before it, or NULL
 *   returns   the number of bytes copied; -EINVAL if it is not a process;
 *             -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int64_t tend_process_tail(tend_task task, char *buf, size_t size,
                                             uint64_t *dropped);

/* The process id of a process task that has started.
 *
 *   returns   the pid; -EAGAIN before it started; -EINVAL; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_process_pid(tend_task task);

/* Sends a signal to its group. Signals that come faster than they are passed on are
 * merged, real-time ones too.
 *
 *   returns   0; -EAGAIN before it started, or while there is no room for a request;
 *             -EPIPE: the guard has died, and the process with it; -EINVAL; -ESRCH;
 *             -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_process_signal(tend_task task, int signal);

#ifdef __cplusplus
}
#endif

#endif
