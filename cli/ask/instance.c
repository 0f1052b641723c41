/* cli/ask/instance.c - the runtime directory, the lock and the paths of a stack. */
#include "ask/instance.h"
#include "ask/envelope.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int instance_fail(struct instance_error *error, int exit_code, const char *fmt, ...)
{
	va_list args;

	assert(exit_code > 0 && exit_code < 256);
	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	error->exit_code = exit_code;
	return -1;
}

/* A user that can write to the directory could put a socket there and pose as
 * the supervisor. */
static int check_private(const char *path, struct instance_error *error)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return instance_fail(error, EXIT_CONFIG, "cannot look at %s: %s", path,
		                     strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return instance_fail(error, EXIT_CONFIG, "%s is not a directory; remove it", path);
	if (st.st_uid != geteuid())
		return instance_fail(error, EXIT_CONFIG,
		                     "%s belongs to another user (uid %u); remove it", path,
		                     (unsigned)st.st_uid);
	if (st.st_mode & 077)
		return instance_fail(error, EXIT_CONFIG,
		                     "%s is open to other users; run: chmod 700 %s", path, path);
	return 0;
}

static int make_private(const char *path, const char *parent, struct instance_error *error)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return check_private(path, error);
	if (errno == ENOENT)
		return instance_fail(
			error, EXIT_CONFIG,
			"%s does not exist; create it, or set XDG_RUNTIME_DIR to a private "
			"directory of yours (mode 0700)",
			parent);
	return instance_fail(
		error, EXIT_CONFIG,
		"cannot create %s: %s; set XDG_RUNTIME_DIR to a private directory of yours "
		"(mode 0700)",
		path, strerror(errno));
}

int instance_dir(char *buf, size_t size, bool make, struct instance_error *error)
{
	const char *parent = getenv("XDG_RUNTIME_DIR");
	if (!parent || !parent[0]) {
		if (geteuid() != 0)
			return instance_fail(
				error, EXIT_CONFIG,
				"XDG_RUNTIME_DIR is not set; set it to a private directory of "
				"yours (mode 0700)");
		parent = "/run";
	}
	if (parent[0] != '/')
		return instance_fail(error, EXIT_CONFIG,
		                     "XDG_RUNTIME_DIR is not an absolute path; set it to a "
		                     "private directory of yours (mode 0700)");
	int n = snprintf(buf, size, "%s/tend", parent);
	if (n < 0 || (size_t)n >= size)
		return instance_fail(
			error, EXIT_CONFIG,
			"XDG_RUNTIME_DIR is too long for a socket; set it to a shorter path");
	return make ? make_private(buf, parent, error) : 0;
}

static bool name_valid(const char *name)
{
	size_t n = strlen(name);
	if (n == 0 || n > INSTANCE_NAME_MAX || name[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] == '/' || (unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return true;
}

int instance_of(const char *name, struct instance *out, struct instance_error *error)
{
	char dir[INSTANCE_PATH_MAX];
	struct instance made = {.lock_fd = -1};

	if (!name_valid(name))
		return instance_fail(error, EXIT_USAGE, "not the name of a stack");
	if (instance_dir(dir, sizeof(dir), false, error) != 0)
		return -1;
	snprintf(made.name, sizeof(made.name), "%s", name);
	int n = snprintf(made.socket, sizeof(made.socket), "%s/%s.sock", dir, name);
	int m = snprintf(made.lock, sizeof(made.lock), "%s/%s.lock", dir, name);
	if (n < 0 || m < 0 || (size_t)n >= sizeof(made.socket) || (size_t)m >= sizeof(made.lock))
		return instance_fail(
			error, EXIT_CONFIG,
			"the socket's path %s/%s.sock is longer than %zu bytes; set "
			"XDG_RUNTIME_DIR to a shorter path, or give the stack a shorter name",
			dir, name, sizeof(made.socket) - 1);
	*out = made;
	return 0;
}

static pid_t read_pid(int fd)
{
	char buf[32];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);
	if (n <= 0)
		return -1;
	buf[n] = 0;
	long pid = strtol(buf, NULL, 10);
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : -1;
}

pid_t instance_owner(const struct instance *instance)
{
	int fd = open(instance->lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	/* The lock is taken shared, because two readers with exclusive locks
	 * would take each other for the owner. */
	pid_t owner = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : read_pid(fd);
	close(fd);
	return owner;
}

/* Another process may hold the lock for an instant, to look for its owner. */
static bool lock_soon(int fd)
{
	for (int i = 0; i < 20; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		usleep(5000);
	}
	return false;
}

/* Returns the descriptor of the locked file, which is still the file of that
 * path; -1 if another process holds the lock. */
static int take_lock(const char *path, pid_t *owner)
{
	for (;;) {
		struct stat mine, there;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -1;
		if (!lock_soon(fd)) {
			*owner = read_pid(fd);
			close(fd);
			errno = EWOULDBLOCK;
			return -1;
		}
		/* The last owner may have unlinked the file between open and
		 * flock. */
		if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 &&
		    mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
			return fd;
		close(fd);
	}
}

int instance_claim(const char *name, struct instance *out, struct instance_error *error)
{
	char dir[INSTANCE_PATH_MAX], pid[32];
	struct instance made;
	pid_t owner = -1;

	if (instance_of(name, &made, error) != 0 ||
	    instance_dir(dir, sizeof(dir), true, error) != 0)
		return -1;
	made.lock_fd = take_lock(made.lock, &owner);
	if (made.lock_fd < 0 && errno == EWOULDBLOCK && owner > 0)
		return instance_fail(
			error, EXIT_FAILED,
			"stack %s is already running, pid %d; stop it with: tend down --name %s",
			name, (int)owner, name);
	if (made.lock_fd < 0 && errno == EWOULDBLOCK)
		return instance_fail(error, EXIT_FAILED, "stack %s is already running", name);
	if (made.lock_fd < 0)
		return instance_fail(error, EXIT_CONFIG, "cannot open %s: %s", made.lock,
		                     strerror(errno));

	assert(made.lock_fd >= 0);
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(made.lock_fd, 0) != 0 || pwrite(made.lock_fd, pid, (size_t)n, 0) != n ||
	    (unlink(made.socket) != 0 && errno != ENOENT)) {
		int saved = errno;
		instance_release(&made);
		return instance_fail(error, EXIT_CONFIG, "cannot write to %s: %s", dir,
		                     strerror(saved));
	}
	*out = made;
	return 0;
}

void instance_release(struct instance *instance)
{
	if (instance->lock_fd < 0)
		return;
	unlink(instance->socket);
	unlink(instance->lock);
	close(instance->lock_fd);
	instance->lock_fd = -1;
}
