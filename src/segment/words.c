#include "segment/words.h"

#include "segment/layout.h"

static const struct {
	const char *text;
	char object;
} waits[] = {
#define X(name, text, object) {text, object},
	TEND__WAITS(X)
#undef X
};

void tend__wait_text(struct tend__text *t, uint32_t why, uint64_t object, uint64_t now)
{
	if (why < TEND__WAIT_KINDS)
		tend__wait_say(t, waits[why].text, waits[why].object, object, now);
}

void tend__wait_say(struct tend__text *t, const char *text, char object_is, uint64_t object,
                    uint64_t now)
{
	tend__text_s(t, text);
	switch (object_is) {
	case 'n':
		tend__text_s(t, "#");
		tend__text_number(t, object);
		break;
	case 'i':
		tend__text_s(t, " #");
		tend__text_number(t, object);
		break;
	case 'd':
		tend__text_f(t, " %lld", (long long)object);
		break;
	case 't':
		if (object == TEND_FOREVER)
			tend__text_s(t, " forever");
		else if (object <= now)
			tend__text_s(t, " 0s");
		else {
			tend__text_s(t, " ");
			tend__text_duration(t, object - now);
		}
		break;
	default:
		break;
	}
}
