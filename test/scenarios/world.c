#include "scenario.h"

tend_runtime *rt;
tend_scope root;

static tend_event *events[64];
static int events_count;

struct give_up gave_up;

static void note_give_up(tend_scope scope, const struct tend_reason *reason, void *arg)
{
	ck_assert_ptr_eq(arg, &gave_up);
	gave_up.scope = scope;
	gave_up.reason = *reason;
	gave_up.count++;
}

static void ignore_failure(const char *message) { ck_assert_str_ne(message, ""); }

void open_world(uint32_t workers)
{
	tend_set_failure_hook(ignore_failure);
	events_count = 0;
	gave_up = (struct give_up){0};
	OK(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "w", .workers = workers, .tasks_max = 10000,
	                                       .events_max = 64, .restarts_per_s = UINT32_MAX,
	                                       .guard_path = getenv("TEND_GUARD"),
	                                       .gave_up = note_give_up, .gave_up_arg = &gave_up),
	                     &rt));
	root = tend_root(rt);
}

void close_world(void)
{
	OK(tend_runtime_close(rt, SOON));
	for (int i = 0; i < events_count; i++)
		tend_event_close(events[i]);
}

tend_scope child(tend_scope parent, const char *name)
{
	tend_scope s;

	OK(tend_scope_open(parent, name, NULL, &s));
	return s;
}

tend_event *new_event(void)
{
	ck_assert_int_lt(events_count, 64);
	OK(tend_event_open(&events[events_count]));
	return events[events_count++];
}

int64_t live(tend_scope s)
{
	int64_t n = tend_scope_live(s);

	ck_assert_int_ge((int)n, 0);
	return n;
}

struct tend_outcome joined(tend_task t)
{
	struct tend_outcome o;
	char path[64];

	OK(tend_join(t, &o, SOON));
	/* The row of a joined task stays for a moment, until the worker gives the slot back. */
	while (tend_path(t.id, path, sizeof(path)) != -ESRCH)
		tend_yield();
	return o;
}

/* ---- The tree as text ---- */

struct drawing {
	const tend_snapshot *s;
	char *text;
	size_t size, n;
};

static void put(struct drawing *d, const char *text)
{
	size_t n = strlen(text);

	ck_assert_uint_lt(d->n + n, d->size);
	memcpy(d->text + d->n, text, n + 1);
	d->n += n;
}

static const char *mark(const struct tend_info *info)
{
	if (info->state == TEND_STATE_ENDED)
		return ".";
	if (info->state == TEND_STATE_ABANDONED)
		return "?";
	return info->state == TEND_STATE_STOPPING ? "*" : "";
}

static bool is_bare(const tend_snapshot *s, const struct tend_info *scope)
{
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		if (tend_snapshot_at(s, i)->parent == scope->id)
			return false;
	return true;
}

/* Below the scope, in the order of the rows. */
static void draw(struct drawing *d, uint64_t scope)
{
	const char *between = "";

	for (size_t i = 0; i < tend_snapshot_count(d->s); i++) {
		const struct tend_info *info = tend_snapshot_at(d->s, i);

		if (info->parent != scope ||
		    (info->id == tend_detached(rt).id && is_bare(d->s, info)))
			continue;
		put(d, between);
		put(d, info->name);
		put(d, mark(info));
		if (info->kind == TEND_KIND_SCOPE) {
			put(d, "(");
			draw(d, info->id);
			put(d, ")");
		}
		between = " ";
	}
}

const char *tree(void)
{
	static char text[1024];
	struct drawing d = {.text = text, .size = sizeof(text)};
	tend_snapshot *s;

	text[0] = '\0';
	OK(tend_snapshot_take(rt, &s));
	d.s = s;
	draw(&d, root.id);
	tend_snapshot_free(s);
	return text;
}

/* ---- Waiting for the registry ---- */

static bool is_in_state(uint64_t id, uint8_t state)
{
	tend_snapshot *s;
	bool found = false;

	OK(tend_snapshot_take(rt, &s));
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		if (tend_snapshot_at(s, i)->id == id)
			found = tend_snapshot_at(s, i)->state == state;
	tend_snapshot_free(s);
	return found;
}

void await_state(uint64_t id, uint8_t state)
{
	uint64_t deadline = SOON;

	while (!is_in_state(id, state)) {
		ck_assert_uint_lt(tend_now(), deadline);
		tend_yield();
	}
}

void await_count(_Atomic int *counter, int n)
{
	uint64_t deadline = SOON;

	while (atomic_load(counter) < n) {
		ck_assert_uint_lt(tend_now(), deadline);
		tend_yield();
	}
}

tend_task process(tend_scope s, const char *name, uint64_t stop_ns)
{
	tend_task t;

	OK(tend_spawn_process(s, TEND_PROCESS_OPTS(.argv = argv_of(name), .stop_ns = stop_ns), &t));
	return t;
}

void until_it_says(tend_task t, const char *word)
{
	char tail[4096];
	uint64_t deadline = SOON;

	for (;;) {
		int64_t n = tend_process_tail(t, tail, sizeof(tail) - 1, NULL);

		ck_assert_int_ge((int)n, 0);
		tail[n] = '\0';
		if (strstr(tail, word) && tend_process_pid(t) > 0)
			return;
		ck_assert_uint_lt(tend_now(), deadline);
		/* Another process is at work, so only a look tells. */
		OK(tend_sleep(TEND_MS));
	}
}

int wait_for(void *event) { return tend_event_wait(event, TEND_FOREVER); }

int end_at_once(void *arg)
{
	(void)arg;
	return 0;
}

int ignore_cancels(void *event)
{
	/* A wait that is canceled answers that first; behind a shield it looks. */
	while (tend_event_wait(event, TEND_FOREVER)) {
		uint64_t outer;
		int error;

		OK(tend_shield_begin(tend_after(2 * TEND_MS), &outer));
		error = tend_event_wait(event, tend_after(TEND_MS));
		tend_shield_end(outer);
		if (!error)
			break;
	}
	return 7;
}

void count_one(void *counter) { atomic_fetch_add((_Atomic int *)counter, 1); }
