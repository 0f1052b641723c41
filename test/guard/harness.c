/* test/guard/harness.c - what the guard's tests share. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *self_path(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	/* Not a check of the suite: the roles ask too. */
	path[n > 0 ? n : 0] = '\0';
	return path;
}

/* TEND_GUARD, or the first tend-guard in the directories above this program. */
const char *guard_path(void)
{
	static char path[PATH_MAX + 16];
	const char *given = getenv("TEND_GUARD");
	if (given)
		return given;
	char dir[PATH_MAX];
	snprintf(dir, sizeof(dir), "%s", self_path());
	for (char *slash; (slash = strrchr(dir, '/'));) {
		*slash = '\0';
		snprintf(path, sizeof(path), "%s/tend-guard", dir);
		if (access(path, X_OK) == 0)
			return path;
	}
	ck_abort_msg("no tend-guard above %s: set TEND_GUARD", self_path());
	return NULL;
}

int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void open_guard(struct tend__guard *g)
{
	int error = tend__guard_open(guard_path(), g);
	ck_assert_msg(error == 0, "cannot open %s: %s", guard_path(), strerror(-error));
	/* It has opened what it needs once it has answered. */
	check_failure(expect_failure(g, ARGV(""), ENV, NULL), TEND__STAGE_LOOKUP, ENOENT);
}

void check_failure(struct tend__guard_message m, uint32_t stage, int error)
{
	ck_assert_msg(m.stage == stage && m.error == error, "%s: %s",
	              tend__guard_stage_text(m.stage), strerror(m.error));
}

int ask_guard(struct tend__guard *g, uint64_t cookie, const char *const *argv,
              const char *const *env, const char *cwd, int base, struct tend__guard_stop stop,
              const int fds[3])
{
	struct tend__guard_program program = {.argv = argv,
	                                      .env = env,
	                                      .cwd = cwd,
	                                      .base = base,
	                                      .fds = {-1, -1, -1, -1},
	                                      .stop = stop};

	if (fds)
		memcpy(program.fds, fds, 3 * sizeof(*fds));
	return tend__guard_spawn(g, cookie, &program);
}

void spawn(struct tend__guard *g, uint64_t cookie, const char *const *argv, const int fds[3])
{
	ck_assert_int_eq(ask_guard(g, cookie, argv, ENV, NULL, -1, STOP, fds), 0);
}

struct tend__guard_message next(struct tend__guard *g)
{
	struct tend__guard_message message;
	for (;;) {
		int got = tend__guard_next(g, &message);
		ck_assert_msg(got >= 0, "the guard died: %s", strerror(-got));
		if (got == 1)
			return message;
		struct pollfd polled = {.fd = g->sock, .events = POLLIN};
		ck_assert_msg(poll(&polled, 1, PATIENCE_MS) == 1, "no message came");
	}
}

struct tend__guard_message expect(struct tend__guard *g, uint32_t type, uint64_t cookie)
{
	struct tend__guard_message message = next(g);
	ck_assert_msg(message.type == type && message.cookie == cookie,
	              "wanted type %u of %d, got type %u of %d (%s: %s)", type, (int)cookie,
	              message.type, (int)message.cookie, tend__guard_stage_text(message.stage),
	              strerror(message.error));
	if (message.pidfd >= 0)
		close(message.pidfd);
	return message;
}

void expect_dead(struct tend__guard *g)
{
	struct tend__guard_message message;
	struct pollfd polled = {.fd = g->sock, .events = POLLIN};
	int got;
	do {
		ck_assert_msg(poll(&polled, 1, PATIENCE_MS) == 1, "the guard lives");
		got = tend__guard_next(g, &message);
	} while (got >= 0);
	ck_assert_int_eq(got, -EPIPE);
}

struct tend__guard_message expect_failure(struct tend__guard *g, const char *const *argv,
                                          const char *const *env, const char *cwd)
{
	ck_assert_int_eq(ask_guard(g, 77, argv, env, cwd, -1, STOP, NULL), 0);
	return expect(g, TEND__GUARD_START_FAILED, 77);
}

struct leash open_leash(void)
{
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	return (struct leash){.in = fds[0], .out = fds[1]};
}

bool leash_ends(struct leash *leash, int ms)
{
	char ignored[512];
	int64_t deadline = now_ms() + ms;

	if (leash->out >= 0)
		close(leash->out);
	leash->out = -1;
	for (;;) {
		int64_t left = deadline - now_ms();
		struct pollfd polled = {.fd = leash->in, .events = POLLIN};
		if (poll(&polled, 1, left > 0 ? (int)left : 0) <= 0)
			return false;
		if (read(leash->in, ignored, sizeof(ignored)) == 0) {
			close(leash->in);
			return true;
		}
	}
}

void leash_line(struct leash *leash, char *line, size_t size)
{
	for (size_t n = 0; n + 1 < size; n++) {
		struct pollfd polled = {.fd = leash->in, .events = POLLIN};
		ck_assert_msg(poll(&polled, 1, PATIENCE_MS) == 1, "no line came");
		ck_assert_int_eq(read(leash->in, line + n, 1), 1);
		if (line[n] == '\n') {
			line[n] = '\0';
			return;
		}
	}
	ck_abort_msg("line too long");
}

pid_t pidfd_pid(int pidfd)
{
	char path[64], line[128];
	int pid = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "Pid: %d", &pid);
	fclose(f);
	ck_assert_int_ne(pid, 0);
	return pid;
}

int count_fds(pid_t pid)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int count_children(pid_t pid, pid_t *pids, int max)
{
	char path[64];
	int n = 0, child;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	for (; fscanf(f, "%d", &child) == 1; n++)
		if (n < max)
			pids[n] = child;
	fclose(f);
	return n;
}

void await_children(pid_t pid, int count)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	int n;
	while ((n = count_children(pid, NULL, 0)) != count) {
		ck_assert_msg(now_ms() < deadline, "%d children, not %d", n, count);
		poll(NULL, 0, 1);
	}
}

void await_state(pid_t pid, char state)
{
	char path[64], now = 0;
	int64_t deadline = now_ms() + PATIENCE_MS;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (now != state) {
		FILE *f = fopen(path, "re");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %c", &now), 1);
		fclose(f);
		ck_assert_msg(now_ms() < deadline, "state %c, not %c", now, state);
		/* A message that comes in between lets a guard go on. */
		if (now != 'T' && state == 'T')
			kill(pid, SIGSTOP);
		poll(NULL, 0, 1);
	}
}
