/* cli/show/printer.c - the writing thread of `tend up`. */
#include "show/printer.h"
#include "show/json.h"
#include "show/line.h"
#include "show/output.h"
#include "show/text.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUEUE_MAX = 1 << 20, PIECE = 4096, CLOSE_WAIT_S = 2 };

/* (c) constant  (m) mutex  (w) the writing thread's */
struct printer {
	pthread_mutex_t mutex;
	pthread_cond_t more, written;
	pthread_t thread;
	int fd;                   /* (c) */
	enum printer_style style; /* (c) */
	size_t width;             /* (c) */
	char *queue;              /* (m) */
	size_t n;                 /* (m) */
	char *writing;            /* (w) exchanged with queue under the mutex */
	uint64_t pieces;          /* (m) written so far */
	uint64_t lost;            /* (m) lines since the last one that fitted */
	bool busy;                /* (m) the thread is writing */
	bool closing;             /* (m) */
	bool broken;              /* (m) the output can no longer be written */
};

/* Writes in pieces, so that the closing thread sees if the reader still reads. */
static bool write_all(struct printer *p, const char *bytes, size_t n)
{
	bool ok = true;

	for (size_t len; n > 0 && ok; n -= len, bytes += len) {
		len = n < PIECE ? n : PIECE;
		ok = output_write(p->fd, bytes, len);
		pthread_mutex_lock(&p->mutex);
		p->pieces++;
		pthread_mutex_unlock(&p->mutex);
	}
	return ok;
}

static void *writer(void *arg)
{
	struct printer *p = arg;

	pthread_mutex_lock(&p->mutex);
	for (;;) {
		while (p->n == 0 && !p->closing)
			pthread_cond_wait(&p->more, &p->mutex);
		if (p->n == 0)
			break;
		char *taken = p->queue;
		size_t n = p->n;
		p->queue = p->writing;
		p->writing = taken;
		p->n = 0;
		p->busy = true;
		pthread_mutex_unlock(&p->mutex);
		assert(n <= QUEUE_MAX);
		bool ok = write_all(p, taken, n);
		pthread_mutex_lock(&p->mutex);
		assert(p->busy && p->writing == taken);
		p->busy = false;
		p->broken = p->broken || !ok;
		pthread_cond_broadcast(&p->written);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

static void printer_free(struct printer *p)
{
	free(p->queue);
	free(p->writing);
	pthread_cond_destroy(&p->more);
	pthread_cond_destroy(&p->written);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

struct printer *printer_open(int fd, enum printer_style style, size_t width)
{
	pthread_condattr_t attr;

	assert(fd >= 0);
	struct printer *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->fd = fd;
	p->style = style;
	p->width = width;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->more, &attr);
	pthread_cond_init(&p->written, &attr);
	pthread_condattr_destroy(&attr);
	p->queue = malloc(QUEUE_MAX);
	p->writing = malloc(QUEUE_MAX);
	if (!p->queue || !p->writing || pthread_create(&p->thread, NULL, writer, p) != 0) {
		printer_free(p);
		return NULL;
	}
	return p;
}

/* Appends the whole line or no byte of the line. Returns false if there is no
 * room. */
static bool append(struct printer *p, const char *line, size_t n)
{
	assert(p->n <= QUEUE_MAX);
	if (n > QUEUE_MAX - p->n)
		return false;
	memcpy(p->queue + p->n, line, n);
	p->n += n;
	return true;
}

static void tell_lost(struct printer *p)
{
	char line[96];
	unsigned long long lost = p->lost;
	int n = p->style == PRINT_JSON
	                ? snprintf(line, sizeof(line), "{\"lost\":%llu}\n", lost)
	                : snprintf(line, sizeof(line),
	                           "... %llu lines were not shown, the reader is too slow\n", lost);
	assert(n > 0 && (size_t)n < sizeof(line));
	if (append(p, line, (size_t)n))
		p->lost = 0;
}

static int prefix(const struct printer *p, char *out, size_t size, const char *name, size_t number,
                  char mark)
{
	static const int colours[] = {36, 33, 32, 35, 34, 96, 93, 92, 95, 94};
	size_t count = sizeof(colours) / sizeof(*colours);

	if (p->style != PRINT_COLOUR)
		return snprintf(out, size, "%-*s %c ", (int)p->width, name, mark);
	return snprintf(out, size, "\033[%dm%-*s %c\033[0m ", colours[number % count],
	                (int)p->width, name, mark);
}

static void enqueue(struct printer *p, const char *line, size_t n)
{
	pthread_mutex_lock(&p->mutex);
	if (!p->broken) {
		if (p->lost)
			tell_lost(p);
		if (p->lost || !append(p, line, n))
			p->lost++;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->mutex);
}

void printer_document(struct printer *p, json_t *document)
{
	char *line = p && document ? json_dumps(document, JSON_COMPACT) : NULL;
	size_t n = line ? strlen(line) : 0;

	if (line) {
		line[n] = '\n'; /* in place of its NUL: the length is known */
		enqueue(p, line, n + 1);
	}
	free(line);
	json_decref(document);
}

void printer_line(struct printer *p, const char *name, size_t number, char mark, const char *text,
                  size_t n)
{
	char line[128 + TEXT_PRINTABLE(PRINT_LINE_MAX)];

	if (!p)
		return;
	assert(n <= PRINT_LINE_MAX);
	if (p->style == PRINT_JSON) {
		json_t *document = json_pack("{s:s, s:s}", "name", name, "from",
		                             mark == '*' ? "tend" : "task");
		memcpy(line, text, n);
		json_object_set_new(document, "text", text_json(line, text_uncolour(line, n)));
		if (mark == '+')
			json_object_set_new(document, "continues", json_true());
		printer_document(p, document);
		return;
	}
	size_t used = (size_t)prefix(p, line, 128, name, number, mark);
	assert(used < 128);
	used += text_output(text, n, p->style == PRINT_COLOUR, line + used, sizeof(line) - used);
	assert(used < sizeof(line));
	line[used++] = '\n';
	enqueue(p, line, used);
}

/* Waits until all is written, or until the reader takes nothing for a while. Returns false
 * in the second case. */
static bool wait_written(struct printer *p)
{
	while (p->n > 0 || p->busy) {
		struct timespec until;
		uint64_t seen = p->pieces;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += CLOSE_WAIT_S;
		if (pthread_cond_timedwait(&p->written, &p->mutex, &until) != 0 &&
		    p->pieces == seen)
			return false;
	}
	return true;
}

bool printer_close(struct printer *p)
{
	if (!p)
		return false;
	pthread_mutex_lock(&p->mutex);
	assert(!p->closing);
	p->closing = true;
	pthread_cond_signal(&p->more);
	bool written = wait_written(p), ok = written && !p->broken;
	pthread_mutex_unlock(&p->mutex);
	/* A thread that hangs in write() cannot be joined; the process ends soon. */
	if (!written)
		return false;
	pthread_join(p->thread, NULL);
	printer_free(p);
	return ok;
}
