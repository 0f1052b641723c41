/* scope/count.c - entering and leaving; see scope/scope.h for the protocol. */
#include "scope/scope.h"

#include "base/error.h"

#include <errno.h>

static inline int admission(uint64_t word, uint64_t id, bool admit)
{
	if (tend__word_generation(word) != tend__id_generation(id) || !(word & TEND__SCOPE_LIVE))
		return -ESRCH;
	if (admit && (word & (TEND__SCOPE_CANCELED | TEND__SCOPE_CLOSED)))
		return -ECANCELED;
	return admit && (word & TEND__SCOPE_SEALED) ? -ESHUTDOWN : 0;
}

/* Counts n in, with `admit` subject to admission, where scopes may be empty: up to the
 * first that is not, and down again, for a scope is entered after its parent. A loop,
 * for it runs on small stacks, and they may be 200 deep. */
static __attribute__((noinline)) int enter_empty(struct tend__scope *s, uint64_t id, uint32_t n,
                                                 bool admit)
{
	struct tend__scope *chain[TEND__DEPTH_MAX]; /* as far as it has come */
	uint64_t ids[TEND__DEPTH_MAX];
	bool inside = false; /* of the parent of the one that it is at */

	chain[0] = s;
	ids[0] = id;
	for (uint32_t up = 0;;) {
		struct tend__scope *at = chain[up], *parent = tend__parent(at);
		uint64_t word = tend__load_acquire(&at->owner.record->word);
		int error;

		do
			error = admission(word, ids[up], up == 0 && admit);
		while (!error && (tend__scope_count(word) != 0 || inside || !parent) &&
		       !tend__cas(&at->owner.record->word, &word,
		                  word + (up ? 1 : n) * TEND__SCOPE_ONE));
		if (!error && tend__scope_count(word) == 0 && !inside && parent) {
			/* If it was freed since, that may be any scope, however deep. It is
			 * left again when the exchange finds the generation gone. */
			if (up + 1 < TEND__DEPTH_MAX) {
				ids[up + 1] = tend__load_relaxed(&at->parent_id);
				chain[++up] = parent;
				continue;
			}
			error = -ESRCH;
		}
		/* Not let in; or somebody else brought it from 0, and counts in the parent. */
		if (inside && (error || tend__scope_count(word) != 0))
			tend__scope_leave(chain[up + 1], 1);
		if (up == 0)
			return error;
		inside = !error;
		up--;
	}
}

static int enter(struct tend__scope *s, uint64_t id, uint32_t n, bool admit)
{
	uint64_t word = tend__load_acquire(&s->owner.record->word);

	while (tend__scope_count(word) != 0) {
		int error = admission(word, id, admit);

		if (error || tend__cas(&s->owner.record->word, &word, word + n * TEND__SCOPE_ONE))
			return error;
	}
	return enter_empty(s, id, n, admit);
}

/* ---- Places taken ahead ---- */

enum { PLACES = 64 };

static void give_back(struct tend__worker *w)
{
	struct tend__scope *s = (struct tend__scope *)(void *)w->credit.owner;

	w->credit.owner = NULL;
	/* Relaxed: only this worker adds to it, others take all. */
	if (tend__load_relaxed(&w->credit.word)) {
		uint32_t n = (uint32_t)tend__exchange(&w->credit.word, (uint64_t)0);

		if (n)
			tend__scope_leave(s, n);
	}
}

/* Would nobody wait for what the running task holds in s? */
static bool unawaited(const struct tend__scope *s)
{
	struct tend__task *self = tend__tls.task;

	/* The chain above s stays while something counts in it. */
	for (; s && self; s = tend__parent(s)) {
		if (s == tend__scope_of(self))
			return true;
		if (tend__load(&s->awaited))
			break;
	}
	return false;
}

static bool spend(struct tend__worker *w, struct tend__scope *s, uint64_t id)
{
	/* Relaxed: the exchange decides. While there are places the scope stays, so who
	 * has found it open, and then a place, was admitted. */
	uint64_t word = tend__load_relaxed(&w->credit.word);

	return word && !admission(tend__load_acquire(&s->owner.record->word), id, true) &&
	       tend__cas(&w->credit.word, &word, (uint32_t)word == 1 ? 0 : word - 1);
}

