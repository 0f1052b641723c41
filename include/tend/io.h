/* tend/io.h - descriptors and sockets that park the fiber, not the thread.
 *
 * Bytes already moved beat a cancel: the call answers the count, and the next
 * wait answers the cancel. A descriptor that was waited on here is closed with
 * tend_fd_close(). */
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

/* Waits until the descriptor is ready in the sense of poll(2): level, not edge.
 *
 *   fd        anything epoll can watch; a regular file is always ready
 *   events    TEND_READABLE, TEND_WRITABLE or both
 *   returns   the ready events; an error or hangup counts as both; -EBADF;
 *             -EINVAL for events that are none of these; -ECANCELED; -ETIMEDOUT;
 *             -EDEADLK as tend_sleep_until(); -ESTALE; errors of epoll_ctl(2)
 *   threads   any; parks */
TEND_API TEND_MUST int tend_fd_wait(int fd, int events, uint64_t deadline);

/* Closes a descriptor. Waits on the descriptor answer -EBADF at once. A wait for the
 * next file with the same number is not disturbed.
 *
 *   returns   0; -EBADF; -EIO; -ESTALE
 *   threads   any */
TEND_API int tend_fd_close(int fd);

/* tend_read() reads the bytes that are there and waits for the first;
 * tend_write() writes all n bytes.
 *
 *   fd        best in non-blocking mode. In blocking mode a call asks poll(2) first,
 *             and tend_write() writes pieces of PIPE_BUF bytes, so that no other
 *             fiber and no deadline waits; but if another process reads or writes
 *             the same pipe, the call may block its thread
 *   returns   tend_read: the bytes read, 0 at the end. tend_write: n, or the
 *             bytes written before an error, a cancel or the deadline if the
 *             count is more than 0; else the error; -ECANCELED; -ETIMEDOUT;
 *             -EDEADLK as tend_sleep_until(); -ESTALE; errors of read(2),
 *             write(2). A broken pipe is -EPIPE, and no signal on sockets; on
 *             pipes SIGPIPE comes as from write(2)
 *   threads   any; parks */
TEND_API TEND_MUST ssize_t tend_read(int fd, void *buf, size_t n, uint64_t deadline);
TEND_API TEND_MUST ssize_t tend_write(int fd, const void *buf, size_t n, uint64_t deadline);

/* Opens a listening socket: "tcp:HOST:PORT" (HOST an IP literal, [..] for IPv6,
 * or localhost; PORT 0 for any) or "unix:PATH" (made with mode 0600; an existing
 * path is refused, even if no process listens there).
 *
 *   returns   the descriptor; -EINVAL; -ESTALE; errors of socket(2), bind(2),
 *             listen(2)
 *   owns      the caller closes it
 *   threads   any */
TEND_API TEND_MUST int tend_listen(const char *address, int backlog);

/* Accepts the next connection.
 *
 *   fd        listens, in non-blocking mode or not
 *   returns   the descriptor, non-blocking; -ECANCELED; -ETIMEDOUT; -EDEADLK as
 *             tend_sleep_until(); -ESTALE; errors of accept4(2)
 *   owns      the caller closes it
 *   threads   any; parks */
TEND_API TEND_MUST int tend_accept(int fd, uint64_t deadline);

/* Connects to an address as in tend_listen(). A canceled connect leaves no
 * descriptor.
 *
 *   deadline  also for room in the queue of a unix socket
 *   returns   the descriptor, non-blocking; -EINVAL; -ECANCELED; -ETIMEDOUT;
 *             -EDEADLK as tend_sleep_until(); -ESTALE; errors of socket(2),
 *             connect(2)
 *   owns      the caller closes it
 *   threads   any; parks */
TEND_API TEND_MUST int tend_connect(const char *address, uint64_t deadline);

/* Returns the port to which a TCP socket is bound.
 *
 *   returns   the port; -EINVAL; -ESTALE; errors of getsockname(2)
 *   threads   any */
TEND_API TEND_MUST int tend_local_port(int fd);

#ifdef __cplusplus
}
#endif

#endif
