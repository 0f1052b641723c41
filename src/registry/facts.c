/* registry/facts.c - why a row was canceled, where it stands, and the ends before. */
#include "registry/snapshot.h"

#include "tend/scope.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

static int reason_of(const tend_snapshot *s, uint32_t row, struct tend_reason *out)
{
	const struct tend__fact *f = tend__snapshot_fact(s, row, TEND__NOTE_REASON);

	if (!f)
		return -ENOENT;
	*out = (struct tend_reason){.code = f->code, .who = f->a, .when = f->at};
	_Static_assert(sizeof(out->text) == sizeof(f->text), "a reason fits");
	memcpy(out->text, f->text, sizeof(out->text));
	return 0;
}

int tend_snapshot_reason(const tend_snapshot *s, size_t index, struct tend_reason *out)
{
	if (index >= s->count)
		tend__snapshot_no_row(s, "tend_snapshot_reason", index,
		                      __builtin_return_address(0));
	uint32_t row = s->order[index];
	if (!s->places[row].scope) {
		if (s->rows[row].word & TEND__CANCELED)
			return reason_of(s, row, out);
		row = s->places[row].above;
	}
	/* A cancel has a note at its top; everything between has the bit. */
	for (int level = 0; level < TEND__TREE_LEVELS; level++) {
		uint32_t above = s->places[row].above;

		if (!(s->rows[row].word & TEND__SCOPE_CANCELED))
			return -ENOENT;
		if (reason_of(s, row, out) == 0)
			return 0;
		if (above == row)
			break;
		row = above;
	}
	return -ENOENT;
}

size_t tend_snapshot_place(const tend_snapshot *s, uint64_t address, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);

	for (uint32_t i = 0; i < s->modules_count; i++) {
		const struct tend__module *m = &s->modules[i];
		const char *slash = strrchr(m->path, '/');

		if (address < m->base || address >= m->end)
			continue;
		char name[sizeof(m->path)];

		tend__text_copy(name, sizeof(name), slash ? slash + 1 : m->path);
		tend__make_printable(name);
		tend__text_s(&t, name);
		tend__text_f(&t, "+%#llx", (unsigned long long)(address - m->bias));
		return t.n;
	}
	tend__text_f(&t, "%#llx", (unsigned long long)address);
	return t.n;
}

size_t tend_snapshot_ends(const tend_snapshot *s) { return s->ends_count; }

const struct tend_end_info *tend_snapshot_end(const tend_snapshot *s, size_t index)
{
	if (index >= s->ends_count)
		tend__snapshot_no_row(s, "tend_snapshot_end", index, __builtin_return_address(0));
	return &s->ends[index];
}
