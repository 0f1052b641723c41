/* cli/ask/instance.c - the runtime directory, the lock and the socket of a stack. */
#include "ask/instance.h"
#include "ask/envelope.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int __attribute__((format(printf, 3, 4)))
fail(struct instance_error *error, int exit_code, const char *fmt, ...)
{
	va_list args;

	assert(exit_code > 0 && exit_code < 256);
	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	error->exit_code = exit_code;
	return -1;
}

/* Whoever can write to the directory could put a socket of their own there. */
static int check_private(const char *path, struct instance_error *error)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return fail(error, EXIT_CONFIG, "cannot look at %s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(error, EXIT_CONFIG, "%s is not a directory; remove it", path);
	if (st.st_uid != geteuid())
		return fail(error, EXIT_CONFIG, "%s belongs to another user (uid %u); remove it",
		            path, (unsigned)st.st_uid);
	if (st.st_mode & 077)
		return fail(error, EXIT_CONFIG, "%s is open to other users; run: chmod 700 %s",
		            path, path);
	return 0;
}

static int make_private(const char *path, const char *parent, struct instance_error *error)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return check_private(path, error);
	if (errno == ENOENT)
		return fail(error, EXIT_CONFIG,
		            "%s does not exist; create it, or set XDG_RUNTIME_DIR to a private "
		            "directory of yours (mode 0700)",
		            parent);
	return fail(error, EXIT_CONFIG,
	            "cannot create %s: %s; set XDG_RUNTIME_DIR to a private directory of yours "
	            "(mode 0700)",
	            path, strerror(errno));
}

