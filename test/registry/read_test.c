/* The reader while records change, and of headers that lie. */
#include "suite.h"

#include "fake.h"
#include "race.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

TEST(a_record_whose_writer_stopped_in_the_middle_is_torn_and_the_read_ends)
{
	struct fake f = fake_open(64);
	uint32_t t = fake_task(&f, 1, TEND_KIND_FIBER, "t", TEND__READY);
	struct tend_snapshot_info about;
	tend_snapshot *s;

	fake_record(&f, t)->seq = 7;
	s = fake_read(&f);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.torn, 1);
	ck_assert_int_eq(info_named(s, "t")->torn, 1);
	ck_assert_int_eq(info_named(s, "root")->torn, 0);
	tend_snapshot_free(s);
	fake_close(&f);
}

struct churn {
	struct tend__record *r;
	struct race race;
};

/* A slot that goes from task to task: the name, the spawn instant and the result
 * of each say the same number. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	struct tend__record *r = c->r;

	for (uint32_t n = 2; !atomic_load(&c->race.over); n++) {
		uint32_t seq = atomic_load_explicit(&r->seq, memory_order_relaxed);
		uint64_t words[6];
		char name[24];

		atomic_store_explicit(&r->word, (uint64_t)n << 32, memory_order_release);
		atomic_store_explicit(&r->seq, seq + 1, memory_order_relaxed);
		atomic_store_explicit(&r->spawned, n, memory_order_release);
		tend__name_pack(words, name, (size_t)snprintf(name, sizeof(name), "%u", n));
		tend__name_store(r->name, words);
		race_pause(&c->race, n, IN_THE_MIDDLE);
		atomic_store_explicit(&r->result, (int32_t)n, memory_order_release);
		atomic_store_explicit(&r->seq, seq + 2, memory_order_release);
		atomic_store_explicit(&r->word, (uint64_t)n << 32 | TEND__READY,
		                      memory_order_release);
		race_pause(&c->race, n, AT_REST);
	}
	return NULL;
}

TEST(a_row_is_of_one_task_or_torn)
{
	struct fake f = fake_open(64);
	struct churn c = {fake_record(&f, fake_task(&f, 1, TEND_KIND_FIBER, "1", TEND__READY)),
	                  {0}};

	c.r->spawned = 1;
	c.r->result = 1;
	race_begin(&c.race, RACES_IN_MEMORY, churn, &c);
	while (race_goes_on(&c.race)) {
		tend_snapshot *s = fake_read(&f);
		bool whole = tend_snapshot_count(s) == 2 && !tend_snapshot_at(s, 1)->torn;

		if (whole) {
			const struct tend_info *info = tend_snapshot_at(s, 1);
			unsigned long n = strtoul(info->name, NULL, 10);

			ck_assert_uint_eq(n, info->spawned_at);
			ck_assert_uint_eq(n, (unsigned long)info->result);
			ck_assert_uint_eq(n, tend__id_generation(info->id));
		}
		tend_snapshot_free(s);
		race_read(&c.race, whole);
	}
	race_end(&c.race);
	fake_close(&f);
}

/* A task that stays, and parks again and again. */
static void *park_on(void *arg)
{
	struct churn *c = arg;
	struct tend__record *r = c->r;

	for (uint32_t n = 2; !atomic_load(&c->race.over); n++) {
		uint32_t seq = atomic_load_explicit(&r->seq, memory_order_relaxed);

		atomic_store_explicit(&r->seq, seq + 1, memory_order_relaxed);
		atomic_store_explicit(&r->since, n, memory_order_release);
		race_pause(&c->race, n, IN_THE_MIDDLE);
		atomic_store_explicit(&r->result, (int32_t)n, memory_order_release);
		atomic_store_explicit(&r->spawned, n, memory_order_release);
		atomic_store_explicit(&r->seq, seq + 2, memory_order_release);
		for (unsigned k = 0; k < n % 64; k++)
			atomic_signal_fence(memory_order_seq_cst);
		race_pause(&c->race, n, AT_REST);
	}
	return NULL;
}

