/* policy/intensity.c - too many restarts in a period, and storms of restarts. */
#include "policy/policy.h"

#include "base/error.h"

/* Returns the place of the stamp that was written `back` stamps ago. */
static uint32_t place(const struct tend__intensity *in, uint32_t room, uint32_t back)
{
	return in->at >= back ? in->at - back : in->at + room - back;
}

bool tend__too_many(struct tend__intensity *in, uint64_t now)
{
	uint32_t room = in->restarts + 1;

	tend__assert(in->within <= room && in->at < room);
	tend__assert(!in->within || in->stamps[place(in, room, 1)] <= now);
	/* Each restart leaves the window once, so a restart costs the same in a wide window. */
	while (in->within && now - in->stamps[place(in, room, in->within)] >= in->period_ns)
		in->within--;
	in->stamps[in->at] = now;
	in->at = in->at + 1 < room ? in->at + 1 : 0;
	if (in->within < room)
		in->within++;
	return in->within == room;
}

uint64_t tend__spread(uint64_t *next, uint64_t due, uint64_t gap_ns)
{
	uint64_t at = due > *next ? due : *next;

	*next = at > UINT64_MAX - gap_ns ? UINT64_MAX : at + gap_ns;
	return at;
}
