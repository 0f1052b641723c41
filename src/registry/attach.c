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

/* Lowers the count of an area to the elements that have been written. A writer uses them in
 * their order, so the first hole in the memory or the file ends them: a reader that went by
 * the count of a hostile header would fill gigabytes of holes with pages of zeros. */
static void only_written(int fd, struct tend__span *span)
{
	/* The offset of the descriptor is the caller's. */
	if (!span->count)
		return;
	off_t was = lseek(fd, 0, SEEK_CUR), end = lseek(fd, (off_t)span->at, SEEK_HOLE);
	int error = errno;

	if (was >= 0 && end >= 0)
		was = lseek(fd, was, SEEK_SET);
	if (end < 0 && error == ENXIO)
		end = (off_t)span->at;
	if (end < 0 || (uint64_t)end < span->at)
		return;
	uint64_t n = ((uint64_t)end - span->at) / span->stride;
	span->count = n < span->count ? n : span->count;
}

static void all_only_written(int fd, struct tend__view *view)
{
	only_written(fd, &view->area[TEND__AREA_SITES]);
	only_written(fd, &view->area[TEND__AREA_MODULES]);
	only_written(fd, &view->area[TEND__AREA_HISTORY]);
	only_written(fd, &view->area[TEND__AREA_NOTES]);
	only_written(fd, &view->area[TEND__AREA_RECORDS]);
	/* A page of firsts may be empty, and those behind are not. */
	if (view->area[TEND__AREA_NOTE_OF].count > view->area[TEND__AREA_RECORDS].count)
		view->area[TEND__AREA_NOTE_OF].count = view->area[TEND__AREA_RECORDS].count;
}

/* Returns true if a process that has the file open holds its lock, as a runtime does with its
 * registry. Asked without a lock of the reader, which could keep a program from starting. */
