/* cli/up/say.c - the lines of a stack about the stack and its tasks. */
#include "up/up.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(const struct up *up, const char *name, size_t number, const char *fmt, va_list args)
{
	char text[1024];
	int n = vsnprintf(text, sizeof(text), fmt, args);

	if (n > 0)
		printer_line(up->printer, name, number, '*', text,
		             (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void up_say(const struct up *up, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(up, up->config->name, up->config->ntasks, fmt, args);
	va_end(args);
}

void up_task_say(const struct up_task *t, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(t->up, t->config->name, t->index, fmt, args);
	va_end(args);
}

size_t up_name_width(const struct config *config)
{
	size_t width = 0;

	for (size_t i = 0; i < config->ntasks; i++) {
		size_t n = strlen(config->tasks[i].name);
		width = n > width ? n : width;
	}
	return width;
}
