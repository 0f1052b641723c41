/* platform/guard.h - the program's side of tend-guard, and the messages between the two.
 *
 * The guard spawns and reaps the child processes of a program, and outlives a crash of the
 * program; doc/guard.md has the promises and how they are kept. These functions know nothing
 * of the runtime, never block and never allocate. The caller holds a lock of its own, polls
 * `sock` for POLLIN, and reads messages until none is left. */
#ifndef TEND_PLATFORM_GUARD_H
#define TEND_PLATFORM_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raised when the structs below change. The guard refuses any other number. */
#define TEND__GUARD_PROTOCOL 3

#define TEND__GUARD_NAME "tend-guard"

/* Most spawns that may be unanswered at once. This bounds the descriptors in flight, of
 * which the kernel allows a user no more than RLIMIT_NOFILE. */
#define TEND__GUARD_WINDOW 64

/* Most children alive at once, and most bytes of one cwd, argv and env. */
#define TEND__GUARD_CHILDREN 65535
#define TEND__GUARD_BLOB_MAX (64u << 20)

/* The stages of a start. If a child did not start, the sentence of the failed stage is
 * followed by ": " and the text of the error. */
#define TEND__GUARD_STAGES(X) \
	X(NONE, "started") \
	X(REQUEST, "the request is not valid") \
	X(FORK, "could not create a process") \
	X(PROC, "/proc does not list children, so its descendants could not be ended") \
	X(SETUP, "could not set up the process") \
	X(CWD, "could not enter the working directory") \
	X(LOOKUP, "could not find the program") \
	X(EXEC, "the program is there but could not be run") \
	X(KILLED, "the process was killed before it had started")

enum tend__guard_stage {
#define TEND__STAGE(name, text) TEND__STAGE_##name,
	TEND__GUARD_STAGES(TEND__STAGE)
#undef TEND__STAGE
		TEND__STAGE_COUNT
};

enum tend__guard_type {
	TEND__GUARD_SPAWN = 1, /* requests */
	TEND__GUARD_SIGNAL,
	TEND__GUARD_STOP,
	TEND__GUARD_KILL,
	TEND__GUARD_STARTED, /* messages */
	TEND__GUARD_START_FAILED,
	TEND__GUARD_EXITED,
};

/* Flags of a request. The first six say which descriptors come with a SPAWN, in this order:
 * the blob; the directory where a relative or missing cwd begins; standard input, output,
 * error; the descriptor of readiness. */
#define TEND__GUARD_BLOB    1u
#define TEND__GUARD_BASE    2u
#define TEND__GUARD_FD(i)   (4u << (i))
#define TEND__GUARD_READY   TEND__GUARD_FD(3)
#define TEND__GUARD_CWD     64u  /* the blob begins with a cwd */
#define TEND__GUARD_LEADER  128u /* the stop asks the leader alone, and the rest after its end */
#define TEND__GUARD_FDS_MAX 6

/* The numbers that the last of the descriptors may have in the process. */
#define TEND__GUARD_READY_MIN 3
#define TEND__GUARD_READY_MAX 1023

/* From the program to the guard. The blob is a sealed memfd of NUL-ended strings: the cwd if
 * there is any, argc arguments, envc "K=V". */
struct tend__guard_request {
	uint32_t type;
	uint32_t flags;
	uint64_t cookie;
	uint32_t argc;
	uint32_t envc;
	uint32_t blob_bytes;
	int32_t signal;    /* SIGNAL; SPAWN: the stop signal */
	uint64_t stop_ns;  /* SPAWN, STOP: from the stop signal to SIGKILL */
	int32_t ready_fd;  /* SPAWN with READY: the number of that descriptor in the process */
	uint32_t reserved; /* 0 */
};
_Static_assert(sizeof(struct tend__guard_request) == 48, "no padding goes through the socket");
_Static_assert(TEND__GUARD_CWD == 1u << TEND__GUARD_FDS_MAX, "a flag for each descriptor");

/* Returns whether a process may have its descriptor of readiness under this number. */
static inline bool tend__guard_ready_valid(int32_t fd)
{
	return fd >= TEND__GUARD_READY_MIN && fd <= TEND__GUARD_READY_MAX;
}

/* Bytes of the names of killed processes, with the NUL. */
#define TEND__GUARD_NAMES 88

/* From the guard to the program. A cookie gets STARTED and then EXITED, or START_FAILED
 * alone. EXITED comes when the leader was reaped, and the rest of its group and all of its
 * descendants are dead and reaped, too. */
struct tend__guard_message {
	uint32_t type;
	uint32_t stage;  /* START_FAILED: enum tend__guard_stage */
	uint64_t cookie; /* the cookie of tend__guard_spawn() */
	int32_t pid;     /* STARTED: of the leader */
	int32_t error;   /* START_FAILED: positive errno value */
	int32_t code;    /* EXITED: si_code, CLD_EXITED, CLD_KILLED or CLD_DUMPED */
	int32_t status;  /* EXITED: si_status, the exit code or the signal */
	int32_t pidfd;   /* STARTED: now the caller's, close-on-exec; -1 if no number was free */
	uint32_t killed; /* EXITED: processes but the leader that the guard had to kill */
	char names[TEND__GUARD_NAMES]; /* EXITED: "NAME (PID), NAME (PID)", as many as fit */
};
_Static_assert(sizeof(struct tend__guard_message) == 128, "no padding goes through the socket");

/* The caller's lock guards all members; `sock`, `pidfd` and `owner` are constant while the
 * guard is open. */
struct tend__guard {
	int sock;            /* to be polled for POLLIN; -1 when not open */
	int pidfd;           /* the guard's */
	int32_t owner;       /* the process that opened the guard; its forks must not end it */
	uint32_t unanswered; /* spawns without STARTED or START_FAILED yet */
};