int tend__scope_admit(struct tend__scope *s, uint64_t id)
{
	struct tend__worker *w = tend__worker_of(s->rt);
	uint32_t n = 1;
	int error;

	if (!w)
		return enter(s, id, 1, true);
	if (w->credit.owner == &s->owner) {
		if (spend(w, s, id))
			return 0;
		/* From the second on: many spawn one, and go on to something else. Not with
		 * places left, in one that was unsealed just now. */
		if (!tend__load_relaxed(&w->credit.word) && unawaited(s))
			n = w->credit.step < PLACES ? 2 * w->credit.step : PLACES;
	} else if (w->credit.owner)
		give_back(w);
	error = enter(s, id, n, true);
	if (error)
		return error;
	w->credit.owner = &s->owner;
	w->credit.give_back = give_back;
	w->credit.step = n;
	if (n > 1) {
		/* Relaxed: nobody else adds to it. */
		tend__assert(!tend__load_relaxed(&w->credit.word));
		/* seq_cst, then a look, against tend__scope_expect(): it takes the places
		 * back, or is seen. */
		tend__store(&w->credit.word, (uint64_t)tend__id_slot(id) << 40 | (n - 1));
		if (!unawaited(s))
			give_back(w);
	}
	return 0;
}

void tend__credits_recall(tend_runtime *rt)
{
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct tend__worker *w = &rt->workers[i];
		uint64_t word = tend__load(&w->credit.word);

		while (word)
			if (tend__cas(&w->credit.word, &word, (uint64_t)0)) {
				/* Relaxed: it is there while places in it are taken. */
				tend__scope_leave(tend__load_relaxed(&rt->scopes[word >> 40]),
				                  (uint32_t)word);
				break;
			}
	}
}

void tend__scope_expect(struct tend__scope *s)
{
	/* seq_cst, then a look: see tend__scope_admit(). */
	tend__add(&s->awaited, 1);
	tend__credits_recall(s->rt);
}

void tend__scope_expect_end(struct tend__scope *s) { tend__add(&s->awaited, (uint32_t)-1); }

/* The step to 0. False if it is not the last after all. */
static bool leave_last(struct tend__scope *s, uint32_t n)
{
	uint64_t word, id = s->id;
	tend_runtime *rt = s->rt;
	bool reap;

	tend__lock(&s->owner.lock);
	word = tend__load_acquire(&s->owner.record->word);
	do
		if (tend__scope_count(word) != n) {
			tend__unlock(&s->owner.lock);
			return false;
		}
	while (!tend__cas(&s->owner.record->word, &word, word - n * TEND__SCOPE_ONE));
	while (tend__linked(&s->waiters))
		tend__waiter_done(tend__entry(s->waiters.next, struct tend__waiter, link), 0);
	reap = s->closes_itself;
	tend__unlock(&s->owner.lock);
	/* From here on s may be freed by whoever waited. Its parent may not: it is
	 * left after this. */
	if (reap)
		tend__scope_reap(rt, id);
	return true;
}

void tend__scope_leave(struct tend__scope *s, uint32_t n)
{
	while (s) {
		uint64_t word = tend__load_acquire(&s->owner.record->word);
		struct tend__scope *parent = tend__parent(s);

		tend__assert(tend__scope_count(word) >= n);
		if (tend__scope_count(word) > n) {
			if (tend__cas(&s->owner.record->word, &word, word - n * TEND__SCOPE_ONE))
				return;
		} else if (leave_last(s, n)) {
			s = parent;
			n = 1;
		}
	}
}

uint64_t tend__scope_flag(struct tend__scope *s, uint32_t flags)
{
	/* seq_cst, an exchange as everywhere: spawns go before it or see it. */
	return tend__or(&s->owner.record->word, (uint64_t)flags);
}

int tend__scope_await(struct tend__scope *s, uint64_t id, enum tend__wait why, uint64_t deadline,
                      unsigned flags)
{
	struct tend__outside room;
	struct tend__waiter w = {.task = tend__self(&room)};
	int error;

	tend__scope_expect(s);
	tend__lock(&s->owner.lock);
	/* Under the lock, so that the last to leave has left the lock as well. One that
	 * was freed was empty. */
	if (!tend__scope_is(s, id) ||
	    tend__scope_count(tend__load_acquire(&s->owner.record->word)) == 0) {
		tend__unlock(&s->owner.lock);
		error = 0;
	} else {
		tend__link_append(&s->waiters, &w.link);
		error = tend__wait(&s->owner.lock, &w, why, id, deadline, flags | TEND__STAY);
	}
	tend__scope_expect_end(s);
	if (error && !(flags & TEND__DEAF))
		tend__abort_if_asked(w.task);
	if (!error)
		TEND__EDGE_ACQUIRE(&s->owner);
	return error;
}

