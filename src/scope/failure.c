/* scope/failure.c - the line of a failure without a holder, and the first failure of a scope,
 * which stays when the scopes below have ended. */
#include "scope/scope.h"

#include "tend/text.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <string.h>

static void tell(const char *what, uint64_t id, const char *how, const char *text)
{
	char line[512], path[256];
	struct tend__text l = tend__text(line, sizeof(line));

	if (tend_path(id, path, sizeof(path)) < 0)
		path[0] = 0;
	tend__text_s(&l, "tend: ");
	tend__text_s(&l, what);
	tend__text_s(&l, " ");
	tend__text_plain(&l, path, strlen(path), TEND_TEXT_LINE);
	tend__text_s(&l, " #");
	tend__text_number(&l, id);
	tend__text_s(&l, " ");
	tend__text_s(&l, how);
	tend__text_s(&l, ": ");
	tend__text_plain(&l, text, strlen(text), TEND_TEXT_LINE);
	tend__failure(line);
}

void tend__failure_tell(const struct tend__task *t, const char *how, const char *text)
{
	tell("task", t->id, how, text);
}

void tend__failure_tell_scope(const struct tend__scope *s, const char *how, const char *text)
{
	tell("scope", s->id, how, text);
}

/* Keeps the earlier of two failures. */
static void keep_first(struct tend__scope *s, struct tend__failure *f)
{
	tend__lock(&s->home.lock);
	if (!s->first || f->at < s->first->at) {
		struct tend__failure *later = s->first;

		s->first = f;
		f = later;
	}
	tend__unlock(&s->home.lock);
	tend__free(f);
}

void tend__failure_note(struct tend__scope *s, struct tend__task *t, int32_t error)
{
	struct tend__failure *f = tend__alloc(sizeof(*f));

	if (!f)
		return;
	f->at = tend__clock();
	f->error = error;
	if (tend_path(t->id, f->path, sizeof(f->path)) < 0)
		f->path[0] = 0;
	/* Under the stripe, because a cancel by another thread may make the extra part. */
	tend__lock(tend__stripe_of(s->rt, t->id));
	if (t->extra)
		memcpy(f->message, t->extra->message, sizeof(f->message));
	tend__unlock(tend__stripe_of(s->rt, t->id));
	keep_first(s, f);
}

void tend__failure_hand_up(struct tend__scope *s)
{
	struct tend__scope *parent = tend__parent(s);

	tend__assert_held(&s->rt->tree);
	tend__lock(&s->home.lock);
	struct tend__failure *f = s->first;
	s->first = NULL;
	tend__unlock(&s->home.lock);
	if (!parent) {
		tend__free(f);
		return;
	}
	for (uint32_t i = TEND_COMPLETED; i <= TEND_REJECTED; i++)
		/* Relaxed: all tasks have ended and counted. */
		parent->ended_below[i] += s->ended_below[i] + tend__load_relaxed(&s->ended[i]);
	/* Relaxed: no spawn can be refused by a scope that ends. */
	parent->refused_below += s->refused_below + tend__load_relaxed(&s->refused);
	if (f)
		keep_first(parent, f);
}
