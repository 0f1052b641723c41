/* tend/runtime.h */
#include "refuse.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

TEST(refusals_of_runtimes) { try_rows(__FILE__); }

static const struct {
	struct tend_runtime_opts opts;
	uint64_t more;
} future = {{.size = sizeof(future)}, 1};

static int open_with(struct world *w, const struct tend_runtime_opts *opts)
{
	return tend_runtime_open(opts, &w->out.rt);
}

#define SMALL .workers = 1, .tasks_max = 32, .events_max = 16

REFUSES(tend_runtime_open, EINVAL, "a slash in the name", outside,
        open_with(w, TEND_RUNTIME_OPTS(.name = "a/b", SMALL)))
REFUSES(tend_runtime_open, EINVAL, "an empty name", outside,
        open_with(w, TEND_RUNTIME_OPTS(.name = "", SMALL)))
REFUSES(tend_runtime_open, EINVAL, "too many workers", outside,
        open_with(w, TEND_RUNTIME_OPTS(.workers = 65)))
REFUSES(tend_runtime_open, EINVAL, "too many tasks", outside,
        open_with(w, TEND_RUNTIME_OPTS(.tasks_max = 14680065)))
REFUSES(tend_runtime_open, EINVAL, "too many events", outside,
        open_with(w, TEND_RUNTIME_OPTS(.events_max = (1 << 20) + 1)))
REFUSES(tend_runtime_open, EINVAL, "stacks of a byte", outside,
        open_with(w, TEND_RUNTIME_OPTS(.stack_bytes = 1)))
REFUSES(tend_runtime_open, EINVAL, "stacks of 2 GiB", outside,
        open_with(w, TEND_RUNTIME_OPTS(.stack_bytes = (size_t)1 << 31)))
REFUSES(tend_runtime_open, EINVAL, "an unknown flag", outside,
        open_with(w, TEND_RUNTIME_OPTS(.flags = 1u << 31)))
REFUSES(tend_runtime_open, EINVAL, "options without a size", outside,
        open_with(w, &(struct tend_runtime_opts){.workers = 1}))
REFUSES(tend_runtime_open, E2BIG, "a field of tomorrow", outside, open_with(w, &future.opts))
REFUSES(tend_runtime_open, ENOMEM, "no memory for the segment", outside,
        (no_memory(1), open_with(w, TEND_RUNTIME_OPTS(SMALL))))
REFUSES(tend_runtime_open, ENOMEM, "no memory for the root", outside,
        (no_memory(2), open_with(w, TEND_RUNTIME_OPTS(SMALL))))
REFUSES(tend_runtime_open, ENOMEM, "no memory for the scope of background tasks", outside,
        (no_memory(3), open_with(w, TEND_RUNTIME_OPTS(SMALL))))
REFUSES(tend_runtime_open, ENOMEM, "no memory for a worker", outside,
        (no_memory(4), open_with(w, TEND_RUNTIME_OPTS(SMALL))))
REFUSES(tend_runtime_open, ENOMEM, "no memory for the path of the guard", outside,
        (no_memory(1), open_with(w, TEND_RUNTIME_OPTS(.guard_path = "/guard", SMALL))))
REFUSES(tend_runtime_open, EAGAIN, "no threads", outside,
        (no_threads(), open_with(w, TEND_RUNTIME_OPTS(SMALL))))
REFUSES(tend_runtime_open, EFBIG, "RLIMIT_FSIZE", outside,
        (limit(RLIMIT_FSIZE, 4096), open_with(w, TEND_RUNTIME_OPTS(SMALL))))
REFUSES(tend_runtime_open, EEXIST, "a registry file that is there", outside,
        open_with(w, TEND_RUNTIME_OPTS(.registry_path = "/dev/null", SMALL)))
CANNOT_PROVOKE(tend_runtime_open, EBUSY, "test/registry has the file of a live process")
CANNOT_PROVOKE(tend_runtime_open, ENOSPC, "test/registry has a full disk")
REFUSES(tend_runtime_open, ENOENT, "no folder for the registry file", outside,
        open_with(w, TEND_RUNTIME_OPTS(.registry_path = "/nowhere/tend", SMALL)))
REFUSES(tend_runtime_open, EMFILE, "no descriptors", outside,
        (limit(RLIMIT_NOFILE, 0), open_with(w, TEND_RUNTIME_OPTS(SMALL))))

/* w->other, with an external task. */
static void endless(struct world *w, const struct row *row)
{
	open_other(w, 0, 32);
	ANSWERS(tend_task_begin(tend_root(w->other), NULL, &w->made), 0);
	judge(w, row);
	ANSWERS(tend_task_end(w->made, 0), 0);
	close_other(w);
}

REFUSES(tend_runtime_close, EDEADLK, "by a fiber", in_fiber,
        tend_runtime_close(w->rt, TEND_FOREVER))
REFUSES(tend_runtime_close, EDEADLK, "by a thread task", in_thread,
        tend_runtime_close(w->rt, TEND_FOREVER))
REFUSES_BUT(tend_runtime_close, ETIMEDOUT, "no time: it is shut down, and the runtime is there",
            endless,
            "; now other scope closed live 1 spawned 2 completed 1"
            " because -125 'the runtime closes'"
            "; now other/detached scope closed live 0 spawned 0 completed 0"
            " because -125 'the runtime closes'"
            "; now other/task external abandoned because -125 'the runtime closes'",
            tend_runtime_close(w->other, 0))
REFUSES(tend_runtime_close, ESTALE, "a fork", forked, tend_runtime_close(w->rt, 0))

/* By a fork of the driver of a hosted runtime. */
static void hosted_forked(struct world *w, const struct row *row)
{
	open_other(w, TEND_HOSTED, 32);
	forked(w, row);
	close_other(w);
}

REFUSES(tend_runtime_fd, EINVAL, "not hosted", outside, tend_runtime_fd(w->rt))
REFUSES(tend_runtime_fd, ESTALE, "a fork", hosted_forked, tend_runtime_fd(w->other))

REFUSES(tend_runtime_poll, EINVAL, "not hosted", outside, tend_runtime_poll(w->rt, 0))
REFUSES(tend_runtime_poll, EDEADLK, "by a fiber", in_fiber, tend_runtime_poll(w->rt, 0))
REFUSES(tend_runtime_poll, ESTALE, "a fork", forked, tend_runtime_poll(w->rt, 0))
