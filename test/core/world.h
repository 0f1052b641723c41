/* A runtime called "t", for the tests of this folder. */
#ifndef TEND_TEST_CORE_WORLD_H
#define TEND_TEST_CORE_WORLD_H

#include "tend/runtime.h"

tend_runtime *open_runtime(uint32_t workers, uint32_t flags);
void close_runtime(tend_runtime *rt);

#endif
