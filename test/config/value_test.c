/* test/config/value_test.c - single values, and text made safe to print. */
#include "config/reader.h"
#include "harness.h"
#include "show/text.h"

#include <signal.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

TEST(a_duration_is_a_number_with_its_unit)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{"0s", 0},
		{"500ms", 500 * UINT64_C(1000000)},
		{"10s", 10 * UINT64_C(1000000000)},
		{"1m", 60 * UINT64_C(1000000000)},
		{"2h", 7200 * UINT64_C(1000000000)},
		{"1.5s", UINT64_C(1500000000)},
		{"007s", 7 * UINT64_C(1000000000)},
		{"8760h", CONFIG_DURATION_MAX_NS},
		{"31536000s", CONFIG_DURATION_MAX_NS},
		{"31536000000ms", CONFIG_DURATION_MAX_NS},
	};
	for (size_t i = 0; i < COUNT(good); i++) {
		uint64_t ns = 1;
		ck_assert_msg(config_duration(good[i].text, strlen(good[i].text), &ns), "%s",
		              good[i].text);
		ck_assert_uint_eq(ns, good[i].ns);
	}
}

TEST(anything_else_is_no_duration)
{
	static const char *const bad[] = {
		"",
		"s",
		"10",
		"-1s",
		"+1s",
		" 1s",
		"1 s",
		"1s ",
		"1m30s",
		"1S",
		"1d",
		"1us",
		"0x1s",
		"8761h",
		"31536001s",
		"99999999999999999999s",
		"18446744073709551616ms",
		"1e3s",
		"525601m",
		"inf",
		".s",
		"1.5",
		"8760.1h",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t ns = 42;
		ck_assert_msg(!config_duration(bad[i], strlen(bad[i]), &ns), "%s", bad[i]);
		ck_assert_uint_eq(ns, 42);
	}
}

TEST(a_signal_has_a_name_with_or_without_sig_or_a_number)
{
	static const struct {
		const char *text;
		int signal;
	} known[] = {
		{"TERM", SIGTERM},  {"SIGTERM", SIGTERM}, {"term", SIGTERM}, {"SigInt", SIGINT},
		{"USR2", SIGUSR2},  {"15", 15},           {"1", 1},          {"64", 64},
		{"RTMIN", 34},      {"SIGRTMIN+3", 37},   {"rtmin+30", 64},  {"RTMAX", 64},
		{"SIGRTMAX-1", 63}, {"RTMAX-30", 34},
	};
	static const char *const unknown[] = {"",         "0",        "65",         "-9",
	                                      "TREM",     "SIG",      "SIGSIGTERM", "TERM ",
	                                      "RTMIN+31", "RTMAX-31", "RTMIN-1",    "RTMAX+1",
	                                      "RTMIN+",   "RTMIN1",   "RTMIN+x",    "4294967311",
	                                      "15x"};
	for (size_t i = 0; i < COUNT(known); i++)
		ck_assert_int_eq(config_signal(known[i].text, strlen(known[i].text)),
		                 known[i].signal);
	for (size_t i = 0; i < COUNT(unknown); i++)
		ck_assert_msg(config_signal(unknown[i], strlen(unknown[i])) == 0, "%s", unknown[i]);
}

