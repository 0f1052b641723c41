/* segment/layout.h - the registry as it lies in memory.
 *
 * One mapped, sealed segment: a header, and areas of equal elements. A record is 128
 * bytes: a line that changes and a line that is written once. Other processes map the
 * segment and know this file alone, and may be older or newer than the writer.
 *
 * Therefore a reader finds each area by its kind in the directory of the header, goes from
 * element to element by the stride of the directory, passes over kinds, bits and fields
 * that it does not know, and does without areas that are missing. A change that keeps to
 * this leaves TEND__ABI as it is: a new kind of area, a new field behind the last field of
 * an element or of the header, a bit or a number that no writer has used. TEND__ABI changes
 * when an older reader would misread the segment.
 *
 * A record is read without a lock, while a writer may change the record:
 *
 *   writer  seq := odd (relaxed); fields (release); seq := even (release)
 *   reader  seq, even (acquire); fields (acquire); seq again, the same (relaxed)
 *
 * A reader that sees a new field also sees the odd seq that the writer stored before the
 * field. Therefore the fields are release and acquire, and no fence is needed. `word` is
 * not covered by seq: the word is a single atomic and the truth about the state, and its
 * generation tells the reader whether the slot still holds the same task or scope.
 *
 * Writers: the fields of a record are written by the thread that owns the slot (the
 * spawning thread until the word is published, then the worker or thread of the task);
 * the word by the transitions of task/state.c and scope/; a ring by its worker; the
 * counters of the header by all. */
#ifndef TEND_SEGMENT_LAYOUT_H
#define TEND_SEGMENT_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEND__MAGIC      "TENDREG"       /* 8 bytes with its NUL */
#define TEND__MEMFD_NAME "tend-registry" /* in /proc/PID/fd: /memfd:tend-registry (deleted) */

/* The variable that names the task which a process is an attempt of. Its value has five parts:
 *
 *   1:OPENED:TASKID:ATTEMPT:SOCKET
 *
 * the format; `opened` of the registry that has the task; the id of the task; the number of the
 * attempt; and the path of the parent's control socket, or nothing. */
#define TEND__PARENT "TEND_PARENT"

enum {
	TEND__ABI = 3,
	TEND__SLOT_MAX = 1 << 24, /* slot 0 is never used, slot 1 is the root */
	TEND__SITES_MAX = 4096,   /* site 0 is "?" */
	TEND__SITE_BYTES = 96,
	TEND__RINGS_MAX = 65, /* one a worker, the last for threads that are none */
	TEND__MODULES_MAX = 512,
	TEND__WORDS_MAX = 64,
	TEND__HISTORY_MAX = 256,
};

/* An id: runtime 8 | generation 32 | slot 24, so that small numbers are common. A slot
 * is retired before its generation wraps. */
static inline uint64_t tend__id(uint32_t runtime, uint32_t generation, uint32_t slot)
{
	return (uint64_t)runtime << 56 | (uint64_t)generation << 24 | slot;
}
static inline uint32_t tend__id_slot(uint64_t id) { return (uint32_t)(id & 0xffffff); }
static inline uint32_t tend__id_generation(uint64_t id) { return (uint32_t)(id >> 24); }
static inline uint32_t tend__id_runtime(uint64_t id) { return (uint32_t)(id >> 56); }

/* The word of a record. Generation 32 in the high half; the low half is
 *
 *   task   state 4 | flags 4 | wait 8 | outcome 4 | more flags 12; bits 28 to 31 are free
 *   scope  flags 8 | count 24: live tasks in the scope, and scopes in the scope that
 *          are not empty, so that 0 is exact for the whole subtree */
