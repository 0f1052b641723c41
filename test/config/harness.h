/* test/config/harness.h - what the tests of tend.yaml share. */
#ifndef TEST_CONFIG_HARNESS_H
#define TEST_CONFIG_HARNESS_H

#include "suite.h"

#include "config/config.h"

#include <stddef.h>

/* A fresh directory named "shop", which is the working directory meanwhile. */
void enter_shop(void);
void leave_shop(void);

void write_file(const char *path, const char *bytes, size_t n);

/* Loads a text as tend.yaml; fails the test, showing the errors, unless it is
 * valid. Free it with config_free(). */
struct config *load(const char *text);

/* Loads bytes that must be refused, answers the errors as they are printed. */
const char *refusal(const char *bytes, size_t n);

/* What is written for these errors; valid until the next call. */
const char *printed(const struct config_errors *errors, const char *severity);

/* Blocks of memory that are allocated, if this build can count them; and makes
 * the allocation number `n` from now, from 1, fail, and all that follow if
 * `for_ever`. 0 lets all succeed. */
bool counts_memory(void);
long blocks_in_use(void);
void fail_allocation(long n, bool for_ever);
bool allocation_failed(void);

#endif
