/* cli/up/ready.c - whether an attempt is ready and alive: the fibers of the probes, and the
 * lines of the output.
 *
 * The fibers of an attempt are in a scope of their own, which ends with the attempt. */
#include "up/probe.h"
#include "up/up.h"
#include "show/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_NS TEND_SEC /* a try may take as long, also if tries follow faster */

int up_ready_open(struct up_task *t)
{
	const struct config_probe *probes[] = {&t->config->ready, &t->config->alive};

	for (int i = 0; i < 2; i++) {
		if (probes[i]->kind != CONFIG_PROBE_LOG)
			continue;
		t->patterns[i] = calloc(1, sizeof(*t->patterns[i]));
		if (!t->patterns[i])
			return -ENOMEM;
		/* The pattern was compiled when it was read, so only memory can be short. */
		if (regcomp(t->patterns[i], probes[i]->text, REG_EXTENDED | REG_NOSUB) != 0) {
			free(t->patterns[i]);
			t->patterns[i] = NULL;
			return -ENOMEM;
		}
	}
	return up_notify_open(t);
}

void up_ready_close(struct up_task *t)
{
	up_notify_close(t);
	for (int i = 0; i < 2; i++) {
		if (t->patterns[i])
			regfree(t->patterns[i]);
		free(t->patterns[i]);
		t->patterns[i] = NULL;
	}
}

