/* registry/attach.c - the registry of another process, which may be stopped,
 * wedged or hostile: it is mapped and never asked. */
#include "registry/snapshot.h"

#include "base/alloc.h"
#include "platform/platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A memfd that cannot shrink can be mapped without fear of SIGBUS. */
static int read_mapped(int fd, size_t bytes, tend_snapshot **out)
{
	void *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	int error;

	if (p == MAP_FAILED)
		return -errno;
	error = tend__snapshot_read(p, bytes, tend__clock(), out);
	munmap(p, bytes);
	return error;
}

static int read_whole(int fd, char *to, size_t bytes)
{
	for (size_t n = 0; n < bytes;) {
		ssize_t got = pread(fd, to + n, bytes - n, (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EPROTO; /* it became shorter */
		n += (size_t)got;
	}
	return 0;
}

/* A file may be cut at any time: it is copied, and only what is used of it. */
static int read_copied(int fd, size_t bytes, tend_snapshot **out)
{
	struct tend__header h;
	uint64_t used;
	char *copy;
	int error;

	error = bytes < sizeof h ? -EPROTO : read_whole(fd, (char *)&h, sizeof h);
	if (error)
		return error;
	if (memcmp(h.magic, TEND__MAGIC, sizeof h.magic) != 0 || h.bytes > bytes ||
	    h.records_at > h.bytes)
		return -EPROTO;
	used = h.records_at + (uint64_t)h.records_used * sizeof(struct tend__record);
	if (used > h.bytes)
		used = h.bytes;
	/* Address space for all, memory for what is read. */
	copy = tend__reserve(h.bytes);
	if (!copy)
		return -ENOMEM;
	error = read_whole(fd, copy, used);
	if (!error)
		error = tend__snapshot_read((struct tend__header *)(void *)copy, h.bytes, tend__clock(),
		                            out);
	tend__unreserve(copy, h.bytes);
	return error;
}

int tend_snapshot_fd(int fd, tend_snapshot **out)
{
	struct stat st;
	int seals;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct tend__header))
		return -EPROTO;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & F_SEAL_SHRINK))
		return read_mapped(fd, (size_t)st.st_size, out);
	return read_copied(fd, (size_t)st.st_size, out);
}

/* Is this descriptor of the process a registry? By the name of the memfd. */
static bool is_registry(int dir, const char *name)
{
	char link[64];
	ssize_t n = readlinkat(dir, name, link, sizeof link - 1);

	if (n < 0)
		return false;
	link[n] = 0;
	return strcmp(link, "/memfd:" TEND__MEMFD_NAME " (deleted)") == 0;
}

/* A program may have more than one runtime: the first that is open counts. */
static int search(DIR *dir, tend_snapshot **out)
{
	int error = -ENOENT;
	struct dirent *entry;

	while (error && (entry = readdir(dir))) {
		int fd;

		if (entry->d_name[0] == '.' || !is_registry(dirfd(dir), entry->d_name))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			error = errno == EPERM || errno == EACCES ? -EPERM : -ENOENT;
			continue;
		}
		error = tend_snapshot_fd(fd, out);
		close(fd);
	}
	return error;
}

int tend_snapshot_of(pid_t pid, tend_snapshot **out)
{
	char path[48];
	DIR *dir;
	int error;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : errno == EACCES ? -EACCES : -errno;
	error = search(dir, out);
	closedir(dir);
	return error;
}
