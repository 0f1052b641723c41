/* segment/say.h - a scope or task in the words of a message. */
#ifndef TEND_SEGMENT_SAY_H
#define TEND_SEGMENT_SAY_H

#include "base/text.h"
#include "segment/layout.h"

/* Appends the path of the scope or task in a slot, from the names of its parents. A path that
 * is too long is cut in front, because the end of a path says more. */
void tend__say_path(struct tend__text *t, struct tend__header *h, uint32_t slot);

/* Appends the path, the id, the kind, the state with the wait, and the place of the spawn:
 * "app/io (#12, fiber, parked in recv channel#3, spawned at io.c:7)". A running fiber has the
 * state of a ready one in its record, so its caller says that it runs. */
void tend__say_task(struct tend__text *t, struct tend__header *h, uint32_t slot, bool runs,
                    uint64_t now);

#endif
