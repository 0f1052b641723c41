/* registry/view.c - where the areas of a segment are. The writer may be older or newer than this
 * reader, or hostile: each value is checked before its use. */
#include "registry/snapshot.h"

#include <string.h>

/* The areas that this reader knows: the bytes that an element has at least, which are fewer than
 * this reader knows where an older writer has shorter elements; and the most elements. */
static const struct {
	bool needed;
	uint32_t align, bytes;
	uint64_t count_max;
} known[TEND__AREA_KINDS] = {
	[TEND__AREA_SITES] = {true, 1, 2, TEND__SITES_MAX},
	[TEND__AREA_RINGS] = {true, 8, offsetof(struct tend__ring, round), 1024},
	[TEND__AREA_EVENTS] = {false, 8, offsetof(struct tend__event_slot, attempt),
                               UINT64_C(1) << 32},
	[TEND__AREA_MODULES] = {false, 8, sizeof(struct tend__module), TEND__MODULES_MAX},
	[TEND__AREA_WORDS] = {false, 1, sizeof(struct tend__wait_word), TEND__WORDS_MAX},
	[TEND__AREA_HISTORY] = {false, 8, sizeof(struct tend__past), TEND__HISTORY_MAX},
	[TEND__AREA_NOTES] = {false, 8, sizeof(struct tend__note), TEND__SLOT_MAX},
	[TEND__AREA_NOTE_OF] = {false, 4, sizeof(uint32_t), TEND__SLOT_MAX},
	[TEND__AREA_RECORDS] = {true, 8, sizeof(struct tend__record), TEND__SLOT_MAX},
};

static bool fits(const struct tend__header *h, const struct tend__area *a)
{
	return a->stride >= known[a->kind].bytes && a->stride <= TEND__STRIDE_MAX &&
	       a->stride % known[a->kind].align == 0 && a->at % known[a->kind].align == 0 &&
	       a->count <= known[a->kind].count_max && a->at >= h->header_bytes &&
	       a->at <= h->bytes && a->count <= (h->bytes - a->at) / a->stride;
}

bool tend__view_of(const struct tend__header *h, size_t bytes, struct tend__view *out)
{
	struct tend__header *copy = &out->h;

	if (bytes < TEND__HEADER_BYTES)
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(copy, h, offsetof(struct tend__header, records_used));
	if (memcmp(copy->magic, TEND__MAGIC, sizeof(copy->magic)) != 0 || copy->abi != TEND__ABI ||
	    copy->header_bytes < TEND__HEADER_BYTES || copy->header_bytes > copy->bytes ||
	    copy->bytes > bytes || copy->areas > TEND__AREAS_MAX)
		return false;
	for (uint32_t i = 0; i < copy->areas; i++) {
		const struct tend__area *a = &copy->area[i];

		if (a->kind == 0 || a->kind >= TEND__AREA_KINDS || !known[a->kind].bytes ||
		    out->area[a->kind].stride)
			continue;
		if (fits(copy, a))
			out->area[a->kind] = (struct tend__span){a->at, a->count, a->stride};
		else if (known[a->kind].needed)
			return false;
	}
	for (uint32_t kind = 1; kind < TEND__AREA_KINDS; kind++)
		if (known[kind].needed && !out->area[kind].stride)
			return false;
	return true;
}
