#include "suite.h"

SUITE_MAIN("refusals")
