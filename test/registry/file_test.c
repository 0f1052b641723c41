/* The memory of a registry: a memfd that no other process writes, or a file that outlives
 * its process; and what a core dump has of it. */
#include "suite.h"

#include "tend/tend.h"

#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/tend-file-XXXXXX", path[64], last[64];

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/registry", folder);
	snprintf(last, sizeof(last), "%s/registry.last", folder);
}

static void remove_folder(void)
{
	unlink(path);
	unlink(last);
	rmdir(folder);
}

FIXTURE(make_folder, remove_folder);

static int open_at(const char *at, tend_runtime **rt)
{
	return tend_runtime_open(TEND_RUNTIME_OPTS(.name = "box", .workers = 1, .tasks_max = 1000,
	                                           .registry_path = at),
	                         rt);
}

static void close_it(tend_runtime *rt)
{
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}

static bool is_there(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0;
}

/* A process that has called `begin`, with what `begin` made. */
static pid_t start(void begin(void))
{
	int ends[2];
	char go = 0;

	ANSWERS(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		begin();
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &go, 1), 1);
	close(ends[0]);
	return child;
}

static void end(pid_t child)
{
	ANSWERS(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

static void must(int error)
{
	if (error)
		_exit(1);
}

/* ---- The file ---- */

static int rest(void *arg)
{
	(void)arg;
	return tend_sleep_until(TEND_FOREVER);
}

static void have_a_file(void)
{
	tend_runtime *rt;

	must(open_at(path, &rt));
	must(tend_spawn(tend_root(rt), rest, NULL, TEND_TASK_OPTS(.name = "resting"), NULL));
}

static void is_box(tend_snapshot *s)
{
	struct tend_snapshot_info about;

	tend_snapshot_about(s, &about);
	ck_assert_str_eq(about.name, "box");
	ck_assert_uint_eq(tend_snapshot_count(s), 3);
	ck_assert_str_eq(tend_snapshot_at(s, 2)->name, "resting");
	tend_snapshot_free(s);
}

TEST(the_file_of_a_dead_process_is_put_aside_and_read_there)
{
	tend_runtime *rt;
	tend_snapshot *s;
	pid_t child = start(have_a_file);

	ANSWERS(open_at(path, &rt), -EBUSY);
	ck_assert(is_there(path) && !is_there(last));
	end(child);
	ANSWERS(open_at(path, &rt), 0);
	ck_assert(is_there(path) && is_there(last));
	int fd = open(last, O_RDONLY | O_CLOEXEC);
	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	close(fd);
	is_box(s);
	/* One that lives is not put aside, be it of the own process. */
	ANSWERS(open_at(path, &rt), -EBUSY);
	close_it(rt);
	ck_assert(!is_there(path) && is_there(last));
}

static tend_snapshot *read_file(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	tend_snapshot *s;

	ANSWERS(tend_snapshot_fd(fd, &s), 0);
	close(fd);
	return s;
}

static int fails(void *arg)
{
	(void)arg;
	return -EIO;
}

static void have_a_file_with_a_past(void)
{
	tend_runtime *rt;
	tend_task t;

	must(open_at(path, &rt));
	must(tend_spawn(tend_root(rt), fails, NULL, TEND_TASK_OPTS(.name = "failing"), &t));
	must(tend_join(t, NULL, TEND_FOREVER));
	must(tend_task_begin(tend_root(rt), TEND_TASK_OPTS(.name = "stuck"), &t));
	must(tend_scope_cancel(tend_root(rt), -EPIPE, "out of paper"));
}

TEST(the_file_of_a_dead_process_tells_when_and_why)
{
	struct tend_snapshot_info about;
	struct tend_reason reason;
	const uint64_t utc = (uint64_t)time(NULL) * TEND_SEC;
	pid_t child = start(have_a_file_with_a_past);
	tend_snapshot *s = read_file(path);

	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.ended, 0);
	ck_assert_uint_le(about.opened_at, about.at);
	tend_snapshot_free(s);
	end(child);
	uint64_t now = tend_now();
	s = read_file(path);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.ended, 1);
	ck_assert_uint_le(about.at, now);
	ck_assert_uint_gt(about.at, about.opened_at);
	ck_assert_uint_gt(about.opened_utc, utc - PATIENCE_NS);
	ck_assert_uint_lt(about.opened_utc, utc + 2 * PATIENCE_NS);
	ck_assert_uint_eq(tend_snapshot_ends(s), 1);
	ck_assert_str_eq(tend_snapshot_end(s, 0)->name, "failing");
	ck_assert_int_eq(tend_snapshot_end(s, 0)->result, -EIO);
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		ANSWERS(tend_snapshot_reason(s, i, &reason), 0);
		ck_assert_str_eq(reason.text, "out of paper");
	}
	tend_snapshot_free(s);
}

