/* tend/registry.h */
#include "refuse.h"

#include "runtime/runtime.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(refusals_of_the_registry) { try_rows(__FILE__); }

/* ---- tend_snapshot_take() ---- */

/* A snapshot takes its memory from the kernel, or from the two blocks that earlier
 * snapshots have left: these are taken first. */
static tend_snapshot *taken[2];

static void no_address_space(struct world *w)
{
	for (size_t i = 0; i < 2; i++)
		ANSWERS(tend_snapshot_take(w->rt, &taken[i]), 0);
	limit(RLIMIT_AS, 1);
}

static void full(struct world *w, const struct row *row)
{
	judge(w, row);
	for (size_t i = 0; i < 2; i++)
		tend_snapshot_free(taken[i]);
}

REFUSES(tend_snapshot_take, ENOMEM, "no memory", full,
        (no_address_space(w), tend_snapshot_take(w->rt, &w->out.snapshot)))
REFUSES(tend_snapshot_take, ESRCH, "a runtime that has closed", gone,
        tend_snapshot_take(w->gone, &w->out.snapshot))
REFUSES(tend_snapshot_take, ESTALE, "a fork", forked, tend_snapshot_take(w->rt, &w->out.snapshot))

/* ---- tend_snapshot_reason() ---- */

static int reason_of_root(struct world *w)
{
	struct tend_reason reason;
	tend_snapshot *s;

	ANSWERS(tend_snapshot_take(w->rt, &s), 0);
	int error = tend_snapshot_reason(s, 0, &reason);
	tend_snapshot_free(s);
	return error;
}

REFUSES(tend_snapshot_reason, ENOENT, "not canceled", outside, reason_of_root(w))

/* ---- tend_snapshot_of() ---- */

static int of(struct world *w, pid_t pid) { return tend_snapshot_of(pid, &w->out.snapshot); }

/* w->pid is a child that is stopped, or with `end` has ended. */
static void child(struct world *w, const struct row *row, void prepare(void), bool end)
{
	int status;

	w->pid = fork();
	if (w->pid == 0) {
		if (prepare)
			prepare();
		raise(end ? SIGKILL : SIGSTOP);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(w->pid, &status, WUNTRACED), w->pid);
	judge(w, row);
	if (end)
		return;
	kill(w->pid, SIGKILL);
	ck_assert_int_eq(waitpid(w->pid, &status, 0), w->pid);
}

static void dead(struct world *w, const struct row *row) { child(w, row, NULL, true); }
static void unlinked(struct world *w, const struct row *row) { child(w, row, NULL, false); }

static void hide(void) { prctl(PR_SET_DUMPABLE, 0); }
static void hidden(struct world *w, const struct row *row) { child(w, row, hide, false); }

/* As long as a registry, but not a registry. */
static int junk(void)
{
	int fd = memfd_create(TEND__MEMFD_NAME, MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, 65536) == 0 && pwrite(fd, "junk", 4, 0) == 4)
		return fd;
	_exit(1);
}

static void have_junk(void) { (void)junk(); }
static void foreign(struct world *w, const struct row *row) { child(w, row, have_junk, false); }

/* The registry of this process may not be read. */
static void locked(struct world *w, const struct row *row)
{
	ANSWERS(fchmod(w->rt->segment.fd, 0), 0);
	judge(w, row);
	ANSWERS(fchmod(w->rt->segment.fd, 0600), 0);
}

REFUSES(tend_snapshot_of, ESRCH, "no process", outside, of(w, 0))
REFUSES(tend_snapshot_of, ESRCH, "a group", outside, of(w, -1))
REFUSES(tend_snapshot_of, ESRCH, "it has ended", dead, of(w, w->pid))
REFUSES(tend_snapshot_of, ENOENT, "a process without a registry of its own", unlinked,
        of(w, w->pid))
REFUSES(tend_snapshot_of, EPERM, "a registry that may not be opened", locked,
        (as_nobody(), of(w, getpid())))
REFUSES(tend_snapshot_of, EACCES, "a process that may not be looked into", hidden,
        (as_nobody(), of(w, w->pid)))
REFUSES(tend_snapshot_of, EPROTO, "something else of that name", foreign, of(w, w->pid))
REFUSES(tend_snapshot_of, ENOMEM, "no memory", full, (no_address_space(w), of(w, getpid())))

/* ---- tend_snapshots_of() ---- */

static int64_t all_of(struct world *w, pid_t pid)
{
	return tend_snapshots_of(pid, &w->out.snapshot, 1);
}

REFUSES(tend_snapshots_of, EINVAL, "no room", outside,
        tend_snapshots_of(getpid(), &w->out.snapshot, 0))
REFUSES(tend_snapshots_of, ESRCH, "it has ended", dead, all_of(w, w->pid))
REFUSES(tend_snapshots_of, ENOENT, "a process without a registry of its own", unlinked,
        all_of(w, w->pid))
REFUSES(tend_snapshots_of, EPERM, "a registry that may not be opened", locked,
        (as_nobody(), all_of(w, getpid())))
