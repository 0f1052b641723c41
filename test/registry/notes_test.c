/* What few records have in notes, and the ends that a registry remembers. */
#include "suite.h"

#include "fake.h"

#include "tend/tend.h"

#include "runtime/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static tend_runtime *rt;

static void open_it(uint32_t tasks_max)
{
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "app", .flags = TEND_HOSTED,
	                                            .tasks_max = tasks_max),
	                          &rt),
	        0);
}

static void close_it(void) { ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0); }

static tend_scope scope_in(tend_scope parent, const char *name)
{
	tend_scope s;

	ANSWERS(tend_scope_open(parent, name, NULL, &s), 0);
	return s;
}

static tend_task task_in(tend_scope scope, const char *name)
{
	tend_task t;

	ANSWERS(tend_task_begin(scope, TEND_TASK_OPTS(.name = name), &t), 0);
	return t;
}

static tend_snapshot *look(void)
{
	tend_snapshot *s;

	ANSWERS(tend_snapshot_take(rt, &s), 0);
	return s;
}

/* ---- Reasons ---- */

static void because(const tend_snapshot *s, const char *name, int code, const char *text)
{
	struct tend_reason reason;
	int error = tend_snapshot_reason(s, row_named(s, name), &reason);

	ck_assert_msg(error == (code ? 0 : -ENOENT), "%s: %d", name, error);
	if (!code)
		return;
	ck_assert_int_eq(reason.code, code);
	ck_assert_str_eq(reason.text, text);
	ck_assert_uint_le(reason.when, tend_now());
	ck_assert_uint_gt(reason.when, 0);
}

TEST(a_reader_knows_why_a_row_was_canceled)
{
	tend_snapshot *s;

	open_it(1000);
	tend_scope a = scope_in(tend_root(rt), "a"), b = scope_in(a, "b"), c = scope_in(a, "c");
	tend_task in_a = task_in(a, "in-a"), in_b = task_in(b, "in-b"), alone = task_in(c, "alone");
	tend_task other = task_in(tend_root(rt), "other");
	ANSWERS(tend_scope_cancel(b, -EIO, "the disk"), 0);
	ANSWERS(tend_task_cancel(alone, -EPERM, "not you"), 0);
	s = look();
	because(s, "b", -EIO, "the disk");
	because(s, "in-b", -EIO, "the disk");
	because(s, "alone", -EPERM, "not you");
	because(s, "a", 0, NULL);
	because(s, "in-a", 0, NULL);
	tend_snapshot_free(s);
	ANSWERS(tend_scope_cancel(a, -EPIPE, NULL), 0);
	scope_in(a, "born-canceled");
	s = look();
	because(s, "b", -EIO, "the disk");
	because(s, "alone", -EPERM, "not you");
	because(s, "a", -EPIPE, "");
	because(s, "c", -EPIPE, "");
	because(s, "in-a", -EPIPE, "");
	because(s, "born-canceled", -EPIPE, "");
	because(s, "other", 0, NULL);
	tend_snapshot_free(s);
	ANSWERS(tend_task_end(in_a, 0), 0);
	ANSWERS(tend_task_end(in_b, 0), 0);
	ANSWERS(tend_task_end(alone, 0), 0);
	ANSWERS(tend_task_end(other, 0), 0);
	close_it();
}

TEST(notes_are_given_back_with_their_records)
{
	open_it(1000);
	for (int i = 0; i < 20000; i++) {
		tend_scope a = scope_in(tend_root(rt), "a");
		tend_task t = task_in(a, "t");

		ANSWERS(tend_task_cancel(t, -EIO, "one"), 0);
		ANSWERS(tend_scope_cancel(a, -EIO, "all"), 0);
		ANSWERS(tend_task_end(t, 0), 0);
		ANSWERS(tend_scope_close(a, 0, NULL), 0);
	}
	ck_assert_uint_le(rt->segment.header->notes_used, 8);
	close_it();
}

/* A cancel is none the less one. */
TEST(without_a_free_note_a_reason_is_not_known)
{
	tend_snapshot *s;

	open_it(1000);
	tend_task t = task_in(tend_root(rt), "t");
	rt->segment.header->notes_used = rt->segment.header->records_max;
	ANSWERS(tend_task_cancel(t, -EIO, "one"), 0);
	s = look();
	ck_assert_uint_eq(info_named(s, "t")->state, TEND_STATE_STOPPING);
	because(s, "t", 0, NULL);
	tend_snapshot_free(s);
	ANSWERS(tend_task_end(t, 0), 0);
	close_it();
}

