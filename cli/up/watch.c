/* cli/up/watch.c - the fiber that waits for the end of all tasks, and prints
 * the progress of a stop. */
#include "up/up.h"

#include <errno.h>
#include <stdint.h>

#define TICK_NS TEND_SEC
enum { SHOW_EVERY = 5 }; /* ticks in which nothing changed */

static void print_progress(struct up *up, size_t *shown, unsigned *ticks)
{
	char text[512];

	if (up->single || up->ended == up->config->ntasks ||
	    (*shown == up->ended && ++*ticks < SHOW_EVERY))
		return;
	*ticks = 0;
	*shown = up->ended;
	up_progress(up, text, sizeof(text));
	up_say(up, "%s%s", text, up->wished_at && !up->forced ? " (Ctrl-C again kills)" : "");
}

static void abandon(struct up *up)
{
	for (size_t i = 0; i < up->config->ntasks; i++)
		if (up->tasks[i].state != TEND_STATE_ENDED)
			up_task_set_state(&up->tasks[i], TEND_STATE_ABANDONED);
}

int up_watch_main(void *arg)
{
	struct up *up = arg;
	size_t shown = SIZE_MAX;
	unsigned ticks = 0;
	uint64_t tick = 0;

	while (up->ended < up->config->ntasks && !up->gave_up) {
		uint64_t until = TEND_FOREVER;
		tend_event_clear(up->changed);
		up_detach_look(up);
		if (up->stopping) {
			if (tend_now() >= tick) {
				print_progress(up, &shown, &ticks);
				tick = tend_after(TICK_NS);
			}
			until = tick;
		}
		if (!up->gave_up && up->ended < up->config->ntasks &&
		    tend_event_wait(up->changed, until) == -ECANCELED)
			break;
	}
	abandon(up);
	up_report_print(up);
	up_detach_fail(up);
	up->exit_code = up_exit_code(up);
	tend_event_set(up->over);
	tend_event_set(up->lines.news);
	tend_event_set(up->events.news);
	return 0;
}
