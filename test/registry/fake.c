#include "fake.h"

#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static uint64_t align(uint64_t n) { return (n + PAGE - 1) / PAGE * PAGE; }

/* Puts an area behind all others. */
static void add(struct tend__header *h, uint32_t kind, uint32_t stride, uint64_t count)
{
	ck_assert_uint_lt(h->areas, TEND__AREAS_MAX);
	h->area[h->areas++] =
		(struct tend__area){.kind = kind, .stride = stride, .at = h->bytes, .count = count};
	h->bytes = align(h->bytes + count * stride);
}

struct tend__area *fake_area(struct fake *f, uint32_t kind)
{
	for (uint32_t i = 0; i < f->h->areas; i++)
		if (f->h->area[i].kind == kind)
			return &f->h->area[i];
	ck_abort_msg("no area of kind %u", kind);
}

void *fake_element(struct fake *f, uint32_t kind, uint64_t i)
{
	const struct tend__area *a = fake_area(f, kind);

	return (char *)f->h + a->at + i * a->stride;
}

struct fake fake_shaped(uint32_t records_max, const struct shape *shape)
{
	struct tend__header h = {.magic = TEND__MAGIC,
	                         .abi = TEND__ABI,
	                         .header_bytes = shape->header_bytes,
	                         .bytes = PAGE + align(shape->header_bytes),
	                         .pid = (uint32_t)getpid(),
	                         .records_max = records_max,
	                         .workers = 1,
	                         .ring_slots = 4,
	                         .name = "fake"};
	struct fake f;

	for (uint32_t i = 0; i < shape->unknown; i++)
		add(&h, 1000 + i, 24, 3);
	/* Not in the order of the kinds. */
	add(&h, TEND__AREA_RINGS, shape->ring, 2);
	add(&h, TEND__AREA_SITES, shape->site, 64);
	if (shape->note) {
		add(&h, TEND__AREA_NOTE_OF, shape->note_of, records_max);
		add(&h, TEND__AREA_NOTES, shape->note, 64);
		add(&h, TEND__AREA_HISTORY, shape->past, 8);
		add(&h, TEND__AREA_WORDS, shape->word, TEND__WORDS_MAX);
		add(&h, TEND__AREA_MODULES, shape->module, 4);
		h.notes_used = 64;
	}
	add(&h, TEND__AREA_RECORDS, shape->record, records_max);
	h.sites_used = 2;
	h.records_used = 1;
	f.bytes = h.bytes;
	f.fd = memfd_create(TEND__MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(f.fd, 0);
	ANSWERS(ftruncate(f.fd, (off_t)f.bytes), 0);
	ANSWERS(fcntl(f.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	f.h = mmap(NULL, f.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0);
	ck_assert_ptr_ne(f.h, MAP_FAILED);
	memcpy(f.h, &h, sizeof(h));
	strcpy(fake_element(&f, TEND__AREA_SITES, 0), "?");
	strcpy(fake_element(&f, TEND__AREA_SITES, 1), "server.c:42");
	fake_scope(&f, 0, "root");
	return f;
}

struct fake fake_open(uint32_t records_max)
{
	return fake_shaped(records_max, &(struct shape){.header_bytes = sizeof(struct tend__header),
	                                                .site = TEND__SITE_BYTES,
	                                                .ring = TEND__RING_STRIDE,
	                                                .record = sizeof(struct tend__record),
	                                                .note = sizeof(struct tend__note),
	                                                .note_of = sizeof(uint32_t),
	                                                .past = sizeof(struct tend__past),
	                                                .word = sizeof(struct tend__wait_word),
	                                                .module = sizeof(struct tend__module)});
}

void fake_close(struct fake *f)
{
	munmap(f->h, f->bytes);
	close(f->fd);
}

int fake_file(const struct fake *f)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, f->h, f->bytes, 0), (ssize_t)f->bytes);
	return fd;
}

struct tend__record *fake_record(struct fake *f, uint32_t slot)
{
	return fake_element(f, TEND__AREA_RECORDS, slot);
}

void fake_rename(struct fake *f, uint32_t slot, const char *bytes, size_t n)
{
	uint64_t words[6];

	tend__name_pack(words, bytes, n);
	tend__name_store(fake_record(f, slot)->name, words);
}

static uint32_t fill(struct fake *f, uint32_t parent, uint32_t kind, const char *name,
                     uint32_t low_word)
{
	uint32_t slot = f->h->records_used++;
	struct tend__record *r = fake_record(f, slot);

	ck_assert_uint_lt(slot, f->h->records_max);
	r->word = (uint64_t)1 << 32 | low_word;
	r->seq = 2;
	r->attempt = kind == TEND_KIND_SCOPE ? 0 : 1;
	r->parent = parent;
	r->site_kind = kind;
	fake_rename(f, slot, name, strlen(name));
	return slot;
}

uint32_t fake_scope(struct fake *f, uint32_t parent, const char *name)
{
	return fill(f, parent, TEND_KIND_SCOPE, name, TEND__SCOPE_LIVE);
}

uint32_t fake_task(struct fake *f, uint32_t parent, uint32_t kind, const char *name,
                   uint32_t state_bits)
{
	return fill(f, parent, kind, name, state_bits);
}

void fake_generation(struct fake *f, uint32_t slot, uint32_t generation)
{
	uint64_t low = fake_record(f, slot)->word & UINT32_MAX;

	fake_record(f, slot)->word = (uint64_t)generation << 32 | low;
}

tend_snapshot *fake_read(struct fake *f)
{
	tend_snapshot *s = NULL;

	ANSWERS(tend__snapshot_read(f->h, f->bytes, FAKE_NOW, &s), 0);
	return s;
}

size_t row_named(const tend_snapshot *s, const char *name)
{
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		if (strcmp(tend_snapshot_at(s, i)->name, name) == 0)
			return i;
	ck_abort_msg("no row is called %s", name);
}

char *fake_site(struct fake *f, uint32_t site) { return fake_element(f, TEND__AREA_SITES, site); }
struct tend__ring *fake_ring(struct fake *f, uint32_t i)
{
	return fake_element(f, TEND__AREA_RINGS, i);
}

const struct tend_info *info_named(const tend_snapshot *s, const char *name)
{
	return tend_snapshot_at(s, row_named(s, name));
}

const char *paths_of(const tend_snapshot *s)
{
	static char text[4096];
	size_t n = 0;

	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		char path[TEND_PATH_MAX];

		tend_snapshot_path(s, i, path, sizeof(path));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s#%u", i ? " " : "", path,
		                      tend__id_slot(tend_snapshot_at(s, i)->id));
		ck_assert_uint_lt(n, sizeof(text));
	}
	return text;
}
