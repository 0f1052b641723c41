/* scope/path.c - the path of a scope or task, and the calls that take a path. Those calls
 * walk the registry, because a path may match many scopes and tasks. */
#include "scope/scope.h"

#include "base/error.h"
#include "base/text.h"
#include "segment/say.h"

#include <errno.h>
#include <string.h>

/* Builds the path of a live scope or task from the names of its parents. No path is stored:
 * a path is built when a caller asks for the path. */
int64_t tend_path(uint64_t id, char *buf, size_t size)
{
	TEND__VISIT(rt, id);
	uint32_t slot = tend__id_slot(id);

	if (!rt)
		return tend__no_such();
	struct tend__header *h = rt->segment.header;
	if (slot == 0 || slot >= rt->slots ||
	    tend__word_generation(tend__load_acquire(&tend__record_at(h, slot)->word)) !=
	            tend__id_generation(id) ||
	    !(uint32_t)tend__load_acquire(&tend__record_at(h, slot)->word))
		return -ESRCH;
	struct tend__text t = tend__text(buf, size);
	tend__say_path(&t, h, slot);
	/* The slot must still have the generation of the id: otherwise the names that were read
	 * may be those of another scope or task. */
	if (tend__word_generation(tend__load_acquire(
		    &tend__record_at(h, tend__id_slot(id))->word)) != tend__id_generation(id))
		return -ESRCH;
	return (int64_t)t.n;
}

static size_t name_at(struct tend__header *h, uint32_t slot, char out[48])
{
	uint64_t words[6];

	tend__name_load(tend__record_at(h, slot)->name, words);
	return tend__name_unpack(words, out);
}

/* Returns what is left of the path behind "#ID", if the id is that of the slot; else the path. */
static const char *after_id(struct tend__header *h, uint32_t slot, const char *path)
{
	uint64_t word = tend__load_acquire(&tend__record_at(h, slot)->word);
	char id[24] = "#";
	struct tend__text t = tend__text(id + 1, sizeof(id) - 1);

	tend__text_number(&t, tend__id(h->runtime, tend__word_generation(word), slot));
	return strncmp(path, id, t.n + 1) == 0 ? path + t.n + 1 : path;
}

/* Returns what is left of the path behind the name of the slot, or behind its name and id; or
 * NULL if the path does not begin with the name. */
static const char *after_name(struct tend__header *h, uint32_t slot, const char *path)
{
	char name[48];
	size_t len = name_at(h, slot, name);

	for (size_t i = 0; i < len; i++)
		if (path[i] != name[i])
			return NULL;
	path += len;
	if (*path == '#')
		path = after_id(h, slot, path);
	if (*path == '/')
		return path + 1;
	return *path ? NULL : path;
}

/* Returns what is left of the path below the slot: "" if all tasks below the slot are under
 * the path, NULL if no task is. The comparison begins at the child of the root, which is the
 * end of the chain, so the chain is collected first. */