int tend_scope_wait_empty(tend_scope scope, uint64_t deadline)
{
	int error = 0;
	struct tend__scope *s = tend__scope_find(scope.id, &error);

	if (!s)
		return error;
	if (tend__inside(s) || tend__may_wait())
		return -EDEADLK;
	return tend__scope_await(s, scope.id, TEND__WAIT_EMPTY, deadline, 0);
}

int64_t tend_scope_live(tend_scope scope)
{
	int error = 0;
	struct tend__scope *top = tend__scope_find(scope.id, &error);
	int64_t live = 0;
	bool any;

	if (!top)
		return error;
	/* So that places which nobody has yet are not taken for somebody. */
	tend__credits_recall(top->rt);
	tend__lock(&top->rt->tree);
	if (!tend__scope_is(top, scope.id)) {
		tend__unlock(&top->rt->tree);
		return -ESRCH;
	}
	/* The truth about "any" first: a task that ends while we walk must not turn
	 * a live scope into 0. */
	any = tend__scope_count(tend__load_acquire(&top->owner.record->word)) != 0;
	for (struct tend__scope *s = top; s; s = tend__scope_next(s, top, true)) {
		uint64_t word = tend__load_acquire(&s->owner.record->word);

		live += tend__scope_count(word);
		live -= tend__owed(s->rt, s->id, 0) + tend__lent(s->rt, s->id);
		if (s != top && tend__scope_count(word))
			live--; /* it counts one in its parent, and is no task */
	}
	tend__unlock(&top->rt->tree);
	return live > 0 ? live : any;
}

/* By path: the registry is walked, for a path may match many scopes and tasks. */
static size_t name_at(struct tend__header *h, uint32_t slot, char out[48])
{
	uint64_t words[6];

	tend__name_load(tend__record_at(h, slot)->name, words);
	return tend__name_unpack(words, out);
}

/* What is left of a path that begins with the name of the slot; NULL if it does not. */
static const char *after_name(struct tend__header *h, uint32_t slot, const char *path)
{
	char name[48];
	size_t len = name_at(h, slot, name);

	for (size_t i = 0; i < len; i++)
		if (path[i] != name[i])
			return NULL;
	path += len;
	if (*path == '/')
		return path + 1;
	return *path ? NULL : path;
}

/* What is left of it below the slot: "" if all there is under it, NULL if nothing.
 * Compares from the end of the chain, from the child of the root on: collects it
 * first. */
static const char *after_slot(struct tend__header *h, uint32_t slot, const char *path)
{
	uint32_t chain[TEND__DEPTH_MAX + 2];
	int n = 0;

	for (; slot > 1 && slot < h->records_max && n < TEND__DEPTH_MAX + 2; n++) {
		chain[n] = slot;
		/* Acquire: with the record's fields, segment/layout.h. */
		slot = tend__load_acquire(&tend__record_at(h, slot)->parent);
	}
	while (n > 0 && path && *path)
		path = after_name(h, chain[--n], path);
	return path;
}

static bool under(struct tend__header *h, uint32_t slot, const char *path)
{
	const char *rest = after_slot(h, slot, path);

	return rest && !*rest;
}

/* Tasks are many and scopes few: what is left of the path below a scope is kept, for
 * as long as the scope lives, for those above it live as long. */
enum { KEPT = 64 }; /* a fiber's stack has room for them */

struct walk {
	struct tend__header *h;
	const char *path;
	struct kept {
		uint32_t slot, generation;
		const char *rest;
	} kept[KEPT];
};

static const char *after_scope(struct walk *w, uint32_t slot)
{
	struct kept *k = &w->kept[slot % KEPT];
	uint64_t word;

	if (slot <= 1 || slot >= w->h->records_max)
		return w->path;
	/* Acquire: the fields that are read below are at least as new; partner: the
	 * store of the word that says the slot is used. */
	word = tend__load_acquire(&tend__record_at(w->h, slot)->word);
	if (k->slot == slot && k->generation == tend__word_generation(word))
		return k->rest;
	/* While it is not live its fields are those of another. */
	if (!(word & TEND__SCOPE_LIVE))
		return after_slot(w->h, slot, w->path);
	*k = (struct kept){slot, tend__word_generation(word), after_slot(w->h, slot, w->path)};
	return k->rest;
}

