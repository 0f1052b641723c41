#include "fake.h"

#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, RING_SLOTS = 4 };

static uint64_t align(uint64_t n) { return (n + PAGE - 1) / PAGE * PAGE; }

struct fake fake_open(uint32_t records_max)
{
	struct tend__header h = {.magic = TEND__MAGIC,
	                         .abi = TEND__ABI,
	                         .header_bytes = sizeof(h),
	                         .pid = (uint32_t)getpid(),
	                         .records_max = records_max,
	                         .workers = 1,
	                         .ring_slots = RING_SLOTS,
	                         .rings = 2,
	                         .name = "fake"};
	struct fake f;

	h.sites_at = PAGE;
	h.rings_at = align(h.sites_at + TEND__SITES_MAX * TEND__SITE_BYTES);
	h.records_at = align(h.rings_at + h.rings * tend__ring_bytes(&h));
	h.bytes = align(h.records_at + (uint64_t)records_max * sizeof(struct tend__record));
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
	strcpy(tend__site_at(f.h, 0), "?");
	strcpy(tend__site_at(f.h, 1), "server.c:42");
	fake_scope(&f, 0, "root");
	return f;
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
	return tend__record_at(f->h, slot);
}

void fake_rename(struct fake *f, uint32_t slot, const char *bytes, size_t n)
{
	uint64_t words[6];

	tend__name_pack(words, bytes, n);
	tend__name_store(fake_record(f, slot)->name, words);
}

static uint32_t add(struct fake *f, uint32_t parent, uint32_t kind, const char *name,
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
	return add(f, parent, TEND_KIND_SCOPE, name, TEND__SCOPE_LIVE);
}

uint32_t fake_task(struct fake *f, uint32_t parent, uint32_t kind, const char *name,
                   uint32_t state_bits)
{
	return add(f, parent, kind, name, state_bits);
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
