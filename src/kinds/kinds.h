/* kinds/kinds.h - what can be a task. A kind is how it is woken, how it leaves,
 * and what follows its end; admission and the registry are the same for all.
 *
 * Files, each uses only those above it:
 *   self.c      what the running task asks and says of itself
 *   birth.c     how a task of any kind begins
 *   fiber.c     fibers
 *   thread.c    threads
 *   external.c  work that runs elsewhere
 * The folder process/ stands above them all. */
#ifndef TEND_KINDS_KINDS_H
#define TEND_KINDS_KINDS_H

#include "scope/scope.h"

struct tend__birth {
	const char *site;
	const struct tend_task_opts *opts; /* checked */
	const struct tend__kind *ops;
	uint32_t kind;    /* TEND_KIND_... */
	uint32_t attempt; /* 0: 1 */
	bool held;        /* its outcome is kept */
	bool starting;    /* it says itself when it runs */
};

/* Takes a slot, fills the record and wins the admission, so that what remains
 * cannot fail: set the rest of *out, and tend__born(). Or refuses, and counts
 * the refusal. */
int tend__conceive(tend_scope scope, const struct tend__birth *birth, struct tend__task **out);
/* Publishes it: from here on it may be canceled, and end. */
void tend__born(struct tend__task *t, const struct tend__birth *birth, uint32_t state);
/* Gives it the scope it is to hold: the last step that can fail. */
int tend__give(struct tend__task *t, const struct tend__birth *birth);
/* Takes back what tend__conceive() did. */
void tend__stillborn(struct tend__task *t);

/* Checks the options that all kinds share. Those of a program that was built with
 * another size of them, or none, are copied to `room` and *opts is that. */
int tend__task_opts(struct tend_task_opts *room, const struct tend_task_opts **opts);

void tend__threads_reap(tend_runtime *rt, bool all);
/* Ends the guard, while the workers can still be told; and frees what they may
 * have looked at, when they have stopped. */
void tend__children_close(tend_runtime *rt);
void tend__children_free(tend_runtime *rt);

#endif
