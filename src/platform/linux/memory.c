/* platform/linux/memory.c - mappings: stacks with guards, reserved tables, the segment. */
#include "platform/platform.h"

#include "platform/context.h"
#include "platform/linux/xfsz.h"

#include "base/atomic.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0
#define VALGRIND_STACK_DEREGISTER(id)      ((void)(id))
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13; the headers of 6.1 lack it */
#endif

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#ifdef TEND__ASAN
void __lsan_register_root_region(const void *p, size_t size);
void __lsan_unregister_root_region(const void *p, size_t size);
void __asan_unpoison_memory_region(const volatile void *p, size_t size);
#endif

size_t tend__page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* With guard-install of the kernel a guard costs no mapping, and 100 000 stacks are a few
 * mappings. On an older kernel each guard splits a mapping, and at about 32 000 stacks
 * vm.max_map_count (65530) is used up. */
int tend__stack_guard(void *low)
{
	TEND__KEEPS_ERRNO;
	static _Atomic int no_install; /* 1: the kernel lacks guard-install */
	size_t page = tend__page_bytes();

	tend__assert((uintptr_t)low % page == 0);
	if (!tend__load_relaxed(&no_install)) {
		if (madvise(low, page, MADV_GUARD_INSTALL) == 0)
			return 0;
		if (errno != EINVAL)
			return -errno;
		/* Relaxed: a thread that misses the store asks the kernel once more. */
		tend__store_relaxed(&no_install, 1);
	}
	if (mprotect(low, page, PROT_NONE) == 0)
		return 0;
	return errno == ENOMEM ? -EAGAIN : -errno;
}

void *tend__stacks_map(size_t bytes, unsigned n, int *error)
{
	TEND__KEEPS_ERRNO;
	size_t page = tend__page_bytes(), all = bytes * n;
	tend__assert(n > 0 && bytes % page == 0 && bytes >= 2 * page);
	char *low = mmap(NULL, all, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (low == MAP_FAILED) {
		*error = errno == ENOMEM ? -ENOMEM : -EAGAIN;
		return NULL;
	}
	/* A huge page under a stack would be 2 MiB for one touched frame. */
	madvise(low, all, MADV_NOHUGEPAGE);
	return low;
}

void tend__stacks_unmap(void *low, size_t bytes, unsigned n)
{
	TEND__KEEPS_ERRNO;
#ifdef TEND__ASAN
	__asan_unpoison_memory_region(low, bytes * n);
#endif
	munmap(low, bytes * n);
}

void tend__stack_trim(void *low, size_t bytes)
{
	TEND__KEEPS_ERRNO;
	size_t page = tend__page_bytes();

	tend__assert((uintptr_t)low % page == 0 && bytes % page == 0);
	if (bytes > 2 * page)
		madvise((char *)low + page, bytes - 2 * page, MADV_DONTNEED);
}

unsigned tend__stack_announce(void *low, size_t bytes)
{
	(void)low;
	(void)bytes;
#ifdef TEND__ASAN
	/* The last fiber on this stack may have left the redzones of its frames. */
	__asan_unpoison_memory_region((char *)low + tend__page_bytes(), bytes - tend__page_bytes());
	/* A root of LeakSanitizer while a fiber is on the stack: memory to which only a
	 * parked fiber points is not leaked, memory to which only an ended fiber pointed is. */
	__lsan_register_root_region((char *)low + tend__page_bytes(), bytes - tend__page_bytes());
#endif
	return (unsigned)VALGRIND_STACK_REGISTER(low, (char *)low + bytes);
}

void tend__stack_forget(void *low, size_t bytes, unsigned announced)
{
	(void)low;
	(void)bytes;
#ifdef TEND__ASAN
	__lsan_unregister_root_region((char *)low + tend__page_bytes(), bytes - tend__page_bytes());
#endif
	VALGRIND_STACK_DEREGISTER(announced);
}

void *tend__reserve(size_t bytes)
{
	TEND__KEEPS_ERRNO;
	tend__assert(bytes > 0);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
#ifdef TEND__ASAN
	/* Memory to which a task points is not leaked when the program just exits. */
	__lsan_register_root_region(p, bytes);
#endif
	return p;
}

void tend__dump(const void *p, size_t bytes, bool wanted)
{
	TEND__KEEPS_ERRNO;
	uintptr_t page = tend__page_bytes(), from = (uintptr_t)p / page * page,
		  to = ((uintptr_t)p + bytes + page - 1) / page * page;

	madvise((void *)from, to - from, wanted ? MADV_DODUMP : MADV_DONTDUMP);
}

void tend__unreserve(void *p, size_t bytes)
{
	TEND__KEEPS_ERRNO;
#ifdef TEND__ASAN
	__lsan_unregister_root_region(p, bytes);
#endif
	munmap(p, bytes);
}

/* Returns true if the open file is at the path. */
static bool is_at(int fd, const char *path)
{
	struct stat open_file, there;

	return fstat(fd, &open_file) == 0 && lstat(path, &there) == 0 &&
	       open_file.st_dev == there.st_dev && open_file.st_ino == there.st_ino;
}

/* Renames the file of a dead process to PATH.last: a file that begins with the mark, and that
 * no process has locked. Returns 0, or -EBUSY if a live process has the file, or -EEXIST if
 * the file is of another kind. */
static int put_aside(const char *path, const char *mark)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), error = 0;
	char last[PATH_MAX], begin[8];
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -EEXIST;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    pread(fd, begin, sizeof(begin), 0) != sizeof(begin) ||
	    memcmp(begin, mark, sizeof(begin)) != 0)
		error = -EEXIST;
	else if (flock(fd, LOCK_EX | LOCK_NB))
		error = errno == EWOULDBLOCK ? -EBUSY : -errno;
	/* The path is compared with the lock held: another starter may have put the file aside,
	 * and have made a new file. */
	else if (is_at(fd, path)) {
		if ((size_t)snprintf(last, sizeof(last), "%s.last", path) >= sizeof(last))
			error = -ENAMETOOLONG;
		else if (rename(path, last))
			error = -errno;
	}
	close(fd);
	return error;
}

