/* test/guard/spawn_test.c - how a child starts, what it gets, and what is said
 * when it does not start. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIG_BYTES 100000
#define BIG_ARGS  12

#define DIR_TEMPLATE "/tmp/tend-guard-test-XXXXXX"
static char dir[] = DIR_TEMPLATE;

/* Outside the test, so that a test that fails leaves nothing. */
static void make_dir(void)
{
	strcpy(dir, DIR_TEMPLATE);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* A file in `dir`. */
static const char *file(const char *name, const char *text, mode_t mode)
{
	static char path[sizeof(dir) + 64];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

FIXTURE_OUTSIDE(make_dir, remove_dir);

TEST(a_program_not_in_path_is_not_found)
{
	struct tend__guard g;
	open_guard(&g);
	check_failure(expect_failure(&g, ARGV("no-such-program"), ENV, NULL), TEND__STAGE_LOOKUP,
	              ENOENT);
	check_failure(expect_failure(&g, ARGV(""), ENV, NULL), TEND__STAGE_LOOKUP, ENOENT);
	check_failure(expect_failure(&g, ARGV("sh"), ARGV("PATH=/nowhere:/etc"), NULL),
	              TEND__STAGE_LOOKUP, ENOENT);
	tend__guard_close(&g);
}

TEST(a_program_named_by_its_path_is_not_looked_up)
{
	struct tend__guard g;
	open_guard(&g);
	check_failure(expect_failure(&g, ARGV("/no/such/program"), ENV, NULL), TEND__STAGE_LOOKUP,
	              ENOENT);
	check_failure(expect_failure(&g, ARGV("./sh"), ENV, NULL), TEND__STAGE_LOOKUP, ENOENT);
	check_failure(expect_failure(&g, ARGV("/etc/passwd/sh"), ENV, NULL), TEND__STAGE_LOOKUP,
	              ENOTDIR);
	tend__guard_close(&g);
}

TEST(a_program_that_is_there_but_cannot_run_says_why)
{
	struct tend__guard g;
	open_guard(&g);
	check_failure(expect_failure(&g, ARGV(file("plain", "text", 0644)), ENV, NULL),
	              TEND__STAGE_EXEC, EACCES);
	check_failure(expect_failure(&g, ARGV(dir), ENV, NULL), TEND__STAGE_EXEC, EACCES);
	check_failure(expect_failure(&g, ARGV(file("script", "exit 3\n", 0755)), ENV, NULL),
	              TEND__STAGE_EXEC, ENOEXEC);
	check_failure(expect_failure(&g, ARGV(file("lost", "#!/no/such/shell\n", 0755)), ENV, NULL),
	              TEND__STAGE_EXEC, ENOENT);
	tend__guard_close(&g);
}

TEST(a_file_in_path_that_cannot_run_hides_none_after_it)
{
	struct tend__guard g;
	char path[128];
	open_guard(&g);
	file("true", "text", 0644);
	snprintf(path, sizeof(path), "PATH=%s:/usr/bin:/bin", dir);
	ck_assert_int_eq(ask_guard(&g, 1, ARGV("true"), ARGV(path), NULL, -1, STOP, NULL), 0);
	expect(&g, TEND__GUARD_STARTED, 1);
	expect(&g, TEND__GUARD_EXITED, 1);
	path[strlen("PATH=") + strlen(dir)] = '\0';
	check_failure(expect_failure(&g, ARGV("true"), ARGV(path), NULL), TEND__STAGE_EXEC, EACCES);
	tend__guard_close(&g);
}

TEST(a_working_directory_that_cannot_be_entered_says_why)
{
	struct tend__guard g;
	open_guard(&g);
	check_failure(expect_failure(&g, ARGV("true"), ENV, "/no/such/dir"), TEND__STAGE_CWD,
	              ENOENT);
	check_failure(expect_failure(&g, ARGV("true"), ENV, "no/such/dir"), TEND__STAGE_CWD,
	              ENOENT);
	check_failure(expect_failure(&g, ARGV("true"), ENV, "/etc/passwd"), TEND__STAGE_CWD,
	              ENOTDIR);
	check_failure(expect_failure(&g, ARGV("true"), ENV, ""), TEND__STAGE_CWD, ENOENT);
	tend__guard_close(&g);
}

/* Root may enter anything, so this is done as someone else. */
TEST(a_forbidden_working_directory_says_so)
{
	struct tend__guard g;
	char closed[128];
	snprintf(closed, sizeof(closed), "%s/closed", dir);
	ck_assert_int_eq(mkdir(closed, 0000), 0);
	ck_assert_int_eq(chmod(dir, 0711), 0);
	if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		ck_abort_msg("setresuid: %s", strerror(errno));
	int error = tend__guard_open(guard_path(), &g);
	if (error == -EACCES)
		return; /* the build directory is closed to others */
	ck_assert_int_eq(error, 0);
	check_failure(expect_failure(&g, ARGV("true"), ENV, closed), TEND__STAGE_CWD, EACCES);
	tend__guard_close(&g);
}

TEST(what_the_kernel_calls_too_big_is_a_failure_to_run)
{
	struct tend__guard g;
	static char big[200000];
	memset(big, 'x', sizeof(big) - 1);
	open_guard(&g);
	check_failure(expect_failure(&g, ARGV("true", big), ENV, NULL), TEND__STAGE_EXEC, E2BIG);
	tend__guard_close(&g);
}

TEST(a_lack_of_descriptors_in_the_guard_is_a_failure_it_survives)
{
	struct tend__guard g;
	struct rlimit old, none;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = 8, .rlim_max = old.rlim_max};
	open_guard(&g);
	pid_t guard = pidfd_pid(g.pidfd);
	spawn(&g, 1, ARGV("true"), NULL);
	expect(&g, TEND__GUARD_STARTED, 1);
	expect(&g, TEND__GUARD_EXITED, 1);

	ck_assert_int_eq(prlimit(guard, RLIMIT_NOFILE, &none, NULL), 0);
	check_failure(expect_failure(&g, ARGV("true"), ENV, NULL), TEND__STAGE_SETUP, EMFILE);
	ck_assert_int_eq(prlimit(guard, RLIMIT_NOFILE, &old, NULL), 0);
	spawn(&g, 2, ARGV("true"), NULL);
	expect(&g, TEND__GUARD_STARTED, 2);
	expect(&g, TEND__GUARD_EXITED, 2);
	tend__guard_close(&g);
}

/* Root has no such limit. */
TEST(a_lack_of_processes_is_a_failure_it_survives)
{
	struct tend__guard g;
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
	if (getuid() == 0 && setresuid(65533, 65533, 65533) < 0)
		ck_abort_msg("setresuid: %s", strerror(errno));
	int error = tend__guard_open(guard_path(), &g);
	if (error == -EACCES)
		return;
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(prlimit(pidfd_pid(g.pidfd), RLIMIT_NPROC, &none, NULL), 0);
	check_failure(expect_failure(&g, ARGV("true"), ENV, NULL), TEND__STAGE_FORK, EAGAIN);
	check_failure(expect_failure(&g, ARGV("true"), ENV, NULL), TEND__STAGE_FORK, EAGAIN);
	tend__guard_close(&g);
}

TEST(a_cookie_in_use_is_refused_and_its_task_goes_on)
{
	struct tend__guard g;
	open_guard(&g);
	spawn(&g, 1, ARGV("sleep", "1000"), NULL);
	expect(&g, TEND__GUARD_STARTED, 1);
	spawn(&g, 1, ARGV("true"), NULL);
	check_failure(expect(&g, TEND__GUARD_START_FAILED, 1), TEND__STAGE_REQUEST, EEXIST);
	ck_assert_int_eq(tend__guard_signal(&g, 1, SIGINT), 0);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, SIGINT);
	tend__guard_close(&g);
}

