/* cli/up/logs.c - the answers to `tend logs`: the last output of a task, and the output to
 * come. */
#include "up/up.h"
#include "ask/envelope.h"
#include "show/json.h"

#include "tend/text.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_NS TEND_SEC /* at most, between two messages to a client */

/* The next byte for a client. */
struct cursor {
	uint32_t attempt;
	uint64_t at; /* bytes of the attempt before */
};

static json_t *path_of(const struct up_task *t)
{
	char path[UP_PATH_MAX];

	up_task_path(t, path, sizeof(path));
	return json_string(path);
}

/* Returns the mark of a byte: the last mark that does not begin behind. */
static const struct up_mark *mark_of(const struct up_tail *tail, uint64_t at)
{
	size_t low = 0, high = tail->nmarks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (tail->marks[middle].from <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &tail->marks[low - 1] : NULL;
}

/* Returns the beginning of the next line with another mark, or the end. */
static uint64_t next_piece(const struct up_tail *tail, uint64_t at, uint64_t end)
{
	const struct up_mark *mark = mark_of(tail, at);

	while (at < end) {
		const char *from = tail->bytes + (at - tail->dropped);
		const char *lf = memchr(from, '\n', (size_t)(end - at));
		at = lf ? at + (uint64_t)(lf + 1 - from) : end;
		if (at < end && mark_of(tail, at) != mark)
			break;
	}
	return at;
}

/* Returns the bytes of a tail in pieces of one time. */
static json_t *pieces_of(const struct up_tail *tail, uint64_t from, uint64_t end)
{
	json_t *pieces = json_array();

	assert(from >= tail->dropped && end <= tail->dropped + tail->n);
	for (uint64_t next; from < end; from = next) {
		const struct up_mark *mark = mark_of(tail, from);
		next = next_piece(tail, from, end);
		json_t *text =
			text_json(tail->bytes + (from - tail->dropped), (size_t)(next - from));
		json_array_append_new(pieces, json_pack("{s:I, s:o}", "at_ns",
		                                        (json_int_t)(mark ? mark->at_ns : 0),
		                                        "text", text));
	}
	return pieces;
}

/* Returns the news of an attempt, and moves the cursor; NULL: there are no news. */
static json_t *news_of(const struct up_tail *tail, bool live, struct cursor *cursor)
{
	bool begins = tail->attempt != cursor->attempt;
	uint64_t from = begins ? 0 : cursor->at, end = tail->dropped + tail->n, lost = 0;

	if (from < tail->dropped) {
		lost = tail->dropped - from;
		from = tail->dropped;
		/* The beginning of a character is lost. */
		for (int i = 0; i < 3 && from < end; i++, from++)
			if (((unsigned char)tail->bytes[from - tail->dropped] & 0xc0) != 0x80)
				break;
	}
	/* The rest of a character is still to come. */
	if (live && from < end)
		end = from +
		      tend_text_whole(tail->bytes + (from - tail->dropped), (size_t)(end - from));
	if (!begins && from >= end && !lost)
		return NULL;
	*cursor = (struct cursor){tail->attempt, end > from ? end : from};
	return json_pack("{s:I, s:b, s:I, s:o}", "attempt", (json_int_t)tail->attempt, "live", live,
	                 "dropped", (json_int_t)lost, "pieces", pieces_of(tail, from, end));
}

/* Returns the news behind the cursor, attempt by attempt. */
static json_t *all_news(const struct up_task *t, struct cursor *cursor)
{
	json_t *attempts = json_array();
	struct up_tail tails[2];
	bool live;
	size_t n = up_task_tails(t, tails, &live);

	for (size_t i = 0; i < n; i++) {
		json_t *news = tails[i].attempt < cursor->attempt
		                       ? NULL
		                       : news_of(&tails[i], live && i == n - 1, cursor);
		if (news)
			json_array_append_new(attempts, news);
	}
	if (live)
		free(tails[n - 1].bytes);
	return attempts;
}

/* Sends the news, and takes the attempts. Without an attempt the message is idle. */
static bool send_news(const struct up_task *t, json_t *attempts, struct control_reply *reply)
{
	bool idle = json_array_size(attempts) == 0;

	json_t *news = json_pack("{s:{s:o, s:o, s:b}}", "progress", "path", path_of(t), "attempts",
	                         attempts, "idle", idle);
	/* A reader may stop reading for long, like a pager. */
	return control_send_until(reply, news, TEND_FOREVER);
}

/* Sends the output until the task has ended. A slow client loses the bytes that the tail
 * loses meanwhile, and is told. Returns false if the client has gone. */
static bool follow(struct up_task *t, struct cursor *cursor, struct control_reply *reply)
{
	bool told = false; /* the last message was idle */

	for (;;) {
		tend_event_clear(t->news);
		bool over = t->state == TEND_STATE_ENDED || t->up->gave_up;
		json_t *attempts = all_news(t, cursor);
		bool any = json_array_size(attempts) > 0;
		if (any || !told) {
			told = !any;
			if (!send_news(t, attempts, reply))
				return false;
			continue;
		}
		json_decref(attempts);
		if (over)
			return true;
		int error = tend_event_wait(t->news, tend_after(SILENCE_NS));
		if (error == -ECANCELED)
			return false;
		told = error == 0;
	}
}

void up_logs(struct up_task *t, const json_t *request, struct control_reply *reply)
{
	struct cursor cursor = {0, 0};

	if (t->config->output == CONFIG_INHERITED) {
		control_send(reply, envelope_error("tend.logs/1", EXIT_FAILED,
		                                   "the output is not kept, because the program "
		                                   "writes where tend run does; tend run --logs "
		                                   "keeps it"));
		return;
	}
	if (json_is_true(json_object_get(request, "follow")) && !follow(t, &cursor, reply))
		return;
	json_t *attempts = all_news(t, &cursor);
	control_send(reply, envelope_ok("tend.logs/1", json_pack("{s:o, s:o}", "path", path_of(t),
	                                                         "attempts", attempts)));
}
