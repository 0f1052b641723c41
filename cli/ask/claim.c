/* cli/ask/claim.c - how a process becomes and stays the owner of a stack. */
#include "ask/instance.h"
#include "ask/envelope.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 20, TRY_US = 5000, BACKLOG = 16 };

static struct instance_file file_of(const struct stat *st)
{
	return (struct instance_file){st->st_dev, st->st_ino};
}

/* Returns the file at a path; its number is 0 for an empty place. */
static struct instance_file file_at(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 ? file_of(&st) : (struct instance_file){0};
}

static bool same(struct instance_file a, struct instance_file b)
{
	return a.ino && a.ino == b.ino && a.dev == b.dev;
}

static void owner_text(pid_t owner, char pid[32])
{
	pid[0] = 0;
	if (owner > 0)
		snprintf(pid, 32, ", pid %d", (int)owner);
}

/* The file runs as a stack whose name is not known: its own files may have been removed. */
static int refuse_file(const struct instance *i, pid_t owner, struct instance_error *error)
{
	char pid[32];

	owner_text(owner, pid);
	return instance_fail(error, EXIT_FAILED, "%.300s is already running%s, under another name",
	                     i->file, pid);
}

static int refuse_running(const struct instance *i, pid_t owner, const char *file,
                          struct instance_error *error)
{
	char pid[32];

	owner_text(owner, pid);
	if (file[0] && strcmp(file, i->file) != 0)
		return instance_fail(error, EXIT_FAILED,
		                     "another stack %s is already running%s, from %.300s; give the "
		                     "stack of %.300s another name",
		                     i->name, pid, file, i->file);
	return instance_fail(error, EXIT_FAILED,
	                     "stack %s is already running%s; stop it with: tend down --name %s",
	                     i->name, pid, i->name);
}

/* ---- The addresses ---- */

/* A path of any length as a number (FNV-1a). */
static unsigned long long number_of(const char *path)
{
	uint64_t number = UINT64_C(14695981039346656037);

	for (; *path; path++)
		number = (number ^ (unsigned char)*path) * UINT64_C(1099511628211);
	return number;
}

/* Writes the address of a key. An address is in no directory, so the address names by number
 * the directory above that of the socket: two mounts of the same path are two places, and a
 * cleaner may remove the directory of the socket itself. */
static socklen_t address_of(const struct instance *i, enum instance_key key,
                            struct sockaddr_un *address)
{
	char parent[INSTANCE_PATH_MAX], text[INSTANCE_NAME_MAX + 1];
	struct stat st = {0};

	snprintf(parent, sizeof(parent), "%s", i->socket);
	for (int up = 0; up < 2; up++)
		*strrchr(parent, '/') = 0;
	(void)!stat(parent[0] ? parent : "/", &st);
	if (key == INSTANCE_BY_NAME)
		snprintf(text, sizeof(text), "%s", i->name);
	else
		snprintf(text, sizeof(text), "/%llx", number_of(i->file));
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
	                 "tend/%x/%llx.%llx/%s", (unsigned)geteuid(), (unsigned long long)st.st_dev,
	                 (unsigned long long)st.st_ino, text);
	assert(n > 0 && (size_t)n < sizeof(address->sun_path) - 1);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* Returns the listener at the address if the listener is of this user, else 0, and -1 for a
 * listener without a name. */
static pid_t listener_at(const struct sockaddr_un *address, socklen_t len)
{
	struct ucred cred = {0};
	socklen_t n = sizeof(cred);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return 0;
	int error = connect(fd, (const struct sockaddr *)address, len) ? errno : 0;
	pid_t owner = error == EAGAIN ? -1 : 0;
	if (!error && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 &&
	    cred.uid == geteuid())
		owner = cred.pid > 0 ? cred.pid : -1;
	close(fd);
	return owner;
}

/* Returns 0 with the address taken, or without the address if a program of another user
 * has the address; -1 if the stack runs. */
