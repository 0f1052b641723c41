#include "model.h"

#include "suite.h"

#include "tend/tend.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum { ROWS = 4096, EVENTS = 256 };

struct known {
	uint64_t id, parent;
	uint8_t kind;
	bool stopping; /* a task alone, or a scope */
	bool canceled; /* a scope, and so the tasks in it */
	bool unsure;   /* a scope that was stopping when the model began */
	bool seen;     /* in the snapshot that is compared */
	/* Of a task that may run again, told of since its start. */
	bool lives, inside; /* inside: an attempt has begun and not ended */
	uint32_t attempt;
	uint8_t last; /* outcome of the last attempt */
	char name[TEND_NAME_MAX + 1];
};

/* A row that differs, until an event of the row with one of these types explains the
 * difference, or the cancel of the scope. */
struct doubt {
	uint64_t id, scope;
	uint32_t types;
	char what[128];
};

static struct {
	tend_runtime *rt;
	tend_subscription *sub;
	uint64_t last; /* number of the last event that was applied, or was in the snapshot */
	size_t rows, doubts;
	struct known row[ROWS];
	struct doubt doubt[ROWS];
} m;

static struct known *find(uint64_t id)
{
	for (size_t i = 0; i < m.rows; i++)
		if (m.row[i].id == id)
			return &m.row[i];
	return NULL;
}

static struct known *add(uint64_t id, uint64_t parent, uint8_t kind, const char *name)
{
	struct known *k = &m.row[m.rows++];

	ck_assert_uint_lt(m.rows, ROWS);
	*k = (struct known){.id = id, .parent = parent, .kind = kind};
	strcpy(k->name, name);
	return k;
}

static bool is_stopping(const struct tend_info *info)
{
	return info->state == TEND_STATE_STOPPING || info->state == TEND_STATE_ABANDONED;
}

/* Begins anew. */
static void from_snapshot(void)
{
	struct tend_snapshot_info about;
	tend_snapshot *s;

	ANSWERS(tend_snapshot_take(m.rt, &s), 0);
	tend_snapshot_about(s, &about);
	m.rows = m.doubts = 0;
	m.last = about.low;
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);

		if (info->state == TEND_STATE_ENDED)
			continue;
		struct known *k = add(info->id, info->parent, info->kind, info->name);
		k->stopping = is_stopping(info);
		k->unsure = k->stopping && info->kind == TEND_KIND_SCOPE;
	}
	tend_snapshot_free(s);
}

void model_begin(tend_runtime *rt)
{
	memset(&m, 0, sizeof(m));
	m.rt = rt;
	ANSWERS(tend_subscribe(rt, &m.sub), 0);
	from_snapshot();
}

void model_end(void)
{
	tend_unsubscribe(m.sub);
	m.sub = NULL;
}

static void explain(const struct tend_event_info *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < m.doubts; i++) {
		const struct doubt *d = &m.doubt[i];

		if (!(d->id == e->id && d->types & 1u << e->type) &&
		    !(d->scope == e->id && e->type == TEND_EVENT_CANCELED))
			m.doubt[kept++] = *d;
	}
	m.doubts = kept;
}

/* Each attempt begins and ends once, and everything else is said where it can be true. */
static void apply_to_life(struct known *k, const struct tend_event_info *e)
{
	switch (e->type) {
	case TEND_EVENT_BEGAN:
		ck_assert(!k->inside);
		ck_assert_uint_eq(e->attempt, k->attempt + 1);
		k->inside = true;
		k->attempt++;
		break;
	case TEND_EVENT_ATTEMPT_ENDED:
		/* An attempt that could not begin only ends. */
		ck_assert(k->inside || e->outcome == TEND_FAILED);
		k->attempt += !k->inside;
		ck_assert_uint_eq(e->attempt, k->attempt);
		k->inside = false;
		k->last = e->outcome;
		break;
	case TEND_EVENT_READY:
	case TEND_EVENT_TIMED_OUT:
	case TEND_EVENT_STOPPING:
		ck_assert(k->inside);
		ck_assert_uint_eq(e->attempt, k->attempt);
		break;
	case TEND_EVENT_BACKOFF:
	case TEND_EVENT_STOPPED:
	case TEND_EVENT_ENDED:
		ck_assert(!k->inside);
		ck_assert_uint_eq(e->attempt, k->attempt);
		break;
	default:
		break;
	}
}

