/* cli/show/output.c - how a command writes to stdout. */
#include "show/output.h"
#include "show/text.h"

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
	char *safe = text_printable(text, strlen(text));

	if (safe)
		fputs(safe, stdout);
	free(safe);
}

int output_end(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "tend: cannot write to standard output: %s\n", strerror(errno));
	return code ? code : 1;
}
