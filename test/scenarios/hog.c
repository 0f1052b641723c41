/* A task that computes and never waits must not delay the tasks of others. */
#include "scenario.h"

/* ---- Deadlines ---- */

/* Computes on the only worker until a cancel has reached the scope. */
static int compute_until_canceled(void *scope)
{
	while (tend_scope_reason(*(tend_scope *)scope, NULL) == -ENOENT)
		compute();
	return 0;
}

static int32_t reason_of(tend_scope s)
{
	struct tend_reason reason;

	OK(tend_scope_reason(s, &reason));
	return reason.code;
}

SCENARIO(a_deadline_of_a_scope_needs_no_worker)
{
	tend_scope s;
	tend_task hog;

	open_world(1);
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.deadline = tend_after(5 * TEND_MS)), &s));
	OK(tend_spawn(root, compute_until_canceled, &s, NULL, &hog));
	ck_assert_int_eq(joined(hog).kind, TEND_COMPLETED);
	ck_assert_int_eq(reason_of(s), -ETIMEDOUT);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

SCENARIO(the_end_of_a_shield_needs_no_worker)
{
	tend_scope outer, s;
	tend_task hog;

	open_world(1);
	outer = child(root, "outer");
	OK(tend_scope_open(outer, "s", TEND_SCOPE_OPTS(.shield = tend_after(5 * TEND_MS)), &s));
	OK(tend_scope_cancel(outer, -EINTR, NULL));
	OK(tend_spawn(root, compute_until_canceled, &s, NULL, &hog));
	ck_assert_int_eq(joined(hog).kind, TEND_COMPLETED);
	ck_assert_int_eq(reason_of(s), -EINTR);
	OK(tend_scope_close(outer, SOON, NULL));
	close_world();
}

static int compute_until_task_canceled(void *task)
{
	while (tend_task_reason(*(tend_task *)task, NULL) == -ENOENT)
		compute();
	return 0;
}

SCENARIO(a_deadline_of_a_task_needs_no_worker)
{
	tend_task hog, late;

	open_world(1);
	OK(tend_spawn(root, wait_for, new_event(),
	              TEND_TASK_OPTS(.deadline = tend_after(5 * TEND_MS)), &late));
	OK(tend_spawn(root, compute_until_task_canceled, &late, NULL, &hog));
	ck_assert_int_eq(joined(hog).kind, TEND_COMPLETED);
	ck_assert_int_eq(joined(late).kind, TEND_CANCELED);
	close_world();
}

SCENARIO(deadlines_come_in_their_order)
{
	tend_scope s[4];
	struct tend_reason reason[4];

	open_world(2);
	/* Each is earlier than all before. */
	for (int i = 0; i < 4; i++)
		OK(tend_scope_open(
			root, "s",
			TEND_SCOPE_OPTS(.deadline = tend_after((uint64_t)(8 >> i) * TEND_MS)),
			&s[i]));
	OK(tend_scope_close(s[1], SOON, NULL));
	for (int i = 0; i < 4; i++)
		while (i != 1 && tend_scope_reason(s[i], &reason[i]) == -ENOENT)
			compute();
	ck_assert_uint_le(reason[3].when, reason[2].when);
	ck_assert_uint_le(reason[2].when, reason[0].when);
	close_world();
}
