/* io/io.h - shared by the files of io/. */
#ifndef TEND_IO_IO_H
#define TEND_IO_IO_H

#include "runtime/fds.h"

/* tend_fd_wait() with flags of tend__wait(): TEND__STAY for a caller that has to
 * close something before an abort takes effect. */
int tend__fd_wait(int fd, int events, uint64_t deadline, unsigned flags);
/* Called before a try that needs no wait. Returns true if a cancel is visible. */
bool tend__io_told(void);

#endif