TEST(an_empty_command_is_refused_at_once)
{
	struct tend__guard g;
	const char *const none[] = {NULL};
	open_guard(&g);
	ck_assert_int_eq(ask_guard(&g, 1, none, ENV, NULL, -1, STOP, NULL), -EINVAL);
	ck_assert_int_eq(ask_guard(&g, 1, NULL, ENV, NULL, -1, STOP, NULL), -EINVAL);
	ck_assert_int_eq(tend__guard_signal(&g, 1, 0), -EINVAL);
	ck_assert_int_eq(tend__guard_signal(&g, 1, 65), -EINVAL);
	ck_assert_uint_eq(g.unanswered, 0);
	tend__guard_close(&g);
}

TEST(more_spawns_than_the_window_are_told_to_wait)
{
	struct tend__guard g;
	open_guard(&g);
	for (uint64_t i = 0; i < TEND__GUARD_WINDOW; i++)
		spawn(&g, i, ARGV("true"), NULL);
	ck_assert_int_eq(ask_guard(&g, 1000, ARGV("true"), ENV, NULL, -1, STOP, NULL), -EAGAIN);
	int ended = 0;
	while (ended < TEND__GUARD_WINDOW) {
		struct tend__guard_message m = next(&g);
		if (m.pidfd >= 0)
			close(m.pidfd);
		ended += m.type == TEND__GUARD_EXITED;
	}
	spawn(&g, 1000, ARGV("true"), NULL);
	expect(&g, TEND__GUARD_STARTED, 1000);
	tend__guard_close(&g);
}

