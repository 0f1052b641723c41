/* registry/snapshot.h - a copy of a segment, in private memory.
 *
 * Files, each uses only those above it:
 *   block.c     blocks of memory for copies, and two that are kept for the next one
 *   order.c     the tree of the rows, and their order by path
 *   snapshot.c  reading a segment
 *   attach.c    the segment of another process
 *   path.c      count, depth and path of a row
 *   info.c      a row in the public words
 *   draw.c      the tree as text
 *   events.c    the rings of events */
#ifndef TEND_REGISTRY_SNAPSHOT_H
#define TEND_REGISTRY_SNAPSHOT_H

#include "tend/registry.h"

#include "segment/layout.h"

#include <stdbool.h>

/* More than a writer makes, so that only a broken tree is cut. */
enum {
	TEND__TREE_LEVELS = 256,
	TEND__ROW_DEPTH_MAX = TEND__TREE_LEVELS - 2,
	TEND__ROW_DEPTH_UNKNOWN,
};

/* A record as it was read: what is asked of one row at a time. */
struct tend__row {
	uint64_t word, since, object, spawned, event;
	uint32_t slot, attempt, checkpoints, site_kind;
	int32_t pid, result;
};
_Static_assert(sizeof(struct tend__row) == 64, "one cache line");

/* What is asked of all rows at once: where it is, and what it is called. */
struct tend__place {
	uint32_t above;      /* the row of its scope, its own index if it has none; while
	                        the rows are read, the slot of its scope */
	uint32_t generation; /* of the scope in that slot, then */
	uint32_t name;       /* index in `names` */
	uint8_t length;      /* of the name */
	uint8_t depth;
	bool torn;
	bool scope;
};

struct tend_snapshot {
	struct tend_snapshot_info info;
	uint32_t runtime;
	size_t count;
	struct tend__row *rows;     /* by slot; with the next four it is one block */
	struct tend__place *places; /* as `rows` */
	uint32_t *row_of;           /* by slot, plus one; 0: none */
	uint32_t *order;            /* rows by path, then by id */
	uint64_t *names;            /* words, with zeros after the end of each name */
	size_t bytes;               /* of the block */
	struct tend_info *infos;    /* as `order`; a row is made when first asked for */
	size_t infos_bytes;
	char *sites; /* a copy: sites_count of TEND__SITE_BYTES */
	uint32_t sites_count;
	/* Of the scope whose path was last asked for, for who asks for all: its row
	 * plus one, the length of its path with a '/', and that. */
	uint32_t prefix_of, prefix_length;
	uint64_t prefix[TEND_PATH_MAX / sizeof(uint64_t)];
};

/* Address space, zeroed, of which what is used costs memory; it may be some more.
 * NULL if there is none. */
void *tend__snapshot_reserve(size_t *bytes);
/* The same, but with what was in it, for a while. */
void *tend__snapshot_borrow(size_t *bytes);
void tend__snapshot_return(void *p, size_t bytes);

/* Copies the header, up to what changes. False if what it says cannot be: then nothing
 * of it may be used. */
bool tend__snapshot_header(const struct tend__header *h, size_t bytes, struct tend__header *out);

/* Copies what lies at h, of which `bytes` may be read. Nothing in it is trusted.
 * 0; -EPROTO if it is no registry of ours; -ENOMEM. */
int tend__snapshot_read(const struct tend__header *h, size_t bytes, uint64_t now,
                        tend_snapshot **out);

/* Finds the scope and depth of each row, and their order; `slots` bounds what
 * a parent may be. 0; -ENOMEM; -EAGAIN if a row has no scope, and nothing is done:
 * with `last` it hangs from the root instead, and is shown as torn. */
int tend__snapshot_order(tend_snapshot *s, uint32_t slots, bool last);

/* Puts a row into the public words; `out` is zeroed. */
void tend__snapshot_fill(const tend_snapshot *s, uint32_t row, struct tend_info *out);

static inline uint32_t tend__row_kind(const struct tend__row *r) { return r->site_kind & 0xff; }
static inline const char *tend__row_name(const tend_snapshot *s, uint32_t row)
{
	return (const char *)(s->names + s->places[row].name);
}

#endif
