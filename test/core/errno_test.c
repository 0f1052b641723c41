/* No call sets errno, whatever its system calls do. What test/refusals has of calls that are
 * refused is here of calls that succeed, or whose time passes. */
#include "suite.h"

#include "world.h"

#include "tend/tend.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MINE = 4711 };

/* The call answers `want`, and leaves errno alone. */
#define LEAVES(call, want) \
	do { \
		errno = MINE; \
		int64_t answer_ = (call); \
		int number_ = errno; \
		ck_assert_msg(answer_ == (want), "%s answers %lld", #call, (long long)answer_); \
		ck_assert_msg(number_ == MINE, "%s sets errno to %d", #call, number_); \
	} while (0)
#define SOON tend_after(PATIENCE_NS)

static int end_at_once(void *arg)
{
	(void)arg;
	return 0;
}

static int wait_event(void *arg) { return tend_event_wait(arg, TEND_FOREVER); }

static void ignore(void *arg) { (void)arg; }

TEST(tasks_and_scopes_leave_errno_alone)
{
	const char *const argv[] = {exit_with(), "0", NULL};
	tend_report *report;
	tend_runtime *rt;
	tend_event *go;
	tend_scope s, timed;
	tend_task t, other;
	char text[1024];

	LEAVES(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 2,
	                                           .guard_path = getenv("TEND_GUARD")),
	                         &rt),
	       0);
	LEAVES(tend_event_open(&go), 0);
	LEAVES(tend_scope_open(tend_root(rt), "s", NULL, &s), 0);
	LEAVES(tend_scope_open(s, "timed", TEND_SCOPE_OPTS(.deadline = SOON), &timed), 0);
	LEAVES(tend_spawn(s, wait_event, go, NULL, &t), 0);
	LEAVES(tend_join(t, NULL, tend_after(TEND_MS)), -ETIMEDOUT);
	LEAVES(tend_scope_wait_empty(s, tend_after(TEND_MS)), -ETIMEDOUT);
	LEAVES(tend_path_wait_empty(rt, "s", tend_after(TEND_MS)), -ETIMEDOUT);
	LEAVES(tend_watch(t, go), 0);
	LEAVES(tend_task_cancel(t, -ECANCELED, "enough"), 0);
	LEAVES(tend_event_wait(go, SOON), 0);
	LEAVES(tend_join(t, NULL, SOON), 0);
	LEAVES(tend_spawn_thread(s, end_at_once, NULL, NULL, &t), 0);
	LEAVES(tend_join(t, NULL, SOON), 0);
	LEAVES(tend_spawn_thread(s, end_at_once, NULL, NULL, &other), 0);
	LEAVES(tend_join(other, NULL, SOON), 0);
	for (int i = 0; i < 2; i++) { /* with a guard and without */
		LEAVES(tend_spawn_process(s, TEND_PROCESS_OPTS(.argv = argv), &t), 0);
		LEAVES(tend_join(t, NULL, SOON), 0);
	}
	LEAVES(tend_task_begin(s, NULL, &t), 0);
	LEAVES(tend_task_end(t, 0), 0);
	LEAVES(tend_sleep_until(tend_after(TEND_MS)), 0);
	LEAVES(tend_scope_cleanup(s, ignore, NULL), 0);
	LEAVES(tend_shutdown(s, SOON, TEND_SHUTDOWN_OPTS(.report = &report)), 0);
	LEAVES(tend_report_text(report, text, sizeof(text)) > 0, 1);
	LEAVES(tend_report_json(report, text, sizeof(text)) > 0, 1);
	LEAVES((tend_report_free(report), 0), 0);
	LEAVES(tend_scope_close(s, SOON, NULL), 0);
	LEAVES((tend_event_close(go), 0), 0);
	LEAVES(tend_runtime_close(rt, SOON), 0);
}

TEST(descriptors_leave_errno_alone)
{
	char address[64], byte = 0;
	int listener, ends[2], port = 0;

	LEAVES((listener = tend_listen("tcp:127.0.0.1:0", 4)) >= 0, 1);
	LEAVES(tend_accept(listener, tend_after(TEND_MS)), -ETIMEDOUT);
	LEAVES((port = tend_local_port(listener)) > 0, 1);
	snprintf(address, sizeof(address), "tcp:127.0.0.1:%d", port);
	LEAVES((ends[0] = tend_connect(address, SOON)) >= 0, 1);
	LEAVES((ends[1] = tend_accept(listener, SOON)) >= 0, 1);
	LEAVES(tend_read(ends[0], &byte, 1, tend_after(TEND_MS)), -ETIMEDOUT);
	LEAVES(tend_fd_wait(ends[0], TEND_READABLE, tend_after(TEND_MS)), -ETIMEDOUT);
	LEAVES(tend_write(ends[1], "x", 1, SOON), 1);
	LEAVES(tend_read(ends[0], &byte, 1, SOON), 1);
	LEAVES(tend_fd_close(ends[0]), 0);
	LEAVES(tend_fd_close(ends[1]), 0);
	LEAVES(tend_fd_close(listener), 0);
}

TEST(readers_of_a_registry_leave_errno_alone)
{
	struct tend_event_info e[8];
	tend_subscription *sub;
	tend_snapshot *s[4];
	tend_runtime *rt;
	static char text[4096];
	char path[64];

	snprintf(path, sizeof(path), "/tmp/tend-errno-%d", getpid());
	LEAVES(tend_runtime_open(
		       TEND_RUNTIME_OPTS(.name = "t", .workers = 1, .registry_path = path), &rt),
	       0);
	LEAVES(tend_subscribe(rt, &sub), 0);
	LEAVES(tend_snapshot_take(rt, s), 0);
	LEAVES(tend_snapshot_text(s[0], 0, text, sizeof(text)) > 0, 1);
	LEAVES(tend_snapshot_place(s[0], (uintptr_t)path, text, sizeof(text)) > 0, 1);
	LEAVES((tend_snapshot_free(s[0]), 0), 0);
	LEAVES(tend_snapshot_of(getpid(), s), 0);
	LEAVES((tend_snapshot_free(s[0]), 0), 0);
	LEAVES(tend_snapshots_of(getpid(), s, 4), 1);
	tend_snapshot_free(s[0]);
	LEAVES(tend_events_take(sub, e, 8, NULL) >= 0, 1);
	LEAVES((tend_unsubscribe(sub), 0), 0);
	LEAVES(tend_runtime_close(rt, SOON), 0);
}
