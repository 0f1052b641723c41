/* cli/show/tree.h - the rows of a stack, drawn as a tree. */
#ifndef TEND_CLI_SHOW_TREE_H
#define TEND_CLI_SHOW_TREE_H

#include <jansson.h>
#include <stdbool.h>

/* Prints the tree. `rows` are sorted by path, as in the answer of a running
 * stack. */
void tree_print(const json_t *rows, bool ascii);

#endif
