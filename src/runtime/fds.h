/* runtime/fds.h - fibers that wait for descriptors. */
#ifndef TEND_RUNTIME_FDS_H
#define TEND_RUNTIME_FDS_H

#include "runtime/runtime.h"

/* What the poller reports, until the deadline at most, is passed to those who wait. */
void tend__fds_look(struct tend__worker *w, uint64_t deadline);
void tend__fds_fini(struct tend__worker *w);

/* Waits for one of n descriptors, with events[i] wanted of each: the number of
 * one that may be ready. By edge: who calls it has tried, and was told EAGAIN.
 * Fibers only. With TEND__ONCE any notify ends it, with -EINTR. -EPERM for a
 * descriptor that is always ready; -EBADF when one was closed by
 * tend_fd_close(); -ECANCELED; -ETIMEDOUT. */
int tend__fds_wait(const int *fds, const int *events, int n, enum tend__wait why, uint64_t deadline,
                   unsigned flags);

/* A read of a TCP socket that got less than it asked for has taken all there was, and
 * what comes next is told by an edge (epoll(7)): the next read need not be tried to
 * learn that there is nothing. Not so after a hangup or urgent data, at which reads
 * stop short. Fibers only. */
void tend__fds_short(int fd);
bool tend__fds_drained(int fd);

/* Calls fn(arg, 0) from worker 0's loop when the descriptor has become ready, and
 * once at the beginning; fn tries until EAGAIN and never waits. Until
 * tend__fd_closing(). With an error if it cannot be watched, and then no more. 0 or
 * -ENOMEM. */
int tend__fd_watch(tend_runtime *rt, int fd, void (*fn)(void *arg, int error), void *arg);

/* Around the close of a descriptor: its waits answer -EBADF from the first on. Who
 * begins to wait between the two has this file or already another one, and looks again
 * after the second. */
void tend__fd_closing(int fd);
void tend__fd_closed(int fd);
/* How often the first was called. */
uint32_t tend__fd_closes(int fd);

#endif
