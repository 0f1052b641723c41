/* cli/show/tree.h - the rows of a stack, drawn as a tree. */
#ifndef TEND_CLI_SHOW_TREE_H
#define TEND_CLI_SHOW_TREE_H

#include <jansson.h>
#include <stdbool.h>

/* Draws rows that rows_add() has made: each below the row of its parent. */
void tree_print(const json_t *rows, bool ascii);

#endif
