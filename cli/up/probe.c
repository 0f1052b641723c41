/* cli/up/probe.c - one try of a way to find out whether a task is ready or alive: a
 * connection, a request, a program. */
#include "up/probe.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static int fail(char *why, size_t size, const char *text, int error)
{
	assert(error < 0);
	snprintf(why, size, "%s: %s", text,
	         error == -ETIMEDOUT ? "no answer in time" : tend_strerror(error));
	return error;
}

static int try_tcp(const struct config_probe *probe, uint64_t deadline, char *why, size_t size)
{
	int fd = tend_connect(probe->address, deadline);

	if (fd < 0)
		return fail(why, size, probe->address, fd);
	tend_fd_close(fd);
	return 0;
}

/* Reads the line of the status as far as the code. Returns the code, or an error. */
static int read_status(int fd, uint64_t deadline)
{
	static const char begin[] = "HTTP/1.";
	enum { CODE_AT = sizeof("HTTP/1.1 ") - 1, CODE_END = CODE_AT + 3 };
	char line[CODE_END + 1] = "";

	for (size_t n = 0; n < CODE_END;) {
		ssize_t got = tend_read(fd, line + n, CODE_END - n, deadline);
		if (got < 0)
			return (int)got;
		if (got == 0)
			return -EBADMSG;
		n += (size_t)got;
	}
	char *end;
	long code = strtol(line + CODE_AT, &end, 10);
	if (memcmp(line, begin, sizeof(begin) - 1) != 0 || end != line + CODE_END || code < 100)
		return -EBADMSG;
	return (int)code;
}

static int try_http(const struct config_probe *probe, uint64_t deadline, char *why, size_t size)
{
	enum { GOOD = 200, BAD = 400 };
	size_t room = strlen(probe->path) + 200;
	char *request = malloc(room);
	int fd = request ? tend_connect(probe->address, deadline) : -ENOMEM;

	if (fd < 0) {
		free(request);
		return fail(why, size, probe->text, fd);
	}
	int n = snprintf(request, room,
	                 "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: tend\r\nConnection: "
	                 "close\r\n\r\n",
	                 probe->path, probe->address + strlen("tcp:"));
	assert(n > 0 && (size_t)n < room);
	ssize_t done = tend_write(fd, request, (size_t)n, deadline);
	int code = done < 0 ? (int)done : read_status(fd, deadline);
	tend_fd_close(fd);
	free(request);
	if (code < 0)
		return code == -EBADMSG
		               ? (snprintf(why, size, "%s: the answer is not HTTP", probe->text),
		                  code)
		               : fail(why, size, probe->text, code);
	if (code >= GOOD && code < BAD)
		return 0;
	snprintf(why, size, "%s: the answer is %d", probe->text, code);
	return -EBADMSG;
}

/* Runs the program until it has ended, at most until the deadline. */
static int run(tend_scope scope, const struct config_task *task, uint64_t deadline,
               struct tend_outcome *outcome)
{
	char **env = config_environment(task, environ, NULL);
	tend_task process;

	if (!env)
		return -ENOMEM;
	int error = tend_spawn_process(scope,
	                               TEND_PROCESS_OPTS(.name = "probe", .stop_ns = TEND_SEC,
	                                                 .cwd = task->cwd,
	                                                 .argv = (const char *const *)task->argv,
	                                                 .env = (const char *const *)env),
	                               &process);
	free(env);
	if (error)
		return error;
	error = tend_join(process, outcome, deadline);
	if (error != -ETIMEDOUT)
		return error;
	tend_task_cancel(process, -ETIMEDOUT, "the probe took too long");
	error = tend_join(process, outcome, TEND_FOREVER);
	return error ? error : -ETIMEDOUT;
}

static int try_exec(const struct config_probe *probe, const struct config_task *of,
                    tend_scope above, uint64_t deadline, char *why, size_t size)
{
	struct config_task task = *of;
	struct tend_outcome outcome;
	tend_scope scope;

	task.argv = probe->argv;
	int error = tend_scope_open(above, "probe", NULL, &scope);
	if (error)
		return fail(why, size, probe->text, error);
	error = run(scope, &task, deadline, &outcome);
	if (error)
		tend_scope_cancel(scope, error, "the probe is over");
	(void)!tend_scope_close(scope, TEND_FOREVER, NULL);
	if (error)
		return fail(why, size, probe->text, error);
	if (outcome.kind == TEND_COMPLETED)
		return 0;
	if (outcome.message[0])
		snprintf(why, size, "%s: %s", probe->text, outcome.message);
	else
		snprintf(why, size, "%s exited with code %d", probe->text, outcome.result);
	return -ECHILD;
}

int probe_try(const struct config_probe *probe, const struct config_task *task, tend_scope above,
              uint64_t deadline, char *why, size_t size)
{
	switch (probe->kind) {
	case CONFIG_PROBE_TCP:
		return try_tcp(probe, deadline, why, size);
	case CONFIG_PROBE_HTTP:
		return try_http(probe, deadline, why, size);
	default:
		assert(probe->kind == CONFIG_PROBE_EXEC);
		return try_exec(probe, task, above, deadline, why, size);
	}
}
