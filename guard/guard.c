/* guard/guard.c - tend-guard: spawns and reaps the child processes of a program, its owner,
 * and leaves no child when the owner is gone.
 *
 * The guard has one thread and no heap: all data is a table of fixed size. The guard never
 * waits for its owner: a message for which there is no room is owed, in the slot of its
 * task. doc/guard.md tells the whole story. */
#include "table.h"

#include "base/atomic.h"
#include "platform/linux/fdmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The descriptors with which the owner starts the guard. */
#define OWNER_SOCK  3
#define OWNER_PIDFD 4

/* The messages that a slot can owe the owner. */
#define OWED_STARTED 1u
#define OWED_END     2u

#define SLOTS       (TEND__GUARD_CHILDREN + 1) /* slot 0 stands for no slot */
#define BUCKET_BITS 16

/* The pause before a retry of something that only time can mend. */
#define RETRY_MS 10

/* The time that keepers have to end their tasks when the owner is gone, before the guard
 * takes over. A keeper needs some milliseconds. */
#define KEEPERS_MS 300

/* Requests that are taken before everything else is looked at again. */
#define REQUESTS_PER_TURN 32

/* In memory shared with the keepers, so a fork copies nothing. Pages are touched as needed. */
struct table {
	struct slot slots[SLOTS];
	uint32_t by_cookie[1 << BUCKET_BITS];
	uint32_t by_pid[PIDS]; /* the slot of a keeper */
};

static struct table *table;
static uint32_t used_slots = 1;          /* slots from here on were never used */
static uint32_t free_slots;              /* chain by `next` */
static uint32_t owing_first, owing_last; /* chain by `next`: slots with `queued` */
static uint32_t lost_slots;              /* chain by `next_lost` */
static uint32_t keepers;                 /* keepers that are not reaped yet */

static pid_t guard_pid;
static int child_signals;           /* signalfd */
static int started_in, started_out; /* a socket pair: struct started, from the keepers */
static int proc_error;              /* negative errno value: children cannot be listed */
static bool owner_gone;
static bool retry;                   /* the kernel was out of memory for a message */
static uint64_t start_alarm = NEVER; /* the earliest kill of a start that was stopped */
static bool refusing;                /* `refusal` is owed, to a task without a slot */
static struct tend__guard_message refusal;

/* The table. */

static uint32_t *bucket_of(uint64_t cookie)
{
	return &table->by_cookie[(cookie * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - BUCKET_BITS)];
}

static struct slot *find_slot(uint64_t cookie)
{
	uint32_t i = *bucket_of(cookie);
	while (i && table->slots[i].cookie != cookie)
		i = table->slots[i].next_alike;
	guard_assert(i < used_slots);
	return i ? &table->slots[i] : NULL;
}

static uint32_t index_of(const struct slot *slot)
{
	uint32_t i = (uint32_t)(slot - table->slots);

	guard_assert(i > 0 && i < used_slots);
	return i;
}

static struct slot *add_slot(uint64_t cookie)
{
	uint32_t i = free_slots;
	if (i)
		free_slots = table->slots[i].next;
	else if (used_slots < SLOTS)
		i = used_slots++;
	else
		return NULL;

	guard_assert(!find_slot(cookie) && !table->slots[i].keeper);
	uint32_t *bucket = bucket_of(cookie);
	table->slots[i] = (struct slot){
		.cookie = cookie, .stop_at = NEVER, .pidfd = -1, .next_alike = *bucket};
	*bucket = i;
	return &table->slots[i];
}

static void remove_slot(struct slot *slot)
{
	uint32_t i = index_of(slot);
	uint32_t *at = bucket_of(slot->cookie);

	guard_assert(!slot->keeper && !slot->queued && slot->pidfd < 0);
	while (*at != i)
		at = &table->slots[*at].next_alike;
	*at = slot->next_alike;
	slot->next = free_slots;
	free_slots = i;
}

/* The messages that are owed to the owner. */

static void owe(struct slot *slot, uint32_t what)
{
	guard_assert(!(slot->owed & what));
	slot->owed |= what;
	if (slot->queued)
		return;
	slot->queued = true;
	slot->next = 0;
	if (owing_first)
		table->slots[owing_last].next = index_of(slot);
	else
		owing_first = index_of(slot);
	owing_last = index_of(slot);
}

static void refuse(uint64_t cookie, uint32_t stage, int error)
{
	refusal = (struct tend__guard_message){.type = TEND__GUARD_START_FAILED,
	                                       .cookie = cookie,
	                                       .stage = stage,
	                                       .error = error,
	                                       .pidfd = -1};
	refusing = true;
}

