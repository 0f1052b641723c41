/* tend/base.h - attributes, time, errors, and the conventions of every header.
 *
 * Reading the entries of these headers:
 *   returns   0 or a count on success, a negative errno value on failure. A
 *             failed call changed nothing: no out-parameter is written and
 *             every object keeps its owner. An entry names its exceptions.
 *   owns      the side that frees an object, where this is not obvious.
 *   threads   any     from any thread or fiber, and concurrently
 *             task    from inside a fiber or a thread task
 *             fiber   from inside a fiber
 *             parks   may suspend the caller; a fiber lets others run, a thread
 *                     sleeps. A cancel ends the wait with -ECANCELED unless the
 *                     entry says otherwise
 *   Every call on a handle whose object has ended answers -ESRCH, every call in
 *   a forked child -ESTALE until the child opens a runtime, and on a runtime or
 *   handle of the parent for good; every struct with an unknown non-zero tail
 *   -E2BIG.
 *   A field or argument named _ns is a length of time; a deadline is an instant
 *   of tend_now().
 *   A struct that a call fills and that may grow begins with its size. The macro with
 *   the name of the call sets the size; a caller without macros, such as a binding of
 *   another language, sets the size itself. The call writes no byte beyond that size,
 *   and 0 into fields that only the caller has. A size that is no multiple of 8, below
 *   16 or above 4096 is -EINVAL: the size was not set. */
#ifndef TEND_BASE_H
#define TEND_BASE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TEND_API               __attribute__((visibility("default")))
#define TEND_MUST              __attribute__((warn_unused_result))
#define TEND_NORETURN          __attribute__((noreturn))
#define TEND_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* A deadline that never expires. 0, like any instant in the past, polls; but an instant
 * from before the runtime was opened is a length of time where a deadline is due, and goes
 * to the bug hook. */
#define TEND_FOREVER UINT64_MAX

#define TEND_MS  UINT64_C(1000000)
#define TEND_SEC UINT64_C(1000000000)

/* The literal "file:line" of the caller, shown in the tree as the spawn site. */
#define TEND_STRING_(x) #x
#define TEND_STRING(x)  TEND_STRING_(x)
#define TEND_HERE       (__FILE__ ":" TEND_STRING(__LINE__))

/* Options for one call, such as TEND_TASK_OPTS(.name = "reader"): a pointer, valid until
 * the end of the full expression in C++, of the enclosing block in C. In C++ the fields
 * stand in the order of the struct. */
#ifdef __cplusplus
extern "C++" {
template <typename options> inline const options *tend_options_(const options &of_the_call)
{
	return &of_the_call;
}
}
/* A function of its own, because there C++ compilers take a pragma; fields that are left
 * out are meant to be. */
/* clang-format off */
#define TEND_OPTIONS_(type, ...) \
	(tend_options_([&]() -> type { \
		_Pragma("GCC diagnostic push") \
		_Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") \
		return __extension__ type{.size = sizeof(type), __VA_ARGS__}; \
		_Pragma("GCC diagnostic pop") \
	}()))
/* clang-format on */
#else
#define TEND_OPTIONS_(type, ...) (&(const struct type){.size = sizeof(struct type), __VA_ARGS__})
#endif

/* Names are 1 to 47 bytes of UTF-8 without '/' and control bytes. */
#define TEND_NAME_MAX 47

/* The bytes of a path as text, with its NUL. A longer path is cut in front. */
#define TEND_PATH_MAX 1024

/* A scope: the place that tasks and child scopes live in; a scope ends after all
 * of them. The handle is a value, not a reference: a copy of the handle neither
 * keeps nor ends the scope. {0} names no scope. */
typedef struct tend_scope {
	uint64_t id;
} tend_scope;

/* A task: one piece of work. A handle is never used for a second task. {0} names
 * no task. */
typedef struct tend_task {
	uint64_t id;
} tend_task;

typedef struct tend_runtime tend_runtime;

/* The instant now, in nanoseconds of the monotonic clock (virtual in the
 * simulator).
 *
 *   threads   any */
TEND_API uint64_t tend_now(void);

/* The instant `ns` from now, saturating at TEND_FOREVER.
 *
 *   ns        nanoseconds
 *   threads   any */
TEND_API uint64_t tend_after(uint64_t ns);

/* The errors these functions answer, each with a sentence: the only source of
 * tend_strerror() and of the table in doc/errors.md. */
#define TEND_ERRORS(X) \
	X(EPERM, "the caller may not do this") \
	X(ENOENT, "there is nothing of that name") \
	X(ESRCH, "the scope or task has ended") \
	X(EINTR, "the wait was interrupted") \
	X(E2BIG, "a field of the options is newer than this library") \
	X(ECHILD, "the task ended for good before that") \
	X(EAGAIN, "not now, or a limit is reached; try again") \
	X(ENOMEM, "out of memory") \
	X(EBUSY, "it is in use") \
	X(EEXIST, "it exists already") \
	X(EINVAL, "an argument is not valid") \
	X(ENOSPC, "the disk is full") \
	X(EPIPE, "the other side is closed") \
	X(EDEADLK, "the caller would wait for itself") \
	X(ENOSYS, "not in this build or on this kernel") \
	X(ELOOP, "too many restarts, or too many symbolic links") \
	X(ETIME, "not ready or not alive in time") \
	X(EOVERFLOW, "the answer does not fit") \
	X(ECANCELED, "the scope or task is canceled, or closed to new work") \
	X(ETIMEDOUT, "the deadline passed") \
	X(ESHUTDOWN, "admission is sealed") \
	X(EALREADY, "it was asked for before") \
	X(ESTALE, "this process is a fork of the one that opened the runtime")

/* Returns a sentence for a negative errno value; never NULL, never freed.
 *
 *   error     as the functions return it, e.g. -ECANCELED
 *   threads   any */
TEND_API const char *tend_strerror(int error);

/* The hook for an error of the program itself, such as a panic outside of a task
 * or a fiber that calls pthread_exit(). `message` names the error and, where they
 * are known, the task and the place. The hook should not return; after a return
 * tend calls abort(). The default hook writes the message to stderr as a line.
 *
 *   hook      NULL restores the default
 *   threads   any */
typedef void tend_bug_hook(const char *message);
TEND_API void tend_set_bug_hook(tend_bug_hook *hook);

#ifdef __cplusplus
}
#endif

#endif
