/* cli/show/report.c - how a stop ended. */
#include "show/report.h"
#include "show/output.h"

#include "tend/text.h"

#include <stdio.h>

void report_print(const json_t *data, const char *name)
{
	size_t i;
	const json_t *task;
	json_int_t left = json_integer_value(json_object_get(data, "abandoned"));
	char took[32];

	tend_duration_text((uint64_t)json_integer_value(json_object_get(data, "took_ns")), took,
	                   sizeof(took));
	if (left)
		printf("%s: %lld did not end in %s:\n", name, (long long)left, took);
	else
		printf("%s: stopped in %s\n", name, took);
	json_array_foreach (json_object_get(data, "tasks"), i, task) {
		const char *outcome = json_string_value(json_object_get(task, "outcome"));
		const char *state = json_string_value(json_object_get(task, "state"));
		const char *path = json_string_value(json_object_get(task, "path"));
		const char *ending = json_string_value(json_object_get(task, "ending"));
		printf("  %-24s %-10s ", path ? path : "?",
		       outcome ? outcome
		       : state ? state
		               : "?");
		output_text(ending ? ending : "");
		putchar('\n');
	}
}
