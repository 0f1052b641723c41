/* cli/up/keep.c - the fiber that makes the files of the stack again, when a cleaner has
 * unlinked them. */
#include "up/up.h"

#include <errno.h>

#define LOOK_NS TEND_SEC

int up_keep_main(void *arg)
{
	struct up *up = arg;
	tend_task fresh;

	while (tend_sleep_until(tend_after(LOOK_NS)) == 0) {
		if (!instance_swept(up->instance) ||
		    control_serve(&up->server, up->instance->socket, &fresh) != 0)
			continue;
		instance_served(up->instance);
		tend_task_cancel(up->accepting, -ECANCELED, "the socket was unlinked");
		(void)!tend_join(up->accepting, NULL, TEND_FOREVER);
		up->accepting = fresh;
		up_say(up, "the socket of the stack was removed, and is made again");
	}
	return 0;
}