TEST(arguments_environment_and_directory_arrive_as_given)
{
	static char big[BIG_BYTES], want[2000000], got[2000000];
	struct tend__guard g;
	struct leash leash = open_leash();
	const char *argv[BIG_ARGS + 4] = {self_path(), "+echo", ""};
	const char *env[BIG_ARGS + 2] = {"A=b"};
	char *at = want + 1;

	memset(big, 'y', sizeof(big) - 1);
	for (int i = 0; i < BIG_ARGS; i++) {
		argv[i + 3] = i % 2 ? "two words\n\xff" : big;
		at = stpcpy(at, argv[i + 3]) + 1;
	}
	at = stpcpy(at, env[0]) + 1;
	for (int i = 0; i < 5; i++) {
		env[i + 1] = big;
		at = stpcpy(at, big) + 1;
	}
	at = stpcpy(at, "/usr") + 1;

	open_guard(&g);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(ask_guard(&g, 1, argv, env, "usr", -1, STOP, (int[]){-1, leash.out, 2}),
	                 0);
	close(leash.out);
	size_t size = 0;
	ssize_t n;
	while ((n = read(leash.in, got + size, sizeof(got) - size)) > 0)
		size += (size_t)n;
	ck_assert_uint_eq(size, (size_t)(at - want));
	ck_assert_int_eq(memcmp(got, want, size), 0);
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, 0);
	tend__guard_close(&g);
}

TEST(a_missing_directory_means_the_one_of_the_program_now)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[64];
	open_guard(&g);
	ck_assert_int_eq(chdir("/usr/bin"), 0);
	spawn(&g, 1, SH("pwd"), (int[]){-1, leash.out, 2});
	leash_line(&leash, line, sizeof(line));
	ck_assert_str_eq(line, "/usr/bin");
	tend__guard_close(&g);
}

TEST(a_child_gets_default_signals_its_own_group_and_three_descriptors)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[256];
	sigset_t all;

	/* What the child is not to inherit, from before and after the guard. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	ck_assert_int_ge(open("/dev/null", O_RDONLY), 0);
	open_guard(&g);
	ck_assert_int_ge(open("/dev/null", O_RDONLY), 0);

	spawn(&g, 1, ARGV(self_path(), "+report"), (int[]){-1, leash.out, 2});
	const char *const wanted[] = {
		"SigPnd:\t0000000000000000",
		"SigBlk:\t0000000000000000",
		"SigIgn:\t0000000000000000",
		"SigCgt:\t",
		"leads 1",
		"fd 0",
		"fd 1",
		"fd 2",
	};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		leash_line(&leash, line, sizeof(line));
		line[strlen(wanted[i])] = '\0';
		ck_assert_str_eq(line, wanted[i]);
	}
	ck_assert(leash_ends(&leash, PATIENCE_MS));
	tend__guard_close(&g);
}

/* Each number, also one that another descriptor of the guard or of the request has by then. */
TEST(the_descriptor_of_readiness_has_its_number_and_is_the_only_one_more)
{
	struct tend__guard g;

	open_guard(&g);
	for (int fd = 3; fd <= 1023; fd += fd < 20 ? 1 : 250) {
		struct leash said = open_leash();
		char line[64], number[16];

		snprintf(number, sizeof(number), "%d", fd);
		const char *const *argv = ARGV(self_path(), "+ready", number);
		const struct tend__guard_program program = {.argv = argv,
		                                            .base = -1,
		                                            .fds = {-1, -1, 2, said.out},
		                                            .ready_fd = fd,
		                                            .stop = STOP};
		ck_assert_int_eq(tend__guard_spawn(&g, (uint64_t)fd, &program), 0);
		leash_line(&said, line, sizeof(line));
		ck_assert_str_eq(line, "only");
		expect(&g, TEND__GUARD_STARTED, (uint64_t)fd);
		ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, (uint64_t)fd).status, 0);
		ck_assert(leash_ends(&said, PATIENCE_MS));
	}
	tend__guard_close(&g);
}