static int take_address(struct instance *i, enum instance_key key, struct instance_error *error)
{
	char file[PATH_MAX];
	struct sockaddr_un address;
	socklen_t len = address_of(i, key, &address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return instance_fail(error, EXIT_FAILED, "cannot make a socket: %s",
		                     strerror(errno));
	/* An owner that was killed has the address for an instant longer than the lock. */
	for (int tries = 0; tries < TRIES; tries++) {
		if (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0) {
			i->address_fds[key] = fd;
			return 0;
		}
		if (errno != EADDRINUSE)
			break;
		usleep(TRY_US);
	}
	close(fd);
	pid_t owner = listener_at(&address, len);
	if (owner == 0)
		return 0;
	if (key == INSTANCE_BY_FILE)
		return refuse_file(i, owner, error);
	instance_owner(i, file, sizeof(file));
	return refuse_running(i, owner, file, error);
}

/* ---- The lock ---- */

static int refuse_place(const char *path, const char *what, struct instance_error *error)
{
	return instance_fail(error, EXIT_CONFIG,
	                     "%s is %s; remove it, or give the stack another name", path, what);
}

/* Returns true if tend wrote the file, or has made the file and not written yet. */
static bool is_lock(int fd)
{
	char first[16];
	struct stat st;
	ssize_t n = pread(fd, first, sizeof(first), 0);

	if (n < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	size_t digits = 0;
	while (digits < (size_t)n && first[digits] >= '0' && first[digits] <= '9')
		digits++;
	return n == 0 || (digits > 0 && digits < (size_t)n && first[digits] == '\n');
}

/* A command may hold the lock for an instant, to look for the owner. */
static bool lock_soon(int fd)
{
	for (int i = 0; i < TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		usleep(TRY_US);
	}
	return false;
}

/* Locks the file at the path of the lock, and makes a missing file. */
static int take_lock(struct instance *i, struct instance_error *error)
{
	for (;;) {
		struct stat st;
		int fd =
			open(i->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
			return refuse_place(i->lock, "not a lock of tend", error);
		if (fd < 0)
			return instance_fail(error, EXIT_CONFIG, "cannot open %s: %s", i->lock,
			                     strerror(errno));
		if (!is_lock(fd)) {
			close(fd);
			return refuse_place(i->lock, "not a lock of tend", error);
		}
		if (!lock_soon(fd)) {
			char file[PATH_MAX];
			pid_t owner = instance_owner(i, file, sizeof(file));
			close(fd);
			/* It has ended since, and nobody is in the way. */
			if (owner == 0)
				continue;
			return refuse_running(i, owner, file, error);
		}
		/* The last owner may have unlinked the file between open and
		 * flock. */
		if (fstat(fd, &st) == 0 && same(file_of(&st), file_at(i->lock))) {
			/* A pid that a killed owner has left is no owner's. */
			(void)!ftruncate(fd, 0);
			i->lock_fd = fd;
			return 0;
		}
		close(fd);
	}
}

static bool write_lock(const struct instance *i)
{
	char text[PATH_MAX + 32];
	int n = snprintf(text, sizeof(text), "%d\n%s\n", (int)getpid(), i->file);

	return ftruncate(i->lock_fd, 0) == 0 && pwrite(i->lock_fd, text, (size_t)n, 0) == n;
}

/* ---- The socket ---- */

/* Removes a stale socket. */
static int clear_socket(const struct instance *i, struct instance_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;

	if (lstat(i->socket, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return refuse_place(i->socket, "not a socket", error);
	memcpy(address.sun_path, i->socket, sizeof(i->socket));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return instance_fail(error, EXIT_FAILED, "cannot make a socket: %s",
		                     strerror(errno));
	int saved = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	close(fd);
	if (saved == 0 || saved == EAGAIN)
		return refuse_place(i->socket, "served by another program", error);
	if (saved != ECONNREFUSED)
		return instance_fail(error, EXIT_CONFIG, "cannot connect to %s: %s", i->socket,
		                     strerror(saved));
	if (unlink(i->socket) != 0 && errno != ENOENT)
		return instance_fail(error, EXIT_CONFIG, "cannot remove %s: %s", i->socket,
		                     strerror(errno));
	return 0;
}

void instance_served(struct instance *instance)
{
	assert(instance->lock_fd >= 0);
	instance->served = file_at(instance->socket);
}

/* ---- All of them ---- */

int instance_claim(const char *name, const char *file, struct instance *out,
                   struct instance_error *error)
{
	char dir[INSTANCE_PATH_MAX];
	struct instance made, other;

	if (instance_of(name, &made, error) != 0 ||
	    instance_dir(dir, sizeof(dir), true, error) != 0)
		return -1;
	snprintf(made.file, sizeof(made.file), "%s", file);
	if (instance_of_file(file, &other) && strcmp(other.name, name) != 0)
		return instance_fail(error, EXIT_FAILED,
		                     "%.300s is already running as stack %s; stop it with: tend "
		                     "down --name %s",
		                     file, other.name, other.name);
	if (take_address(&made, INSTANCE_BY_NAME, error) != 0 ||
	    take_address(&made, INSTANCE_BY_FILE, error) != 0 || take_lock(&made, error) != 0 ||
	    clear_socket(&made, error) != 0) {
		instance_release(&made);
		return -1;
	}
	if (!write_lock(&made)) {
		int saved = errno;
		instance_release(&made);
		return instance_fail(error, EXIT_CONFIG, "cannot write to %s: %s%s", dir,
		                     strerror(saved), saved == EFBIG ? INSTANCE_EFBIG_REMEDY : "");
	}
	*out = made;
	return 0;
}

/* Makes the lock again. The new file is locked before the file has the path, so no process
 * finds the file unlocked. */
static void lock_again(struct instance *i)
{
	char dir[INSTANCE_PATH_MAX], fresh[INSTANCE_PATH_MAX + 16];
	struct instance_error ignored;

	if (instance_dir(dir, sizeof(dir), true, &ignored) != 0)
		return;
	snprintf(fresh, sizeof(fresh), "%s.%d", i->lock, (int)getpid());
	unlink(fresh); /* left by an owner that had this pid and was killed */
	int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), old = i->lock_fd;
	if (fd < 0)
		return;
	i->lock_fd = fd;
	/* link() and not rename(), because a foreign file may stand at the path by now. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && write_lock(i) && link(fresh, i->lock) == 0) {
		close(old);
	} else {
		i->lock_fd = old;
		close(fd);
	}
	unlink(fresh);
}

bool instance_swept(struct instance *instance)
{
	struct stat st;

	assert(instance->lock_fd >= 0);
	if (lstat(instance->lock, &st) != 0 && errno == ENOENT)
		lock_again(instance);
	return lstat(instance->socket, &st) != 0 && errno == ENOENT;
}

void instance_release(struct instance *instance)
{
	struct stat st;

	if (same(instance->served, file_at(instance->socket)))
		unlink(instance->socket);
	for (int key = 0; key < INSTANCE_KEYS; key++) {
		if (instance->address_fds[key] >= 0)
			close(instance->address_fds[key]);
		instance->address_fds[key] = -1;
	}
	if (instance->lock_fd >= 0) {
		if (fstat(instance->lock_fd, &st) == 0 &&
		    same(file_of(&st), file_at(instance->lock)))
			unlink(instance->lock);
		close(instance->lock_fd);
	}
	instance->lock_fd = -1;
}