static void apply(const struct tend_event_info *e)
{
	struct known *k = find(e->id);

	ck_assert_str_ne(tend_event_name(e->type), "unknown");
	explain(e);
	if (e->number <= m.last)
		return; /* in the snapshot */
	m.last = e->number;
	if (k && k->lives)
		apply_to_life(k, e);
	if (!k && (e->type == TEND_EVENT_STARTED || e->type == TEND_EVENT_OPENED)) {
		/* The scope around was opened before. */
		ck_assert_msg(e->parent == 0 || find(e->parent), "%s in no scope", e->name);
		k = add(e->id, e->parent, e->kind, e->name);
		k->lives = e->type == TEND_EVENT_STARTED && e->attempt == 0;
	} else if (k && e->type == TEND_EVENT_ENDED)
		*k = m.row[--m.rows];
	else if (k && e->type == TEND_EVENT_CANCELED)
		k->stopping = k->canceled = true;
	else if (k && e->type == TEND_EVENT_CLOSING)
		k->stopping = true;
}

/* Applies the events up to a number; those after it wait. Returns false if some were lost. */
static bool apply_events(uint64_t low, struct tend_event_info *later, size_t *count)
{
	uint64_t lost = 0;
	int64_t n;

	do {
		struct tend_event_info e[EVENTS];

		n = tend_events_take(m.sub, e, EVENTS, &lost);
		ck_assert_int_ge(n, 0);
		for (int64_t i = 0; i < n && !lost; i++) {
			ck_assert_uint_lt(*count, ROWS);
			if (e[i].number > low)
				later[(*count)++] = e[i];
			else
				apply(&e[i]);
		}
	} while (n > 0 && !lost);
	return !lost;
}

__attribute__((format(printf, 4, 5))) static void doubt(uint64_t id, uint64_t scope, uint32_t types,
                                                        const char *fmt, ...)
{
	struct doubt *d = &m.doubt[m.doubts++];
	va_list args;

	ck_assert_uint_lt(m.doubts, ROWS);
	d->id = id;
	d->scope = scope;
	d->types = types;
	va_start(args, fmt);
	vsnprintf(d->what, sizeof(d->what), fmt, args);
	va_end(args);
}

/* A task stops with its scope; a scope that was stopping at the beginning may have been
 * closing, or canceled. */
static bool should_stop(const struct known *k, bool *unsure)
{
	const struct known *above = find(k->parent);

	*unsure = k->unsure || (above && above->unsure);
	return k->stopping || (k->kind != TEND_KIND_SCOPE && above && above->canceled);
}

static void compare(const tend_snapshot *s)
{
	for (size_t i = 0; i < m.rows; i++)
		m.row[i].seen = false;
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);
		struct known *k = find(info->id);
		bool unsure;

		if (k)
			k->seen = info->state != TEND_STATE_ENDED;
		if (info->torn || info->state == TEND_STATE_ENDED)
			continue;
		if (!k) {
			doubt(info->id, 0, 1 << TEND_EVENT_STARTED | 1 << TEND_EVENT_OPENED,
			      "%s was never told of", info->name);
			continue;
		}
		/* A row never stands where it never was. */
		ck_assert_uint_eq(info->parent, k->parent);
		ck_assert_uint_eq(info->kind, k->kind);
		ck_assert_str_eq(info->name, k->name);
		if (should_stop(k, &unsure) != is_stopping(info) && !unsure)
			doubt(info->id, info->kind == TEND_KIND_SCOPE ? 0 : info->parent,
			      1 << TEND_EVENT_CANCELED | 1 << TEND_EVENT_CLOSING |
			              1 << TEND_EVENT_STOPPING | 1 << TEND_EVENT_ATTEMPT_ENDED,
			      "%s is %s, as nobody told", info->name, tend_state_name(info->state));
		if (k->lives && (info->attempt != k->attempt || info->last != k->last))
			doubt(info->id, 0,
			      1 << TEND_EVENT_BEGAN | 1 << TEND_EVENT_ATTEMPT_ENDED |
			              1 << TEND_EVENT_ENDED,
			      "%s is at attempt %u, as nobody told", info->name, info->attempt);
	}
	for (size_t i = 0; i < m.rows; i++)
		if (!m.row[i].seen)
			doubt(m.row[i].id, 0, 1 << TEND_EVENT_ENDED, "%s is gone, as nobody told",
			      m.row[i].name);
}

void model_look(void)
{
	static struct tend_event_info later[ROWS];
	struct tend_snapshot_info about;
	size_t count = 0;
	tend_snapshot *s;

	ANSWERS(tend_snapshot_take(m.rt, &s), 0);
	tend_snapshot_about(s, &about);
	ck_assert_uint_eq(about.torn, 0);
	if (!apply_events(about.low, later, &count)) {
		tend_snapshot_free(s);
		from_snapshot();
		return;
	}
	compare(s);
	tend_snapshot_free(s);
	for (size_t i = 0; i < count; i++)
		apply(&later[i]);
}

void model_settle(void)
{
	/* Scopes may still be closing. */
	for (int i = 0; i < 100; i++) {
		ANSWERS(tend_sleep_until(tend_after(TEND_MS)), 0);
		model_look();
		if (i > 1 && !m.doubts)
			return;
	}
	ck_abort_msg("%zu rows differ, such as: %s", m.doubts, m.doubt[0].what);
}