static const char *after_slot(struct tend__header *h, uint32_t slot, const char *path)
{
	uint32_t chain[TEND__DEPTH_MAX + 2];
	int n = 0;

	for (; slot > 1 && slot < h->records_max && n < TEND__DEPTH_MAX + 2; n++) {
		chain[n] = slot;
		/* Acquire: pairs with the release of the record's fields, see
		 * segment/layout.h. */
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

/* A walk remembers what is left of the path below a scope, because tasks are many and scopes
 * are few. An entry is right as long as its scope lives, because the scopes above that scope
 * live as long. */
enum { KEPT = 64 }; /* so many fit on the stack of a fiber */

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

	if (slot <= 1 || slot >= w->h->records_max)
		return w->path;
	/* Acquire: the fields that are read below are at least as new as the word; partner: the
	 * store of the word that says that the slot is used. */
	uint64_t word = tend__load_acquire(&tend__record_at(w->h, slot)->word);
	if (k->slot == slot && k->generation == tend__word_generation(word))
		return k->rest;
	/* A result is remembered for a live scope only: while the scope is not live, the fields
	 * of the record may be those of another scope. */
	if (!(word & TEND__SCOPE_LIVE))
		return after_slot(w->h, slot, w->path);
	*k = (struct kept){slot, tend__word_generation(word), after_slot(w->h, slot, w->path)};
	return k->rest;
}

/* Returns whether the slot holds a live task that is under the path. */
static bool counts(struct walk *w, uint32_t slot)
{
	struct tend__record *r = tend__record_at(w->h, slot);

	/* Acquire, here and below: pairs with the release of the record's fields, see
	 * segment/layout.h. This look reads only one of the two lines of the record, and is
	 * enough for most records. */
	if (!after_scope(w, tend__load_acquire(&r->parent)))
		return false;
	/* A scope is no task and never counts. The low bits of its word are flags, which must
	 * not be read as a state. */
	if ((tend__load_acquire(&r->site_kind) & 0xff) == TEND_KIND_SCOPE)
		return false;
	uint64_t word = tend__load(&r->word);
	uint32_t state = (uint32_t)word & TEND__STATE;
	if (!(uint32_t)word || state == TEND__ENDED || state == TEND__FREE)
		return false;
	/* The scope of the task cannot end between the two looks at the word, if both find the
	 * same generation. The first look at the parent was too early for that, so the parent is
	 * read a second time. */
	const char *rest = after_scope(w, tend__load_acquire(&r->parent));
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
	/* Acquire: a walk that sees the end of a task also sees the births of the tasks that the
	 * task had spawned; pairs with the stores in tend__task_start(). */
	uint32_t n = tend__load_acquire(&rt->births);

	for (uint32_t i = 0; i < rt->workers_count; i++)
		n += tend__load_acquire(&rt->workers[i].births);
	return n;
}

/* Returns the length of a segment without its "#ID". */
static size_t without_id(const char *segment, size_t n)
{
	size_t digits = 0;

	while (digits < n && segment[n - 1 - digits] >= '0' && segment[n - 1 - digits] <= '9')
		digits++;
	return digits > 0 && digits < n && segment[n - 1 - digits] == '#' ? n - 1 - digits : n;
}

/* A path is a list of names, each with or without an id. */
struct path {
	bool valid;
	size_t ids; /* length up to the last segment that looks like a name with an id */
};

static struct path parse(const char *path)
{
	struct path out = {.valid = path != NULL};
	const char *begin = path;

	for (bool more = path && *path; more && out.valid;) {
		size_t n = strcspn(path, "/"), name = without_id(path, n);

		out.valid = tend__name_valid(path, n) ||
		            (n - name <= sizeof("#18446744073709551615") - 1 &&
		             tend__name_valid(path, name));
		if (name < n)
			out.ids = (size_t)(path + n - begin);
		more = path[n] == '/';
		path += n + more;
	}
	return out;
}

/* Returns whether a live scope or task has the first n bytes of the path, or stands below. */
static bool is_there(struct tend__header *h, const char *path, size_t n)
{
	uint32_t used = tend__load_acquire(&h->records_used);

	for (uint32_t slot = 2; slot < used; slot++) {
		struct tend__record *r = tend__record_at(h, slot);
		uint64_t word = tend__load_acquire(&r->word);
		bool scope = (tend__load_acquire(&r->site_kind) & 0xff) == TEND_KIND_SCOPE;

		if (scope ? word & TEND__SCOPE_LIVE
		          : (uint32_t)word && (word & TEND__STATE) != TEND__ENDED) {
			const char *rest = after_slot(h, slot, path);

			if (rest && (size_t)(rest - path) >= n &&
			    tend__load(&r->word) >> 32 == word >> 32)
				return true;
		}
	}
	return false;
}

/* Returns how many tasks are live under the path. A count of 0 is valid only if no task was
 * born during the walk, because a walk is no instant: a task in front of the walk may spawn
 * a task behind the walk, and end before the walk comes to its slot. Returns -ESRCH for an id
 * that names no scope or task, which is no path that happens to be empty. */
static int64_t path_live(tend_runtime *rt, const char *path, size_t ids)
{
	for (;;) {
		uint32_t before = births(rt);
		int64_t live = scan(rt, path);

		if (live)
			return live;
		if (births(rt) == before)
			return !ids || is_there(rt->segment.header, path, ids) ? 0 : -ESRCH;
	}
}

int64_t tend_path_live(tend_runtime *at, const char *path)
{
	TEND__VISIT_AT(rt, at);

	if (!rt)
		return tend__no_such();
	struct path p = parse(path);
	return p.valid ? path_live(rt, path, p.ids) : -EINVAL;
}

static inline __attribute__((always_inline)) int path_wait_empty(tend_runtime *at, const char *path,
                                                                 uint64_t deadline)
{
	TEND__VISIT_AT(rt, at);
	struct tend__outside room;
	int error = 0;

	if (!rt)
		return tend__no_such();
	struct path p = parse(path);
	if (!p.valid)
		return -EINVAL;
	if (tend__tls.task && tend__scope_of(tend__tls.task)->rt == rt &&
	    under(rt->segment.header, tend__id_slot(tend__tls.task->id), path))
		return -EDEADLK;
	if (tend__check_may_wait() && deadline) {
		int64_t live = path_live(rt, path, p.ids);

		return live > 0 ? -EDEADLK : (int)live;
	}
	struct tend__task *self = tend__self(&room);
	/* seq_cst, against the load in tend__task_finish() after the end of a task: the ending
	 * task sees the waiter, or the count below sees the end. */
	tend__add(&rt->path_waiters, 1);
	for (bool waited = false;; waited = true) {
		struct tend__waiter w = {.task = self, .where = TEND__CALLER};

		tend__lock(&rt->empty_lock);
		tend__link_append(&rt->empty_waiters, &w.link);
		tend__unlock(&rt->empty_lock);
		int64_t live = path_live(rt, path, p.ids);
		if (live <= 0) {
			tend__lock(&rt->empty_lock);
			tend__unlink(&w.link);
			tend__unlock(&rt->empty_lock);
			/* After a wait the scope with the id may have ended. */
			error = waited ? 0 : (int)live;
			break;
		}
		tend__lock(&rt->empty_lock);
		error = tend__wait(&rt->empty_lock, &w, TEND__WAIT_PATH, 0, deadline, TEND__STAY);
		tend__assert(!tend__linked(&w.link));
		if (error)
			break;
	}
	uint32_t waits = tend__add(&rt->path_waiters, (uint32_t)-1);

	tend__assert(waits > 0);
	return error;
}

int tend_path_wait_empty(tend_runtime *rt, const char *path, uint64_t deadline)
{
	return tend__abort_point(path_wait_empty(rt, path, deadline));
}
