/* cli/ask/instance.c - the runtime directory, the paths of a stack, and its owner. */
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
static int check_private(const char *path, const char *remedy, struct instance_error *error)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return instance_fail(error, EXIT_CONFIG, "cannot look at %s: %s", path,
		                     strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return instance_fail(error, EXIT_CONFIG, "%s is not a directory; %s", path, remedy);
	if (st.st_uid != geteuid())
		return instance_fail(error, EXIT_CONFIG, "%s belongs to another user (uid %u); %s",
		                     path, (unsigned)st.st_uid, remedy);
	if (st.st_mode & 077)
		return instance_fail(error, EXIT_CONFIG,
		                     "%s is open to other users; run: chmod 700 %s", path, path);
	return 0;
}

#define PRIVATE_DIR "set XDG_RUNTIME_DIR to a private directory of yours (mode 0700)"

static int make_private(const char *path, const char *remedy, struct instance_error *error)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return check_private(path, remedy, error);
	if (errno == ENOENT)
		return instance_fail(error, EXIT_CONFIG, "%.*s does not exist; create it, or %s",
		                     (int)(strrchr(path, '/') - path), path, PRIVATE_DIR);
	return instance_fail(error, EXIT_CONFIG, "cannot create %s: %s; %s", path, strerror(errno),
	                     PRIVATE_DIR);
}

/* The directory of a user without a session, as below su, cron and in containers. Every
 * user may make this path in /tmp, so every command looks at the owner of the directory. */
static int temporary_dir(char *buf, size_t size, bool make, struct instance_error *error)
{
	int n = snprintf(buf, size, "/tmp/tend-%u", (unsigned)geteuid());

	assert(n > 0 && (size_t)n < size);
	if (make)
		return make_private(buf, PRIVATE_DIR, error);
	return access(buf, F_OK) != 0 ? 0 : check_private(buf, PRIVATE_DIR, error);
}

int instance_dir(char *buf, size_t size, bool make, struct instance_error *error)
{
	const char *parent = getenv("XDG_RUNTIME_DIR");
	if (!parent || !parent[0]) {
		if (geteuid() != 0)
			return temporary_dir(buf, size, make, error);
		parent = "/run";
	}
	if (parent[0] != '/')
		return instance_fail(error, EXIT_CONFIG,
		                     "XDG_RUNTIME_DIR is not an absolute path; " PRIVATE_DIR);
	int n = snprintf(buf, size, "%s/tend", parent);
	if (n < 0 || (size_t)n >= size)
		return instance_fail(
			error, EXIT_CONFIG,
			"XDG_RUNTIME_DIR is too long for a socket; set it to a shorter path");
	return make ? make_private(buf, "remove it", error) : 0;
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
	struct instance made = {.lock_fd = -1, .address_fds = {-1, -1}};

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

/* Reads "PID\nFILE\n". Returns the pid, -1 for a file without a pid. */
static pid_t read_lock(int fd, char *file, size_t size)
{
	char buf[PATH_MAX + 32];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return -1;
	buf[n] = 0;
	long pid = strtol(buf, NULL, 10);
	const char *line = strchr(buf, '\n');
	size_t len = line ? strlen(line + 1) : 0;
	if (file && len > 1)
		snprintf(file, size, "%.*s", (int)len - 1, line + 1);
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : -1;
}

pid_t instance_owner(const struct instance *instance, char *file, size_t size)
{
	pid_t owner = -1;

	if (file)
		file[0] = 0;
	/* The owner writes the file right after the lock. */
	for (int i = 0; owner == -1 && i < 20; i++) {
		if (i)
			usleep(5000);
		int fd = open(instance->lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			return 0;
		/* The lock is taken shared, because two readers with exclusive locks
		 * would take each other for the owner. */
		owner = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : read_lock(fd, file, size);
		close(fd);
	}
	return owner;
}
