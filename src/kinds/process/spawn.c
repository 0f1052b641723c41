/* kinds/process/spawn.c - copies the options of a process, and makes its task. */
#include "kinds/process/process.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static void free_process(struct tend__process *p)
{
	tend__assert(!tend__linked(&p->live) && p->out[0] < 0 && p->out[1] < 0 && p->pidfd < 0);
	tend__process_close_base(p);
	tend__free(p->tail);
	tend__free(p);
}

static void process_gone(struct tend__task *t)
{
	struct tend__process *p = t->data;

	t->data = NULL;
	if (p)
		free_process(p);
}

static void process_drop(void *arg)
{
	struct tend__process *p = arg;

	tend__assert(p->task->data == p);
	if (p->drop)
		p->drop(p->output_arg);
}

const struct tend__kind tend__process_kind = {.wake = tend__fiber_wake,
                                              .before_end = tend__process_before_end,
                                              .leave = tend__fiber_end,
                                              .gone = process_gone};

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

struct room {
	size_t bytes, pointers;
};

static void measure(struct room *room, const char *const *list, bool filter)
{
	for (; list && *list; list++)
		if (!filter || passed_on(*list)) {
			room->bytes += strlen(*list) + 1;
			room->pointers++;
		}
	room->pointers++;
}

static const char **copy(const char ***slot, char **bytes, const char *const *list, bool filter)
{
	const char **first = *slot;

	for (; list && *list; list++)
		if (!filter || passed_on(*list)) {
			size_t n = strlen(*list) + 1;

			*(*slot)++ = memcpy(*bytes, *list, n);
			*bytes += n;
		}
	*(*slot)++ = NULL;
	return first;
}

/* Opens the working directory of the caller. Returns a descriptor, or a negative errno
 * value. No pthread_cancel() takes effect, because that would leak the descriptor. */
static int open_here(void)
{
	int cancelable;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 ? -errno : 0;
	pthread_setcancelstate(cancelable, NULL);
	return error ? error : fd;
}

static int make(const struct tend_process_opts *o, struct tend__process **out)
{
	const char *const *env = o->env ? o->env : (const char *const *)environ;
	struct room room = {o->cwd ? strlen(o->cwd) + 1 : 0, 0};

	measure(&room, o->argv, false);
	measure(&room, env, !o->env);
	struct tend__process *p =
		tend__alloc(sizeof(*p) + room.pointers * sizeof(*p->pointers) + room.bytes);
	if (!p)
		return -ENOMEM;
	const char **slot = p->pointers;
	char *bytes = (char *)(slot + room.pointers);
	p->argv = copy(&slot, &bytes, o->argv, false);
	p->env = copy(&slot, &bytes, env, !o->env);
	tend__assert(slot == p->pointers + room.pointers);
	if (o->cwd)
		p->cwd = memcpy(bytes, o->cwd, strlen(o->cwd) + 1);
	p->stop_signal = o->stop_signal ? o->stop_signal : SIGTERM;
	p->stop_ns = o->stop_ns ? o->stop_ns : 10 * TEND_SEC;
	p->output = o->output;
	p->output_arg = o->output_arg;
	p->drop = o->drop;
	p->out[0] = p->out[1] = p->pidfd = p->base = -1;
	tend__link_init(&p->live);
	if (!o->cwd || o->cwd[0] != '/') {
		int fd = open_here();

		if (fd < 0) {
			tend__free(p);
			return fd;
		}
		p->base = fd;
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

/* Copies the options and checks them. Returns 0, -EINVAL or -E2BIG. */
static int take_opts(struct tend_process_opts *o, const struct tend_process_opts *given)
{
	if (!given)
		return -EINVAL;
	int error = tend__options(o, sizeof(*o), given);
	if (error)
		return error;
	if (!o->argv || !o->argv[0] || !o->argv[0][0] || o->reserved ||
	    (o->flags & ~(uint32_t)TEND_CRITICAL) || o->stop_signal < 0 || o->stop_signal > 64)
		return -EINVAL;
	return 0;
}

/* Makes the task of the process; the end of the task then frees p. Returns 0, or an error
 * of tend__task_prepare(), and then p is still the caller's. */
static int spawn_process(tend_scope scope, const struct tend__spawn *spawn, struct tend__process *p,
                         tend_task *out)
{
	struct tend__task *t;
	int error = tend__task_prepare(scope, spawn, &t);

	if (error)
		return error;
	p->task = t;
	p->cookie = t->id;
	t->data = p;
	t->fn = tend__process_main;
	t->arg = p;
	tend_task name = {t->id};
	tend__task_start(t, spawn, TEND__READY);
	if (out)
		*out = name;
	tend__spawned(tend__scope_of(t)->rt, t);
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
	struct tend__scope *s = tend__scope_find(rt, scope.id);
	if (!s)
		return tend__no_such();
#ifdef TEND_SIM
	if (tend__thread_number() == 0)
		return -ENOSYS; /* a simulation has no processes */
#endif
	struct tend__children *children;
	error = tend__link_open(s->rt, &children);
	if (error)
		return error;
	struct tend__process *p;
	error = make(&o, &p);
	if (error)
		return error;
	p->children = children;

	struct tend_task_opts task = {.size = sizeof(task),
	                              .name = o.name ? o.name : default_name(o.argv[0]),
	                              .flags = o.flags,
	                              .drop = process_drop};
	struct tend__spawn spawn = {.rt = rt,
	                            .site = site,
	                            .opts = &task,
	                            .ops = &tend__process_kind,
	                            .kind = TEND_KIND_PROCESS,
	                            .attempt = o.attempt,
	                            .kept = out != NULL,
	                            .starting = true};
	error = spawn_process(scope, &spawn, p, out);
	if (error)
		free_process(p);
	return error;
}
