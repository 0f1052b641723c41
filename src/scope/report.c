/* scope/report.c - the report of a shutdown: how the tasks ended, and a row for each task that
 * is left. */
#include "scope/report.h"

#include "tend/text.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "segment/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

tend_report *tend__report_make(uint64_t id)
{
	tend_report *r = tend__alloc(sizeof(*r));

	if (!r)
		return NULL;
	tend__store_relaxed(&r->users, 1);
	if (tend_path(id, r->path, sizeof(r->path)) < 0)
		r->path[0] = 0;
	return r;
}

tend_report *tend__report_hold(tend_report *report)
{
	uint32_t users = tend__add_relaxed(&report->users, 1);

	tend__assert(users > 0);
	return report;
}

void tend_report_free(tend_report *report)
{
	/* seq_cst: the last user frees the memory after the writes of all users. */
	if (!report || tend__add(&report->users, (uint32_t)-1) != 1)
		return;
	while (report->killed) {
		struct tend__killed *killed = report->killed;

		report->killed = killed->next;
		tend__free(killed);
	}
	tend__free(report->rows);
	tend__free(report);
}

void tend__report_killed(tend_report *report, uint64_t id, const char *path, uint32_t processes,
                         const char *names)
{
	struct tend__killed *killed = NULL;

	report->killed_count++;
	if (report->killed_listed < TEND__KILLED_MAX)
		killed = tend__alloc(sizeof(*killed));
	if (!killed)
		return;
	killed->next = report->killed;
	killed->id = id;
	killed->processes = processes;
	snprintf(killed->path, sizeof(killed->path), "%s", path);
	snprintf(killed->names, sizeof(killed->names), "%s", names);
	report->killed = killed;
	report->killed_listed++;
}

size_t tend_report_abandoned(const tend_report *report) { return report->count; }

uint64_t tend__report_survivor(tend_runtime *rt, struct tend__record *r, uint32_t slot,
                               uint64_t top)
{
	struct tend__header *h = rt->segment.header;
	uint64_t word = tend__load_acquire(&r->word);
	uint32_t kind = tend__load_acquire(&r->site_kind) & 0xff, state = word & TEND__STATE;
	uint32_t up = tend__load_acquire(&r->parent);

	if (kind == TEND_KIND_SCOPE || state == TEND__FREE || state == TEND__ENDED)
		return 0;
	/* The chain above a live task stays in place. If the task ends during this look, the
	 * caller learns of the end when tend__task_touch() or tend__task_mark() fails. */
	for (int n = 0; up != tend__id_slot(top); n++) {
		if (up <= 1 || up >= h->records_max || n > TEND__DEPTH_MAX)
			return 0;
		up = tend__load_acquire(&tend__record_at(h, up)->parent);
	}
	if (tend__word_generation(tend__load_acquire(&r->word)) != tend__word_generation(word) ||
	    tend__word_generation(tend__load_acquire(
		    &tend__record_at(h, tend__id_slot(top))->word)) != tend__id_generation(top))
		return 0;
	return tend__id(rt->index, tend__word_generation(word), slot);
}

/* Writes the return addresses of a parked fiber to `out`, which the caller has cleared, so
 * that a 0 ends the addresses if there are fewer. Another thread may make the fiber run
 * meanwhile, so the walk is hidden from TSan. */
__attribute__((no_sanitize("address", "thread"))) static void walk_stack(const struct tend__task *t,
                                                                         uint64_t out[TEND__FRAMES])
{
	size_t pooled = tend__scope_of(t)->rt->stack_bytes;
	const struct tend__stack *stack = t->stack;

	/* A stack of a special size may be unmapped during the walk, and is not walked. A stack
	 * of the pool stays mapped, no matter which task runs on the stack. */
	if (!stack || (t->stack_bytes && t->stack_bytes != pooled))
		return;
	tend__context_frames(&stack->context, stack->low + tend__page_bytes(), stack, out,
	                     TEND__FRAMES);
}