REFUSES(tend_snapshots_of, EACCES, "a process that may not be looked into", hidden,
        (as_nobody(), all_of(w, w->pid)))
REFUSES(tend_snapshots_of, EPROTO, "something else of that name", foreign, all_of(w, w->pid))
REFUSES(tend_snapshots_of, ENOMEM, "no memory", full, (no_address_space(w), all_of(w, getpid())))

/* ---- tend_snapshot_fd() ---- */

static int from(struct world *w, int fd) { return tend_snapshot_fd(fd, &w->out.snapshot); }

static void with_junk(struct world *w, const struct row *row)
{
	w->fd = junk();
	judge(w, row);
	close(w->fd);
}

/* The registry up to its middle, which is how a full disk leaves it. */
static void torn(struct world *w, const struct row *row)
{
	struct tend__header *h = w->rt->segment.header;

	w->fd = memfd_create("torn", MFD_CLOEXEC);
	ck_assert_int_ge(w->fd, 0);
	ck_assert_int_eq(pwrite(w->fd, h, h->bytes / 2, 0), (ssize_t)(h->bytes / 2));
	judge(w, row);
	close(w->fd);
}

static void with_pipe(struct world *w, const struct row *row)
{
	int ends[2];

	ANSWERS(pipe2(ends, O_CLOEXEC), 0);
	w->fd = ends[0];
	judge(w, row);
	close(ends[0]);
	close(ends[1]);
}

REFUSES(tend_snapshot_fd, EPROTO, "something else", with_junk, from(w, w->fd))
REFUSES(tend_snapshot_fd, EPROTO, "half of a registry", torn, from(w, w->fd))
REFUSES(tend_snapshot_fd, EPROTO, "a pipe", with_pipe, from(w, w->fd))
REFUSES(tend_snapshot_fd, ENOMEM, "no memory", full,
        (no_address_space(w), from(w, w->rt->segment.fd)))
REFUSES(tend_snapshot_fd, EBADF, "no descriptor", outside, from(w, -1))

/* ---- Events and paths ---- */

static tend_subscription *subscription;

static void subscribed(struct world *w, const struct row *row)
{
	ANSWERS(tend_subscribe(w->rt, &subscription), 0);
	forked(w, row);
	tend_unsubscribe(subscription);
}

REFUSES(tend_subscribe, ENOMEM, "no memory", outside,
        (no_memory(1), tend_subscribe(w->rt, &w->out.subscription)))
REFUSES(tend_subscribe, ESRCH, "a runtime that has closed", gone,
        tend_subscribe(w->gone, &w->out.subscription))
CANNOT_PROVOKE(tend_subscribe, ENOSPC, "it takes a full disk; test/registry has one for the open")
REFUSES(tend_subscribe, ESTALE, "a fork", forked, tend_subscribe(w->rt, &w->out.subscription))
REFUSES(tend_events_take, EINVAL, "room without a size", outside,
        (tend_events_take)(w->events, &(struct tend_event_info){.size = 0}, 1, &w->out.number))
REFUSES(tend_events_take, ESRCH, "a runtime that has closed", gone,
        tend_events_take(w->late, &w->out.info, 1, &w->out.number))
REFUSES(tend_events_take, ESTALE, "a fork", subscribed,
        tend_events_take(subscription, &w->out.info, 1, &w->out.number))

REFUSES(tend_watch_changes, ENOMEM, "no memory", outside,
        (no_memory(1), tend_watch_changes(w->live.id, w->go)))
REFUSES(tend_watch_changes, ESRCH, "a scope that has ended", outside,
        tend_watch_changes(w->ended.id, w->go))
REFUSES(tend_watch_changes, ESRCH, "a task that was joined", outside,
        tend_watch_changes(w->stale.id, w->go))
REFUSES(tend_watch_changes, ESRCH, "none", outside, tend_watch_changes(0, w->go))
REFUSES(tend_watch_changes, ESTALE, "a fork", forked, tend_watch_changes(w->open.id, w->go))
REFUSES(tend_unwatch_changes, ENOENT, "no watch", outside, tend_unwatch_changes(w->open.id, w->go))
REFUSES(tend_unwatch_changes, ENOENT, "a scope that has ended", outside,
        tend_unwatch_changes(w->ended.id, w->go))
REFUSES(tend_unwatch_changes, ESRCH, "a runtime that is not open", outside,
        tend_unwatch_changes(tend__id(200, 1, 1), w->go))
REFUSES(tend_unwatch_changes, ESTALE, "a fork", forked, tend_unwatch_changes(w->open.id, w->go))

static int64_t path_of(struct world *w, uint64_t id)
{
	return tend_path(id, w->out.bytes, sizeof(w->out.bytes));
}

REFUSES(tend_path, ESRCH, "a scope that has ended", outside, path_of(w, w->ended.id))
REFUSES(tend_path, ESRCH, "a task that was joined", outside, path_of(w, w->stale.id))
REFUSES(tend_path, ESRCH, "none", outside, path_of(w, 0))
REFUSES(tend_path, ESTALE, "a fork", forked, path_of(w, w->open.id))
