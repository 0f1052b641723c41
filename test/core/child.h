/* A program within a test. */
#ifndef TEND_TEST_CORE_CHILD_H
#define TEND_TEST_CORE_CHILD_H

#include <stddef.h>

/* Runs fn in a child with its standard error in `buf`. Returns the status of waitpid(). */
int in_child(int (*fn)(void), char *buf, size_t size);

#endif