static bool runs(tend_runtime *rt, uint64_t id)
{
	for (uint32_t i = 0; i < rt->workers_count; i++)
		/* Relaxed: `current` is a hint. */
		if (tend__load_relaxed(&rt->workers[i].shown->current) == id)
			return true;
	return false;
}

static const char *rung(uint64_t word, uint32_t kind)
{
	if (!(word & TEND__ABORTED))
		return "cancel";
	return kind == TEND_KIND_PROCESS ? "kill" : "abort";
}

static void describe(tend_runtime *rt, uint64_t id, struct tend__survivor *row)
{
	struct tend__record *r = tend__record_at(rt->segment.header, tend__id_slot(id));

	tend__assert_held(tend__stripe_of(rt, id));
	uint64_t word = tend__load_acquire(&r->word), now = tend__clock();
	uint64_t spawned = tend__load_acquire(&r->spawned), since = tend__load_acquire(&r->since);

	memset(row, 0, sizeof(*row));
	row->id = id;
	row->kind = tend__load_acquire(&r->site_kind) & 0xff;
	row->state = runs(rt, id) ? (uint32_t)TEND__RUNNING : word & TEND__STATE;
	row->wait = (uint32_t)(word & TEND__WAIT) >> TEND__WAIT_SHIFT;
	row->object = tend__load_acquire(&r->object);
	row->at = now;
	row->age = now > spawned ? now - spawned : 0;
	row->since = now > since ? now - since : 0;
	row->checkpoints = tend__load_acquire(&r->checkpoints);
	row->where = tend__load_acquire(&r->where);
	row->attempt = tend__load_acquire(&r->attempt);
	/* The word of a live task has the outcome of its last attempt. Without a note each attempt
	 * has failed. */
	row->last = (int32_t)((word & TEND__OUTCOME) >> TEND__OUTCOME_SHIFT);
	if (row->last)
		row->restarts = tend__note_n(&rt->segment, id, TEND__NOTE_LIFE,
		                             row->attempt ? row->attempt - 1 : 0);
	row->pid = tend__load_acquire(&r->pid);
	row->rung = rung(word, row->kind);
	if (row->state == TEND__PARKED)
		walk_stack(tend__task_at(rt, id), row->stack);
	if (tend_path(id, row->path, sizeof(row->path)) < 0)
		row->path[0] = 0;
}

/* There is no event of this: the shutdown has its report. */
static void tell_abandoned(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);

	if (tend__listened(s->rt))
		tend__tell_all(s, t->record, &(struct tend__event){.id = t->id});
}

/* Marks all survivors as abandoned, and writes as many rows as there is room for. Returns
 * the number of survivors. */
static size_t survivors(struct tend__scope *top, uint64_t id, struct tend__survivor *rows,
                        size_t room)
{
	tend_runtime *rt = top->rt;
	struct tend__header *h = rt->segment.header;
	uint32_t used = tend__load_acquire(&h->records_used);
	size_t n = 0;

	for (uint32_t slot = 2; slot < used; slot++) {
		struct tend__record *r = tend__record_at(h, slot);
		uint64_t task = tend__report_survivor(rt, r, slot, id);
		struct tend__task *t;

		if (!task || tend__task_touch(rt, task, &t))
			continue;
		/* The task cannot end while the stripe is held. So a task that is live here is a
		 * survivor, and gets both the mark and the row. */
		if (tend__task_mark(r, task, TEND__ABANDONED)) {
			if (n < room)
				describe(rt, task, &rows[n]);
			n++;
			tell_abandoned(t);
		}
		tend__unlock(tend__stripe_of(rt, task));
	}
	return n;
}

