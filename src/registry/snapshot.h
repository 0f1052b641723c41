/* registry/snapshot.h - a copy of a segment, in private memory. */
#ifndef TEND_REGISTRY_SNAPSHOT_H
#define TEND_REGISTRY_SNAPSHOT_H

#include "tend/registry.h"

#include "segment/layout.h"

#include <stdbool.h>

/* More than a writer makes, so that only a broken tree is cut. */
enum { TEND__TREE_DEPTH = 256 };

/* A record as it was read. Two lines: a hundred thousand are read at once. */
struct tend__row {
	uint64_t word, since, object, spawned, event;
	uint32_t slot, parent; /* slots */
	uint32_t attempt, checkpoints, site_kind;
	int32_t pid, result;
	bool torn;
	bool open;     /* while the tree is drawn: a sibling follows */
	char name[48]; /* zeros after the name */
};
_Static_assert(sizeof(struct tend__row) <= 128, "two cache lines");

struct tend_snapshot {
	struct tend_snapshot_info info;
	uint32_t runtime;
	size_t count;
	struct tend__row *rows; /* by slot */
	size_t rows_bytes;
	uint32_t *order;         /* rows by path, then by id; these three are one block */
	uint32_t *above;         /* of a row, the row of its scope; its own index if it has none */
	uint8_t *depth;          /* of a row */
	struct tend_info *infos; /* as `order`; a row is made when first asked for */
	size_t infos_bytes;
	char *sites; /* a copy: sites_count of TEND__SITE_BYTES */
	uint32_t sites_count;
};

/* Address space, zeroed, of which what is used costs memory; NULL if there is
 * none. */
void *tend__snapshot_reserve(size_t bytes);

/* Copies what lies at h, of which `bytes` may be read. Nothing in it is trusted.
 * 0; -EPROTO if it is no registry of ours; -ENOMEM. */
int tend__snapshot_read(const struct tend__header *h, size_t bytes, uint64_t now,
                        tend_snapshot **out);

/* Finds the scope and depth of each row, and their order; `slots` bounds what
 * a parent may be. 0 or -ENOMEM. */
int tend__snapshot_order(tend_snapshot *s, uint32_t slots);

static inline uint32_t tend__row_kind(const struct tend__row *r) { return r->site_kind & 0xff; }

#endif
