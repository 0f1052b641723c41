/* test/sim/model.h - a reader that applies events to the rows of a snapshot, and compares
 * the rows with each later snapshot. */
#ifndef TEND_TEST_MODEL_H
#define TEND_TEST_MODEL_H

#include "tend/registry.h"

/* Begins with a snapshot of now; and ends. */
void model_begin(tend_runtime *rt);
void model_end(void);

/* Applies the events there are, takes a snapshot, and compares. A difference must be
 * explained by an event that comes later. */
void model_look(void);

/* Once no task is left: every difference must have been explained. */
void model_settle(void);

#endif
