/* cli/up/detach.c - the stack of `tend up --detach` leaves its terminal. */
#include "up/up.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

/* Returns true when each task has started, and is ready if it tells so, or has ended. */
static bool all_begun(const struct up *up)
{
	for (size_t i = 0; i < up->config->ntasks; i++)
		if (!up->tasks[i].was_ready && up->tasks[i].state != TEND_STATE_ENDED)
			return false;
	return true;
}

void up_detach_look(struct up *up)
{
	if (!up->detaches || up->ready_fd < 0 || up->stopping || !all_begun(up))
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* Until now a Ctrl-C stops the stack. */
	setsid();
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null >= 0)
		close(null);
	(void)!write(up->ready_fd, "", 1);
	close(up->ready_fd);
	up->ready_fd = -1;
}

void up_detach_fail(struct up *up)
{
	struct printer *printer;

	if (!up->detaches || up->ready_fd < 0)
		return;
	printer = printer_open(STDERR_FILENO, PRINT_PLAIN, up->width);
	for (uint64_t i = up->events.first; i < up->events.next; i++) {
		const struct up_line *line = up->events.ring[i % UP_FEED_MAX];
		if (line && line->mark != UP_MARK_EVENT)
			printer_line(printer, line->name, line->number, line->mark, line->text,
			             line->n);
	}
	printer_close(printer);
}
