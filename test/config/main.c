/* test/config/main.c - the tests of tend.yaml and `tend check`. */
#include "suite.h"

SUITE_MAIN("config")
