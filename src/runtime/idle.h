/* runtime/idle.h - a worker without tasks to run. */
#ifndef TEND_RUNTIME_IDLE_H
#define TEND_RUNTIME_IDLE_H

#include "runtime/runtime.h"

/* Looks for the work of other workers, watches their rings, spins, and in the end
 * sleeps: until the deadline, a timer, or a wake-up. */
void tend__idle(struct tend__worker *w, uint64_t deadline);
/* Ends the watch of a worker that has tasks to run, and calls a sleeper to watch instead
 * if there is a ring to watch. */
void tend__watches_no_more(struct tend__worker *w);
/* From the first to the second call other threads see the worker asleep. */
void tend__fall_asleep(struct tend__worker *w);
void tend__awake(struct tend__worker *w);

#endif