static bool is_locked(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

/* Returns true if the writer of the segment has ended. A memfd has no lock, so the header alone
 * tells. */
static bool has_ended(int fd, const struct tend__view *view, uint32_t closed, bool file)
{
	static const uint8_t none[16];
	uint8_t boot[16];

	tend__boot_id(boot);
	if (closed || (memcmp(view->h.boot, none, sizeof(none)) != 0 &&
	               memcmp(view->h.boot, boot, sizeof(boot)) != 0))
		return true;
	return file && view->h.pid != (uint32_t)getpid() && !is_locked(fd);
}

/* A memfd that cannot shrink can be mapped without fear of SIGBUS. */
static int read_mapped(int fd, size_t bytes, uint64_t now, tend_snapshot **out)
{
	void *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	struct tend__view view;

	if (p == MAP_FAILED)
		return -errno;
	int error = tend__view_of(p, bytes, &view) ? 0 : -EPROTO;
	if (!error) {
		struct tend__header *live = p;

		view.ended = has_ended(fd, &view, tend__load_acquire(&live->closed), false);
		all_only_written(fd, &view);
		error = tend__snapshot_copy(p, &view, now, out);
	}
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

/* Compares the first n records of the copy with the file, a piece at a time. Returns false if
 * a record goes. */
static bool settle_all(int fd, struct tend__header *copy, const struct tend__span *records,
                       uint64_t n)
{
	char piece[2 * TEND__STRIDE_MAX];
	const size_t one = sizeof(struct tend__record), stride = records->stride;
	const uint64_t most = sizeof(piece) / stride;
	bool all = true;

	for (uint64_t i = 0, step; i < n; i += step) {
		struct tend__record *r = tend__element(copy, records, i);
		uint64_t at = records->at + i * stride;

		step = n - i < most ? n - i : most;
		tend__assert(step > 0);
		bool read = tend__read_at(fd, piece, step * stride, at) == 0;
		if (read && memcmp(r, piece, step * stride) == 0)
			continue;
		for (uint64_t k = 0; k < step; k++) {
			r = tend__element(copy, records, i + k);
			if (!read || memcmp(r, piece + k * stride, one) != 0)
				all &= settle(fd, at + k * stride, r);
		}
	}
	return all;
}

/* Drops each record whose scope is not in the copy: the record was made after the first
 * pass had read the slot of the scope. Each pass drops the records of one more level. */
static void drop_strays(struct tend__header *copy, const struct tend__span *records, uint64_t n)
{
	bool again = true;

	for (int pass = 0; again && pass < TEND__TREE_LEVELS; pass++) {
		again = false;
		for (uint64_t i = 2; i < n; i++) {
			struct tend__record *r = tend__element(copy, records, i), *scope;
			/* Relaxed, all: the copy is ours alone. */
			uint32_t above = tend__load_relaxed(&r->parent);
			uint64_t word = tend__load_relaxed(&r->word);

			scope = tend__element(copy, records, above < n ? above : 0);
			if (!(uint32_t)word ||
			    (above < n && (uint32_t)tend__load_relaxed(&scope->word)))
				continue;
			tend__store_relaxed(&r->word, word & ~(uint64_t)UINT32_MAX);
			again = true;
		}
	}
}

/* Copies the first n elements of an area. Returns 0 or a negative errno value. */
static int copy_area(int fd, struct tend__header *copy, const struct tend__span *span, uint64_t n)
{
	tend__assert(n <= span->count);
	return n ? tend__read_at(fd, tend__element(copy, span, 0), n * span->stride, span->at) : 0;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Compares the first n elements of the copy with the file, and calls `changed` for those that are
 * no longer the same: a single read may begin before a change and end after it. */
static int compare(int fd, struct tend__header *copy, const struct tend__span *span, uint64_t n,
                   size_t one, void (*changed)(void *element))
{
	char piece[TEND__STRIDE_MAX];
	const uint64_t most = sizeof(piece) / span->stride;
	int error = 0;

	for (uint64_t i = 0, step; i < n && !error; i += step) {
		step = least(n - i, most);
		error = tend__read_at(fd, piece, step * span->stride, span->at + i * span->stride);
		for (uint64_t k = 0; k < step && !error; k++) {
			void *element = tend__element(copy, span, i + k);

			if (memcmp(element, piece + k * span->stride, one) != 0)
				changed(element);
		}
	}
	return error;
}

/* As if the writer had stopped in the middle. Relaxed, both: the copy is ours alone. */
static void note_changed(void *element)
{
	struct tend__note *note = element;

	tend__store_relaxed(&note->seq, tend__load_relaxed(&note->seq) | 1);
}

static void end_changed(void *element)
{
	tend__store_relaxed(&((struct tend__past *)element)->number, TEND__PAST_WRITTEN);
}

/* Copies the notes of the first `used` slots. */
static int copy_notes(int fd, const struct tend__view *view, struct tend__header *copy,
                      uint64_t used)
{
	const struct tend__span *notes = &view->area[TEND__AREA_NOTES];
	const struct tend__span *firsts = &view->area[TEND__AREA_NOTE_OF];
	/* Relaxed: the copy is ours alone. */
	uint64_t n = least(tend__load_relaxed(&copy->notes_used), notes->count);
	int error = copy_area(fd, copy, firsts, least(used, firsts->count));

	if (!error)
		error = copy_area(fd, copy, notes, n);
	if (!error && n)
		error = compare(fd, copy, notes, n, sizeof(struct tend__note), note_changed);
	return error;
}

/* Copies what a segment tells of its process; `last` is its header. */
static int copy_process(int fd, const struct tend__view *view, struct tend__header *copy,
                        struct tend__header *last)
{
	const struct tend__span *modules = &view->area[TEND__AREA_MODULES];
	const struct tend__span *past = &view->area[TEND__AREA_HISTORY];
	/* Relaxed, all: the copies are ours alone. */
	uint64_t ends = tend__load_relaxed(&last->history);
	uint64_t used = least(tend__load_relaxed(&last->modules_used), modules->count);
	int error = copy_area(fd, copy, modules, used);

	if (!error)
		error = copy_area(fd, copy, &view->area[TEND__AREA_WORDS],
		                  view->area[TEND__AREA_WORDS].count);
	uint64_t n = least(ends, past->count);
	if (!error)
		error = copy_area(fd, copy, past, n);
	if (!error && n)
		error = compare(fd, copy, past, n, sizeof(struct tend__past), end_changed);
	tend__store_relaxed(&copy->modules_used, (uint32_t)used);
	tend__store_relaxed(&copy->history, ends);
	return error;
}

/* Copies a file in the order in which a mapped segment is read: the number of records
 * after the number of events that becomes `low`, sites and events after the records. The
 * events themselves are not copied. */
static int copy_file(int fd, const struct tend__view *view, struct tend__header *copy)
{
	const struct tend__span *records = &view->area[TEND__AREA_RECORDS];
	const struct tend__span *sites = &view->area[TEND__AREA_SITES];
	const struct tend__span *rings = &view->area[TEND__AREA_RINGS];
	struct tend__header last;
	bool all = true;
	int error = tend__read_at(fd, (char *)copy, TEND__HEADER_BYTES, 0);

	if (error)
		return error;
	memcpy((char *)copy, &view->h, offsetof(struct tend__header, records_used));
	/* Relaxed, all: the copies are ours alone. */
	uint64_t used = tend__load_relaxed(&copy->records_used);
	used = used < records->count ? used : records->count;
	error = copy_area(fd, copy, records, used);
	if (!error)
		all = settle_all(fd, copy, records, used);
	if (!error)
		error = copy_area(fd, copy, rings, rings->count);
	if (!error)
		error = tend__read_at(fd, (char *)&last, TEND__HEADER_BYTES, 0);
	if (error)
		return error;
	uint64_t sites_used = tend__load_relaxed(&last.sites_used);
	sites_used = sites_used < sites->count ? sites_used : sites->count;
	error = copy_area(fd, copy, sites, sites_used);
	if (!error)
		error = copy_notes(fd, view, copy, used);
	if (!error)
		error = copy_process(fd, view, copy, &last);
	if (error)
		return error;
	if (!all || tend__load_relaxed(&last.records_used) > used)
		drop_strays(copy, records, used);
	tend__store_relaxed(&copy->records_used, (uint32_t)used);
	tend__store_relaxed(&copy->sites_used, (uint32_t)sites_used);
	tend__store_relaxed(&copy->events, tend__load_relaxed(&last.events));
	return 0;
}

/* Reads a file that may be cut at any time, so its used parts are copied first. */
static int read_copied(int fd, size_t bytes, uint64_t now, tend_snapshot **out)
{
	struct tend__header first;
	struct tend__view view;
	int error = bytes < TEND__HEADER_BYTES
	                    ? -EPROTO
	                    : tend__read_at(fd, (char *)&first, TEND__HEADER_BYTES, 0);

	if (error)
		return error;
	if (!tend__view_of(&first, bytes, &view))
		return -EPROTO;
	/* Relaxed: the copy is ours alone. */
	view.ended = has_ended(fd, &view, tend__load_relaxed(&first.closed), true);
	all_only_written(fd, &view);
	/* Address space for the whole file; memory is used for the parts that are read. */
	struct tend__header *copy = tend__reserve(view.h.bytes);
	if (!copy)
		return -ENOMEM;
	error = copy_file(fd, &view, copy);
	if (!error)
		error = tend__snapshot_copy(copy, &view, now, out);
	if (!error)
		(*out)->info.low = tend__load_relaxed(&first.events);
	tend__unreserve(copy, view.h.bytes);
	return error;
}

int tend__snapshot_attach(int fd, uint64_t now, tend_snapshot **out)
{
	TEND__KEEPS_ERRNO;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)TEND__HEADER_BYTES)
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