/* Returns true if the message was sent; else the message stays owed. */
static bool tell_owner(const struct tend__guard_message *message, int pidfd)
{
	int error = tend__fdmsg_send(OWNER_SOCK, message, sizeof(*message), &pidfd, pidfd >= 0,
	                             MSG_DONTWAIT);
	/* Too many descriptors of this user are in flight elsewhere: the message
	 * matters more than its pidfd. */
	if (error == -ETOOMANYREFS)
		error = tend__fdmsg_send(OWNER_SOCK, message, sizeof(*message), NULL, 0,
		                         MSG_DONTWAIT);
	if (error == -EPIPE || error == -ECONNRESET)
		owner_gone = true;
	else if (error && error != -EAGAIN)
		retry = true;
	return !error;
}

static bool tell_started(struct slot *slot)
{
	struct tend__guard_message message = {.type = TEND__GUARD_STARTED,
	                                      .cookie = slot->cookie,
	                                      .pid = slot->leader,
	                                      .pidfd = -1};
	guard_assert(slot->leader > 0);
	if (!tell_owner(&message, slot->pidfd))
		return false;
	if (slot->pidfd >= 0)
		close(slot->pidfd);
	slot->pidfd = -1;
	slot->owed &= ~OWED_STARTED;
	return true;
}

static bool tell_end(const struct slot *slot)
{
	guard_assert(!slot->keeper && !(slot->owed & OWED_STARTED));
	struct tend__guard_message message = {.type = TEND__GUARD_EXITED,
	                                      .cookie = slot->cookie,
	                                      .code = slot->code,
	                                      .status = slot->status,
	                                      .killed = slot->killed,
	                                      .pidfd = -1};
	memcpy(message.names, slot->names, sizeof(message.names));
	if (slot->stage) {
		message.type = TEND__GUARD_START_FAILED;
		message.stage = (uint32_t)slot->stage;
		message.error = slot->error;
	}
	return tell_owner(&message, -1);
}

static void pay_owner(void)
{
	retry = false;
	if (refusing && tell_owner(&refusal, -1))
		refusing = false;
	while (!refusing && owing_first && !owner_gone) {
		struct slot *slot = &table->slots[owing_first];
		guard_assert(slot->queued && slot->owed);
		if ((slot->owed & OWED_STARTED) && !tell_started(slot))
			return;
		if ((slot->owed & OWED_END) && !tell_end(slot))
			return;
		owing_first = slot->next;
		slot->queued = false;
		if (slot->owed & OWED_END)
			remove_slot(slot);
	}
}

/* The messages of the keepers, and their ends. */

static void take_started(void)
{
	struct started started;
	struct tend__fdmsg got;

	while (tend__fdmsg_receive(started_in, &started, sizeof(started), &got) ==
	       (ssize_t)sizeof(started)) {
		guard_assert(started.slot > 0 && started.slot < used_slots && started.leader > 0);
		struct slot *slot = &table->slots[started.slot];
		guard_assert(!slot->leader && slot->pidfd < 0);
		slot->leader = started.leader;
		/* No pidfd comes if the guard had no descriptor free for it. */
		if (got.count > 0)
			slot->pidfd = got.fds[0];
		owe(slot, OWED_STARTED);
	}
}

/* The keeper of the slot was killed. Its children have fallen to the guard, which kills them
 * (sweep()) before it tells the owner that the task has ended. */
static void lose(struct slot *slot)
{
	if (!slot->leader) {
		slot->stage = TEND__STAGE_KILLED;
		slot->error = ECANCELED;
	} else {
		slot->code = CLD_KILLED;
		slot->status = SIGKILL;
	}
	slot->next_lost = lost_slots;
	lost_slots = index_of(slot);
}

static void keeper_gone(struct slot *slot)
{
	guard_assert(keepers > 0 && slot->keeper > 0);
	slot->keeper = 0;
	keepers--;
	/* Messages that the keeper sent before its end come first. */
	take_started();
	/* Acquire: pairs with the release stores of fail() and end_task(). */
	uint32_t state = tend__load_acquire(&slot->state);
	guard_assert(state <= SLOT_ENDED);
	if (state == SLOT_OPEN)
		lose(slot);
	else
		owe(slot, OWED_END);
}

/* The leader of a lost slot may have ended by itself. */
static void orphan_gone(pid_t pid, int code, int status)
{
	for (uint32_t i = lost_slots; i; i = table->slots[i].next_lost) {
		struct slot *slot = &table->slots[i];
		if (slot->leader == pid) {
			slot->code = code;
			slot->status = status;
		}
	}
}