/* Is there a live task in the slot, and under the path? */
static bool counts(struct walk *w, uint32_t slot)
{
	struct tend__record *r = tend__record_at(w->h, slot);
	const char *rest;
	uint64_t word;
	uint32_t state;

	/* Acquire, and below: with the record's fields, segment/layout.h. A look at one
	 * of its two lines, which is enough for most. */
	if (!after_scope(w, tend__load_acquire(&r->parent)))
		return false;
	/* A scope's low bits are flags; one that is no task never counts. */
	if ((tend__load_acquire(&r->site_kind) & 0xff) == TEND_KIND_SCOPE)
		return false;
	word = tend__load(&r->word);
	state = (uint32_t)word & TEND__STATE;
	if (!(uint32_t)word || state == TEND__ENDED || state == TEND__FREE)
		return false;
	/* Again: between the two looks at the word its scope cannot go. */
	rest = after_scope(w, tend__load_acquire(&r->parent));
	if (rest && *rest)
		rest = after_name(w->h, slot, rest);
	return rest && !*rest && tend__load(&r->word) >> 32 == word >> 32;
}

static int64_t scan(tend_runtime *rt, const char *path)
{
	struct walk w = {.h = rt->segment.header, .path = path};
	uint32_t used = tend__load_acquire(&w.h->records_used);
	int64_t live = 0;

	for (uint32_t slot = 2; slot < used; slot++)
		live += counts(&w, slot);
	return live;
}

static uint32_t births(tend_runtime *rt)
{
	/* Acquire: who sees that a task has ended sees what it had spawned. */
	uint32_t n = tend__load_acquire(&rt->births);

	for (uint32_t i = 0; i < rt->workers_count; i++)
		n += tend__load_acquire(&rt->workers[i].births);
	return n;
}

/* A walk is no instant: something behind it may be born of something before it
 * that ends. 0 counts only if nothing was born meanwhile. */
static int64_t path_live(tend_runtime *rt, const char *path)
{
	for (;;) {
		uint32_t before = births(rt);
		int64_t live = scan(rt, path);

		if (live || births(rt) == before)
			return live;
	}
}

static bool path_valid(const char *path)
{
	return path && path[0] != '/' && (!path[0] || path[__builtin_strlen(path) - 1] != '/');
}

int64_t tend_path_live(tend_runtime *rt, const char *path)
{
	if (tend__forked())
		return -ESTALE;
	return path_valid(path) ? path_live(rt, path) : -EINVAL;
}

int tend_path_wait_empty(tend_runtime *rt, const char *path, uint64_t deadline)
{
	struct tend__outside room;
	int error = 0;

	if (tend__forked())
		return -ESTALE;
	if (!path_valid(path))
		return -EINVAL;
	if (tend__may_wait() ||
	    (tend__tls.task && tend__scope_of(tend__tls.task)->rt == rt &&
	     under(rt->segment.header, tend__id_slot(tend__tls.task->id), path)))
		return -EDEADLK;
	/* seq_cst, against the load after a task's end: it sees the waiter, or the
	 * count below sees the end. */
	tend__add(&rt->path_waiters, 1);
	for (;;) {
		struct tend__waiter w = {.task = tend__self(&room)};

		tend__lock(&rt->empty_lock);
		tend__link_append(&rt->empty_waiters, &w.link);
		tend__unlock(&rt->empty_lock);
		if (path_live(rt, path) == 0) {
			tend__lock(&rt->empty_lock);
			tend__unlink(&w.link);
			tend__unlock(&rt->empty_lock);
			error = 0;
			break;
		}
		tend__lock(&rt->empty_lock);
		error = tend__wait(&rt->empty_lock, &w, TEND__WAIT_PATH, 0, deadline, TEND__STAY);
		if (error)
			break;
	}
	tend__add(&rt->path_waiters, (uint32_t)-1);
	if (error == -ECANCELED && tend__tls.task)
		tend__abort_if_asked(tend__tls.task);
	return error;
}
