/* registry/info.c - a row in the words of tend/registry.h. */
#include "registry/snapshot.h"

#include "tend/task.h"

#include "base/error.h"
#include "base/text.h"
#include "segment/words.h"

#include <errno.h>
#include <string.h>

static uint32_t wait_kind(const struct tend__row *r)
{
	return (uint32_t)(r->word & TEND__WAIT) >> TEND__WAIT_SHIFT;
}

/* A task that has not begun, and waits for others. */
static bool is_queued(const struct tend__row *r)
{
	return (r->word & TEND__STATE) == TEND__PARKED && wait_kind(r) >= TEND__WAIT_ROUND &&
	       wait_kind(r) <= TEND__WAIT_NEEDS_COMPLETED;
}

static uint8_t state_of(const struct tend__row *r, bool canceled)
{
	uint32_t kind = tend__row_kind(r), state = r->word & TEND__STATE;

	if (kind == TEND_KIND_SCOPE)
		return r->word & (TEND__SCOPE_CANCELED | TEND__SCOPE_CLOSED) ? TEND_STATE_STOPPING
		                                                             : TEND_STATE_RUNNING;
	if (state == TEND__ENDED)
		return TEND_STATE_ENDED;
	if (r->word & TEND__ABANDONED)
		return TEND_STATE_ABANDONED;
	if (canceled || (r->word & (TEND__CANCELED | TEND__STOP)))
		return TEND_STATE_STOPPING;
	if (is_queued(r))
		return TEND_STATE_QUEUED;
	if (r->word & TEND__STARTING)
		return TEND_STATE_STARTING;
	if (state == TEND__PARKED && wait_kind(r) == TEND__WAIT_BACKOFF)
		return TEND_STATE_BACKOFF;
	if (state == TEND__PARKED && wait_kind(r) == TEND__WAIT_STOPPED)
		return TEND_STATE_STOPPED;
	/* A wait of the fiber that looks after a process is no state of the process. */
	return kind == TEND_KIND_PROCESS ? TEND_STATE_RUNNING : (uint8_t)state;
}

/* A task at rest between two attempts is not ready, nor is a task that has ended. */
static bool is_ready(const struct tend__row *r, uint8_t state)
{
	return (r->word & TEND__ROW_BEGUN) && !(r->word & TEND__UNREADY) &&
	       state != TEND_STATE_QUEUED && state != TEND_STATE_BACKOFF &&
	       state != TEND_STATE_STOPPED && state != TEND_STATE_ENDED;
}

/* Says for which task a queued task waits, by name. Returns false if that task has no row. */
static bool say_queued(const tend_snapshot *s, const struct tend__row *r, struct tend__text *t)
{
	static const char *const until[] = {" started", " ready", " completed"};
	uint32_t slot = tend__id_slot(r->object), row = slot < s->slots ? s->row_of[slot] : 0;

	if (!row-- || tend__word_generation(s->rows[row].word) != tend__id_generation(r->object))
		return false;
	bool needs = wait_kind(r) >= TEND__WAIT_NEEDS_STARTED;
	tend__text_s(t, needs ? "needs " : "round after ");
	tend__text_bytes(t, tend__row_name(s, row), s->places[row].length);
	if (needs)
		tend__text_s(t, until[wait_kind(r) - TEND__WAIT_NEEDS_STARTED]);
	return true;
}

static void wait_of(const tend_snapshot *s, const struct tend__row *r, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);

	uint32_t kind = wait_kind(r);

	if (is_queued(r) && say_queued(s, r, &t))
		return;
	if ((r->word & TEND__STATE) != TEND__PARKED || tend__row_kind(r) == TEND_KIND_PROCESS)
		return;
	if (kind < TEND__WAIT_KINDS)
		tend__wait_text(&t, kind, r->object, s->info.at);
	else if (kind < s->words_count) /* the word of a newer writer */
		tend__wait_say(&t, s->words[kind].text, s->words[kind].object, r->object,
		               s->info.at);
}