static void reap(void)
{
	struct signalfd_siginfo ignored;
	int code, status;
	pid_t pid;

	while (read(child_signals, &ignored, sizeof(ignored)) > 0)
		continue;
	while ((pid = children_reap(&code, &status)) > 0) {
		guard_assert(pid < PIDS);
		uint32_t i = table->by_pid[pid];
		table->by_pid[pid] = 0;
		if (i)
			keeper_gone(&table->slots[i]);
		else
			orphan_gone(pid, code, status);
	}
}

static bool is_orphan(pid_t pid) { return pid >= PIDS || !table->by_pid[pid]; }

/* Kills the processes that lost keepers left. When no such process is left, the tasks of the
 * lost keepers have ended. */
static void sweep(void)
{
	if (children_kill(is_orphan) != 0)
		return;
	while (lost_slots) {
		struct slot *slot = &table->slots[lost_slots];
		lost_slots = slot->next_lost;
		owe(slot, OWED_END);
	}
}

/* The requests of the owner. */

/* Returns the pid of the keeper, or a negative errno value. */
static pid_t start_keeper(struct slot *slot, const struct tend__guard_request *request,
                          const int *fds)
{
	struct keeper keeper = {.slot = slot,
	                        .index = index_of(slot),
	                        .guard = guard_pid,
	                        .report = started_out,
	                        .request = *request};
	memcpy(keeper.fds, fds, sizeof(keeper.fds));

	pid_t pid = _Fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	/* The keeper keeps none of the guard's descriptors: the owner and the keeper must see
	 * the end of the guard by its sockets. */
	close(OWNER_SOCK);
	close(OWNER_PIDFD);
	close(child_signals);
	close(started_in);
	keeper_run(&keeper);
}

static int count_descriptors(uint32_t flags)
{
	int n = 0;
	for (int i = 0; i < TEND__GUARD_FDS_MAX; i++)
		n += (flags & (1u << i)) != 0;
	return n;
}

/* Checks whether a SPAWN may have a slot. Returns 0, or a positive errno value and the stage. */
static int check_spawn(const struct tend__guard_request *request, int nfds, bool cut,
                       uint32_t *stage)
{
	*stage = TEND__STAGE_SETUP;
	if (cut)
		return EMFILE;
	*stage = TEND__STAGE_PROC;
	if (proc_error)
		return -proc_error;
	*stage = TEND__STAGE_REQUEST;
	if (!(request->flags & TEND__GUARD_BLOB) || nfds != count_descriptors(request->flags) ||
	    request->signal <= 0 || request->signal > 64)
		return EPROTO;
	if ((request->flags & TEND__GUARD_READY) && !tend__guard_ready_valid(request->ready_fd))
		return EPROTO;
	return find_slot(request->cookie) ? EEXIST : 0;
}

static void spawn(const struct tend__guard_request *request, const int *fds, int nfds, bool cut)
{
	uint32_t stage;
	int error = check_spawn(request, nfds, cut, &stage);
	if (error) {
		refuse(request->cookie, stage, error);
		return;
	}
	struct slot *slot = add_slot(request->cookie);
	if (!slot) {
		refuse(request->cookie, TEND__STAGE_FORK, EAGAIN);
		return;
	}

	pid_t pid = start_keeper(slot, request, fds);
	if (pid > 0) {
		guard_assert(pid < PIDS && !table->by_pid[pid]);
		slot->keeper = pid;
		keepers++;
		table->by_pid[pid] = index_of(slot);
		return;
	}
	slot->stage = TEND__STAGE_FORK;
	slot->error = -pid;
	owe(slot, OWED_END);
}

static void tell_to_end(struct slot *slot)
{
	guard_assert(slot->keeper > 1);
	/* attend() of the keeper sees the flag; the signals only make it look. SIGCONT is for a
	 * keeper that is stopped. */
	tend__exchange(&slot->kill, 1);
	kill(slot->keeper, WAKE_SIGNAL);
	kill(slot->keeper, SIGCONT);
}

static void kill_task(struct slot *slot)
{
	/* Before the start the keeper may sleep in the kernel, in the exec of a file on a
	 * server that is gone. Nothing but SIGKILL reaches such a keeper. */
	if (!slot->leader) {
		guard_assert(slot->keeper > 1);
		kill(slot->keeper, SIGKILL);
		return;
	}
	tell_to_end(slot);
}

