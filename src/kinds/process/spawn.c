/* kinds/process/spawn.c - copies the options of a process, and makes its task. */
#include "kinds/process/process.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define STOP_NS (10 * TEND_SEC)

extern char **environ;

static void free_process(struct tend__process *p)
{
	tend__assert(!tend__linked(&p->live) && !tend__linked(&p->todo) && p->pidfd < 0);
	tend__assert(p->out[0] < 0 && p->out[1] < 0 && p->ready < 0);
	tend__process_close_ends(p, false);
	tend__output_free(p);
	tend__free(p);
}

static void process_gone(struct tend__task *t)
{
	struct tend__process *p = tend__own(t);

	if (!p)
		return;
	if (p->children)
		tend__link_leave(p);
	free_process(p);
}

static void process_drop(void *arg)
{
	struct tend__process *p = arg;

	tend__assert(tend__own(p->task) == p && p->drop);
	p->drop(p->output_arg);
}

const struct tend__kind tend__process_kind = {.wake = tend__process_wake,
                                              .turn = tend__process_turn,
                                              .starved = tend__process_starved,
                                              .told = tend__link_told,
                                              .leave = tend__fiber_end,
                                              .gone = process_gone,
                                              .begin = tend__process_begin,
                                              .broke = tend__process_broke,
                                              .retire = tend__process_retire,
                                              .quit = tend__fiber_rest};

/* Returns true for a variable that children get by default. Names that end in '*' are
 * prefixes. */
static bool passed_on(const char *var)
{
#define X(name) name,
	static const char *const names[] = {TEND_ENVIRONMENT(X)};
#undef X

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strcspn(names[i], "*");

		if (strncmp(var, names[i], n) == 0 && (names[i][n] == '*' || var[n] == '='))
			return true;
	}
	return false;
}

/* Returns true for a variable that a child gets where the caller has named all variables: the
 * child has a parent of its own. */
static bool given_on(const char *var)
{
	return strncmp(var, TEND__PARENT "=", sizeof(TEND__PARENT)) != 0;
}

static bool every(const char *text)
{
	(void)text;
	return true;
}

typedef bool keeps_fn(const char *text);

struct room {
	size_t bytes, pointers;
};

static void measure(struct room *room, const char *const *list, keeps_fn *keeps)
{
	for (; *list; list++)
		if (keeps(*list)) {
			room->bytes += strlen(*list) + 1;
			room->pointers++;
		}
	room->pointers++;
}

/* `last` stands behind the list, unless `last` is NULL. */
static const char **copy(const char ***slot, char **bytes, const char *const *list, keeps_fn *keeps,
                         const char *last)
{
	const char **first = *slot;

	for (; *list; list++)
		if (keeps(*list)) {
			size_t n = strlen(*list) + 1;

			*(*slot)++ = memcpy(*bytes, *list, n);
			*bytes += n;
		}
	if (last)
		*(*slot)++ = last;
	*(*slot)++ = NULL;
	return first;
}

static int make(const struct tend_process_opts *o, struct tend__process **out)
{
	static const char *const none[] = {NULL};
	const char *const *own = environ ? (const char *const *)environ : none;
	const char *const *env = o->env ? o->env : own;
	keeps_fn *keeps = o->env ? given_on : passed_on;
	struct room room = {o->cwd ? strlen(o->cwd) + 1 : 0, 1};

	measure(&room, o->argv, every);
	measure(&room, env, keeps);
	struct tend__process *p =
		tend__alloc(sizeof(*p) + room.pointers * sizeof(*p->pointers) + room.bytes);
	if (!p)
		return -ENOMEM;
	const char **slot = p->pointers;
	char *bytes = (char *)(slot + room.pointers);
	p->argv = copy(&slot, &bytes, o->argv, every, NULL);
	p->env = copy(&slot, &bytes, env, keeps, p->parent);
	tend__assert(slot == p->pointers + room.pointers);
	if (o->cwd)
		p->cwd = memcpy(bytes, o->cwd, strlen(o->cwd) + 1);
	p->stop.signal = o->stop_signal ? o->stop_signal : SIGTERM;
	p->stop.ns = o->stop_ns ? o->stop_ns : STOP_NS;
	p->stop.leader = o->flags & TEND_STOP_LEADER;
	p->output = p->callback = o->output;
	p->output_arg = o->output_arg;
	p->drop = o->drop;
	p->one_output = o->flags & TEND_ONE_OUTPUT;
	p->inherited = o->flags & TEND_INHERIT_OUTPUT;
	p->ready_fd = o->ready_fd;
	p->ends[0] = p->ends[1] = p->ends[2] = p->ends[3] = -1;
	p->out[0] = p->out[1] = p->ready = p->pidfd = p->base = -1;
	tend__link_init(&p->live);
	tend__link_init(&p->todo);
	tend__link_init(&p->starved);
	tend__link_init(&p->told);
	/* Before any other descriptor is opened, which would get the number of a closed one. */
	int error = tend__output_inherit(p, o->flags);
	if (!error && (!o->cwd || o->cwd[0] != '/')) {
		p->base = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		error = p->base < 0 ? -errno : 0;
	}
	if (error) {
		free_process(p);
		return error;
	}
	*out = p;
	return 0;
}

static const char *default_name(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	return tend__name_valid(name, strlen(name)) ? name : "process";
}

