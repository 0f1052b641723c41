/* base/error.h - errors of the program, and of tend itself. */
#ifndef TEND_BASE_ERROR_H
#define TEND_BASE_ERROR_H

#include "tend/base.h"

#include <errno.h>

/* An error of the program: tells the hook, and aborts. */
TEND_NORETURN void tend__bug(const char *fmt, ...) TEND_PRINTF(1, 2);

/* Tells the hook of a failure without a holder, or writes the line to stderr. */
void tend__failure(const char *line);

/* An impossible state of ours; stays on in release builds. */
#define tend__assert(cond) \
	((cond) ? (void)0 : tend__bug("tend: %s: broken invariant: %s", TEND_HERE, #cond))

/* Declared first in a function: after the function errno is what it was before. */
static inline void tend__restore_errno(const int *was) { errno = *was; }
#define TEND__KEEPS_ERRNO \
	const int tend__errno __attribute__((cleanup(tend__restore_errno), unused)) = errno

/* Copies an options struct, which begins with its size, into the struct of this library.
 * Fields that an older caller does not have become 0; fields of a newer caller that this
 * library does not have must be 0. NULL is all zero, and so is a struct without a size,
 * whose fields must be 0. Returns 0, -E2BIG or -EINVAL. */
int tend__options(void *out, size_t known, const void *opts);

/* The size of a caller's struct which a call is to fill, and which begins with its size; 0 for a
 * size that the caller has not set. */
size_t tend__out_size(const void *out);
/* Fills a struct whose size was found good: with the fields of this library, as far as the caller
 * has them, and with 0 in fields that only a newer caller has. Its size stays. */
void tend__out_fill(void *out, size_t size, const void *fields, size_t known);

#endif