TEST(the_file_of_a_process_is_found_by_the_number_of_the_process)
{
	tend_snapshot *s;
	pid_t child = start(have_a_file);

	ANSWERS(tend_snapshot_of(child, &s), 0);
	is_box(s);
	end(child);
}

/* A process that died before the file was whole. */
TEST(a_file_that_was_only_begun_is_put_aside_and_another_file_is_not)
{
	tend_runtime *rt;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(pwrite(fd, "TENDRE", 6, 0), 6);
	ANSWERS(open_at(path, &rt), -EEXIST);
	ck_assert_int_eq(pwrite(fd, TEND__MAGIC, 8, 0), 8);
	ANSWERS(open_at(path, &rt), 0);
	ck_assert(is_there(last));
	close_it(rt);
	close(fd);
	ANSWERS(symlink(last, path), 0);
	ANSWERS(open_at(path, &rt), -EEXIST);
}

static void have_a_file_and_a_child(void)
{
	pid_t parent = getpid();

	have_a_file();
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It goes on when its parent has ended, until this test has ended. */
		while (getppid() == parent)
			sched_yield();
		prctl(PR_SET_PDEATHSIG, 0);
		pause();
	}
}

/* A fork copies the descriptor, and would copy the lock. */
TEST(a_child_of_a_dead_process_does_not_keep_its_file)
{
	tend_runtime *rt;
	pid_t child;

	ANSWERS(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	child = start(have_a_file_and_a_child);
	end(child);
	/* The child of the dead process closes its copy when it first runs, which may be now. */
	int error;
	while ((error = open_at(path, &rt)) == -EBUSY)
		sched_yield();
	ck_assert_int_eq(error, 0);
	close_it(rt);
}

/* Becomes the root of its own namespaces, with a file system of so many bytes. */
static bool mount_small(const char *size)
{
	if (geteuid() == 0 ? unshare(CLONE_NEWNS) : unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return false;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", folder, "tmpfs", 0, size) == 0;
}

static int spawn_until_full(void)
{
	tend_runtime *rt;
	int error = tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100000,
	                                                .events_max = 16, .registry_path = path),
	                              &rt);
	uint32_t n = 0;

	if (error)
		return 10;
	while (!error && n++ < 100000)
		error = tend_task_begin(tend_root(rt), NULL, &(tend_task){0});
	/* 100 000 records of 128 bytes are not 4 MiB. */
	return error == -EAGAIN && n > 10000 && n < 40000 ? 0 : 11;
}

/* A store into a hole of a full file system is SIGBUS. */
TEST_EACH(a_full_disk_is_an_error_of_the_open_or_of_the_spawn, 2)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		tend_runtime *rt;

		if (!mount_small(_i ? "size=4m" : "size=128k"))
			_exit(77);
		if (_i)
			_exit(spawn_until_full());
		_exit(open_at(path, &rt) == -ENOSPC && !is_there(path) ? 0 : 12);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 77) /* no namespaces here */
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}

/* ---- The memory ---- */

TEST(no_other_descriptor_writes_into_the_memory)
{
	tend_runtime *rt;
	char by[64];

	ANSWERS(open_at(NULL, &rt), 0);
	snprintf(by, sizeof(by), "/proc/self/fd/%d", rt->segment.fd);
	int fd = open(by, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	close(fd);
	close_it(rt);
}

/* How many of the bytes at an address a core dump has, by the flags of the mappings. */
static uint64_t dumped(const void *p, uint64_t size)
{
	const uint64_t first = (uintptr_t)p, end = first + size;
	FILE *maps = fopen("/proc/self/smaps", "re");
	uint64_t sum = 0, from, to, bytes = 0;
	char line[512];

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			from = from > first ? from : first;
			to = to < end ? to : end;
			bytes = from < to ? to - from : 0;
		} else if (strncmp(line, "VmFlags:", 8) == 0 && !strstr(line, " dd"))
			sum += bytes;
	}
	fclose(maps);
	return sum;
}

static uint64_t dumped_registry(const tend_runtime *rt)
{
	return dumped(rt->segment.header, rt->segment.header->bytes);
}

static uint64_t dumped_tasks(const tend_runtime *rt)
{
	return dumped(rt->tasks, rt->slots * sizeof(*rt->tasks));
}

