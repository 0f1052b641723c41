/* cli/up/say.c - the lines of a stack about the stack and its tasks. */
#include "up/up.h"

#include "tend/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void print(struct up *up, const char *name, size_t number, char mark, const char *text,
                  size_t n, bool here)
{
	if (here)
		printer_line(up->printer, name, number, mark, text, n);
	up_feed(up, name, number, mark, text, n);
}

void up_print(struct up *up, const char *name, size_t number, char mark, const char *text, size_t n)
{
	print(up, name, number, mark, text, n, true);
}

/* In the place of a program this process has little to say.
 *
 *   always    also in the place of a program */
static void say(struct up *up, const char *name, size_t number, bool always, const char *fmt,
                va_list args)
{
	char text[1024];

	int n = vsnprintf(text, sizeof(text), fmt, args);
	if (n >= (int)sizeof(text))
		n = (int)tend_text_whole(text, sizeof(text) - 1);
	if (n > 0)
		print(up, name, number, '*', text, (size_t)n, !up->single || always);
}

void up_say(struct up *up, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(up, up->config->name, up->config->ntasks, false, fmt, args);
	va_end(args);
}

void up_task_say(const struct up_task *t, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(t->up, t->config->name, t->index, false, fmt, args);
	va_end(args);
}

void up_task_tell(const struct up_task *t, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(t->up, t->config->name, t->index, true, fmt, args);
	va_end(args);
}

void up_task_because(struct up_task *t, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(t->why, sizeof(t->why), fmt, args);
	va_end(args);
	if (n >= (int)sizeof(t->why))
		t->why[tend_text_whole(t->why, sizeof(t->why) - 1)] = 0;
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
