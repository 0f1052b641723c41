#include "suite.h"

SUITE_MAIN("registry")