static uint64_t signal_bit(int sig) { return UINT64_C(1) << (sig - 1); }

/* Has the keeper send a signal. As in the kernel, the later of stop and continue wins. */
static void signal_task(struct slot *slot, int sig)
{
	const uint64_t conts = signal_bit(SIGCONT);
	const uint64_t stops = signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) |
	                       signal_bit(SIGTTOU);
	uint64_t set = signal_bit(sig);
	uint64_t clear = set & conts ? stops : set & stops ? conts : 0;
	uint64_t old = tend__load_relaxed(&slot->signals);

	guard_assert(slot->keeper > 1 && !(set & clear));
	/* The keeper takes the bits by the exchange of pass_signals(). */
	while (!tend__cas(&slot->signals, &old, (old & ~clear) | set))
		continue;
	kill(slot->keeper, WAKE_SIGNAL);
}

/* Has the keeper stop the task, and kill the task at the instant. Until the leader runs, the
 * keeper may sleep in the kernel, so the guard has an alarm of its own: kill_late_starts(). */
static void stop_task(struct slot *slot, uint64_t ns)
{
	uint64_t at = after_ns(ns);

	guard_assert(slot->keeper > 1 && at != 0);
	if (at >= tend__load_relaxed(&slot->stop_at))
		at = tend__load_relaxed(&slot->stop_at);
	if (at == NEVER)
		at--; /* a stop all the same */
	tend__store(&slot->stop_at, at);
	if (!slot->leader && at < start_alarm)
		start_alarm = at;
	kill(slot->keeper, WAKE_SIGNAL);
	kill(slot->keeper, SIGCONT);
}

/* Kills the keeper of each start that is not over at the end of its stop's time. */
static void kill_late_starts(void)
{
	uint64_t now = now_ns();

	if (now < start_alarm)
		return;
	take_started();
	start_alarm = NEVER;
	for (uint32_t i = 1; i < used_slots; i++) {
		struct slot *slot = &table->slots[i];
		uint64_t at = tend__load_relaxed(&slot->stop_at);
		if (!slot->keeper || slot->leader)
			continue;
		if (at <= now)
			kill(slot->keeper, SIGKILL);
		else if (at < start_alarm)
			start_alarm = at;
	}
}

static void obey(const struct tend__guard_request *request, const int *fds, int nfds, bool cut)
{
	if (request->type == TEND__GUARD_SPAWN) {
		spawn(request, fds, nfds, cut);
		return;
	}
	/* A task that has ended needs neither signal nor kill. */
	struct slot *slot = find_slot(request->cookie);
	if (!slot || !slot->keeper)
		return;
	bool kills = request->type == TEND__GUARD_SIGNAL && request->signal == SIGKILL;
	if (request->type == TEND__GUARD_KILL || kills)
		kill_task(slot);
	else if (request->type == TEND__GUARD_STOP)
		stop_task(slot, request->stop_ns);
	else if (request->type == TEND__GUARD_SIGNAL && request->signal > 0 &&
	         request->signal <= 64)
		signal_task(slot, request->signal);
}

/* Takes the next request. Returns false if there is none now. */
static bool take_request(void)
{
	struct tend__guard_request request;
	struct tend__fdmsg got;
	ssize_t n = tend__fdmsg_receive(OWNER_SOCK, &request, sizeof(request), &got);

	if (n == 0 || n == -ECONNRESET)
		owner_gone = true;
	if (n <= 0)
		return false;
	/* A message of another size came from no tend__guard_*() function, and gets no answer. */
	if (n == (ssize_t)sizeof(request))
		obey(&request, got.fds, got.count, got.cut);
	tend__fdmsg_close(&got, 0);
	return true;
}

/* The life of the guard. */

/* Returns the timeout of poll() until `start_alarm`. */
static int until_alarm_ms(void)
{
	uint64_t now = start_alarm == NEVER ? 0 : now_ns();

	if (start_alarm == NEVER)
		return -1;
	if (start_alarm <= now)
		return 0;
	uint64_t ms = (start_alarm - now) / 1000000 + 1;
	return ms < 1000000 ? (int)ms : 1000000;
}

