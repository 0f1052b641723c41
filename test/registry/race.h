/* test/registry/race.h - a reader against a writer of the same records.
 *
 * The race ends after enough of everything has been seen, never after a time. The
 * writer therefore pauses now and then for two reads, at rest and in the middle of a
 * change: else it would depend on the machine how long it takes until the reader has
 * seen both. */
#ifndef TEND_TEST_REGISTRY_RACE_H
#define TEND_TEST_REGISTRY_RACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct race {
	/* Of the writer; the rest, of the reader, in another line of the cache. */
	atomic_uint round;
	char apart[64];
	atomic_uint reads;
	atomic_bool over;
	pthread_t writer;
	unsigned began;  /* `round` at the begin of the read */
	int whole, torn; /* reads that saw all, and others */
	int racing;      /* reads during which the writer went on to another round */
	int wanted;      /* of those, if the two run at once: else twice as many reads */
};

/* A read of memory is short and cheap, one of a file is neither. */
#define RACES_IN_MEMORY suite_count(2000, 10000, 100000)
#define RACES_IN_A_FILE suite_count(500, 2000, 20000)

/* The writer is a thread: write(arg) calls race_pause() in each of its rounds and
 * returns when the race is over. */
void race_begin(struct race *race, int wanted, void *(*write)(void *), void *arg);
enum pause { AT_REST, IN_THE_MIDDLE };
void race_pause(struct race *race, uint32_t round, enum pause where);

/* For the reader: a read begins, unless enough has been seen; and has ended. */
bool race_goes_on(struct race *race);
void race_read(struct race *race, bool whole);

/* Waits for the writer. */
void race_end(struct race *race);

#endif
