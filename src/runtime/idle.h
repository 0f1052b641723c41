/* runtime/idle.h - a worker that has nothing to run. */
#ifndef TEND_RUNTIME_IDLE_H
#define TEND_RUNTIME_IDLE_H

#include "runtime/runtime.h"

/* Looks for the work of other workers, watches their rings, spins, and in the end
 * sleeps: until the deadline, a timer, or a wake-up. */
void tend__idle(struct tend__worker *w, uint64_t deadline);
/* With work of its own it cannot watch: somebody else shall, if there is anything. */
void tend__watches_no_more(struct tend__worker *w);
void tend__fall_asleep(struct tend__worker *w);
void tend__awake(struct tend__worker *w);

#endif
