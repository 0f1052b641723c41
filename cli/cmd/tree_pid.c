/* cli/cmd/tree_pid.c - `tend tree PID` and `tend tree FILE`: the tree of one process, read from
 * the registries of the runtimes or from a registry file. */
#include "cmd/tree_pid.h"
#include "ask/graft.h"
#include "ask/registry.h"
#include "show/output.h"
#include "show/tree.h"

#include <assert.h>
#include <tend/registry.h>
#include <tend/runtime.h>
#include <tend/task.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ids are unique in a process, so the rows of all runtimes make one list. Returns true if rows of
 * other processes are among them. */
static bool rows_of(json_t *rows, tend_snapshot *const *snapshots, size_t n, bool all)
{
	bool grafted = false;

	assert(n > 0);
	for (size_t i = 0; i < n; i++)
		grafted |= graft_rows(rows, snapshots[i], all, SIZE_MAX);
	return grafted;
}

/* The name is the name of the runtime that was opened last. */
static int print_json(tend_snapshot *const *snapshots, size_t n, bool all)
{
	struct tend_snapshot_info about;
	json_t *rows = json_array();
	uint64_t torn = 0;

	for (size_t i = 0; i < n; i++) {
		tend_snapshot_about(snapshots[i], &about);
		torn += about.torn;
	}
	rows_of(rows, snapshots, n, all);
	json_t *envelope =
		envelope_ok("tend.tree/1", json_pack("{s:s, s:I, s:b, s:I, s:o}", "name",
	                                             about.name + (about.name[0] == '.'), "pid",
	                                             (json_int_t)about.pid, "ended", about.ended,
	                                             "torn", (json_int_t)torn, "tasks", rows));
	output_json(envelope);
	json_decref(envelope);
	return output_end(0);
}

static bool has_processes(tend_snapshot *const *snapshots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < tend_snapshot_count(snapshots[i]); k++)
			if (tend_snapshot_at(snapshots[i], k)->kind == TEND_KIND_PROCESS)
				return true;
	return false;
}

/* Prints the rows as one tree if there are rows of other processes. Returns false, with nothing
 * printed, if there are none. */
static bool print_grafted(tend_snapshot *const *snapshots, size_t n, bool ascii, bool all)
{
	/* Rows are not worth their memory where nothing can be grafted. */
	json_t *rows = has_processes(snapshots, n) ? json_array() : NULL;
	bool grafted = rows && rows_of(rows, snapshots, n, all);

	if (grafted)
		tree_print(rows, ascii);
	json_decref(rows);
	return grafted;
}

/* Measuring the text takes as long as drawing the text, so the first call draws
 * into memory of a guessed size. */
static char *draw(const tend_snapshot *snapshot, uint32_t flags)
{
	enum { GUESS = 160 }; /* bytes of a row */
	size_t size = (tend_snapshot_count(snapshot) + 1) * GUESS, n;

	for (;;) {
		char *text = malloc(size);

		if (!text)
			return NULL;
		n = tend_snapshot_text(snapshot, flags, text, size);
		if (n < size)
			return text;
		free(text);
		size = n + 1;
	}
}

static int print_text(tend_snapshot *const *snapshots, size_t n, bool ascii, bool all_rows)
{
	const uint32_t flags = (ascii ? TEND_TREE_ASCII : 0) | (all_rows ? 0 : TEND_TREE_HIDE);
	bool all = true;

	if (print_grafted(snapshots, n, ascii, all_rows))
		return output_end(0);

	for (size_t i = 0; i < n; i++) {
		char *text = draw(snapshots[i], flags);

		if (text)
			fputs(text, stdout);
		all &= text != NULL;
		free(text);
	}
	return output_end(all ? 0 : EXIT_FAILED);
}

/* Prints and frees the snapshots. Returns the exit code. */
static int show(const struct client *client, tend_snapshot **snapshots, size_t n, bool ascii,
                bool all)
{
	int code =
		client->json ? print_json(snapshots, n, all) : print_text(snapshots, n, ascii, all);

	while (n > 0)
		tend_snapshot_free(snapshots[--n]);
	return code;
}

int cmd_tree_pid(const struct client *client, pid_t pid, bool ascii, bool all)
{
	assert(pid > 0);
	tend_snapshot *snapshots[TEND_RUNTIMES_MAX];
	int64_t n = tend_snapshots_of(pid, snapshots, TEND_RUNTIMES_MAX);

	if (n < 0)
		return output_end(registry_tell(client, pid, (int)n));
	return show(client, snapshots, (size_t)n, ascii, all);
}

/* ---- A file ---- */

/* Opens a regular file. Nothing else is opened for reading, because a FIFO would wait for a
 * writer, and a device may do anything. Returns the descriptor, or a negative errno value: -EPROTO
 * for what is no regular file. */
static int open_file(const char *path, struct stat *st)
{
	char place[40];
	int fd = open(path, O_PATH | O_CLOEXEC), file = -1, error = errno;

	if (fd < 0 || fstat(fd, st) != 0)
		return -error;
	snprintf(place, sizeof(place), "/proc/self/fd/%d", fd);
	error = EPROTO;
	if (S_ISREG(st->st_mode)) {
		file = open(place, O_RDONLY | O_CLOEXEC);
		error = errno;
	}
	close(fd);
	return file < 0 ? -error : file;
}

static int tell_file(const struct client *client, const char *path, int error, const char *why)
{
	char text[PATH_MAX + 200];
	int code = error == -ENOENT || error == -ENOTDIR ? EXIT_NO_TASK
	           : error == -EACCES || error == -EPERM ? EXIT_PERMISSION
	                                                 : EXIT_FAILED;

	snprintf(text, sizeof(text), "%.*s: %s", PATH_MAX, path, why ? why : tend_strerror(error));
	return client_tell(client, code, text);
}

/* Says what is wrong with a file that the library does not understand. The first fields are the
 * same in all versions. */
static int tell_format(const struct client *client, const char *path, int fd, const struct stat *st)
{
	struct {
		char magic[8];
		uint32_t version, header_bytes;
		uint64_t bytes;
	} head = {{0}, 0, 0, 0};
	ssize_t n = pread(fd, &head, sizeof(head), 0);
	char why[160];

	if (n < (ssize_t)sizeof(head.magic) || memcmp(head.magic, "TENDREG", 8) != 0)
		return tell_file(client, path, -EPROTO,
		                 "this is no registry; the registry_path of a runtime is one");
	if (n == sizeof(head) && head.bytes <= (uint64_t)st->st_size)
		return tell_file(client, path, -EPROTO,
		                 "the registry is damaged, or of a version of libtend that this "
		                 "version of tend does not understand");
	snprintf(why, sizeof(why), "the registry is cut off after %lld bytes; copy it as a whole",
	         (long long)st->st_size);
	return tell_file(client, path, -EPROTO, why);
}

int cmd_tree_file(const struct client *client, const char *path, bool ascii, bool all)
{
	tend_snapshot *snapshot;
	struct stat st;
	int fd = open_file(path, &st);

	if (fd < 0)
		return output_end(tell_file(client, path, fd,
		                            fd == -EPROTO ? "this is no regular file" : NULL));
	int error = tend_snapshot_fd(fd, &snapshot);
	int code = !error             ? show(client, &snapshot, 1, ascii, all)
	           : error == -EPROTO ? tell_format(client, path, fd, &st)
	                              : tell_file(client, path, error, NULL);
	close(fd);
	return error ? output_end(code) : code;
}