enum {
	TEND__FREE = 0,
	TEND__READY = 3, /* as TEND_STATE_... of tend/registry.h; also of a running fiber,
	                    which readers find in the `current` of its worker */
	TEND__RUNNING = 4,
	TEND__PARKED = 5,
	TEND__ENDED = 9,
	TEND__STATE = 0xf,
	TEND__NOTIFIED = 1 << 4,  /* a wake-up that no park has consumed yet */
	TEND__CANCELED = 1 << 5,  /* by a cancel of the task, not of its scope */
	TEND__ABANDONED = 1 << 6, /* a shutdown gave up on the task */
	TEND__ABORTED = 1 << 7,   /* tend_abort() was called */
	TEND__WAIT_SHIFT = 8,
	TEND__WAIT = 0xff << TEND__WAIT_SHIFT,
	TEND__OUTCOME_SHIFT = 16,
	TEND__OUTCOME = 0xf << TEND__OUTCOME_SHIFT,
	TEND__UNREADY = 1 << 20,  /* the attempt is to say that it is ready, and has not yet */
	TEND__STARTING = 1 << 21, /* a thread or process being made */
	TEND__TOUCHED = 1 << 22,  /* a thread used the handle, under the stripe of the task */
	TEND__KEPT = 1 << 23,     /* spawned with a handle: the outcome is kept */
	TEND__STOP = 1 << 24,     /* the attempt is asked to stop, not the task */
	TEND__TIMED = 1 << 25,    /* the wait has a deadline, so it ends by itself */
	TEND__MANY = 1 << 26,     /* a wait for one of several; `object` is of the first */
	TEND__NOTED = 1 << 27,    /* the task has notes */
};
enum {
	TEND__SCOPE_LIVE = 1 << 0,     /* the slot holds a scope */
	TEND__SCOPE_SEALED = 1 << 1,   /* may be unsealed */
	TEND__SCOPE_CLOSED = 1 << 2,   /* for good, by a close or a shutdown */
	TEND__SCOPE_CANCELED = 1 << 3, /* for good */
	TEND__SCOPE_STOPPING = 1 << 4, /* for good, by a shutdown: nothing begins any more */
	TEND__SCOPE_NOTED = 1 << 5,    /* the scope has notes */
	TEND__SCOPE_COUNT_SHIFT = 8,
	TEND__SCOPE_ONE = 1 << TEND__SCOPE_COUNT_SHIFT,
};
static inline uint32_t tend__word_generation(uint64_t word) { return (uint32_t)(word >> 32); }
static inline uint32_t tend__scope_count(uint64_t word)
{
	return (uint32_t)word >> TEND__SCOPE_COUNT_SHIFT;
}

/* The reasons for which a task is parked, each with its sentence and the meaning of
 * `object`: n a number after '#', d a descriptor, t an instant, i the id of a scope or
 * task. */
#define TEND__WAITS(X) \
	X(NONE, "", '-') \
	X(EVENT, "event", 'n') \
	X(SEND, "send channel", 'n') \
	X(RECV, "recv channel", 'n') \
	X(SLEEP, "sleep", 't') \
	X(READ, "read fd", 'd') \
	X(WRITE, "write fd", 'd') \
	X(POLL, "poll fd", 'd') \
	X(JOIN, "join", 'i') \
	X(CLOSE, "close", 'i') \
	X(EMPTY, "wait_empty", 'i') \
	X(SHUTDOWN, "shutdown", 'i') \
	X(EXIT, "exit of pid", 'd') \
	X(GUARD, "tend-guard", '-') \
	X(PATH, "wait_empty by path", '-') \
	X(LOCK, "lock", 'n') \
	X(BACKOFF, "backoff", 't') \
	X(STOPPED, "stopped", '-') \
	X(STEP, "attempt", 'i') \
	X(ROUND, "round after", 'i') \
	X(NEEDS_STARTED, "needs started", 'i') \
	X(NEEDS_READY, "needs ready", 'i') \
	X(NEEDS_COMPLETED, "needs completed", 'i')
enum tend__wait_kind {
#define X(name, text, object) TEND__WAIT_##name,
	TEND__WAITS(X)
#undef X
		TEND__WAIT_KINDS
};

/* A name as six words, so that a reader can copy the name while a writer changes it. */
static inline void tend__name_store(_Atomic uint64_t to[6], const uint64_t words[6])
{
	for (int i = 0; i < 6; i++)
		atomic_store_explicit(&to[i], words[i], memory_order_release);
}
static inline void tend__name_load(const _Atomic uint64_t from[6], uint64_t words[6])
{
	for (int i = 0; i < 6; i++)
		words[i] = atomic_load_explicit(&from[i], memory_order_acquire);
}
static inline void tend__name_pack(uint64_t words[6], const char *name, size_t n)
{
	for (int i = 0; i < 6; i++)
		words[i] = 0;
	memcpy(words, name, n);
	((char *)words)[47] = (char)n;
}
/* Writes the name as a string, at most 47 bytes for any words. Returns the length. */
static inline size_t tend__name_unpack(const uint64_t words[6], char out[48])
{
	const char *bytes = (const char *)words;
	size_t n = (unsigned char)bytes[47];

	if (n > 47)
		n = 47;
	for (size_t i = 0; i < n; i++)
		out[i] = bytes[i];
	out[n] = 0;
	return n;
}

