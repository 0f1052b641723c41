/* cli/ask/processes.c - a process and the processes below. */
#include "ask/processes.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a file of /proc as text. Returns false if the file is not there. */
static bool read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	if (n > 0)
		buf[n] = 0;
	return n > 0;
}

static void add_children(struct processes *out, const char *path)
{
	char buf[4096], *at = buf, *end;

	if (!read_text(path, buf, sizeof(buf)))
		return;
	for (long pid; (pid = strtol(at, &end, 10)) > 0 && end != at; at = end)
		if (out->n < PROCESSES_MAX && *end != 0)
			out->pid[out->n++] = (pid_t)pid;
}

/* A child belongs to the thread that made the child, so the children of all threads
 * are added. */
static void add_children_of(struct processes *out, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *d = opendir(path);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		long tid = strtol(e->d_name, NULL, 10);
		if (tid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%ld/children", (int)pid, tid);
		add_children(out, path);
	}
	closedir(d);
}

void processes_of(struct processes *out, pid_t pid)
{
	assert(pid > 0);
	out->n = 1;
	out->pid[0] = pid;
	for (size_t i = 0; i < out->n; i++)
		add_children_of(out, out->pid[i]);
}

bool process_is_stopped(pid_t pid)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	/* "PID (NAME) STATE ...", and a name may hold anything. */
	const char *name = read_text(path, text, sizeof(text)) ? strrchr(text, ')') : NULL;
	return name && name[1] == ' ' && (name[2] == 'T' || name[2] == 't');
}
