#include "suite.h"

SUITE_MAIN("core")