/* The same for a text of n words, cut so that it ends with a NUL. */
static inline void tend__text_store(_Atomic uint64_t *to, size_t n, const char *text)
{
	uint64_t words[8] = {0};
	size_t length = text ? strnlen(text, n * sizeof(*words) - 1) : 0;

	if (length)
		memcpy(words, text, length);
	for (size_t i = 0; i < n; i++)
		atomic_store_explicit(&to[i], words[i], memory_order_release);
}
static inline void tend__text_load(const _Atomic uint64_t *from, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t word = atomic_load_explicit(&from[i], memory_order_acquire);

		memcpy(out + i * sizeof(word), &word, sizeof(word));
	}
	out[n * sizeof(uint64_t) - 1] = 0;
}

struct tend__record {
	/* The line that changes. */
	_Atomic uint64_t word;
	_Atomic uint32_t seq;
	_Atomic uint32_t attempt;     /* from 1; 0 of a scope */
	_Atomic uint64_t since;       /* instant of the last change of state, by the clock of the
	                                 worker, which is read once a round */
	_Atomic uint64_t object;      /* object of the wait */
	_Atomic uint64_t where;       /* return address of the last checkpoint or park */
	_Atomic uint32_t checkpoints; /* number of checkpoints since the cancel */
	_Atomic int32_t pid;          /* id of a process or thread */
	_Atomic uint64_t event;       /* number of the last event */
	_Atomic int32_t result;
	_Atomic uint32_t worker; /* the last that ran the fiber; UINT32_MAX: it has not run */
	/* The line that is written once, inside an odd seq, before the word says
	 * that the slot is used. */
	_Atomic uint64_t spawned;
	_Atomic uint32_t parent;    /* slot of the scope, which outlives this record */
	_Atomic uint32_t site_kind; /* site 24 | kind 8, TEND_KIND_... */
	_Atomic uint64_t name[6];   /* 1 to 47 bytes, the count in the last byte */
};
_Static_assert(sizeof(struct tend__record) == 128, "two cache lines");

/* One event. `number` is 0 while the slot is written, and stored last (release). */
struct tend__event_slot {
	_Atomic uint64_t number;
	_Atomic uint64_t at;
	_Atomic uint64_t id;
	_Atomic uint64_t parent;
	_Atomic uint32_t bits; /* type 8 | kind 8 | outcome 8 */
	_Atomic int32_t result;
	_Atomic uint64_t name[6];
	_Atomic uint32_t attempt; /* from 1; 0 without attempts, as a scope */
	_Atomic int32_t error;    /* why a task has ended: negative errno value; or 0 */
	_Atomic uint64_t delay;   /* ns until the next attempt; 0: none follows */
};
_Static_assert(sizeof(struct tend__event_slot) == 104, "no padding");

/* The facts of one worker; the last ring belongs to all threads that are no workers. */
struct tend__ring {
	_Atomic uint64_t current;  /* id of the fiber that the worker runs, or 0 */
	_Atomic uint64_t head;     /* events ever written */
	_Atomic uint64_t round;    /* rounds begun: a worker whose round lasts is kept by a task */
	_Atomic uint64_t round_at; /* instant of the last round; the latest of all rings is the
	                              last sign of life of a process that has died */
	_Atomic uint32_t tid;      /* the worker's thread, in the PID namespace of the process */
	uint32_t reserved[7];
};
_Static_assert(sizeof(struct tend__ring) == 64, "one cache line");

/* ---- Facts of few ---- */

