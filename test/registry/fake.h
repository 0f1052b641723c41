/* A registry made by hand, as its writer or an enemy of its reader would leave
 * it: in a memfd of this process, sealed. */
#ifndef TEND_TEST_REGISTRY_FAKE_H
#define TEND_TEST_REGISTRY_FAKE_H

#include "tend/registry.h"
#include "tend/task.h"

#include "registry/snapshot.h"
#include "segment/layout.h"

enum { FAKE_NOW = 1000000000 }; /* when a test of time reads it */

struct fake {
	struct tend__header *h;
	size_t bytes;
	int fd;
};

/* With a live root scope called "root" in slot 1. */
struct fake fake_open(uint32_t records_max);

/* The same by a writer of another version: strides, and areas of kinds that do not exist. */
struct shape {
	uint32_t header_bytes;
	uint32_t site, ring, record;
	uint32_t unknown;
	/* 0 in a note: a writer without notes, ends, words and modules. */
	uint32_t note, note_of, past, word, module;
};
struct fake fake_shaped(uint32_t records_max, const struct shape *shape);

/* The entry of the directory; there has to be one. */
struct tend__area *fake_area(struct fake *f, uint32_t kind);
void *fake_element(struct fake *f, uint32_t kind, uint64_t i);
char *fake_site(struct fake *f, uint32_t site);
struct tend__ring *fake_ring(struct fake *f, uint32_t i);
void fake_close(struct fake *f);

/* A copy of it that is not sealed, as a named file is. */
int fake_file(const struct fake *f);

/* In the next slot, of generation 1, spawned at 0 at site 0. Answers the slot. */
uint32_t fake_scope(struct fake *f, uint32_t parent, const char *name);
uint32_t fake_task(struct fake *f, uint32_t parent, uint32_t kind, const char *name,
                   uint32_t state_bits);
struct tend__record *fake_record(struct fake *f, uint32_t slot);
void fake_rename(struct fake *f, uint32_t slot, const char *bytes, size_t n);
void fake_generation(struct fake *f, uint32_t slot, uint32_t generation);

/* Read at the instant FAKE_NOW; it has to be possible. */
tend_snapshot *fake_read(struct fake *f);

/* The index of the row of this name; there has to be one. */
size_t row_named(const tend_snapshot *s, const char *name);
const struct tend_info *info_named(const tend_snapshot *s, const char *name);

/* All paths with their slots, "root#1 root/a#2", in the order of the rows. */
const char *paths_of(const tend_snapshot *s);

#endif
