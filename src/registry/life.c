/* registry/life.c - what a row says of the attempts of its task. */
#include "registry/snapshot.h"

#include "tend/task.h"
#include "tend/text.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

/* How many restarts the scope has counted. A reader that comes when the last of them has left the
 * period says nothing. */
static void restarts_of(const tend_snapshot *s, uint32_t scope, struct tend__text *t)
{
	const struct tend__fact *f = tend__snapshot_fact(s, scope, TEND__NOTE_RESTARTS);

	if (!f || (s->info.at >= f->at && s->info.at - f->at >= f->a))
		return;
	tend__text_f(t, ", %u of %llu in ", f->n, (unsigned long long)f->b);
	tend__text_period(t, f->a);
}

static void last_of(const tend_snapshot *s, uint32_t row, const struct tend_info *info,
                    struct tend__text *t)
{
	const struct tend__fact *f = tend__snapshot_fact(s, row, TEND__NOTE_LIFE);
	int32_t result = s->rows[row].result;

	tend__text_s(t, "last: ");
	if (f && f->text[0])
		tend__text_plain(t, f->text, strlen(f->text), TEND_TEXT_LINE);
	else if (info->last != TEND_FAILED)
		tend__text_s(t, tend_outcome_name(info->last));
	else if (info->kind == TEND_KIND_PROCESS && result >= 0)
		tend__text_f(t, "exited with code %d", result);
	else
		tend__text_f(t, "failed: %s", tend_strerror(info->last_error));
}

void tend__snapshot_life(const tend_snapshot *s, uint32_t row, const struct tend_info *info,
                         struct tend__text *t)
{
	if (!info->last)
		return;
	if (info->state == TEND_STATE_BACKOFF) {
		tend__text_s(t, "runs in ");
		tend__text_duration(t, info->due > s->info.at ? info->due - s->info.at : 0);
		restarts_of(s, s->places[row].above, t);
		tend__text_s(t, ", ");
	}
	last_of(s, row, info, t);
}

size_t tend_snapshot_life(const tend_snapshot *s, size_t index, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);

	if (index >= s->count)
		tend__snapshot_no_row(s, "tend_snapshot_life", index, __builtin_return_address(0));
	tend__snapshot_life(s, s->order[index], tend_snapshot_at(s, index), &t);
	return t.n;
}
