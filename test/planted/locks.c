/* A lock that is forgotten, one of two as a macro says. Neither compiles with the
 * warnings of meson.build for clang 19; without a macro this file compiles. */
#include "platform/lock.h"

struct account {
	struct tend__lock lock;
	int sum TEND_GUARDED_BY(&lock);
};

static void add(struct account *a, int n) TEND_REQUIRES(&a->lock);
static void add(struct account *a, int n)
{
	tend__assert_held(&a->lock);
	a->sum += n;
}

int planted(struct account *a);
int planted(struct account *a)
{
	tend__lock(&a->lock);
	add(a, 1);
	int sum = a->sum;
	tend__unlock(&a->lock);
#ifdef FIELD
	a->sum = 0;
#endif
#ifdef CALL
	add(a, 2);
#endif
	return sum;
}
