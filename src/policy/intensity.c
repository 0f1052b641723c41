/* policy/intensity.c - too many restarts in a period, and storms of restarts. */
#include "policy/policy.h"

#include "base/error.h"

bool tend__too_many(struct tend__intensity *in, uint64_t now)
{
	uint32_t room = in->restarts + 1;
	uint32_t newest = (in->at + room - 1) % room;

	tend__assert(in->filled <= room && in->at < room);
	tend__assert(!in->filled || in->stamps[newest] <= now);
	in->stamps[in->at] = now;
	in->at = (in->at + 1) % room;
	if (in->filled < room)
		in->filled++;
	/* The window holds the last `restarts` + 1: they are too many if the oldest of them is
	 * within the period. The oldest is the one that the next restart overwrites. */
	return in->filled == room && now - in->stamps[in->at] < in->period_ns;
}

uint32_t tend__restarts_within(const struct tend__intensity *in, uint64_t now)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->filled; i++)
		n += now - in->stamps[i] < in->period_ns;
	return n;
}

uint64_t tend__spread(uint64_t *next, uint64_t due, uint64_t gap_ns)
{
	uint64_t at = due > *next ? due : *next;

	*next = at > UINT64_MAX - gap_ns ? UINT64_MAX : at + gap_ns;
	return at;
}
