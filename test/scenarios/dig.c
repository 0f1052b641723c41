/* DS-01 to DS-09. */
#include "scenario.h"

SCENARIO(ds_01_a_new_scope_is_empty)
{
	struct tend_stats stats;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	ANSWERS(live(s), 0);
	OK(tend_scope_wait_empty(s, 0));
	OK(tend_scope_stats(s, &stats));
	ck_assert_uint_eq(stats.spawned, 0);
	ck_assert_uint_eq(stats.refused, 0);
	OK(tend_scope_close(s, 0, NULL));
	close_world();
}

SCENARIO(ds_02_a_spawn_enters_name_kind_site_and_count)
{
	tend_event *go;
	tend_scope s;
	tend_task t[3];
	static const char *const names[3] = {"f", "t", "x"};
	static const int kinds[3] = {TEND_KIND_FIBER, TEND_KIND_THREAD, TEND_KIND_EXTERNAL};
	tend_snapshot *snap;
	int found = 0;

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, wait_for, go, TEND_TASK_OPTS(.name = "f"), &t[0]));
	OK(tend_spawn_thread(s, wait_for, go, TEND_TASK_OPTS(.name = "t"), &t[1]));
	OK(tend_task_begin(s, TEND_TASK_OPTS(.name = "x"), &t[2]));
	ANSWERS(live(s), 3);
	OK(tend_snapshot_take(rt, &snap));
	for (size_t i = 0; i < tend_snapshot_count(snap); i++) {
		const struct tend_info *info = tend_snapshot_at(snap, i);

		for (int k = 0; k < 3; k++)
			if (info->id == t[k].id) {
				ck_assert_str_eq(info->name, names[k]);
				ck_assert_int_eq(info->kind, kinds[k]);
				ck_assert_uint_eq(info->parent, s.id);
				ck_assert_ptr_nonnull(strstr(info->site, "dig.c:"));
				ck_assert_int_eq(info->outcome, TEND_LIVE);
				found++;
			}
	}
	tend_snapshot_free(snap);
	ck_assert_int_eq(found, 3);
	tend_event_set(go);
	OK(tend_task_end(t[2], 0));
	OK(tend_scope_wait_empty(s, SOON));
	ANSWERS(live(s), 0);
	close_world();
}

static int a_while(void *arg)
{
	(void)arg;
	return tend_sleep_until(tend_after(TEND_MS));
}

SCENARIO(ds_03_a_shutdown_lets_the_fast_end_by_themselves)
{
	tend_scope s;
	tend_task t[3];
	tend_report *report;

	open_world(2);
	s = child(root, "s");
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(s, a_while, NULL, NULL, &t[i]));
	OK(tend_shutdown(s, SOON, TEND_SHUTDOWN_OPTS(.drain = SOON, .report = &report)));
	ck_assert_uint_eq(tend_report_abandoned(report), 0);
	tend_report_free(report);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(joined(t[i]).kind, TEND_COMPLETED);
	close_world();
}

SCENARIO(ds_04_at_the_deadline_the_slow_are_counted_and_the_ended_are_not)
{
	tend_event *go;
	tend_scope s;
	tend_task fast, slow;
	tend_report *report;

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, end_at_once, NULL, NULL, &fast));
	OK(tend_spawn(s, ignore_cancels, go, NULL, &slow));
	await_state(fast.id, TEND_STATE_ENDED);
	await_state(slow.id, TEND_STATE_PARKED);
	ANSWERS(tend_shutdown(s, tend_after(20 * TEND_MS), TEND_SHUTDOWN_OPTS(.report = &report)),
	        -ETIMEDOUT);
	ck_assert_uint_eq(tend_report_abandoned(report), 1);
	tend_report_free(report);
	/* Not forgotten: it is still counted, and its end is still its outcome. */
	ANSWERS(live(s), 1);
	tend_event_set(go);
	ck_assert_int_eq(joined(slow).result, 7);
	ck_assert_int_eq(joined(fast).kind, TEND_COMPLETED);
	close_world();
}

static int look_once(void *arg)
{
	(void)arg;
	ANSWERS(tend_task_reason(tend_self(), NULL), -ENOENT);
	return tend_checkpoint();
}

