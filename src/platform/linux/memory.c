/* platform/linux/memory.c - mappings: stacks with guards, reserved tables, the segment. */
#include "platform/platform.h"

#include "platform/context.h"
#include "platform/linux/xfsz.h"

#include "base/atomic.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
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

#ifdef TEND__ASAN
void __lsan_register_root_region(const void *p, size_t size);
void __lsan_unregister_root_region(const void *p, size_t size);
void __asan_unpoison_memory_region(const volatile void *p, size_t size);
#endif

size_t tend__page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* Makes a guard page. Where the kernel has guard-install a guard costs no mapping, and
 * 100 000 stacks are a few mappings. Elsewhere each guard splits a mapping, and at about
 * 32 000 stacks vm.max_map_count (65530) is used up. Returns 0 or a negative errno value. */
static int guard(void *page, size_t bytes)
{
	static _Atomic int no_install; /* 1: the kernel lacks guard-install */

	if (!tend__load_relaxed(&no_install)) {
		if (madvise(page, bytes, MADV_GUARD_INSTALL) == 0)
			return 0;
		if (errno != EINVAL)
			return -errno;
		/* Relaxed: a thread that misses the store asks the kernel once more. */
		tend__store_relaxed(&no_install, 1);
	}
	if (mprotect(page, bytes, PROT_NONE) == 0)
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
	for (unsigned i = 0; i < n; i++) {
		*error = guard(low + i * bytes, page);
		if (*error) {
			munmap(low, all);
			return NULL;
		}
	}
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

void tend__unreserve(void *p, size_t bytes)
{
	TEND__KEEPS_ERRNO;
#ifdef TEND__ASAN
	__lsan_unregister_root_region(p, bytes);
#endif
	munmap(p, bytes);
}

static int open_segment(const char *path, const char *name, size_t bytes)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)
	              : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	fd = tend__descriptor_keep(fd, false);
	if (fd < 0)
		return -errno;
	int error = 0;
	sigset_t old;
	xfsz_block(&old);
	if (ftruncate(fd, (off_t)bytes) ||
	    (!path && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)))
		error = -errno;
	xfsz_restore(&old, error);
	if (!error)
		return fd;
	close(fd);
	if (path)
		unlink(path);
	return error;
}

int tend__segment_map(const char *path, const char *name, size_t bytes, void **out, int *fd)
{
	TEND__KEEPS_ERRNO;
	int f = open_segment(path, name, bytes);

	if (f < 0)
		return f;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, f, 0);
	if (p == MAP_FAILED) {
		int error = -errno;
		close(f);
		if (path)
			unlink(path);
		return error;
	}
	/* Forked children must not write into the registry of their parent. */
	madvise(p, bytes, MADV_DONTFORK);
	*out = p;
	*fd = f;
	return 0;
}

void tend__segment_unmap(void *p, size_t bytes, int fd, const char *path)
{
	TEND__KEEPS_ERRNO;
	tend__assert(p && fd >= 0);
	munmap(p, bytes);
	close(fd);
	if (path)
		unlink(path);
}
