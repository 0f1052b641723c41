/* runtime/fds.h - fibers that wait for descriptors. */
#ifndef TEND_RUNTIME_FDS_H
#define TEND_RUNTIME_FDS_H

#include "runtime/runtime.h"

enum { TEND__FDS = 4 }; /* most descriptors of a wait */

/* Waits for the poller, until the deadline at most, and ends the waits of ready fds. */
void tend__fds_look(struct tend__worker *w, uint64_t deadline);
void tend__fds_fini(struct tend__worker *w);

/* Waits for n descriptors, at most TEND__FDS, with events[i] wanted of each; returns the
 * index of a descriptor that may be ready. By edge: the caller has tried, and was told
 * EAGAIN. Fibers only. -EPERM for a descriptor that is always ready; -EBADF if
 * tend_fd_close() closed a descriptor; -ECANCELED; -ETIMEDOUT. Readers see the caller at
 * `where`. */
int tend__fds_wait(const int *fds, const int *events, int n, enum tend__wait_kind why,
                   uint64_t deadline, unsigned flags, uint64_t where);

/* A read of a TCP socket that got less than it asked for has drained the socket, and the
 * next bytes come with an edge (epoll(7)): no read need be tried to learn that the socket is
 * empty. After a hangup or urgent data this is not so, because reads stop short there.
 * Fibers only. */
void tend__fds_short(int fd);
bool tend__fds_drained(int fd);

/* Returns whether the file of a descriptor is in blocking mode, as far as this worker knows; or
 * -1. Fibers only. */
int tend__fds_mode(int fd);

/* Around the close of a descriptor: its waits return -EBADF from the first call on. A wait
 * that begins between the two calls may be for this file or for a new file of the number,
 * and looks again after the second call. */
void tend__fd_closing(int fd);
void tend__fd_closed(int fd);
/* Returns how often tend__fd_closing() was called for the number. */
uint32_t tend__fd_closes(int fd);

#endif
