/* kinds/process/query.c - questions about a process, and signals to it, from any thread. */
#include "kinds/process/process.h"

#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

/* Finds the process of a task that is live or whose outcome is kept. Returns 0, and the
 * caller holds the stripe of the task; -EINVAL if the task is no process; -ESRCH; -ESTALE.
 * Unchecked, because the stripe is held at only one of the returns. */
static int touch(tend_runtime *rt, tend_task task, struct tend__process **p)
	TEND_TRY_ACQUIRE(0, tend__stripe_of(rt, task.id)) TEND_UNCHECKED
{
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	tend__assert_held(tend__stripe_of(rt, task.id));
	*p = tend__kind_of(t) == &tend__process_kind ? tend__own(t) : NULL;
	tend__assert(!*p || (*p)->task == t);
	if (*p)
		return 0;
	tend__unlock(tend__stripe_of(rt, task.id));
	return -EINVAL;
}

size_t tend_guard_paths(const tend_runtime *rt, char *buf, size_t size)
{
	TEND__KEEPS_ERRNO;
	return tend__guard_paths(rt->guard_path, buf, size);
}

int64_t tend_process_tail(tend_task task, char *buf, size_t size, uint64_t *dropped)
{
	return tend_process_tail_of(task, 0, buf, size, dropped);
}

int64_t tend_process_tail_of(tend_task task, uint32_t attempt, char *buf, size_t size,
                             uint64_t *dropped)
{
	TEND__VISIT(rt, task.id);
	struct tend__process *p;
	int error = touch(rt, task, &p);

	if (error)
		return error;
	tend__assert_held(tend__stripe_of(rt, task.id));
	int64_t n = tend__output_tail(p, attempt, buf, size, dropped);
	tend__unlock(tend__stripe_of(rt, task.id));
	return n;
}

int tend_process_pid(tend_task task)
{
	TEND__VISIT(rt, task.id);
	struct tend__process *p;
	int error = touch(rt, task, &p);

	if (error)
		return error;
	tend__assert_held(tend__stripe_of(rt, task.id));
	/* Relaxed: nothing else is read by the order of the pid. */
	int pid = tend__load_relaxed(&p->task->record->pid);
	tend__unlock(tend__stripe_of(rt, task.id));
	return pid ? pid : -EAGAIN;
}

static int signal_it(struct tend__process *p, int signal)
{
	if ((tend__task_word(p->task) & TEND__STATE) == TEND__ENDED)
		return -ESRCH;
	if (!tend__load_relaxed(&p->task->record->pid))
		return -EAGAIN;
	return tend__link_signal(p, signal);
}

int tend_process_signal(tend_task task, int signal)
{
	TEND__KEEPS_ERRNO;
	if (signal <= 0 || signal > 64)
		return -EINVAL;

	TEND__VISIT(rt, task.id);
	struct tend__process *p;
	int cancelable;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	int error = touch(rt, task, &p);
	if (!error) {
		tend__assert_held(tend__stripe_of(rt, task.id));
		error = signal_it(p, signal);
		tend__unlock(tend__stripe_of(rt, task.id));
	}
	pthread_setcancelstate(cancelable, NULL);
	return error;
}