static uint64_t sooner(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* A cancel counts also if it came after the instant, because the fibers of the next attempt may
 * be there already. */
static int sleep_until(uint64_t instant)
{
	int error = tend_sleep_until(instant);

	return error ? error : tend_checkpoint();
}

/* Says why the attempt has failed although its process lives. */
static void fault(struct up_task *t, const char *what, uint64_t after_ns, const char *why)
{
	char time[32], text[512];

	tend_duration_text(after_ns, time, sizeof(time));
	snprintf(text, sizeof(text), "%s %s: %s", what, time, why);
	/* An attempt that is over, or is to stop, needs no reason. */
	(void)!tend_task_fail(t->process, t->probed, -ETIME, text);
}

/* Tries once, and keeps the reason of a failure. A try that only ran out of time, because all
 * the time is over, says less than the try before. */
static int try_once(struct up_task *t, const struct config_probe *probe, uint64_t limit, char *why,
                    size_t size)
{
	uint64_t room = probe->every_ns > TRY_NS ? probe->every_ns : TRY_NS;
	char text[160] = "";
	int error = probe_try(probe, t->config, t->probes, sooner(limit, tend_after(room)), text,
	                      sizeof(text));

	if (tend_checkpoint() != 0)
		return -ECANCELED;
	if (error && (error != -ETIMEDOUT || tend_now() < limit || !why[0]))
		snprintf(why, size, "%s", text);
	return error;
}

/* The program says it, and nobody asks. */
static bool is_told(const struct config_probe *probe)
{
	return probe->kind == CONFIG_PROBE_LOG || probe->kind == CONFIG_PROBE_NOTIFY ||
	       probe->kind == CONFIG_PROBE_FD;
}

/* Writes why there was no sign, as long as there is no better reason. */
static void silent(const struct config_probe *probe, const char *word, char *why, size_t size)
{
	why[0] = 0;
	if (probe->kind == CONFIG_PROBE_NOTIFY)
		snprintf(why, size, "no %s came by sd_notify", word);
	else if (probe->kind == CONFIG_PROBE_FD)
		snprintf(why, size, "no newline came on descriptor %d", CONFIG_READY_FD);
	else if (probe->kind == CONFIG_PROBE_LOG)
		snprintf(why, size, "no line of its output matched %.80s", probe->text);
}

static int spawn(struct up_task *t, tend_fn *fn, const char *name)
{
	return tend_spawn(t->probes, fn, t, TEND_TASK_OPTS(.name = name), NULL);
}

/* ---- Alive ---- */

static int alive_main(void *arg)
{
	struct up_task *t = arg;
	const struct config_probe *probe = &t->config->alive;
	bool waits = is_told(probe);
	uint64_t next = tend_after(probe->after_ns);
	char why[160];

	silent(probe, "WATCHDOG=1", why, sizeof(why));
	for (t->sign_at = next;;) {
		uint64_t limit = t->sign_at + probe->timeout_ns;
		if (sleep_until(waits ? limit : sooner(next, limit)) != 0)
			return 0;
		next = tend_after(probe->every_ns);
		int error = waits ? -ETIMEDOUT : try_once(t, probe, limit, why, sizeof(why));
		if (error == 0)
			t->sign_at = tend_now();
		else if (error == -ECANCELED)
			return 0;
		if (tend_now() >= t->sign_at + probe->timeout_ns) {
			fault(t, "no sign of life for", probe->timeout_ns, why);
			return 0;
		}
	}
}

static void watch_alive(struct up_task *t)
{
	if (t->config->alive.kind && spawn(t, alive_main, "alive") != 0)
		fault(t, "watched for", 0, "out of memory");
}

/* ---- Ready ---- */

static void be_ready(struct up_task *t)
{
	char time[32];

	t->ready = true;
	tend_duration_text(tend_now() - t->began_at, time, sizeof(time));
	up_task_say(t, "ready after %s", time);
	t->wait[0] = 0;
	t->was_ready |= t->started;
	tend_event_set(t->up->changed);
	tend_event_set(t->news);
	if (t->probes.id)
		watch_alive(t);
}

/* A sign of an attempt that is over says nothing of the next. */
static void become_ready(struct up_task *t, uint32_t attempt)
{
	if (attempt == t->attempt && !t->ready && tend_task_ready(t->process, attempt) == 0)
		be_ready(t);
}

void up_probes_fd(struct up_task *t, uint32_t attempt)
{
	if (t->config->ready.kind == CONFIG_PROBE_FD && attempt == t->attempt && !t->ready)
		be_ready(t);
}

static int ready_main(void *arg)
{
	struct up_task *t = arg;
	const struct config_probe *probe = &t->config->ready;
	bool waits = is_told(probe);
	uint64_t limit = t->began_at + probe->timeout_ns, next = tend_after(probe->after_ns);
	char why[160];

	silent(probe, "READY=1", why, sizeof(why));
	while (!t->ready) {
		if (sleep_until(waits ? limit : sooner(next, limit)) != 0)
			return 0;
		next = tend_after(probe->every_ns);
		int error = waits ? -ETIMEDOUT : try_once(t, probe, limit, why, sizeof(why));
		if (error == -ECANCELED)
			return 0;
		if (error == 0)
			become_ready(t, t->probed);
		else if (tend_now() >= limit && !t->ready) {
			fault(t, "not ready within", probe->timeout_ns, why);
			return 0;
		}
		if (error && !t->ready)
			snprintf(t->wait, sizeof(t->wait), "not ready: %.140s", why);
	}
	return 0;
}

static int notify_main(void *arg)
{
	struct up_task *t = arg;
	int says;

	while ((says = up_notify_wait(t)) >= 0) {
		if (says & UP_SAYS_ALIVE)
			t->sign_at = tend_now();
		if (says & UP_SAYS_READY && t->config->ready.kind == CONFIG_PROBE_NOTIFY)
			become_ready(t, t->attempt); /* see notify.c */
	}
	return 0;
}

static void begin(struct up_task *t)
{
	const struct config_task *c = t->config;

	t->probed = t->attempt;
	if (!c->ready.kind && !c->alive.kind)
		return;
	int error = tend_scope_open(t->up->own, "probes", NULL, &t->probes);
	/* The output callback of another task may take the news. Such a task must not own the
	 * scope, because the scope would end with its attempt. */
	if (!error)
		error = tend_scope_hold(t->probes, (tend_task){0});
	if (!error && t->notify)
		error = spawn(t, notify_main, "notify");
	if (!error && !t->ready)
		error = spawn(t, ready_main, "ready");
	if (error)
		fault(t, "watched for", 0, tend_strerror(error));
	else if (t->ready)
		watch_alive(t);
}

static int close_main(void *arg)
{
	(void)!tend_scope_close((tend_scope){(uintptr_t)arg}, TEND_FOREVER, NULL);
	return 0;
}

/* The end of a probe may take long, and the fiber that follows the events does not wait. Without
 * memory for the fiber, the scope stays until the stack ends. */
static void end(struct up_task *t)
{
	_Static_assert(sizeof(void *) >= sizeof(t->probes.id), "the argument is an id");
	void *id = (void *)(uintptr_t)t->probes.id;

	tend_scope_cancel(t->probes, -ECANCELED, "the attempt has ended");
	t->probes = (tend_scope){0};
	(void)!tend_spawn(t->up->own, close_main, id, TEND_TASK_OPTS(.name = "close"), NULL);
}

void up_probes_follow(struct up_task *t)
{
	if (t->probes.id && (t->pid == 0 || t->probed != t->attempt))
		end(t);
	if (t->pid > 0 && t->probed != t->attempt)
		begin(t);
}

/* ---- Output ---- */

static bool matches(const regex_t *pattern, const char *text, size_t n)
{
	regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)n};

	return pattern && regexec(pattern, text, 1, &range, REG_STARTEND) == 0;
}

void up_probes_line(struct up_task *t, const char *text, size_t n)
{
	char plain[PRINT_LINE_MAX];

	if ((!t->patterns[0] && !t->patterns[1]) || n > sizeof(plain))
		return;
	memcpy(plain, text, n);
	n = text_uncolour(plain, n);
	if (matches(t->patterns[1], plain, n))
		t->sign_at = tend_now();
	if (matches(t->patterns[0], plain, n))
		become_ready(t, t->attempt);
}