/* ---- Lives ---- */

TEST(a_reader_sees_the_life_of_a_task)
{
	tend_snapshot *s;

	open_it(1000);
	tend_task t = task_in(tend_root(rt), "t");
	struct tend__note_facts life = {.kind = TEND__NOTE_LIFE,
	                                .n = 3,
	                                .code = -ENOENT,
	                                .code2 = TEND_FAILED,
	                                .text = "no such file"};
	ck_assert(tend__note_set(&rt->segment, t.id, &life));
	ck_assert(tend__task_mark(tend__task_at(rt, t.id)->record, t.id, TEND__NOTED));
	ANSWERS(tend_task_cancel(t, -EIO, "one"), 0);
	life.n = 4;
	ck_assert(tend__note_set(&rt->segment, t.id, &life));
	ck_assert_uint_eq(rt->segment.header->notes_used, 3);
	s = look();
	ck_assert_uint_eq(info_named(s, "t")->restarts, 4);
	ck_assert_int_eq(info_named(s, "t")->last_error, -ENOENT);
	ck_assert_uint_eq(info_named(s, "t")->last, TEND_FAILED);
	because(s, "t", -EIO, "one");
	tend_snapshot_free(s);
	tend__note_clear(&rt->segment, t.id, TEND__NOTE_LIFE);
	tend__note_clear(&rt->segment, t.id, TEND__NOTE_LIFE);
	s = look();
	ck_assert_uint_eq(info_named(s, "t")->restarts, 0);
	because(s, "t", -EIO, "one");
	tend_snapshot_free(s);
	ANSWERS(tend_task_end(t, 0), 0);
	close_it();
}

/* What the row of "t" says. */
static void says(struct fake *f, const char *want)
{
	tend_snapshot *s = fake_read(f);
	char text[256];

	ck_assert_uint_eq(tend_snapshot_life(s, row_named(s, "t"), text, sizeof(text)),
	                  strlen(want));
	ck_assert_str_eq(text, want);
	ck_assert_uint_eq(tend_snapshot_life(s, row_named(s, "t"), text, 5), strlen(want));
	ck_assert_int_eq(strncmp(text, want, 4), 0);
	tend_snapshot_free(s);
}

static struct tend__note *note(struct fake *f, uint32_t slot, uint32_t number, uint32_t kind)
{
	struct tend__note *n = fake_element(f, TEND__AREA_NOTES, number);

	*(uint32_t *)fake_element(f, TEND__AREA_NOTE_OF, slot) = number;
	n->word = kind;
	n->number = tend__id(0, 1, slot);
	return n;
}

TEST(a_row_says_when_its_task_runs_again_and_how_the_last_attempt_ended)
{
	const uint32_t rests = TEND__PARKED | TEND__WAIT_BACKOFF << TEND__WAIT_SHIFT |
	                       TEND_FAILED << TEND__OUTCOME_SHIFT;
	struct fake f = fake_open(64);
	uint32_t group = fake_scope(&f, 1, "group");
	uint32_t t = fake_task(&f, group, TEND_KIND_PROCESS, "t", TEND__PARKED);
	struct tend__record *r = fake_record(&f, t);
	tend_snapshot *s;

	says(&f, "");
	r->word = (uint64_t)1 << 32 | rests;
	r->object = FAKE_NOW + 1200 * TEND_MS;
	r->result = 3;
	r->attempt = 4;
	says(&f, "runs in 1.2s, last: exited with code 3");
	struct tend__note *n = note(&f, group, 5, TEND__NOTE_RESTARTS);
	fake_record(&f, group)->word |= TEND__SCOPE_NOTED;
	n->a = 30 * TEND_SEC;
	n->b = 5;
	n->n = 3;
	n->at = FAKE_NOW;
	says(&f, "runs in 1.2s, 3 of 5 in 30s, last: exited with code 3");
	s = fake_read(&f);
	ck_assert_uint_eq(info_named(s, "t")->restarts, 4);
	ck_assert_int_eq(info_named(s, "t")->last_error, -EIO);
	ck_assert_uint_eq(info_named(s, "t")->due, FAKE_NOW + 1200 * TEND_MS);
	tend_snapshot_free(s);
	n->a = 0; /* the last of them has left the period */
	says(&f, "runs in 1.2s, last: exited with code 3");
	n = note(&f, t, 6, TEND__NOTE_LIFE);
	r->word |= TEND__NOTED;
	n->code = -ETIMEDOUT;
	n->code2 = TEND_FAILED;
	r->result = -ECANCELED;
	says(&f, "runs in 1.2s, last: failed: the deadline passed");
	memcpy((void *)n->text, "no disk\x1b[31m", 12);
	says(&f, "runs in 1.2s, last: no disk?[31m");
	/* In the next attempt. */
	r->word = (uint64_t)1 << 32 | TEND__PARKED | TEND_PANICKED << TEND__OUTCOME_SHIFT;
	says(&f, "last: panicked");
	s = fake_read(&f);
	ck_assert_uint_eq(info_named(s, "t")->restarts, 3);
	ck_assert_uint_eq(info_named(s, "t")->due, 0);
	tend_snapshot_free(s);
	fake_close(&f);
}

