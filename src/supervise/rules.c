/* supervise/rules.c - policies, each kept once in a scope: ten thousand tasks with the same
 * policy share the memory. */
#include "supervise/supervise.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

uint32_t tend__codes_length(const int32_t *codes)
{
	uint32_t n = 0;

	while (codes && n <= TEND__CODES_MAX && codes[n])
		n++;
	return n;
}

int tend__rules_read(const struct tend_restart *restart, struct tend__rules *out)
{
	struct tend__policy *p = &out->policy;
	struct tend_restart r;
	int error = tend__options(&r, sizeof(r), restart);

	if (error)
		return error;
	if (r.policy > TEND_PERMANENT || r.jitter > TEND_JITTER_DECORRELATED ||
	    tend__codes_length(r.success) > TEND__CODES_MAX ||
	    tend__codes_length(r.fatal) > TEND__CODES_MAX)
		return -EINVAL;
	*p = (struct tend__policy){.type = (enum tend__restart_type)r.policy,
	                           .retries = r.retries,
	                           .delay_ns = r.delay_ns,
	                           .delay_max_ns = r.delay_max_ns,
	                           .factor = r.factor,
	                           .jitter = (enum tend__jitter)r.jitter,
	                           .stable_ns = r.stable_ns,
	                           .interval_ns = r.interval_ns,
	                           .success = r.success,
	                           .fatal = r.fatal};
	out->timeout_ns = r.timeout_ns;
	out->ready_ns = r.ready_ns;
	out->alive_ns = r.alive_ns;
	out->grace_ns = r.grace_ns ? r.grace_ns : 10 * TEND_SEC;
	return tend__policy_complete(p);
}

static bool same_codes(const int32_t *a, const int32_t *b)
{
	uint32_t n = tend__codes_length(a);

	return n == tend__codes_length(b) && (!n || memcmp(a, b, n * sizeof(*a)) == 0);
}

static bool same(const struct tend__rules *x, const struct tend__rules *y)
{
	const struct tend__policy *a = &x->policy, *b = &y->policy;

	return x->timeout_ns == y->timeout_ns && x->ready_ns == y->ready_ns &&
	       x->alive_ns == y->alive_ns && x->grace_ns == y->grace_ns && a->type == b->type &&
	       a->retries == b->retries && a->delay_ns == b->delay_ns &&
	       a->delay_max_ns == b->delay_max_ns && a->factor == b->factor &&
	       a->jitter == b->jitter && a->stable_ns == b->stable_ns &&
	       a->interval_ns == b->interval_ns && same_codes(a->success, b->success) &&
	       same_codes(a->fatal, b->fatal);
}

static struct tend__rules *find(struct tend__scope *s, const struct tend__rules *like)
	TEND_REQUIRES(&s->home.lock)
{
	tend__assert_held(&s->home.lock);
	for (struct tend__rules *r = s->rules; r; r = r->next)
		if (same(r, like)) {
			r->users++;
			return r;
		}
	return NULL;
}

static struct tend__rules *make(const struct tend__rules *like)
{
	const struct tend__policy *p = &like->policy;
	uint32_t success = tend__codes_length(p->success), fatal = tend__codes_length(p->fatal);
	struct tend__rules *r =
		tend__alloc(sizeof(*r) + (success + fatal + 2) * sizeof(r->codes[0]));

	if (!r)
		return NULL;
	*r = *like;
	/* Zeroed memory ends both lists. */
	if (success)
		memcpy(r->codes, p->success, success * sizeof(r->codes[0]));
	if (fatal)
		memcpy(r->codes + success + 1, p->fatal, fatal * sizeof(r->codes[0]));
	r->policy.success = r->codes;
	r->policy.fatal = r->codes + success + 1;
	r->users = 1;
	/* A restart at once that counts nothing does without the exact clock. */
	r->exact = r->timeout_ns || r->ready_ns || r->alive_ns || p->retries ||
	           p->delay_ns != TEND__AT_ONCE || p->interval_ns != TEND__AT_ONCE;
	return r;
}

struct tend__rules *tend__rules_take(struct tend__scope *s, const struct tend_restart *restart,
                                     int *error)
{
	struct tend__rules like = {0};

	*error = tend__rules_read(restart, &like);
	if (*error)
		return NULL;
	tend__lock(&s->home.lock);
	struct tend__rules *found = find(s, &like);
	tend__unlock(&s->home.lock);
	if (found)
		return found;
	/* Made without the lock. Another spawn may have made the same meanwhile. */
	struct tend__rules *made = make(&like);
	if (!made) {
		*error = -ENOMEM;
		return NULL;
	}
	tend__lock(&s->home.lock);
	found = find(s, &like);
	if (!found) {
		made->next = s->rules;
		s->rules = made;
	}
	tend__unlock(&s->home.lock);
	if (!found)
		return made;
	tend__free(made);
	return found;
}

void tend__rules_give(struct tend__scope *s, struct tend__rules *rules)
{
	struct tend__rules **r = &s->rules;

	tend__assert_held(&s->home.lock);
	tend__assert(rules->users > 0);
	if (--rules->users)
		return;
	while (*r != rules)
		r = &(*r)->next;
	*r = rules->next;
	tend__free(rules);
}
