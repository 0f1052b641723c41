/* test/cli/print_test.c - lines out of streams, and what reaches a terminal. */
#include "suite.h"
#include "show/line.h"
#include "show/printer.h"
#include "show/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char got[3 * PRINT_LINE_MAX];

/* A piece that continues a line has a '+' before it. */
static void collect(void *arg, const char *text, size_t n, bool continues)
{
	(void)arg;
	strcat(got, continues ? "+" : "");
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

static const struct {
	const char *text, *lines;
} endings[] = {
	{"10%\r20%\r30%\n", "10%$20%$30%$"},
	{"\r10%\r20%", "10%$20%$"},
	{"a\r\r\nb\n", "a$b$"},
	{"a\r\n\r\nb\r\n", "a$$b$"},
	{"a\n\rb\n", "a$b$"},
	{"\r\n", "$"},
	{"a\r\n\n", "a$$"},
};

TEST_EACH(a_line_ends_with_lf_or_cr_or_both, sizeof(endings) / sizeof(*endings))
{
	struct line_buffer b = {0};
	/* Byte by byte, because a pair may be divided between two reads. */
	for (const char *c = endings[_i].text; *c; c++)
		line_feed(&b, c, 1, collect, NULL);
	line_flush(&b, collect, NULL);
	ck_assert_str_eq(got, endings[_i].lines);
}

TEST(a_line_without_an_end_is_cut_and_nothing_of_it_lost)
{
	struct line_buffer b = {0};
	for (int i = 0; i < PRINT_LINE_MAX + 10; i++)
		feed(&b, "x");
	ck_assert_uint_eq(strlen(got), PRINT_LINE_MAX + 1);
	line_flush(&b, collect, NULL);
	ck_assert_str_eq(got + PRINT_LINE_MAX, "$+xxxxxxxxxx$");
}

static const char *const units[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                    "\033[38;5;200m"};

TEST_EACH(a_long_line_is_cut_between_characters, 4 * sizeof(units) / sizeof(*units))
{
	struct line_buffer b = {0};
	const char *unit = units[_i / 4];
	feed(&b, &"xxx"[_i % 4]);
	for (size_t i = 0; i <= PRINT_LINE_MAX; i += strlen(unit))
		feed(&b, unit);
	feed(&b, "\n");
	char *cut = strstr(got, "$+");
	ck_assert_ptr_nonnull(cut);
	ck_assert_int_eq(strncmp(cut - strlen(unit), unit, strlen(unit)), 0);
	ck_assert_int_eq(strncmp(cut + 2, unit, strlen(unit)), 0);
}

TEST(a_text_is_cut_before_an_unfinished_character_or_colour)
{
	ck_assert_uint_eq(text_whole("a\xe2\x82\xac", 4), 4);
	ck_assert_uint_eq(text_whole("a\xe2\x82", 3), 1);
	ck_assert_uint_eq(text_whole("\xf0\x9f\x98", 3), 0);
	ck_assert_uint_eq(text_whole("\x80\x80\x80\x80", 4), 4);
	ck_assert_uint_eq(text_whole("", 0), 0);
	ck_assert_uint_eq(text_whole("a\033", 2), 1);
	ck_assert_uint_eq(text_whole("a\033[1;3", 6), 1);
	ck_assert_uint_eq(text_whole("a\033[1;3m", 7), 7);
	ck_assert_uint_eq(text_whole("a\033]0;", 5), 5);
	/* No terminal waits for the end of a sequence as long as that. */
	ck_assert_uint_eq(text_whole("\033[11111111111111111111111111111111", 34), 34);
}

TEST(the_beginning_of_a_line_is_shown_and_the_rest_continues_it)
{
	struct line_buffer b = {0};
	feed(&b, "Name: \xe2\x82");
	line_show(&b, collect, NULL);
	ck_assert_str_eq(got, "Name: $");
	line_show(&b, collect, NULL);
	ck_assert_str_eq(got, "Name: $");
	feed(&b, "\xac?\nnext\n");
	ck_assert_str_eq(got, "Name: $+\xe2\x82\xac?$next$");
	feed(&b, "ok");
	line_show(&b, collect, NULL);
	feed(&b, "\nnew\n");
	ck_assert_str_eq(got, "Name: $+\xe2\x82\xac?$next$ok$new$");
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
	for (int colour = 0; colour < 2; colour++) {
		char *out = text_printable(escapes[_i].text, escapes[_i].n, colour);
		ck_assert_str_eq(out, escapes[_i].shown);
		free(out);
	}
}

static const struct {
	const char *text, *terminal, *file;
} colours[] = {
	{"\033[31mred\033[0m plain", "\033[31mred\033[0m plain\033[0m", "red plain"},
	{"\033[m\033[38;2;1;2;3mx", "\033[m\033[38;2;1;2;3mx\033[0m", "x"},
	{"a\033[2Jb", "a\\x1b[2Jb", "a\\x1b[2Jb"},
	{"\033[31;", "\\x1b[31;", "\\x1b[31;"},
	{"\033\033[1mx", "\\x1b\033[1mx\033[0m", "\\x1bx"},
	{"\033[?25m", "\\x1b[?25m", "\\x1b[?25m"},
};

TEST_EACH(colours_reach_a_terminal_and_nothing_else, sizeof(colours) / sizeof(*colours))
{
	const char *text = colours[_i].text;
	char *shown = text_printable(text, strlen(text), true),
	     *plain = text_printable(text, strlen(text), false), *bare = strdup(text);
	ck_assert_str_eq(shown, colours[_i].terminal);
	ck_assert_str_eq(plain, colours[_i].file);
	size_t n = text_uncolour(bare, strlen(bare));
	ck_assert_int_eq(memmem(bare, n, "\033[31m", 5) != NULL, 0);
	free(shown);
	free(plain);
	free(bare);
}

static const struct {
	int signal;
	const char *name;
} signals[] = {{SIGTERM, "SIGTERM"},
               {34, "SIGRTMIN"},
               {37, "SIGRTMIN+3"},
               {64, "SIGRTMIN+30"},
               {99, "signal 99"}};

TEST_EACH(every_signal_has_a_name, sizeof(signals) / sizeof(*signals))
{
	char name[16];
	ck_assert_str_eq(text_signal(signals[_i].signal, name, sizeof(name)), signals[_i].name);
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

TEST(a_piece_that_continues_a_line_is_marked)
{
	for (int json = 0; json < 2; json++) {
		int ends[2];
		ck_assert_int_eq(pipe(ends), 0);
		struct printer *p = printer_open(ends[1], json ? PRINT_JSON : PRINT_PLAIN, 1);
		ck_assert_ptr_nonnull(p);
		printer_line(p, "a", 0, '|', "\033[1mon", 6);
		printer_line(p, "a", 0, '+', "e", 1);
		ck_assert(printer_close(p));
		close(ends[1]);
		ck_assert_str_eq(read_all(ends[0]),
		                 json ? "{\"name\":\"a\",\"from\":\"task\",\"text\":\"on\"}\n"
		                        "{\"name\":\"a\",\"from\":\"task\",\"text\":\"e\","
		                        "\"continues\":true}\n"
		                      : "a | on\na + e\n");
		close(ends[0]);
	}
}

static void *read_slowly(void *arg)
{
	static char bytes[512];
	size_t *total = arg;
	ssize_t n;
	/* The pipe is full all the time. Yields are enough to be slower than the writer. */
	while ((n = read((int)total[0], bytes, sizeof(bytes))) > 0) {
		total[1] += (size_t)n;
		sched_yield();
	}
	return NULL;
}

TEST_EACH(a_slow_reader_gets_all_in_the_end, 2)
{
	int ends[2];
	static char line[1000];
	pthread_t reader;
	memset(line, 'x', sizeof(line));
	ck_assert_int_eq(pipe2(ends, _i ? O_NONBLOCK : 0), 0);
	fcntl(ends[0], F_SETFL, 0);
	fcntl(ends[1], F_SETPIPE_SZ, 4096);
	struct printer *p = printer_open(ends[1], PRINT_PLAIN, 1);
	ck_assert_ptr_nonnull(p);
	for (int i = 0; i < 1000; i++)
		printer_line(p, "a", 0, '|', line, sizeof(line));
	size_t total[2] = {(size_t)ends[0], 0};
	ck_assert_int_eq(pthread_create(&reader, NULL, read_slowly, total), 0);
	ck_assert(printer_close(p));
	close(ends[1]);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(total[1], 1000 * (sizeof(line) + 5));
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
