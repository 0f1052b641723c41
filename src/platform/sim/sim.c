/* platform/sim/sim.c - virtual threads, a virtual clock, and the choice of the next thread.
 *
 * The core above is the same as in libtend. Its threads are coroutines of the thread that
 * runs the simulation; futexes, pollers and the clock are simulated here; and at each atomic
 * operation (base/atomic.h) the simulation may switch to a different thread. A single number
 * decides all choices; in an exploration, a list of choices that is counted through.
 *
 * When no thread can go on, real descriptors are looked at, then the clock jumps to the next
 * deadline; without a deadline the run ends as a deadlock. */
#include "platform/sim/sim.h"

#include "platform/context.h"

#include "base/error.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { THREADS = 96, STACK_BYTES = 256 * 1024, CHOICES = 1 << 16, ENDINGS = 2 };

enum state { UNUSED, RUNNABLE, BLOCKED, DONE };

struct vthread {
	enum state state;
	struct tend__tls tls;
	struct tend__context context; /* its first */
	void *stack;
	void (*fn)(void *), (*end)(void *);
	void *arg;
	const void *word;            /* the futex that the thread sleeps on, or NULL */
	struct tend__poller *poller; /* the poller that the thread sleeps in, or NULL */
	int fd;                      /* the descriptor that the thread waits for, or -1 */
	short events;                /* for `fd`, as in poll(2) */
	uint64_t deadline;
};

struct choice {
	uint16_t options, taken;
};

struct sim {
	struct tend_sim_opts opts;
	struct tend_sim_result result;
	struct vthread threads[THREADS];
	int current, used, runnable;
	uint64_t random;
	uint64_t clock;
	uint64_t number; /* the run's, from 1 */
	uint32_t preemptions;
	bool fixed; /* an exploration takes the first of each choice */
	bool failed;
	struct tend__context outside;   /* the caller of tend_sim_run() */
	void (*endings[ENDINGS])(void); /* called when the run is over, or NULL */
	int (*fn)(void *);
	void *arg;
	/* For an exploration. */
	struct choice *choices;
	uint32_t choices_count, choices_at;
};

static struct sim *sim;
static uint64_t runs_begun;

uint64_t tend__sim_run(void) { return sim ? sim->number : 0; }

