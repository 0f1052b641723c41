/* sim/explore.h - exploration of races in the lives of tasks. */
#ifndef EXPLORE_H
#define EXPLORE_H

/* Here an assertion is an answer, so that the explorer knows the run. */
#define EXPECT(cond) \
	do { \
		if (!(cond)) \
			return __LINE__; \
	} while (0)

/* Runs the program under the first schedules with one preemption, and with two: it returns 0 in
 * each, and leaves no memory. Sanitizers, under which a run takes long, see fewer schedules. */
void explored_some(int (*program)(void *), void *arg);

#endif
