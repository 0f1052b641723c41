/* What a row says: states, waits, places, names. */
#include "suite.h"

#include "fake.h"

static void says(uint32_t kind, uint32_t state_bits, uint32_t state)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	fake_task(&f, 1, kind, "t", state_bits);
	s = fake_read(&f);
	ck_assert_str_eq(tend_state_name(info_named(s, "t")->state), tend_state_name(state));
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(the_state_of_a_task_is_that_of_its_word)
{
	says(TEND_KIND_FIBER, TEND__READY, TEND_STATE_READY);
	says(TEND_KIND_FIBER, TEND__RUNNING, TEND_STATE_RUNNING);
	says(TEND_KIND_FIBER, TEND__PARKED, TEND_STATE_PARKED);
	says(TEND_KIND_FIBER, TEND__ENDED, TEND_STATE_ENDED);
	says(TEND_KIND_THREAD, TEND__READY | TEND__STARTING, TEND_STATE_STARTING);
	says(TEND_KIND_FIBER, TEND__PARKED | TEND__WAIT_BACKOFF << TEND__WAIT_SHIFT,
	     TEND_STATE_BACKOFF);
}

TEST(canceled_and_not_ended_is_stopping)
{
	says(TEND_KIND_FIBER, TEND__PARKED | TEND__CANCELED, TEND_STATE_STOPPING);
	says(TEND_KIND_FIBER, TEND__ENDED | TEND__CANCELED, TEND_STATE_ENDED);
	says(TEND_KIND_PROCESS, TEND__PARKED | TEND__CANCELED, TEND_STATE_STOPPING);
}

TEST(given_up_is_abandoned_until_it_ends)
{
	says(TEND_KIND_FIBER, TEND__RUNNING | TEND__CANCELED | TEND__ABANDONED,
	     TEND_STATE_ABANDONED);
	says(TEND_KIND_FIBER, TEND__ENDED | TEND__CANCELED | TEND__ABANDONED, TEND_STATE_ENDED);
}

TEST(a_process_that_has_started_is_running_whatever_its_fiber_waits_for)
{
	says(TEND_KIND_PROCESS, TEND__PARKED | TEND__STARTING, TEND_STATE_STARTING);
	says(TEND_KIND_PROCESS, TEND__PARKED | TEND__WAIT_EXIT << TEND__WAIT_SHIFT,
	     TEND_STATE_RUNNING);
	says(TEND_KIND_PROCESS, TEND__READY, TEND_STATE_RUNNING);
}

