/* tend/process.h - child processes as tasks.
 *
 * A small program, tend-guard, spawns and reaps the child processes of a program
 * that uses libtend. So exit statuses are right even if the program ignores
 * SIGCHLD or calls waitpid(-1), and when the program dies, the guard kills all
 * of its child processes. */
#ifndef TEND_PROCESS_H
#define TEND_PROCESS_H

#include "tend/base.h"
#include "tend/task.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Called by a fiber of the runtime with bytes the process wrote, in the order of
 * their arrival; each call may come on another worker. The order between the two
 * streams is lost, because they are two pipes, unless TEND_ONE_OUTPUT is set. The
 * last call of each stream has no bytes: the stream has ended, or the process has. A process
 * that runs again has such an end once an attempt, so no line goes on in the next attempt. The
 * callback must not wait for the same process. After a panic of the callback the process is
 * killed, then the cleanups run, then the drop.
 *
 *   stream    1 standard output, 2 standard error
 *   n         0: the end of the stream */
typedef void tend_output_fn(void *arg, int stream, const char *bytes, size_t n);

/* The variables that a child gets from the environment of this program by default. A
 * name with a '*' at its end is a prefix. */
#define TEND_ENVIRONMENT(X) \
	X("PATH") \
	X("HOME") \
	X("USER") \
	X("LOGNAME") \
	X("SHELL") \
	X("LANG") \
	X("LC_*") \
	X("TERM") \
	X("TZ") \
	X("TMPDIR") \
	X("XDG_RUNTIME_DIR")

enum {
	TEND_ONE_OUTPUT = 1 << 8,    /* process: standard error is standard output, so the order of
	                             what is written to both is kept; every stream is 1 */
	TEND_INHERIT_INPUT = 1 << 9, /* process: standard input is that of this program */
	TEND_INHERIT_OUTPUT = 1 << 10, /* process: standard output and error are those of this
	                                  program, so nothing of them is seen or kept here */
	TEND_STOP_LEADER = 1 << 11,    /* process: stop_signal is for the process alone, without its
	                               group, and for the rest when the process has ended */
};

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_process_opts {
	size_t size;             /* size of this struct, set by TEND_PROCESS_OPTS */
	const char *name;        /* 1 to 47 bytes; default: the last part of argv[0] */
	uint32_t flags;          /* TEND_CRITICAL, TEND_ONE_OUTPUT, TEND_INHERIT_..., ... */
	int32_t stop_signal;     /* asks the process to end; default SIGTERM */
	uint64_t stop_ns;        /* from stop_signal to SIGKILL; default 10 s */
	const char *const *argv; /* NULL-ended; argv[0] is looked up in the child's PATH */
	const char *const *env;  /* NULL-ended "K=V"; NULL: TEND_ENVIRONMENT of this program */
	const char *cwd;         /* NULL: this program's, now; a relative path begins there */
	tend_output_fn *output;  /* or NULL */
	void *output_arg;
	void (*drop)(void *arg); /* runs once with output_arg when the task has ended */
	uint32_t attempt;        /* number shown in the tree; default 1; of a task that runs once */
	int32_t ready_fd;        /* 3 to 1023: the process has this descriptor, and says by it that
	                            it is ready; default: none */
	const struct tend_restart *restart; /* NULL: the default of the scope, or the process runs
	                                       once; tend/supervise.h */
};
#define TEND_PROCESS_OPTS(...) TEND_OPTIONS_(tend_process_opts, __VA_ARGS__)

