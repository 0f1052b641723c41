/* supervise/group.c - the restarts of a scope: the default policy, and giving up
 * when there are too many. */
#include "supervise/supervise.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Returns a group with the lists of the policy, and with room for the stamps. */
static struct tend__group *make(const struct tend__rules *rules, uint32_t restarts)
{
	uint32_t success = tend__codes_length(rules->policy.success),
		 fatal = tend__codes_length(rules->policy.fatal);
	/* Even, because the stamps follow. */
	size_t codes = (success + fatal + 3) / 2 * 2;
	struct tend__group *g = tend__alloc(sizeof(*g) + codes * sizeof(g->codes[0]) +
	                                    (restarts + 1) * sizeof(g->in.stamps[0]));

	if (!g)
		return NULL;
	/* Zeroed memory ends both lists. */
	if (success)
		memcpy(g->codes, rules->policy.success, success * sizeof(g->codes[0]));
	if (fatal)
		memcpy(g->codes + success + 1, rules->policy.fatal, fatal * sizeof(g->codes[0]));
	g->restart.success = g->codes;
	g->restart.fatal = g->codes + success + 1;
	g->in.stamps = (uint64_t *)(void *)(g->codes + codes);
	return g;
}
_Static_assert(offsetof(struct tend__group, codes) % sizeof(uint64_t) == 0, "stamps are aligned");

int tend__supervise_scope(const struct tend_scope_opts *opts, struct tend__group **out)
{
	struct tend__rules rules = {0};
	int error = opts->restart ? tend__rules_read(opts->restart, &rules) : 0;

	if (error)
		return error;
	uint32_t restarts = opts->restarts;
	if (opts->strategy && !restarts)
		restarts = 5;
	if (restarts == TEND_ANY_NUMBER)
		restarts = 0;
	if (restarts > TEND__RESTARTS_MAX || opts->strategy > TEND_REST_FOR_ONE)
		return -EINVAL;
	struct tend__group *g = make(&rules, restarts);
	if (!g)
		return -ENOMEM;
	if (opts->restart) {
		const int32_t *success = g->restart.success, *fatal = g->restart.fatal;

		/* No error: the options were read before. */
		error = tend__options(&g->restart, sizeof(g->restart), opts->restart);
		tend__assert(!error);
		g->restart.size = sizeof(g->restart);
		g->restart.success = success;
		g->restart.fatal = fatal;
	}
	g->strategy = opts->strategy;
	g->counts = restarts;
	g->in.restarts = restarts;
	g->in.period_ns = opts->period_ns ? opts->period_ns : 30 * TEND_SEC;
	*out = g;
	return 0;
}

/* For readers: "3 of 5 in 30s". */
static void note_restarts(struct tend__scope *s, struct tend__group *g, uint64_t now)
	TEND_REQUIRES(&s->home.lock)
{
	tend__assert_held(&s->home.lock);
	if (g->note) {
		tend__note_count(g->note, now, g->in.within);
		return;
	}
	g->note = tend__note_set(&s->rt->segment, s->id,
	                         &(struct tend__note_facts){.kind = TEND__NOTE_RESTARTS,
	                                                    .a = g->in.period_ns,
	                                                    .b = g->in.restarts,
	                                                    .at = now,
	                                                    .n = g->in.within});
	if (g->note)
		tend__scope_flag(s, TEND__SCOPE_NOTED);
}

bool tend__group_counts(struct tend__task *t, uint64_t now)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend__group *g = s->group;

	tend__assert_held(&t->home->lock);
	tend__assert_held(&s->home.lock);
	if (!g || !g->counts)
		return false;
	bool too_many = tend__too_many(&g->in, now);
	s->gave_up = s->gave_up || too_many;
	note_restarts(s, g, now);
	return too_many;
}

/* How the last attempt failed: "web failed with 3". */
static void say_last(struct tend__text *text, const struct tend__task *t)
{
	const struct tend__life *l = tend__life_of(t);
	uint64_t words[6];
	char name[TEND_NAME_MAX + 1];

	tend__name_load(t->record->name, words);
	tend__name_unpack(words, name);
	tend__text_f(text, "%s ", name);
	tend__say_end(text, t->ending == TEND_PANICKED ? TEND_PANICKED : TEND_FAILED,
	              l->attempt.error, t->result);
}

/* For the parent a scope that gave up is a failure. */
static void tell_parent(struct tend__scope *s)
{
	struct tend__scope *parent = tend__parent(s);
	uint64_t words[6];

	if (!parent)
		return;
	tend__lock(&parent->home.lock);
	if (!parent->first_error) {
		parent->first_error = -ELOOP;
		tend__name_load(s->home.record->name, words);
		tend__name_unpack(words, parent->first_name);
	}
	tend__unlock(&parent->home.lock);
}

void tend__group_gives_up(struct tend__task *t, bool for_good)
{
	struct tend__scope *s = tend__scope_of(t);
	const struct tend__intensity *in = &s->group->in;
	struct tend_reason reason = tend__reason(-ELOOP, NULL, t->id);
	struct tend__text text = tend__text(reason.text, sizeof(reason.text));
	int cancelable;

	/* The end of the task still runs its drop, and the program is to hear of all of this: a
	 * pthread_cancel() of the thread takes effect afterwards. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	/* The count and the period do not change. */
	if (!for_good) {
		tend__text_f(&text, "%u restarts in ", in->restarts + 1);
		tend__text_period(&text, in->period_ns);
		tend__text_s(&text, ", last: ");
	}
	say_last(&text, t);
	if (for_good)
		tend__text_s(&text, " for good");
	tell_parent(s);
	/* If the scope is canceled already, the first reason stays. */
	tend__scope_cancel(s, s->id, &reason);
	/* The task has not ended, so the scope is there. */
	tend__failure_tell_scope(s, "gave up", reason.text);
	/* Relaxed: an owner of this moment may hear of it either way. */
	if (s->rt->gave_up && !tend__load_relaxed(&s->owner))
		s->rt->gave_up((tend_scope){s->id}, &reason, s->rt->gave_up_arg);
	pthread_setcancelstate(cancelable, NULL);
}

void tend__keep_text(struct tend__task *t, const char *text)
{
	struct tend__lock *stripe = tend__stripe_of(tend__scope_of(t)->rt, t->id);

	tend__lock(stripe);
	/* Without memory the outcome has no text. */
	if (tend__task_extra(t))
		tend__text_copy(t->extra->message, sizeof(t->extra->message), text);
	tend__unlock(stripe);
	if (t->flags & TEND__RESTARTABLE)
		tend__attempt_of(t)->has_text = true;
}
