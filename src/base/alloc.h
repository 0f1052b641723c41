/* base/alloc.h - the core's memory, so that the allocation sweep can fail each allocation in
 * turn and count those that are not freed. */
#ifndef TEND_BASE_ALLOC_H
#define TEND_BASE_ALLOC_H

#include <stddef.h>

/* Returns zeroed memory, or NULL. */
void *tend__alloc(size_t bytes);
void tend__free(void *p);

#endif
