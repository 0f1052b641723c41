/* cli/show/event.h - an event of the library, as JSON and as a sentence. */
#ifndef TEND_CLI_SHOW_EVENT_H
#define TEND_CLI_SHOW_EVENT_H

#include "tend/registry.h"

#include <jansson.h>
#include <stddef.h>

/* Returns the event as the `event` of tend.events/1. */
json_t *event_json(const struct tend_event_info *event, const char *path);

/* Writes the event as a sentence without a subject: "attempt ended, attempt 2: failed with 3". */
void event_text(const struct tend_event_info *event, char *buf, size_t size);

#endif
