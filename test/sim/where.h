/* test/sim/where.h - which run of many a test was in when it failed. Check ends
 * a failed test's process at once, so its parent tells. */
#ifndef TEND_TEST_WHERE_H
#define TEND_TEST_WHERE_H

/* Says what runs now, and how to run it again. */
__attribute__((format(printf, 1, 2))) void where(const char *fmt, ...);

/* The last of them passed. */
void where_done(void);

#endif
