/* policy/decide.c - whether a task runs again when an attempt has ended. */
#include "policy/policy.h"

#include "base/error.h"

#include <errno.h>

/* Fields of an end are joined by | here, because gcc makes a single load of fields that are joined
 * by ||, and such a load waits for the stores of all of them by the caller: 5 ns each. */

static bool listed(const int32_t *list, int32_t result)
{
	for (; list && *list; list++)
		if (*list == result)
			return true;
	return false;
}

/* Returns how the attempt ended by itself, without a look at commands. */
static enum tend__attempt_outcome outcome_of(const struct tend__policy *p,
                                             const struct tend__attempt_end *end)
{
	if (end->fatal | end->late | end->broken)
		return TEND__HAS_FAILED;
	if (end->result == -ECANCELED)
		return TEND__WAS_CANCELED;
	if (end->result == TEND__DONE || listed(p->success, end->result))
		return TEND__COMPLETED_WELL;
	return end->failed || end->result < 0 || listed(p->fatal, end->result)
	               ? TEND__HAS_FAILED
	               : TEND__COMPLETED_WELL;
}

/* A task that a command or a strategy stopped has not failed by the stop. */
static bool counts_as_failure(const struct tend__attempt_end *end,
                              enum tend__attempt_outcome outcome)
{
	return outcome == TEND__HAS_FAILED && !(end->ends | end->stop | end->again);
}

static struct tend__decision after_failure(const struct tend__policy *p, struct tend__decision d,
                                           bool fatal, uint64_t random)
{
	tend__assert(d.failures > 0);
	if (p->type == TEND__TEMPORARY || fatal || (p->retries && d.failures > p->retries))
		return d;
	d.verdict = TEND__RUNS;
	d.rest_ns = tend__backoff(p, d.failures - 1, random);
	return d;
}

static struct tend__decision after_success(const struct tend__policy *p, struct tend__decision d,
                                           bool done)
{
	if (p->type != TEND__PERMANENT || done)
		return d;
	d.verdict = TEND__RUNS;
	d.rest_ns = p->interval_ns == TEND__AT_ONCE ? 0
	            : p->interval_ns > TEND_MS      ? p->interval_ns
	                                            : TEND_MS;
	return d;
}

struct tend__decision tend__decide(const struct tend__policy *p, uint32_t failures,
                                   const struct tend__attempt_end *end, uint64_t random)
{
	struct tend__decision d = {.verdict = TEND__ENDS, .outcome = outcome_of(p, end)};

	/* An attempt that ran well for long enough, or completed, begins a new row. */
	bool new_row = d.outcome == TEND__COMPLETED_WELL || end->ran_ns >= p->stable_ns;
	d.failures = new_row ? 0 : failures;
	if (counts_as_failure(end, d.outcome) && d.failures < UINT32_MAX)
		d.failures++;
	if (end->ends | end->fatal)
		return d;
	if (end->stop) {
		d.verdict = TEND__STOPS;
		return d;
	}
	if (end->again) {
		d.verdict = p->type == TEND__TEMPORARY ? TEND__ENDS : TEND__RUNS;
		return d;
	}
	if (d.outcome == TEND__WAS_CANCELED)
		return d;
	if (d.outcome == TEND__HAS_FAILED)
		return after_failure(
			p, d, !(end->late | end->broken) && listed(p->fatal, end->result), random);
	return after_success(p, d, end->result == TEND__DONE);
}
