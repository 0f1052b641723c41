/* The registry of a descriptor, of a file, and of another process. */
#include "suite.h"

#include "fake.h"
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void plant(struct fake *f)
{
	uint32_t a = fake_scope(f, 1, "a");

	fake_task(f, a, TEND_KIND_FIBER, "t", TEND__READY);
	fake_task(f, 1, TEND_KIND_FIBER, "b", TEND__READY);
}

TEST(a_sealed_memory_and_a_file_read_the_same)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;
	int fd;

	plant(&f);
	ANSWERS(tend_snapshot_fd(f.fd, &s), 0);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#2 root/a/t#3 root/b#4");
	tend_snapshot_free(s);
	fd = fake_file(&f);
	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#2 root/a/t#3 root/b#4");
	tend_snapshot_free(s);
	close(fd);
	fake_close(&f);
}

TEST(what_is_no_registry_is_not_understood)
{
	struct fake f = fake_open(64);
	int fd = fake_file(&f), ends[2];
	tend_snapshot *s;

	ANSWERS(ftruncate(fd, (off_t)f.bytes - 4096), 0);
	ANSWERS(tend_snapshot_fd(fd, &s), -EPROTO);
	ANSWERS(ftruncate(fd, 100), 0);
	ANSWERS(tend_snapshot_fd(fd, &s), -EPROTO);
	ANSWERS(ftruncate(fd, 0), 0);
	ANSWERS(tend_snapshot_fd(fd, &s), -EPROTO);
	ANSWERS(ftruncate(fd, 1 << 20), 0);
	ANSWERS(tend_snapshot_fd(fd, &s), -EPROTO);
	close(fd);
	ANSWERS(pipe2(ends, O_CLOEXEC), 0);
	ANSWERS(tend_snapshot_fd(ends[0], &s), -EPROTO);
	close(ends[0]);
	close(ends[1]);
	ANSWERS(tend_snapshot_fd(ends[0], &s), -EBADF);
	fd = open("/", O_RDONLY | O_CLOEXEC);
	ANSWERS(tend_snapshot_fd(fd, &s), -EPROTO);
	close(fd);
	fake_close(&f);
}

TEST(a_file_that_claims_more_than_it_has_is_not_understood)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;
	int fd;

	f.h->records_used = UINT32_MAX;
	fd = fake_file(&f);
	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	ck_assert_uint_eq(tend_snapshot_count(s), 1);
	tend_snapshot_free(s);
	close(fd);
	fake_area(&f, TEND__AREA_RECORDS)->at = f.bytes - 8;
	fd = fake_file(&f);
	ANSWERS(tend_snapshot_fd(fd, &s), -EPROTO);
	close(fd);
	f.h->bytes = 8;
	fd = fake_file(&f);
	ANSWERS(tend_snapshot_fd(fd, &s), -EPROTO);
	close(fd);
	fake_close(&f);
}

/* What lies between its parts is not read, however long it is. */
TEST(a_hole_in_a_file_costs_no_memory)
{
	const uint64_t hole = UINT64_C(1) << 30;
	struct fake f = fake_open(64);
	struct rusage before, after;
	tend_snapshot *s;
	char *records;
	int fd;

	plant(&f);
	fd = fake_file(&f);
	records = (char *)fake_record(&f, 0);
	fake_area(&f, TEND__AREA_RECORDS)->at += hole;
	f.h->bytes += hole;
	ck_assert_int_eq(pwrite(fd, f.h, sizeof(*f.h), 0), (ssize_t)sizeof(*f.h));
	ANSWERS(ftruncate(fd, (off_t)f.h->bytes), 0);
	ck_assert_int_eq(pwrite(fd, records, 8192, (off_t)fake_area(&f, TEND__AREA_RECORDS)->at),
	                 8192);
	getrusage(RUSAGE_SELF, &before);
	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	getrusage(RUSAGE_SELF, &after);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#2 root/a/t#3 root/b#4");
	ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 100 * 1024); /* KiB */
	tend_snapshot_free(s);
	close(fd);
	fake_close(&f);
}

static uint64_t blocks_of(int fd)
{
	struct stat st;

	ANSWERS(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* The reader pays for what is there, and neither for the claim of the header nor with
 * pages for the holes, be they its own or those of the memory that it looks at. */
TEST_EACH(a_claim_of_millions_of_records_costs_no_memory, 2)
{
	const uint64_t some = UINT64_C(16) << 20;
	struct fake f = fake_open(TEND__SLOT_MAX);
	struct rusage before, after;
	tend_snapshot *s;
	uint64_t blocks;
	int fd;

	plant(&f);
	f.h->records_used = TEND__SLOT_MAX;
	fd = _i ? memfd_create("file", MFD_CLOEXEC) : f.fd;
	if (_i) {
		ANSWERS(ftruncate(fd, (off_t)f.bytes), 0);
		ck_assert_int_eq(pwrite(fd, f.h, 8192, 0), 8192);
		ck_assert_int_eq(pwrite(fd, fake_record(&f, 0), 4096,
		                        (off_t)fake_area(&f, TEND__AREA_RECORDS)->at),
		                 4096);
	}
	ck_assert_int_eq(lseek(fd, 77, SEEK_SET), 77);
	blocks = blocks_of(fd);
	getrusage(RUSAGE_SELF, &before);
	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	getrusage(RUSAGE_SELF, &after);
	ck_assert_str_eq(paths_of(s), "root#1 root/a#2 root/a/t#3 root/b#4");
	ck_assert_uint_le(blocks_of(fd) - blocks, some);
	ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, (long)some / 1024);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 77);
	tend_snapshot_free(s);
	if (_i)
		close(fd);
	fake_close(&f);
}