/* ---- Choosing ---- */

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(void)
{
	uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void trace(uint64_t what)
{
	/* FNV-1a over the choices. */
	sim->result.trace = (sim->result.trace ^ what) * UINT64_C(0x100000001b3);
}

static uint32_t choose(uint32_t n)
{
	if (n <= 1 || (sim->choices && sim->fixed))
		return 0;
	uint32_t taken;
	if (!sim->choices)
		taken = (uint32_t)(draw() % n);
	else if (sim->choices_at < sim->choices_count)
		taken = sim->choices[sim->choices_at++].taken;
	else if (sim->choices_count < CHOICES) {
		sim->choices[sim->choices_count++] = (struct choice){(uint16_t)n, 0};
		sim->choices_at++;
		taken = 0;
	} else
		taken = 0;
	tend__assert(taken < n); /* else fn has not done the same as in the run before */
	trace(taken + 1);
	return taken;
}

uint64_t tend_sim_choose(uint64_t n)
{
	return sim && n ? (sim->choices ? choose(n < 64 ? (uint32_t)n : 64) : draw() % n) : 0;
}

static int nth_runnable(uint32_t n)
{
	for (int i = 0; i < sim->used; i++)
		if (sim->threads[i].state == RUNNABLE && n-- == 0)
			return i;
	return -1;
}

static uint32_t count_runnable(void)
{
	uint32_t n = 0;

	for (int i = 0; i < sim->used; i++)
		n += sim->threads[i].state == RUNNABLE;
	return n;
}

/* ---- Switching ---- */

static void go_to(int next)
{
	tend__assert(next >= 0 && next < sim->used);
	struct vthread *from = &sim->threads[sim->current], *to = &sim->threads[next];

	if (from == to)
		return;
	sim->result.switches++;
	trace((uint64_t)next + 1000);
	/* The context that runs on the virtual thread now, a loop's or a fiber's, is where the
	 * thread will go on. */
	from->tls = tend__tls;
	sim->current = next;
	tend__tls = to->tls;
	tend__context_switch(from->tls.context, to->tls.context);
}

/* The run has failed: back to tend_sim_run(), from wherever this is. */
static void fail(int status)
{
	sim->result.status = status;
	sim->failed = true;
	tend__context_switch(tend__tls.context, &sim->outside);
}

void tend__step(void)
{
	if (!sim || sim->failed)
		return;
	if (++sim->result.steps > sim->opts.steps_max)
		fail(-ETIME);
	if (sim->choices) {
		if (sim->preemptions >= sim->opts.explore || sim->fixed)
			return;
		uint32_t others = count_runnable() - 1;
		if (others) {
			uint32_t taken = choose(others + 1);

			if (!taken)
				return;
			sim->preemptions++;
			/* Option k is the k-th runnable thread without the current thread. */
			int next = nth_runnable(taken - 1);
			if (next >= sim->current || next < 0)
				next = nth_runnable(taken);
			go_to(next);
		}
		return;
	}
	if (sim->runnable > 1 && draw() % sim->opts.switch_in == 0)
		go_to(nth_runnable(choose(count_runnable())));
}

static void wake(int i)
{
	if (sim->threads[i].state == BLOCKED) {
		sim->threads[i].state = RUNNABLE;
		sim->runnable++;
	}
}

/* Real descriptors: a pipe inside the program is as deterministic as the program. */
void tend__sim_look(void)
{
	for (int i = 0; sim && i < sim->used; i++) {
		struct vthread *v = &sim->threads[i];
		struct pollfd p = {.fd = v->fd, .events = v->events};

		if (v->poller && v->poller->watched)
			p = (struct pollfd){.fd = v->poller->epoll, .events = POLLIN};
		if (v->state == BLOCKED && p.fd >= 0 && poll(&p, 1, 0) > 0)
			wake(i);
	}
}

static void wake_due(void)
{
	for (int i = 0; i < sim->used; i++)
		if (sim->threads[i].deadline <= sim->clock)
			wake(i);
}

static void nothing(void) {}
void (*tend__sim_on_deadlock)(void) = nothing;

const struct tend__tls *tend__sim_waiting(int i)
{
	for (int k = 0; k < sim->used; k++)
		if (sim->threads[k].state == BLOCKED && i-- == 0)
			return &sim->threads[k].tls;
	return NULL;
}

static void jump_clock(void)
{
	uint64_t next = TEND_FOREVER;

	for (int i = 0; i < sim->used; i++)
		if (sim->threads[i].state == BLOCKED && sim->threads[i].deadline < next)
			next = sim->threads[i].deadline;
	if (next == TEND_FOREVER) {
		fprintf(stderr, "tend: simulation: deadlock, every task waits for ever\n");
		sim->failed = true; /* the report is no step of a thread */
		tend__sim_on_deadlock();
		fail(-EDEADLK);
	}
	if (next > sim->clock)
		sim->clock = next;
	wake_due();
}

/* Goes on with another thread, because the current thread cannot. */
static void go_on(void)
{
	if (sim->runnable == 0)
		tend__sim_look();
	if (sim->runnable == 0)
		jump_clock();
	go_to(nth_runnable(choose(count_runnable())));
}

static void block(void)
{
	tend__assert(sim->threads[sim->current].state == RUNNABLE && sim->runnable > 0);
	sim->threads[sim->current].state = BLOCKED;
	sim->runnable--;
	go_on();
}

/* ---- The platform ---- */

uint64_t tend__clock(void) { return sim ? sim->clock : tend__os_clock(); }

/* A number of its own and no draw: who asks does not change the choices of the run. */
uint64_t tend__seed(void) { return sim ? sim->opts.seed : tend__os_seed(); }

void tend__futex_wait(const void *word, uint32_t value, uint64_t deadline)
{
	if (!sim) {
		tend__os_futex_wait(word, value, deadline);
		return;
	}
	tend__sim_wait(word, value, -1, 0, deadline);
}

void tend__sim_wait(const void *word, uint32_t value, int fd, short events, uint64_t deadline)
{
	tend__step();
	struct pollfd p = {.fd = fd, .events = events};
	if (*(const volatile uint32_t *)word != value || deadline <= sim->clock ||
	    (fd >= 0 && poll(&p, 1, 0) > 0))
		return;
	struct vthread *self = &sim->threads[sim->current];
	self->word = word;
	self->fd = fd;
	self->events = events;
	self->deadline = deadline;
	block();
	self->word = NULL;
	self->fd = -1;
}

void tend__futex_wake(const void *word, int n)
{
	if (!sim) {
		tend__os_futex_wake(word, n);
		return;
	}
	for (int i = 0; i < sim->used && n > 0; i++)
		if (sim->threads[i].state == BLOCKED && sim->threads[i].word == word) {
			wake(i);
			n--;
		}
	tend__step();
}

static void thread_main(void *p)
{
	struct vthread *v = p;

	v->fn(v->arg);
	if (v->end)
		v->end(v->arg);
	v->state = DONE;
	sim->runnable--;
	for (int i = 0; i < sim->used; i++)
		if (sim->threads[i].word == v)
			wake(i);
	/* The thread never comes back here; the stack is freed when the run is over. */
	tend__context_dies(tend__tls.context, true);
	go_on();
}

static void *map_stack(void)
{
	void *p = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int start(void (*fn)(void *), void (*end)(void *), void *arg)
{
	int i = 0;

	while (i < sim->used && sim->threads[i].state != UNUSED)
		i++;
	if (i == THREADS)
		return -EAGAIN;
	struct vthread *v = &sim->threads[i];
	if (!v->stack)
		v->stack = map_stack();
	if (!v->stack)
		return -ENOMEM;
	if (i == sim->used)
		sim->used++;
	v->fn = fn;
	v->end = end;
	v->arg = arg;
	v->word = NULL;
	v->poller = NULL;
	v->fd = -1;
	v->deadline = TEND_FOREVER;
	memset(&v->tls, 0, sizeof(v->tls));
	tend__context_make(&v->context, &sim->outside, v->stack, STACK_BYTES, thread_main, v);
	v->tls.context = &v->context;
	v->state = RUNNABLE;
	sim->runnable++;
	return i;
}

int tend__thread_start(struct tend__thread *t, const char *name, void (*fn)(void *),
                       void (*end)(void *), void *arg)
{
	if (!sim)
		return tend__os_thread_start(t, name, fn, end, arg);
	int i = start(fn, end, arg);
	if (i < 0)
		return i;
	t->os = (uintptr_t)i;
	tend__step();
	return 0;
}

void tend__thread_join(struct tend__thread *t)
{
	if (!sim) {
		tend__os_thread_join(t);
		return;
	}
	tend__assert(t->os < (uintptr_t)sim->used);
	struct vthread *v = &sim->threads[t->os];
	while (v->state != DONE) {
		struct vthread *self = &sim->threads[sim->current];
		self->word = v;
		self->deadline = TEND_FOREVER;
		block();
		self->word = NULL;
	}
	tend__context_drop(&v->context);
	v->state = UNUSED;
}

void tend__thread_yield(void)
{
	if (!sim)
		tend__os_thread_yield();
	else
		go_to(nth_runnable(choose(count_runnable())));
}

void tend__sim_compute(uint64_t ns)
{
	sim->clock += ns;
	wake_due();
	tend__thread_yield();
}

void *tend__sim_self(void (*fn)(void *))
{
	struct vthread *v = sim ? &sim->threads[sim->current] : NULL;

	return v && v->fn == fn ? v->arg : NULL;
}

uint64_t tend__sim_while(void) { return sim->choices || draw() % 2 ? 0 : draw() % TEND_MS; }

bool tend__sim_has_no_room(void) { return sim && !sim->choices && draw() % 16 == 0; }

void tend__sim_at_end(void (*fn)(void))
{
	int i = 0;

	while (i < ENDINGS && sim->endings[i] && sim->endings[i] != fn)
		i++;
	tend__assert(i < ENDINGS);
	sim->endings[i] = fn;
}

void tend__sim_fix(bool fixed) { sim->fixed = fixed; }

int tend__sim_threads(void)
{
	int n = 0;

	for (int i = 1; i < sim->used; i++)
		n += sim->threads[i].state == RUNNABLE || sim->threads[i].state == BLOCKED;
	return n;
}

int32_t tend__thread_number(void) { return sim ? 0 : tend__os_thread_number(); }

int tend__poller_init(struct tend__poller *p, bool lent) { return tend__os_poller_init(p, lent); }
void tend__poller_fini(struct tend__poller *p) { tend__os_poller_fini(p); }
void tend__poller_arm(struct tend__poller *p, uint64_t deadline)
{
	if (!sim)
		tend__os_poller_arm(p, deadline);
}

int tend__poller_wait(struct tend__poller *p, uint64_t deadline, struct tend__ready *out, int max)
{
	int n = 0;

	if (!sim)
		return tend__os_poller_wait(p, deadline, out, max);
	tend__step();
	if (p->watched)
		n = tend__os_poller_wait(p, 0, out, max);
	if (!n && deadline > sim->clock && !p->woken) {
		struct vthread *self = &sim->threads[sim->current];
		self->poller = p;
		self->deadline = deadline;
		block();
		self->poller = NULL;
		if (p->watched)
			n = tend__os_poller_wait(p, 0, out, max);
	}
	p->woken = 0;
	return n;
}

void tend__poller_wake(struct tend__poller *p)
{
	if (!sim) {
		tend__os_poller_wake(p);
		return;
	}
	p->woken = 1;
	for (int i = 0; i < sim->used; i++)
		if (sim->threads[i].poller == p)
			wake(i);
	tend__step();
}

bool tend__barrier(void)
{
	tend__step(); /* the atomics are in a total order already */
	return sim || tend__os_barrier();
}

/* ---- Runs ---- */

static void first_thread(void *p)
{
	(void)p;
	sim->result.result = sim->fn(sim->arg);
}

static void back_outside(void *p)
{
	struct vthread *v = p;

	first_thread(NULL);
	/* Threads that fn left running are not waited for: they are a bug of fn, and the count
	 * names them. */
	v->state = DONE;
	tend__context_switch(tend__tls.context, &sim->outside);
}

static int run(struct sim *s, int (*fn)(void *), void *arg)
{
	struct tend__tls before = tend__tls;
	struct vthread *v = &s->threads[0];

	memset(&s->result, 0, sizeof(s->result));
	s->random = s->opts.seed;
	s->clock = TEND_SEC; /* above 0, because an instant of 0 means "none" in options */
	s->number = ++runs_begun;
	s->preemptions = 0;
	s->fixed = false;
	s->choices_at = 0;
	s->failed = false;
	s->used = 1;
	s->runnable = 1;
	s->current = 0;
	s->fn = fn;
	s->arg = arg;
	for (int i = 0; i < THREADS; i++) {
		void *stack = s->threads[i].stack;

		s->threads[i] = (struct vthread){.stack = stack, .fd = -1};
	}
	memset(s->endings, 0, sizeof(s->endings));
	if (!v->stack)
		v->stack = map_stack();
	if (!v->stack)
		return -ENOMEM;
	v->state = RUNNABLE;
	v->deadline = TEND_FOREVER;
	tend__context_adopt(&s->outside, false);
	tend__context_make(&v->context, &s->outside, v->stack, STACK_BYTES, back_outside, v);
	memset(&tend__tls, 0, sizeof(tend__tls));
	tend__tls.context = &v->context;
	sim = s;
	tend__context_switch(&s->outside, &v->context);
	sim = NULL;
	tend__tls = before;
	s->result.clock = s->clock - TEND_SEC;
	for (int i = 0; i < s->used; i++)
		if (s->threads[i].state != UNUSED)
			tend__context_drop(&s->threads[i].context);
	for (int i = 0; i < ENDINGS && s->endings[i]; i++)
		s->endings[i]();
	return s->result.status;
}

static struct sim *make(const struct tend_sim_opts *opts, int *error)
{
	struct tend_sim_opts o;

	*error = sim ? -EBUSY : tend__options(&o, sizeof(o), opts);
	if (*error)
		return NULL;
	struct sim *s = calloc(1, sizeof(*s));
	*error = -ENOMEM;
	if (!s)
		return NULL;
	s->opts = o;
	if (!s->opts.switch_in)
		s->opts.switch_in = 8;
	if (!s->opts.steps_max)
		s->opts.steps_max = 10000000;
	*error = 0;
	return s;
}

static void unmake(struct sim *s)
{
	for (int i = 0; i < THREADS; i++)
		if (s->threads[i].stack)
			munmap(s->threads[i].stack, STACK_BYTES);
	free(s->choices);
	free(s);
}

int tend_sim_run(const struct tend_sim_opts *opts, int (*fn)(void *arg), void *arg,
                 struct tend_sim_result *result)
{
	int error;
	struct sim *s = make(opts, &error);

	if (!s)
		return error;
	error = run(s, fn, arg);
	if (result)
		*result = s->result;
	unmake(s);
	return error;
}

/* The next list of choices, counted like a number whose last digits turn
 * fastest; false after the last. */
static bool advance(struct sim *s)
{
	while (s->choices_count) {
		struct choice *c = &s->choices[s->choices_count - 1];

		if (++c->taken < c->options)
			return true;
		s->choices_count--;
	}
	return false;
}

int tend_sim_explore(const struct tend_sim_opts *opts, int (*fn)(void *arg), void *arg,
                     uint64_t runs_max, uint64_t *runs, struct tend_sim_result *result)
{
	uint64_t n = 0;
	int error;
	struct sim *s = make(opts, &error);

	if (!s)
		return error;
	s->choices = calloc(CHOICES, sizeof(*s->choices));
	if (!s->choices) {
		unmake(s);
		return -ENOMEM;
	}
	do {
		if (n == runs_max) {
			error = -EAGAIN;
			break;
		}
		n++;
		error = run(s, fn, arg);
		if (!error && s->result.result)
			error = -EPROTO;
	} while (!error && advance(s));
	if (runs)
		*runs = n;
	if (result)
		*result = s->result;
	unmake(s);
	return error;
}
