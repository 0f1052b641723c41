/* test/config/harness.c - a directory to work in, and allocations that fail. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[PATH_MAX];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void enter_shop(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(base, sizeof(base), "%s/tend-config-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(base));
	ck_assert_int_eq(chdir(base), 0);
	ck_assert_ptr_nonnull(realpath(".", base));
	ck_assert_int_eq(mkdir("shop", 0700), 0);
	ck_assert_int_eq(chdir("shop"), 0);
}

void leave_shop(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void write_file(const char *path, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	for (size_t done = 0; done < n;) {
		ssize_t wrote = write(fd, bytes + done, n - done);
		ck_assert_int_gt(wrote, 0);
		done += (size_t)wrote;
	}
	ck_assert_int_eq(close(fd), 0);
}

const char *printed(const struct config_errors *errors, const char *severity)
{
	static char text[32768];
	text[0] = 0; /* stays if nothing is written */
	FILE *out = fmemopen(text, sizeof(text), "w");
	ck_assert_ptr_nonnull(out);
	config_errors_write(errors, severity, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

struct config *load(const char *text)
{
	struct config_errors errors;
	struct config *config = NULL;
	write_file("tend.yaml", text, strlen(text));
	int error = config_load("tend.yaml", &config, &errors);
	ck_assert_str_eq(printed(&errors, "error"), "");
	ck_assert_int_eq(error, 0);
	ck_assert_ptr_nonnull(config);
	return config;
}

const char *refusal(const char *bytes, size_t n)
{
	struct config_errors errors;
	struct config *config = NULL;
	write_file("tend.yaml", bytes, n);
	ck_assert_int_eq(config_load("tend.yaml", &config, &errors), -EINVAL);
	ck_assert_ptr_null(config);
	return printed(&errors, "error");
}

/* The allocator is the C library's with a count, for libyaml too. A sanitizer
 * brings its own, which can neither be counted nor made to fail. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#ifndef OWN_ALLOCATOR
#define OWN_ALLOCATOR 1
#endif

static atomic_long in_use;
static long until_failure;
static bool failing_for_ever, failed;

#if OWN_ALLOCATOR
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

/* The build hides what is not said to be seen; libyaml must find these. */
#define SEEN __attribute__((visibility("default")))

static bool fails_now(void)
{
	if (until_failure == 0 || --until_failure > 0)
		return false;
	until_failure = failing_for_ever;
	failed = true;
	errno = ENOMEM;
	return true;
}

static void *counted(void *block)
{
	if (block)
		atomic_fetch_add_explicit(&in_use, 1, memory_order_relaxed);
	return block;
}

SEEN void *malloc(size_t size) { return fails_now() ? NULL : counted(__libc_malloc(size)); }

SEEN void *calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : counted(__libc_calloc(count, size));
}

SEEN void *realloc(void *block, size_t size)
{
	if (fails_now())
		return NULL;
	void *moved = __libc_realloc(block, size);
	return block ? moved : counted(moved);
}

SEEN void free(void *block)
{
	if (block)
		atomic_fetch_sub_explicit(&in_use, 1, memory_order_relaxed);
	__libc_free(block);
}
#endif

/* Valgrind replaces these too, so it is not enough that they are built. */
bool counts_memory(void) { return blocks_in_use() > 0; }

long blocks_in_use(void) { return atomic_load_explicit(&in_use, memory_order_relaxed); }

void fail_allocation(long n, bool for_ever)
{
	until_failure = n;
	failing_for_ever = for_ever;
	failed = false;
}

bool allocation_failed(void) { return failed; }
