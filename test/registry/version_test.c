/* A registry of an older or a newer writer. */
#include "suite.h"

#include "fake.h"

#include "tend/scope.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct shape older = {
	.header_bytes = TEND__HEADER_BYTES, .site = 48, .ring = 16, .record = 128};
static const struct shape newer = {.header_bytes = 2600,
                                   .site = 200,
                                   .ring = 192,
                                   .record = 200,
                                   .unknown = 12,
                                   .note = 200,
                                   .note_of = 12,
                                   .past = 200,
                                   .word = 40,
                                   .module = 136};

/* Bits that no writer of this version sets. */
static const uint32_t task_bits = 0xfu << 28, scope_bits = 0x3 << 6;

static void plant(struct fake *f, bool strange)
{
	uint32_t a = fake_scope(f, 1, "a"), t, b;

	t = fake_task(f, a, TEND_KIND_FIBER, "t", TEND__PARKED | 250 << TEND__WAIT_SHIFT);
	b = fake_task(f, 1, TEND_KIND_FIBER, "b", TEND__READY);
	fake_record(f, t)->site_kind |= 1 << 8;
	fake_ring(f, 0)->current = tend__id(0, 1, b);
	if (!strange)
		return;
	fake_record(f, a)->word |= scope_bits;
	fake_record(f, t)->word |= task_bits;
	fake_record(f, b)->word |= task_bits;
	fake_record(f, b)->word |= TEND__NOTED | TEND__CANCELED;
	*(uint32_t *)fake_element(f, TEND__AREA_NOTE_OF, b) = 3;
	struct tend__note *n = fake_element(f, TEND__AREA_NOTES, 3);
	n->word = TEND__NOTE_REASON;
	n->number = tend__id(0, 1, b);
	n->code = -EIO;
	strcpy((char *)n->text, "because");
	struct tend__wait_word *word = fake_element(f, TEND__AREA_WORDS, 50);
	strcpy(word->text, "select");
	word->object = 'n';
	fake_record(f, t)->word =
		(uint64_t)1 << 32 | TEND__PARKED | 50 << TEND__WAIT_SHIFT | task_bits;
	fake_record(f, t)->object = 7;
	fake_record(f, t)->where = 0x4321;
	struct tend__module *m = fake_element(f, TEND__AREA_MODULES, 1);
	*m = (struct tend__module){.base = 0x4000, .end = 0x5000, .bias = 0x4000};
	strcpy(m->path, "/usr/bin/server");
	f->h->modules_used = 2;
	struct tend__past *p = fake_element(f, TEND__AREA_HISTORY, 0);
	p->number = 1;
	p->result = -ENOENT;
	strcpy((char *)p->text, "a panic");
	f->h->history = 1;
}

static void has_facts(const tend_snapshot *s)
{
	struct tend_reason reason;
	char place[64];

	ANSWERS(tend_snapshot_reason(s, row_named(s, "b"), &reason), 0);
	ck_assert_int_eq(reason.code, -EIO);
	ck_assert_str_eq(reason.text, "because");
	tend_snapshot_place(s, info_named(s, "t")->where, place, sizeof(place));
	ck_assert_str_eq(place, "server+0x321");
	ck_assert_uint_eq(tend_snapshot_ends(s), 1);
	ck_assert_int_eq(tend_snapshot_end(s, 0)->result, -ENOENT);
	ck_assert_str_eq(tend_snapshot_end(s, 0)->text, "a panic");
}

static void is_planted(tend_snapshot *s, bool strange)
{
	struct tend_snapshot_info about;

	ck_assert_str_eq(paths_of(s), "root#1 root/a#2 root/a/t#3 root/b#4");
	ck_assert_str_eq(info_named(s, "t")->site, "server.c:42");
	ck_assert_uint_eq(info_named(s, "t")->state, TEND_STATE_PARKED);
	ck_assert_str_eq(info_named(s, "t")->wait, strange ? "select#7" : "");
	ck_assert_uint_eq(info_named(s, "b")->state,
	                  strange ? TEND_STATE_STOPPING : TEND_STATE_RUNNING);
	if (strange)
		has_facts(s);
	else
		ck_assert_uint_eq(tend_snapshot_ends(s), 0);
	ck_assert_uint_eq(info_named(s, "a")->state, TEND_STATE_RUNNING);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.torn, 0);
	tend_snapshot_free(s);
}

/* Mapped, and copied from a file. */
TEST_EACH(a_registry_of_another_version_of_the_library_is_read, 2)
{
	struct fake f = fake_shaped(300, _i ? &newer : &older);
	tend_snapshot *s;
	int fd;

	plant(&f, _i);
	ANSWERS(tend_snapshot_fd(f.fd, &s), 0);
	is_planted(s, _i);
	fd = fake_file(&f);
	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	is_planted(s, _i);
	close(fd);
	fake_close(&f);
}

/* By the clock of another boot no age is right, but the ages of then. */
TEST(a_registry_of_another_boot_has_ended)
{
	struct fake f = fake_open(64);
	struct tend_snapshot_info about;
	tend_snapshot *s;

	f.h->opened = 500;
	fake_ring(&f, 0)->round_at = 700;
	fake_ring(&f, 1)->round_at = 600;
	ANSWERS(tend_snapshot_fd(f.fd, &s), 0);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.ended, 0);
	ck_assert_uint_gt(about.at, 700);
	tend_snapshot_free(s);
	f.h->boot[3] = 1;
	ANSWERS(tend_snapshot_fd(f.fd, &s), 0);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.ended, 1);
	ck_assert_uint_eq(about.at, 700);
	ck_assert_uint_eq(about.opened_at, 500);
	tend_snapshot_free(s);
	fake_close(&f);
}
