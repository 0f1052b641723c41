#include "suite.h"

#include "world.h"

#include "tend/tend.h"

SUITE_MAIN("core")

tend_runtime *open_runtime(uint32_t workers, uint32_t flags)
{
	tend_runtime *rt;

	ANSWERS(tend_runtime_open(
			TEND_RUNTIME_OPTS(.name = "t", .workers = workers, .flags = flags), &rt),
	        0);
	return rt;
}

void close_runtime(tend_runtime *rt)
{
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}
