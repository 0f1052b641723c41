/* What the machine can do at best, with nothing on top: the stacks of tasks, and
 * processes. */
#include "peer.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

enum { STACK = 64 * 1024, SLAB = 64 * STACK, PAGE = 4096 };

static char *map_slab(void)
{
	char *slab = mmap(NULL, SLAB, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (slab == MAP_FAILED)
		peer_fail("mmap");
	madvise(slab, SLAB, MADV_NOHUGEPAGE);
	return slab;
}

/* Before Linux 6.13 a guard costs two mappings, so that some 32 000 are all there are. */
static void guard(char *page)
{
	if (madvise(page, PAGE, MADV_GUARD_INSTALL) < 0 && mprotect(page, PAGE, PROT_NONE) < 0)
		peer_fail("mprotect");
}

/* A stack with a guard below it, and its top page, which a task touches to start. */
static void stacks(uint64_t n)
{
	struct peer_memory before = peer_memory_now();
	uint64_t begun = peer_now();
	char *slab = NULL;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t offset = i * STACK % SLAB;

		if (offset == 0)
			slab = map_slab();
		guard(slab + offset);
		*(volatile char *)(slab + offset + STACK - 1) = 1;
	}
	peer_parked(before, peer_now() - begun, n);
}

static pid_t spawn_true(void)
{
	static char *const argv[] = {"true", NULL}, *const envp[] = {NULL};
	pid_t pid;

	peer_need(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, envp), "/bin/true");
	return pid;
}

static pid_t fork_and_exit(void)
{
	pid_t pid = vfork();

	if (pid < 0)
		peer_fail("vfork");
	if (pid == 0)
		_exit(0);
	return pid;
}

/* From the start of a process until it is reaped. */
static void processes(uint64_t n)
{
	pid_t (*start)(void) = strcmp(peer.value, "spawn") == 0  ? spawn_true
	                       : strcmp(peer.value, "fork") == 0 ? fork_and_exit
	                                                         : NULL;
	uint64_t begun;

	if (!start)
		exit(3);
	begun = peer_now();
	for (uint64_t i = 0; i < n; i++) {
		int status;

		if (waitpid(start(), &status, 0) < 0)
			peer_fail("waitpid");
		peer_check(status == 0, "a process failed");
	}
	peer_metric("ns_task", (double)(peer_now() - begun) / (double)n);
}

int main(int argc, char **argv)
{
	static const struct peer_case cases[] = {
		{"floor", "w3", stacks, 1000000, 1, NULL, NULL},
		{"floor", "process", processes, 1000, 1, "shape", "spawn"},
		{NULL, NULL, NULL, 0, 0, NULL, NULL},
	};
	struct utsname kernel;

	uname(&kernel);
	return peer_main(argc, argv, kernel.release, cases);
}