/* Starts a process as a task of `scope`, with /dev/null as standard input, a
 * group of its own, default signals, and no descriptor but 0, 1, 2 and ready_fd. The call
 * returns before the process runs. Where no guard runs yet the call waits for the start
 * of a guard: a fiber parks, and its worker goes on with other fibers.
 * TEND_INHERIT_INPUT and TEND_INHERIT_OUTPUT hand on the descriptors as they are at the
 * call; in place of a closed one there is /dev/null.
 * The environment has TEND_PARENT, too, in the place of any other value: the task and the attempt,
 * by which a reader finds where the tree of a process that is linked with libtend belongs.
 * An inherited terminal is not the controlling terminal of the process, because the
 * process is in another session: the process may read and write there at any time, and
 * the signals of the keyboard go to this program only. A process that could not start (no such
 * program, no permission, no cwd) has the outcome TEND_FAILED, with the negative
 * errno value as result and a sentence as message.
 *
 * The descriptor of number ready_fd is the writing end of a pipe, of which each attempt has a new
 * one. The attempt is ready (tend_ready()) when a newline has come, from the process or from any
 * below it: until then it is awaited for the ready_ns of the policy. Bytes before the newline
 * count for nothing, and so does all that follows. A descriptor that is closed without a newline
 * says nothing, and one that stays open keeps no attempt from its end.
 *
 * A cancel sends stop_signal to the process and its group, then SIGCONT for stopped
 * members; with TEND_STOP_LEADER both to the process alone. When the process has ended, by the
 * stop or by itself, the rest of its group and its daemonised descendants get both signals, each
 * process once, and what is left of stop_ns; then SIGKILL. The task has ended when all are dead.
 * The message of the outcome names what had to be killed beside the process. A task that was
 * canceled is TEND_KILLED if the process died of SIGKILL, and TEND_FAILED if the
 * process died of any other signal but stop_signal.
 *
 * Credentials, limits, root directory and namespaces are those the program had
 * when the runtime started its guard, at the first process. A program that gives
 * up privileges must do so before.
 *
 *   opts      argv is required; everything is copied. TEND_INHERIT_OUTPUT with an
 *             output callback or with TEND_ONE_OUTPUT is -EINVAL
 *   out       as in tend_spawn()
 *   returns   as tend_spawn(); -ENOENT if there is no tend-guard at the paths of
 *             tend_guard_paths(); -EACCES if this program may not search its own
 *             working directory; -EMFILE
 *   threads   any */
#define tend_spawn_process(scope, opts, out) tend_spawn_process_at(TEND_HERE, scope, opts, out)
TEND_API TEND_MUST int tend_spawn_process_at(const char *site, tend_scope scope,
                                             const struct tend_process_opts *opts, tend_task *out);

/* Writes where the runtime looks for tend-guard, for a message about a guard that is
 * missing: the path of its options, or the paths that are tried in turn, with a ':'
 * between. Writes like snprintf: at most `size` bytes with the NUL.
 *
 *   returns   the length of the whole text without the NUL
 *   threads   any */
TEND_API size_t tend_guard_paths(const tend_runtime *rt, char *buf, size_t size);

/* Copies the tail of the process's output, both streams in the order of arrival:
 * at most the last 64 KiB. The tail is there while the task is live or its
 * outcome is kept. A task that runs again answers with the tail of its newest attempt.
 *
 *   dropped   out: bytes of output lost before the tail; or NULL
 *   returns   the number of bytes copied; -EINVAL if task is not a process;
 *             -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int64_t tend_process_tail(tend_task task, char *buf, size_t size,
                                             uint64_t *dropped);

/* The same of one attempt: the tails of the newest and of the attempt before are kept.
 *
 *   attempt   its number; 0: the newest
 *   returns   as tend_process_tail(); -ENOENT if no tail of that attempt is kept
 *   threads   any */
TEND_API TEND_MUST int64_t tend_process_tail_of(tend_task task, uint32_t attempt, char *buf,
                                                size_t size, uint64_t *dropped);

/* Returns the process id of a process task that has started.
 *
 *   returns   the pid; -EAGAIN before the start; -EINVAL; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_process_pid(tend_task task);

/* Sends a signal to a process and its group. Equal signals are merged if they
 * come faster than the guard passes them on, real-time signals too.
 *
 *   returns   0; -EAGAIN before the start, or while there is no room for a request;
 *             -EPIPE: the guard has died, and the process with the guard; -EINVAL;
 *             -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_process_signal(tend_task task, int signal);

#ifdef __cplusplus
}
#endif

#endif
