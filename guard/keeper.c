/* guard/keeper.c - the keeper of a task: starts the leader, passes signals on, stops the task
 * in the time it has, and ends when nothing of the task is left.
 *
 * The stop is the keeper's alone, from the first signal to SIGKILL: once the request is in the
 * slot, the stop waits for no other process. Each process of the task gets the stop signal
 * once: the leader and its group when the stop comes or when the leader ends by itself, every
 * other when the leader and its own parent have ended, for then it falls to the keeper. With
 * TEND__GUARD_LEADER the group has the signal when the leader has ended. A
 * second signal would mean "at once" to many programs.
 *
 * Only SIGKILL ends a keeper earlier. When the guard dies the keeper kills its task, as for a
 * KILL of the owner. */
#include "table.h"

#include "base/atomic.h"
#include "platform/linux/fdmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The strings of a request, in memory of the keeper. */
struct command {
	char *blob;
	size_t blob_bytes;
	char **pointers;
	size_t pointers_bytes;
};

/* How often the keeper looks for processes whose parent has ended since the end of the leader.
 * The end of a process that is no child of the keeper comes without a signal. */
#define LOOK_NS UINT64_C(50000000)

static pid_t leader_pid;
static uint64_t asked[PIDS / 64]; /* a bit for each child that got the stop signal by its pid */

/* Has the guard look, also if the guard was stopped by SIGSTOP. */
static void wake_guard(const struct keeper *keeper)
{
	if (getppid() == keeper->guard)
		kill(keeper->guard, SIGCONT);
}

_Noreturn static void fail(const struct keeper *keeper, int stage, int error)
{
	struct slot *slot = keeper->slot;

	guard_assert(stage > TEND__STAGE_NONE && stage < TEND__STAGE_COUNT && error > 0);
	guard_assert(tend__load_relaxed(&slot->state) == SLOT_OPEN);
	slot->stage = stage;
	slot->error = error;
	/* Release: pairs with the acquire load of keeper_gone(). */
	tend__store_release(&slot->state, SLOT_FAILED);
	wake_guard(keeper);
	_exit(0);
}

/* Points `out` at `count` strings from *at on. Returns false if there are fewer. */
static bool take_strings(char **out, uint32_t count, char **at, char *end)
{
	for (uint32_t i = 0; i < count; i++) {
		if (*at == end)
			return false;
		out[i] = *at;
		/* The blob ends with a NUL, so strlen() stops before the end of the blob. */
		*at += strlen(*at) + 1;
	}
	out[count] = NULL;
	return true;
}

/* Maps the blob of a request. A blob that could still change or shrink is refused, so the
 * checks made here stay true. Returns 0 or a negative errno value. */
static int map_blob(int fd, size_t bytes, struct command *command)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_WRITE;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & sealed) != sealed || fstat(fd, &st) < 0)
		return -EPROTO;
	if (bytes == 0 || bytes > TEND__GUARD_BLOB_MAX || st.st_size != (off_t)bytes)
		return -EPROTO;
	command->blob = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (command->blob == MAP_FAILED)
		return -errno;
	command->blob_bytes = bytes;
	return command->blob[bytes - 1] ? -EPROTO : 0;
}

