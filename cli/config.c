/* cli/config.c - loads a tend.yaml: the file, its memory and its errors.
 *
 * All that a configuration holds lies in one list of blocks, so that there is
 * one way to free it, however far the reading came. */
#include "config.h"
#include "config_impl.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void *config_alloc(struct config_block **memory, size_t count, size_t size)
{
	enum { BLOCK = 4096, ALIGN = _Alignof(max_align_t) };

	if (size && count > (SIZE_MAX / 2) / size)
		return NULL;
	size_t want = (count * size + ALIGN - 1) / ALIGN * ALIGN;
	struct config_block *block = *memory;
	if (!block || block->size - block->used < want) {
		size_t room = want > BLOCK ? want : BLOCK;
		block = malloc(sizeof(*block) + room);
		if (!block)
			return NULL;
		*block = (struct config_block){.next = *memory, .size = room};
		*memory = block;
	}
	void *at = (char *)block->bytes + block->used;
	block->used += want;
	return memset(at, 0, want);
}

void config_release(struct config_block **memory)
{
	for (struct config_block *block = *memory; block;) {
		struct config_block *next = block->next;
		free(block);
		block = next;
	}
	*memory = NULL;
}

void *config_keep(struct config_reader *r, size_t count, size_t size)
{
	void *at = config_alloc(&r->config->memory, count, size);
	if (!at)
		r->no_memory = true;
	return at;
}

char *config_keep_text(struct config_reader *r, const char *s, size_t n)
{
	char *copy = config_keep(r, n + 1, 1);
	return copy ? memcpy(copy, s, n) : NULL;
}

void *config_scratch(struct config_reader *r, size_t count, size_t size)
{
	void *at = config_alloc(&r->scratch, count, size);
	if (!at)
		r->no_memory = true;
	return at;
}

void config_report(struct config_errors *errors, struct config_place at, const char *fmt, ...)
{
	if (errors->count++ >= CONFIG_ERRORS_MAX)
		return;
	struct config_error *error = &errors->kept[errors->count - 1];
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

/* Those of one place stay in the order they were found. */
static void sort_errors(struct config_errors *errors)
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

static int refuse(struct config_errors *errors, int error, const char *text)
{
	config_report(errors, (struct config_place){0}, "%s", text);
	return error;
}

static int unreadable(struct config_errors *errors, int error)
{
	static const struct config_place whole;

	if (error == ENOENT)
		config_report(errors, whole,
		              "there is no such file; name one with -f FILE, or "
		              "write it (man tend.yaml shows how)");
	else if (error == EACCES)
		config_report(errors, whole, "permission denied; allow this user to read it");
	else
		config_report(errors, whole, "cannot be read: %s", strerror(error));
	return -error;
}

/* Not waiting: the path may be that of a FIFO nobody writes to. */
static int open_file(const char *path, struct config_errors *errors)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return unreadable(errors, errno);
	int error = 0;
	if (fstat(fd, &st) != 0)
		error = unreadable(errors, errno);
	else if (S_ISDIR(st.st_mode))
		error = refuse(errors, -EISDIR, "it is a directory; name the file in it");
	else if (!S_ISREG(st.st_mode))
		error = refuse(errors, -EINVAL, "it is not a regular file");
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

/* Reads until the end or until the buffer is full. */
static int read_up_to(int fd, char *buf, size_t size, size_t *got)
{
	for (*got = 0; *got < size;) {
		ssize_t n = read(fd, buf + *got, size - *got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

/* The largest file there may be and one byte: what is not read is not touched,
 * and a file that grows meanwhile is seen for what it is. */
static int read_all(int fd, char **text, size_t *size, struct config_errors *errors)
{
	char *buf = malloc(CONFIG_FILE_MAX + 1);
	if (!buf)
		return refuse(errors, -ENOMEM, "out of memory");
	int error = read_up_to(fd, buf, CONFIG_FILE_MAX + 1, size);
	if (error)
		error = unreadable(errors, error);
	else if (*size > CONFIG_FILE_MAX)
		error = refuse(errors, -EFBIG, "the file is larger than 8 MiB; is it a tend.yaml?");
	if (error)
		free(buf);
	else
		*text = buf;
	return error;
}

static int read_file(const char *path, char **text, size_t *size, struct config_errors *errors)
{
	int fd = open_file(path, errors);
	if (fd < 0)
		return fd;
	int error = read_all(fd, text, size, errors);
	close(fd);
	return error;
}

/* The directory a path lies in: of the path itself, also if it is a link. */
static int find_dir(struct config_reader *r, const char *path)
{
	char parent[PATH_MAX], dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= sizeof(parent))
		return unreadable(r->errors, ENAMETOOLONG);
	memcpy(parent, path, n);
	parent[n] = 0;
	if (!realpath(n ? parent : slash ? "/" : ".", dir))
		return unreadable(r->errors, errno);
	r->config->dir = config_keep_text(r, dir, strlen(dir));
	return 0;
}

static void parse(struct config_reader *r)
{
	yaml_document_t document;

	if (!config_parse(r, &document))
		return;
	r->document = &document;
	config_read_document(r);
	r->document = NULL;
	yaml_document_delete(&document);
}

static int read_text(struct config_reader *r)
{
	parse(r);
	config_release(&r->scratch);
	if (r->no_memory)
		return refuse(r->errors, -ENOMEM, "out of memory");
	return r->errors->count ? -EINVAL : 0;
}

int config_load(const char *path, struct config **out, struct config_errors *errors)
{
	struct config_reader r = {.errors = errors};
	char *text = NULL;

	*errors = (struct config_errors){.file = path};
	int error = read_file(path, &text, &r.size, errors);
	if (error)
		return error;
	r.text = text;
	r.config = calloc(1, sizeof(*r.config));
	error = !r.config ? refuse(errors, -ENOMEM, "out of memory") : find_dir(&r, path);
	if (error == 0)
		error = read_text(&r);
	free(text);
	sort_errors(errors);
	if (error) {
		config_free(r.config);
		return error;
	}
	*out = r.config;
	return 0;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	config_release(&config->memory);
	free(config);
}
