/* cli/config/report.c - the errors of a tend.yaml: collected, sorted, written. */
#include "config/reader.h"
#include "show/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void config_report(struct config_errors *errors, struct config_place at, const char *fmt, ...)
{
	if (errors->count++ >= CONFIG_ERRORS_MAX)
		return;
	struct config_error *error = &errors->kept[errors->count - 1];
	assert(error >= errors->kept && error < errors->kept + CONFIG_ERRORS_MAX);
	error->at = at;
	va_list args;
	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
}

struct config_place config_place(yaml_mark_t mark)
{
	return (struct config_place){mark.line + 1, mark.column + 1};
}

struct config_shown config_show(const char *s, size_t n)
{
	struct config_shown shown;
	text_escape(shown.text, sizeof(shown.text), s, n);
	return shown;
}

static size_t kept(const struct config_errors *errors)
{
	return errors->count < CONFIG_ERRORS_MAX ? errors->count : CONFIG_ERRORS_MAX;
}

void config_errors_write(const struct config_errors *errors, const char *severity, FILE *out)
{
	char file[1024];
	text_escape(file, sizeof(file), errors->file, strlen(errors->file));

	for (size_t i = 0; i < kept(errors); i++) {
		const struct config_error *error = &errors->kept[i];
		if (error->at.line)
			fprintf(out, "%s:%zu:%zu: %s: %s\n", file, error->at.line, error->at.column,
			        severity, error->text);
		else
			fprintf(out, "%s: %s: %s\n", file, severity, error->text);
	}
	if (errors->count > kept(errors))
		fprintf(out, "%s: %s: %zu more are not shown\n", file, severity,
		        errors->count - kept(errors));
}

void config_errors_sort(struct config_errors *errors)
{
	for (size_t i = 1; i < kept(errors); i++) {
		struct config_error moved = errors->kept[i];
		size_t j = i;
		for (; j > 0; j--) {
			const struct config_place *at = &errors->kept[j - 1].at;
			if (at->line < moved.at.line ||
			    (at->line == moved.at.line && at->column <= moved.at.column))
				break;
			errors->kept[j] = errors->kept[j - 1];
		}
		errors->kept[j] = moved;
	}
}
