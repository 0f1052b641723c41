/* registry/snapshot.h - a copy of a segment, in private memory. */
#ifndef TEND_REGISTRY_SNAPSHOT_H
#define TEND_REGISTRY_SNAPSHOT_H

#include "tend/registry.h"

#include "segment/layout.h"

#include <stdbool.h>

enum { TEND__TREE_DEPTH = 256 };

/* A record as it was read. */
struct tend__row {
	uint64_t word, since, object, spawned, event;
	uint32_t slot, parent; /* slots */
	uint32_t attempt, checkpoints, site_kind;
	int32_t pid, result;
	uint32_t above; /* row of its scope; its own index if it has none */
	uint32_t depth;
	bool torn, canceled;
	bool followed; /* by a sibling: in a drawing its line goes on */
	char name[48];
};

struct tend_snapshot {
	struct tend_snapshot_info info;
	uint32_t runtime;
	size_t count;
	struct tend__row *rows; /* sorted */
	struct tend_info *infos; /* made when first asked for */
	char *sites;            /* a copy: sites_count of TEND__SITE_BYTES */
	uint32_t sites_count;
};

/* Copies what lies at h, of which `bytes` may be read. Nothing in it is trusted.
 * 0; -EPROTO if it is no registry of ours; -ENOMEM. */
int tend__snapshot_read(const struct tend__header *h, size_t bytes, uint64_t now,
                        tend_snapshot **out);

#endif
