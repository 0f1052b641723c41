/* test/fuzz/fuzz_segment.c - any bytes as the registry of another process.
 *
 * It is refused or read, the read ends, and what was read is a tree: every row
 * once, by path and then by id, and no deeper than its list of scopes. */
#include "registry/snapshot.h"

#include "tend/scope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RINGS = 2,
	RING_SLOTS = 2,
	SITES = 8,
	RECORDS_MAX = 512,
	LIES = 4,
	LIE = 3,
	NOTES = 16,
	MODULES = 3,
	ENDS = 4
};

static void require(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "not true: %s\n", what);
	abort();
}

/* Negative, zero, positive; a segment at a time. */
static int compare_paths(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++) {}
	return (*a == '/' ? 1 : (unsigned char)*a) - (*b == '/' ? 1 : (unsigned char)*b);
}

static void check_rows(const tend_snapshot *s)
{
	static char last[TEND_PATH_MAX], path[TEND_PATH_MAX];
	uint64_t last_id = 0;

	last[0] = 0;
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);
		size_t n = tend_snapshot_path(s, i, path, sizeof(path));
		bool cut = strncmp(path, "...", 3) == 0 || strncmp(last, "...", 3) == 0;
		int order = compare_paths(last, path);

		require(n == strlen(path) && n > 0, "a path fits");
		require(cut || order < 0 || (order == 0 && last_id < info->id),
		        "rows are in order");
		require(tend_snapshot_depth(s, i) < TEND__TREE_LEVELS, "a tree has an end");
		require(info->name[0] && strlen(info->wait) < sizeof(info->wait) &&
		                strlen(info->site) < sizeof(info->site),
		        "words have an end");
		memcpy(last, path, n + 1);
		last_id = info->id;
	}
}

static void check_facts(const tend_snapshot *s)
{
	char place[64];

	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		struct tend_reason reason;

		if (tend_snapshot_reason(s, i, &reason) == 0)
			require(memchr(reason.text, 0, sizeof(reason.text)), "a reason has an end");
		require(tend_snapshot_place(s, tend_snapshot_at(s, i)->where, place,
		                            sizeof(place)) > 0,
		        "a place has words");
	}
	for (size_t i = 0; i < tend_snapshot_ends(s); i++) {
		const struct tend_end_info *e = tend_snapshot_end(s, i);

		require(memchr(e->name, 0, sizeof(e->name)) &&
		                memchr(e->site, 0, sizeof(e->site)) &&
		                memchr(e->text, 0, sizeof(e->text)),
		        "words of an end have an end");
	}
}

static void check(const void *segment, size_t bytes)
{
	static char text[1 << 20];
	tend_snapshot *s;

	if (tend__snapshot_read(segment, bytes, 1000, &s))
		return;
	check_rows(s);
	check_facts(s);
	for (uint32_t flags = 0; flags <= (TEND_TREE_ASCII | TEND_TREE_HIDE); flags++) {
		size_t n = tend_snapshot_text(s, flags, text, sizeof(text)), lines = 0;

		for (size_t i = 0; i < n && i < sizeof(text); i++)
			lines += text[i] == '\n';
		require(n >= sizeof(text) ||
		                (flags & TEND_TREE_HIDE ? lines <= tend_snapshot_count(s)
		                                        : lines == tend_snapshot_count(s)),
		        "a row is a line");
	}
	tend_snapshot_free(s);
}

static void add(struct tend__header *h, enum tend__area_kind kind, size_t stride, uint64_t count)
{
	h->area[h->areas++] = (struct tend__area){
		.kind = kind, .stride = (uint32_t)stride, .at = h->bytes, .count = count};
	h->bytes += (count * stride + 7) / 8 * 8;
}

/* A header that is right but for a few bytes, and the input as the records. A lie is two bytes
 * for its place in the header, and a byte. */
static void check_records(const uint8_t *data, size_t size)
{
	struct tend__header h = {.magic = TEND__MAGIC,
	                         .abi = TEND__ABI,
	                         .header_bytes = sizeof(h),
	                         .bytes = sizeof(h),
	                         .workers = RINGS - 1,
	                         .ring_slots = RING_SLOTS};
	const uint8_t *lies = data;
	uint32_t records;
	char *segment;

	data += LIE * LIES;
	size -= LIE * LIES;
	records = (uint32_t)(size / sizeof(struct tend__record));
	records = records < RECORDS_MAX ? records : RECORDS_MAX;
	h.records_max = records + 1;
	h.records_used = records + 1;
	h.sites_used = 4;
	add(&h, TEND__AREA_RINGS, TEND__RING_STRIDE, RINGS);
	add(&h, TEND__AREA_SITES, TEND__SITE_BYTES, SITES);
	add(&h, TEND__AREA_RECORDS, sizeof(struct tend__record), records + 1);
	h.notes_used = NOTES;
	h.modules_used = MODULES;
	h.history = ENDS + 1;
	add(&h, TEND__AREA_NOTE_OF, sizeof(uint32_t), records + 1);
	add(&h, TEND__AREA_NOTES, sizeof(struct tend__note), NOTES);
	add(&h, TEND__AREA_MODULES, sizeof(struct tend__module), MODULES);
	add(&h, TEND__AREA_WORDS, sizeof(struct tend__wait_word), TEND__WORDS_MAX);
	add(&h, TEND__AREA_HISTORY, sizeof(struct tend__past), ENDS);
	segment = calloc(1, h.bytes);
	require(segment != NULL, "memory");
	memcpy(segment, &h, sizeof(h));
	memset(segment + h.area[1].at, 'x', 2 * TEND__SITE_BYTES);
	memcpy(segment + h.area[2].at + sizeof(struct tend__record), data,
	       records * sizeof(struct tend__record));
	/* The areas behind the records get the input once more, from its end. */
	for (size_t at = h.area[3].at, n = size; at < h.bytes && n > 0; at++, n--)
		segment[at] = (char)data[n - 1];
	for (size_t i = 0; i < LIES; i++, lies += LIE) {
		size_t at = (size_t)lies[0] << 8 | lies[1];

		if (at < sizeof(h))
			segment[at] = (char)lies[2];
	}
	check(segment, h.bytes);
	free(segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (size > LIE * LIES)
		check_records(data, size);
	/* As it is, and where the sanitizer sees its end. */
	copy = malloc(size + 1);
	require(copy != NULL, "memory");
	memcpy(copy, data, size);
	check(copy, size);
	free(copy);
	return 0;
}
