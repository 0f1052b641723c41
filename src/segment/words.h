/* segment/words.h - what a record says, in words: one place for the tree, the
 * snapshot and the report. */
#ifndef TEND_SEGMENT_WORDS_H
#define TEND_SEGMENT_WORDS_H

#include "base/text.h"

/* Appends the sentence of a wait: "recv channel#12", "sleep 3.2s", "read fd 7".
 *
 *   why       enum tend__wait; one that is none appends nothing
 *   now       the instant that a sleep's rest is counted from */
void tend__wait_text(struct tend__text *t, uint32_t why, uint64_t object, uint64_t now);

#endif
