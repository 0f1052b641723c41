/* tend/text.h */
#include "refuse.h"

TEST(refusals_of_text) { try_rows(__FILE__); }

REFUSES(tend_duration_parse, EINVAL, "a number without a unit", outside,
        tend_duration_parse("10", 2, 0, &w->out.number))
REFUSES(tend_duration_parse, EINVAL, "another unit", outside,
        tend_duration_parse("10d", 3, 0, &w->out.number))
REFUSES(tend_duration_parse, EOVERFLOW, "three hundred years", outside,
        tend_duration_parse("2628000h", 8, 0, &w->out.number))
