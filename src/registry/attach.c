/* registry/attach.c - the registry behind a descriptor, of a process that may be stopped,
 * wedged, hostile or dead: its memory is mapped, and the process is never asked. */
#include "registry/snapshot.h"

#include "base/atomic.h"
#include "base/error.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns how many slots have been written. A writer uses the slots in their order, so the
 * first hole in the memory or the file ends them: a reader that went by the count of a
 * hostile header would fill gigabytes of holes with pages of zeros. */
static uint32_t written(int fd, const struct tend__header *h)
{
	/* The offset of the descriptor is the caller's. */
	off_t was = lseek(fd, 0, SEEK_CUR), end = lseek(fd, (off_t)h->records_at, SEEK_HOLE);

	if (was >= 0 && end >= 0)
		was = lseek(fd, was, SEEK_SET);
	if (end < 0 || (uint64_t)end < h->records_at)
		return errno == ENXIO ? 0 : h->records_max;
	uint64_t n = ((uint64_t)end - h->records_at) / sizeof(struct tend__record);
	return n < h->records_max ? (uint32_t)n : h->records_max;
}

/* A memfd that cannot shrink can be mapped without fear of SIGBUS. */
static int read_mapped(int fd, size_t bytes, uint64_t now, tend_snapshot **out)
{
	void *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	struct tend__header h;

	if (p == MAP_FAILED)
		return -errno;
	int error = tend__snapshot_header(p, bytes, &h) ? 0 : -EPROTO;
	if (!error)
		error = tend__snapshot_copy(p, &h, written(fd, &h), now, out);
	munmap(p, bytes);
	return error;
}

int tend__read_at(int fd, char *to, size_t bytes, uint64_t at)
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
		bool read = tend__read_at(fd, (char *)piece, step, at) == 0;
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
	int error = tend__read_at(fd, to, sizeof(*copy), 0);

	if (error)
		return error;
	memcpy(to, h, offsetof(struct tend__header, records_used));
	/* Relaxed, all: the copies are ours alone. */
	uint64_t used = tend__load_relaxed(&copy->records_used);
	uint64_t there = written(fd, h);
	used = used < there ? used : there;
	uint64_t end = h->records_at + used * sizeof(struct tend__record);
	tend__assert(end <= h->bytes); /* tend__snapshot_header() has seen to this */
	error = tend__read_at(fd, to + h->records_at, end - h->records_at, h->records_at);
	if (!error)
		all = settle_all(fd, to, h->records_at, end);
	for (uint32_t i = 0; i < h->rings && !error; i++) {
		uint64_t at = h->rings_at + i * tend__ring_bytes(h);

		tend__assert(at + sizeof(struct tend__ring) <= h->records_at);
		error = tend__read_at(fd, to + at, sizeof(struct tend__ring), at);
	}
	struct tend__header last;
	if (!error)
		error = tend__read_at(fd, (char *)&last, sizeof(last), 0);
	if (error)
		return error;
	uint64_t sites = tend__load_relaxed(&last.sites_used);
	sites = sites < TEND__SITES_MAX ? sites : TEND__SITES_MAX;
	error = tend__read_at(fd, to + h->sites_at, sites * TEND__SITE_BYTES, h->sites_at);
	if (error)
		return error;
	if (!all || tend__load_relaxed(&last.records_used) > used)
		drop_strays((struct tend__record *)(void *)(to + h->records_at), (uint32_t)used);
	tend__store_relaxed(&copy->records_used, (uint32_t)used);
	tend__store_relaxed(&copy->sites_used, (uint32_t)sites);
	tend__store_relaxed(&copy->events, tend__load_relaxed(&last.events));
	return 0;
}

/* Reads a file that may be cut at any time, so its used parts are copied first. */
static int read_copied(int fd, size_t bytes, uint64_t now, tend_snapshot **out)
{
	struct tend__header first, h = {0};
	int error = bytes < sizeof(first) ? -EPROTO
	                                  : tend__read_at(fd, (char *)&first, sizeof(first), 0);

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
		error = tend__snapshot_read(copy, h.bytes, now, out);
	if (!error)
		(*out)->info.low = tend__load_relaxed(&first.events);
	tend__unreserve(copy, h.bytes);
	return error;
}

int tend__snapshot_attach(int fd, uint64_t now, tend_snapshot **out)
{
	TEND__KEEPS_ERRNO;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct tend__header))
		return -EPROTO;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & F_SEAL_SHRINK))
		return read_mapped(fd, (size_t)st.st_size, now, out);
	return read_copied(fd, (size_t)st.st_size, now, out);
}

int tend_snapshot_fd(int fd, tend_snapshot **out)
{
	return tend__snapshot_attach(fd, tend__clock(), out);
}
