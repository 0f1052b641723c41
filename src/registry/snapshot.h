/* registry/snapshot.h - a copy of a segment, in private memory.
 *
 * Files, each uses only those above it:
 *   view.c      where the areas of a segment are
 *   block.c     blocks of memory for copies, of which two are kept for the next copy
 *   order.c     the tree of the rows, and their order by path
 *   notes.c     what few rows have, and what a segment tells of its process
 *   snapshot.c  reading a segment
 *   attach.c    the segment behind a descriptor
 *   find.c      the segments of a process
 *   path.c      count, depth and path of a row
 *   info.c      a row in the public words
 *   life.c      what a row says of the attempts of its task
 *   facts.c     why a row was canceled, where it stands, and the ends before
 *   draw.c      the tree as text
 *   events.c    the rings of events */
#ifndef TEND_REGISTRY_SNAPSHOT_H
#define TEND_REGISTRY_SNAPSHOT_H

#include "tend/registry.h"

#include "segment/layout.h"

#include <stdbool.h>

/* More levels than a writer makes, so that only a broken tree is cut. */
enum {
	TEND__TREE_LEVELS = 256,
	TEND__ROW_DEPTH_MAX = TEND__TREE_LEVELS - 2,
	TEND__ROW_DEPTH_UNKNOWN,
};

enum {
	TEND__TORN = 1, /* the row changed too fast to be copied, or stands where it never was */
	TEND__LOST = 2, /* its scope is not there, nor is the scope of a row above */
};

/* In the word of a copied row of a task, where no record has a bit: the task has begun. */
#define TEND__ROW_BEGUN (UINT64_C(1) << 31)

/* A record as it was read: the fields that a caller asks of one row at a time. */
struct tend__row {
	uint64_t word, since, object, spawned, event;
	uint32_t slot, attempt, checkpoints, site_kind;
	int32_t pid, result;
};
_Static_assert(sizeof(struct tend__row) == 64, "one cache line");

/* The fields that are asked of all rows at once: the place and the name. */
struct tend__place {
	uint32_t above;      /* row of the scope, or its own index without a scope; while
	                        the rows are read, the slot of the scope */
	uint32_t generation; /* generation of the scope, while the rows are read */
	uint32_t name;       /* index in `names` */
	uint8_t length;      /* length of the name */
	uint8_t depth;
	uint8_t torn; /* TEND__TORN, TEND__LOST */
	bool scope;
};

/* A note of a row. */
struct tend__fact {
	uint32_t row, kind; /* TEND__NOTE_... */
	uint64_t a, b, at;
	int32_t code, code2;
	uint32_t n;
	char text[64];
};

/* A snapshot belongs to its caller, and no two threads may use one at a time: infos and
 * prefix are filled by functions that take a const snapshot. All other fields are
 * constant once tend__snapshot_read() has returned. */
struct tend_snapshot {
	struct tend_snapshot_info info;
	uint32_t runtime;
	size_t count;
	size_t bytes;               /* size of the block in which all this lies */
	struct tend__row *rows;     /* by slot, except for scopes that were found late */
	struct tend__place *places; /* as `rows` */
	uint32_t *row_of;           /* by slot, below `slots`: the row plus one; 0: none */
	uint32_t slots;
	uint32_t *order;         /* rows by path, then by id */
	uint64_t *wheres;        /* as `rows`: the return address of the last park */
	uint64_t *names;         /* in words, with zeros after the end of each name */
	struct tend_info *infos; /* as `order`; a row is filled at the first request */
	size_t infos_bytes;
	char *sites; /* a copy: sites_count times TEND__SITE_BYTES */
	uint32_t sites_count;
	struct tend__fact *facts; /* by row */
	uint32_t facts_count, facts_max;
	struct tend__module *modules; /* their paths have an end, and any bytes */
	uint32_t modules_count;
	struct tend__wait_word *words; /* by kind of wait, from TEND__WAIT_KINDS; with an end */
	uint32_t words_count;
	struct tend_end_info *ends; /* the newest last */
	uint32_t ends_count;
	/* The scope of the last path, because callers ask for all paths in order: the row of
	 * the scope plus one, the length of its path with a '/', and this path. */
	uint32_t prefix_of, prefix_length;
	uint64_t prefix[TEND_PATH_MAX / sizeof(uint64_t)];
};

