/* cli/show/card.c - the state of a task: a card, or a line. */
#include "show/card.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include "tend/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void field(const char *name, const char *text)
{
	if (!text[0])
		return;
	printf("  %-11s ", name);
	output_text(text);
	putchar('\n');
}

static void ending_of(const json_t *row, char *buf, size_t size)
{
	int signal = (int)field_number(row, "signal");
	char name[16];

	buf[0] = 0;
	if (signal)
		snprintf(buf, size, "%s", text_signal(signal, name, sizeof(name)));
	else if (json_is_integer(json_object_get(row, "exit_code")))
		snprintf(buf, size, "exit code %lld", (long long)field_number(row, "exit_code"));
}

/* Prints the last ten lines of the output. */
static void print_tail(const json_t *row)
{
	enum { SHOWN = 10 };
	const char *text = field_text(row, "output_tail"), *lines[SHOWN];
	size_t left = strlen(text), count = 0, whole;

	for (; left > 0; left -= whole, text += whole) {
		lines[count++ % SHOWN] = text;
		text_line(text, left, &whole);
	}
	if (count)
		printf("  output\n");
	for (size_t i = count > SHOWN ? count - SHOWN : 0; i < count; i++) {
		const char *line = lines[i % SHOWN];
		char *one = strndup(line, text_line(line, strlen(line), &whole));
		printf("    ");
		if (one)
			output_text(one);
		putchar('\n');
		free(one);
	}
}

void card_print(const json_t *row)
{
	char text[160], age[32], ending[64], needs[600] = "";
	size_t i, used = 0;
	const json_t *need;

	output_text(field_text(row, "path"));
	putchar('\n');
	tend_duration_text((uint64_t)field_number(row, "since_ns"), age, sizeof(age));
	snprintf(text, sizeof(text), "%s for %s", field_text(row, "state"), age);
	field("state", text);
	field("waits for", field_text(row, "wait"));
	field("outcome", field_text(row, "outcome"));
	if (field_number(row, "pid")) {
		snprintf(text, sizeof(text), "%lld", (long long)field_number(row, "pid"));
		field("pid", text);
	}
	const char *policy = field_text(row, "restart");
	snprintf(text, sizeof(text), "%lld, %lld restarts%s%s",
	         (long long)field_number(row, "attempt"), (long long)field_number(row, "restarts"),
	         policy[0] ? ", restart is " : "", policy);
	field("attempt", text);
	ending_of(row, ending, sizeof(ending));
	field("last ended", ending);
	field("last error", field_text(row, "last_error"));
	json_array_foreach (json_object_get(row, "needs"), i, need)
		if (used < sizeof(needs))
			used += (size_t)snprintf(needs + used, sizeof(needs) - used, "%s%s",
			                         i ? ", " : "", json_string_value(need));
	field("needs", needs);
	field("defined at", field_text(row, "site"));
	print_tail(row);
}

void card_print_line(const json_t *row, int width)
{
	char age[32];
	const char *outcome = field_text(row, "outcome"), *wait = field_text(row, "wait");
	const char *error = field_text(row, "last_error");

	tend_duration_text((uint64_t)field_number(row, "since_ns"), age, sizeof(age));
	printf("%-*s  %-9s %-8s", width, field_text(row, "path"),
	       outcome[0] ? outcome : field_text(row, "state"), age);
	if (field_number(row, "pid"))
		printf("  pid %lld", (long long)field_number(row, "pid"));
	if (field_number(row, "restarts"))
		printf("  %lld restart%s", (long long)field_number(row, "restarts"),
		       field_number(row, "restarts") == 1 ? "" : "s");
	if (wait[0])
		printf("  %s", wait);
	if (error[0]) {
		printf("  last error: ");
		output_text(error);
	}
	putchar('\n');
}
