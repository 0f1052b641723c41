/* A program with a runtime, stopped by SIGSTOP, read from outside. */
#include "suite.h"

#include "tend/tend.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int receive(void *arg)
{
	char item;

	return tend_channel_recv(arg, &item, TEND_FOREVER);
}

static int read_pipe(void *arg)
{
	char byte;

	return (int)tend_read(*(int *)arg, &byte, 1, TEND_FOREVER);
}

static int sleep_long(void *arg)
{
	(void)arg;
	return tend_sleep_until(tend_after(1000 * TEND_SEC));
}

static int in_thread(void *arg) { return receive(arg); }

/* Never waits through the runtime, so its worker answers nobody. */
static int spin(void *arg)
{
	for (;;)
		atomic_signal_fence(memory_order_seq_cst);
	return arg != NULL;
}

static bool all_parked(const tend_runtime *rt)
{
	tend_snapshot *s;
	bool all = true;

	if (tend_snapshot_take(rt, &s))
		return false;
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);
		bool spins = strcmp(info->name, "spin") == 0;

		all = all && (info->kind == TEND_KIND_SCOPE ||
		              info->state == (spins ? TEND_STATE_RUNNING : TEND_STATE_PARKED));
	}
	tend_snapshot_free(s);
	return all;
}

static void program(int ready)
{
	int ends[2];
	tend_channel *channel;
	tend_runtime *rt;
	tend_scope web, jobs;

	/* A test that fails leaves nothing that spins. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) || tend_channel_open(1, 1, &channel) ||
	    tend_runtime_open(TEND_RUNTIME_OPTS(.name = "app", .workers = 2), &rt) ||
	    tend_scope_open(tend_root(rt), "web", NULL, &web) ||
	    tend_scope_open(tend_root(rt), "jobs", NULL, &jobs) ||
	    tend_spawn(web, receive, channel, TEND_TASK_OPTS(.name = "receiver"), NULL) ||
	    tend_spawn(web, read_pipe, ends, TEND_TASK_OPTS(.name = "reader"), NULL) ||
	    tend_spawn(jobs, sleep_long, NULL, TEND_TASK_OPTS(.name = "sleeper"), NULL) ||
	    tend_spawn_thread(jobs, in_thread, channel, TEND_TASK_OPTS(.name = "thread"), NULL) ||
	    tend_spawn(jobs, spin, NULL, TEND_TASK_OPTS(.name = "spin"), NULL))
		_exit(1);
	while (!all_parked(rt))
		usleep(1000);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static pid_t start_and_stop(void)
{
	int ready[2], status;
	pid_t child;
	char byte;

	ANSWERS(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		program(ready[1]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	ANSWERS(kill(child, SIGSTOP), 0);
	ANSWERS(waitpid(child, &status, WUNTRACED), child);
	ck_assert(WIFSTOPPED(status));
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static const struct tend_info *find(const tend_snapshot *s, const char *path)
{
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		char buf[TEND_PATH_MAX];

		tend_snapshot_path(s, i, buf, sizeof(buf));
		if (strcmp(buf, path) == 0)
			return tend_snapshot_at(s, i);
	}
	ck_abort_msg("there is no %s", path);
}

TEST(a_stopped_process_shows_what_each_of_its_tasks_waits_for)
{
	pid_t child = start_and_stop();
	struct tend_snapshot_info about;
	const struct tend_info *info;
	tend_snapshot *s;

	ANSWERS(tend_snapshot_of(child, &s), 0);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.pid, (uint64_t)child);
	ck_assert_uint_eq(about.torn, 0);
	info = find(s, "app/web/receiver");
	ck_assert_int_eq(info->state, TEND_STATE_PARKED);
	ck_assert_int_eq(strncmp(info->wait, "recv channel#", 13), 0);
	ck_assert_ptr_nonnull(strstr(info->site, "stopped_test.c:"));
	info = find(s, "app/web/reader");
	ck_assert_int_eq(strncmp(info->wait, "read fd ", 8), 0);
	info = find(s, "app/jobs/sleeper");
	ck_assert_int_eq(strncmp(info->wait, "sleep 16m", 9), 0);
	ck_assert_uint_le(info->spawned_at, about.at);
	info = find(s, "app/jobs/thread");
	ck_assert_int_eq(info->kind, TEND_KIND_THREAD);
	ck_assert_int_eq(strncmp(info->wait, "recv channel#", 13), 0);
	ck_assert_int_gt(info->pid, 0);
	info = find(s, "app/jobs/spin");
	ck_assert_int_eq(info->state, TEND_STATE_RUNNING);
	ck_assert_uint_eq(info->parent, find(s, "app/jobs")->id);
	tend_snapshot_free(s);
	end(child);
}

/* The tool, as the build gives it. */
static size_t tool(pid_t pid, const char *option, char *out, size_t size)
{
	char command[512];
	size_t n;
	FILE *pipe;

	snprintf(command, sizeof(command), "%s tree %d %s 2>&1", getenv("TEND"), (int)pid, option);
	pipe = popen(command, "re");
	ck_assert_ptr_nonnull(pipe);
	n = fread(out, 1, size - 1, pipe);
	out[n] = 0;
	ck_assert_msg(pclose(pipe) == 0, "%s", out);
	return n;
}

TEST(the_tool_shows_the_tree_of_a_stopped_process)
{
	char out[8192], *row;
	unsigned long long age, since;
	int channel, end_of_row = 0;
	pid_t child;

	if (!getenv("TEND"))
		return;
	child = start_and_stop();
	tool(child, "--ascii", out, sizeof(out));
	ck_assert_int_eq(strncmp(out, "app ", 4), 0);
	ck_assert_ptr_nonnull(strstr(out, "|- jobs "));
	ck_assert_ptr_nonnull(strstr(out, "|  `- thread "));
	ck_assert_ptr_nonnull(strstr(out, "recv channel#"));
	tool(child, "--json", out, sizeof(out));
	ck_assert_ptr_nonnull(strstr(out, "\"schema\":\"tend.tree/1\""));
	row = strstr(out, "\"path\":\"app/web/receiver\"");
	ck_assert_ptr_nonnull(row);
	*strchr(row, '}') = 0;
	ck_assert_int_eq(sscanf(row,
	                        "\"path\":\"app/web/receiver\",\"kind\":\"fiber\","
	                        "\"state\":\"parked\",\"wait\":\"recv channel#%d\",\"attempt\":1,"
	                        "\"age_ns\":%llu,\"pid\":null,\"site\":\"%*[^\"]\","
	                        "\"outcome\":null,\"torn\":false,\"ready\":true,"
	                        "\"restarts\":0,\"due_ns\":null,\"last\":null,"
	                        "\"last_error\":0,\"since_ns\":%llu,\"life\":null%n",
	                        &channel, &age, &since, &end_of_row),
	                 3);
	ck_assert_int_eq(end_of_row, (int)strlen(row));
	end(child);
}

TEST(the_tool_shows_each_runtime_of_a_process)
{
	char out[8192];
	tend_runtime *rt[2];

	if (!getenv("TEND"))
		return;
	for (int i = 0; i < 2; i++)
		ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = i ? "second" : "first",
		                                            .workers = 1),
		                          &rt[i]),
		        0);
	tool(getpid(), "--ascii", out, sizeof(out));
	ck_assert_int_eq(strncmp(out, "first ", 6), 0);
	ck_assert_ptr_nonnull(strstr(out, "\nsecond "));
	tool(getpid(), "--json", out, sizeof(out));
	ck_assert_ptr_nonnull(strstr(out, "\"path\":\"first/detached\""));
	ck_assert_ptr_nonnull(strstr(out, "\"path\":\"second/detached\""));
	for (int i = 0; i < 2; i++)
		ANSWERS(tend_runtime_close(rt[i], tend_after(PATIENCE_NS)), 0);
}

TEST(a_runtime_in_this_process_reads_itself)
{
	tend_snapshot *s;
	tend_runtime *rt;
	tend_scope a;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "self", .workers = 1), &rt), 0);
	ANSWERS(tend_scope_open(tend_root(rt), "a", NULL, &a), 0);
	ANSWERS(tend_spawn(a, sleep_long, NULL, TEND_TASK_OPTS(.name = "t"), NULL), 0);
	ANSWERS(tend_snapshot_take(rt, &s), 0);
	ck_assert_uint_eq(find(s, "self/a")->id, a.id);
	ck_assert_int_eq(find(s, "self/a/t")->kind, TEND_KIND_FIBER);
	tend_snapshot_free(s);
	ANSWERS(tend_snapshot_of(getpid(), &s), 0);
	ck_assert_uint_eq(find(s, "self/a")->id, a.id);
	tend_snapshot_free(s);
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}
