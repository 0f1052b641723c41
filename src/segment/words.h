/* segment/words.h - the sentence of a wait, for the tree, the snapshot and the report. */
#ifndef TEND_SEGMENT_WORDS_H
#define TEND_SEGMENT_WORDS_H

#include "base/text.h"

/* Appends the sentence of a wait: "recv channel#12", "sleep 3.2s", "read fd 7".
 *
 *   why       enum tend__wait_kind; an unknown number appends nothing
 *   now       the instant from which the rest of a sleep is counted */
void tend__wait_text(struct tend__text *t, uint32_t why, uint64_t object, uint64_t now);
/* The same of a kind that has this text, and whose object is as TEND__WAITS says. */
void tend__wait_say(struct tend__text *t, const char *text, char object_is, uint64_t object,
                    uint64_t now);

#endif
