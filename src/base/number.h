/* base/number.h - the numbers of objects that tasks wait for. */
#ifndef TEND_BASE_NUMBER_H
#define TEND_BASE_NUMBER_H

#include <stdint.h>

/* Returns the next number of the process, from 1. Events and channels never share a number. */
uint64_t tend__number(void);

#endif