/* How a task is stopped. */
struct tend__guard_stop {
	int signal;
	uint64_t ns; /* from the signal to SIGKILL */
	bool leader; /* the signal is for the leader alone; the rest gets it after its end */
};

/* Starts a guard. The guard is no child of this program, so no wait() of the program sees
 * the guard and no SIGCHLD comes from it. The guard survives the calling thread.
 *
 *   path      of tend-guard; NULL: beside this executable (unless the program is
 *             privileged), else the installed guard
 *   returns   0; -ENOENT if there is no guard; -EACCES, -EMFILE, -ENOMEM, ... */
int tend__guard_open(const char *path, struct tend__guard *g);

/* Writes where tend__guard_open() looks, the paths in their order with a ':' between. Returns
 * as snprintf(). */
size_t tend__guard_paths(const char *path, char *buf, size_t size);

/* The process that is asked for. All stays the caller's. */
struct tend__guard_program {
	/* argv[0] is looked up in the PATH of `env` unless it has a '/'. */
	const char *const *argv;
	const char *const *env; /* NULL: empty */
	const char *cwd;        /* or NULL */
	int base; /* a directory, where a relative `cwd` begins; -1: this program's, now */
	/* Standard input, output, error, or -1: /dev/null; the descriptor of readiness, or -1,
	 * and its number in the process. */
	int fds[4];
	int32_t ready_fd;
	/* The rest of the task gets this when the leader ends by itself: the signal, and the time
	 * from there to SIGKILL. */
	struct tend__guard_stop stop;
};

/* Asks for a process. All is copied before this returns. The leader gets a group of its own,
 * default signals, an empty signal mask and no other descriptor. Limits, umask and niceness
 * are those of the program when the guard was opened.
 *
 *   cookie    unique among the living tasks of this guard
 *   returns   0; -EAGAIN: try again after the next message; -ETOOMANYREFS: try again some
 *             time later, other descriptors of this user are on their way; -EINVAL for an
 *             empty argv; -E2BIG; -EFBIG: the program may write no files, neither on disk
 *             nor in memory; -EPIPE: the guard died; -EMFILE, -ENOMEM, ... */
int tend__guard_spawn(struct tend__guard *g, uint64_t cookie,
                      const struct tend__guard_program *program);

/* Sends a signal to the leader and the group of a task, or, if the task has not started yet,
 * right after its start. Nothing happens to a task that has ended. SIGKILL is
 * tend__guard_kill().
 *
 *   returns   0; -EAGAIN: try again when `sock` is writable; -EINVAL; -EPIPE */
int tend__guard_signal(struct tend__guard *g, uint64_t cookie, int sig);

/* Stops a task, now or right after its start: each process of the task gets the stop signal
 * and SIGCONT, at the latest when its parent has ended, and SIGKILL when the time is up. No
 * more need be sent. A later call can only make the time shorter.
 *
 *   ns        from the signal, which the spawn has named, to SIGKILL
 *   returns   0; -EAGAIN: try again when `sock` is writable; -EPIPE */
int tend__guard_stop(struct tend__guard *g, uint64_t cookie, uint64_t ns);

/* Makes a guard go on that was stopped by SIGSTOP. */
void tend__guard_continue(const struct tend__guard *g);

/* Kills a task, also before its start: the leader, its group and all of its descendants.
 * EXITED or START_FAILED follows when all are dead.
 *
 *   returns   0; -EAGAIN: try again when `sock` is writable; -EPIPE */
int tend__guard_kill(struct tend__guard *g, uint64_t cookie);

/* Returns true if the guard has died. Its last messages can still be read. The socket alone
 * does not tell, because a fork of this program may have the other end. */
bool tend__guard_dead(const struct tend__guard *g);

/* Takes the next message.
 *
 *   returns   1; 0: none now; -EPIPE: the guard died, and its messages were all read;
 *             -ENOMEM, ... of the kernel */
int tend__guard_next(struct tend__guard *g, struct tend__guard_message *out);

/* Kills the guard at once, and so its tasks: for a guard that makes no sense. A
 * tend__guard_close() that follows waits only for the kernel. */
void tend__guard_end(const struct tend__guard *g);

/* Ends the guard and with it all of its tasks, and waits up to a second for its end. Does
 * nothing more for a guard that is closed, has died, or could not be opened. In a fork of
 * the program this only closes the descriptors. */
void tend__guard_close(struct tend__guard *g);

/* A leader whose guard has died. `pidfd` is the one that came with STARTED, or -1: then no
 * signal is sent, and the leader is dead once no process has its pid; another process may have
 * the pid by then. */
void tend__leader_kill(int pidfd);
bool tend__leader_dead(int pidfd, int32_t pid);

/* The two functions that know the guard's program; the others talk to its socket. While a
 * simulation runs, sim/guard.c answers for the program.
 *
 * tend__guard_start() starts the program of a guard, with its end of the socket and a pidfd
 * of its owner, which stay the caller's. Returns the guard's pidfd, or a negative errno value.
 * tend__guard_await() waits up to a second for the end of a guard. */
int tend__guard_start(const char *path, int sock, int owner);
void tend__guard_await(int pidfd);
#ifdef TEND_SIM
int tend__os_guard_start(const char *path, int sock, int owner);
void tend__os_guard_await(int pidfd);
/* Called after each request. */
void tend__sim_look(void);
/* Called before each request that the library repeats: true, as the seed wants, where the
 * socket of a guard that is slow would be full. */
bool tend__sim_has_no_room(void);
#endif

/* Returns the sentence of a stage, never NULL. */
const char *tend__guard_stage_text(uint32_t stage);

#endif
