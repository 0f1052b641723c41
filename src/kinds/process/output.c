/* kinds/process/output.c - the output of a process: two pipes, and the tail of both. */
#include "kinds/process/process.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { TAIL_MAX = 65536, TAIL_FIRST = 4096, READS_A_TURN = 4 };

/* Copies n bytes of the tail, from its byte `from` on. */
static void copy_tail(const struct tend__tail *t, size_t from, char *to, size_t n)
{
	tend__assert(from + n <= t->count);
	if (!n)
		return;
	size_t at = (t->first + from) % t->size;
	size_t whole = n < t->size - at ? n : t->size - at;

	memcpy(to, t->bytes + at, whole);
	memcpy(to + whole, t->bytes, n - whole);
}

/* Makes room for n more bytes, up to TAIL_MAX and as far as there is memory. */
static void grow(struct tend__tail *t, size_t n)
{
	tend__assert(t->count <= t->size && t->size <= TAIL_MAX);
	if (t->count + n <= t->size || t->size >= TAIL_MAX)
		return;
	size_t size = t->size ? t->size : TAIL_FIRST;
	while (size < t->count + n && size < TAIL_MAX)
		size *= 2;
	char *grown = tend__alloc(size);
	if (!grown)
		return;
	copy_tail(t, 0, grown, t->count);
	tend__free(t->bytes);
	t->bytes = grown;
	t->size = size;
	t->first = 0;
}

/* Adds the bytes to the tail, which loses its oldest for them. */
static void append(struct tend__tail *t, const char *bytes, size_t n)
{
	size_t all = t->count + n, size = t->size;
	size_t lost = all > size ? all - size : 0, old = lost < t->count ? lost : t->count;

	t->dropped += lost;
	t->count -= old;
	bytes += lost - old;
	n -= lost - old;
	if (!n)
		return;
	t->first = (t->first + old) % size;
	size_t at = (t->first + t->count) % size, whole = n < size - at ? n : size - at;
	memcpy(t->bytes + at, bytes, whole);
	memcpy(t->bytes, bytes + whole, n - whole);
	t->count += n;
	tend__assert(t->count <= size);
}

static void keep(struct tend__process *p, const char *bytes, size_t n)
{
	struct tend__lock *stripe = tend__stripe_of(p->children->rt, p->task->id);

	tend__lock(stripe);
	grow(&p->tail, n);
	append(&p->tail, bytes, n);
	tend__unlock(stripe);
}

int64_t tend__output_tail(const struct tend__process *p, uint32_t attempt, char *buf, size_t size,
                          uint64_t *dropped)
{
	const struct tend__tail *t = &p->tail;

	if (attempt && attempt != t->attempt)
		t = &p->before;
	if (attempt && attempt != t->attempt)
		return -ENOENT;
	size_t n = t->count < size ? t->count : size;
	copy_tail(t, t->count - n, buf, n);
	if (dropped)
		*dropped = t->dropped + (t->count - n);
	return (int64_t)n;
}

/* An attempt begins: its tail is empty, in the memory of the one before the last. */
static void turn_tails(struct tend__process *p)
{
	struct tend__lock *stripe = tend__stripe_of(p->children->rt, p->task->id);
	struct tend__tail old = p->before;

	tend__lock(stripe);
	p->before = p->tail;
	p->tail = (struct tend__tail){.bytes = old.bytes, .size = old.size};
	/* Relaxed: the number was written by this thread; of the first attempt, which the spawner
	 * opens, there is none yet. */
	uint32_t attempt = tend__load_relaxed(&p->task->record->attempt);
	p->tail.attempt = attempt ? attempt : 1;
	tend__unlock(stripe);
}

void tend__output_free(struct tend__process *p)
{
	tend__free(p->tail.bytes);
	tend__free(p->before.bytes);
}

int tend__output_inherit(struct tend__process *p, uint32_t flags)
{
	for (int fd = 0; fd < 3; fd++) {
		tend__assert(p->ends[fd] < 0);
		if (!(flags & (fd == 0 ? TEND_INHERIT_INPUT : TEND_INHERIT_OUTPUT)))
			continue;
		p->ends[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		/* A closed descriptor is left to the guard, which has /dev/null. */
		if (p->ends[fd] < 0 && errno != EBADF)
			return -errno;
	}
	return 0;
}

/* Makes the pipes of standard output and error, or one pipe for both. */
static int open_pipes(struct tend__process *p)
{
	for (int i = 0; i < 2 && !p->inherited; i++) {
		int both[2];

		tend__assert(p->out[i] < 0 && p->ends[1 + i] < 0);
		if (i == 1 && p->one_output) {
			p->ends[2] = fcntl(p->ends[1], F_DUPFD_CLOEXEC, 3);
			return p->ends[2] < 0 ? -errno : 0;
		}
		if (pipe2(both, O_CLOEXEC))
			return -errno;
		p->ends[1 + i] = both[1];
		p->out[i] = tend__descriptor_keep(both[0], false);
		if (p->out[i] < 0 || fcntl(p->out[i], F_SETFL, O_NONBLOCK))
			return -errno;
	}
	return 0;
}

static int watch(struct tend__process *p)
{
	for (int i = 0; i < 2; i++) {
		int error = p->out[i] < 0 ? 0 : tend__link_watch(p, p->out[i]);

		if (!error)
			continue;
		if (i == 1)
			tend__monitor_unwatch(p->children->rt, p->out[0]);
		return error;
	}
	return 0;
}

int tend__output_begin(struct tend__process *p)
{
	tend__link_enroll(p);
	int error = open_pipes(p);
	if (!error)
		error = tend__ready_begin(p);
	if (!error)
		error = watch(p);
	if (error) {
		tend__ready_end(p);
		tend__process_close(&p->out[0]);
		tend__process_close(&p->out[1]);
		tend__process_close_ends(p, p->repeats);
		return error;
	}
	turn_tails(p);
	return 0;
}

/* Ends standard output (0) or error (1). */
static void end_stream(struct tend__process *p, int i)
{
	tend__monitor_unwatch(p->children->rt, p->out[i]);
	tend__process_close(&p->out[i]);
	if (p->output)
		p->output(p->output_arg, i + 1, "", 0);
}

void tend__output_end(struct tend__process *p)
{
	for (int i = 0; i < 2; i++)
		if (p->out[i] >= 0)
			end_stream(p, i);
	tend__ready_end(p);
}

bool tend__output_read(struct tend__process *p)
{
	bool any = false;

	for (int i = 0; i < 2; i++)
		for (int turn = 0; p->out[i] >= 0; turn++) {
			char bytes[4096];

			if (turn == READS_A_TURN)
				break;
			ssize_t n = read(p->out[i], bytes, sizeof(bytes));
			if (n > 0) {
				any = true;
				keep(p, bytes, (size_t)n);
				if (p->output)
					p->output(p->output_arg, i + 1, bytes, (size_t)n);
			} else if (n < 0 && errno == EINTR)
				continue;
			else if (n < 0 && errno == EAGAIN)
				break;
			else {
				any = true;
				end_stream(p, i);
			}
		}
	return any;
}
