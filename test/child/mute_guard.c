/* test/child/mute_guard.c - a guard that never answers: so a process that is asked of this
 * guard is never started. It dies of the first request that is no spawn: of a stop. A spawn with
 * a stop of 1 ns gets an answer that makes no sense: the start has failed, without an error. */
#include "platform/guard.h"

#include <poll.h>
#include <unistd.h>

int main(void)
{
	struct tend__guard_request request = {.type = TEND__GUARD_SPAWN};
	struct pollfd socket = {.fd = 3, .events = POLLIN};

	while (request.type == TEND__GUARD_SPAWN && poll(&socket, 1, -1) == 1 &&
	       read(3, &request, sizeof(request)) == (ssize_t)sizeof(request)) {
		const struct tend__guard_message nonsense = {.type = TEND__GUARD_START_FAILED,
		                                             .stage = TEND__STAGE_EXEC,
		                                             .cookie = request.cookie,
		                                             .pidfd = -1};
		if (request.stop_ns == 1 && write(3, &nonsense, sizeof(nonsense)) < 0)
			break;
	}
	_exit(0);
}
