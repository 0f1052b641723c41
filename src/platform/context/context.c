/* platform/context/context.c - makes contexts, and tells the sanitizers of switches. */
#include "platform/context.h"

#include "base/error.h"

#include <pthread.h>
#include <stdint.h>

void tend__first_frame(void);

_Static_assert(offsetof(struct tend__context, sp) == 0, "tend__swap() stores the stack there");

#ifdef TEND__ASAN
void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old,
                                     size_t *size_old);
#endif

#ifdef TEND__TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
/* In a library that is itself instrumented a switch orders, or TSan would report the plain
 * data of the library. In a library that is annotated only (TEND_TSAN_FIBERS) a switch orders
 * nothing, and TSan sees the fibers of the program as threads. */
enum {
#ifdef TEND_TSAN_FIBERS
	TSAN_SWITCH = 1
#else
	TSAN_SWITCH = 0
#endif
};
#define NO_TSAN __attribute__((no_sanitize("thread"), noinline))
#else
#define NO_TSAN
#endif
#define NO_SANITIZER __attribute__((no_sanitize("address", "thread"), noinline))

/* A function of the C++ ABI, with the exceptions that are being handled on this thread. NULL
 * in a program without C++. */
struct exceptions {
	void *caught;
	unsigned uncaught;
};
__attribute__((weak, visibility("default"))) struct exceptions *__cxa_get_globals(void);

static void read_modes(uint32_t *mxcsr, uint16_t *x87)
{
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(*mxcsr), "=m"(*x87));
}

static void write_modes(uint32_t mxcsr, uint16_t x87)
{
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87));
}

void tend__context_adopt(struct tend__context *c, bool keeps_float)
{
	*c = (struct tend__context){.keeps = __cxa_get_globals ? TEND__KEEPS_EXCEPTIONS : 0};
	if (keeps_float)
		c->keeps = (uint8_t)(c->keeps | TEND__KEEPS_FLOAT);
	read_modes(&c->mxcsr, &c->x87);
#ifdef TEND__ASAN
	/* The bounds of the main thread glibc reads in /proc/self/maps, which takes longer than
	 * all else that opens a runtime. */
	pthread_attr_t attr;
	if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		pthread_attr_getstack(&attr, &c->low, &c->bytes);
		pthread_attr_destroy(&attr);
	}
#endif
#ifdef TEND__TSAN
	c->tsan = __tsan_get_current_fiber();
#endif
}

struct start {
	struct tend__context *context;
	void (*entry)(void *);
	void *arg;
};

static void first(void *p)
{
	struct start s = *(struct start *)p;

	tend__context_renew(s.context);
#ifdef TEND__ASAN
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
	s.entry(s.arg);
	tend__bug("tend: the entry of a context returned");
}

void tend__context_reset(const struct tend__context *c)
{
	if (c->keeps & TEND__KEEPS_EXCEPTIONS)
		*__cxa_get_globals() = (struct exceptions){0};
	if (c->keeps & TEND__KEEPS_FLOAT)
		write_modes(c->mxcsr, c->x87);
}

/* Each context saves in its own frame, and finds its state there when it goes on, on the
 * same thread. */
NO_SANITIZER void tend__swap_more(struct tend__context *from, struct tend__context *to)
{
	struct exceptions *now = NULL, exceptions = {0};
	uint32_t mxcsr = 0, keeps = from->keeps;
	uint16_t x87 = 0;

	if (keeps & TEND__KEEPS_EXCEPTIONS) {
		now = __cxa_get_globals();
		exceptions = *now;
	}
	if (keeps & TEND__KEEPS_FLOAT)
		read_modes(&mxcsr, &x87);
	tend__swap(&from->sp, to->sp);
	if (now)
		*now = exceptions;
	if (keeps & TEND__KEEPS_FLOAT)
		write_modes(mxcsr, x87);
}

void tend__context_make(struct tend__context *c, const struct tend__context *like, void *low,
                        size_t bytes, void (*entry)(void *), void *arg)
{
	uintptr_t top = ((uintptr_t)low + bytes) & ~(uintptr_t)15;
	struct start *start = (struct start *)(top - ((sizeof(*start) + 15) & ~(size_t)15));
	void **sp = (void **)(void *)start;

	tend__assert(entry && bytes >= sizeof(*start) + 16 * sizeof(void *));
	*c = (struct tend__context){.low = low,
	                            .bytes = bytes,
	                            .keeps = like->keeps,
	                            .mxcsr = like->mxcsr,
	                            .x87 = like->x87};
	*start = (struct start){c, entry, arg};
	/* At the call in the first frame the stack must be aligned to 16. */
	*--sp = NULL;
	*--sp = NULL;
	*--sp = (void *)(uintptr_t)tend__first_frame;
	*--sp = NULL;                     /* rbp */
	*--sp = NULL;                     /* rbx */
	*--sp = (void *)(uintptr_t)first; /* r12 */
	*--sp = start;                    /* r13 */
	*--sp = NULL;                     /* r14 */
	*--sp = NULL;                     /* r15 */
	c->sp = sp;
#ifdef TEND__TSAN
	c->tsan = __tsan_create_fiber(0);
#endif
}

void tend__context_drop(struct tend__context *c)
{
#ifdef TEND__TSAN
	if (c->tsan)
		__tsan_destroy_fiber(c->tsan);
	c->tsan = NULL;
#endif
	c->sp = NULL;
}

__attribute__((no_sanitize("address", "thread"))) size_t tend__context_frames(
	const struct tend__context *c, const void *low, const void *high, uint64_t *out, size_t max)
{
	enum {
		RBP = 5,   /* tend__swap() pushes rbp first: five registers lie below it, */
		SAVED = 7, /* and the return address above */
		WORD = sizeof(uintptr_t)
	};
	uintptr_t bottom = (uintptr_t)low, top = (uintptr_t)high, sp = (uintptr_t)c->sp;
	size_t n = 0;

	tend__assert(bottom <= top);
	if (sp < bottom || sp + SAVED * WORD > top || sp % WORD)
		return 0;
	/* A frame of the psABI begins with the caller's frame and the return address. */
	uintptr_t frame = ((uintptr_t *)sp)[RBP];

	while (n < max && frame >= bottom && frame + 2 * WORD <= top && frame % WORD == 0) {
		uintptr_t next = ((uintptr_t *)frame)[0], back = ((uintptr_t *)frame)[1];

		if (!back)
			break;
		out[n++] = back;
		if (next <= frame)
			break;
		frame = next;
	}
	return n;
}

#if defined(TEND__ASAN) || defined(TEND__TSAN)
/* The switch told to TSan and the jump must be in one function that is not instrumented, or
 * the shadow stack of TSan goes astray. */
NO_TSAN void tend__context_switch(struct tend__context *from, struct tend__context *to)
{
#ifdef TEND__ASAN
	__sanitizer_start_switch_fiber(from->dies ? NULL : &from->fake_stack, to->low, to->bytes);
#endif
#ifdef TEND__TSAN
	__tsan_switch_to_fiber(to->tsan, TSAN_SWITCH);
#endif
	if (from->keeps)
		tend__swap_more(from, to);
	else
		tend__swap(&from->sp, to->sp);
#ifdef TEND__ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}
#endif
