/* registry/find.c - the registries of a process, one for each of its runtimes, among its
 * descriptors. */
#include "registry/snapshot.h"

#include "tend/runtime.h"

#include "base/error.h"
#include "platform/platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct found {
	int fd;
	uint64_t opened; /* instant */
	dev_t dev;
	ino_t ino;
};

/* The registries found so far, by the instant at which they were opened. */
struct search {
	int proc;     /* /proc/PID */
	uint32_t pid; /* in the PID namespace of the process; 0: the kernel does not tell */
	int error;    /* the last error of a registry that was passed over */
	uint32_t n;
	struct found found[TEND_RUNTIMES_MAX];
};

/* Reads a file of /proc/PID, which is short. Returns the length; 0 if there is no such file. */
static size_t read_proc(int proc, const char *name, char *out, size_t size)
{
	int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		n = 0;
	out[n] = 0;
	return (size_t)n;
}

/* Returns the process id in the PID namespace of the process, which is the last number of
 * NSpid; 0 if the kernel does not tell. */
static uint32_t own_number(int proc)
{
	char status[4096];
	uint32_t own = 0;

	if (!read_proc(proc, "status", status, sizeof(status)))
		return 0;
	char *line = strstr(status, "\nNSpid:"), *end = line ? strchr(line + 1, '\n') : NULL;
	if (!end)
		return 0;
	*end = 0;
	line = strrchr(line, '\t');
	if (line)
		own = (uint32_t)strtoul(line + 1, NULL, 10);
	return own;
}

/* Returns true if two namespaces are the same, or are not known. */
static bool same_namespace(int proc_a, const char *a, int proc_b, const char *b)
{
	char x[64] = "", y[64] = "";

	return readlinkat(proc_a, a, x, sizeof(x) - 1) < 0 ||
	       readlinkat(proc_b, b, y, sizeof(y) - 1) < 0 || strcmp(x, y) == 0;
}

/* Returns how far the monotonic clock of the process is ahead of the machine's. The kernel
 * tells the offset of the namespace of children; a process that has made a namespace for its
 * children is in a different one, mostly the machine's. */
static uint64_t clock_offset(int proc)
{
	char text[256];
	long long seconds = 0;
	long ns = 0;

	if (!same_namespace(proc, "ns/time", proc, "ns/time_for_children") ||
	    !read_proc(proc, "timens_offsets", text, sizeof(text)) ||
	    sscanf(text, "monotonic %lld %ld", &seconds, &ns) != 2)
		return 0;
	return (uint64_t)seconds * UINT64_C(1000000000) + (uint64_t)ns;
}

/* Returns the instant of now by the clock of the process, which may be of another time
 * namespace: the ages of its tasks are right by its own clock only. */
static uint64_t clock_of(int proc)
{
	uint64_t now = tend__clock();
	int self = open("/proc/self", O_PATH | O_CLOEXEC);

	if (self >= 0 && !same_namespace(proc, "ns/time", self, "ns/time"))
		now += clock_offset(proc) - clock_offset(self);
	if (self >= 0)
		close(self);
	return now;
}

/* Returns true if the process holds a lock of the whole file, as a runtime does with its
 * registry. No other file of a process is opened: if the reader had a lock of its own on
 * such a file, fcntl(2) would end the lock when the reader closes the descriptor. */
static bool is_locked(int proc, const char *name)
{
	char path[64], text[1024];

	snprintf(path, sizeof(path), "fdinfo/%.20s", name);
	for (char *line = read_proc(proc, path, text, sizeof(text)) ? text : NULL; line;
	     line = strchr(line + 1, '\n'))
		if (strncmp(line, "\nlock:", 6) == 0) {
			char *end = strchr(line + 1, '\n'), *flock = strstr(line, "FLOCK");

			if (flock && (!end || flock < end))
				return true;
		}
	return false;
}

/* Opens a descriptor of a process, after a look whether it is a regular file: a process can
 * give a FIFO any name, and opening a FIFO waits for ever. */
static int open_registry(int proc, const char *name)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "fd/%.20s", name);
	int place = openat(proc, path, O_PATH | O_CLOEXEC), fd = -1, error = errno;
	if (place >= 0 && (fstat(place, &st) || !S_ISREG(st.st_mode)))
		error = ENOENT;
	else if (place >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		error = errno;
	}
	if (place >= 0)
		close(place);
	return fd >= 0 ? fd : error == EPERM || error == EACCES ? -EPERM : -ENOENT;
}