/* ---- Notes that lie ---- */

static struct tend__note *note_of(struct fake *f, uint32_t slot, uint32_t note)
{
	struct tend__note *n = fake_element(f, TEND__AREA_NOTES, note);

	fake_record(f, slot)->word |= TEND__NOTED | TEND__CANCELED;
	*(uint32_t *)fake_element(f, TEND__AREA_NOTE_OF, slot) = note;
	n->word = TEND__NOTE_REASON;
	n->number = tend__id(0, 1, slot);
	n->code = -EIO;
	return n;
}

static void reason_is(struct fake *f, int error)
{
	struct tend_reason reason;
	tend_snapshot *s = fake_read(f);

	ANSWERS(tend_snapshot_reason(s, row_named(s, "t"), &reason), error);
	if (!error)
		ck_assert_uint_lt(strlen(reason.text), sizeof(reason.text));
	tend_snapshot_free(s);
}

TEST(a_note_that_lies_is_bounded)
{
	struct fake f = fake_open(64);
	uint32_t t = fake_task(&f, 1, TEND_KIND_FIBER, "t", TEND__READY);
	struct tend__note *n = note_of(&f, t, 5);
	_Atomic uint32_t *first = fake_element(&f, TEND__AREA_NOTE_OF, t);

	reason_is(&f, 0);
	n->next = 5; /* a circle */
	reason_is(&f, 0);
	n->word = TEND__NOTE_LIFE;
	reason_is(&f, -ENOENT);
	n->word = TEND__NOTE_REASON;
	n->number = tend__id(0, 2, t); /* of another */
	reason_is(&f, -ENOENT);
	n->number = tend__id(0, 1, t);
	n->seq = 3; /* its writer has stopped */
	reason_is(&f, -ENOENT);
	n->seq = 4;
	memset((void *)n->text, 'x', sizeof(n->text)); /* without an end */
	reason_is(&f, 0);
	*first = UINT32_MAX;
	reason_is(&f, -ENOENT);
	*first = 5;
	f.h->notes_used = 0;
	reason_is(&f, -ENOENT);
	f.h->notes_used = UINT32_MAX;
	reason_is(&f, 0);
	fake_close(&f);
}

/* ---- Ends ---- */

static int fails(void *arg)
{
	(void)arg;
	return -EIO;
}

static int panics(void *arg)
{
	(void)arg;
	tend_panic("no %s", "way");
}

static int completes(void *arg)
{
	(void)arg;
	return 0;
}

static void run(tend_fn *fn, const char *name)
{
	tend_task t;

	ANSWERS(tend_spawn(tend_root(rt), fn, NULL, TEND_TASK_OPTS(.name = name), &t), 0);
	ANSWERS((int)(tend_runtime_poll(rt, 0) > 0), 1);
	ck_assert_int_ne(tend_join(t, NULL, 0), -ETIMEDOUT);
}