/* Nobody has it but the process: the guard and the keeper do not keep the pipe open. */
TEST(the_descriptor_of_readiness_is_closed_by_its_process)
{
	struct leash said = open_leash(), leash = open_leash();
	const struct tend__guard_program program = {
		.argv = SH("exec 9>&-; echo closed; exec sleep 1000"),
		.base = -1,
		.fds = {-1, leash.out, -1, said.out},
		.ready_fd = 9,
		.stop = STOP};
	struct tend__guard g;
	char line[64];

	open_guard(&g);
	ck_assert_int_eq(tend__guard_spawn(&g, 1, &program), 0);
	expect(&g, TEND__GUARD_STARTED, 1);
	leash_line(&leash, line, sizeof(line));
	ck_assert_str_eq(line, "closed");
	ck_assert(leash_ends(&said, PATIENCE_MS));
	tend__guard_close(&g);
}

TEST(a_number_beyond_the_limit_of_the_process_fails_its_start)
{
	const struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
	struct leash said = open_leash();
	const struct tend__guard_program program = {.argv = ARGV("true"),
	                                            .env = ENV,
	                                            .base = -1,
	                                            .fds = {-1, -1, -1, said.out},
	                                            .ready_fd = 64,
	                                            .stop = STOP};
	struct tend__guard g;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	open_guard(&g);
	ck_assert_int_eq(tend__guard_spawn(&g, 1, &program), 0);
	check_failure(expect(&g, TEND__GUARD_START_FAILED, 1), TEND__STAGE_SETUP, EMFILE);
	ck_assert(leash_ends(&said, PATIENCE_MS));
	tend__guard_close(&g);
}

TEST(standard_streams_that_are_not_passed_are_dev_null)
{
	struct tend__guard g;
	struct leash leash = open_leash();
	char line[64];
	open_guard(&g);
	spawn(&g, 1, SH("readlink /proc/self/fd/0; readlink /proc/$$/fd/2; cat; echo end"),
	      (int[]){-1, leash.out, -1});
	leash_line(&leash, line, sizeof(line));
	ck_assert_str_eq(line, "/dev/null");
	leash_line(&leash, line, sizeof(line));
	ck_assert_str_eq(line, "/dev/null");
	leash_line(&leash, line, sizeof(line));
	ck_assert_str_eq(line, "end");
	tend__guard_close(&g);
}

TEST(a_passed_standard_input_is_read_to_its_end)
{
	struct tend__guard g;
	struct leash leash = open_leash(), input = open_leash();
	char line[64];
	open_guard(&g);
	spawn(&g, 1, ARGV("cat"), (int[]){input.in, leash.out, -1});
	ck_assert_int_eq(write(input.out, "through\n", 8), 8);
	close(input.out);
	leash_line(&leash, line, sizeof(line));
	ck_assert_str_eq(line, "through");
	expect(&g, TEND__GUARD_STARTED, 1);
	ck_assert_int_eq(expect(&g, TEND__GUARD_EXITED, 1).status, 0);
	ck_assert(leash_ends(&leash, 0));
	tend__guard_close(&g);
}