static int read_command(const struct keeper *keeper, struct command *command, struct leader *leader)
{
	const struct tend__guard_request *request = &keeper->request;
	int error = map_blob(keeper->fds[0], request->blob_bytes, command);
	if (error)
		return error;

	/* Each string has at least its NUL, which bounds the counts. */
	char *at = command->blob;
	char *end = at + command->blob_bytes;
	if (request->argc == 0 || request->argc > command->blob_bytes ||
	    request->envc > command->blob_bytes)
		return -EPROTO;
	command->pointers_bytes = ((size_t)request->argc + request->envc + 3) * sizeof(char *);
	command->pointers = mmap(NULL, command->pointers_bytes, PROT_READ | PROT_WRITE,
	                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (command->pointers == MAP_FAILED)
		return -errno;

	char **argv = command->pointers + 1;
	char **env = argv + request->argc + 1;
	if (request->flags & TEND__GUARD_CWD) {
		leader->cwd = at;
		at += strlen(at) + 1;
	}
	if (!take_strings(argv, request->argc, &at, end) ||
	    !take_strings(env, request->envc, &at, end) || at != end)
		return -EPROTO;
	leader->argv = argv;
	leader->env = env;
	return 0;
}

static void take_descriptors(const struct keeper *keeper, struct leader *leader)
{
	const int *fd = keeper->fds + 1;

	guard_assert(keeper->request.flags & TEND__GUARD_BLOB);
	leader->base = keeper->request.flags & TEND__GUARD_BASE ? *fd++ : -1;
	for (int i = 0; i < 3; i++)
		leader->io[i] = keeper->request.flags & TEND__GUARD_FD(i) ? *fd++ : -1;
	leader->ready = keeper->request.flags & TEND__GUARD_READY ? *fd++ : -1;
	leader->ready_fd = keeper->request.ready_fd;
}

/* Tells the guard the leader's pid, with its pidfd if possible. Retries for
 * about a second while the kernel is out of memory. Returns 0 or a negative errno value. */
static int report_started(const struct keeper *keeper, pid_t leader, int pidfd)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct started started = {.slot = keeper->index, .leader = leader};
	size_t with = 1;

	for (int tries = 0;; tries++) {
		int error = tend__fdmsg_send(keeper->report, &started, sizeof(started), &pidfd,
		                             with, 0);
		if (error == -ETOOMANYREFS && with) {
			/* Too many descriptors of this user are on their way elsewhere, so the
			 * message goes without the pidfd. */
			with = 0;
			continue;
		}
		if ((error != -ENOBUFS && error != -ENOMEM) || tries == 1000)
			return error;
		nanosleep(&pause, NULL);
	}
}

/* The leader may have left the group that it was started in, and then gets the signal by its
 * pid. The number of the group is the leader's, who is not reaped yet. */
static void send_signal(int sig)
{
	guard_assert(leader_pid > 1);
	kill(-leader_pid, sig);
	if (getpgid(leader_pid) != leader_pid)
		kill(leader_pid, sig);
}

/* Sends the signals that the guard has asked for. SIGCONT is the last, because the others must
 * be pending when stopped processes go on. */
static void pass_signals(struct slot *slot)
{
	const uint64_t cont = UINT64_C(1) << (SIGCONT - 1);
	uint64_t signals = tend__exchange(&slot->signals, 0);

	for (int sig = 1; sig <= 64; sig++)
		if (signals & ~cont & (UINT64_C(1) << (sig - 1)))
			send_signal(sig);
	if (signals & cont)
		send_signal(SIGCONT);
}

/* Reaps orphans of the task while the leader runs. Returns true when the leader has ended. The
 * leader stays unreaped, so that the number of its group belongs to no other process. */
static bool leader_ended(void)
{
	for (;;) {
		siginfo_t info = {.si_pid = 0};
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return false;
		if (info.si_pid == leader_pid)
			return true;
		waitid(P_PID, (id_t)info.si_pid, NULL, WEXITED | WNOHANG);
	}
}

struct rest {
	int stop_signal;
	int count;
	bool reaped;
};

/* A child after the end of the leader: the keeper reaps it, or asks it to stop, once. A child
 * in the leader's group was asked with the group. */
static void stop_child(void *arg, pid_t pid)
{
	struct rest *rest = arg;
	siginfo_t info = {.si_pid = 0};
	const uint64_t bit = UINT64_C(1) << (pid % 64);

	guard_assert(pid < PIDS);
	if (pid == leader_pid)
		return;
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == pid) {
		asked[pid / 64] &= ~bit;
		rest->reaped = true;
		return;
	}
	rest->count++;
	if (getpgid(pid) == leader_pid || (asked[pid / 64] & bit))
		return;
	asked[pid / 64] |= bit;
	kill(pid, rest->stop_signal);
	kill(pid, SIGCONT);
}

/* Returns true if processes are left but the leader, which has ended. If the children cannot
 * be listed, there may be some. */
static bool stop_rest(int stop_signal)
{
	struct rest rest;

	do {
		rest = (struct rest){.stop_signal = stop_signal};
		if (children_each(stop_child, &rest) < 0)
			return true;
	} while (rest.reaped);
	return rest.count > 0;
}

/* Waits for a signal of the set until the instant. */
static void wait_until(const sigset_t *set, uint64_t instant)
{
	if (instant == NEVER) {
		sigwaitinfo(set, NULL);
		return;
	}
	uint64_t now = now_ns();
	uint64_t left = instant > now ? instant - now : 0;
	const struct timespec pause = {.tv_sec = (time_t)(left / 1000000000),
	                               .tv_nsec = (long)(left % 1000000000)};
	sigtimedwait(set, NULL, &pause);
}

/* Passes signals on and stops the task, until nothing but the leader's end is left, the time
 * of the stop is up, or the task is to be killed. */
