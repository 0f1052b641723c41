/* test/fuzz/fuzz_config.c - any bytes as a tend.yaml.
 *
 * A file is loaded or refused, never both, and what was loaded is consistent:
 * the order is one of all tasks in which each comes after what it needs. */
#include "config/config.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char path[64];
static int file = -1;
static FILE *nowhere;

static void require(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "not true: %s\n", what);
	abort();
}

static void check_order(const struct config *c)
{
	bool *started = calloc(c->ntasks, sizeof(bool));
	require(started || c->ntasks == 0, "memory");
	for (size_t i = 0; i < c->ntasks; i++) {
		const struct config_task *t = &c->tasks[c->order[i]];
		require(!started[c->order[i]], "a task is started once");
		for (size_t k = 0; k < t->nneeds; k++)
			require(started[t->needs[k].task], "what a task needs is started before");
		started[c->order[i]] = true;
	}
	free(started);
}

static void check_restart(const struct config_task *t)
{
	const struct tend_restart *r = &t->restart;

	require(r->delay_ns > 0 && r->delay_ns <= r->delay_max_ns, "the rests have a limit");
	require(r->factor >= 1000 && r->jitter <= TEND_JITTER_DECORRELATED, "the rests grow");
	for (const int32_t *code = r->success; code && *code; code++)
		require(*code >= 1 && *code <= 255, "a code is one");
	require(t->ready.kind == CONFIG_PROBE_NONE || t->ready.text, "a probe has a text");
	require((t->ready.kind != CONFIG_PROBE_TCP && t->ready.kind != CONFIG_PROBE_HTTP) ||
	                t->ready.address,
	        "a probe has an address");
	require(r->ready_ns > 0 || !t->ready.kind, "what is to be ready has time");
}

static void check_task(const struct config_task *t)
{
	static char *const parent[] = {"PATH=/bin", "HOME=/", NULL};
	size_t n = strlen(t->name);
	require(n >= 1 && n <= CONFIG_NAME_MAX, "a name has 1 to 47 bytes");
	require(t->argv[0] && t->argv[0][0], "there is a program");
	require(t->cwd[0] == '/', "the directory is absolute");
	require(t->stop_signal > 0 && t->stop_timeout_ns > 0, "there is a signal, and time");
	for (size_t i = 0; i < t->nstop_steps; i++)
		require(t->stop_steps[i].signal > 0 &&
		                t->stop_steps[i].after_ns < t->stop_timeout_ns,
		        "a step is within the time of the stop");
	check_restart(t);
	char **environment = config_environment(t, parent, NULL);
	require(environment != NULL, "memory");
	for (char **e = environment; *e; e++)
		require(strchr(*e, '=') > *e, "a variable has a name");
	free(environment);
}

static void check_valid(const struct config *c, const struct config_errors *errors)
{
	require(errors->count == 0, "a valid file has no errors");
	require(c->ntasks > 0 && c->name[0], "there are a name and tasks");
	for (size_t i = 0; i < c->ntasks; i++)
		check_task(&c->tasks[i]);
	check_order(c);
}

static void open_file(void)
{
	file = memfd_create("tend.yaml", MFD_CLOEXEC);
	nowhere = fopen("/dev/null", "we");
	require(file >= 0 && nowhere, "a file in memory");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors;
	struct config *c = NULL;

	if (file < 0)
		open_file();
	require(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size, "a write");
	int error = config_load(path, &c, &errors);
	require((error == 0) == (c != NULL), "a file is loaded or refused");
	if (c)
		check_valid(c, &errors);
	else
		require(errors.count > 0, "what is refused has an error");
	config_errors_write(&errors, "error", nowhere);
	json_t *data_json = config_check_json(c, &errors, NULL);
	require(data_json != NULL, "errors are printable as JSON");
	json_decref(data_json);
	config_free(c);
	return 0;
}
