/* cli/show/output.c - how a command writes to stdout. */
#include "show/output.h"
#include "show/escape.h"

#include "tend/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool output_json(const json_t *document)
{
	char *line = document ? json_dumps(document, JSON_COMPACT) : NULL;
	bool ok = line && puts(line) >= 0;
	free(line);
	return ok;
}

void output_text(const char *text)
{
	size_t n = strlen(text);
	char *safe = malloc(PRINT_ESCAPED(n));
	if (safe) {
		print_escaped(safe, text, n);
		fputs(safe, stdout);
	}
	free(safe);
}

void output_age(char *buf, size_t size, uint64_t ns)
{
	uint64_t s = ns / TEND_SEC;

	if (ns < TEND_SEC)
		snprintf(buf, size, "%llums", (unsigned long long)(ns / TEND_MS));
	else if (s < 60)
		snprintf(buf, size, "%llu.%llus", (unsigned long long)s,
		         (unsigned long long)(ns % TEND_SEC / (TEND_SEC / 10)));
	else if (s < 3600)
		snprintf(buf, size, "%llum%02llus", (unsigned long long)(s / 60),
		         (unsigned long long)(s % 60));
	else
		snprintf(buf, size, "%lluh%02llum", (unsigned long long)(s / 3600),
		         (unsigned long long)(s / 60 % 60));
}

int output_end(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "tend: cannot write to standard output: %s\n", strerror(errno));
	return code ? code : 1;
}
