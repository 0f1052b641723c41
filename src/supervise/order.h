/* supervise/order.h - the members of a scope, and their needs.
 *
 * A member is a restartable task of a scope with a strategy, or of a set. A task spawned by itself
 * stands in the chain, and needs the task before. A member of a set has edges, made with the set.
 * All of this is data under the lock of the scope, and no step of a round allocates. */
#ifndef TEND_SUPERVISE_ORDER_H
#define TEND_SUPERVISE_ORDER_H

#include "supervise/supervise.h"

/* An end of a need: the member at the other end, and the state in which the need holds. */
struct tend__edge {
	struct tend__member *of;
	uint32_t until; /* TEND_NEED_... */
};

enum tend__place {
	TEND__OUT,    /* the round does not cover the member */
	TEND__UP,     /* its attempt is to end */
	TEND__DOWN,   /* an attempt is to begin */
	TEND__BEGUN,  /* an attempt has begun in this round, and is not ready yet */
	TEND__PASSES, /* nothing is to end or to begin, but the member stands between two */
};

/* All under the lock of the scope. */
struct tend__member {
	struct tend__task *task;           /* NULL once ended */
	struct tend__link in_chain;        /* if the task was spawned by itself */
	struct tend__set *set;             /* NULL: in the chain */
	struct tend__edge *needs, *needed; /* if in a set: its needs, and its dependents */
	uint32_t needs_count, needed_count;

	/* Before the first attempt. */
	bool open;                  /* the needs have held, all at once */
	bool begun;                 /* an attempt has begun */
	uint32_t missing;           /* how many needs do not hold */
	uint32_t shown;             /* index of the need shown to readers */
	struct tend__member *broke; /* a need can hold no more, or NULL */

	/* After the end. */
	uint8_t outcome; /* 0: the task lives */
	int32_t result, error;
	uint64_t name[6];

	/* In a round. */
	uint8_t place;    /* enum tend__place */
	bool ends;        /* for good, by a shutdown or with the set */
	bool rests;       /* after a failure, and the round waits for the end of the rest */
	bool settled;     /* the member and all its dependents are down */
	uint8_t level;    /* 1: an attempt has begun; 2: is ready, or nothing is to come */
	uint32_t pending; /* how many neighbors are to take a step first */
	uint32_t seen;    /* number of the last walk through here */
	struct tend__member *next; /* in the queue */
};

struct tend__set {
	struct tend__link link; /* in round.sets */
	uint32_t count, live;   /* members, and members not ended */
	bool together, stops;   /* TEND_TOGETHER; the set is to end */
	struct tend__member members[];
};

enum tend__round_phase {
	TEND__ROUND_NONE,
	TEND__ROUND_STOPS,  /* members end, each after its dependents */
	TEND__ROUND_STARTS, /* members begin, each after its needs */
};

/* Made with the first member of a scope, and freed with the scope. */
struct tend__round {
	struct tend__link chain, sets;
	uint32_t strategy;          /* TEND_ALONE, ... */
	uint8_t phase;              /* enum tend__round_phase */
	bool news;                  /* all members are down, for a shutdown that waits */
	uint32_t unsettled;         /* how many places are to be down */
	uint32_t left;              /* how many are to begin and be ready */
	uint32_t resting;           /* how many rest after a failure */
	uint32_t walk;              /* number of the last walk */
	uint64_t named;             /* id of the task shown to readers as the cause */
	struct tend__member *queue; /* members to take a step */
	struct tend_reason reason;  /* for the shutdown; code 0: no shutdown has come */
};

/* Returns the member after m, or with NULL the first, or NULL. */
struct tend__member *tend__member_after(struct tend__round *r, struct tend__member *m);
/* Returns the i-th of the needs of a member, or with `needed` of its dependents; or NULL. *until
 * says when this need holds. In the chain, members out of the round are passed over. */
struct tend__member *tend__neighbor(struct tend__round *r, struct tend__member *m, uint32_t i,
                                    bool needed, uint32_t *until);

#endif