TEST(a_task_of_a_canceled_scope_is_stopping)
{
	struct fake f = fake_open(64);
	uint32_t a = fake_scope(&f, 1, "a");
	tend_snapshot *s;

	fake_task(&f, a, TEND_KIND_FIBER, "t", TEND__PARKED);
	fake_task(&f, a, TEND_KIND_FIBER, "ended", TEND__ENDED);
	fake_task(&f, 1, TEND_KIND_FIBER, "other", TEND__PARKED);
	fake_record(&f, a)->word |= TEND__SCOPE_CANCELED;
	s = fake_read(&f);
	ck_assert_int_eq(info_named(s, "a")->state, TEND_STATE_STOPPING);
	ck_assert_int_eq(info_named(s, "t")->state, TEND_STATE_STOPPING);
	ck_assert_int_eq(info_named(s, "ended")->state, TEND_STATE_ENDED);
	ck_assert_int_eq(info_named(s, "other")->state, TEND_STATE_PARKED);
	ck_assert_int_eq(info_named(s, "root")->state, TEND_STATE_RUNNING);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(a_scope_that_closes_is_stopping_and_a_sealed_one_is_not)
{
	struct fake f = fake_open(64);
	uint32_t a = fake_scope(&f, 1, "a"), b = fake_scope(&f, 1, "b");
	tend_snapshot *s;

	fake_record(&f, a)->word |= TEND__SCOPE_CLOSED;
	fake_record(&f, b)->word |= TEND__SCOPE_SEALED;
	s = fake_read(&f);
	ck_assert_int_eq(info_named(s, "a")->state, TEND_STATE_STOPPING);
	ck_assert_int_eq(info_named(s, "b")->state, TEND_STATE_RUNNING);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(a_free_slot_is_no_row)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	fake_task(&f, 1, TEND_KIND_FIBER, "free", TEND__FREE);
	fake_task(&f, 1, TEND_KIND_FIBER, "bits-of-free", TEND__CANCELED);
	fake_record(&f, fake_scope(&f, 1, "not-live"))->word =
		(uint64_t)1 << 32 | TEND__SCOPE_SEALED;
	fake_task(&f, 1, TEND_KIND_FIBER, "t", TEND__READY);
	s = fake_read(&f);
	ck_assert_str_eq(paths_of(s), "root#1 root/t#5");
	tend_snapshot_free(s);
	fake_close(&f);
}

/* ---- Waits ---- */

static void waits(enum tend__wait_kind why, uint64_t object, const char *sentence)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;
	uint32_t t = fake_task(&f, 1, TEND_KIND_FIBER, "t",
	                       TEND__PARKED | (uint32_t)why << TEND__WAIT_SHIFT);

	fake_record(&f, t)->object = object;
	s = fake_read(&f);
	ck_assert_str_eq(info_named(s, "t")->wait, sentence);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(a_wait_is_a_sentence_with_its_object)
{
	waits(TEND__WAIT_NONE, 12, "");
	waits(TEND__WAIT_RECV, 12, "recv channel#12");
	waits(TEND__WAIT_SEND, 12, "send channel#12");
	waits(TEND__WAIT_EVENT, 3, "event#3");
	waits(TEND__WAIT_READ, 7, "read fd 7");
	waits(TEND__WAIT_JOIN, 5, "join #5");
	waits(TEND__WAIT_GUARD, 5, "tend-guard");
	waits(TEND__WAIT_STOPPED, 5, "stopped");
	waits(TEND__WAIT_BACKOFF, 5, "backoff 0s");
	waits(TEND__WAIT_KINDS, 5, "");
	waits((enum tend__wait_kind)255, 5, "");
}

TEST(a_sleep_says_what_is_left_of_it)
{
	waits(TEND__WAIT_SLEEP, FAKE_NOW + 3200 * TEND_MS, "sleep 3.2s");
	waits(TEND__WAIT_SLEEP, FAKE_NOW, "sleep 0s");
	waits(TEND__WAIT_SLEEP, FAKE_NOW - 1, "sleep 0s");
	waits(TEND__WAIT_SLEEP, 0, "sleep 0s");
}

TEST(only_what_is_parked_waits)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	fake_task(&f, 1, TEND_KIND_FIBER, "ready",
	          TEND__READY | TEND__WAIT_RECV << TEND__WAIT_SHIFT);
	fake_task(&f, 1, TEND_KIND_PROCESS, "process",
	          TEND__PARKED | TEND__WAIT_EXIT << TEND__WAIT_SHIFT);
	s = fake_read(&f);
	ck_assert_str_eq(info_named(s, "ready")->wait, "");
	ck_assert_str_eq(info_named(s, "process")->wait, "");
	tend_snapshot_free(s);
	fake_close(&f);
}

/* ---- The rest ---- */