int instance_dir(char *buf, size_t size, bool make, struct instance_error *error)
{
	const char *parent = getenv("XDG_RUNTIME_DIR");
	if (!parent || !parent[0]) {
		if (geteuid() != 0)
			return fail(error, EXIT_CONFIG,
			            "XDG_RUNTIME_DIR is not set; set it to a private directory of "
			            "yours (mode 0700)");
		parent = "/run";
	}
	if (parent[0] != '/')
		return fail(error, EXIT_CONFIG,
		            "XDG_RUNTIME_DIR is not an absolute path; set it to a "
		            "private directory of yours (mode 0700)");
	int n = snprintf(buf, size, "%s/tend", parent);
	if (n < 0 || (size_t)n >= size)
		return fail(error, EXIT_CONFIG,
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
		return fail(error, EXIT_USAGE, "not the name of a stack");
	if (instance_dir(dir, sizeof(dir), false, error) != 0)
		return -1;
	snprintf(made.name, sizeof(made.name), "%s", name);
	int n = snprintf(made.socket, sizeof(made.socket), "%s/%s.sock", dir, name);
	int m = snprintf(made.lock, sizeof(made.lock), "%s/%s.lock", dir, name);
	if (n < 0 || m < 0 || (size_t)n >= sizeof(made.socket) || (size_t)m >= sizeof(made.lock))
		return fail(error, EXIT_CONFIG,
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
	/* A shared lock, so that two who look do not take each other for it. */
	pid_t owner = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : read_pid(fd);
	close(fd);
	return owner;
}

/* Another process may be looking at the lock for an instant. */
static bool lock_soon(int fd)
{
	for (int i = 0; i < 20; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		usleep(5000);
	}
	return false;
}

/* Answers the locked file, which is the one of that path; -1 if it is held. */
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
		/* Its last owner may have unlinked it between open and flock. */
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
		return fail(
			error, EXIT_FAILED,
			"stack %s is already running, pid %d; stop it with: tend down --name %s",
			name, (int)owner, name);
	if (made.lock_fd < 0 && errno == EWOULDBLOCK)
		return fail(error, EXIT_FAILED, "stack %s is already running", name);
	if (made.lock_fd < 0)
		return fail(error, EXIT_CONFIG, "cannot open %s: %s", made.lock, strerror(errno));

	assert(made.lock_fd >= 0);
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(made.lock_fd, 0) != 0 || pwrite(made.lock_fd, pid, (size_t)n, 0) != n ||
	    (unlink(made.socket) != 0 && errno != ENOENT)) {
		int saved = errno;
		instance_release(&made);
		return fail(error, EXIT_CONFIG, "cannot write to %s: %s", dir, strerror(saved));
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

/* Lists the running stacks; answers how many there are, of which the first
 * INSTANCE_LISTED_MAX are written. */
static size_t list_running(struct instance *found)
{
	struct instance_error ignored;
	char dir[INSTANCE_PATH_MAX];
	size_t count = 0;

	DIR *d = instance_dir(dir, sizeof(dir), false, &ignored) == 0 ? opendir(dir) : NULL;
	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		struct instance one;
		char name[INSTANCE_NAME_MAX + 1];
		size_t n = strlen(e->d_name);
		if (n <= 5 || n - 5 > INSTANCE_NAME_MAX || strcmp(e->d_name + n - 5, ".lock") != 0)
			continue;
		memcpy(name, e->d_name, n - 5);
		name[n - 5] = 0;
		if (instance_of(name, &one, &ignored) != 0 || instance_owner(&one) == 0)
			continue;
		if (count < INSTANCE_LISTED_MAX)
			found[count] = one;
		count++;
	}
	closedir(d);
	return count;
}

static int by_name(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static void write_names(struct instance *found, size_t count, char *buf, size_t size)
{
	size_t shown = count < INSTANCE_LISTED_MAX ? count : INSTANCE_LISTED_MAX, n = 0;

	qsort(found, shown, sizeof(*found), by_name);
	for (size_t i = 0; i < shown && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", found[i].name);
}

/* Chooses among those that run, when the current directory does not decide. */
static int choose_running(const char *here, bool strict, struct instance *out,
                          struct instance_error *error)
{
	struct instance found[INSTANCE_LISTED_MAX];
	char dir[INSTANCE_PATH_MAX], names[400] = "";

	if (instance_dir(dir, sizeof(dir), false, error) != 0)
		return -1;
	size_t count = list_running(found);
	write_names(found, count, names, sizeof(names));
	if (count == 0)
		return fail(error, EXIT_UNREACHABLE,
		            "no stack is running (looked in %s); start one with: tend up", dir);
	if (here && strict)
		return fail(
			error, EXIT_UNREACHABLE,
			"stack %s of this directory is not running; another is: %s; choose with "
			"--name",
			here, names);
	assert(count > 0);
	if (count > 1)
		return fail(error, EXIT_USAGE, "%zu stacks are running: %s; choose one with --name",
		            count, names);
	*out = found[0];
	return 0;
}

static int choose_socket(const char *path, struct instance *out, struct instance_error *error)
{
	struct instance made = {.lock_fd = -1};
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(made.socket))
		return fail(error, EXIT_USAGE, "the path of a socket has 1 to %zu bytes",
		            sizeof(made.socket) - 1);
	memcpy(made.socket, path, n + 1);
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t stem = strlen(base);
	if (stem > 5 && strcmp(base + stem - 5, ".sock") == 0) {
		assert(n > 5 && n < sizeof(made.lock));
		memcpy(made.lock, path, n - 5);
		memcpy(made.lock + n - 5, ".lock", 6);
		stem -= 5;
	}
	snprintf(made.name, sizeof(made.name), "%.*s", (int)(stem < 64 ? stem : 64), base);
	*out = made;
	return 0;
}

int instance_choose(const struct instance_choice *choice, const char *here, struct instance *out,
                    struct instance_error *error)
{
	struct instance local = {.lock_fd = -1};

	if (choice->name)
		return instance_of(choice->name, out, error);
	if (choice->socket)
		return choose_socket(choice->socket, out, error);
	if (here && instance_of(here, &local, error) != 0)
		return -1;
	/* A socket of its own, running or stale, is worth more than a guess. */
	if (here && (instance_owner(&local) != 0 || access(local.socket, F_OK) == 0)) {
		*out = local;
		return 0;
	}
	return choose_running(here, choice->strict, out, error);
}

bool instance_peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
		return false;
	return cred.uid == geteuid() || cred.uid == 0;
}

static int unreachable(const struct instance *i, int why, struct instance_error *error)
{
	pid_t owner = i->lock[0] ? instance_owner(i) : -1;
	if (why == EACCES || why == EPERM)
		return fail(error, EXIT_PERMISSION, "may not connect to %s: %s", i->socket,
		            strerror(why));
	if (owner > 0)
		return fail(error, EXIT_UNREACHABLE, "stack %s (pid %d) does not answer at %s: %s",
		            i->name, (int)owner, i->socket, strerror(why));
	if (why == ENOENT)
		return fail(
			error, EXIT_UNREACHABLE,
			"stack %s is not running (there is no socket %s); start it with: tend up",
			i->name, i->socket);
	if (why == ECONNREFUSED)
		return fail(error, EXIT_UNREACHABLE,
		            "stack %s is not running (the socket %s is stale, the next tend up "
		            "replaces it)",
		            i->name, i->socket);
	return fail(error, EXIT_UNREACHABLE, "cannot connect to %s: %s", i->socket, strerror(why));
}

int instance_connect(const struct instance *instance, struct instance_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert(instance->socket[0] && memchr(instance->socket, 0, sizeof(instance->socket)));
	memcpy(address.sun_path, instance->socket, sizeof(instance->socket));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(error, EXIT_FAILED, "cannot make a socket: %s", strerror(errno));
	/* Not blocking: a supervisor that hangs with a full backlog is an answer. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int saved = errno;
		close(fd);
		return unreachable(instance, saved, error);
	}
	if (geteuid() != 0 && !instance_peer_allowed(fd)) {
		close(fd);
		return fail(error, EXIT_PERMISSION, "%s is served by another user",
		            instance->socket);
	}
	return fd;
}
