/* platform/linux/guard.c - the program's side of tend-guard. */
#include "platform/guard.h"

#include "base/error.h"
#include "platform/linux/fdmsg.h"
#include "platform/linux/xfsz.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TEND_GUARD_PATH
#define TEND_GUARD_PATH "/usr/local/libexec/tend/tend-guard"
#endif

#define STRINGS_AT_ONCE 64

_Static_assert(TEND__FDMSG_SEND == TEND__GUARD_FDS_MAX, "a request sends all its descriptors");

/* Writes the path of a guard beside the executable, for programs that run where they were
 * built. Returns false for a privileged program, for which only the installed guard counts,
 * because a user may give the executable of such a program a second name beside another
 * file. */
static bool beside_program(char *buf, size_t size)
{
	ssize_t n = getauxval(AT_SECURE) ? -1 : readlink("/proc/self/exe", buf, size);
	if (n <= 0 || (size_t)n >= size)
		return false;
	buf[n] = '\0';
	char *slash = strrchr(buf, '/');
	if (!slash || (size_t)(slash + 1 - buf) + sizeof(TEND__GUARD_NAME) > size)
		return false;
	memcpy(slash + 1, TEND__GUARD_NAME, sizeof(TEND__GUARD_NAME));
	return true;
}

static const char *find_guard(char *buf, size_t size)
{
	return beside_program(buf, size) && access(buf, F_OK) == 0 ? buf : TEND_GUARD_PATH;
}

size_t tend__guard_paths(const char *path, char *buf, size_t size)
{
	char beside[PATH_MAX];
	bool two = !path && beside_program(beside, sizeof(beside));

	return (size_t)snprintf(buf, size, "%s%s%s", two ? beside : "", two ? ":" : "",
	                        path ? path : TEND_GUARD_PATH);
}

int tend__guard_open(const char *path, struct tend__guard *g)
{
	char buf[PATH_MAX];
	int pair[2];

	if (!path)
		path = find_guard(buf, sizeof(buf));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	int owner = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int pidfd = owner < 0 ? -errno : tend__guard_start(path, pair[1], owner);

	close(pair[1]);
	if (owner >= 0)
		close(owner);
	if (pidfd < 0) {
		close(pair[0]);
		*g = (struct tend__guard){.sock = -1, .pidfd = -1};
		return pidfd;
	}
	tend__assert(pair[0] >= 0 && pidfd != pair[0]);
	*g = (struct tend__guard){.sock = tend__descriptor_keep(pair[0], false),
	                          .pidfd = tend__descriptor_keep(pidfd, false),
	                          .owner = getpid()};
	if (g->sock >= 0 && g->pidfd >= 0)
		return 0;
	tend__guard_close(g);
	return -EMFILE;
}

/* Sends a request with its descriptors, in the order of the flags. Returns 0 or a negative
 * errno value. */
static int send_request(struct tend__guard *g, const struct tend__guard_request *request,
                        const int *fds, size_t nfds)
{
	tend__assert(g->sock >= 0 && nfds <= TEND__FDMSG_SEND);
#ifdef TEND_SIM
	if (request->type != TEND__GUARD_SIGNAL && tend__sim_has_no_room())
		return -EAGAIN;
#endif
	int error = tend__fdmsg_send(g->sock, request, sizeof(*request), fds, nfds, MSG_DONTWAIT);

#ifdef TEND_SIM
	tend__sim_look();
#endif
	return error == -ECONNRESET ? -EPIPE : error;
}