static void add_counts(tend_report *report, struct tend__scope *s)
{
	struct tend_stats stats;

	tend__scope_counts(s, &stats);
	const uint64_t own[TEND_REJECTED + 1] = {
		[TEND_COMPLETED] = stats.completed, [TEND_FAILED] = stats.failed,
		[TEND_CANCELED] = stats.canceled,   [TEND_PANICKED] = stats.panicked,
		[TEND_ABORTED] = stats.aborted,     [TEND_KILLED] = stats.killed,
		[TEND_REJECTED] = stats.rejected,
	};
	for (uint32_t i = TEND_COMPLETED; i <= TEND_REJECTED; i++)
		report->outcomes[i] += own[i] + s->ended_below[i];
	report->refused += stats.refused + s->refused_below;
	tend__lock(&s->home.lock);
	if (s->first && (!report->first.error || s->first->at < report->first.at))
		report->first = *s->first;
	tend__unlock(&s->home.lock);
}

static void count(tend_report *report, struct tend__scope *top, uint64_t id)
{
	tend__lock(&top->rt->tree);
	if (tend__scope_is(top, id))
		for (struct tend__scope *s = top; s; s = tend__scope_next(s, top, true))
			add_counts(report, s);
	tend__unlock(&top->rt->tree);
}

static void name_cleanup(struct tend__survivor *row, const struct tend__cleanup *c)
{
	row->rung = "late";
	row->cleanup = (uint64_t)(uintptr_t)c->fn;
	if (tend_path(c->scope, row->path, sizeof(row->path)) < 0)
		row->path[0] = 0;
}

/* Names the late cleanup in the row of its cleaner, which is among the first `used` rows if the
 * cleaner is below the scope; else the next row is the cleaner's. Returns how many rows were
 * added. */
static size_t late_row(tend_runtime *rt, const struct tend__late *late, struct tend__survivor *rows,
                       size_t used)
{
	struct tend__survivor *row = rows;
	struct tend__task *t;

	while (row < rows + used && row->id != late->cleaner)
		row++;
	bool fresh = row == rows + used;
	if (fresh && !late->cleaner)
		*row = (struct tend__survivor){.kind = TEND_KIND_FIBER};
	else if (fresh) {
		if (tend__task_touch(rt, late->cleaner, &t))
			return 0; /* it has just ended */
		bool live = tend__task_mark(t->record, late->cleaner, TEND__ABANDONED);
		if (live) {
			describe(rt, late->cleaner, row);
			tell_abandoned(t);
		}
		tend__unlock(tend__stripe_of(rt, late->cleaner));
		if (!live)
			return 0;
	}
	name_cleanup(row, &late->what);
	return fresh;
}

static size_t count_late(const struct tend__late *late)
{
	size_t n = late->what.fn != NULL;

	for (const struct tend__cleanup *c = late->behind; c; c = c->next)
		n++;
	return n;
}

void tend__report_fill(tend_report *report, struct tend__scope *top, uint64_t id, bool empty,
                       const struct tend__late *late)
{
	count(report, top, id);
	/* Tasks may end between the count and the rows, but no task can be new, because the
	 * admission is closed. */
	int64_t live = empty ? 0 : tend__scope_live(top, id);
	size_t cleanups = count_late(late), room = (live > 0 ? (size_t)live : 0) + cleanups, n = 0;

	if (!room)
		return;
	tend__assert(!report->rows);
	report->rows = tend__alloc(room * sizeof(*report->rows));
	if (live > 0)
		n = survivors(top, id, report->rows, report->rows ? room - cleanups : 0);
	size_t used = n < (size_t)live ? n : (size_t)live;
	report->lost = report->rows ? n - used : n;
	if (cleanups && !report->rows)
		report->lost += cleanups, n += cleanups;
	else if (cleanups) {
		size_t at = used + late_row(top->rt, late, report->rows, used);

		n += at - used;
		for (const struct tend__cleanup *c = late->behind; c; c = c->next, at++, n++) {
			report->rows[at] = (struct tend__survivor){.kind = TEND_KIND_FIBER};
			name_cleanup(&report->rows[at], c);
		}
	}
	report->count = n;
}

