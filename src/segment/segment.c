/* segment/segment.c - the memory of a registry, from its open to its close. */
#include "segment/segment.h"

#include "platform/platform.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The parent ---- */

/* Takes a number and the ':' behind. */
static bool take_number(const char **text, uint64_t *out)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*out = strtoull(*text, &end, 10);
	if (errno || *end != ':')
		return false;
	*text = end + 1;
	return true;
}

/* Reads which task this process is an attempt of. The processes that this process starts by
 * other means than libtend inherit the variable, so several registries may have the same parent.
 * A program that runs with more rights than its caller does not trust the variable. */
static void find_parent(struct tend__header *h)
{
	TEND__KEEPS_ERRNO;
	const char *text = secure_getenv(TEND__PARENT);
	uint64_t format, opened, task, attempt;

	h->parent_pid = (uint32_t)getppid();
	if (!text || !take_number(&text, &format) || format != 1 || !take_number(&text, &opened) ||
	    !take_number(&text, &task) || !take_number(&text, &attempt) || attempt > UINT32_MAX)
		return;
	h->parent_opened = opened;
	h->parent_task = task;
	h->parent_attempt = (uint32_t)attempt;
}

/* ---- Open and close ---- */

/* Fills in the constant part. */
static void describe(struct tend__header *h, const struct tend__segment_opts *o)
{
	*h = (struct tend__header){.magic = TEND__MAGIC,
	                           .abi = TEND__ABI,
	                           .header_bytes = sizeof(*h),
	                           .opened = tend__clock(),
	                           .opened_utc = tend__clock_utc(),
	                           .pid = (uint32_t)getpid(),
	                           .runtime = o->runtime,
	                           .workers = o->workers,
	                           .records_max = tend__slots_for(o->tasks_max, o->workers),
	                           .ring_slots = o->ring_slots,
	                           .version = TEND_VERSION,
	                           .tasks_address = (uintptr_t)o->tasks,
	                           .task_bytes = o->task_bytes,
	                           .task_stack_at = o->task_stack_at,
	                           .stack_sp_at = o->stack_sp_at,
	                           .stack_low_at = o->stack_low_at,
	                           .arch = o->arch,
	                           .swap_frame = o->swap_frame};
	memcpy(h->name, o->name, strnlen(o->name, sizeof(h->name) - 1));
	tend__boot_id(h->boot);
	find_parent(h);
	tend__areas_lay_out(h);
	tend__assert(o->workers > 0 && o->workers < TEND__RINGS_MAX);
	tend__assert(h->records_max <= TEND__SLOT_MAX);
	tend__assert(o->ring_slots > 0 && (o->ring_slots & (o->ring_slots - 1)) == 0);
}

static void write_words(struct tend__header *h)
{
	static const struct tend__wait_word words[] = {
#define X(name, text, object) {text, object},
		TEND__WAITS(X)
#undef X
	};

	_Static_assert((int)TEND__WAIT_KINDS <= (int)TEND__WORDS_MAX, "a word for each kind");
	memcpy(tend__own_area(h, TEND__AREA_WORDS), words, sizeof(words));
}

