/* A registry of an older or a newer writer. */
#include "suite.h"

#include "fake.h"

#include <unistd.h>

static const struct shape older = {
	.header_bytes = TEND__HEADER_BYTES, .site = 48, .ring = 16, .record = 128};
static const struct shape newer = {
	.header_bytes = 2600, .site = 200, .ring = 192, .record = 200, .unknown = 12};

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
}

static void is_planted(tend_snapshot *s)
{
	struct tend_snapshot_info about;

	ck_assert_str_eq(paths_of(s), "root#1 root/a#2 root/a/t#3 root/b#4");
	ck_assert_str_eq(info_named(s, "t")->site, "server.c:42");
	ck_assert_uint_eq(info_named(s, "t")->state, TEND_STATE_PARKED);
	ck_assert_str_eq(info_named(s, "t")->wait, "");
	ck_assert_uint_eq(info_named(s, "b")->state, TEND_STATE_RUNNING);
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
	is_planted(s);
	fd = fake_file(&f);
	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	is_planted(s);
	close(fd);
	fake_close(&f);
}