enum tend__note_kind {
	/* The object of waits; not in use yet. a: the holder or the last sender; b: the
	 * last receiver; number: the object's; site: the place of its opening; text: its name.
	 * The note is in the list of no record: `object` of a waiting record is the number of the
	 * object, in every version, and a reader looks for the note of that number among all notes,
	 * so that a reader which knows no such notes prints the number. */
	TEND__NOTE_OBJECT = 1,
	/* The reason of a cancel, at the canceled scope alone and not at the scopes below. a: the
	 * canceling task; at; code; text. */
	TEND__NOTE_REASON,
	/* The life of a task with attempts, where the record does not say all: without this note
	 * each attempt has failed, for the reason that its result says. n: restarts; code: the
	 * last error; code2: the last outcome; text: the last message. */
	TEND__NOTE_LIFE,
	/* The limits and queues of a scope; not in use yet. */
	TEND__NOTE_LIMIT,
	/* The restarts of a scope that gives up at one too many. a: the period; b: so many are
	 * allowed in a period; n: so many were in the period until `at`, the last. */
	TEND__NOTE_RESTARTS,
};
/* The notes of a record are a list: TEND__AREA_NOTE_OF has the first note by the slot of the
 * record, and the bit NOTED is set. A note is written by the sequence of a record, by one thread
 * at a time: the lock that guards the fact guards the note. The number is the id of the record,
 * so that a reader can tell when the note has gone to a different record. */
struct tend__note {
	_Atomic uint64_t word; /* generation 32 | kind 8; kind 0: free */
	_Atomic uint32_t seq;
	_Atomic uint32_t next; /* the next note of the record, 0: none */
	_Atomic uint64_t a, b, at;
	_Atomic int32_t code, code2;
	_Atomic uint32_t site, n;
	_Atomic uint64_t number;
	_Atomic uint64_t text[8]; /* ends with a NUL */
};
_Static_assert(sizeof(struct tend__note) == 128, "two cache lines");

/* A loaded file. An address minus `bias` is the address in the file. */
struct tend__module {
	uint64_t base, end, bias;
	uint8_t id_bytes; /* length of the build-id; 0: none */
	uint8_t id[23];
	char path[80]; /* the end of a longer path */
};
_Static_assert(sizeof(struct tend__module) == 128, "no padding");

/* The sentence of a kind of wait, for a reader that does not know the kind. */
struct tend__wait_word {
	char text[23];
	char object; /* as in TEND__WAITS */
};

/* The end of a task that was not `completed`. `number` counts from 1, is TEND__PAST_WRITTEN
 * while the slot is written, and stored last (release). */
#define TEND__PAST_WRITTEN UINT64_MAX
struct tend__past {
	_Atomic uint64_t number;
	_Atomic uint64_t at;
	_Atomic uint64_t id;
	_Atomic uint64_t parent;
	_Atomic uint64_t spawned;
	_Atomic uint64_t where;
	_Atomic uint32_t bits; /* kind 8 | outcome 8 */
	_Atomic int32_t result;
	_Atomic uint32_t site;
	_Atomic uint32_t attempt;
	_Atomic uint64_t name[6];
	_Atomic uint64_t text[5]; /* the panic, failed start or cancel; ends with a NUL */
};
_Static_assert(sizeof(struct tend__past) == 152, "no padding");

/* ---- The whole ---- */

enum tend__area_kind {
	TEND__AREA_SITES = 1,  /* text: "file:line", by site */
	TEND__AREA_RINGS,      /* struct tend__ring, by worker */
	TEND__AREA_EVENTS,     /* struct tend__event_slot: `ring_slots` of the first ring, then of
	                         the next; an event is in slot n % ring_slots */
	TEND__AREA_MODULES,    /* struct tend__module */
	TEND__AREA_WORDS,      /* struct tend__wait_word, by kind of wait */
	TEND__AREA_HISTORY,    /* struct tend__past; end n is in slot n % count */
	TEND__AREA_HISTOGRAMS, /* no elements, until they are used */
	TEND__AREA_NOTES,      /* struct tend__note; note 0 is none */
	TEND__AREA_NOTE_OF,    /* uint32_t, by slot: the first note of the record, 0: none */
	TEND__AREA_RECORDS,    /* struct tend__record, by slot */
	TEND__AREA_KINDS
};

/* `at` is from the start of the segment; the stride is from one element to the next. */
struct tend__area {
	uint32_t kind, stride;
	uint64_t at, count;
};

enum { TEND__AREAS_MAX = 32 };

