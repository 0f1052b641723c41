/* cli/show/output.c - how a command writes to stdout. */
#include "show/output.h"
#include "show/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Opens /dev/null in place of closed standard streams, because a descriptor opened while
 * 0, 1 or 2 is closed would become the output. The file is opened for reading only, so
 * a write is refused as before. */
static bool fill_standard_fds(void)
{
	int fd;
	do
		fd = open("/dev/null",
		          O_RDONLY); /* inherited on purpose, like any standard stream */
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	return fd > 2;
}

bool output_write(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);
		struct pollfd ready = {.fd = fd, .events = POLLOUT};
		if (done > 0) {
			bytes += done;
			n -= (size_t)done;
		} else if (done < 0 && errno == EAGAIN)
			poll(&ready, 1, 1000);
		else if (done < 0 && errno != EINTR)
			return false;
	}
	return true;
}

static ssize_t write_stream(void *cookie, const char *bytes, size_t n)
{
	return output_write(*(const int *)cookie, bytes, n) ? (ssize_t)n : 0;
}

/* stdio gives up at EAGAIN, and the parent or another program decides if the descriptor
 * blocks; so both streams get a write function of their own. */
static FILE *open_stream(const int *fd, int buffering)
{
	FILE *stream = fopencookie((void *)(uintptr_t)fd, "w",
	                           (cookie_io_functions_t){.write = write_stream});

	if (stream)
		setvbuf(stream, NULL, buffering, BUFSIZ);
	return stream;
}

bool output_open(void)
{
	static const int out = STDOUT_FILENO, err = STDERR_FILENO;

	if (!fill_standard_fds())
		return false;
	/* Beyond a limit of the size of files a write then fails, and can be told. */
	signal(SIGXFSZ, SIG_IGN);
	FILE *streams[2] = {open_stream(&out, isatty(out) ? _IOLBF : _IOFBF),
	                    open_stream(&err, _IOLBF)};
	if (!streams[0] || !streams[1])
		return false;
	stdout = streams[0];
	stderr = streams[1];
	return true;
}

bool output_colour(void)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(none && none[0]) && term && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

bool output_json(const json_t *document)
{
	char *line = document ? json_dumps(document, JSON_COMPACT) : NULL;
	bool ok = line && puts(line) >= 0;
	free(line);
	return ok;
}

void output_text(const char *text)
{
	char *safe = text_printable(text, strlen(text), output_colour());

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

void output_live(void)
{
	struct pollfd reader = {.fd = STDOUT_FILENO};

	if (fflush(stdout) != 0 || ferror(stdout))
		exit(output_end(EXIT_FAILURE));
	if (poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR)) {
		raise(SIGPIPE);
		exit(EXIT_FAILURE);
	}
}
