/* policy/backoff.c - how long a task rests before it runs again. */
#include "policy/policy.h"

#include "base/error.h"

#include <errno.h>

enum { THOUSAND = 1000, DEFAULT_FACTOR = 2000 };

static uint64_t or_default(uint64_t length, uint64_t otherwise)
{
	return length ? length : otherwise;
}

int tend__policy_complete(struct tend__policy *p)
{
	if (p->type > TEND__PERMANENT || p->jitter > TEND__JITTER_DECORRELATED ||
	    (p->factor && p->factor < THOUSAND))
		return -EINVAL;
	p->delay_ns = or_default(p->delay_ns, 100 * TEND_MS);
	p->delay_max_ns = or_default(p->delay_max_ns, 30 * TEND_SEC);
	p->factor = p->factor ? p->factor : DEFAULT_FACTOR;
	p->stable_ns = or_default(p->stable_ns, 10 * TEND_SEC);
	p->interval_ns = or_default(p->interval_ns, p->delay_ns);
	return 0;
}

/* first * factor^n, at most `max`. Integers, because a float that is rounded would make a plan
 * differ from the run. A product above 64 bits is above `max`. */
static uint64_t clamped(const struct tend__policy *p, uint32_t n)
{
	uint64_t delay = p->delay_ns;

	tend__assert(p->factor >= THOUSAND);
	/* The loop is short: a factor of two reaches any maximum in 64 steps, a factor of 1.001
	 * in 45000, and a constant delay takes no step. */
	for (uint32_t i = 0; i < n && delay < p->delay_max_ns && p->factor > THOUSAND; i++) {
		uint64_t whole = delay / THOUSAND, part = delay % THOUSAND, next, rest;

		rest = part * p->factor / THOUSAND;
		if (__builtin_mul_overflow(whole, (uint64_t)p->factor, &next) ||
		    __builtin_add_overflow(next, rest, &next))
			return p->delay_max_ns;
		if (next == delay)
			break; /* a few nanoseconds, rounded down to themselves */
		delay = next;
	}
	return delay < p->delay_max_ns ? delay : p->delay_max_ns;
}

/* Returns a number from `low` to `high`, both included. */
static uint64_t between(uint64_t low, uint64_t high, uint64_t random)
{
	uint64_t span = high - low;

	tend__assert(low <= high);
	/* The remainder prefers low numbers by less than one in 2^64 / span. */
	return low + (span == UINT64_MAX ? random : random % (span + 1));
}

static uint64_t jittered(const struct tend__policy *p, uint64_t base, uint64_t random)
{
	uint64_t max = p->delay_max_ns, low = p->delay_ns < max ? p->delay_ns : max;

	tend__assert(p->jitter <= TEND__JITTER_DECORRELATED && low <= base);
	if (p->jitter == TEND__JITTER_FULL)
		return between(0, base, random);
	if (p->jitter == TEND__JITTER_EQUAL)
		return base / 2 + between(0, base - base / 2, random);
	if (p->jitter == TEND__JITTER_DECORRELATED)
		return between(low, base > max / 3 ? max : 3 * base, random);
	return base;
}

uint64_t tend__backoff(const struct tend__policy *p, uint32_t failures, uint64_t random)
{
	if (p->delay_ns == TEND__AT_ONCE)
		return 0;
	uint64_t rest = jittered(p, clamped(p, failures), random);
	return rest > TEND_MS ? rest : TEND_MS;
}