/* Returns the instant at which the registry was opened; 0 if the registry belongs to
 * another process (after a fork, or of a child that is linked with its supervisor), is
 * closed, or is still being opened; or if a file is none. */
static uint64_t opened_at(int fd, uint32_t pid, bool file)
{
	static const char none[sizeof(TEND__MAGIC)];
	struct tend__header h;

	if (tend__read_at(fd, (char *)&h, TEND__HEADER_BYTES, 0) != 0 ||
	    memcmp(h.magic, none, sizeof(h.magic)) == 0)
		return 0;
	if (memcmp(h.magic, TEND__MAGIC, sizeof(h.magic)) != 0)
		return !file; /* another version: looked at first, so that its error is reported */
	return !h.abi || (pid && h.pid != pid) || h.closed ? 0 : h.opened > 2 ? h.opened : 2;
}

/* Puts a registry into its place. Returns false if there is no room, or if the
 * process has two descriptors of the registry. */
static bool add_found(struct search *s, int fd, uint64_t opened)
{
	struct stat st;
	uint32_t i = s->n;

	if (s->n == TEND_RUNTIMES_MAX || fstat(fd, &st))
		return false;
	for (uint32_t k = 0; k < s->n; k++)
		if (s->found[k].dev == st.st_dev && s->found[k].ino == st.st_ino)
			return false;
	for (; i > 0 && s->found[i - 1].opened > opened; i--)
		s->found[i] = s->found[i - 1];
	s->found[i] = (struct found){fd, opened, st.st_dev, st.st_ino};
	s->n++;
	return true;
}

/* Adds a descriptor of the process if it is a registry: a memfd with the name, or a file
 * that the process has locked and that begins as a registry does. */
static void look_at(struct search *s, const char *name)
{
	static const char memfd[] = "/memfd:" TEND__MEMFD_NAME " (deleted)";
	char path[40], link[sizeof(memfd) + 1];

	snprintf(path, sizeof(path), "fd/%.20s", name);
	ssize_t n = readlinkat(s->proc, path, link, sizeof(link));
	bool file = n != sizeof(memfd) - 1 || memcmp(link, memfd, (size_t)n) != 0;
	if (n <= 0 || link[0] != '/' || (file && !is_locked(s->proc, name)))
		return;
	int fd = open_registry(s->proc, name);
	if (fd < 0) {
		if (!file)
			s->error = fd;
		return;
	}
	uint64_t opened = opened_at(fd, s->pid, file);
	if (!opened || !add_found(s, fd, opened))
		close(fd);
}

/* Finds the registries of a process. Returns 0, or the error with nothing to end. */
static int search_begin(struct search *s, pid_t pid)
{
	char path[48];
	DIR *dir;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int proc = open(path, O_PATH | O_CLOEXEC);
	if (proc < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	*s = (struct search){.proc = proc, .pid = own_number(proc), .error = -ENOENT};
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !(dir = fdopendir(fd))) {
		int error = errno == ENOENT ? -ESRCH : -errno;

		if (fd >= 0)
			close(fd);
		close(proc);
		return error;
	}
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			look_at(s, entry->d_name);
	closedir(dir);
	return 0;
}

static void search_end(struct search *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		close(s->found[i].fd);
	close(s->proc);
}

static int64_t read_all(struct search *s, tend_snapshot **out, size_t max)
{
	uint64_t now = clock_of(s->proc);
	int error = s->error;
	size_t n = 0;

	for (uint32_t i = 0; i < s->n && n < max; i++) {
		int answer = tend__snapshot_attach(s->found[i].fd, now, &out[n]);

		if (!answer)
			n++;
		else
			error = answer;
	}
	if (error != -ENOMEM)
		return n ? (int64_t)n : error;
	while (n > 0)
		tend_snapshot_free(out[--n]);
	return error;
}

int64_t tend_snapshots_of(pid_t pid, tend_snapshot **out, size_t max)
{
	TEND__KEEPS_ERRNO;
	struct search s;
	int64_t n = max ? search_begin(&s, pid) : -EINVAL;

	if (!n) {
		n = read_all(&s, out, max);
		search_end(&s);
	}
	return n;
}

int tend_snapshot_of(pid_t pid, tend_snapshot **out)
{
	TEND__KEEPS_ERRNO;
	struct search s;
	int error = search_begin(&s, pid);

	if (!error) {
		error = s.n ? tend__snapshot_attach(s.found[s.n - 1].fd, clock_of(s.proc), out)
		            : s.error;
		search_end(&s);
	}
	return error;
}