TEST(a_row_has_what_its_record_has)
{
	struct fake f = fake_open(64);
	uint32_t a = fake_scope(&f, 1, "a"), t;
	const struct tend_info *info;
	tend_snapshot *s;

	t = fake_task(&f, a, TEND_KIND_PROCESS, "t",
	              TEND__ENDED | TEND_FAILED << TEND__OUTCOME_SHIFT);
	f.h->runtime = 3;
	fake_record(&f, t)->attempt = 4;
	fake_record(&f, t)->pid = 4711;
	fake_record(&f, t)->result = -5;
	fake_record(&f, t)->spawned = 100;
	fake_record(&f, t)->since = 200;
	fake_record(&f, t)->checkpoints = 6;
	fake_record(&f, t)->event = 7;
	fake_record(&f, t)->site_kind |= 1 << 8;
	s = fake_read(&f);
	info = info_named(s, "t");
	ck_assert_uint_eq(info->id, tend__id(3, 1, t));
	ck_assert_uint_eq(info->parent, tend__id(3, 1, a));
	ck_assert_int_eq(info->kind, TEND_KIND_PROCESS);
	ck_assert_int_eq(info->outcome, TEND_FAILED);
	ck_assert_uint_eq(info->attempt, 4);
	ck_assert_int_eq(info->pid, 4711);
	ck_assert_int_eq(info->result, -5);
	ck_assert_uint_eq(info->spawned_at, 100);
	ck_assert_uint_eq(info->since, 200);
	ck_assert_uint_eq(info->checkpoints, 6);
	ck_assert_uint_eq(info->last_event, 7);
	ck_assert_str_eq(info->site, "server.c:42");
	ck_assert_int_eq(info->torn, 0);
	ck_assert_uint_eq(info_named(s, "root")->parent, 0);
	ck_assert_uint_eq(info_named(s, "a")->attempt, 0);
	ck_assert_int_eq(info_named(s, "a")->outcome, TEND_LIVE);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(a_site_that_is_not_there_is_none_and_control_bytes_are_not_shown)
{
	struct fake f = fake_open(64);
	uint32_t a = fake_task(&f, 1, TEND_KIND_FIBER, "a", TEND__READY);
	uint32_t b = fake_task(&f, 1, TEND_KIND_FIBER, "b", TEND__READY);
	uint32_t c = fake_task(&f, 1, TEND_KIND_FIBER, "c", TEND__READY);
	tend_snapshot *s;

	fake_record(&f, a)->site_kind |= 2 << 8;
	fake_record(&f, b)->site_kind |= 0xffffffu << 8;
	fake_record(&f, c)->site_kind |= 1 << 8;
	memset(fake_site(&f, 1), 27, TEND__SITE_BYTES); /* and without an end */
	s = fake_read(&f);
	ck_assert_str_eq(info_named(s, "a")->site, "");
	ck_assert_str_eq(info_named(s, "b")->site, "");
	ck_assert_uint_eq(strlen(info_named(s, "c")->site), TEND__SITE_BYTES - 1);
	ck_assert_uint_eq(strspn(info_named(s, "c")->site, "?"), TEND__SITE_BYTES - 1);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(a_name_that_cannot_be_one_is_made_printable)
{
	struct fake f = fake_open(64);
	uint32_t t = fake_task(&f, 1, TEND_KIND_FIBER, "x", TEND__READY);
	char path[64];
	tend_snapshot *s;

	fake_rename(&f, t, "a/b\x1b[31m\xff", 9);
	s = fake_read(&f);
	tend_snapshot_path(s, 1, path, sizeof(path));
	ck_assert_str_eq(path, "root/a?b?[31m?");
	tend_snapshot_free(s);

	fake_rename(&f, t, "", 0);
	s = fake_read(&f);
	ck_assert_str_eq(tend_snapshot_at(s, 1)->name, "?");
	tend_snapshot_free(s);

	/* A length of more than there is room for. */
	memset((void *)fake_record(&f, t)->name, 0xff, 48);
	s = fake_read(&f);
	ck_assert_uint_eq(strlen(tend_snapshot_at(s, 1)->name), TEND_NAME_MAX);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(kinds_and_states_of_no_meaning_have_a_word)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	ck_assert_str_eq(tend_kind_name(TEND_KIND_FIBER), "fiber");
	ck_assert_str_eq(tend_state_name(TEND_STATE_PARKED), "parked");
	ck_assert_str_eq(tend_kind_name(77), "unknown");
	ck_assert_str_eq(tend_state_name(UINT32_MAX), "unknown");
	fake_task(&f, 1, 200, "t", 15);
	s = fake_read(&f);
	ck_assert_uint_gt(tend_snapshot_text(s, 0, NULL, 0), 0);
	tend_snapshot_free(s);
	fake_close(&f);
}
