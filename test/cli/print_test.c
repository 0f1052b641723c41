/* test/cli/print_test.c - lines out of streams, and what reaches a terminal. */
#include "suite.h"
#include "show/line.h"
#include "show/printer.h"
#include "show/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char got[3 * PRINT_LINE_MAX];

static void collect(void *arg, const char *text, size_t n)
{
	(void)arg;
	strncat(got, text, n);
	strcat(got, "$");
}

static void feed(struct line_buffer *b, const char *text)
{
	line_feed(b, text, strlen(text), collect, NULL);
}

TEST(lines_are_put_together_from_any_pieces)
{
	struct line_buffer b = {0};
	feed(&b, "on");
	feed(&b, "e\ntwo\r\n\nthr");
	ck_assert_str_eq(got, "one$two$$");
	line_flush(&b, collect, NULL);
	line_flush(&b, collect, NULL);
	ck_assert_str_eq(got, "one$two$$thr$");
}

TEST(a_line_without_an_end_is_cut_and_nothing_of_it_lost)
{
	struct line_buffer b = {0};
	for (int i = 0; i < PRINT_LINE_MAX + 10; i++)
		feed(&b, "x");
	ck_assert_uint_eq(strlen(got), PRINT_LINE_MAX + 1);
	line_flush(&b, collect, NULL);
	ck_assert_uint_eq(strlen(got), PRINT_LINE_MAX + 12);
}

static const struct {
	const char *text;
	size_t n;
	const char *shown;
} escapes[] = {
	{"plain \\ text\t.", 14, "plain \\ text\t."},
	{"\033[2J\r\a", 6, "\\x1b[2J\\x0d\\x07"},
	{"caf\xc3\xa9", 5, "caf\xc3\xa9"},
	{"\xff\xc3", 2, "\\xff\\xc3"},
	{"\xc2\x9b", 2, "\\u009b"},
	{"\xe2\x80\xae", 3, "\\u202e"},
	{"a\0b", 3, "a\\x00b"},
};

TEST_EACH(nothing_that_moves_a_cursor_is_passed_on, sizeof(escapes) / sizeof(*escapes))
{
	char *out = text_printable(escapes[_i].text, escapes[_i].n);
	ck_assert_str_eq(out, escapes[_i].shown);
	free(out);
}

static const char *read_all(int fd)
{
	static char text[8192];
	size_t n = 0;
	ssize_t more;
	while ((more = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)more;
	text[n] = 0;
	return text;
}

TEST(names_are_aligned_before_the_text)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	struct printer *p = printer_open(ends[1], PRINT_PLAIN, 5);
	ck_assert_ptr_nonnull(p);
	printer_line(p, "db", 0, '|', "hello", 5);
	printer_line(p, "proxy", 1, '*', "started", 7);
	ck_assert(printer_close(p));
	close(ends[1]);
	ck_assert_str_eq(read_all(ends[0]), "db    | hello\nproxy * started\n");
	close(ends[0]);
}

TEST(a_reader_that_does_not_read_stops_nobody)
{
	int ends[2];
	static char line[1000];
	memset(line, 'x', sizeof(line));
	ck_assert_int_eq(pipe(ends), 0);
	struct printer *p = printer_open(ends[1], PRINT_PLAIN, 1);
	ck_assert_ptr_nonnull(p);
	for (int i = 0; i < 5000; i++)
		printer_line(p, "a", 0, '|', line, sizeof(line));
	ck_assert(!printer_close(p));
}

TEST(a_reader_that_is_gone_stops_nobody)
{
	int ends[2];
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	struct printer *p = printer_open(ends[1], PRINT_PLAIN, 1);
	ck_assert_ptr_nonnull(p);
	printer_line(p, "a", 0, '|', "x", 1);
	ck_assert(!printer_close(p));
	close(ends[1]);
}
