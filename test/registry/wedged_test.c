/* A program with a thread that never leaves malloc(), and so holds its lock, read from inside
 * and from outside. */
#include "suite.h"

#include "tend/tend.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer has a malloc() of its own. */
#ifndef SANITIZED

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

/* The lock of malloc(), which is taken once `locks` is set. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool locks, wedged;
static _Thread_local bool stays;

static void enter(void)
{
	if (!locks)
		return;
	pthread_mutex_lock(&lock);
	if (stays) {
		wedged = true;
		for (;;)
			pause();
	}
	pthread_mutex_unlock(&lock);
}

void *malloc(size_t size)
{
	enter();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	enter();
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	enter();
	return __libc_realloc(p, size);
}

void free(void *p)
{
	enter();
	__libc_free(p);
}

static int stay_in_malloc(void *arg)
{
	(void)arg;
	stays = true;
	locks = true;
	return malloc(1) == NULL;
}

static int stay(void *arg)
{
	(void)arg;
	return pause();
}

/* Returns whether the rows are those of the program. */
static bool is_right(tend_snapshot *s)
{
	static char text[4096];
	size_t found = 0;

	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);
		char path[TEND_PATH_MAX];

		tend_snapshot_path(s, i, path, sizeof(path));
		found += !strcmp(path, "app/web/fiber") && info->state == TEND_STATE_RUNNING;
		found += !strcmp(path, "app/web/thread") && info->kind == TEND_KIND_THREAD;
	}
	tend_snapshot_text(s, 0, text, sizeof(text));
	return found == 2 && strstr(text, "fiber");
}

static void program(int answer)
{
	tend_runtime *rt;
	tend_scope web;
	tend_snapshot *s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (tend_runtime_open(TEND_RUNTIME_OPTS(.name = "app", .workers = 1), &rt) ||
	    tend_scope_open(tend_root(rt), "web", NULL, &web) ||
	    tend_spawn_thread(web, stay, NULL, TEND_TASK_OPTS(.name = "thread"), NULL) ||
	    tend_spawn(web, stay_in_malloc, NULL, TEND_TASK_OPTS(.name = "fiber"), NULL))
		_exit(1);
	while (!wedged)
		usleep(1000);
	bool right = !tend_snapshot_take(rt, &s) && is_right(s);
	tend_snapshot_free(s);
	if (write(answer, &right, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

TEST(a_snapshot_waits_for_no_lock_of_malloc)
{
	struct pollfd answer = {.events = POLLIN};
	tend_snapshot *s;
	bool right;
	int ends[2];

	ANSWERS(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0)
		program(ends[1]);
	close(ends[1]);
	answer.fd = ends[0];
	ANSWERS(poll(&answer, 1, PATIENCE_S * 1000), 1);
	ANSWERS(read(ends[0], &right, 1), 1);
	ck_assert(right);
	ANSWERS(tend_snapshot_of(child, &s), 0);
	ck_assert(is_right(s));
	tend_snapshot_free(s);
	close(ends[0]);
	ANSWERS(kill(child, SIGKILL), 0);
	ANSWERS(waitpid(child, NULL, 0), child);
}

#endif