TEST(a_name_is_1_to_47_letters_digits_and_marks_a_letter_first)
{
	static const char long_name[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
					"abcdefghijklm";
	static const char *const good[] = {"a", "Z9", "a.b_c-d", "web-1", "a."};
	static const char *const bad[] = {"",    "9a",  ".a",  "-a",   "_a",    "a/b",
	                                  "a b", "a\n", "a#1", "\x01", "a\x7f", "gr\xc3\xb6n"};
	for (size_t i = 0; i < COUNT(good); i++)
		ck_assert_msg(config_name_valid(good[i], strlen(good[i])), "%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!config_name_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
	ck_assert(config_name_valid(long_name, 47));
	ck_assert(!config_name_valid(long_name, 48));
	ck_assert(!config_name_valid("a\0b", 3));
}

TEST(a_near_word_is_suggested_and_a_far_one_is_not)
{
	static const char *const keys[] = {"command", "shell", "env", "env_pass", "needs", "cwd"};
	static const struct {
		const char *word, *meant;
	} words[] = {
		{"comand", "command"},
		{"commnad", "command"},
		{"shel", "shell"},
		{"nedes", "needs"},
		{"en", "env"},
		{"envpass", "env_pass"},
		{"cdw", "cwd"},
		{"depends_on", "needs"},
		{"working_dir", "cwd"},
		{"replicas", NULL},
		{"x", NULL},
		{"", NULL},
		{"commander-in-chief", NULL},
	};
	for (size_t i = 0; i < COUNT(words); i++) {
		const char *meant =
			config_suggest(words[i].word, strlen(words[i].word), keys, COUNT(keys));
		ck_assert_pstr_eq(meant, words[i].meant);
	}
	ck_assert_ptr_null(config_suggest("depends_on", 10, keys, 3));
}

TEST(the_distance_counts_inserts_removals_replacements_and_swaps)
{
	ck_assert_uint_eq(text_distance("", 0, "", 0), 0);
	ck_assert_uint_eq(text_distance("", 0, "abc", 3), 3);
	ck_assert_uint_eq(text_distance("abc", 3, "abc", 3), 0);
	ck_assert_uint_eq(text_distance("abc", 3, "acb", 3), 1);
	ck_assert_uint_eq(text_distance("kitten", 6, "sitting", 7), 3);
	ck_assert_uint_eq(text_distance("abcd", 4, "badc", 4), 2);
}

TEST(what_could_move_a_terminal_is_escaped)
{
	static const struct {
		const char *raw;
		size_t n;
		const char *shown;
	} cases[] = {
		{"plain", 5, "plain"},
		{"gr\xc3\xb6\xc3\x9f"
	         "e",
	         7,
	         "gr\xc3\xb6\xc3\x9f"
	         "e"},
		{"a\x1b[2J", 5, "a\\x1b[2J"},
		{"a\0b", 3, "a\\x00b"},
		{"\n\t\r\\", 4, "\\n\\t\\r\\\\"},
		{"\x7f", 1, "\\x7f"},
		{"\xc2\x9b", 2, "\\u009b"},
		{"\xe2\x80\xae", 3, "\\u202e"},
		{"\xff\xc3", 2, "\\xff\\xc3"},
		{"\xed\xa0\x80", 3, "\\xed\\xa0\\x80"},
		{"\xc0\xaf", 2, "\\xc0\\xaf"},
		{"\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"},
	};
	char buf[64];
	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_str_eq(text_escape(buf, sizeof(buf), cases[i].raw, cases[i].n),
		                 cases[i].shown);
}

TEST(a_long_text_is_cut_at_a_character)
{
	char buf[8];
	ck_assert_str_eq(text_escape(buf, sizeof(buf), "1234567", 7), "1234567");
	ck_assert_str_eq(text_escape(buf, sizeof(buf), "12345678", 8), "1234...");
	ck_assert_str_eq(text_escape(buf, sizeof(buf), "123\xc3\xb6xyz", 8), "123...");
	ck_assert_str_eq(text_escape(buf, sizeof(buf), "123\x1b\x1b", 5), "123...");
	ck_assert_str_eq(text_escape(buf, 4, "\x1b\x1b", 2), "...");
}

TEST(an_instant_is_written_in_utc)
{
	char buf[TEXT_TIME_SIZE];
	ck_assert_str_eq(text_time(buf, 0), "1970-01-01T00:00:00.000Z");
	ck_assert_str_eq(text_time(buf, INT64_C(951782399999999999)), "2000-02-28T23:59:59.999Z");
}
