/* supervise/order.h - the members of a scope, and their needs.
 *
 * A member is a restartable task of a scope with a strategy, or of a set. A task spawned by itself
 * stands in the chain, and needs the task before. A member of a set has edges, made with the set.
 * No step of a round allocates.
 *
 * An edge may lead to a member of another scope, a foreign edge. No thread holds the locks of two
 * scopes. The needed side, under the lock of its scope, writes whether the need holds or is broken
 * into the edge and the dependent, in atomic steps, and notifies the dependent by id; the turn of
 * the dependent looks under its own lock. In a shutdown
 * the needed member waits until the dependent, which has ended, takes the edge back. Rounds follow
 * no foreign edge. */
#ifndef TEND_SUPERVISE_ORDER_H
#define TEND_SUPERVISE_ORDER_H

#include "supervise/supervise.h"

/* A need. In the memory of the set of the dependent.
 * (c) constant once the set is published  (d) the lock of the dependent's scope, to write
 * (n) the lock of the scope of the needed member, to write */
struct tend__edge {
	struct tend__member *by, *of; /* (c) the dependent, and the needed member */
	struct tend__link in_needed;  /* (n) in of->needed */
	uint32_t until;               /* (c) TEND_NEED_... */
	bool foreign;                 /* (c) the two are of different scopes */
	_Atomic bool holds;           /* (n) */
	_Atomic bool awaits;          /* (d) in a shutdown, the need ends after the dependent */
};

enum tend__place {
	TEND__OUT,    /* the round does not cover the member */
	TEND__UP,     /* its attempt is to end */
	TEND__DOWN,   /* an attempt is to begin */
	TEND__BEGUN,  /* an attempt has begun in this round, and is not ready yet */
	TEND__PASSES, /* nothing is to end or to begin, but the member stands between two */
};

/* Under the lock of the scope, but for what is (c) constant or (x) written in atomic steps by any
 * thread. */
struct tend__member {
	struct tend__task *task;  /* NULL once ended */
	uint64_t id;              /* (c) the task's */
	struct tend__set *set;    /* (c) */
	struct tend__edge *needs; /* (c) */
	struct tend__link needed; /* the edges of the dependents */
	uint32_t needs_count;     /* (c) */

	/* Before the first attempt. */
	_Atomic uint32_t missing; /* (x) how many needs do not hold; 0: the gate is open for good */
	_Atomic uint32_t shown;   /* index of the need shown to readers */
	_Atomic(struct tend__member *) broke; /* (x) a need that can hold no more, or NULL */
	bool begun;                           /* an attempt has begun */

	/* After the end, constant. */
	uint8_t outcome; /* 0: the task lives */
	int32_t result, error;
	uint64_t name[6];

	/* In a round. */
	uint8_t place;    /* enum tend__place */
	bool ends;        /* for good, by a shutdown or with the set */
	bool rests;       /* after a failure, and the round waits for the end of the rest */
	bool settled;     /* the member and all its dependents are down */
	bool held;        /* its dependents of this scope are down, but not those of others */
	uint8_t level;    /* 1: an attempt has begun; 2: is ready, or nothing is to come */
	uint32_t pending; /* how many neighbors are to take a step first */
	uint32_t seen;    /* number of the last walk through here */
	struct tend__member *next; /* in the queue; after the end, see over.c */
};

/* The children of a call that are of the same scope; or a task in the chain. Under the lock of the
 * scope. */
struct tend__set {
	struct tend__link link;    /* in round.sets or round.chain; in none once the scope ended */
	struct tend__scope *scope; /* (c) its memory stays, whatever ends */
	uint32_t count;            /* (c) members */
	uint32_t kept;             /* members that live, or that another member needs */
	bool chained;              /* (c) in the chain */
	bool together, stops;      /* TEND_TOGETHER; the set is to end */
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
/* Returns the member after m in the chain, or NULL. */
struct tend__member *tend__chain_after(struct tend__round *r, const struct tend__member *m);

/* A walk over the neighbors of a member in the round: its needs, or its dependents. */
struct tend__walk {
	const struct tend__member *m;
	bool dependents, chain;
	uint32_t at;
	const struct tend__link *link;
	uint32_t until; /* when the need holds by which the two are neighbors */
};
static inline struct tend__walk tend__needs_of(const struct tend__member *m)
{
	return (struct tend__walk){.m = m, .chain = m->set->chained};
}
static inline struct tend__walk tend__dependents_of(const struct tend__member *m)
{
	return (struct tend__walk){
		.m = m, .dependents = true, .chain = m->set->chained, .link = &m->needed};
}
/* Returns the next neighbor, or NULL. Members out of the round are passed over. */
struct tend__member *tend__neighbor(struct tend__round *r, struct tend__walk *w);

/* Takes a member that is down, or has no step to take, out of the round. */
void tend__member_out(struct tend__round *r, struct tend__member *m);

/* Returns whether the needs of the member hold, or have held, all at once. */
static inline bool tend__member_is_open(const struct tend__member *m)
{
	/* Acquire: pairs with the exchanges of gate.c. */
	return !tend__load_acquire(&m->missing);
}

/* gate.c */

/* Returns whether a need of this member holds. */
bool tend__gate_meets(const struct tend__member *m, uint32_t until);

/* round.c; all under the lock of the scope */

/* Takes the steps that are due. */
void tend__round_run(struct tend__round *r);
/* The same, of a member that may have been held by members of other scopes, too. */
void tend__round_look_at(struct tend__round *r, struct tend__member *m);
/* The member has nothing to end or to begin any more. */
void tend__round_leave(struct tend__round *r, struct tend__member *m);
/* Has all members end for good, or all of the set. */
void tend__round_end_members(struct tend__round *r, const struct tend__set *set);

/* over.c */

/* Takes an edge of a set back that was never published. */
void tend__edge_cut(struct tend__edge *e);

#endif
