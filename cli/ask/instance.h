/* cli/ask/instance.h - where a running stack is found: its socket, and the lock
 * that says whether it runs.
 *
 * The lock is the truth. It is held by the process that runs the stack and goes
 * with it, however it ends; a socket without a held lock is stale and replaced.
 * Both are unlinked by their owner while it still holds the lock. */
#ifndef TEND_CLI_ASK_INSTANCE_H
#define TEND_CLI_ASK_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#define INSTANCE_NAME_MAX   64
#define INSTANCE_PATH_MAX   sizeof(((struct sockaddr_un *)0)->sun_path)
#define INSTANCE_LISTED_MAX 64

/* Why something could not be done: the exit code for it and a sentence. */
struct instance_error {
	int exit_code;
	char text[640];
};

struct instance {
	char name[INSTANCE_NAME_MAX + 1];
	char socket[INSTANCE_PATH_MAX];
	char lock[INSTANCE_PATH_MAX];
	int lock_fd; /* -1 unless it is claimed by this process */
};

/* What a command was told about the stack it is for. */
struct instance_choice {
	const char *name;   /* --name, or NULL */
	const char *socket; /* --socket or $TEND_SOCKET, or NULL */
	bool strict;        /* the command changes something: do not guess across directories */
};

/* Writes the directory of all sockets; with `make` it is made if need be.
 * Answers 0, or -1 with the error written. */
int instance_dir(char *buf, size_t size, bool make, struct instance_error *error);

/* Fills the paths of a stack; nothing is made or looked at. */
int instance_of(const char *name, struct instance *out, struct instance_error *error);

/* Becomes the one process that runs the stack: makes the directory, takes the
 * lock and removes a stale socket. Release it even if nothing was served. */
int instance_claim(const char *name, struct instance *out, struct instance_error *error);
void instance_release(struct instance *instance);

/* The process that runs the stack; 0 if none does, -1 if it does but cannot be
 * named. */
pid_t instance_owner(const struct instance *instance);

/* Finds the stack a command is for. `here` is the name of the stack of the
 * current directory, or NULL. It may not be running: connecting will tell. */
int instance_choose(const struct instance_choice *choice, const char *here, struct instance *out,
                    struct instance_error *error);

/* Connects; the peer is checked to be this user or root. Answers a blocking
 * descriptor, or -1 with an error that says whether the socket is stale. */
int instance_connect(const struct instance *instance, struct instance_error *error);

/* True if the other end of a socket is this user or root. */
bool instance_peer_allowed(int fd);

#endif
