/* runtime/stacks.c - stacks of fibers: attached at the first run, given back to the cache
 * of the worker at the end. Mapped 64 at a time. */
#include "runtime/runtime.h"

#include "base/alloc.h"

#include <errno.h>

enum { BLOCK = 64, COLOURS = 32, LINE = 64, COLOURED = 64 << 10 };

/* The tops of all stacks have the same offset in a page, and would share a tenth of the sets
 * of every cache: with a thousand fibers a switch took twice as long. So each stack begins
 * some lines further down, in the upper half of the first page: the part that a fiber uses
 * until it parks is still in that page. Small stacks keep all of their bytes. */
static struct tend__stack *place(char *low, size_t bytes, unsigned colour)
{
	char *top = low + bytes - (bytes < COLOURED ? 0 : colour % COLOURS * LINE);
	struct tend__stack *s = (struct tend__stack *)(void *)(top - sizeof(*s));

	*s = (struct tend__stack){.low = low, .bytes = bytes};
	return s;
}

static int add_block(struct tend__worker *w)
{
	size_t bytes = w->rt->stack_bytes;
	struct tend__stack_block *b = tend__alloc(sizeof(*b));
	int error = -ENOMEM;

	if (!b)
		return -ENOMEM;
	b->low = tend__stacks_map(bytes, BLOCK, &error);
	if (!b->low) {
		tend__free(b);
		return error;
	}
	b->bytes = bytes;
	b->n = BLOCK;
	b->next = w->blocks;
	w->blocks = b;
	return 0;
}

/* A stack of another size than the runtime's. Out of line, because few tasks need one. */
static __attribute__((noinline)) int map_single(size_t bytes, struct tend__stack **out)
{
	size_t page = tend__page_bytes();
	int error = 0;

	/* The guard comes on top of the size that was asked for, in whole pages. */
	bytes = (bytes + page - 1) / page * page + page;
	char *low = tend__stacks_map(bytes, 1, &error);
	if (!low)
		return error;
	error = tend__stack_guard(low);
	if (error) {
		tend__stacks_unmap(low, bytes, 1);
		return error;
	}
	*out = place(low, bytes, 0);
	(*out)->single = true;
	return 0;
}

/* The unused stacks of the newest block lie in order. A stack gets its guard and its
 * descriptor when it is first taken, so that a runtime of few tasks pays for few. */
static int first_use(struct tend__worker *w, struct tend__stack **out)
{
	size_t bytes = w->rt->stack_bytes;
	int error = !w->blocks || w->blocks->n == 0 ? add_block(w) : 0;

	if (error)
		return error;
	uint32_t last = w->blocks->n - 1;
	char *low = (char *)w->blocks->low + last * bytes;

	error = tend__stack_guard(low);
	if (error)
		return error;
	w->blocks->n = last;
	*out = place(low, bytes, last);
	return 0;
}

int tend__stack_take(struct tend__worker *w, size_t bytes, struct tend__stack **out)
{
	struct tend__stack *s = w->stacks;
	int error = 0;

	if (bytes != w->rt->stack_bytes)
		error = map_single(bytes, &s);
	else if (s) {
		w->stacks = s->next;
		w->stacks_free--;
		s->trimmed = false;
	} else {
		error = first_use(w, &s);
		/* Relaxed: spawns are refused from now on, a few of them late. */
		if (error && w->stacks_used) /* else no stack will come back */
			tend__store_relaxed(&w->rt->no_stacks, 1);
	}
	if (error)
		return error;
	if (++w->stacks_used > w->stacks_peak)
		w->stacks_peak = w->stacks_used;
	tend__assert(s->bytes >= bytes);
	s->announced = tend__stack_announce(s->low, (size_t)((char *)s - s->low));
	*out = s;
	return 0;
}

void tend__stack_give(struct tend__worker *w, struct tend__stack *s)
{
	tend__stack_forget(s->low, (size_t)((char *)s - s->low), s->announced);
	tend__assert(w->stacks_used > 0 && !s->trimmed);
	w->stacks_used--;
	/* Relaxed: as in tend__stack_take(). */
	if (tend__load_relaxed(&w->rt->no_stacks))
		tend__store_relaxed(&w->rt->no_stacks, 0);
	if (s->single) {
		tend__stacks_unmap(s->low, s->bytes, 1);
		return;
	}
	s->next = w->stacks;
	w->stacks = s;
	w->stacks_free++;
	w->stacks_trimmed = false;
}

/* Before the worker sleeps, at most once a second because this walks the free stacks: the
 * stacks beyond twice the recent peak give their pages back, but for the page of the
 * descriptor. */
void tend__stacks_idle(struct tend__worker *w)
{
	struct tend__stack *s = w->stacks;
	uint32_t keep = 2 * w->stacks_peak;

	tend__assert(w->stacks_peak >= w->stacks_used);
	if (w->now - w->stacks_looked < TEND_SEC)
		return;
	w->stacks_looked = w->now;
	if (w->stacks_used + w->stacks_free > keep + BLOCK && !w->stacks_trimmed) {
		w->stacks_trimmed = w->stacks_peak <= w->stacks_used;
		for (uint32_t i = w->stacks_used; s && i < keep; i++)
			s = s->next;
		for (; s; s = s->next)
			if (!s->trimmed) {
				tend__stack_trim(s->low, s->bytes);
				s->trimmed = true;
			}
	}
	w->stacks_peak = w->stacks_used > w->stacks_peak / 2 ? w->stacks_used : w->stacks_peak / 2;
}

void tend__stacks_fini(struct tend__worker *w)
{
	while (w->blocks) {
		struct tend__stack_block *b = w->blocks;

		w->blocks = b->next;
		tend__stacks_unmap(b->low, b->bytes, BLOCK);
		tend__free(b);
	}
}
