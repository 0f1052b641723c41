/* cli/show/event.c - an event of the library, as JSON and as a sentence. */
#include "show/event.h"
#include "show/json.h"

#include "tend/task.h"
#include "tend/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

json_t *event_json(const struct tend_event_info *event, const char *path)
{
	char id[24], parent[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)event->id);
	snprintf(parent, sizeof(parent), "%llu", (unsigned long long)event->parent);
	return json_pack("{s:I, s:s, s:s, s:s?, s:o, s:s, s:I, s:s?, s:i, s:i, s:o}", "number",
	                 (json_int_t)event->number, "type", tend_event_name(event->type), "id", id,
	                 "parent", event->parent ? parent : NULL, "path",
	                 text_json(path, strlen(path)), "kind", tend_kind_name(event->kind),
	                 "attempt", (json_int_t)event->attempt, "outcome",
	                 event->outcome ? tend_outcome_name(event->outcome) : NULL, "result",
	                 event->result, "error", event->error, "delay_ns",
	                 event->delay_ns ? json_integer((json_int_t)event->delay_ns) : json_null());
}

/* Appends, cut at the end of the buffer. */
static void append(char *buf, size_t size, const char *text)
{
	size_t n = strlen(buf);

	assert(n < size);
	snprintf(buf + n, size - n, "%s", text);
}

void event_text(const struct tend_event_info *event, char *buf, size_t size)
{
	char part[64], time[32];

	/* A stack says that a task has started when its process runs. */
	snprintf(buf, size, "%s",
	         event->type == TEND_EVENT_STARTED ? "spawned" : tend_event_name(event->type));
	if (event->attempt) {
		snprintf(part, sizeof(part), ", attempt %u", event->attempt);
		append(buf, size, part);
	}
	if (event->delay_ns) {
		tend_duration_text(event->delay_ns, time, sizeof(time));
		snprintf(part, sizeof(part), ", for %s", time);
		append(buf, size, part);
	}
	if (event->outcome) {
		append(buf, size, ": ");
		append(buf, size, tend_outcome_name(event->outcome));
	}
	if (event->outcome == TEND_FAILED && event->result > 0) {
		snprintf(part, sizeof(part), " with %d", event->result);
		append(buf, size, part);
	} else if (event->error) {
		append(buf, size, ", ");
		append(buf, size, tend_strerror(event->error));
	}
}
