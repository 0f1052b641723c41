/* The events of scopes and tasks: each change once, in the order of the changes. */
#include "scenario.h"

#include <stdio.h>

static const char *told(tend_subscription *sub)
{
	static char text[1024];
	struct tend_event_info e[32];
	uint64_t lost = 0;
	int64_t n = tend_events_take(sub, e, 32, &lost);
	size_t at = 0;

	ck_assert_uint_eq(lost, 0);
	text[0] = 0;
	for (int64_t i = 0; i < n; i++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %s", i ? ", " : "",
		                       e[i].name, tend_event_name(e[i].type));
		if (e[i].type == TEND_EVENT_CANCELED)
			ck_assert_int_eq(e[i].result, -EIO);
	}
	return text;
}

SCENARIO(each_change_of_a_scope_or_task_is_an_event)
{
	tend_subscription *sub;
	tend_task t;
	tend_scope a, b;

	open_world(1);
	OK(tend_subscribe(rt, &sub));
	a = child(root, "a");
	OK(tend_scope_seal(a));
	OK(tend_scope_seal(a));
	OK(tend_scope_unseal(a));
	OK(tend_scope_unseal(a));
	IS(told(sub), "a opened, a sealed, a unsealed");
	OK(tend_task_begin(a, TEND_TASK_OPTS(.name = "t"), &t));
	OK(tend_task_cancel(t, -EIO, "one"));
	ANSWERS(tend_task_cancel(t, -EIO, "again"), -EALREADY);
	IS(told(sub), "t started, t began, t canceled");
	OK(tend_scope_cancel(a, -EIO, "all"));
	b = child(a, "born-canceled");
	IS(told(sub), "a canceled, born-canceled opened, born-canceled canceled");
	ANSWERS(tend_scope_close(a, 0, NULL), -ETIMEDOUT);
	ANSWERS(tend_scope_close(a, 0, NULL), -ETIMEDOUT);
	IS(told(sub), "a closing, born-canceled closing");
	OK(tend_task_end(t, 0));
	OK(tend_scope_close(b, 0, NULL));
	OK(tend_scope_close(a, 0, NULL));
	IS(told(sub), "t ended, born-canceled ended, a ended");
	tend_unsubscribe(sub);
	close_world();
}

SCENARIO(a_task_whose_deadline_has_passed_is_told_as_canceled)
{
	struct tend_event_info e[4];
	tend_subscription *sub;
	tend_task t;

	open_world(1);
	OK(tend_sleep(TEND_MS));
	OK(tend_subscribe(rt, &sub));
	OK(tend_task_begin(root, TEND_TASK_OPTS(.name = "t", .deadline = tend_now()), &t));
	ANSWERS((int)tend_events_take(sub, e, 4, NULL), 3);
	ck_assert_int_eq(e[0].type, TEND_EVENT_STARTED);
	ck_assert_int_eq(e[1].type, TEND_EVENT_CANCELED);
	ck_assert_int_lt(e[1].result, 0);
	ck_assert_uint_eq(e[1].id, t.id);
	OK(tend_task_end(t, 0));
	tend_unsubscribe(sub);
	close_world();
}

SCENARIO(the_event_of_an_end_says_why)
{
	const struct {
		int task, scope; /* codes of their cancels */
		int32_t result, error;
	} cases[] = {
		{0, 0, 7, 0},
		{0, 0, -EBADF, -EBADF},
		{-EHOSTDOWN, 0, 0, -EHOSTDOWN},
		{0, -EIO, 0, -EIO},
		{-EHOSTDOWN, -EIO, 0, -EHOSTDOWN},
	};
	struct tend_event_info e[4];
	tend_subscription *sub;
	tend_task t;

	open_world(1);
	OK(tend_subscribe(rt, &sub));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tend_scope s = child(root, "s");

		OK(tend_task_begin(s, NULL, &t));
		if (cases[i].task)
			OK(tend_task_cancel(t, cases[i].task, NULL));
		if (cases[i].scope)
			OK(tend_scope_cancel(s, cases[i].scope, NULL));
		while (tend_events_take(sub, e, 4, NULL) > 0)
			continue;
		OK(tend_task_end(t, cases[i].result));
		ANSWERS(tend_events_take(sub, e, 4, NULL), 1);
		ck_assert_int_eq(e[0].error, cases[i].error);
		ck_assert_uint_eq(e[0].attempt, 1);
		OK(tend_scope_close(s, SOON, NULL));
	}
	tend_unsubscribe(sub);
	close_world();
}