/* Writes all of `iov`, and changes its entries. Returns 0 or a negative errno value. */
static int write_all(int fd, struct iovec *iov, int count)
{
	while (count > 0) {
		ssize_t n = writev(fd, iov, count);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (; count > 0 && (size_t)n >= iov->iov_len; iov++, count--)
			n -= (ssize_t)iov->iov_len;
		if (count > 0) {
			tend__assert((size_t)n < iov->iov_len);
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* Writes NUL-ended strings, each with its NUL, and adds to their count and bytes. Returns 0
 * or a negative errno value. */
static int write_strings(int fd, const char *const *strings, uint32_t *count, uint32_t *bytes)
{
	struct iovec iov[STRINGS_AT_ONCE];
	int n = 0;

	for (; *strings; strings++) {
		size_t len = strlen(*strings) + 1;
		if (len > TEND__GUARD_BLOB_MAX - *bytes)
			return -E2BIG;
		*bytes += (uint32_t)len;
		*count += 1;
		iov[n++] = (struct iovec){.iov_base = (void *)(uintptr_t)*strings, .iov_len = len};
		if (n == STRINGS_AT_ONCE) {
			int error = write_all(fd, iov, n);
			if (error)
				return error;
			n = 0;
		}
	}
	return write_all(fd, iov, n);
}

/* Makes the sealed memfd of a request, and fills in the counts of the request. Returns the
 * descriptor, or a negative errno value. */
static int make_blob(struct tend__guard_request *request, const char *const *argv,
                     const char *const *env, const char *cwd)
{
	const char *const cwds[] = {cwd, NULL};
	const char *const none[] = {NULL};
	uint32_t cwd_count = 0;
	int fd = memfd_create("tend-spawn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;

	sigset_t old;
	xfsz_block(&old);
	int error = write_strings(fd, cwds, &cwd_count, &request->blob_bytes);
	if (!error)
		error = write_strings(fd, argv, &request->argc, &request->blob_bytes);
	if (!error)
		error = write_strings(fd, env ? env : none, &request->envc, &request->blob_bytes);
	xfsz_restore(&old, error);
	if (!error &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

static void send_signal(int pidfd, int sig) { syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0); }

static bool is_dead(int pidfd)
{
	struct pollfd polled = {.fd = pidfd, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

static bool is_signal(int sig) { return sig > 0 && sig <= 64; }

int tend__guard_spawn(struct tend__guard *g, uint64_t cookie,
                      const struct tend__guard_program *program)
{
	struct tend__guard_request request = {.type = TEND__GUARD_SPAWN,
	                                      .cookie = cookie,
	                                      .flags = TEND__GUARD_BLOB,
	                                      .signal = program->stop.signal,
	                                      .stop_ns = program->stop.ns,
	                                      .ready_fd = program->ready_fd};
	const char *cwd = program->cwd;
	int sent[TEND__GUARD_FDS_MAX];
	size_t nsent = 1;
	int base = program->base, here = -1;

	if (!program->argv || !program->argv[0] || !is_signal(program->stop.signal))
		return -EINVAL;
	tend__assert(program->fds[3] < 0 || tend__guard_ready_valid(program->ready_fd));
	if (g->unanswered >= TEND__GUARD_WINDOW)
		return -EAGAIN;
	sent[0] = make_blob(&request, program->argv, program->env, cwd);
	if (sent[0] < 0)
		return sent[0];

	int error = 0;
	if (cwd)
		request.flags |= TEND__GUARD_CWD;
	if (program->stop.leader)
		request.flags |= TEND__GUARD_LEADER;
	if (!cwd || cwd[0] != '/') {
		if (base < 0)
			base = here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		error = base < 0 ? -errno : 0;
		request.flags |= TEND__GUARD_BASE;
		sent[nsent++] = base;
	}
	for (int i = 0; i < 4; i++) {
		if (program->fds[i] < 0)
			continue;
		request.flags |= TEND__GUARD_FD(i);
		sent[nsent++] = program->fds[i];
	}
	tend__assert(nsent <= TEND__GUARD_FDS_MAX);
	if (!error)
		error = send_request(g, &request, sent, nsent);
	if (!error)
		g->unanswered++;
	tend__assert(g->unanswered <= TEND__GUARD_WINDOW);
	close(sent[0]);
	if (here >= 0)
		close(here);
	return error;
}

int tend__guard_signal(struct tend__guard *g, uint64_t cookie, int sig)
{
	struct tend__guard_request request = {
		.type = TEND__GUARD_SIGNAL, .cookie = cookie, .signal = sig};
	return is_signal(sig) ? send_request(g, &request, NULL, 0) : -EINVAL;
}

int tend__guard_stop(struct tend__guard *g, uint64_t cookie, uint64_t ns)
{
	struct tend__guard_request request = {
		.type = TEND__GUARD_STOP, .cookie = cookie, .stop_ns = ns};
	return send_request(g, &request, NULL, 0);
}

void tend__guard_continue(const struct tend__guard *g)
{
	tend__assert(g->pidfd >= 0);
	send_signal(g->pidfd, SIGCONT);
}

void tend__guard_end(const struct tend__guard *g)
{
	tend__assert(g->pidfd >= 0 && g->owner == getpid());
	send_signal(g->pidfd, SIGKILL);
}

int tend__guard_kill(struct tend__guard *g, uint64_t cookie)
{
	struct tend__guard_request request = {.type = TEND__GUARD_KILL, .cookie = cookie};
	return send_request(g, &request, NULL, 0);
}

bool tend__guard_dead(const struct tend__guard *g)
{
	tend__assert(g->pidfd >= 0);
	return is_dead(g->pidfd);
}

void tend__leader_kill(int pidfd)
{
	if (pidfd >= 0)
		send_signal(pidfd, SIGKILL);
}

bool tend__leader_dead(int pidfd, int32_t pid)
{
	if (pidfd >= 0)
		return is_dead(pidfd);
	/* No pid: the leader has not begun. */
	return pid <= 0 || (kill(pid, 0) && errno == ESRCH);
}

int tend__guard_next(struct tend__guard *g, struct tend__guard_message *out)
{
	struct tend__guard_message message;
	struct tend__fdmsg got;
	ssize_t n;

	/* The socket of a guard that was killed with requests unread answers ECONNRESET once;
	 * then come the messages that the guard had sent, then 0. */
	do
		n = tend__fdmsg_receive(g->sock, &message, sizeof(message), &got);
	while (n == -ECONNRESET);
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	if (n == 0)
		return -EPIPE;
	if (n != (ssize_t)sizeof(message)) {
		tend__fdmsg_close(&got, 0);
		return -EPROTO;
	}
	tend__fdmsg_close(&got, 1);
	if (message.type != TEND__GUARD_EXITED && g->unanswered > 0)
		g->unanswered--;
	if (message.type != TEND__GUARD_STARTED)
		tend__fdmsg_close(&got, 0);
	message.pidfd = message.type == TEND__GUARD_STARTED && got.count > 0
	                        ? tend__descriptor_keep(got.fds[0], false)
	                        : -1;
	*out = message;
	return 1;
}

void tend__guard_close(struct tend__guard *g)
{
	bool mine = g->owner == getpid();

	if (g->sock >= 0) {
		/* Shuts the socket down, because a fork of this program may have it too. */
		if (mine)
			shutdown(g->sock, SHUT_RDWR);
		close(g->sock);
	}
	if (g->pidfd >= 0) {
		if (mine)
			tend__guard_await(g->pidfd);
		/* If orphans fall to this program, as a subreaper or as process 1, the guard
		 * is its child and must be reaped here. */
		waitid(P_PIDFD, (id_t)g->pidfd, NULL, WEXITED | WNOHANG | __WALL);
		close(g->pidfd);
	}
	*g = (struct tend__guard){.sock = -1, .pidfd = -1};
}

const char *tend__guard_stage_text(uint32_t stage)
{
	static const char *const texts[] = {
#define TEND__TEXT(name, text) text,
		TEND__GUARD_STAGES(TEND__TEXT)
#undef TEND__TEXT
	};
	_Static_assert(sizeof(texts) / sizeof(*texts) == TEND__STAGE_COUNT, "a text for each");
	return stage < TEND__STAGE_COUNT ? texts[stage] : "the start failed";
}
