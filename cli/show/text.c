/* cli/show/text.c - text from outside, made safe to print; the distance between words. */
#include "show/text.h"

#include "tend/text.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEQUENCE_MAX = 32 }; /* bytes of a sequence; a longer sequence may be cut */

char *text_escape(char *buf, size_t size, const char *s, size_t n)
{
	assert(size >= 4);
	if (tend_text_plain(s, n, 0, buf, size) >= size) {
		tend_text_plain(s, n, 0, buf, size - 3);
		memcpy(buf + strlen(buf), "...", sizeof("..."));
	}
	return buf;
}

/* Returns how much of s[0..n) is the beginning of a sequence for colours (SGR of ECMA-48):
 * ESC, '[' and parameters. */
static size_t colour_begins(const char *s, size_t n)
{
	size_t i = 0;

	if (n > 0 && s[0] == '\033')
		i = n > 1 && s[1] == '[' ? 2 : 1;
	while (i > 1 && i < n && ((s[i] >= '0' && s[i] <= '9') || s[i] == ';' || s[i] == ':'))
		i++;
	return i;
}

/* Returns the length of the sequence for colours at s, 0 if s begins otherwise. */
static size_t colour_at(const char *s, size_t n)
{
	size_t i = colour_begins(s, n);

	return i > 1 && i < n && s[i] == 'm' ? i + 1 : 0;
}

/* Returns the length of the text before the next sequence that sets colours. */
static size_t colourless(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && !colour_at(s + i, n - i)) {
		const char *escape = memchr(s + i + 1, '\033', n - i - 1);
		i = escape ? (size_t)(escape - s) : n;
	}
	return i;
}

size_t text_output(const char *s, size_t n, bool colour, char *buf, size_t size)
{
	static const char reset[] = "\033[0m";
	size_t used = 0;
	bool coloured = false;

	assert(size >= TEXT_PRINTABLE(n));
	buf[0] = 0;
	for (size_t i = 0, len; i < n; i += len) {
		len = colour_at(s + i, n - i);
		if (len && colour) {
			memcpy(buf + used, s + i, len);
			used += len;
			coloured = true;
		}
		if (len)
			continue;
		len = colourless(s + i, n - i);
		used += tend_text_plain(s + i, len, TEND_TEXT_LINE, buf + used, size - used);
		assert(used < size);
	}
	if (coloured) {
		memcpy(buf + used, reset, sizeof(reset) - 1);
		used += sizeof(reset) - 1;
	}
	assert(used < size);
	buf[used] = 0;
	return used;
}

char *text_printable(const char *s, size_t n, bool colour)
{
	char *safe = malloc(TEXT_PRINTABLE(n));

	if (safe)
		text_output(s, n, colour, safe, TEXT_PRINTABLE(n));
	return safe;
}

size_t text_whole(const char *s, size_t n)
{
	n = tend_text_whole(s, n);
	size_t tail = n < SEQUENCE_MAX ? n : SEQUENCE_MAX;
	const char *escape = memrchr(s + n - tail, '\033', tail);

	if (!escape)
		return n;
	tail = (size_t)(s + n - escape);
	return colour_begins(escape, tail) == tail ? n - tail : n;
}

size_t text_line(const char *s, size_t n, size_t *whole)
{
	size_t line = 0, end;

	while (line < n && s[line] != '\n' && s[line] != '\r')
		line++;
	for (end = line; end < n && s[end] == '\r'; end++) {}
	*whole = end < n && s[end] == '\n' ? end + 1 : end;
	return line;
}

size_t text_uncolour(char *s, size_t n)
{
	size_t used = 0;

	for (size_t i = 0, len; i < n; i += len) {
		len = colour_at(s + i, n - i);
		if (len)
			continue;
		len = colourless(s + i, n - i);
		memmove(s + used, s + i, len);
		used += len;
	}
	return used;
}

const char *text_signal(int signal, char *buf, size_t size)
{
	const char *name = sigabbrev_np(signal);

	if (name)
		snprintf(buf, size, "SIG%s", name);
	else if (signal >= SIGRTMIN && signal <= SIGRTMAX)
		snprintf(buf, size, signal == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+%d",
		         signal - SIGRTMIN);
	else
		snprintf(buf, size, "signal %d", signal);
	return buf;
}

const char *text_time(char buf[TEXT_TIME_SIZE], int64_t at_ns)
{
	time_t seconds = (time_t)(at_ns / 1000000000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	size_t n = strftime(buf, TEXT_TIME_SIZE - 8, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, TEXT_TIME_SIZE - n, ".%03dZ", (int)(at_ns % 1000000000 / 1000000));
	return buf;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t text_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][TEXT_WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	assert(a_len <= TEXT_WORD_MAX && b_len <= TEXT_WORD_MAX);

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]),
			               least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[b_len];
}
