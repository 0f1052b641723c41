#include "segment/names.h"

#include "tend/registry.h"
#include "tend/task.h"

#include "segment/layout.h"

/* The position in a list is the public number. */
enum {
	KIND_UNKNOWN,
#define X(name, text) KIND_##name,
	TEND__KINDS(X)
#undef X
		KIND_END
};
enum {
	STATE_UNKNOWN,
#define X(name, text) STATE_##name,
	TEND__STATES(X)
#undef X
		STATE_END
};
enum {
	EVENT_UNKNOWN,
#define X(name, text) EVENT_##name,
	TEND__EVENTS(X)
#undef X
		EVENT_END
};
enum {
#define X(name, text) OUTCOME_##name,
	TEND__OUTCOMES(X)
#undef X
		OUTCOME_END
};
#define X(name, text) \
	_Static_assert((int)KIND_##name == (int)TEND_KIND_##name, "the public order of kinds");
TEND__KINDS(X)
#undef X
#define X(name, text) \
	_Static_assert((int)STATE_##name == (int)TEND_STATE_##name, "the public order of states");
TEND__STATES(X)
#undef X
#define X(name, text) \
	_Static_assert((int)EVENT_##name == (int)TEND_EVENT_##name, "the public order of events");
TEND__EVENTS(X)
#undef X
#define X(name, text) \
	_Static_assert((int)OUTCOME_##name == (int)TEND_##name, "the public order of outcomes");
TEND__OUTCOMES(X)
#undef X
_Static_assert((int)KIND_END == TEND_KIND_EXTERNAL + 1, "no kind is missing");
_Static_assert((int)STATE_END == TEND_STATE_STOPPED + 1, "no state is missing");
_Static_assert((int)EVENT_END == TEND_EVENT_STOPPING + 1, "no event is missing");
_Static_assert((int)OUTCOME_END == TEND_REJECTED + 1, "no outcome is missing");

/* The state in the word of a record needs no translation. */
_Static_assert((int)TEND__READY == (int)TEND_STATE_READY, "layout.h says so");
_Static_assert((int)TEND__RUNNING == (int)TEND_STATE_RUNNING, "layout.h says so");
_Static_assert((int)TEND__PARKED == (int)TEND_STATE_PARKED, "layout.h says so");
_Static_assert((int)TEND__ENDED == (int)TEND_STATE_ENDED, "layout.h says so");
_Static_assert((int)STATE_END - 1 <= (int)TEND__STATE, "a state has four bits");
_Static_assert((int)OUTCOME_END - 1 <= TEND__OUTCOME >> TEND__OUTCOME_SHIFT,
               "an outcome has four bits");

#define X(name, text) text,
static const char *const kinds[] = {"unknown", TEND__KINDS(X)};
static const char *const states[] = {"unknown", TEND__STATES(X)};
static const char *const events[] = {"unknown", TEND__EVENTS(X)};
static const char *const outcomes[] = {TEND__OUTCOMES(X)};
#undef X

const char *tend_kind_name(uint32_t kind) { return kinds[kind < KIND_END ? kind : KIND_UNKNOWN]; }

const char *tend_state_name(uint32_t state)
{
	return states[state < STATE_END ? state : STATE_UNKNOWN];
}

const char *tend_event_name(uint32_t type)
{
	return events[type < EVENT_END ? type : EVENT_UNKNOWN];
}

const char *tend_outcome_name(int32_t kind)
{
	return kind >= 0 && kind < OUTCOME_END ? outcomes[kind] : "unknown";
}
