/* test/guard/harness.h - what the guard's tests share. */
#ifndef TEST_GUARD_HARNESS_H
#define TEST_GUARD_HARNESS_H

#include "suite.h"

#include "platform/guard.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PATIENCE_MS (PATIENCE_S * 1000)

/* What kill -9 of the owner has to be over in: a second, on a machine that is so slow
 * or busy that it takes sixty times as long. */
#define GONE_MS 60000

/* NULL-ended vectors in place. */
#define ARGV(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define SH(script) ARGV("/bin/sh", "-c", (script))
#define ENV        ARGV("PATH=/usr/bin:/bin")

/* A stop by SIGTERM, and what is left when the leader ends by itself is killed at
 * once; and a time of a stop that only a failure sees the end of. */
#define STOP    ((struct tend__guard_stop){.signal = SIGTERM})
#define LONG_NS (UINT64_C(1000000000) * 3600)

/* The path of the guard under test, and of this program, which plays the
 * children too: role_main() if it was started with a role, which begins with '+'. */
const char *guard_path(void);
const char *self_path(void);
int role_main(int argc, char **argv);

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);

/* Opens a guard or fails the test; it has started when this returns. */
void open_guard(struct tend__guard *g);

/* Asks for a process; without `fds` all three are /dev/null. */
int ask_guard(struct tend__guard *g, uint64_t cookie, const char *const *argv,
              const char *const *env, const char *cwd, int base, struct tend__guard_stop stop,
              const int fds[3]);

/* Spawns or fails the test. */
void spawn(struct tend__guard *g, uint64_t cookie, const char *const *argv, const int fds[3]);

/* The next message; fails the test if none comes. */
struct tend__guard_message next(struct tend__guard *g);

/* As next(), and fails unless it is of this type and cookie. */
struct tend__guard_message expect(struct tend__guard *g, uint32_t type, uint64_t cookie);

/* Fails unless the guard is found dead. */
void expect_dead(struct tend__guard *g);

/* Spawns and returns the failure that must come. */
struct tend__guard_message expect_failure(struct tend__guard *g, const char *const *argv,
                                          const char *const *env, const char *cwd);
void check_failure(struct tend__guard_message m, uint32_t stage, int error);

/* A pipe whose write end the children of a test hold: it ends when the last of
 * them is dead, however deep it hides. */
struct leash {
	int in, out;
};
struct leash open_leash(void);
/* Closes the own end; true if the last holder is gone within `ms`. */
bool leash_ends(struct leash *leash, int ms);
/* Reads up to the next newline, or fails. */
void leash_line(struct leash *leash, char *line, size_t size);

/* The pid behind a pidfd; and how many entries /proc/PID/fd has. */
pid_t pidfd_pid(int pidfd);
int count_fds(pid_t pid);
/* Children of a process, zombies too; the first `max` of them in `pids`. */
int count_children(pid_t pid, pid_t *pids, int max);
/* Waits until a process has that many children. */
void await_children(pid_t pid, int count);
/* Waits until a process is in that state of /proc/PID/stat. */
void await_state(pid_t pid, char state);

#endif
