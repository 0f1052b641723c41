/* supervise/plan.c - the rests that a policy would take, without a task. */
#include "supervise/supervise.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>

/* The jitter is left out, as a plan has no random number. */
static int fill(struct tend__policy *p, struct tend__intensity *in, uint64_t *delays, size_t n)
{
	const struct tend__attempt_end failed = {.result = -EIO};
	uint64_t now = 0;
	uint32_t failures = 0;
	size_t i = 0;

	p->jitter = TEND__JITTER_NONE;
	p->fatal = p->success = NULL;
	for (; i < n; i++) {
		struct tend__decision d = tend__decide(p, failures, &failed, 0);

		if (d.verdict != TEND__RUNS || (in->restarts && tend__too_many(in, now)))
			break;
		failures = d.failures;
		delays[i] = d.rest_ns;
		now = d.rest_ns < TEND_FOREVER - now ? now + d.rest_ns : TEND_FOREVER;
	}
	return (int)i;
}

int tend_restart_plan(const struct tend_restart *restart, uint32_t restarts, uint64_t period_ns,
                      uint64_t *delays, size_t n)
{
	struct tend__rules rules = {0};

	if (restarts == TEND_ANY_NUMBER)
		restarts = 0;
	struct tend__intensity in = {.restarts = restarts,
	                             .period_ns = period_ns ? period_ns : 30 * TEND_SEC};
	int error = tend__rules_read(restart, &rules);

	if (error)
		return error;
	if (restarts > TEND__RESTARTS_MAX || n > INT32_MAX)
		return -EINVAL;
	in.stamps = tend__alloc((restarts + 1) * sizeof(in.stamps[0]));
	if (!in.stamps)
		return -ENOMEM;
	int planned = fill(&rules.policy, &in, delays, n);
	tend__free(in.stamps);
	return planned;
}