/* An inherited output cannot be seen here. */
static bool flags_valid(const struct tend_process_opts *o)
{
	const uint32_t all = TEND_CRITICAL | TEND_ONE_OUTPUT | TEND_INHERIT_INPUT |
	                     TEND_INHERIT_OUTPUT | TEND_STOP_LEADER;

	if (o->flags & ~all)
		return false;
	return !(o->flags & TEND_INHERIT_OUTPUT) || (!o->output && !(o->flags & TEND_ONE_OUTPUT));
}

/* Copies and checks the options. Returns 0, -EINVAL or -E2BIG. */
static int take_opts(struct tend_process_opts *o, const struct tend_process_opts *given)
{
	if (!given)
		return -EINVAL;
	int error = tend__options(o, sizeof(*o), given);
	if (error)
		return error;
	if (!o->argv || !o->argv[0] || !o->argv[0][0] || !flags_valid(o) || o->stop_signal < 0 ||
	    o->stop_signal > 64 || (o->ready_fd && !tend__guard_ready_valid(o->ready_fd)))
		return -EINVAL;
	return 0;
}

/* Gives the process to a task that is admitted and not published yet, so a spawn that the scope
 * refuses starts no guard. The end of the task frees the process, also by
 * tend__task_unprepare(). Returns 0 or a negative errno value. */
static int equip(struct tend__task *t, struct tend__process *p)
{
	tend__set_own(t, p);
	t->arg = p;
	p->task = t;
	p->repeats = t->flags & TEND__RESTARTABLE;
	int error = tend__link_open(tend__scope_of(t)->rt, &p->children);
	if (!error)
		error = tend__output_begin(p);
	/* A turn before the first attempt may call the drop. */
	p->opened = p->repeats;
	p->calls = p->repeats && p->drop;
	p->heard = true;
	return error;
}

/* Has the guard start the process. The first of the notifies that have come brings the first
 * turn. */
static void start_once(struct tend__task *t, struct tend__process *p)
{
	tend__link_ask(p);
	tend__describe(t, 0, tend__clock(), 0);
	if (!tend__task_park(t, TEND__WAIT_GUARD))
		tend__process_wake(t);
}

static int prepare(tend_scope scope, struct tend__spawn *spawn, const struct tend_process_opts *o,
                   struct tend__task **out)
{
	const struct tend_task_opts task = {.size = sizeof(task),
	                                    .name = o->name ? o->name : default_name(o->argv[0]),
	                                    .flags = o->flags & TEND_CRITICAL,
	                                    .restart = o->restart,
	                                    .drop = o->drop ? process_drop : NULL};
	struct tend__process *p = NULL;
	struct tend__task *t;
	int error = make(o, &p);

	if (error)
		return error;
	spawn->opts = &task;
	error = tend__task_prepare(scope, spawn, &t);
	spawn->opts = NULL;
	if (error) {
		free_process(p);
		return error;
	}
	error = equip(t, p);
	if (error) {
		tend__task_unprepare(t);
		return error;
	}
	*out = t;
	return 0;
}

static struct tend__spawn spawn_of(tend_runtime *rt, const char *site,
                                   const struct tend_process_opts *o, bool kept)
{
	return (struct tend__spawn){.rt = rt,
	                            .site = site,
	                            .ops = &tend__process_kind,
	                            .attempts = &tend__process_kind,
	                            .grace_ns = o->stop_ns ? o->stop_ns : STOP_NS,
	                            .kind = TEND_KIND_PROCESS,
	                            .attempt = o->attempt,
	                            .kept = kept,
	                            .starting = true};
}

int tend__process_prepare(tend_runtime *rt, const char *site, tend_scope scope,
                          const struct tend_process_opts *opts, bool kept, struct tend__task **out)
{
	struct tend_process_opts o;
	int error = take_opts(&o, opts);

	if (error || !out)
		return error;
	struct tend__spawn spawn = spawn_of(rt, site, &o, kept);
	spawn.in_set = true;
	return prepare(scope, &spawn, &o, out);
}

void tend__process_publish(struct tend__task *t, bool kept)
{
	const struct tend__spawn spawn = {.kept = kept, .starting = true};

	tend__task_start(t, &spawn, TEND__READY);
	/* From here on cancels find the task. */
	tend__task_link(t);
}

static int spawn_process(tend_scope scope, struct tend__spawn *spawn,
                         const struct tend_process_opts *o, tend_task *out)
{
	struct tend__task *t;
	int error = prepare(scope, spawn, o, &t);

	if (error)
		return error;
	struct tend__process *p = tend__own(t);
	tend_task name = {t->id};
	tend__process_publish(t, spawn->kept);
	if (out)
		*out = name;
	if (p->repeats)
		tend__process_wake(t);
	else
		start_once(t, p);
	return 0;
}

int tend_spawn_process_at(const char *site, tend_scope scope, const struct tend_process_opts *given,
                          tend_task *out)
{
	TEND__KEEPS_ERRNO;
	struct tend_process_opts o;
	int error = take_opts(&o, given);

	if (error)
		return error;
	TEND__VISIT(rt, scope.id);
	struct tend__spawn spawn = spawn_of(rt, site, &o, out != NULL);
	int cancelable = tend__uncancelable();
	error = spawn_process(scope, &spawn, &o, out);
	tend__cancelable(cancelable);
	return error;
}
