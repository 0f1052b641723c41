#include "suite.h"

SUITE_MAIN("process")
