/* base/alloc.h - memory of the core, so that the allocation sweep can fail
 * each allocation in turn and count what is held. */
#ifndef TEND_BASE_ALLOC_H
#define TEND_BASE_ALLOC_H

#include <stddef.h>

/* Zeroed memory, or NULL. */
void *tend__alloc(size_t bytes);
void tend__free(void *p);

#endif