TEST(the_fields_of_a_row_are_of_one_time_or_it_is_torn)
{
	struct fake f = fake_open(64);
	struct churn c = {fake_record(&f, fake_task(&f, 1, TEND_KIND_FIBER, "t", TEND__READY)),
	                  {0}};

	race_begin(&c.race, RACES_IN_MEMORY, park_on, &c);
	while (race_goes_on(&c.race)) {
		tend_snapshot *s = fake_read(&f);
		const struct tend_info *info = tend_snapshot_at(s, 1);
		bool whole = !info->torn;

		if (whole) {
			ck_assert_uint_eq(info->since, info->spawned_at);
			ck_assert_uint_eq(info->since, (uint32_t)info->result);
		}
		tend_snapshot_free(s);
		race_read(&c.race, whole);
	}
	race_end(&c.race);
	fake_close(&f);
}

/* Fills a slot as a writer does; with a word of 0 it is freed. */
static void refill(struct tend__record *r, uint32_t n, uint32_t low_word)
{
	uint32_t seq = atomic_load_explicit(&r->seq, memory_order_relaxed);
	uint64_t words[6];
	char name[24];

	if (low_word) {
		tend__name_pack(words, name, (size_t)snprintf(name, sizeof(name), "%u", n));
		atomic_store_explicit(&r->seq, seq + 1, memory_order_relaxed);
		tend__name_store(r->name, words);
		atomic_store_explicit(&r->seq, seq + 2, memory_order_release);
	}
	atomic_store_explicit(&r->word, (uint64_t)n << 32 | low_word, memory_order_release);
}

struct reuse {
	struct tend__record *before, *scope, *after;
	struct race race;
};

/* Three slots that go from a scope with two tasks to the next. */
static void *reuse(void *arg)
{
	struct reuse *u = arg;

	for (uint32_t n = 2; !atomic_load(&u->race.over); n++) {
		refill(u->before, n, 0);
		refill(u->after, n, 0);
		refill(u->scope, n, 0);
		refill(u->scope, n, TEND__SCOPE_LIVE);
		refill(u->before, n, TEND__READY);
		race_pause(&u->race, n, IN_THE_MIDDLE);
		refill(u->after, n, TEND__READY);
		race_pause(&u->race, n, AT_REST);
	}
	return NULL;
}

static tend_snapshot *read_again(struct fake *f, int file)
{
	tend_snapshot *s;

	if (file < 0)
		return fake_read(f);
	ANSWERS(tend_snapshot_fd(file, &s), 0);
	return s;
}

/* The record of the slot in another mapping. */
static struct tend__record *record_in(struct fake *f, struct tend__header *h, uint32_t slot)
{
	ptrdiff_t at = (char *)fake_record(f, slot) - (char *)f->h;

	return (struct tend__record *)(void *)((char *)h + at);
}