SCENARIO(ds_05_what_is_new_is_not_canceled)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	ANSWERS(tend_scope_reason(s, NULL), -ENOENT);
	OK(tend_spawn(s, look_once, NULL, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}

static int look_at_the_reason(void *event)
{
	struct tend_reason r;

	ANSWERS(tend_event_wait(event, TEND_FOREVER), -ECANCELED);
	OK(tend_task_reason(tend_self(), &r));
	ANSWERS(tend_checkpoint(), -ECANCELED);
	return r.code;
}

SCENARIO(ds_06_a_cancel_is_a_state_with_a_reason)
{
	struct tend_reason r;
	struct tend_outcome o;
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, look_at_the_reason, new_event(), NULL, &t));
	await_state(t.id, TEND_STATE_PARKED);
	ANSWERS(tend_scope_cancel(s, 1, NULL), -EINVAL);
	ANSWERS(tend_scope_cancel(s, 0, NULL), -EINVAL);
	ANSWERS(tend_scope_reason(s, NULL), -ENOENT);
	OK(tend_scope_cancel(s, -EIO, "the disk"));
	OK(tend_scope_reason(s, &r));
	ck_assert_int_eq(r.code, -EIO);
	ck_assert_str_eq(r.text, "the disk");
	ck_assert_uint_eq(r.who, 0);
	ck_assert_uint_le(r.when, tend_now());
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.result, -EIO);
	ck_assert_str_eq(o.reason.text, "the disk");
	close_world();
}

SCENARIO(ds_07_the_first_reason_stays)
{
	struct tend_reason r;
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, wait_for, new_event(), NULL, &t));
	OK(tend_scope_cancel(s, -EIO, "first"));
	ANSWERS(tend_scope_cancel(s, -EPERM, "second"), -EALREADY);
	ANSWERS(tend_scope_cancel(s, -EIO, "first"), -EALREADY);
	OK(tend_scope_reason(s, &r));
	ck_assert_int_eq(r.code, -EIO);
	ck_assert_str_eq(r.text, "first");
	ck_assert_int_eq(joined(t).reason.code, -EIO);
	close_world();
}

SCENARIO(ds_08_copies_of_a_handle_share_its_state)
{
	struct tend_reason r;
	tend_scope s, copy;

	open_world(2);
	s = child(root, "s");
	copy = s;
	OK(tend_scope_cancel(copy, -EIO, "by the copy"));
	OK(tend_scope_reason(s, &r));
	ck_assert_str_eq(r.text, "by the copy");
	OK(tend_scope_close(s, SOON, NULL));
	ANSWERS(tend_scope_reason(copy, NULL), -ESRCH);
	ANSWERS(tend_scope_close(copy, SOON, NULL), -ESRCH);
	close_world();
}

static int answer(void *arg) { return *(const int *)arg; }
static int panic(void *arg)
{
	(void)arg;
	tend_panic("on purpose");
}

SCENARIO(ds_09_outcomes_tell_the_graceful_from_the_others)
{
	static const int three = 3, eio = -EIO;
	struct tend_outcome o;
	struct tend_stats stats;
	tend_scope s;
	tend_task done, failed, panicked, canceled;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, answer, (void *)&three, NULL, &done));
	o = joined(done);
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.result, 3);
	OK(tend_spawn(s, answer, (void *)&eio, TEND_TASK_OPTS(.name = "bad"), &failed));
	o = joined(failed);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -EIO);
	OK(tend_spawn(s, panic, NULL, NULL, &panicked));
	ck_assert_int_eq(joined(panicked).kind, TEND_PANICKED);
	OK(tend_spawn(s, wait_for, new_event(), NULL, &canceled));
	OK(tend_task_cancel(canceled, -ECANCELED, NULL));
	ck_assert_int_eq(joined(canceled).kind, TEND_CANCELED);
	OK(tend_scope_close(s, SOON, &stats));
	ck_assert_uint_eq(stats.completed, 1);
	ck_assert_uint_eq(stats.failed, 1);
	ck_assert_uint_eq(stats.panicked, 1);
	ck_assert_uint_eq(stats.canceled, 1);
	ck_assert_int_eq(stats.first_error, -EIO);
	ck_assert_str_eq(stats.first_name, "bad");
	close_world();
}
