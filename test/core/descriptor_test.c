/* The numbers of the library's own descriptors. */
#include "suite.h"

#include "child.h"

#include "tend/tend.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* Opens a runtime, and has it open all descriptors that it keeps. */
static tend_runtime *open_runtime(uint32_t flags)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	tend_runtime *rt;
	tend_task t;

	if (tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 2, .flags = flags,
	                                        .guard_path = getenv("TEND_GUARD")),
	                      &rt) ||
	    tend_spawn_process(tend_root(rt), TEND_PROCESS_OPTS(.argv = argv), NULL) ||
	    tend_spawn(tend_root(rt), nothing, NULL,
	               TEND_TASK_OPTS(.deadline = tend_after(TEND_SEC)), &t))
		_exit(10);
	if (flags & TEND_HOSTED ? tend_runtime_poll(rt, 0) < 0
	                        : tend_join(t, NULL, tend_after(PATIENCE_NS)) != 0)
		_exit(11);
	return rt;
}

/* Returns how many descriptors from `from` to below `to` are open. */
static int open_between(int from, int to)
{
	int n = 0;

	for (int fd = from; fd < to; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int with_none_open(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	tend_runtime *rt = open_runtime(0);
	return open_between(0, 3) ? 1 : tend_runtime_close(rt, tend_after(PATIENCE_NS)) ? 2 : 0;
}

static int with_many(void)
{
	int before = open_between(0, 1024), lent;

	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096}))
		return 77;
	tend_runtime *rt = open_runtime(0);
	if (open_between(0, 1024) != before || open_between(1024, 4096) == 0)
		return 1;
	if (tend_runtime_close(rt, tend_after(PATIENCE_NS)) || open_between(1024, 4096))
		return 2;
	/* select(2) of the program's loop takes no number above 1023. */
	rt = open_runtime(TEND_HOSTED);
	lent = tend_runtime_fd(rt);
	return lent >= 3 && lent < 1024 && open_between(0, 1024) == before + 1 ? 0 : 3;
}

TEST(a_runtime_keeps_off_the_standard_descriptors)
{
	char out[256];

	ANSWERS(in_child(with_none_open, out, sizeof(out)), 0);
}

TEST(a_runtime_keeps_off_the_numbers_below_1024_where_the_limit_lets_it)
{
	char out[256];
	int status = in_child(with_many, out, sizeof(out));

	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) != 77) /* the limit cannot be raised here */
		ANSWERS(WEXITSTATUS(status), 0);
}

static int closed_and_taken(void)
{
	tend_runtime *rt;
	FILE *file = tmpfile();
	tend_task t;

	if (!file || tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1), &rt))
		return 1;
	/* All that is above belongs to the runtime. */
	for (int fd = fileno(file) + 1; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			dup2(fileno(file), fd);
	for (;;)
		if (tend_spawn(tend_root(rt), nothing, NULL, NULL, &t) ||
		    tend_join(t, NULL, tend_after(PATIENCE_NS)) || lseek(fileno(file), 0, SEEK_END))
			return 2;
}

TEST(a_program_that_closes_a_descriptor_of_the_runtime_is_told)
{
	char out[256];
	int status = in_child(closed_and_taken, out, sizeof(out));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(out, "the program has closed a descriptor of the runtime"));
}
