/* cli/show/card.h - the state of a task: a card, or a line. */
#ifndef TEND_CLI_SHOW_CARD_H
#define TEND_CLI_SHOW_CARD_H

#include <jansson.h>

/* `row` is the `data` of `tend status` of a task. */
void card_print(const json_t *row);

/* `width` is that of the paths. */
void card_print_line(const json_t *row, int width);

#endif
