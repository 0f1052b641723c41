/* test/cli/event_test.c - an event of the library, as JSON and as a sentence. */
#include "suite.h"

#include "show/event.h"

#include "tend/task.h"
#include "tend/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	struct tend_event_info event;
	const char *text;
} said[] = {
	{{.type = TEND_EVENT_STARTED}, "spawned"},
	{{.type = TEND_EVENT_BEGAN, .attempt = 2}, "began, attempt 2"},
	{{.type = TEND_EVENT_ATTEMPT_ENDED, .attempt = 1, .outcome = TEND_FAILED, .result = 3},
         "attempt ended, attempt 1: failed with 3"},
	{{.type = TEND_EVENT_ATTEMPT_ENDED,
          .attempt = 1,
          .outcome = TEND_FAILED,
          .result = -EIO,
          .error = -ETIME},
         NULL},
	{{.type = TEND_EVENT_BACKOFF, .attempt = 1, .delay_ns = 1500 * TEND_MS},
         "backoff, attempt 1, for 1.5s"},
	{{.type = TEND_EVENT_GAVE_UP}, "gave up"},
	{{.type = TEND_EVENT_ENDED, .attempt = 4, .outcome = TEND_COMPLETED},
         "ended, attempt 4: completed"},
};

TEST_EACH(an_event_is_a_sentence, 7)
{
	char text[256], cut[8], want[256];

	event_text(&said[_i].event, text, sizeof(text));
	snprintf(want, sizeof(want), "attempt ended, attempt 1: failed, %s", tend_strerror(-ETIME));
	ck_assert_str_eq(text, said[_i].text ? said[_i].text : want);
	event_text(&said[_i].event, cut, sizeof(cut));
	ck_assert_uint_lt(strlen(cut), sizeof(cut));
	ck_assert_int_eq(strncmp(cut, text, strlen(cut)), 0);
}

TEST(an_event_as_json_has_all_its_facts)
{
	const struct tend_event_info event = {.number = 9,
	                                      .id = UINT64_MAX,
	                                      .parent = 1,
	                                      .type = TEND_EVENT_BACKOFF,
	                                      .kind = TEND_KIND_FIBER,
	                                      .attempt = 3,
	                                      .delay_ns = 5};
	json_t *json = event_json(&event, "a/b\377");
	char *text = json_dumps(json, JSON_COMPACT);

	ck_assert_str_eq(text, "{\"number\":9,\"type\":\"backoff\",\"id\":\"18446744073709551615\","
	                       "\"parent\":\"1\",\"path\":\"a/b\357\277\275\",\"kind\":\"fiber\","
	                       "\"attempt\":3,\"outcome\":null,\"result\":0,\"error\":0,"
	                       "\"delay_ns\":5}");
	free(text);
	json_decref(json);
}