static void serve(void)
{
	for (;;) {
		bool owing = refusing || owing_first;
		struct pollfd polled[] = {
			{.fd = OWNER_PIDFD, .events = POLLIN},
			{.fd = OWNER_SOCK,
		         .events = (short)((refusing ? 0 : POLLIN) |
		                           (owing && !retry ? POLLOUT : 0))},
			{.fd = child_signals, .events = POLLIN},
			{.fd = started_in, .events = POLLIN},
		};
		if (poll(polled, 4, retry || lost_slots ? RETRY_MS : until_alarm_ms()) < 0 &&
		    errno != EINTR)
			return;
		/* The pidfd, because a fork of the owner keeps the socket open. */
		if (polled[0].revents)
			return;
		if (polled[2].revents)
			reap();
		if (polled[3].revents)
			take_started();
		for (int i = 0; i < REQUESTS_PER_TURN && !refusing; i++)
			if (!(polled[1].revents & ~POLLOUT) || !take_request())
				break;
		if (lost_slots)
			sweep();
		kill_late_starts();
		pay_owner();
		if (owner_gone)
			return;
	}
}

/* The owner is gone. The keepers are not killed at first, because each ends its task even if
 * the guard is killed meanwhile. */
static void end_tasks(void)
{
	const uint64_t deadline = after_ns(KEEPERS_MS * UINT64_C(1000000));
	struct pollfd polled = {.fd = child_signals, .events = POLLIN};

	for (uint32_t i = 1; i < used_slots; i++)
		if (table->slots[i].keeper)
			tell_to_end(&table->slots[i]);
	while (keepers && now_ns() < deadline) {
		poll(&polled, 1, RETRY_MS);
		reap();
	}
	children_end(NULL, NULL);
}

/* Sets each signal to its default: the guard has inherited the signals that its owner
 * ignores, and the children must not. */
static void default_signals(void)
{
	/* The kernel's struct: handler, flags, restorer, mask. The function of libc refuses
	 * signals 32 and 33, which the owner may have left ignored as well. */
	const unsigned long standard[4] = {0};
	const uint64_t all = UINT64_MAX;
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		syscall(SYS_rt_sigaction, sig, standard, NULL, 8);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all));
}

/* Opens /dev/null as 0, 1 and 2, so that no other file gets these numbers. Returns false if
 * there is no /dev/null. */
static bool take_null(void)
{
	int fd = open("/dev/null", O_RDWR); /* may itself get one of the three numbers */
	if (fd < 0)
		return false;
	for (int i = 0; i < 3; i++)
		if (dup2(fd, i) < 0)
			return false;
	if (fd > 2)
		close(fd);
	return true;
}

static bool open_all(void)
{
	sigset_t set;
	int pair[2];

	if (!take_null() || close_range(OWNER_PIDFD + 1, ~0U, 0) < 0)
		return false;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	child_signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (child_signals < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	started_in = pair[0];
	started_out = pair[1];
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return table != MAP_FAILED;
}

/* Returns true if a program started this one as tend__guard_open() does. */
static bool well_started(int argc, char **argv)
{
	int type = 0;
	socklen_t len = sizeof(type);
	if (argc != 2 || atoi(argv[1]) != TEND__GUARD_PROTOCOL)
		return false;
	if (getsockopt(OWNER_SOCK, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET)
		return false;
	return fcntl(OWNER_SOCK, F_SETFD, FD_CLOEXEC) == 0 &&
	       fcntl(OWNER_PIDFD, F_SETFD, FD_CLOEXEC) == 0;
}

/* Has the kernel send SIGCONT to the guard at each request, and when the owner's end of the socket
 * closes: a guard that was stopped while it has no task has no keeper which would wake it, and
 * would outlive its owner. Every signal is blocked, and SIGCONT continues even so. If this fails,
 * the keepers and the owner still do the same. */
static void continue_on_news(void)
{
	int flags = fcntl(OWNER_SOCK, F_GETFL);

	if (flags >= 0 && fcntl(OWNER_SOCK, F_SETOWN, getpid()) == 0 &&
	    fcntl(OWNER_SOCK, F_SETSIG, SIGCONT) == 0)
		fcntl(OWNER_SOCK, F_SETFL, flags | O_ASYNC);
}

int main(int argc, char **argv)
{
	static const char usage[] = "tend-guard: started by programs that use libtend, of the same "
				    "version; not by hand\n";
	if (!well_started(argc, argv))
		return write(2, usage, sizeof(usage) - 1) < 0 ? 71 : 64;
	default_signals();
	setsid();
	prctl(PR_SET_NAME, "tend-guard");
	continue_on_news();
	/* In / the guard keeps no file system busy. */
	if (chdir("/") < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || !open_all())
		return 71;
	guard_pid = getpid();
	proc_error = children_check();
	guard_assert(proc_error <= 0 && child_signals > OWNER_PIDFD && started_in > OWNER_PIDFD);

	serve();
	end_tasks();
	return 0;
}
