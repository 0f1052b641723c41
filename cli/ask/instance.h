/* cli/ask/instance.h - where a running stack is found: its socket, and the lock
 * that tells if the stack runs.
 *
 * A stack is its file, by the real path; the name of the stack is for people, and at any
 * time at most a single stack has the name.
 *
 * The process that runs the stack is the owner. The owner holds the lock until the end of
 * the process, whatever the end, and writes into the lock its pid and the file. A socket
 * without a held lock is stale, and the next owner replaces the socket. The owner unlinks
 * both files while the lock is still held.
 *
 * A cleaner may unlink both files of a running stack. The owner therefore also holds two
 * addresses without a file (abstract sockets), of the name and of the file of the stack.
 * The addresses keep a second owner away until the first has made both files again. */
#ifndef TEND_CLI_ASK_INSTANCE_H
#define TEND_CLI_ASK_INSTANCE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#define INSTANCE_NAME_MAX   64
#define INSTANCE_PATH_MAX   sizeof(((struct sockaddr_un *)0)->sun_path)
#define INSTANCE_LISTED_MAX 64

/* The end of a message about EFBIG. */
#define INSTANCE_EFBIG_REMEDY \
	"; the limit of the size of files is too low, raise it with: ulimit -f unlimited"

/* Why something could not be done: an exit code and a sentence. */
struct instance_error {
	int exit_code;
	char text[1024];
};

/* Writes an error. Returns -1. */
int instance_fail(struct instance_error *error, int exit_code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Which file of the file system a path led to. */
struct instance_file {
	dev_t dev;
	ino_t ino; /* 0: no file */
};

/* The addresses of a claimed stack. */
enum instance_key { INSTANCE_BY_NAME, INSTANCE_BY_FILE, INSTANCE_KEYS };

struct instance {
	char name[INSTANCE_NAME_MAX + 1];
	char socket[INSTANCE_PATH_MAX];
	char lock[INSTANCE_PATH_MAX];
	int lock_fd; /* -1 unless this process has claimed the stack */
	/* Valid in a claimed stack: */
	int address_fds[INSTANCE_KEYS]; /* listen; -1: the address is a foreign program's */
	struct instance_file served;    /* the socket, as made by this process */
	char file[PATH_MAX];
};

/* How the user names the stack for a command. */
struct instance_choice {
	const char *name;      /* --name, or NULL */
	const char *socket;    /* --socket or $TEND_SOCKET, or NULL */
	const char *here;      /* name of the stack of the current directory, which does not run;
	                        * or NULL */
	const char *here_file; /* with `here`: its file */
	bool strict;           /* the command changes something: do not guess across directories */
};

/* Writes the directory of all sockets, and makes the directory if `make` is
 * set. Returns 0, or -1 with the error written. */
int instance_dir(char *buf, size_t size, bool make, struct instance_error *error);

struct instance_listed {
	char name[INSTANCE_NAME_MAX + 1];
};

/* Lists the running stacks by name. Returns their number; the first INSTANCE_LISTED_MAX
 * are written. */
size_t instance_list(struct instance_listed *found);

/* Fills in the paths of a stack. Makes no file and looks at none. Returns 0, or
 * -1 with the error written. */
int instance_of(const char *name, struct instance *out, struct instance_error *error);

/* Becomes the one process that runs the stack: makes the directory, takes the
 * addresses and the lock, and removes a stale socket. Whatever else stands in the way
 * is named and left alone. The caller releases a claimed stack even if nothing was
 * served.
 *
 *   file      the real path of the file
 *   returns   0, or -1 with the error written */
int instance_claim(const char *name, const char *file, struct instance *out,
                   struct instance_error *error);

/* Removes the files of a claimed stack; a foreign file at their paths stays. */
void instance_release(struct instance *instance);

/* Notes that this process has made the socket at instance->socket. */
void instance_served(struct instance *instance);

/* Makes the lock of a claimed stack again if it was unlinked. Returns true if the
 * socket was unlinked; the caller then makes the socket again. */
bool instance_swept(struct instance *instance);

/* Returns the process that runs the stack; 0 if the stack does not run, -1 if
 * the process cannot be named.
 *
 *   file      gets the file of the stack, if the file is known; may be NULL */
pid_t instance_owner(const struct instance *instance, char *file, size_t size);

/* Finds the running stack of a file. Returns false if the file does not run. */
bool instance_of_file(const char *file, struct instance *out);

/* Finds the stack for a command. The stack need not run: only the connect tells.
 * Returns 0, or -1 with the error written. */
int instance_choose(const struct instance_choice *choice, struct instance *out,
                    struct instance_error *error);

/* Connects, and checks that the peer is this user or root. Returns a descriptor
 * that does not block, or -1 with an error that says if the socket is stale. */
int instance_connect(const struct instance *instance, struct instance_error *error);

/* Returns the process that serves the socket of a stack, which need not answer; or -1 with the
 * error written. */
pid_t instance_process(const struct instance *instance, struct instance_error *error);

/* Returns true if the other end of a socket is this user or root. */
bool instance_peer_allowed(int fd);

#endif