/* Makes the file, with a lock that lasts as long as the process. The mark is written first,
 * so that a later starter knows even the file of a process that dies at once. */
static int create_file(const char *path, const char *mark)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	fd = tend__descriptor_keep(fd, false);
	if (fd < 0)
		return -errno;
	/* A second lock, which a reader can ask for without a lock of its own. */
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_at(fd, path) && pwrite(fd, mark, 8, 0) == 8) {
		(void)fcntl(fd, F_OFD_SETLK, &whole);
		return fd;
	}
	int error = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (is_at(fd, path))
		unlink(path);
	close(fd);
	return error;
}

static int open_file(const char *path, const char *mark)
{
	int fd = -EEXIST, error = 0;

	/* Starters of one path race; each round has a winner. */
	for (int i = 0; fd == -EEXIST && !error && i < 8; i++) {
		fd = create_file(path, mark);
		if (fd == -EEXIST)
			error = put_aside(path, mark);
	}
	return error ? error : fd;
}

static int open_segment(const char *path, const char *name, const char *mark, size_t bytes)
{
	int fd = path ? open_file(path, mark)
	              : tend__descriptor_keep(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING),
	                                      false);

	if (fd < 0)
		return path ? fd : -errno;
	int error = 0;
	sigset_t old;
	xfsz_block(&old);
	if (ftruncate(fd, (off_t)bytes))
		error = -errno;
	xfsz_restore(&old, error);
	if (!error)
		return fd;
	if (path)
		unlink(path);
	close(fd);
	return error;
}

int tend__segment_map(const char *path, const char *name, const char mark[8], size_t bytes,
                      void **out, int *fd)
{
	TEND__KEEPS_ERRNO;
	int f = open_segment(path, name, mark, bytes), error = 0;

	if (f < 0)
		return f;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, f, 0);
	/* Sealed after the mapping, so that no other process can write into the memory. */
	if (p == MAP_FAILED ||
	    (!path && fcntl(f, F_ADD_SEALS,
	                    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)))
		error = -errno;
	if (error) {
		if (p != MAP_FAILED)
			munmap(p, bytes);
		if (path)
			unlink(path);
		close(f);
		return error;
	}
	/* Forked children must not write into the registry of their parent. In a core dump the
	 * kernel would fill every hole with a page. */
	madvise(p, bytes, MADV_DONTFORK);
	tend__dump(p, bytes, false);
	*out = p;
	*fd = f;
	return 0;
}

int tend__segment_use(void *p, size_t from, size_t to, int fd, bool file)
{
	TEND__KEEPS_ERRNO;
	size_t page = tend__page_bytes();
	int error = 0;

	tend__assert(from < to);
	from = from / page * page;
	to = (to + page - 1) / page * page;
	if (file) {
		/* A store into a hole of a file system that is full would be SIGBUS. */
		do
			error = posix_fallocate(fd, (off_t)from, (off_t)(to - from));
		while (error == EINTR);
	}
	if (!error)
		tend__dump((char *)p + from, to - from, true);
	return -error;
}

void tend__segment_forget(int fd) { close(fd); }

void tend__segment_unmap(void *p, size_t bytes, int fd, const char *path)
{
	TEND__KEEPS_ERRNO;
	tend__assert(p && fd >= 0);
	munmap(p, bytes);
	/* The lock is still held, or another process may have put a file of its own there. */
	if (path && is_at(fd, path))
		unlink(path);
	close(fd);
}
