/* tend/io.h - descriptors and sockets that park the fiber, not the thread.
 *
 * Bytes already moved beat a cancel: the count is answered, and the cancel
 * shows at the next wait. Close with tend_fd_close() what was waited on here. */
#ifndef TEND_IO_H
#define TEND_IO_H

#include "tend/base.h"

#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	TEND_READABLE = 1,
	TEND_WRITABLE = 2,
};

/* Waits until the descriptor is ready, as poll(2) says it: level, not edge.
 *
 *   fd        anything epoll can watch; a regular file is always ready
 *   events    TEND_READABLE, TEND_WRITABLE or both
 *   returns   the ready ones; an error or hangup counts as both; -EBADF;
 *             -ECANCELED; -ETIMEDOUT; errors of epoll_ctl(2)
 *   threads   any; parks */
TEND_API TEND_MUST int tend_fd_wait(int fd, int events, uint64_t deadline);

/* Closes a descriptor. Waits on it answer -EBADF: those of fibers at once, those of
 * threads within 20 ms. What waits for the next file of its number is not disturbed.
 *
 *   returns   0; -EBADF; -EIO
 *   threads   any */
TEND_API int tend_fd_close(int fd);

/* Reads what there is, at least a byte; writes all of it.
 *
 *   fd        in non-blocking mode
 *   returns   tend_read: the bytes read, 0 at the end. tend_write: n, or the
 *             bytes written before an error, a cancel or the deadline if that
 *             is more than 0; else that error; -ECANCELED; -ETIMEDOUT; errors
 *             of read(2), write(2). A broken pipe is -EPIPE and no signal on
 *             sockets
 *   threads   any; parks */
TEND_API TEND_MUST ssize_t tend_read(int fd, void *buf, size_t n, uint64_t deadline);
TEND_API TEND_MUST ssize_t tend_write(int fd, const void *buf, size_t n, uint64_t deadline);

/* Opens a listening socket: "tcp:HOST:PORT" (HOST an IP literal, [..] for IPv6,
 * or localhost; PORT 0 for any) or "unix:PATH" (made with mode 0600; a path that
 * exists is refused, whoever listens there).
 *
 *   returns   the descriptor; -EINVAL; errors of socket(2), bind(2), listen(2)
 *   owns      the caller closes it
 *   threads   any */
TEND_API TEND_MUST int tend_listen(const char *address, int backlog);

/* Takes the next connection.
 *
 *   returns   the descriptor, non-blocking; -ECANCELED; -ETIMEDOUT; errors of
 *             accept4(2)
 *   owns      the caller closes it
 *   threads   any; parks */
TEND_API TEND_MUST int tend_accept(int fd, uint64_t deadline);

/* Connects to an address as in tend_listen(). A canceled connect leaves nothing.
 *
 *   deadline  also for room in the queue of a unix socket
 *   returns   the descriptor, non-blocking; -EINVAL; -ECANCELED; -ETIMEDOUT;
 *             errors of socket(2), connect(2)
 *   owns      the caller closes it
 *   threads   any; parks */
TEND_API TEND_MUST int tend_connect(const char *address, uint64_t deadline);

/* The port a TCP socket is bound to.
 *
 *   returns   the port; -EINVAL; errors of getsockname(2)
 *   threads   any */
TEND_API TEND_MUST int tend_local_port(int fd);

#ifdef __cplusplus
}
#endif

#endif
