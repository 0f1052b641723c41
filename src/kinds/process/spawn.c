/* kinds/process/spawn.c - the options of a process copied, and its task made. */
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

	if (p->drop)
		p->drop(p->output_arg);
}

const struct tend__kind tend__process_kind = {.wake = tend__fiber_wake,
                                              .ended = tend__task_finish,
                                              .leave = tend__process_leave,
                                              .gone = process_gone};

/* The names that children are given by default; those that end in '*' are
 * prefixes. */
static bool passed_on(const char *var)
{
	static const char *const names[] = {"PATH",  "HOME",   "USER",           "LOGNAME",
	                                    "SHELL", "LANG",   "LC_*",           "TERM",
	                                    "TZ",    "TMPDIR", "XDG_RUNTIME_DIR"};

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

static int make(const struct tend_process_opts *o, struct tend__process **out)
{
	const char *const *env = o->env ? o->env : (const char *const *)environ;
	struct room room = {o->cwd ? strlen(o->cwd) + 1 : 0, 0};
	const char **slot;
	struct tend__process *p;
	char *bytes;

	measure(&room, o->argv, false);
	measure(&room, env, !o->env);
	/* Pointers first: `strings` is aligned for them. */
	p = tend__alloc(sizeof *p + sizeof *slot + room.pointers * sizeof *slot + room.bytes);
	if (!p)
		return -ENOMEM;
	slot = (const char **)(void *)((char *)p + (sizeof *p + sizeof *slot - 1) / sizeof *slot *
	                                                   sizeof *slot);
	bytes = (char *)(slot + room.pointers);
	p->argv = copy(&slot, &bytes, o->argv, false);
	p->env = copy(&slot, &bytes, env, !o->env);
	if (o->cwd)
		p->cwd = memcpy(bytes, o->cwd, strlen(o->cwd) + 1);
	p->stop_signal = o->stop_signal ? o->stop_signal : SIGTERM;
	p->stop_ns = o->stop_ns ? o->stop_ns : 10 * TEND_SEC;
	p->output = o->output;
	p->output_arg = o->output_arg;
	p->drop = o->drop;
	p->out[0] = p->out[1] = p->pidfd = p->base = -1;
	tend__link_init(&p->live);
	/* The working directory is that of the call. */
	if (!o->cwd || o->cwd[0] != '/') {
		int cancelable, error;

		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
		p->base = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		error = p->base < 0 ? -errno : 0;
		pthread_setcancelstate(cancelable, NULL);
		if (error) {
			tend__free(p);
			return error;
		}
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

int tend_spawn_process_at(const char *site, tend_scope scope, const struct tend_process_opts *given,
                          tend_task *out)
{
	struct tend_task_opts task = {.size = sizeof task};
	struct tend__birth birth = {.site = site,
	                            .opts = &task,
	                            .ops = &tend__process_kind,
	                            .kind = TEND_KIND_PROCESS,
	                            .held = out != NULL,
	                            .starting = true};
	struct tend_process_opts options, *o = &options;
	struct tend__children *children;
	struct tend__scope *s;
	struct tend__task *t;
	struct tend__process *p = NULL;
	tend_task name;
	int error = 0;

	if (!given)
		return -EINVAL;
	error = tend__options(&options, sizeof options, given);
	if (error)
		return error;
	if (!o->argv || !o->argv[0] || !o->argv[0][0] || o->reserved ||
	    (o->flags & ~(uint32_t)TEND_CRITICAL) || o->stop_signal < 0 || o->stop_signal > 64)
		return -EINVAL;
	s = tend__scope_find(scope.id, &error);
	if (!s)
		return error;
#ifdef TEND_SIM
	if (tend__thread_number() == 0)
		return -ENOSYS; /* a simulation has no processes */
#endif
	error = tend__link_open(s->rt, &children);
	if (error)
		return error;
	error = make(o, &p);
	if (error)
		return error;
	task.name = o->name ? o->name : default_name(o->argv[0]);
	task.flags = o->flags;
	task.drop = process_drop;
	birth.attempt = o->attempt;
	error = tend__conceive(scope, &birth, &t);
	if (error) {
		free_process(p);
		return error;
	}
	p->children = children;
	p->task = t;
	p->cookie = t->id;
	t->data = p;
	t->fn = tend__process_main;
	t->arg = p;
	name.id = t->id;
	tend__born(t, &birth, TEND__READY);
	if (out)
		*out = name;
	tend__spawned(tend__scope_of(t)->rt, t);
	return 0;
}
