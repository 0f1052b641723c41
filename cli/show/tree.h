/* cli/show/tree.h - the rows of a stack, drawn as a tree. */
#ifndef TEND_CLI_SHOW_TREE_H
#define TEND_CLI_SHOW_TREE_H

#include <jansson.h>
#include <stdbool.h>

<<<<<<< HEAD
/* Draws rows that rows_add() has made: each below the row of its parent. */
=======
/* Prints the tree. `rows` are sorted by path, as in the answer of a running
 * stack. */
>>>>>>> main
void tree_print(const json_t *rows, bool ascii);

#endif