/* Reserves zeroed address space, which costs memory where it is used. `*bytes` may grow.
 * Returns NULL if there is none. */
void *tend__snapshot_reserve(size_t *bytes);
/* As tend__snapshot_reserve(), for a block with any content, to be returned soon. */
void *tend__snapshot_borrow(size_t *bytes);
void tend__snapshot_return(void *p, size_t bytes);

enum { TEND__STRIDE_MAX = 4096 };
/* Elements that may be read, at least as long as what this reader needs of each. */
struct tend__span {
	uint64_t at, count; /* from the start of the segment; 0 elements: no such area */
	uint32_t stride;
};
/* The constant part of a header, and the areas that this reader knows, by kind. */
struct tend__view {
	struct tend__header h;
	struct tend__span area[TEND__AREA_KINDS];
	bool ended; /* no process writes the segment any more */
};
/* Copies the constant part of a header. Returns false if the header contradicts itself or
 * the size: then nothing of the copy may be used. */
bool tend__view_of(const struct tend__header *h, size_t bytes, struct tend__view *out);
static inline void *tend__element(struct tend__header *live, const struct tend__span *span,
                                  uint64_t i)
{
	return (char *)live + span->at + i * span->stride;
}

/* Copies the registry at h, of which `bytes` may be read and no value is trusted.
 * Returns 0; -EPROTO if the memory is no registry of this version; -ENOMEM. */
int tend__snapshot_read(const struct tend__header *h, size_t bytes, uint64_t now,
                        tend_snapshot **out);

/* The same of a segment whose areas are known. The caller has lowered their counts to what was
 * ever written, because memory that was never touched costs a page when it is read. */
int tend__snapshot_copy(struct tend__header *live, const struct tend__view *view, uint64_t now,
                        tend_snapshot **out);

/* Copies the registry behind a descriptor at the instant `now` of its writer's clock. */
int tend__snapshot_attach(int fd, uint64_t now, tend_snapshot **out);
/* Reads exactly so many bytes. Returns 0 or a negative errno value. */
int tend__read_at(int fd, char *to, size_t bytes, uint64_t at);

/* Fills in what few rows have, after the rows: notes, modules, words, ends. There is room. */
void tend__snapshot_notes(tend_snapshot *s, struct tend__header *live,
                          const struct tend__view *view);
/* Returns the note of a row, or NULL. */
const struct tend__fact *tend__snapshot_fact(const tend_snapshot *s, uint32_t row,
                                             enum tend__note_kind kind);
/* Makes a text with an end printable, in place. */
void tend__make_printable(char *text);

/* Finds the scope and the depth of each row, and the order of all rows; the slot of a
 * parent is below `slots`. Returns 0; -ENOMEM; -EAGAIN if the scope of a row is missing,
 * and nothing is done. With `last` such a row hangs from the root, and is shown as torn, and
 * so is every row below. */
int tend__snapshot_order(tend_snapshot *s, uint32_t slots, bool last);

/* Puts a row into the public words; `out` is zeroed. */
void tend__snapshot_fill(const tend_snapshot *s, uint32_t row, struct tend_info *out);

struct tend__text;
/* Appends what there is to say about the attempts of a task; `info` is the row's. */
void tend__snapshot_life(const tend_snapshot *s, uint32_t row, const struct tend_info *info,
                         struct tend__text *t);

/* An index that is too large is an error of the program, at the return address `from`. */
TEND_NORETURN void tend__snapshot_no_row(const tend_snapshot *s, const char *function, size_t index,
                                         const void *from);

static inline uint32_t tend__row_kind(const struct tend__row *r) { return r->site_kind & 0xff; }
static inline const char *tend__row_name(const tend_snapshot *s, uint32_t row)
{
	return (const char *)(s->names + s->places[row].name);
}

#endif
