/* The monitor of a runtime, from inside: errands and watches. */
#include "suite.h"

#include "world.h"

#include "tend/tend.h"

#include "runtime/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

static tend_runtime *open_with_monitor(void)
{
	tend_runtime *rt = open_runtime(1, 0);

	ck_assert(!tend__load_acquire(&rt->monitor));
	ANSWERS(tend__monitor_start(rt), 0);
	ANSWERS(tend__monitor_start(rt), 0);
	return rt;
}

static void await(_Atomic int *count, int n)
{
	uint64_t give_up = tend_after(PATIENCE_NS);

	while (tend__load_acquire(count) < n) {
		ck_assert_uint_lt(tend_now(), give_up);
		sched_yield();
	}
}

/* ---- Errands ---- */

static _Atomic int calls;

struct numbered {
	struct tend__errand errand;
	int number; /* of the next call */
};

static void run(tend_runtime *rt, struct tend__errand *e)
{
	struct numbered *n = tend__entry(e, struct numbered, errand);

	ck_assert(!tend__tls.worker && !tend__tls.task);
	ck_assert_int_eq(tend__add(&calls, 1), n->number);
	n->number += 10;
	if (n->number < 100)
		tend__monitor_post(rt, e);
}

static struct numbered n[10];
static void post_all(tend_runtime *rt, struct tend__errand *e)
{
	(void)e;
	for (int i = 0; i < 10; i++) {
		n[i] = (struct numbered){{.fn = run}, i};
		tend__monitor_post(rt, &n[i].errand);
	}
}

TEST(errands_run_in_their_order_and_may_be_posted_anew)
{
	static struct tend__errand first = {.fn = post_all};
	tend_runtime *rt = open_with_monitor();

	tend__store_release(&calls, 0);
	/* By the monitor itself, so that no errand runs before all are posted. */
	tend__monitor_post(rt, &first);
	await(&calls, 100);
	close_runtime(rt);
}

static _Atomic int late;
static void count_late(tend_runtime *rt, struct tend__errand *e)
{
	(void)rt;
	(void)e;
	tend__add(&late, 1);
}

TEST(an_errand_runs_before_the_monitor_stops)
{
	static struct tend__errand errand[100];
	tend_runtime *rt = open_with_monitor();

	tend__store_release(&late, 0);
	for (int i = 0; i < 100; i++) {
		errand[i].fn = count_late;
		tend__monitor_post(rt, &errand[i]);
	}
	close_runtime(rt);
	ck_assert_int_eq(tend__load_acquire(&late), 100);
}

static struct tend__alarm due;
static _Atomic int rung, storm;

static void ring(tend_runtime *rt, uint64_t id)
{
	(void)rt;
	tend__store_release(&rung, (int)id);
}
static void set_alarm(tend_runtime *rt, struct tend__errand *e)
{
	(void)e;
	tend__alarm_set(rt, &due, tend_now());
}
static void look_at_alarm(tend_runtime *rt, struct tend__errand *e)
{
	(void)rt;
	(void)e;
	if (tend__load_acquire(&rung))
		tend__add(&storm, 1);
	tend__add(&calls, 1);
}
static struct tend__errand errands[50];
static void post_storm(tend_runtime *rt, struct tend__errand *e)
{
	(void)e;
	for (int i = 0; i < 50; i++) {
		errands[i].fn = i == 9 ? set_alarm : look_at_alarm;
		tend__monitor_post(rt, &errands[i]);
	}
}

TEST(an_alarm_that_is_due_rings_before_the_errands_behind)
{
	static struct tend__errand first = {.fn = post_storm};
	tend_runtime *rt = open_with_monitor();

	due = (struct tend__alarm){.id = 1, .ring = ring};
	tend__store_release(&rung, 0);
	tend__store_release(&storm, 0);
	tend__store_release(&calls, 0);
	/* By the monitor itself, so that no errand runs before all are posted. */
	tend__monitor_post(rt, &first);
	await(&calls, 49);
	/* All but the nine before the alarm was set. */
	ck_assert_int_eq(tend__load_acquire(&storm), 40);
	close_runtime(rt);
}

/* ---- Watches ---- */

static _Atomic int edges[3];

static void edge(tend_runtime *rt, uint64_t id, int fd)
{
	char byte;

	(void)rt;
	while (read(fd, &byte, 1) == 1) {}
	tend__add(&edges[id], 1);
}

static void open_pipe(int fds[2]) { ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0); }

static void send_byte(int fd) { ck_assert_int_eq(write(fd, "x", 1), 1); }

TEST(a_watch_is_called_for_what_is_ready_and_for_each_edge)
{
	tend_runtime *rt = open_with_monitor();
	int before[2], after[2];

	open_pipe(before);
	open_pipe(after);
	send_byte(before[1]);
	for (int i = 0; i < 3; i++)
		tend__store_release(&edges[i], 0);
	ANSWERS(tend__monitor_watch(rt, before[0], edge, 0), 0);
	ANSWERS(tend__monitor_watch(rt, after[0], edge, 1), 0);
	await(&edges[0], 1);
	ck_assert_int_eq(tend__load_acquire(&edges[1]), 0);
	send_byte(after[1]);
	await(&edges[1], 1);
	send_byte(before[1]);
	await(&edges[0], 2);

	/* The number is used for another file, and the earlier watch is not told. */
	tend__monitor_unwatch(rt, before[0]);
	send_byte(before[1]);
	ck_assert_int_eq(dup2(after[0], before[0]), before[0]);
	ANSWERS(tend__monitor_watch(rt, before[0], edge, 2), 0);
	send_byte(after[1]);
	await(&edges[2], 1);
	ck_assert_int_eq(tend__load_acquire(&edges[0]), 2);
	tend__monitor_unwatch(rt, before[0]);
	tend__monitor_unwatch(rt, after[0]);
	close_runtime(rt);
	for (int i = 0; i < 2; i++) {
		close(before[i]);
		close(after[i]);
	}
}

TEST(a_descriptor_that_cannot_be_watched_is_refused)
{
	tend_runtime *rt = open_with_monitor();
	int fds[2];

	open_pipe(fds);
	close(fds[0]);
	ANSWERS(tend__monitor_watch(rt, fds[0], edge, 0), -EBADF);
	ANSWERS(tend__monitor_watch(rt, 1 << 20, edge, 0), -EOVERFLOW);
	close(fds[1]);
	close_runtime(rt);
}