static void read_while_reused(bool from_file)
{
	struct fake f = fake_open(64);
	uint32_t before = fake_task(&f, 3, TEND_KIND_FIBER, "1", TEND__READY);
	uint32_t scope = fake_scope(&f, 1, "1");
	uint32_t after = fake_task(&f, scope, TEND_KIND_FIBER, "1", TEND__READY);
	int file = from_file ? fake_file(&f) : -1;
	struct tend__header *h =
		from_file ? mmap(NULL, f.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : f.h;
	struct reuse u = {
		record_in(&f, h, before), record_in(&f, h, scope), record_in(&f, h, after), {0}};

	race_begin(&u.race, from_file ? RACES_IN_A_FILE : RACES_IN_MEMORY, reuse, &u);
	while (race_goes_on(&u.race)) {
		tend_snapshot *s = read_again(&f, file);
		int whole = 0;

		for (size_t k = 0; k < tend_snapshot_count(s); k++) {
			const struct tend_info *info = tend_snapshot_at(s, k);

			if (info->kind == TEND_KIND_SCOPE || info->torn)
				continue;
			ck_assert_uint_eq(tend__id_slot(info->parent), scope);
			ck_assert_uint_eq(tend__id_generation(info->parent),
			                  tend__id_generation(info->id));
			whole++;
		}
		tend_snapshot_free(s);
		race_read(&u.race, whole == 2);
	}
	race_end(&u.race);
	if (from_file) {
		munmap(h, f.bytes);
		close(file);
	}
	fake_close(&f);
}

TEST(a_row_is_in_the_scope_it_was_in_or_torn) { read_while_reused(false); }
TEST(a_row_of_a_file_is_in_the_scope_it_was_in_or_torn) { read_while_reused(true); }

/* ---- Headers ---- */

static void refused(struct fake *f, size_t bytes)
{
	tend_snapshot *s = NULL;

	ANSWERS(tend__snapshot_read(f->h, bytes, FAKE_NOW, &s), -EPROTO);
	ck_assert_ptr_null(s);
}

#define REFUSES(field, value) \
	do { \
		__typeof__(field) was = field, *place = &(field); \
		*place = (__typeof__(was))(value); \
		refused(&f, f.bytes); \
		*place = was; \
	} while (0)

TEST(a_header_that_lies_is_refused)
{
	struct fake f = fake_open(64);
	struct tend__area *records;
	tend_snapshot *s;

	records = fake_area(&f, TEND__AREA_RECORDS);
	REFUSES(f.h->magic[0], 'X');
	REFUSES(f.h->abi, TEND__ABI + 1);
	REFUSES(f.h->header_bytes, TEND__HEADER_BYTES - 1);
	REFUSES(f.h->header_bytes, UINT32_MAX);
	REFUSES(f.h->bytes, f.bytes + 1);
	REFUSES(f.h->bytes, UINT64_MAX);
	REFUSES(f.h->areas, 2);
	REFUSES(f.h->areas, TEND__AREAS_MAX + 1);
	REFUSES(records->kind, 1000);
	REFUSES(records->count, TEND__SLOT_MAX + 1);
	REFUSES(records->count, f.bytes / 128);
	REFUSES(records->count, UINT64_MAX);
	REFUSES(records->stride, 0);
	REFUSES(records->stride, 120);
	REFUSES(records->stride, 132);
	REFUSES(records->stride, 1 << 20);
	REFUSES(records->stride, UINT32_MAX - 7);
	REFUSES(records->at, 0);
	REFUSES(records->at, records->at + 4);
	REFUSES(records->at, f.bytes - 8);
	REFUSES(records->at, f.bytes + 8);
	REFUSES(records->at, UINT64_MAX - 7);
	REFUSES(fake_area(&f, TEND__AREA_SITES)->count, TEND__SITES_MAX + 1);
	REFUSES(fake_area(&f, TEND__AREA_SITES)->at, 8);
	REFUSES(fake_area(&f, TEND__AREA_RINGS)->count, 1 << 20);
	REFUSES(fake_area(&f, TEND__AREA_RINGS)->stride, 8);
	refused(&f, f.bytes - 1);
	refused(&f, TEND__HEADER_BYTES - 1);
	refused(&f, 0);
	s = fake_read(&f);
	ck_assert_uint_eq(tend_snapshot_count(s), 1);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(more_records_or_sites_in_use_than_there_are_is_bounded)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	f.h->records_used = UINT32_MAX;
	f.h->sites_used = UINT32_MAX;
	s = fake_read(&f);
	ck_assert_uint_eq(tend_snapshot_count(s), 1);
	tend_snapshot_free(s);
	f.h->records_used = 0;
	f.h->sites_used = 0;
	s = fake_read(&f);
	ck_assert_uint_eq(tend_snapshot_count(s), 0);
	ck_assert_uint_eq(tend_snapshot_text(s, 0, NULL, 0), 0);
	tend_snapshot_free(s);
	fake_close(&f);
}

TEST(the_marks_and_the_name_are_those_of_the_header)
{
	struct fake f = fake_open(64);
	struct tend_snapshot_info about;
	tend_snapshot *s;

	f.h->events = 99;
	s = fake_read(&f);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.at, FAKE_NOW);
	ck_assert_uint_eq(about.low, 99);
	ck_assert_uint_eq(about.high, 99);
	ck_assert_uint_eq(about.pid, f.h->pid);
	ck_assert_str_eq(about.name, "fake");
	tend_snapshot_free(s);
	fake_close(&f);
}
