/* cli/config/load.c - loads a tend.yaml or a Procfile: from the file to a checked
 * configuration. */
#include "config/procfile.h"
#include "config/reader.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(struct config_errors *errors, int error, const char *text)
{
	config_report(errors, (struct config_place){0}, "%s", text);
	return error;
}

static int unreadable(struct config_errors *errors, int error)
{
	static const struct config_place whole;

	if (error == ENOENT && strcmp(errors->file, CONFIG_FILE) == 0 &&
	    access(CONFIG_PROCFILE, F_OK) == 0)
		config_report(errors, whole,
		              "there is no such file, but a " CONFIG_PROCFILE
		              "; run this with -f " CONFIG_PROCFILE);
	else if (error == ENOENT)
		config_report(errors, whole,
		              "there is no such file; name one with -f FILE, or "
		              "write it (man tend.yaml shows how)");
	else if (error == EACCES)
		config_report(errors, whole, "permission denied; allow this user to read it");
	else
		config_report(errors, whole, "cannot be read: %s", strerror(error));
	return -error;
}

/* The open does not wait, because the path may be that of a FIFO without a
 * writer. */
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

/* Reads at most the largest allowed file and one byte. Pages without contents
 * are never touched, and a file that grows meanwhile is seen as too large. */
static int read_all(int fd, char **text, size_t *size, struct config_errors *errors)
{
	char *buf = malloc(CONFIG_FILE_MAX + 1);
	if (!buf)
		return refuse(errors, -ENOMEM, "out of memory");
	int error = read_up_to(fd, buf, CONFIG_FILE_MAX + 1, size);
	assert(*size <= CONFIG_FILE_MAX + 1);
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

/* Finds the real path of the file, and the directory of the path itself, also if the
 * path is a link. */
static int find_paths(struct config_reader *r, const char *path)
{
	char parent[PATH_MAX], dir[PATH_MAX], file[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= sizeof(parent))
		return unreadable(r->errors, ENAMETOOLONG);
	memcpy(parent, path, n);
	parent[n] = 0;
	if (!realpath(n ? parent : slash ? "/" : ".", dir))
		return unreadable(r->errors, errno);
	if (!realpath(path, file))
		return unreadable(r->errors, errno);
	r->config->file = config_keep_text(r, file, strlen(file));
	r->config->dir = config_keep_text(r, dir, strlen(dir));
	return 0;
}

/* Reads the .env beside a Procfile, which may be missing. Returns false if an error was
 * reported. */
static bool read_dotenv(struct config_reader *r, char **text, size_t *size)
{
	char path[PATH_MAX];
	struct config_errors own = {0};

	int n = snprintf(path, sizeof(path), "%s/.env", r->config->dir);
	if (n < 0 || (size_t)n >= sizeof(path) || access(path, F_OK) != 0)
		return true;
	if (read_file(path, text, size, &own) == 0)
		return true;
	config_report(r->errors, (struct config_place){0}, ".env: %s", own.kept[0].text);
	return false;
}

static void parse_procfile(struct config_reader *r)
{
	char *dotenv = NULL;
	size_t size = 0;

	if (read_dotenv(r, &dotenv, &size))
		config_read_procfile(r, dotenv, size);
	free(dotenv);
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

/* An invisible character may be the reason of any error. */
static void report_unseen(struct config_reader *r)
{
	if (r->errors->count == 0 || r->unseen.line == 0)
		return;
	if (r->errors->count >= CONFIG_ERRORS_MAX)
		r->errors->count = CONFIG_ERRORS_MAX - 1;
	config_report(r->errors, r->unseen,
	              "here stands U+%04X, which looks like a space or like nothing and is "
	              "neither to YAML; type an ordinary space, or remove it",
	              (unsigned)r->unseen_code);
}

static int read_text(struct config_reader *r, const char *path, char *text)
{
	if (config_is_procfile(path, text, r->size))
		parse_procfile(r);
	else {
		config_join_surrogates(text, r->size);
		parse(r);
	}
	report_unseen(r);
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
	error = !r.config ? refuse(errors, -ENOMEM, "out of memory") : find_paths(&r, path);
	if (error == 0)
		error = read_text(&r, path, text);
	free(text);
	config_errors_sort(errors);
	assert((error == 0) == (errors->count == 0));
	if (error) {
		config_free(r.config);
		return error;
	}
	assert(errors->count == 0 && r.config->name && r.config->ntasks > 0);
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
