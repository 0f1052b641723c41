/* registry/attach.c - the registry of another process, which may be stopped, wedged or
 * hostile: its memory is mapped, and the process is never asked. */
#include "registry/snapshot.h"

#include "base/atomic.h"
#include "base/error.h"
#include "platform/platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
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

	if (p == MAP_FAILED)
		return -errno;
	int error = tend__snapshot_read(p, bytes, tend__clock(), out);
	munmap(p, bytes);
	return error;
}

static int read_at(int fd, char *to, size_t bytes, uint64_t at)
{
	for (size_t n = 0; n < bytes;) {
		ssize_t got = pread(fd, to + n, bytes - n, (off_t)(at + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EPROTO; /* the file became shorter */
		n += (size_t)got;
	}
	return 0;
}

/* Reads a record until two reads are equal, because a single read may begin before a
 * change and end after the change. A record that changes all the time gets an odd seq,
 * as if its writer had been interrupted. */
static void read_until_same(int fd, uint64_t at, struct tend__record *r)
{
	for (int i = 0; i < 16; i++) {
		struct tend__record again;

		if (pread(fd, &again, sizeof(again), (off_t)at) != (ssize_t)sizeof(again))
			break;
		if (memcmp(r, &again, sizeof(again)) == 0)
			return;
		memcpy((void *)r, &again, sizeof(again));
	}
	/* Relaxed: the copy is ours alone. */
	tend__store_relaxed(&r->seq, tend__load_relaxed(&r->seq) | 1);
}

/* Keeps a record whose slot holds the same task or scope in both passes. A record of one
 * pass alone goes, because a task could have been copied before its end, and the slot of
 * its scope after the scope's end. Returns false if the record goes. */
static bool settle(int fd, uint64_t at, struct tend__record *r)
{
	/* Relaxed, all: the copy is ours alone. */
	uint64_t before = tend__load_relaxed(&r->word);

	read_until_same(fd, at, r);
	uint64_t now = tend__load_relaxed(&r->word);
	if ((uint32_t)before && tend__word_generation(before) == tend__word_generation(now))
		return true;
	tend__store_relaxed(&r->word, now & ~(uint64_t)UINT32_MAX);
	return false;
}

/* Compares the records of the copy with the file, a piece at a time. Returns false if a
 * record goes. */
static bool settle_all(int fd, char *copy, uint64_t at, uint64_t end)
{
	enum { PIECE = 64 };
	struct tend__record piece[PIECE];
	bool all = true;

	for (uint64_t step; at + sizeof(*piece) <= end; at += step) {
		uint64_t left = (end - at) / sizeof(*piece), n = left < PIECE ? left : PIECE;

		tend__assert(n > 0);
		step = n * sizeof(*piece);
		bool read = read_at(fd, (char *)piece, step, at) == 0;
		if (read && memcmp(copy + at, piece, step) == 0)
			continue;
		for (uint64_t i = 0; i < n; i++)
			if (!read ||
			    memcmp(copy + at + i * sizeof(*piece), &piece[i], sizeof(*piece)) != 0)
				all &= settle(fd, at + i * sizeof(*piece),
				              (struct tend__record *)(void *)(copy + at) + i);
	}
	return all;
}

/* Drops each record whose scope is not in the copy: the record was made after the first
 * pass had read the slot of the scope. Each pass drops the records of one more level. */
static void drop_strays(struct tend__record *records, uint32_t n)
{
	bool again = true;

	for (int pass = 0; again && pass < TEND__TREE_LEVELS; pass++) {
		again = false;
		for (uint32_t i = 2; i < n; i++) {
			/* Relaxed, all: the copy is ours alone. */
			uint32_t above = tend__load_relaxed(&records[i].parent);
			uint64_t word = tend__load_relaxed(&records[i].word);

			if (!(uint32_t)word ||
			    (above < n && (uint32_t)tend__load_relaxed(&records[above].word)))
				continue;
			tend__store_relaxed(&records[i].word, word & ~(uint64_t)UINT32_MAX);
			again = true;
		}
	}
}

/* Copies a file in the order in which a mapped segment is read: the number of records
 * after the number of events that becomes `low`, sites and events after the records. The
 * head of each ring is copied, and the events are not. */
static int copy_file(int fd, const struct tend__header *h, struct tend__header *copy)
{
	char *to = (char *)copy;
	bool all = true;
	int error = read_at(fd, to, sizeof(*copy), 0);

	if (error)
		return error;
	memcpy(to, h, offsetof(struct tend__header, records_used));
	/* Relaxed, all: the copies are ours alone. */
	uint64_t used = tend__load_relaxed(&copy->records_used);
	used = used < h->records_max ? used : h->records_max;
	uint64_t end = h->records_at + used * sizeof(struct tend__record);
	tend__assert(end <= h->bytes); /* tend__snapshot_header() has seen to this */
	error = read_at(fd, to + h->records_at, end - h->records_at, h->records_at);
	if (!error)
		all = settle_all(fd, to, h->records_at, end);
	for (uint32_t i = 0; i < h->rings && !error; i++) {
		uint64_t at = h->rings_at + i * tend__ring_bytes(h);

		tend__assert(at + sizeof(struct tend__ring) <= h->records_at);
		error = read_at(fd, to + at, sizeof(struct tend__ring), at);
	}
	struct tend__header last;
	if (!error)
		error = read_at(fd, (char *)&last, sizeof(last), 0);
	if (error)
		return error;
	uint64_t sites = tend__load_relaxed(&last.sites_used);
	sites = sites < TEND__SITES_MAX ? sites : TEND__SITES_MAX;
	error = read_at(fd, to + h->sites_at, sites * TEND__SITE_BYTES, h->sites_at);
	if (error)
		return error;
	if (!all || tend__load_relaxed(&last.records_used) > used)
		drop_strays((struct tend__record *)(void *)(to + h->records_at), (uint32_t)used);
	tend__store_relaxed(&copy->sites_used, (uint32_t)sites);
	tend__store_relaxed(&copy->events, tend__load_relaxed(&last.events));
	return 0;
}

/* Reads a file that may be cut at any time, so its used parts are copied first. */
static int read_copied(int fd, size_t bytes, tend_snapshot **out)
{
	struct tend__header first, h = {0};
	int error = bytes < sizeof(first) ? -EPROTO : read_at(fd, (char *)&first, sizeof(first), 0);

	if (error)
		return error;
	if (!tend__snapshot_header(&first, bytes, &h))
		return -EPROTO;
	/* Address space for the whole file; memory is used for the parts that are read. */
	struct tend__header *copy = tend__reserve(h.bytes);
	if (!copy)
		return -ENOMEM;
	error = copy_file(fd, &h, copy);
	if (!error)
		error = tend__snapshot_read(copy, h.bytes, tend__clock(), out);
	if (!error)
		(*out)->info.low = tend__load_relaxed(&first.events);
	tend__unreserve(copy, h.bytes);
	return error;
}

int tend_snapshot_fd(int fd, tend_snapshot **out)
{
	TEND__KEEPS_ERRNO;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct tend__header))
		return -EPROTO;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & F_SEAL_SHRINK))
		return read_mapped(fd, (size_t)st.st_size, out);
	return read_copied(fd, (size_t)st.st_size, out);
}

