/* kinds/process/ready.c - the pipe of readiness: a process says by a newline there that the
 * attempt is ready. */
#include "kinds/process/process.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int tend__ready_begin(struct tend__process *p)
{
	int both[2];

	tend__assert(p->ready < 0 && p->ends[3] < 0);
	p->said = false;
	if (!p->ready_fd)
		return 0;
	if (pipe2(both, O_CLOEXEC))
		return -errno;
	p->ends[3] = both[1];
	p->ready = tend__descriptor_keep(both[0], false);
	if (p->ready < 0 || fcntl(p->ready, F_SETFL, O_NONBLOCK))
		return -errno;
	return tend__link_watch(p, p->ready);
}

void tend__ready_end(struct tend__process *p)
{
	if (p->ready < 0)
		return;
	tend__monitor_unwatch(p->children->rt, p->ready);
	tend__process_close(&p->ready);
}

/* Without a policy the news are for nobody. */
static void say(struct tend__process *p)
{
	const struct tend__kind *kind = p->task->kind;

	p->said = true;
	if (kind->is_ready)
		kind->is_ready(p->task);
}

/* After the newline the pipe is read as before: a process gets SIGPIPE when it writes to a pipe
 * without a reader, and waits when the pipe is full. */
bool tend__ready_read(struct tend__process *p)
{
	char bytes[4096];
	ssize_t n;

	if (p->ready < 0)
		return false;
	do
		n = read(p->ready, bytes, sizeof(bytes));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		tend__ready_end(p);
	else if (!p->said && memchr(bytes, '\n', (size_t)n))
		say(p);
	return true;
}