TEST(ends_that_were_not_completed_are_remembered)
{
	const struct tend_end_info *e;
	tend_snapshot *s;

	open_it(1000);
	run(completes, "well");
	run(fails, "badly");
	run(panics, "worse");
	tend_task t = task_in(tend_root(rt), "late");
	ANSWERS(tend_task_cancel(t, -EPERM, "too late"), 0);
	ANSWERS(tend_task_end(t, -ECANCELED), 0);
	/* A shutdown must not push the failures out. */
	tend_scope all = scope_in(tend_root(rt), "all");
	tend_task of_many = task_in(all, "of-many");
	ANSWERS(tend_scope_cancel(all, -ECANCELED, NULL), 0);
	ANSWERS(tend_task_end(of_many, -ECANCELED), 0);
	s = look();
	ck_assert_uint_eq(tend_snapshot_ends(s), 3);
	e = tend_snapshot_end(s, 0);
	ck_assert_str_eq(e->name, "badly");
	ck_assert_uint_eq(e->outcome, TEND_FAILED);
	ck_assert_uint_eq(e->kind, TEND_KIND_FIBER);
	ck_assert_int_eq(e->result, -EIO);
	ck_assert_uint_eq(e->attempt, 1);
	ck_assert_uint_eq(e->parent, tend_root(rt).id);
	ck_assert_uint_le(e->spawned_at, e->at);
	ck_assert_ptr_nonnull(strstr(e->site, "notes_test.c:"));
	e = tend_snapshot_end(s, 1);
	ck_assert_str_eq(e->name, "worse");
	ck_assert_uint_eq(e->outcome, TEND_PANICKED);
	/* The place and the message; what has no room is cut. */
	ck_assert_msg(strstr(e->text, "notes_test.c:") != NULL, "%s", e->text);
	e = tend_snapshot_end(s, 2);
	ck_assert_uint_eq(e->id, t.id);
	ck_assert_uint_eq(e->outcome, TEND_CANCELED);
	ck_assert_str_eq(e->text, "too late");
	tend_snapshot_free(s);
	close_it();
}

TEST(the_last_256_ends_are_remembered)
{
	tend_snapshot *s;

	open_it(1000);
	for (int i = 0; i < 300; i++) {
		tend_task t = task_in(tend_root(rt), "t");

		ANSWERS(tend_task_end(t, -1 - i), 0);
	}
	s = look();
	ck_assert_uint_eq(tend_snapshot_ends(s), TEND__HISTORY_MAX);
	ck_assert_uint_eq(tend_snapshot_end(s, 0)->number, 300 - TEND__HISTORY_MAX + 1);
	ck_assert_int_eq(tend_snapshot_end(s, TEND__HISTORY_MAX - 1)->result, -300);
	tend_snapshot_free(s);
	close_it();
}

TEST(an_end_that_is_being_written_is_not_shown)
{
	tend_snapshot *s;

	open_it(1000);
	for (int i = 0; i < 3; i++)
		ANSWERS(tend_task_end(task_in(tend_root(rt), "t"), -EIO), 0);
	struct tend__past *past = tend__own_area(rt->segment.header, TEND__AREA_HISTORY);
	past[1].number = TEND__PAST_WRITTEN;
	s = look();
	ck_assert_uint_eq(tend_snapshot_ends(s), 2);
	ck_assert_uint_eq(tend_snapshot_end(s, 1)->number, 3);
	tend_snapshot_free(s);
	/* The end that comes round to it leaves the slot alone. */
	rt->segment.header->history = TEND__HISTORY_MAX + 1;
	ANSWERS(tend_task_end(task_in(tend_root(rt), "t"), -EIO), 0);
	ck_assert_uint_eq(past[1].number, TEND__PAST_WRITTEN);
	close_it();
}

/* ---- Places ---- */

TEST(an_address_is_told_by_its_file)
{
	char place[128], want[128];
	uint64_t address = (uintptr_t)fails;
	tend_snapshot *s;

	open_it(1000);
	s = look();
	ck_assert_uint_gt(s->modules_count, 0);
	struct tend__module *m = &s->modules[0];
	while (address < m->base || address >= m->end)
		m++;
	ck_assert_uint_lt((size_t)(m - s->modules), s->modules_count);
	ck_assert_ptr_nonnull(strstr(m->path, "/test_registry"));
	tend_snapshot_place(s, address, place, sizeof(place));
	snprintf(want, sizeof(want), "test_registry+%#llx",
	         (unsigned long long)(address - m->bias));
	ck_assert_str_eq(place, want);
	tend_snapshot_place(s, 16, place, sizeof(place));
	ck_assert_str_eq(place, "0x10");
	tend_snapshot_free(s);
	close_it();
}

/* As one that dlopen() has loaded since. */
TEST(a_file_that_was_loaded_later_is_found_by_a_spawn_of_its)
{
	tend_snapshot *s;

	open_it(1000);
	rt->segment.header->modules_used = 0;
	ANSWERS(tend_task_end(task_in(tend_root(rt), "t"), 0), 0);
	s = look();
	ck_assert_uint_gt(s->modules_count, 0);
	tend_snapshot_free(s);
	close_it();
}
