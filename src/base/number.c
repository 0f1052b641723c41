#include "base/number.h"

#include "base/atomic.h"

static _Atomic uint64_t numbers;

/* Relaxed: the numbers only have to differ. */
uint64_t tend__number(void) { return tend__add_relaxed(&numbers, 1) + 1; }