static void wait_sentence(struct tend__text *t, const struct tend__survivor *row)
{
	if (!row->id)
		tend__text_f(t, "not begun");
	else if (row->state == TEND__READY)
		tend__text_f(t, "ready");
	else if (row->state != TEND__PARKED || row->wait >= TEND__WAIT_KINDS)
		tend__text_f(t, "running");
	else
		tend__wait_text(t, row->wait, row->object, row->at);
}

/* The outcomes that came: "3 completed, 1 failed, 2 refused". */
static void outcomes(struct tend__text *t, const tend_report *report)
{
	const char *before = ": ";

	for (int32_t i = TEND_COMPLETED; i <= TEND_REJECTED; i++)
		if (report->outcomes[i]) {
			tend__text_f(t, "%s%llu %s", before,
			             (unsigned long long)report->outcomes[i], tend_outcome_name(i));
			before = ", ";
		}
	if (report->refused)
		tend__text_f(t, "%s%llu refused", before, (unsigned long long)report->refused);
}

static void first_failure(struct tend__text *t, const struct tend__failure *f)
{
	const char *text = f->message[0] ? f->message : tend_strerror(f->error);

	tend__text_f(t, "  the first failure: ");
	tend__text_plain(t, f->path, strlen(f->path), TEND_TEXT_LINE);
	tend__text_f(t, ": ");
	tend__text_plain(t, text, strlen(text), TEND_TEXT_LINE);
	tend__text_f(t, "\n");
}

static void killed_text(struct tend__text *t, const tend_report *report)
{
	for (const struct tend__killed *k = report->killed; k; k = k->next) {
		tend__text_f(t, "  ");
		tend__text_bytes(t, k->path, strlen(k->path));
		tend__text_f(t, "#%llu: %u killed: ", (unsigned long long)k->id, k->processes);
		tend__text_plain(t, k->names, strlen(k->names), TEND_TEXT_LINE);
		tend__text_f(t, "\n");
	}
	if (report->killed_count > report->killed_listed)
		tend__text_f(t, "  and processes of %zu more tasks were killed\n",
		             report->killed_count - report->killed_listed);
}

static void killed_json(struct tend__text *t, const tend_report *report)
{
	const char *before = "";

	tend__text_f(t, ",\"killed_unlisted\":%zu,\"killed\":[",
	             report->killed_count - report->killed_listed);
	for (const struct tend__killed *k = report->killed; k; k = k->next) {
		tend__text_f(t, "%s{\"id\":\"%llu\",\"path\":", before, (unsigned long long)k->id);
		tend__text_json(t, k->path, strlen(k->path));
		tend__text_f(t, ",\"processes\":%u,\"names\":", k->processes);
		tend__text_json(t, k->names, strlen(k->names));
		tend__text_f(t, "}");
		before = ",";
	}
	tend__text_f(t, "]");
}

size_t tend_report_text(const tend_report *report, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);

	tend__text_bytes(&t, report->path, strlen(report->path));
	tend__text_f(&t, report->count ? ": %zu abandoned after " : ": everything ended in ",
	             report->count);
	tend__text_duration(&t, report->ended - report->begun);
	outcomes(&t, report);
	tend__text_f(&t, "\n");
	if (report->first.error)
		first_failure(&t, &report->first);
	killed_text(&t, report);
	for (size_t i = 0; i < report->count - report->lost; i++) {
		const struct tend__survivor *row = &report->rows[i];

		tend__text_f(&t, "  ");
		tend__text_bytes(&t, row->path, strlen(row->path));
		if (row->cleanup) {
			tend__text_f(&t, " cleanup ");
			tend__text_address(&t, (const void *)(uintptr_t)row->cleanup);
		}
		tend__text_f(&t, "#%llu  %s  %s, ", (unsigned long long)row->id,
		             tend_kind_name(row->kind), row->rung);
		wait_sentence(&t, row);
		if (row->pid)
			tend__text_f(&t, ", pid %d", row->pid);
		tend__text_f(&t, " for ");
		tend__text_duration(&t, row->since);
		tend__text_f(&t, ", alive ");
		tend__text_duration(&t, row->age);
		tend__text_f(&t, ", %u checkpoints since the cancel", row->checkpoints);
		if (row->last)
			tend__text_f(&t, ", attempt %u, %u restarts, last: %s", row->attempt,
			             row->restarts, tend_outcome_name(row->last));
		tend__text_f(&t, "\n");
		for (int k = 0; k < TEND__FRAMES && row->stack[k]; k++) {
			tend__text_f(&t, "    at ");
			tend__text_address(&t, (const void *)(uintptr_t)row->stack[k]);
			tend__text_f(&t, "\n");
		}
	}
	if (report->lost)
		tend__text_f(&t, "  and %zu more, for which there was no memory\n", report->lost);
	return t.n;
}

