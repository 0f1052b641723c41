/* kinds/process/output.c - the output of a process: two pipes, and the tail of both. */
#include "kinds/process/process.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { TAIL_MAX = 65536, TAIL_FIRST = 4096, READS_A_TURN = 4 };

/* Copies n bytes of the tail, from its byte `from` on. */
static void copy_tail(const struct tend__process *p, size_t from, char *to, size_t n)
{
	tend__assert(from + n <= p->tail_count);
	if (!n)
		return;
	size_t at = (p->tail_first + from) % p->tail_size;
	size_t whole = n < p->tail_size - at ? n : p->tail_size - at;

	memcpy(to, p->tail + at, whole);
	memcpy(to + whole, p->tail, n - whole);
}

/* Makes room for n more bytes, up to TAIL_MAX and as far as there is memory. */
static void grow(struct tend__process *p, size_t n)
{
	tend__assert(p->tail_count <= p->tail_size && p->tail_size <= TAIL_MAX);
	if (p->tail_count + n <= p->tail_size || p->tail_size >= TAIL_MAX)
		return;
	size_t size = p->tail_size ? p->tail_size : TAIL_FIRST;
	while (size < p->tail_count + n && size < TAIL_MAX)
		size *= 2;
	char *grown = tend__alloc(size);
	if (!grown)
		return;
	copy_tail(p, 0, grown, p->tail_count);
	tend__free(p->tail);
	p->tail = grown;
	p->tail_size = size;
	p->tail_first = 0;
}

/* Adds the bytes to the tail, which loses its oldest for them. */
static void append(struct tend__process *p, const char *bytes, size_t n)
{
	size_t all = p->tail_count + n, size = p->tail_size;
	size_t lost = all > size ? all - size : 0,
	       old = lost < p->tail_count ? lost : p->tail_count;

	p->tail_dropped += lost;
	p->tail_count -= old;
	bytes += lost - old;
	n -= lost - old;
	if (!n)
		return;
	p->tail_first = (p->tail_first + old) % size;
	size_t at = (p->tail_first + p->tail_count) % size, whole = n < size - at ? n : size - at;
	memcpy(p->tail + at, bytes, whole);
	memcpy(p->tail, bytes + whole, n - whole);
	p->tail_count += n;
	tend__assert(p->tail_count <= size);
}

static void keep(struct tend__process *p, const char *bytes, size_t n)
{
	struct tend__lock *stripe = tend__stripe_of(p->children->rt, p->cookie);

	tend__lock(stripe);
	grow(p, n);
	append(p, bytes, n);
	tend__unlock(stripe);
}

size_t tend__output_tail(const struct tend__process *p, char *buf, size_t size, uint64_t *dropped)
{
	size_t n = p->tail_count < size ? p->tail_count : size;

	copy_tail(p, p->tail_count - n, buf, n);
	if (dropped)
		*dropped = p->tail_dropped + (p->tail_count - n);
	return n;
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

int tend__output_open(struct tend__process *p)
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

int tend__output_watch(struct tend__process *p)
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

void tend__output_close(struct tend__process *p, int i)
{
	if (p->out[i] >= 0)
		tend__monitor_unwatch(p->children->rt, p->out[i]);
	tend__process_close(&p->out[i]);
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
			else
				tend__output_close(p, i);
		}
	return any;
}