struct tend__header {
	char magic[8];
	uint32_t abi;
	uint32_t header_bytes;
	uint64_t bytes;      /* size of the segment */
	uint64_t opened;     /* instant */
	uint64_t opened_utc; /* the same in ns since 1970, so that a dead segment can be dated */
	uint8_t boot[16];    /* id of the boot whose clock the instants are of; 0: not known */
	uint32_t pid;
	uint32_t runtime; /* number of the runtime in all ids */
	uint32_t workers;
	uint32_t records_max;
	uint32_t ring_slots; /* a power of two */
	uint32_t areas;
	char name[48];
	char version[16]; /* version of the library */
	/* The task that this process is an attempt of, from TEND_PARENT in the environment: the
	 * instant at which the parent's registry was opened, and the id; 0: not known. */
	uint64_t parent_opened;
	uint64_t parent_task;
	uint32_t parent_pid; /* getppid() at the open; where to begin to look for the parent */
	uint32_t parent_attempt;
	/* For a reader of the memory of the process: an address there, and offsets. A task has
	 * the address of its stack; a stack has the stack pointer of what was switched from, and
	 * its own lowest address. */
	uint64_t tasks_address; /* address of the task in slot 0 */
	uint32_t task_bytes;
	uint32_t task_stack_at;
	uint32_t stack_sp_at;
	uint32_t stack_low_at;
	uint32_t arch;       /* as e_machine of ELF */
	uint32_t swap_frame; /* the form of what lies at the stack pointer: TEND__SWAP_FRAME */
	char control[108];   /* path of the control socket; empty: none */
	uint32_t reserved;
	struct tend__area area[TEND__AREAS_MAX];
	uint64_t room_for_a_line;
	/* The fields that change. The counters that each task moves have a cache line of their
	 * own: by room, because a reader's copy of the header lies at any address. */
	_Atomic uint32_t records_used; /* all slots below have been used */
	_Atomic uint32_t sites_used;
	_Atomic uint32_t notes_used;
	_Atomic uint32_t modules_used;
	_Atomic uint32_t subscribers;
	_Atomic uint32_t closed; /* the runtime is gone */
	uint64_t room_for_another[5];
	_Atomic uint64_t events;  /* numbers given out */
	_Atomic uint64_t history; /* ends written */
	uint64_t room[6];         /* for new fields */
};
_Static_assert(offsetof(struct tend__header, records_used) % 64 == 0 &&
                       offsetof(struct tend__header, events) % 64 == 0,
               "each begins a cache line");
/* The header of the first segment of this version. Never changes. */
enum { TEND__HEADER_BYTES = 1216 };
_Static_assert(sizeof(struct tend__header) >= TEND__HEADER_BYTES, "grows at the end only");
_Static_assert(sizeof(struct tend__header) <= 4096, "one page");

/* ---- The writer's own segment, in which area `kind` is the entry kind - 1 ---- */

enum {
	TEND__RING_STRIDE = 128, /* no two rings share a pair of cache lines */
};
static inline void *tend__own_area(struct tend__header *h, enum tend__area_kind kind)
{
	return (char *)h + h->area[kind - 1].at;
}
static inline struct tend__ring *tend__ring_at(struct tend__header *h, uint32_t i)
{
	char *rings = tend__own_area(h, TEND__AREA_RINGS);

	return (struct tend__ring *)(void *)(rings + (size_t)i * TEND__RING_STRIDE);
}
/* Returns the slot of event n of a ring. */
static inline struct tend__event_slot *tend__event_at(struct tend__header *h, uint32_t ring,
                                                      uint64_t n)
{
	struct tend__event_slot *slots = tend__own_area(h, TEND__AREA_EVENTS);

	return &slots[(uint64_t)ring * h->ring_slots + n % h->ring_slots];
}
static inline struct tend__record *tend__record_at(struct tend__header *h, uint32_t slot)
{
	return (struct tend__record *)tend__own_area(h, TEND__AREA_RECORDS) + slot;
}
static inline struct tend__note *tend__note_at(struct tend__header *h, uint32_t note)
{
	return (struct tend__note *)tend__own_area(h, TEND__AREA_NOTES) + note;
}
static inline _Atomic uint32_t *tend__note_of(struct tend__header *h, uint32_t slot)
{
	return (_Atomic uint32_t *)tend__own_area(h, TEND__AREA_NOTE_OF) + slot;
}
static inline char *tend__site_at(struct tend__header *h, uint32_t site)
{
	return (char *)tend__own_area(h, TEND__AREA_SITES) + (size_t)site * TEND__SITE_BYTES;
}

#endif
