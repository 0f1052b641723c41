/* cli/up/feed.c - the last lines of a stack, for commands that come later.
 *
 * A feed is bounded: a client that is too slow loses the oldest lines, and is told how
 * many. The stack waits for no client. */
#include "up/up.h"
#include "show/event.h"
#include "show/json.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SILENCE_NS TEND_SEC /* at most, between two messages to a client */
#define BYTES_MAX  ((size_t)256 << 10)

enum { AT_ONCE = 128 }; /* lines of a message */

int up_feeds_open(struct up *up)
{
	int error = tend_event_open(&up->lines.news);

	return error ? error : tend_event_open(&up->events.news);
}

static void drop_oldest(struct up_feed *feed)
{
	struct up_line **slot = &feed->ring[feed->first++ % UP_FEED_MAX];

	assert(feed->first <= feed->next);
	feed->bytes -= *slot ? (*slot)->n : 0;
	free(*slot);
	*slot = NULL;
}

static void close_feed(struct up_feed *feed)
{
	while (feed->first < feed->next)
		drop_oldest(feed);
	free(feed->ring);
	tend_event_close(feed->news);
}

void up_feeds_close(struct up *up)
{
	close_feed(&up->lines);
	close_feed(&up->events);
}

static void add(struct up_feed *feed, const struct up_line *line, const char *text)
{
	if (!feed->ring)
		feed->ring = calloc(UP_FEED_MAX, sizeof(struct up_line *));
	if (!feed->ring)
		return;
	while (feed->first < feed->next &&
	       (feed->next - feed->first == UP_FEED_MAX || feed->bytes + line->n > BYTES_MAX))
		drop_oldest(feed);
	struct up_line *copy = malloc(sizeof(*copy) + line->n);
	if (copy) {
		*copy = *line;
		memcpy(copy->text, text, line->n);
		feed->bytes += line->n;
	}
	feed->ring[feed->next++ % UP_FEED_MAX] = copy;
	tend_event_set(feed->news);
}

void up_feed(struct up *up, const char *name, size_t number, char mark, const char *text, size_t n)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	struct up_line line = {.name = name,
	                       .number = number,
	                       .n = n,
	                       .at_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
	                       .mark = mark};
	add(&up->lines, &line, text);
	if (mark == '*')
		add(&up->events, &line, text);
}

/* An event stays as the library tells it until a client asks, because most are never asked for. */
struct told {
	struct tend_event_info event; /* type 0: `number` events were lost */
	char path[TEND_PATH_MAX];
};

void up_feed_event(struct up *up, const struct tend_event_info *event, const char *path)
{
	struct timespec now;
	struct told told = {.event = *event};
	int n = snprintf(told.path, sizeof(told.path), "%s", path);

	clock_gettime(CLOCK_REALTIME, &now);
	size_t length = n < 0 ? 0 : n < TEND_PATH_MAX ? (size_t)n : TEND_PATH_MAX - 1;
	struct up_line line = {.name = up->config->name,
	                       .number = up->config->ntasks,
	                       .n = offsetof(struct told, path) + length + 1,
	                       .at_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
	                       .mark = UP_MARK_EVENT};
	if (event->at)
		line.at_ns -= (int64_t)(tend_now() - event->at);
	add(&up->events, &line, (const char *)&told);
}

static json_t *line_json(const struct up_line *line)
{
	char mark[2] = {line->mark}, text[256];
	struct told told;

	if (line->mark != UP_MARK_EVENT)
		return json_pack("{s:s, s:I, s:I, s:s, s:o}", "name", line->name, "number",
		                 (json_int_t)line->number, "at_ns", (json_int_t)line->at_ns, "mark",
		                 mark, "text", text_json(line->text, line->n));
	memcpy(&told, line->text, line->n);
	if (told.event.type)
		event_text(&told.event, text, sizeof(text));
	else
		snprintf(text, sizeof(text),
		         "%llu events of the library are lost; tend status has the state",
		         (unsigned long long)told.event.number);
	json_t *out =
		json_pack("{s:o, s:I, s:I, s:s, s:s}", "name",
	                  told.event.type ? text_json(told.event.name, strlen(told.event.name))
	                                  : json_string(line->name),
	                  "number", (json_int_t)line->number, "at_ns", (json_int_t)line->at_ns,
	                  "mark", mark, "text", text);
	if (told.event.type)
		json_object_set_new(out, "event", event_json(&told.event, told.path));
	else
		json_object_set_new(out, "lost", json_integer((json_int_t)told.event.number));
	return out;
}

/* Returns the lines from a number on, some of them, and moves the number. */
static json_t *next_lines(const struct up_feed *feed, uint64_t *at, uint64_t *lost)
{
	json_t *lines = json_array();

	*lost = *at < feed->first ? feed->first - *at : 0;
	*at += *lost;
	for (int i = 0; i < AT_ONCE && *at < feed->next; i++, ++*at) {
		const struct up_line *line = feed->ring[*at % UP_FEED_MAX];
		if (line)
			json_array_append_new(lines, line_json(line));
		else
			++*lost;
	}
	return lines;
}

bool up_feed_send(struct up *up, struct up_feed *feed, bool follow, struct control_reply *reply)
{
	/* A client that comes late has lost nothing. */
	uint64_t at = feed->first, lost;
	bool first = true;

	for (;;) {
		tend_event_clear(feed->news);
		bool over = tend_event_wait(up->over, 0) == 0;
		if (at == feed->next && !first) {
			if (over || !follow)
				return true;
			int error = tend_event_wait(feed->news, tend_after(SILENCE_NS));
			if (error == -ECANCELED)
				return false;
			if (error == 0)
				continue;
		}
		json_t *lines = next_lines(feed, &at, &lost);
		json_t *message = json_pack("{s:{s:s, s:I, s:o, s:I}}", "progress", "name",
		                            up->config->name, "width", (json_int_t)up->width,
		                            "lines", lines, "lost", (json_int_t)lost);
		/* A reader may stop reading for long, like a pager. */
		if (!control_send_until(reply, message, TEND_FOREVER))
			return false;
		first = false;
	}
}
