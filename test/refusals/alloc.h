#ifndef TEND_TEST_REFUSALS_ALLOC_H
#define TEND_TEST_REFUSALS_ALLOC_H

#include <stdint.h>

/* From the allocation `at` on, counted from 1, all fail; 0 takes it back. */
void alloc_fail(uint64_t at);

/* How many allocations are not freed. */
uint64_t alloc_held(void);

#endif