/* Where the record says all there is no note: each attempt has failed, with its result. */
static void life_of(const tend_snapshot *s, uint32_t row, struct tend_info *out)
{
	const struct tend__fact *f = tend__snapshot_fact(s, row, TEND__NOTE_LIFE);
	bool rests = out->state == TEND_STATE_BACKOFF;

	if (rests)
		out->due = s->rows[row].object;
	if (f) {
		out->restarts = f->n;
		out->last_error = f->code;
		out->last = (uint8_t)f->code2;
	} else if (out->last) {
		int32_t result = s->rows[row].result;

		/* The restart that follows the rest counts already. */
		out->restarts = out->attempt - (rests || !out->attempt ? 0 : 1);
		out->last_error = out->last == TEND_COMPLETED  ? 0
		                  : out->last == TEND_PANICKED ? -EFAULT
		                  : out->last != TEND_FAILED   ? -ECANCELED
		                  : result < 0                 ? result
		                                               : -EIO;
	}
}

static void site_of(const tend_snapshot *s, uint32_t site, char *out)
{
	const char *text = s->sites + (size_t)site * TEND__SITE_BYTES;

	if (!site || site >= s->sites_count)
		return;
	for (size_t i = 0; i < TEND__SITE_BYTES - 1 && text[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		out[i] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
	}
}

static uint64_t id_of(const tend_snapshot *s, const struct tend__row *r)
{
	return tend__id(s->runtime, tend__word_generation(r->word), r->slot);
}

void tend__snapshot_fill(const tend_snapshot *s, uint32_t row, struct tend_info *out)
{
	const struct tend__row *r = &s->rows[row];
	const struct tend__place *place = &s->places[row];
	const struct tend__row *above = &s->rows[place->above];
	bool scope = tend__row_kind(r) == TEND_KIND_SCOPE;

	tend__assert(row < s->count && place->above < s->count);
	tend__assert(place->length > 0 && place->length <= TEND_NAME_MAX);
	out->size = sizeof(*out);
	out->id = id_of(s, r);
	out->parent = above == r ? 0 : id_of(s, above);
	out->kind = (uint8_t)tend__row_kind(r);
	out->state = state_of(r, above != r && (above->word & TEND__SCOPE_CANCELED));
	if (!scope) {
		uint8_t outcome = (uint8_t)((r->word & TEND__OUTCOME) >> TEND__OUTCOME_SHIFT);

		/* The word of a live task has the outcome of its last attempt. */
		if ((r->word & TEND__STATE) == TEND__ENDED)
			out->outcome = outcome;
		else
			out->last = outcome;
		out->attempt = r->attempt;
		out->ready = is_ready(r, out->state);
		out->where = s->wheres[row];
		life_of(s, row, out);
	}
	out->torn = place->torn != 0;
	out->pid = r->pid;
	out->result = r->result;
	out->spawned_at = r->spawned;
	out->since = r->since;
	out->checkpoints = r->checkpoints;
	out->last_event = r->event;
	memcpy(out->name, s->names + place->name, place->length);
	wait_of(s, r, out->wait, sizeof(out->wait));
	site_of(s, r->site_kind >> 8, out->site);
}

const struct tend_info *tend_snapshot_at(const tend_snapshot *snapshot, size_t index)
{
	/* A row is filled at the first request: callers take turns, says the header. */
	tend_snapshot *s = (tend_snapshot *)(uintptr_t)snapshot;
	static const struct tend_info none = {.size = sizeof(none)};

	if (index >= s->count)
		tend__snapshot_no_row(s, "tend_snapshot_at", index, __builtin_return_address(0));
	if (!s->infos) {
		s->infos_bytes = (s->count + 1) * sizeof(*s->infos);
		s->infos = tend__snapshot_reserve(&s->infos_bytes);
		if (!s->infos)
			return &none;
	}
	if (!s->infos[index].name[0]) /* every filled row has a name */
		tend__snapshot_fill(s, s->order[index], &s->infos[index]);
	return &s->infos[index];
}