/* Returns true if the descriptor of a process is a registry, by the name of the memfd. */
static bool is_registry(int dir, const char *name)
{
	char link[64];
	ssize_t n = readlinkat(dir, name, link, sizeof(link) - 1);

	if (n < 0)
		return false;
	link[n] = 0;
	return strcmp(link, "/memfd:" TEND__MEMFD_NAME " (deleted)") == 0;
}

/* Returns the process id in the PID namespace of the process, which is the last number of
 * NSpid; 0 if the kernel does not tell. */
static uint32_t own_number(pid_t pid)
{
	char path[48], line[256];
	uint32_t own = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *status = fopen(path, "re");
	if (!status)
		return 0;
	while (!own && fgets(line, sizeof(line), status)) {
		const char *last = strrchr(line, '\t');

		if (strncmp(line, "NSpid:", 6) == 0 && last)
			own = (uint32_t)strtoul(last + 1, NULL, 10);
	}
	fclose(status);
	return own;
}

/* Opens a descriptor of a process, once it is known to be a regular file: a process can
 * give a FIFO any name, and opening a FIFO waits for ever. */
static int open_registry(DIR *dir, const char *name)
{
	int place = openat(dirfd(dir), name, O_PATH | O_CLOEXEC), fd = -1, error = errno;
	char path[40];
	struct stat st;

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
 * closed, or is still being opened. */
static uint64_t opened_at(int fd, uint32_t pid)
{
	static const char none[sizeof(TEND__MAGIC)];
	struct tend__header h;

	if (read_at(fd, (char *)&h, sizeof(h), 0) != 0 ||
	    memcmp(h.magic, none, sizeof(h.magic)) == 0)
		return 0;
	if (memcmp(h.magic, TEND__MAGIC, sizeof(h.magic)) != 0)
		return 1; /* another version: chosen last, so that its error is reported */
	return (pid && h.pid != pid) || h.closed ? 0 : h.opened > 2 ? h.opened : 2;
}

/* Finds the registry that was opened last, because a program may have several runtimes. */
static int search(DIR *dir, uint32_t pid, int *out)
{
	int error = -ENOENT;
	uint64_t newest = 0;

	*out = -1;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' || !is_registry(dirfd(dir), entry->d_name))
			continue;
		int fd = open_registry(dir, entry->d_name);
		if (fd < 0) {
			error = fd;
			continue;
		}
		uint64_t opened = opened_at(fd, pid);
		if (opened > newest) {
			int swap = *out;

			newest = opened;
			*out = fd;
			fd = swap;
		}
		if (fd >= 0)
			close(fd);
	}
	tend__assert((*out >= 0) == (newest > 0));
	return *out >= 0 ? 0 : error;
}

int tend_snapshot_of(pid_t pid, tend_snapshot **out)
{
	TEND__KEEPS_ERRNO;
	char path[48];
	int fd;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : errno == EACCES ? -EACCES : -errno;
	int error = search(dir, own_number(pid), &fd);
	closedir(dir);
	if (error)
		return error;
	error = tend_snapshot_fd(fd, out);
	close(fd);
	return error;
}