struct writer {
	int fd;
	struct fake *f;
	uint32_t slot;
	struct race race;
};

/* As the tasks of a slot follow each other; both numbers are of one of them. */
static void *write_on(void *arg)
{
	struct writer *w = arg;
	off_t at = (off_t)((char *)fake_record(w->f, w->slot) - (char *)w->f->h);
	struct tend__record *r =
		(struct tend__record *)(void *)((char *)mmap(NULL, w->f->bytes,
	                                                     PROT_READ | PROT_WRITE, MAP_SHARED,
	                                                     w->fd, 0) +
	                                        at);

	for (uint32_t n = 2; !atomic_load(&w->race.over); n++) {
		uint32_t seq = atomic_load_explicit(&r->seq, memory_order_relaxed);

		atomic_store_explicit(&r->seq, seq + 1, memory_order_relaxed);
		atomic_store_explicit(&r->result, (int32_t)n, memory_order_release);
		race_pause(&w->race, n, IN_THE_MIDDLE);
		atomic_store_explicit(&r->since, n, memory_order_release);
		atomic_store_explicit(&r->spawned, n, memory_order_release);
		atomic_store_explicit(&r->seq, seq + 2, memory_order_release);
		for (unsigned i = 0; i < n % 4096; i++)
			atomic_signal_fence(memory_order_seq_cst);
		race_pause(&w->race, n, AT_REST);
	}
	return NULL;
}

TEST(a_row_of_a_file_is_of_one_time_or_torn)
{
	struct fake f = fake_open(64);
	struct writer w = {0};

	w.slot = fake_task(&f, 1, TEND_KIND_FIBER, "t", TEND__READY);
	w.f = &f;
	w.fd = fake_file(&f);
	race_begin(&w.race, RACES_IN_A_FILE, write_on, &w);
	while (race_goes_on(&w.race)) {
		const struct tend_info *info;
		tend_snapshot *s;
		bool whole;

		ANSWERS(tend_snapshot_fd(w.fd, &s), 0);
		info = tend_snapshot_at(s, 1);
		whole = !info->torn;
		if (whole) {
			ck_assert_uint_eq(info->since, info->spawned_at);
			ck_assert_uint_eq(info->since, (uint32_t)info->result);
		}
		tend_snapshot_free(s);
		race_read(&w.race, whole);
	}
	race_end(&w.race);
	close(w.fd);
	fake_close(&f);
}

/* ---- By process ---- */

TEST(a_process_is_found_by_its_number)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	plant(&f);
	ANSWERS(tend_snapshot_of(getpid(), &s), 0);
	ck_assert_uint_eq(tend_snapshot_count(s), 4);
	tend_snapshot_free(s);
	fake_close(&f);
	ANSWERS(tend_snapshot_of(getpid(), &s), -ENOENT);
}

/* Made, and nothing is in it yet. */
TEST(a_registry_that_is_being_opened_is_not_there)
{
	int fd = memfd_create(TEND__MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	tend_snapshot *s;

	ANSWERS(tend_snapshot_of(getpid(), &s), -ENOENT);
	ANSWERS(ftruncate(fd, 1 << 20), 0);
	ANSWERS(tend_snapshot_of(getpid(), &s), -ENOENT);
	close(fd);
}

TEST(of_several_runtimes_the_one_opened_last_counts)
{
	struct fake f = fake_open(64), g = fake_open(64), h = fake_open(64);
	tend_snapshot *s;

	f.h->opened = 100;
	g.h->opened = 300;
	h.h->opened = 200;
	fake_scope(&g, 1, "newest");
	ANSWERS(tend_snapshot_of(getpid(), &s), 0);
	ck_assert_uint_eq(tend_snapshot_count(s), 2);
	tend_snapshot_free(s);
	g.h->closed = 1;
	ANSWERS(tend_snapshot_of(getpid(), &s), 0);
	ck_assert_uint_eq(tend_snapshot_count(s), 1);
	tend_snapshot_free(s);
	f.h->closed = h.h->closed = 1;
	ANSWERS(tend_snapshot_of(getpid(), &s), -ENOENT);
	fake_close(&f);
	fake_close(&g);
	fake_close(&h);
}

TEST(a_registry_of_another_version_is_not_understood)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;

	f.h->abi = TEND__ABI + 1;
	ANSWERS(tend_snapshot_of(getpid(), &s), -EPROTO);
	fake_close(&f);
}

TEST(the_registry_that_a_fork_left_open_is_its_parents)
{
	struct fake f = fake_open(64);
	tend_snapshot *s;
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	ANSWERS(tend_snapshot_of(child, &s), -ENOENT);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ANSWERS(tend_snapshot_of(child, &s), -ESRCH);
	ANSWERS(tend_snapshot_of(0, &s), -ESRCH);
	ANSWERS(tend_snapshot_of(-1, &s), -ESRCH);
	fake_close(&f);
}

TEST(the_process_of_another_user_may_not_be_read)
{
	struct fake f = fake_open(64);
	pid_t parent = getpid(), child;
	int status;

	if (getuid() != 0) { /* nobody else to be */
		fake_close(&f);
		return;
	}
	child = fork();
	if (child == 0) {
		tend_snapshot *s;

		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(tend_snapshot_of(parent, &s) == -EACCES ? 0 : 1);
	}
	ANSWERS(waitpid(child, &status, 0), child);
	ANSWERS(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
	fake_close(&f);
}
