/* platform/linux/descriptor.c - where the library's own descriptors lie. */
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Programs that close all descriptors stop at 1023, as select(2) does. */
enum { ABOVE_THE_PROGRAM = 1024, ABOVE_STANDARD = STDERR_FILENO + 1 };

int tend__descriptor_keep(int fd, bool lent)
{
	int kept = -1;

	if (fd < 0)
		return fd;
	if (!lent)
		kept = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_THE_PROGRAM);
	/* The limit of the process may leave no number so high. */
	if (kept < 0 && fd >= ABOVE_STANDARD)
		return fd;
	if (kept < 0)
		kept = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STANDARD);
	int error = errno;
	close(fd);
	errno = error;
	return kept;
}