TEST(a_core_dump_has_what_is_used_of_a_registry_and_of_the_tasks)
{
	const uint64_t some = UINT64_C(3) << 20;
	tend_subscription *sub;
	tend_runtime *rt;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 4), &rt), 0);
	ck_assert_uint_gt(dumped_registry(rt), 100 * 1024);
	ck_assert_uint_lt(dumped_registry(rt), some);
	ck_assert_uint_gt(dumped_tasks(rt), 0);
	ck_assert_uint_lt(dumped_tasks(rt), some);
	for (int i = 0; i < 100000; i++)
		ANSWERS(tend_task_begin(tend_root(rt), NULL, &(tend_task){0}), 0);
	ck_assert_uint_ge(dumped_registry(rt), 100000 * sizeof(struct tend__record));
	ck_assert_uint_lt(dumped_registry(rt), 100000 * sizeof(struct tend__record) + some);
	ck_assert_uint_ge(dumped_tasks(rt), 100000 * sizeof(*rt->tasks));
	ck_assert_uint_lt(dumped_tasks(rt), 100000 * sizeof(*rt->tasks) + some);
	uint64_t before = dumped_registry(rt);
	ANSWERS(tend_subscribe(rt, &sub), 0);
	ck_assert_uint_ge(dumped_registry(rt), before + 4 * 4096 * sizeof(struct tend__event_slot));
	tend_unsubscribe(sub);
	ANSWERS(tend_runtime_close(rt, 0),
	        -ETIMEDOUT); /* external tasks do not end by themselves */
}

/* ---- Several runtimes ---- */

TEST(each_runtime_of_a_process_is_a_snapshot)
{
	static const char *const names[] = {"first", "box", "third"};
	struct tend_snapshot_info about;
	tend_snapshot *s[4];
	tend_runtime *rt[3];

	for (int i = 0; i < 3; i++)
		ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = names[i], .workers = 1,
		                                            .registry_path = i == 1 ? path : NULL),
		                          &rt[i]),
		        0);
	int again = dup(rt[0]->segment.fd);
	ck_assert_int_ge(again, 0);
	ck_assert_int_eq(tend_snapshots_of(getpid(), s, 4), 3);
	for (int i = 0; i < 3; i++) {
		tend_snapshot_about(s[i], &about);
		ck_assert_str_eq(about.name, names[i]);
		tend_snapshot_free(s[i]);
	}
	ck_assert_int_eq(tend_snapshots_of(getpid(), s, 1), 1);
	tend_snapshot_about(s[0], &about);
	ck_assert_str_eq(about.name, "first");
	tend_snapshot_free(s[0]);
	ANSWERS(tend_snapshot_of(getpid(), s), 0);
	tend_snapshot_about(s[0], &about);
	ck_assert_str_eq(about.name, "third");
	tend_snapshot_free(s[0]);
	close_it(rt[2]);
	close_it(rt[0]);
	ck_assert_int_eq(tend_snapshots_of(getpid(), s, 4), 1);
	tend_snapshot_free(s[0]);
	close(again);
	close_it(rt[1]);
	ck_assert_int_eq(tend_snapshots_of(getpid(), s, 4), -ENOENT);
}

/* ---- Another clock ---- */

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static void have_a_memfd(void)
{
	tend_runtime *rt;

	must(open_at(NULL, &rt));
	must(tend_spawn(tend_root(rt), rest, NULL, TEND_TASK_OPTS(.name = "resting"), NULL));
}

/* By the clock of the reader its tasks would be born in the future, or long ago. */
TEST(the_age_of_a_task_is_right_by_the_clock_of_another_time_namespace)
{
	struct tend_snapshot_info about;
	const struct tend_info *info;
	tend_snapshot *s;
	int offsets;

	if (unshare(CLONE_NEWTIME) != 0)
		return; /* not permitted here */
	offsets = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(offsets, 0);
	ck_assert_int_gt(write(offsets, "1 1000000 5\n", 12), 0);
	close(offsets);
	pid_t child = start(have_a_memfd);
	ANSWERS(tend_snapshot_of(child, &s), 0);
	tend_snapshot_about(s, &about);
	info = tend_snapshot_at(s, 2);
	ck_assert_str_eq(info->name, "resting");
	ck_assert_uint_gt(info->spawned_at, UINT64_C(1000000) * 1000000000);
	ck_assert_uint_ge(about.at, info->spawned_at);
	ck_assert_uint_lt(about.at - info->spawned_at, PATIENCE_NS);
	tend_snapshot_free(s);
	end(child);
}
