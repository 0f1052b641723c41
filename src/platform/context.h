/* platform/context.h - a context is a stack and a place on it. The sanitizers and Valgrind
 * are told about every switch.
 *
 * A switch saves the registers that the psABI calls callee-saved. Some state of the thread
 * belongs to the code on a stack, and a context that keeps such state saves it too: the
 * exceptions of C++ in a program that has C++, and where the program asks for that the
 * floating-point modes (mxcsr, x87 control word), which cost 2.4 ns a switch. All contexts
 * of a thread keep the same state. */
#ifndef TEND_PLATFORM_CONTEXT_H
#define TEND_PLATFORM_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEND__ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define TEND__TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define TEND__ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define TEND__TSAN 1
#endif
#ifdef TEND_TSAN_FIBERS /* see context.c */
#define TEND__TSAN 1
#endif

/* Nonzero if a stack may go unchanged from task to task. For TSan a context is a
 * thread, so two tasks in one context would be in order, and TSan would see no race. */
#ifdef TEND__TSAN
enum { TEND__ADOPTS = 0 };
#else
enum { TEND__ADOPTS = 1 };
#endif

enum { TEND__KEEPS_EXCEPTIONS = 1, TEND__KEEPS_FLOAT = 2 };

/* The form of what tend__swap() leaves at the stack pointer, for a reader of the memory of
 * the process: with frame 1 r15 r14 r13 r12 rbx rbp, and the return address. */
enum { TEND__SWAP_ARCH = 62 /* EM_X86_64 */, TEND__SWAP_FRAME = 1 };

struct tend__context {
	void *sp; /* the first member, because the assembly stores there */
	void *low;
	size_t bytes;
	uint32_t mxcsr; /* the floating-point modes in which code on the stack begins */
	uint16_t x87;
	uint8_t keeps;
#ifdef TEND__ASAN
	void *fake_stack;
	bool dies;
#endif
#ifdef TEND__TSAN
	void *tsan;
#endif
};

/* Tells whether the next switch from the context is its last. */
static inline void tend__context_dies(struct tend__context *c, bool dies)
{
#ifdef TEND__ASAN
	c->dies = dies;
#else
	(void)c;
	(void)dies;
#endif
}

/* Makes the context of the calling thread. With `keeps_float` its contexts keep the
 * floating-point modes. */
void tend__context_adopt(struct tend__context *c, bool keeps_float);

/* Makes a context on the stack [low, low+bytes), which keeps and begins with what the context
 * `like` does. The first switch to the context calls entry(arg), which must not return. */
void tend__context_make(struct tend__context *c, const struct tend__context *like, void *low,
                        size_t bytes, void (*entry)(void *), void *arg);

/* Gives the code that follows in the calling context the state in which a context begins. */
void tend__context_reset(const struct tend__context *c);
static inline void tend__context_renew(const struct tend__context *c)
{
	if (__builtin_expect(c->keeps != 0, 0))
		tend__context_reset(c);
}

/* Forgets a context. No thread may be running on its stack. */
void tend__context_drop(struct tend__context *c);

/* Stores the return addresses of a context that was switched from, innermost first, at
 * most `max` of them, and returns how many. Each frame is checked to lie in [low, high):
 * if another thread switches to the context meanwhile, the addresses are stale, and no
 * memory outside of the stack is read. */
size_t tend__context_frames(const struct tend__context *c, const void *low, const void *high,
                            uint64_t *out, size_t max);

/* The assembly: saves the registers on this stack, and goes on on the other. */
void tend__swap(void **save_sp, void *to_sp);
/* The same for a context that keeps more than registers. */
void tend__swap_more(struct tend__context *from, struct tend__context *to);
#if defined(TEND__ASAN) || defined(TEND__TSAN)
void tend__context_switch(struct tend__context *from, struct tend__context *to);
#else
static inline void tend__context_switch(struct tend__context *from, struct tend__context *to)
{
	if (__builtin_expect(from->keeps != 0, 0))
		tend__swap_more(from, to);
	else
		tend__swap(&from->sp, to->sp);
}
#endif

#endif
