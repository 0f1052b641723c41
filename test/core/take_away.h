/* As on an old kernel, or in a container that does not allow it. */
#ifndef TEND_TEST_CORE_TAKE_AWAY_H
#define TEND_TEST_CORE_TAKE_AWAY_H

/* From here on the system call is not there, for this thread and those it starts. 0, or
 * a negative errno value. */
int take_away(unsigned number);

/* From here on the system call kills the process, by whatever thread it is made. 0, or a
 * negative errno value. */
int forbid(unsigned number);

#endif
