/* cli/ask/instance.h - where a running stack is found: its socket, and the lock
 * that tells if the stack runs.
 *
 * The lock is the truth. The process that runs the stack holds the lock until
 * it ends, however it ends. A socket without a held lock is stale, and the next
 * owner replaces the socket. The owner unlinks both files while it still holds
 * the lock. */
#ifndef TEND_CLI_ASK_INSTANCE_H
#define TEND_CLI_ASK_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#define INSTANCE_NAME_MAX   64
#define INSTANCE_PATH_MAX   sizeof(((struct sockaddr_un *)0)->sun_path)
#define INSTANCE_LISTED_MAX 64

/* Why something could not be done: an exit code and a sentence. */
struct instance_error {
	int exit_code;
	char text[640];
};

/* Writes an error. Returns -1. */
int instance_fail(struct instance_error *error, int exit_code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct instance {
	char name[INSTANCE_NAME_MAX + 1];
	char socket[INSTANCE_PATH_MAX];
	char lock[INSTANCE_PATH_MAX];
	int lock_fd; /* -1 unless this process has claimed the stack */
};

/* How the user names the stack for a command. */
struct instance_choice {
	const char *name;   /* --name, or NULL */
	const char *socket; /* --socket or $TEND_SOCKET, or NULL */
	bool strict;        /* the command changes something: do not guess across directories */
};

/* Writes the directory of all sockets, and makes the directory if `make` is
 * set. Returns 0, or -1 with the error written. */
int instance_dir(char *buf, size_t size, bool make, struct instance_error *error);

/* Fills in the paths of a stack. Makes no file and looks at none. Returns 0, or
 * -1 with the error written. */
int instance_of(const char *name, struct instance *out, struct instance_error *error);

/* Becomes the one process that runs the stack: makes the directory, takes the
 * lock and removes a stale socket. The caller releases a claimed stack even if
 * nothing was served. Returns 0, or -1 with the error written. */
int instance_claim(const char *name, struct instance *out, struct instance_error *error);
void instance_release(struct instance *instance);

/* Returns the process that runs the stack; 0 if the stack does not run, -1 if
 * the process cannot be named. */
pid_t instance_owner(const struct instance *instance);

/* Finds the stack for a command. `here` is the name of the stack of the current
 * directory, or NULL. The stack need not run: only the connect tells. Returns
 * 0, or -1 with the error written. */
int instance_choose(const struct instance_choice *choice, const char *here, struct instance *out,
                    struct instance_error *error);

/* Connects, and checks that the peer is this user or root. Returns a descriptor
 * that does not block, or -1 with an error that says if the socket is stale. */
int instance_connect(const struct instance *instance, struct instance_error *error);

/* Returns true if the other end of a socket is this user or root. */
bool instance_peer_allowed(int fd);

#endif
