/* platform/linux/fdmsg.h - one message of a local socket, with descriptors.
 *
 * For the guard too, so this needs nothing of the library. */
#ifndef TEND_PLATFORM_LINUX_FDMSG_H
#define TEND_PLATFORM_LINUX_FDMSG_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEND__FDMSG_SEND = 6, TEND__FDMSG_RECEIVE = 6 }; /* most descriptors of a message */

/* Because of its alignment, the room for an odd number of descriptors would have place for an
 * even number. */
union tend__fdmsg_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(TEND__FDMSG_SEND * sizeof(int))];
};
_Static_assert(sizeof(union tend__fdmsg_control) == CMSG_LEN(TEND__FDMSG_RECEIVE * sizeof(int)),
               "as many descriptors arrive as fds of tend__fdmsg has room for");

/* The descriptors of a received message: the receiver's, close-on-exec. */
struct tend__fdmsg {
	int fds[TEND__FDMSG_RECEIVE];
	int count;
	bool cut; /* descriptors are missing: too many, or this process had no number free */
};

/* Sends all of `bytes` as one message, with `count` descriptors. Returns 0, or a
 * negative errno value. */
static inline int tend__fdmsg_send(int sock, const void *bytes, size_t size, const int *fds,
                                   size_t count, int flags)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	union tend__fdmsg_control control;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count > TEND__FDMSG_SEND)
		return -EINVAL;
	if (count > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	for (;;) {
		if (sendmsg(sock, &msg, flags | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* Takes a message, if there is any. Returns its size, more than `size` for a message that
 * did not fit into the buffer; 0 at the end; or a negative errno value, and then no
 * descriptor came. */
static inline ssize_t tend__fdmsg_receive(int sock, void *bytes, size_t size,
                                          struct tend__fdmsg *got)
{
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	union tend__fdmsg_control control;
	struct msghdr msg = {.msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = control.bytes,
	                     .msg_controllen = sizeof(control.bytes)};
	ssize_t n;

	got->count = 0;
	got->cut = false;
	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	got->cut = msg.msg_flags & MSG_CTRUNC;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		got->count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(got->fds, CMSG_DATA(c), (size_t)got->count * sizeof(int));
	}
	return n;
}

/* Closes the received descriptors from number `first` on. */
static inline void tend__fdmsg_close(const struct tend__fdmsg *got, int first)
{
	for (int i = first; i < got->count; i++)
		close(got->fds[i]);
}

#endif
