/* io/io.h - shared by the files of io/. */
#ifndef TEND_IO_IO_H
#define TEND_IO_IO_H

#include "runtime/fds.h"

/* tend_fd_wait() with flags of tend__wait(): TEND__STAY for a caller that has to
 * close something before an abort takes effect. Readers see the caller at `where`. */
int tend__fd_wait(int fd, int events, uint64_t deadline, unsigned flags, uint64_t where);
/* Called before a try that needs no wait. Returns true if a cancel is visible. */
bool tend__io_told(void);

/* Returns whether an operation may block the thread, for lack of bytes, room or a connection.
 * The kernel is asked unless the worker of the caller watches the descriptor. */
bool tend__fd_may_block(int fd);
/* Returns true with errno EAGAIN if an operation that may block would block now. */
bool tend__fd_would_wait(int fd, int events, bool blocks);

/* Wakes the thread of a thread task that waits for a descriptor. */
void tend__fd_wake(const struct tend__task *t);

#endif