static void attend(const struct keeper *keeper)
{
	struct slot *slot = keeper->slot;
	const int stop_signal = keeper->request.signal;
	bool leader_first = keeper->request.flags & TEND__GUARD_LEADER;
	uint64_t kill_at = NEVER; /* also when the stop has no end */
	bool stopping = false, ended = false, rest_waits = false;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, WAKE_SIGNAL);

	for (;;) {
		if (!ended && leader_ended()) {
			ended = true;
			kill_at = after_ns(keeper->request.stop_ns);
		}
		if (tend__load(&slot->kill) || getppid() != keeper->guard)
			return;
		pass_signals(slot);
		uint64_t stop_at = tend__load(&slot->stop_at);
		if (stop_at < kill_at)
			kill_at = stop_at;
		if (leader_first && stop_at != NEVER && !ended) {
			leader_first = false;
			rest_waits = true;
			kill(leader_pid, stop_signal);
			kill(leader_pid, SIGCONT);
		}
		if (!stopping && (ended || (stop_at != NEVER && !rest_waits))) {
			stopping = true;
			send_signal(stop_signal);
			send_signal(SIGCONT);
		}
		if ((ended && !stop_rest(stop_signal)) || now_ns() >= kill_at)
			return;
		uint64_t look_at = ended ? after_ns(LOOK_NS) : NEVER;
		wait_until(&set, look_at < kill_at ? look_at : kill_at);
	}
}

/* Adds a process to the names of those that were killed. The name is read before the process
 * is reaped. */
static void note_killed(struct slot *slot, pid_t pid)
{
	char path[32], name[32];
	size_t used = strlen(slot->names);

	slot->killed++;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof(name) - 1);
	if (fd >= 0)
		close(fd);
	if (n > 0 && name[n - 1] == '\n')
		n--;
	if (n <= 0)
		return;
	name[n] = '\0';
	for (char *at = name; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	int more = snprintf(slot->names + used, sizeof(slot->names) - used, "%s%s (%d)",
	                    used ? ", " : "", name, pid);
	if (more < 0 || (size_t)more >= sizeof(slot->names) - used)
		slot->names[used] = '\0'; /* no half name */
}

static void note_end(void *arg, pid_t pid, int code, int status)
{
	struct slot *slot = arg;

	if (pid == leader_pid) {
		slot->code = code;
		slot->status = status;
	} else if (code == CLD_KILLED && status == SIGKILL)
		note_killed(slot, pid);
}

_Noreturn static void end_task(const struct keeper *keeper)
{
	struct slot *slot = keeper->slot;

	guard_assert(leader_pid > 1 && tend__load_relaxed(&slot->state) == SLOT_OPEN);
	/* The group at once, the other descendants by and by. The leader is not reaped yet, so
	 * the number of the group belongs to no other process. */
	kill(-leader_pid, SIGKILL);
	children_end(note_end, slot);
	/* Release: pairs with the acquire load of keeper_gone(). */
	tend__store_release(&slot->state, SLOT_ENDED);
	wake_guard(keeper);
	_exit(0);
}

_Noreturn void keeper_run(const struct keeper *keeper)
{
	struct command command = {.blob = NULL};
	struct leader leader = {.parent = getpid()};
	int pidfd;

	guard_assert(!leader_pid && keeper->index > 0);
	if (prctl(PR_SET_PDEATHSIG, WAKE_SIGNAL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		fail(keeper, TEND__STAGE_SETUP, errno);
	if (getppid() != keeper->guard)
		_exit(1);
	prctl(PR_SET_NAME, "tend-keeper");

	int error = read_command(keeper, &command, &leader);
	if (error)
		fail(keeper, TEND__STAGE_REQUEST, -error);
	take_descriptors(keeper, &leader);
	leader_pid = leader_start(&leader, &pidfd);
	if (leader_pid < 0)
		fail(keeper, leader.stage, -leader_pid);

	error = report_started(keeper, leader_pid, pidfd);
	/* The files of the task must be closed when its processes are dead, so the keeper holds
	 * none of them. */
	close_range(3, ~0U, 0);
	munmap(command.blob, command.blob_bytes);
	munmap(command.pointers, command.pointers_bytes);
	if (error && getppid() == keeper->guard) {
		kill(-leader_pid, SIGKILL);
		children_end(NULL, NULL);
		fail(keeper, TEND__STAGE_SETUP, -error);
	}
	wake_guard(keeper);
	attend(keeper);
	end_task(keeper);
}