/* As a program would that does not use tend__guard_spawn(). */
static void send_copies(struct tend__guard *g, struct tend__guard_request *request, int fd,
                        size_t copies)
{
	struct iovec iov = {.iov_base = request, .iov_len = sizeof(*request)};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = {0};
	struct msghdr msg = {.msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = control,
	                     .msg_controllen = CMSG_SPACE(copies * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(copies * sizeof(int));
	for (size_t i = 0; i < copies; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
	ck_assert_int_eq(sendmsg(g->sock, &msg, 0), (int)sizeof(*request));
	close(fd);
}

static void send_forged(struct tend__guard *g, struct tend__guard_request *request, int fd)
{
	send_copies(g, request, fd, 1);
}

static int forged_blob(const char *bytes, size_t n, int seals)
{
	int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(write(fd, bytes, n), (int)n);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

TEST(a_forged_request_is_refused_and_the_guard_goes_on)
{
	static const char good[] = "true\0A=b";
	const int seals = F_SEAL_SHRINK | F_SEAL_WRITE;
	const struct {
		uint32_t argc, envc, bytes, flags;
		int seals;
	} forged[] = {
		{1, 1, sizeof(good), TEND__GUARD_BLOB, 0},             /* may change */
		{1, 1, sizeof(good), TEND__GUARD_BLOB, F_SEAL_SHRINK}, /* may change */
		{1, 1, sizeof(good), TEND__GUARD_BLOB, F_SEAL_WRITE},  /* may shrink */
		{1, 1, sizeof(good) + 1, TEND__GUARD_BLOB, seals},     /* longer than it is */
		{1, 1, sizeof(good) - 1, TEND__GUARD_BLOB, seals},     /* shorter */
		{1, 1, 0, TEND__GUARD_BLOB, seals},                    /* empty */
		{0, 2, sizeof(good), TEND__GUARD_BLOB, seals},         /* no command */
		{1, 0, sizeof(good), TEND__GUARD_BLOB, seals},         /* a string too many */
		{1, 2, sizeof(good), TEND__GUARD_BLOB, seals},         /* one too few */
		{UINT32_MAX, UINT32_MAX, sizeof(good), TEND__GUARD_BLOB, seals},  /* overflow */
		{1, 1, sizeof(good), TEND__GUARD_BLOB | TEND__GUARD_BASE, seals}, /* fd missing */
		{1, 1, sizeof(good), TEND__GUARD_BLOB | TEND__GUARD_CWD, seals},  /* cwd missing */
		{1, 1, sizeof(good), TEND__GUARD_BASE, seals},                    /* no blob */
		{1, 1, sizeof(good), 0, seals},                                   /* no fd wanted */
		{1, 1, sizeof(good), TEND__GUARD_BLOB | TEND__GUARD_READY, seals}, /* fd missing */
	};
	struct tend__guard g;
	open_guard(&g);
	int fds = count_fds(pidfd_pid(g.pidfd));

	for (size_t i = 0; i < sizeof(forged) / sizeof(*forged); i++) {
		struct tend__guard_request request = {.type = TEND__GUARD_SPAWN,
		                                      .cookie = i,
		                                      .flags = forged[i].flags,
		                                      .argc = forged[i].argc,
		                                      .envc = forged[i].envc,
		                                      .blob_bytes = forged[i].bytes,
		                                      .signal = SIGTERM};
		send_forged(&g, &request, forged_blob(good, sizeof(good), forged[i].seals));
		check_failure(expect(&g, TEND__GUARD_START_FAILED, i), TEND__STAGE_REQUEST, EPROTO);
	}
	/* A last byte that is not NUL. */
	struct tend__guard_request request = {.type = TEND__GUARD_SPAWN,
	                                      .cookie = 50,
	                                      .flags = TEND__GUARD_BLOB,
	                                      .argc = 1,
	                                      .blob_bytes = 4,
	                                      .signal = SIGTERM};
	send_forged(&g, &request, forged_blob("true", 4, seals));
	check_failure(expect(&g, TEND__GUARD_START_FAILED, 50), TEND__STAGE_REQUEST, EPROTO);
	/* Strings that would go on behind the last page. */
	static char page[4096];
	request.blob_bytes = sizeof(page);
	memset(page, 'x', sizeof(page));
	send_forged(&g, &request, forged_blob(page, sizeof(page), seals));
	check_failure(expect(&g, TEND__GUARD_START_FAILED, 50), TEND__STAGE_REQUEST, EPROTO);
	page[sizeof(page) - 1] = '\0';
	request.argc = 2;
	send_forged(&g, &request, forged_blob(page, sizeof(page), seals));
	check_failure(expect(&g, TEND__GUARD_START_FAILED, 50), TEND__STAGE_REQUEST, EPROTO);
	/* A descriptor of readiness with a number that it may not have. */
	const int32_t numbers[] = {0, 2, -1, 1024, INT32_MAX, INT32_MIN};
	request.flags = TEND__GUARD_BLOB | TEND__GUARD_READY;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		request.ready_fd = numbers[i];
		send_copies(&g, &request, forged_blob("true", 5, seals), 2);
		check_failure(expect(&g, TEND__GUARD_START_FAILED, 50), TEND__STAGE_REQUEST,
		              EPROTO);
	}
	request.flags = TEND__GUARD_BLOB;
	/* More descriptors than a request has. */
	for (size_t copies = 2; copies <= 16; copies++) {
		send_copies(&g, &request, open("/etc/passwd", O_RDONLY | O_CLOEXEC), copies);
		expect(&g, TEND__GUARD_START_FAILED, 50);
	}
	/* Not a memfd, not a request, not of a length. */
	send_forged(&g, &request, open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	check_failure(expect(&g, TEND__GUARD_START_FAILED, 50), TEND__STAGE_REQUEST, EPROTO);
	request.type = 1234;
	send_forged(&g, &request, open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	ck_assert_int_eq(send(g.sock, &request, 5, 0), 5);
	ck_assert_int_eq(send(g.sock, good, sizeof(good), 0), (int)sizeof(good));

	spawn(&g, 60, ARGV("true"), NULL);
	expect(&g, TEND__GUARD_STARTED, 60);
	expect(&g, TEND__GUARD_EXITED, 60);
	ck_assert_int_eq(count_fds(pidfd_pid(g.pidfd)), fds);
	tend__guard_close(&g);
}
