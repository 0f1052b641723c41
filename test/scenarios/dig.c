/* DS-01 to DS-09: the registry and the token of a service. */
#include "scenario.h"

SCENARIO(ds_01_a_new_runtime_is_empty)
{
	open_world(2);
	ANSWERS(live(root), 0);
	ANSWERS(tend_path_live(rt, ""), 0);
	OK(tend_scope_wait_empty(root, 0));
	close_world();
}

SCENARIO(ds_02_a_spawn_registers_name_kind_and_count)
{
	tend_event *go;
	tend_snapshot *s;
	bool found = false;

	open_world(2);
	go = new_event();
	OK(tend_spawn(root, wait_for, go, TEND_TASK_OPTS(.name = "loop"), NULL));
	ANSWERS(live(root), 1);
	OK(tend_snapshot_take(rt, &s));
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);

		if (strcmp(info->name, "loop") == 0) {
			found = true;
			ck_assert_str_eq(tend_kind_name(info->kind), "fiber");
			ck_assert_ptr_nonnull(strstr(info->site, "dig.c:"));
		}
	}
	ck_assert(found);
	tend_snapshot_free(s);
	tend_event_set(go);
	close_world();
}

SCENARIO(ds_03_a_close_awaits_fast_tasks)
{
	struct tend_stats stats;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	for (int i = 0; i < 5; i++)
		OK(tend_spawn(s, end_at_once, NULL, NULL, NULL));
	OK(tend_scope_close(s, SOON, &stats));
	ck_assert_uint_eq(stats.completed, 5);
	close_world();
}

SCENARIO(ds_04_a_slow_task_makes_the_deadline_an_error_that_counts_it)
{
	tend_report *report;
	tend_task external;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_task_begin(s, NULL, &external));
	OK(tend_spawn(s, end_at_once, NULL, NULL, NULL));
	ANSWERS(tend_shutdown(s, tend_after(5 * TEND_MS), TEND_SHUTDOWN_OPTS(.report = &report)),
	        -ETIMEDOUT);
	ck_assert_uint_eq(tend_report_abandoned(report), 1);
	tend_report_free(report);
	OK(tend_task_end(external, 0));
	close_world();
}

SCENARIO(ds_05_a_fresh_scope_is_not_canceled)
{
	open_world(1);
	ANSWERS(tend_scope_reason(child(root, "s"), NULL), -ENOENT);
	close_world();
}

SCENARIO(ds_06_a_cancel_sets_the_state)
{
	tend_scope s;

	open_world(1);
	s = child(root, "s");
	OK(tend_scope_cancel(s, -ECANCELED, NULL));
	OK(tend_scope_reason(s, NULL));
	close_world();
}

SCENARIO(ds_07_the_first_reason_wins)
{
	struct tend_reason reason;
	tend_scope s;

	open_world(1);
	s = child(root, "s");
	OK(tend_scope_cancel(s, -EIO, "first"));
	ANSWERS(tend_scope_cancel(s, -ECANCELED, "second"), -EALREADY);
	OK(tend_scope_reason(s, &reason));
	ck_assert_int_eq(reason.code, -EIO);
	ck_assert_str_eq(reason.text, "first");
	close_world();
}

SCENARIO(ds_08_copies_of_a_handle_share_the_state)
{
	tend_scope s, copy;

	open_world(1);
	s = child(root, "s");
	copy = s;
	OK(tend_scope_cancel(copy, -ECANCELED, NULL));
	OK(tend_scope_reason(s, NULL));
	close_world();
}

static int fail_io(void *arg)
{
	(void)arg;
	return -EIO;
}

SCENARIO(ds_09_outcomes_tell_grace_from_failure)
{
	struct tend_stats stats;
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, end_at_once, NULL, NULL, NULL));
	OK(tend_spawn(s, fail_io, NULL, TEND_TASK_OPTS(.name = "bad"), NULL));
	OK(tend_spawn(s, wait_for, new_event(), NULL, &t));
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	joined(t);
	OK(tend_scope_close(s, SOON, &stats));
	ck_assert_uint_eq(stats.completed, 1);
	ck_assert_uint_eq(stats.failed, 1);
	ck_assert_uint_eq(stats.canceled, 1);
	ck_assert_int_eq(stats.first_error, -EIO);
	ck_assert_str_eq(stats.first_name, "bad");
	close_world();
}
