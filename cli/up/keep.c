/* cli/up/keep.c - the fiber that makes the files of the stack again, when a cleaner has
 * unlinked the files. The kernel tells of each unlink in their directory. */
#include "up/up.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

/* How often the fiber looks while the kernel cannot tell: the user has too many watches, or
 * there is no directory. */
#define LOOK_NS TEND_SEC

/* Asks for news of the directory, which may have been made anew. Returns whether there will be
 * news. */
static bool watch_directory(int fd, const char *socket)
{
	const char *slash = strrchr(socket, '/');
	char directory[INSTANCE_PATH_MAX];

	snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - socket) : 1,
	         slash ? socket : ".");
	return fd >= 0 &&
	       inotify_add_watch(fd, directory,
	                         IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF) >= 0;
}

/* Returns whether the files of the stack are there. */
static bool keep(struct up *up)
{
	tend_task fresh;

	if (!instance_swept(up->instance))
		return true;
	if (control_serve(&up->server, up->instance->socket, &fresh) != 0)
		return false;
	instance_served(up->instance);
	tend_task_cancel(up->accepting, -ECANCELED, "the socket was unlinked");
	(void)!tend_join(up->accepting, NULL, TEND_FOREVER);
	up->accepting = fresh;
	up_say(up, "the socket of the stack was removed, and is made again");
	return true;
}

int up_keep_main(void *arg)
{
	_Alignas(struct inotify_event) char news[sizeof(struct inotify_event) + NAME_MAX + 1];
	struct up *up = arg;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	ssize_t got = 0;

	while (got != -ECANCELED) {
		/* The watch first: an unlink between the two is seen by the look, or told. */
		bool told = watch_directory(fd, up->instance->socket);

		told = keep(up) && told;
		if (told)
			got = tend_read(fd, news, sizeof(news), TEND_FOREVER);
		if (!told || (got < 0 && got != -ECANCELED))
			got = tend_sleep(LOOK_NS);
	}
	tend_fd_close(fd);
	return 0;
}
