/* registry/info.c - a row in the words of tend/registry.h. */
#include "registry/snapshot.h"

#include "tend/task.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

const char *tend_kind_name(uint32_t kind)
{
	static const char *const names[] = {"unknown", "scope",   "fiber",
	                                    "thread",  "process", "external"};

	return kind < sizeof names / sizeof *names ? names[kind] : names[0];
}

const char *tend_state_name(uint32_t state)
{
	static const char *const names[] = {"unknown", "queued",   "starting", "ready",     "running",
	                                    "parked",  "stopping", "backoff",  "abandoned", "ended"};

	return state < sizeof names / sizeof *names ? names[state] : names[0];
}

static uint8_t state_of(const struct tend__row *r)
{
	uint32_t kind = r->site_kind & 0xff, state = r->word & TEND__STATE;

	if (kind == TEND_KIND_SCOPE)
		return r->word & (TEND__SCOPE_CANCELED | TEND__SCOPE_CLOSED) ? TEND_STATE_STOPPING
		                                                             : TEND_STATE_RUNNING;
	if (state == TEND__ENDED)
		return TEND_STATE_ENDED;
	if (r->word & TEND__ABANDONED)
		return TEND_STATE_ABANDONED;
	if (r->canceled || (r->word & TEND__CANCELED))
		return TEND_STATE_STOPPING;
	if (r->word & TEND__STARTING)
		return TEND_STATE_STARTING;
	/* What its fiber waits for is no state of the process. */
	return kind == TEND_KIND_PROCESS ? TEND_STATE_RUNNING : (uint8_t)state;
}

static void wait_of(const tend_snapshot *s, const struct tend__row *r, char *buf, size_t size)
{
	static const char *const texts[] = {
#define X(name, text, object) text,
		TEND__WAITS(X)
#undef X
	};
	static const char objects[] = {
#define X(name, text, object) object,
		TEND__WAITS(X)
#undef X
	};
	struct tend__text t = tend__text(buf, size);
	uint32_t why = (uint32_t)(r->word & TEND__WAIT) >> TEND__WAIT_SHIFT;

	if ((r->word & TEND__STATE) != TEND__PARKED || why >= TEND__WAIT_KINDS ||
	    (r->site_kind & 0xff) == TEND_KIND_PROCESS)
		return;
	tend__text_f(&t, "%s", texts[why]);
	if (objects[why] == 'n' || objects[why] == 'i')
		tend__text_f(&t, objects[why] == 'n' ? "#%llu" : " #%llu", (unsigned long long)r->object);
	else if (objects[why] == 'd')
		tend__text_f(&t, " %lld", (long long)r->object);
	else if (objects[why] == 't') {
		tend__text_f(&t, " ");
		tend__text_duration(&t, r->object > s->info.at ? r->object - s->info.at : 0);
	}
}

static void fill(const tend_snapshot *s, const struct tend__row *r, struct tend_info *out)
{
	uint32_t site = r->site_kind >> 8;
	const struct tend__row *above = &s->rows[r->above];

	out->id = tend__id(s->runtime, tend__word_generation(r->word), r->slot);
	out->parent = above == r ? 0
	                         : tend__id(s->runtime, tend__word_generation(above->word), above->slot);
	out->kind = (uint8_t)r->site_kind;
	out->state = state_of(r);
	out->outcome = out->kind == TEND_KIND_SCOPE
	                       ? (uint8_t)TEND__FREE
	                       : (uint8_t)((r->word & TEND__OUTCOME) >> TEND__OUTCOME_SHIFT);
	out->torn = r->torn;
	out->attempt = out->kind == TEND_KIND_SCOPE ? 0 : r->attempt;
	out->pid = r->pid;
	out->result = r->result;
	out->spawned_at = r->spawned;
	out->since = r->since;
	out->checkpoints = r->checkpoints;
	out->last_event = r->event;
	memcpy(out->name, r->name, sizeof out->name);
	wait_of(s, r, out->wait, sizeof out->wait);
	if (site && site < s->sites_count) {
		snprintf(out->site, sizeof out->site, "%.*s", TEND__SITE_BYTES - 1,
		         s->sites + (size_t)site * TEND__SITE_BYTES);
		for (char *c = out->site; *c; c++)
			if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
				*c = '?';
	}
}

const struct tend_info *tend_snapshot_at(const tend_snapshot *snapshot, size_t index)
{
	/* The rows in words are made once, for the first who asks; "one at a time". */
	tend_snapshot *s = (tend_snapshot *)(uintptr_t)snapshot;
	static const struct tend_info none;

	if (!s->infos) {
		s->infos = tend__alloc((s->count + 1) * sizeof *s->infos);
		if (!s->infos)
			return &none;
		for (size_t i = 0; i < s->count; i++)
			fill(s, &s->rows[i], &s->infos[i]);
	}
	return &s->infos[index];
}

/* ---- The tree as text ---- */

static void branches(const tend_snapshot *s, size_t i, uint32_t flags, struct tend__text *t)
{
	const bool ascii = flags & TEND_TREE_ASCII;
	bool more[64] = {false};
	uint32_t depth = s->rows[i].depth;

	for (size_t k = i; s->rows[k].depth > 0; k = s->rows[k].above)
		if (s->rows[k].depth < 64)
			more[s->rows[k].depth] = s->rows[k].followed;
	for (uint32_t d = 1; d <= depth; d++) {
		bool on = d < 64 && more[d];

		if (d == depth)
			tend__text_f(t, "%s", ascii ? (on ? "|- " : "`- ") : (on ? "├─ " : "└─ "));
		else
			tend__text_f(t, "%s", ascii ? (on ? "|  " : "   ") : (on ? "│  " : "   "));
	}
}

size_t tend_snapshot_text(const tend_snapshot *s, uint32_t flags, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);
	size_t width = 0;

	for (size_t i = 0; i < s->count; i++) {
		size_t n = 3 * s->rows[i].depth + strlen(s->rows[i].name);

		width = n > width ? n : width;
	}
	width = width > 60 ? 60 : width;
	for (size_t i = 0; i < s->count; i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);
		size_t n = 3 * s->rows[i].depth + strlen(info->name);

		branches(s, i, flags, &t);
		tend__text_bytes(&t, info->name, strlen(info->name));
		tend__text_f(&t, "%*s  %-8s %-9s", n < width ? (int)(width - n) : 0, "",
		             tend_kind_name(info->kind), tend_state_name(info->state));
		if (info->kind != TEND_KIND_SCOPE) {
			tend__text_f(&t, " ");
			tend__text_duration(&t, s->info.at > info->spawned_at
			                                ? s->info.at - info->spawned_at
			                                : 0);
		}
		if (info->pid)
			tend__text_f(&t, "  %s %d", info->kind == TEND_KIND_PROCESS ? "pid" : "tid",
			             info->pid);
		if (info->attempt > 1)
			tend__text_f(&t, "  attempt %u", info->attempt);
		if (info->state == TEND_STATE_ENDED)
			tend__text_f(&t, "  %s", tend_outcome_name(info->outcome));
		if (info->wait[0])
			tend__text_f(&t, "  %s", info->wait);
		if (info->site[0])
			tend__text_f(&t, "  %s", info->site);
		if (info->torn)
			tend__text_f(&t, "  torn");
		tend__text_f(&t, "\n");
	}
	return t.n;
}