size_t tend_report_json(const tend_report *report, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);

	tend__text_f(&t, "{\"path\":");
	tend__text_json(&t, report->path, strlen(report->path));
	tend__text_f(&t, ",\"elapsed_ns\":%llu,\"outcomes\":{",
	             (unsigned long long)(report->ended - report->begun));
	for (int32_t i = TEND_COMPLETED; i <= TEND_REJECTED; i++)
		tend__text_f(&t, "%s\"%s\":%llu", i > TEND_COMPLETED ? "," : "",
		             tend_outcome_name(i), (unsigned long long)report->outcomes[i]);
	tend__text_f(&t,
	             "},\"refused\":%llu,\"first_failure\":", (unsigned long long)report->refused);
	if (report->first.error) {
		tend__text_f(&t, "{\"path\":");
		tend__text_json(&t, report->first.path, strlen(report->first.path));
		tend__text_f(&t, ",\"error\":%d,\"message\":", report->first.error);
		tend__text_json(&t, report->first.message, strlen(report->first.message));
		tend__text_f(&t, "}");
	} else
		tend__text_f(&t, "null");
	killed_json(&t, report);
	tend__text_f(&t, ",\"abandoned\":%zu,\"unlisted\":%zu,\"survivors\":[", report->count,
	             report->lost);
	for (size_t i = 0; i < report->count - report->lost; i++) {
		const struct tend__survivor *row = &report->rows[i];
		char sentence[64];
		struct tend__text s = tend__text(sentence, sizeof(sentence));

		wait_sentence(&s, row);
		char place[128];
		tend__text_f(&t, "%s{\"id\":\"%llu\",\"path\":", i ? "," : "",
		             (unsigned long long)row->id);
		tend__text_json(&t, row->path, strlen(row->path));
		if (row->cleanup) {
			struct tend__text p = tend__text(place, sizeof(place));

			tend__text_address(&p, (const void *)(uintptr_t)row->cleanup);
			tend__text_f(&t, ",\"cleanup\":");
			tend__text_json(&t, place, strlen(place));
		}
		tend__text_f(&t, ",\"kind\":\"%s\",\"rung\":\"%s\",\"wait\":",
		             tend_kind_name(row->kind), row->rung);
		tend__text_json(&t, sentence, strlen(sentence));
		tend__text_f(&t,
		             ",\"pid\":%d,\"age_ns\":%llu,\"since_ns\":%llu,\"checkpoints\":%u,"
		             "\"attempt\":%u,\"restarts\":%u,\"last\":%s%s%s,\"stack\":[",
		             row->pid, (unsigned long long)row->age, (unsigned long long)row->since,
		             row->checkpoints, row->attempt, row->restarts, row->last ? "\"" : "",
		             row->last ? tend_outcome_name(row->last) : "null",
		             row->last ? "\"" : "");
		for (int k = 0; k < TEND__FRAMES && row->stack[k]; k++) {
			struct tend__text p = tend__text(place, sizeof(place));

			tend__text_address(&p, (const void *)(uintptr_t)row->stack[k]);
			tend__text_f(&t, "%s", k ? "," : "");
			tend__text_json(&t, place, strlen(place));
		}
		tend__text_f(&t, "]}");
	}
	tend__text_f(&t, "]}");
	return t.n;
}
