/* The header and the rings: the facts by which a reader places a registry. */
#include "suite.h"

#include "tend/tend.h"

#include "runtime/runtime.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static tend_runtime *open_it(uint32_t flags)
{
	tend_runtime *rt;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "app", .workers = 1, .flags = flags),
	                          &rt),
	        0);
	return rt;
}

static void close_it(tend_runtime *rt)
{
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}

TEST(a_registry_says_when_and_by_which_boot_its_instants_are)
{
	uint8_t boot[16], none[16] = {0};
	tend_runtime *rt = open_it(0);
	const struct tend__header *h = rt->segment.header;
	uint64_t utc = (uint64_t)time(NULL) * TEND_SEC;

	tend__boot_id(boot);
	ck_assert_mem_eq(h->boot, boot, sizeof(boot));
	ck_assert_mem_ne(h->boot, none, sizeof(none));
	ck_assert_uint_le(h->opened, tend_now());
	ck_assert_uint_lt(h->opened_utc - PATIENCE_NS, utc + PATIENCE_NS);
	ck_assert_uint_gt(h->opened_utc, utc - PATIENCE_NS);
	ck_assert_str_eq(h->name, "app");
	ck_assert_str_eq(h->version, TEND_VERSION);
	ck_assert_str_eq(h->control, "");
	close_it(rt);
}

static int rest(void *arg)
{
	(void)arg;
	return tend_sleep_until(TEND_FOREVER);
}

/* What a debugger does that has only the memory of a process. */
TEST(a_registry_leads_to_the_stack_of_a_parked_fiber)
{
	tend_runtime *rt = open_it(TEND_HOSTED);
	const struct tend__header *h = rt->segment.header;
	tend_task task;

	ANSWERS(tend_spawn(tend_root(rt), rest, NULL, NULL, &task), 0);
	ck_assert_int_gt(tend_runtime_poll(rt, 0), 0);
	const char *t = (const char *)(uintptr_t)h->tasks_address +
	                (size_t)tend__id_slot(task.id) * h->task_bytes;
	const char *stack = *(char *const *)(const void *)(t + h->task_stack_at);
	uint64_t sp = *(const uint64_t *)(const void *)(stack + h->stack_sp_at);
	uint64_t low = *(const uint64_t *)(const void *)(stack + h->stack_low_at);
	ck_assert_uint_gt(sp, low);
	ck_assert_uint_lt(sp, (uintptr_t)stack);
	ck_assert_uint_eq(h->arch, 62);
	ck_assert_uint_eq(h->swap_frame, 1);
	ANSWERS(tend_task_cancel(task, -ECANCELED, NULL), 0);
	close_it(rt);
}

/* ---- The parent ---- */

static const struct {
	const char *variable;
	uint64_t opened, task;
	uint32_t attempt;
} parents[] = {
	{"1:123456789012345:4294967298:3:/run/tend/x.sock", UINT64_C(123456789012345),
         UINT64_C(4294967298), 3},
	{"1:5:6:7:", 5, 6, 7},
	{"1:5:6:7", 0, 0, 0},
	{"2:5:6:7:", 0, 0, 0},
	{"1:5:6", 0, 0, 0},
	{"1: 5:6:7:", 0, 0, 0},
	{"1:-5:6:7:", 0, 0, 0},
	{"1:5:6:4294967296:", 0, 0, 0},
	{"1:99999999999999999999:6:7:", 0, 0, 0},
	{"", 0, 0, 0},
};

TEST_EACH(the_environment_says_whose_child_a_process_is, 10)
{
	setenv("TEND_PARENT", parents[_i].variable, 1);
	tend_runtime *rt = open_it(TEND_HOSTED);
	const struct tend__header *h = rt->segment.header;

	ck_assert_uint_eq(h->parent_opened, parents[_i].opened);
	ck_assert_uint_eq(h->parent_task, parents[_i].task);
	ck_assert_uint_eq(h->parent_attempt, parents[_i].attempt);
	ck_assert_uint_eq(h->parent_pid, (uint32_t)getppid());
	tend_snapshot *s;
	struct tend_snapshot_info about;
	ANSWERS(tend_snapshot_take(rt, &s), 0);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.parent_opened_at, parents[_i].opened);
	ck_assert_uint_eq(about.parent_task, parents[_i].task);
	ck_assert_uint_eq(about.parent_attempt, parents[_i].attempt);
	tend_snapshot_free(s);
	unsetenv("TEND_PARENT");
	close_it(rt);
}

/* ---- The rings ---- */

static bool is_thread(uint32_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%u", tid);
	return tid != 0 && access(path, F_OK) == 0;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

TEST(a_ring_tells_the_thread_of_a_worker_and_its_last_round)
{
	tend_runtime *rt = open_it(0);
	struct tend__ring *ring = tend__ring_at(rt->segment.header, 0);
	uint64_t before = tend_now(), round, seen = 0;
	tend_task task;

	while (seen < before) {
		ANSWERS(tend_spawn(tend_root(rt), nothing, NULL, NULL, &task), 0);
		ANSWERS(tend_join(task, NULL, TEND_FOREVER), 0);
		seen = atomic_load(&ring->round_at);
	}
	ck_assert_uint_le(seen, tend_now());
	round = atomic_load(&ring->round);
	ck_assert_uint_gt(round, 0);
	ck_assert(is_thread(atomic_load(&ring->tid)));
	ck_assert_uint_ne(atomic_load(&ring->tid), (uint32_t)getpid());
	while (atomic_load(&ring->round) == round) {
		ANSWERS(tend_spawn(tend_root(rt), nothing, NULL, NULL, &task), 0);
		ANSWERS(tend_join(task, NULL, TEND_FOREVER), 0);
	}
	close_it(rt);
}

TEST(a_ring_tells_the_thread_that_drives_a_hosted_runtime)
{
	tend_runtime *rt = open_it(TEND_HOSTED);
	struct tend__ring *ring = tend__ring_at(rt->segment.header, 0);

	ck_assert_uint_eq(atomic_load(&ring->tid), 0);
	ck_assert_int_ge(tend_runtime_poll(rt, 0), 0);
	ck_assert_uint_eq(atomic_load(&ring->tid), (uint32_t)getpid());
	close_it(rt);
}
