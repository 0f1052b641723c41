/* platform/guard.h - the program's side of tend-guard, and what the two say to
 * each other.
 *
 * The guard spawns and reaps a program's child processes and outlives its
 * crash; doc/guard.md says how and what is promised. These functions know
 * nothing of the runtime, never block, never allocate, and are called under a
 * lock of the caller, who polls `sock` for POLLIN and reads messages until
 * there is none. */
#ifndef TEND_PLATFORM_GUARD_H
#define TEND_PLATFORM_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* Raised when the structs below change; the guard refuses another number. */
#define TEND__GUARD_PROTOCOL 1

/* Most spawns that may be on their way at once. It bounds the descriptors in
 * flight, of which the kernel allows a user no more than RLIMIT_NOFILE. */
#define TEND__GUARD_WINDOW 64

/* Most children alive at once, and most bytes of one cwd, argv and env. */
#define TEND__GUARD_CHILDREN 65535
#define TEND__GUARD_BLOB_MAX (64u << 20)

/* What could not be done when a child did not start; and the sentence for it,
 * to be followed by ": " and the text of the error. */
#define TEND__GUARD_STAGES(X) \
	X(NONE, "started") \
	X(REQUEST, "the request is not valid") \
	X(FORK, "could not create a process") \
	X(PROC, "/proc does not list children, so its descendants could not be ended") \
	X(SETUP, "could not set up the process") \
	X(CWD, "could not enter the working directory") \
	X(LOOKUP, "could not find the program") \
	X(EXEC, "the program is there but could not be run") \
	X(KILLED, "it was killed before it had started")

enum tend__guard_stage {
#define TEND__STAGE(name, text) TEND__STAGE_##name,
	TEND__GUARD_STAGES(TEND__STAGE)
#undef TEND__STAGE
		TEND__STAGE_COUNT
};

enum tend__guard_type {
	TEND__GUARD_SPAWN = 1, /* requests */
	TEND__GUARD_SIGNAL,
	TEND__GUARD_KILL,
	TEND__GUARD_STARTED, /* messages */
	TEND__GUARD_START_FAILED,
	TEND__GUARD_EXITED,
};

/* Flags of a request. The first five say which descriptors came with a SPAWN,
 * in this order: the blob, the directory that a relative or missing cwd starts
 * from, and standard input, output, error. */
#define TEND__GUARD_BLOB    1u
#define TEND__GUARD_BASE    2u
#define TEND__GUARD_FD(i)   (4u << (i))
#define TEND__GUARD_CWD     32u /* the blob begins with a cwd */
#define TEND__GUARD_CONT    64u /* SIGNAL: SIGCONT after it, for the stopped */
#define TEND__GUARD_FDS_MAX 5

/* Program to guard. The blob is a sealed memfd of NUL-ended strings: the cwd
 * if any, argc arguments, envc "K=V". */
struct tend__guard_request {
	uint32_t type;
	uint32_t flags;
	uint64_t cookie;
	uint32_t argc;
	uint32_t envc;
	uint32_t blob_bytes;
	int32_t signal;
};

/* Guard to program. A cookie gets STARTED then EXITED, or START_FAILED alone.
 * EXITED comes when the leader was reaped, and the rest of its group and all
 * its descendants are dead and reaped too. */
struct tend__guard_message {
	uint32_t type;
	uint32_t stage;  /* START_FAILED: enum tend__guard_stage */
	uint64_t cookie; /* what tend__guard_spawn() was given */
	int32_t pid;     /* STARTED: of the leader */
	int32_t error;   /* START_FAILED: positive errno value */
	int32_t code;    /* EXITED: si_code, CLD_EXITED, CLD_KILLED or CLD_DUMPED */
	int32_t status;  /* EXITED: si_status, the exit code or the signal */
	int32_t pidfd;   /* STARTED: yours, close-on-exec; -1 if no descriptor was free */
	int32_t reserved;
};

struct tend__guard {
	int sock;            /* poll it for POLLIN; -1 when not open */
	int pidfd;           /* of the guard */
	int32_t owner;       /* the process that opened it; a fork of it must not end it */
	uint32_t unanswered; /* spawns without STARTED or START_FAILED yet */
};

/* Starts a guard. It is no child of this program, so that no wait() of the
 * program sees it and no SIGCHLD comes from it; it survives the thread that
 * called this.
 *
 *   path      of tend-guard; NULL: beside this executable (unless it is
 *             privileged), else the installed one
 *   returns   0; -ENOENT if it is not there; -EACCES, -EMFILE, -ENOMEM, ... */
int tend__guard_open(const char *path, struct tend__guard *g);

/* Asks for a process. All is copied before this returns; `fds` stay the
 * caller's. The leader gets its own group, default signals, an empty signal
 * mask and no other descriptor; the limits, umask and niceness are those of the
 * program when it opened the guard.
 *
 *   cookie    not that of a living task of this guard
 *   argv      argv[0] is looked up in the PATH of `env` unless it has a '/'
 *   env       NULL: empty
 *   cwd       or NULL
 *   base      a directory, where `cwd` begins if it is relative; -1: this program's, now
 *   fds       standard input, output, error; -1, or NULL for all: /dev/null
 *   returns   0; -EAGAIN: try again after the next message; -ETOOMANYREFS: some time
 *             later, other descriptors of this user are on their way; -EINVAL for
 *             an empty argv; -E2BIG; -EFBIG: the program may write no files, not in
 *             memory either; -EPIPE: the guard died; -EMFILE, -ENOMEM, ... */
int tend__guard_spawn(struct tend__guard *g, uint64_t cookie, const char *const *argv,
                      const char *const *env, const char *cwd, int base, const int fds[3]);

/* Sends a signal to the group of a task; before its start, right after it.
 * Nothing happens if it has ended. SIGKILL is tend__guard_kill(). The stop form
 * sends SIGCONT after it, for the stopped.
 *
 *   returns   0; -EAGAIN: try again when `sock` is writable; -EINVAL; -EPIPE */
int tend__guard_signal(struct tend__guard *g, uint64_t cookie, int sig);
int tend__guard_stop(struct tend__guard *g, uint64_t cookie, int sig);

/* Kills a task: the leader, its group and all its descendants, also before its
 * start. EXITED or START_FAILED follows when that is done.
 *
 *   returns   0; -EAGAIN: try again when `sock` is writable; -EPIPE */
int tend__guard_kill(struct tend__guard *g, uint64_t cookie);

/* Has it died? What it said before can be read then; its socket may stay open, for a
 * fork of this program may have the other end. */
bool tend__guard_dead(const struct tend__guard *g);

/* Takes the next message.
 *
 *   returns   1; 0: none now; -EPIPE: the guard died, and what it had said was
 *             read; -ENOMEM, ... of the kernel */
int tend__guard_next(struct tend__guard *g, struct tend__guard_message *out);

/* Ends the guard and with it every task it still has; waits up to one second
 * for that. Accepts one that is closed, one that died, and one whose open
 * failed. In a fork of the program it only closes the descriptors. */
void tend__guard_close(struct tend__guard *g);

/* The sentence for a stage; never NULL. */
const char *tend__guard_stage_text(uint32_t stage);

#endif
