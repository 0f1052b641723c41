/* open/deadlock.h - the report of a deadlock of a simulation. */
#ifndef TEND_OPEN_DEADLOCK_H
#define TEND_OPEN_DEADLOCK_H

#ifdef TEND_SIM
void tend__deadlock_watch(void);
#else
static inline void tend__deadlock_watch(void) {}
#endif

#endif
