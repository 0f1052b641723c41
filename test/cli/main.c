/* test/cli/main.c - the parts of the tool that can be tested by themselves. */
#include "suite.h"

SUITE_MAIN("cli")