/* Writes the header and the site "?" into new memory. Returns 0 or a negative errno value. */
static int begin(struct tend__segment *s, const struct tend__header *h)
{
	struct tend__header *to = s->header;
	int error = tend__segment_use(to, 0, sizeof(*to), s->fd, s->path);

	if (error)
		return error;
	memcpy((char *)to + sizeof(h->magic), (const char *)h + sizeof(h->magic),
	       sizeof(*h) - sizeof(h->magic));
	to->abi = 0;
	/* The events are written when somebody subscribes. A page of records is enough to open the
	 * root, so that a full disk is told here. */
	error = tend__area_use(s, TEND__AREA_SITES, 0, TEND__SITES_MAX);
	if (!error)
		error = tend__area_use(s, TEND__AREA_RINGS, 0, h->workers + 1);
	if (!error)
		error = tend__area_use(s, TEND__AREA_MODULES, 0, TEND__MODULES_MAX);
	if (!error)
		error = tend__area_use(s, TEND__AREA_WORDS, 0, TEND__WORDS_MAX);
	if (!error)
		error = tend__area_use(s, TEND__AREA_HISTORY, 0, TEND__HISTORY_MAX);
	uint32_t slots = (uint32_t)(tend__page_bytes() / sizeof(struct tend__record));
	if (slots > h->records_max)
		slots = h->records_max;
	if (!error)
		error = tend__area_use(s, TEND__AREA_NOTE_OF, 0, slots);
	if (!error)
		error = tend__area_use(s, TEND__AREA_RECORDS, 0, slots);
	if (error)
		return error;
	write_words(to);
	tend__lock(&s->lock);
	s->usable = slots;
	tend__unlock(&s->lock);
	tend__modules_find(s);
	memcpy(tend__site_at(to, 0), "?", 2);
	/* Relaxed: no other thread has the segment yet. */
	tend__store_relaxed(&to->sites_used, 1);
	tend__store_relaxed(&to->records_used, 1);
	memcpy(to->magic, h->magic, sizeof(h->magic));
	/* The version last: a reader that finds the version finds the rest. */
	__atomic_store_n(&to->abi, h->abi, __ATOMIC_RELEASE);
	return 0;
}

int tend__segment_open(struct tend__segment *s, const struct tend__segment_opts *opts)
{
	const char *path = opts->path;
	struct tend__header h;

	describe(&h, opts);
	*s = (struct tend__segment){.fd = -1,
	                            .first_generation = opts->first_generation,
	                            .tasks = opts->tasks,
	                            .task_bytes = opts->task_bytes};
	if (s->tasks)
		tend__dump(s->tasks, (size_t)h.records_max * s->task_bytes, false);
	s->sites = tend__alloc(TEND__SITE_KEYS * sizeof(*s->sites));
	s->path = path ? tend__alloc(strlen(path) + 1) : NULL;
	if (path && s->path)
		memcpy(s->path, path, strlen(path) + 1);
	void *p = NULL;
	bool all = tend__slots_open(s, opts->tasks_max, opts->workers) &&
	           tend__notes_open(s, h.records_max) && s->sites && (!path || s->path);
	int error = all ? tend__segment_map(path, TEND__MEMFD_NAME, h.magic, h.bytes, &p, &s->fd)
	                : -ENOMEM;
	if (!error) {
		tend__assert(p);
		s->header = p;
		error = begin(s, &h);
		if (!error)
			return 0;
		tend__segment_unmap(p, h.bytes, s->fd, path);
	}
	tend__slots_close(s, h.records_max);
	tend__notes_close(s, h.records_max);
	tend__free(s->sites);
	tend__free(s->path);
	*s = (struct tend__segment){.fd = -1};
	return error;
}

void tend__segment_close(struct tend__segment *s)
{
	uint32_t records_max = s->header->records_max;

	tend__assert(!tend__load_relaxed(&s->header->closed)); /* relaxed: ours to write */
	/* Release: a reader in another process that sees `closed` sees all writes before. */
	tend__store_release(&s->header->closed, 1);
	tend__segment_unmap(s->header, s->header->bytes, s->fd, s->path);
	tend__slots_close(s, records_max);
	tend__notes_close(s, records_max);
	tend__free(s->sites);
	tend__free(s->path);
}

void tend__segment_forked(struct tend__segment *s)
{
	if (s->header)
		tend__segment_forget(s->fd);
}

bool tend__name_take(uint64_t words[6], const char *name)
{
	size_t n = strnlen(name, TEND_NAME_MAX + 1);

	if (!tend__name_valid(name, n))
		return false;
	tend__name_pack(words, name, n);
	return true;
}
