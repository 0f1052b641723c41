#include "base/error.h"

#include "tend/task.h"

#include "base/atomic.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *tend_strerror(int error)
{
	switch (-error) {
	case 0:
		return "success";
#define X(name, text) \
	case name: \
		return text;
		TEND_ERRORS(X)
#undef X
	default: {
		/* The system's words for the rest: they are static per thread at worst. */
		const char *text = strerrordesc_np(-error);
		return text ? text : "unknown error";
	}
	}
}

static _Atomic(tend_bug_hook *) bug_hook;

void tend_set_bug_hook(tend_bug_hook *hook)
{
	/* Release: whatever the hook uses was made before; acquired in tend__bug(). */
	tend__store_release(&bug_hook, hook);
}

void tend__bug(const char *fmt, ...)
{
	char line[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	tend_bug_hook *hook = tend__load_acquire(&bug_hook);
	if (hook)
		hook(line);
	else {
		size_t n = strlen(line);

		line[n] = '\n';
		/* Nothing can be done about an error here. */
		if (write(STDERR_FILENO, line, n + 1) < 0)
			abort();
	}
	abort();
}

static _Atomic(tend_failure_hook *) failure_hook;

void tend_set_failure_hook(tend_failure_hook *hook)
{
	/* Release: as in tend_set_bug_hook(). */
	tend__store_release(&failure_hook, hook);
}

/* The reader of stderr may be gone, and SIGPIPE must not end the program: a SIGPIPE that was
 * not pending before is taken back. */
static void write_line(const char *text, size_t n)
{
	const struct timespec now = {0, 0};
	sigset_t pipe, before, pending;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	bool broken = write(STDERR_FILENO, text, n) < 0 && errno == EPIPE;
	if (broken && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void tend__failure(const char *line)
{
	tend_failure_hook *hook = tend__load_acquire(&failure_hook);
	char text[1024];
	int error = errno;

	if (hook) {
		hook(line);
		return;
	}
	/* A single write, so that lines of several threads do not mix. */
	int n = snprintf(text, sizeof(text), "%s\n", line);
	if (n >= (int)sizeof(text)) {
		n = sizeof(text) - 1;
		text[n - 1] = '\n';
	}
	if (n > 0)
		write_line(text, (size_t)n);
	errno = error;
}

size_t tend__out_size(const void *out)
{
	/* The bounds only tell a size from memory that the caller has not set. */
	enum { LEAST = 16, MOST = 4096 };
	size_t size;

	memcpy(&size, out, sizeof(size));
	return size >= LEAST && size <= MOST && size % sizeof(uint64_t) == 0 ? size : 0;
}

void tend__out_fill(void *out, size_t size, const void *fields, size_t known)
{
	unsigned char *bytes = out;
	size_t shared = size < known ? size : known;

	tend__assert(shared >= sizeof(size));
	memcpy(out, fields, shared);
	memset(bytes + shared, 0, size - shared);
	memcpy(out, &size, sizeof(size));
}

__attribute__((noinline)) int tend__options(void *out, size_t known, const void *opts)
{
	const unsigned char *bytes = opts;
	size_t size = 0;

	tend__assert(known >= sizeof(size));
	if (!opts) {
		memset(out, 0, known);
		return 0;
	}
	memcpy(&size, opts, sizeof(size));
	if (size == known) {
		memcpy(out, opts, known);
		return 0;
	}
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	/* Without a size no field counts, which is right only if none is set. */
	for (size_t i = 0; size < sizeof(size) && i < known; i++)
		if (bytes[i])
			return -EINVAL;
	memset(out, 0, known);
	memcpy(out, opts, size < known ? size : known);
	return 0;
}
