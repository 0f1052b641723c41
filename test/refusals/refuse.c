/* How a row is judged: the state before, the call, the state after. */
#include "refuse.h"

#include "alloc.h"

#include "runtime/monitor.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATTERN = 0xa5, STATE = 1 << 16, REPORT = 4096, ERRNO = 4242 };

struct row *rows;
static char failures[1 << 14];

static void add(char *text, size_t size, const char *fmt, ...) TEND_PRINTF(3, 4);
static void add(char *text, size_t size, const char *fmt, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + n, size - n, fmt, args);
	va_end(args);
}

/* ---- The visible state ---- */

/* All that can be seen but instants, and numbers that the program never gives out twice. */
struct state {
	char tree[STATE]; /* a line for each row */
	uint64_t events, refused, held;
	size_t descriptors, threads;
};

static size_t entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void add_reason(char *line, size_t size, int error, const struct tend_reason *reason)
{
	if (!error)
		add(line, size, " because %d '%s'", reason->code, reason->text);
}

static void add_count(char *line, size_t size, const char *what, uint64_t n)
{
	if (n)
		add(line, size, " %s %d", what, (int)n);
}

static void add_scope(struct state *s, char *line, size_t size, uint64_t id, uint32_t word)
{
	tend_scope scope = {id};
	struct tend_stats stats;
	struct tend_reason reason;

	ANSWERS(tend_scope_stats(scope, &stats), 0);
	s->refused += stats.refused;
	add(line, size, "%s%s live %d spawned %u completed %u",
	    word & TEND__SCOPE_SEALED ? " sealed" : "", word & TEND__SCOPE_CLOSED ? " closed" : "",
	    (int)tend_scope_live(scope), (unsigned)stats.spawned, (unsigned)stats.completed);
	add_count(line, size, "failed", stats.failed);
	add_count(line, size, "canceled", stats.canceled);
	add_count(line, size, "panicked", stats.panicked);
	add_count(line, size, "aborted", stats.aborted);
	add_count(line, size, "killed", stats.killed);
	if (stats.first_error)
		add(line, size, " first %d of %s", stats.first_error, stats.first_name);
	add_reason(line, size, tend_scope_reason(scope, &reason), &reason);
}

static void add_task(char *line, size_t size, const struct tend_info *info, uint32_t word)
{
	tend_task task = {info->id};
	struct tend_reason reason;

	/* A wait without the number of its object. */
	add(line, size, " %s", tend_state_name(info->state));
	if (*info->wait)
		add(line, size, " in %.*s", (int)strcspn(info->wait, "#"), info->wait);
	if (info->outcome)
		add(line, size, " %s %d", tend_outcome_name(info->outcome), info->result);
	add_count(line, size, "attempt", info->attempt > 1 ? info->attempt : 0);
	add_count(line, size, "pid", (uint64_t)info->pid);
	add(line, size, "%s%s", word & TEND__KEPT ? " held" : "",
	    word & TEND__ABORTED ? " aborted" : "");
	add_reason(line, size, tend_task_reason(task, &reason), &reason);
}

static void look_at(const tend_runtime *rt, struct state *s)
{
	struct tend_snapshot_info about;
	tend_snapshot *rows_of;

	ANSWERS(tend_snapshot_take(rt, &rows_of), 0);
	tend_snapshot_about(rows_of, &about);
	s->events += about.high;
	for (size_t i = 0; i < tend_snapshot_count(rows_of); i++) {
		const struct tend_info *info = tend_snapshot_at(rows_of, i);
		struct tend__record *r =
			tend__record_at(rt->segment.header, tend__id_slot(info->id));
		uint32_t word = (uint32_t)tend__load_acquire(&r->word);
		char line[TEND_PATH_MAX + 512] = "";

		tend_snapshot_path(rows_of, i, line, TEND_PATH_MAX);
		add(line, sizeof(line), " %s", tend_kind_name(info->kind));
		if (info->kind == TEND_KIND_SCOPE)
			add_scope(s, line, sizeof(line), info->id, word);
		else
			add_task(line, sizeof(line), info, word);
		add(s->tree, sizeof(s->tree), "%s\n", line);
	}
	tend_snapshot_free(rows_of);
}

/* Without the thread that has started a guard, which is on its way out. */
static size_t threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	for (const struct dirent *e; (e = readdir(dir));) {
		char path[64], name[32] = "";
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", e->d_name);
		FILE *file = fopen(path, "re");
		if (!file)
			continue;
		n += fgets(name, sizeof(name), file) && strcmp(name, "tend-starter\n") != 0;
		fclose(file);
	}
	closedir(dir);
	return n;
}

static void look(const struct world *w, struct state *s)
{
	memset(s, 0, sizeof(*s));
	strcpy(s->tree, "\n");
	look_at(w->rt, s);
	if (w->other)
		look_at(w->other, s);
	s->held = alloc_held();
	s->descriptors = entries("/proc/self/fd");
	s->threads = threads();
}

/* Adds the lines of `a` that `b` lacks. With `whole`, two lines are the same if they are
 * equal; else if their paths are. */
static void add_lines(char *report, const char *what, const struct state *a, const struct state *b,
                      bool whole)
{
	for (const char *p = a->tree; p[1];) {
		size_t n = strcspn(p + 1, "\n") + 1;
		char line[TEND_PATH_MAX + 512];

		snprintf(line, sizeof(line), "%.*s", (int)(whole ? n + 1 : strcspn(p, " ") + 1), p);
		if (!strstr(b->tree, line))
			add(report, REPORT, "; %s %.*s", what, (int)n - 1, p + 1);
		p += n;
	}
}

static void compare(char *report, const struct state *before, const struct state *after)
{
	add_lines(report, "gone", before, after, false);
	add_lines(report, "now", after, before, true);
	if (after->refused != before->refused)
		add(report, REPORT, "; refused %d", (int)(after->refused - before->refused));
	if (after->events != before->events)
		add(report, REPORT, "; events %d", (int)(after->events - before->events));
	if (after->held != before->held)
		add(report, REPORT, "; allocations %d", (int)(after->held - before->held));
	if (after->descriptors != before->descriptors)
		add(report, REPORT, "; descriptors %d",
		    (int)(after->descriptors - before->descriptors));
	if (after->threads != before->threads)
		add(report, REPORT, "; threads %d", (int)(after->threads - before->threads));
}

/* ---- Taken away for a call ---- */

static struct {
	bool limited, nobody, threads;
	int resource;
	struct rlimit limit;
	size_t stack;
} taken;

void no_memory(uint64_t at) { alloc_fail(at); }

void no_threads(void)
{
	pthread_attr_t a;

	ANSWERS(pthread_getattr_default_np(&a), 0);
	ANSWERS(pthread_attr_getstacksize(&a, &taken.stack), 0);
	/* No address space has room for such a stack. */
	ANSWERS(pthread_attr_setstacksize(&a, (size_t)1 << 48), 0);
	ANSWERS(pthread_setattr_default_np(&a), 0);
	pthread_attr_destroy(&a);
	taken.threads = true;
}

void limit(int resource, uint64_t value)
{
	taken.resource = resource;
	ANSWERS(getrlimit((__rlimit_resource_t)resource, &taken.limit), 0);
	struct rlimit less = {value, taken.limit.rlim_max};
	taken.limited = true;
	/* No assertion until the limit is back: a file of Check's grows with each. */
	if (setrlimit((__rlimit_resource_t)resource, &less))
		abort();
}

/* The calling thread changes alone, hence past the C library. */
static void set_user(uid_t user) { ANSWERS((int)syscall(SYS_setresuid, -1, user, -1), 0); }

void as_nobody(void)
{
	if (geteuid() != 0)
		return;
	set_user(65534);
	taken.nobody = true;
}

static void give_all_back(void)
{
	alloc_fail(0);
	if (taken.limited && setrlimit((__rlimit_resource_t)taken.resource, &taken.limit))
		abort();
	if (taken.nobody)
		set_user(0);
	if (taken.threads) {
		pthread_attr_t a;

		ANSWERS(pthread_getattr_default_np(&a), 0);
		ANSWERS(pthread_attr_setstacksize(&a, taken.stack), 0);
		ANSWERS(pthread_setattr_default_np(&a), 0);
		pthread_attr_destroy(&a);
	}
	memset(&taken, 0, sizeof(taken));
}

/* ---- A row ---- */

static void ask(struct world *w, const struct row *row, char *report)
{
	struct out pattern;

	memset(&pattern, PATTERN, sizeof(pattern));
	/* The macros of the calls write the sizes. */
	pattern.stats.size = sizeof(pattern.stats);
	pattern.outcome.size = sizeof(pattern.outcome);
	pattern.info.size = sizeof(pattern.info);
	pattern.life.size = sizeof(pattern.life);
	memcpy(&w->out, &pattern, sizeof(pattern));
	errno = ERRNO;
	int64_t answer = row->ask(w);
	int number = errno;
	give_all_back();
	if (answer < 0 && strerrorname_np((int)-answer))
		add(report, REPORT, "-%s", strerrorname_np((int)-answer));
	else
		add(report, REPORT, "%lld", (long long)answer);
	if (number != ERRNO)
		add(report, REPORT, "; errno %s", strerrorname_np(number));
	if (memcmp(&w->out, &pattern, sizeof(pattern)) != 0)
		add(report, REPORT, "; writes what it should not");
}

static void expect(const struct row *row, const char *report)
{
	char error[32];

	snprintf(error, sizeof(error), "-%s", row->error);
	if (strcmp(report, row->expected ? row->expected : error) != 0)
		add(failures, sizeof(failures),
		    "\n  %s:%d: %s, %s:\n    expected %s\n    but it is %s", row->file, row->line,
		    row->function, row->why, row->expected ? row->expected : error, report);
}

/* Rows take turns; and a state is too large for a fiber's stack. */
static struct state before, after;

/* How many allocations the row says are left. */
static uint64_t allocations_left(const struct row *row)
{
	const char *left = row->expected ? strstr(row->expected, "allocations ") : NULL;

	return left ? strtoull(left + sizeof("allocations ") - 1, NULL, 10) : 0;
}

/* The monitor may free some of the memory later. After the first leak the rows wait no more. */
static void await_memory(uint64_t held)
{
	static bool leaks;

	for (uint64_t give_up = tend_after(PATIENCE_NS); !leaks && alloc_held() > held;) {
		leaks = tend_now() >= give_up;
		sched_yield();
	}
}

void judge(struct world *w, const struct row *row)
{
	char report[REPORT] = "";

	look(w, &before);
	ask(w, row, report);
	await_memory(before.held + allocations_left(row));
	look(w, &after);
	compare(report, &before, &after);
	expect(row, report);
}

/* A child cannot look at the runtime, hence the parent does. */
void forked(struct world *w, const struct row *row)
{
	char report[REPORT] = "";
	int ends[2], status;
	size_t n = 0;
	ssize_t got;

	ANSWERS(pipe(ends), 0);
	look(w, &before);
	pid_t pid = fork();
	if (pid == 0) {
		ask(w, row, report);
		_exit(write(ends[1], report, strlen(report)) < 0);
	}
	close(ends[1]);
	while (n < sizeof(report) - 1 &&
	       (got = read(ends[0], report + n, sizeof(report) - 1 - n)) > 0)
		n += (size_t)got;
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	look(w, &after);
	after.descriptors += 2;
	compare(report, &before, &after);
	expect(row, report);
}

/* ---- The world ---- */

int wait_for_go(void *world)
{
	struct world *w = world;

	return tend_event_wait(w->go, TEND_FOREVER);
}

int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static tend_task fiber(struct world *w, tend_scope scope, const char *name)
{
	tend_task t;

	ANSWERS(tend_spawn(scope, wait_for_go, w, TEND_TASK_OPTS(.name = name), &t), 0);
	return t;
}

static tend_scope scope(tend_scope parent, const char *name)
{
	tend_scope s;

	ANSWERS(tend_scope_open(parent, name, NULL, &s), 0);
	return s;
}

/* The worker has parked or ended all fibers, and has counted out those that ended: it does
 * so after their ends are seen, and a look in between finds them counted twice. */
static bool at_rest(const tend_runtime *rt)
{
	tend_snapshot *s;
	bool rest = true;
	int64_t live = 0;

	/* Acquire: pairs with the release in flush_leaves() of scope/batch.c. */
	for (uint32_t i = 0; i < rt->workers_count; i++)
		rest &= !tend__load_acquire(&rt->workers[i].leaves.word);
	ANSWERS(tend_snapshot_take(rt, &s), 0);
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);

		rest &= info->kind != TEND_KIND_FIBER || info->state == TEND_STATE_PARKED ||
		        info->state == TEND_STATE_STOPPED || info->state == TEND_STATE_ENDED ||
		        (info->state == TEND_STATE_STOPPING && info->wait[0]);
		rest &= info->state != TEND_STATE_STARTING;
		live += info->kind != TEND_KIND_SCOPE && info->state != TEND_STATE_ENDED;
	}
	tend_snapshot_free(s);
	return rest && tend_scope_live(tend_root(rt)) == live;
}

void settle(const tend_runtime *rt)
{
	uint64_t give_up = tend_after(PATIENCE_NS);

	while (!at_rest(rt)) {
		ck_assert_uint_lt(tend_now(), give_up);
		sched_yield();
	}
}

static _Atomic bool monitor_runs;

static void begun(tend_runtime *rt, struct tend__errand *errand)
{
	(void)rt;
	(void)errand;
	tend__store_release(&monitor_runs, true);
}

void start_monitor(tend_runtime *rt)
{
	static struct tend__errand errand = {.fn = begun};

	tend__store_release(&monitor_runs, false);
	ANSWERS(tend__monitor_start(rt), 0);
	tend__monitor_post(rt, &errand);
	while (!tend__load_acquire(&monitor_runs))
		sched_yield();
}

static void begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1, .tasks_max = 32,
	                                            .events_max = 16,
	                                            .guard_path = getenv("TEND_GUARD")),
	                          &w->rt),
	        0);
	start_monitor(w->rt);
	ANSWERS(tend_subscribe(w->rt, &w->events), 0);
	ANSWERS(tend_event_open(&w->go), 0);
	tend_scope root = tend_root(w->rt);
	/* First, so that another scope has the slot by the time of the call. */
	w->ended = scope(root, "ended");
	ANSWERS(tend_scope_close(w->ended, 0, NULL), 0);
	w->open = scope(root, "open");
	w->beside = scope(root, "beside");
	w->canceled = scope(root, "canceled");
	w->sealed = scope(root, "sealed");
	w->closing = scope(root, "closing");
	w->shut = scope(root, "shut");

	w->live = fiber(w, w->open, "live");
	(void)fiber(w, w->beside, "beside");
	(void)fiber(w, w->closing, "late");
	ANSWERS(tend_task_begin(w->open, TEND_TASK_OPTS(.name = "external"), &w->external), 0);
	ANSWERS(tend_task_begin(w->open, TEND_TASK_OPTS(.name = "asked"), &w->canceled_task), 0);
	ANSWERS(tend_spawn(w->open, nothing, NULL, TEND_TASK_OPTS(.name = "held"), &w->held), 0);
	ANSWERS(tend_spawn(w->open, nothing, NULL, TEND_TASK_OPTS(.name = "stale"), &w->stale), 0);

	ANSWERS(tend_join(w->stale, NULL, TEND_FOREVER), 0);
	ANSWERS(tend_task_cancel(w->canceled_task, -ECANCELED, "asked"), 0);
	ANSWERS(tend_scope_cancel(w->canceled, -ECANCELED, "canceled"), 0);
	ANSWERS(tend_scope_seal(w->sealed), 0);
	ANSWERS(tend_scope_close(w->closing, 0, NULL), -ETIMEDOUT);
	ANSWERS(tend_shutdown(w->shut, 0, NULL), 0);
	settle(w->rt);
}

static void end(struct world *w)
{
	tend_event_set(w->go);
	ANSWERS(tend_task_end(w->external, 0), 0);
	ANSWERS(tend_task_end(w->canceled_task, 0), 0);
	tend_unsubscribe(w->events);
	ANSWERS(tend_runtime_close(w->rt, tend_after(PATIENCE_NS)), 0);
	tend_event_close(w->go);
}

void try_rows(const char *file)
{
	static struct world w;

	failures[0] = 0;
	for (struct row *row = rows; row; row = row->next) {
		if (!row->stage || strcmp(row->file, file) != 0)
			continue;
		begin(&w);
		row->stage(&w, row);
		end(&w);
	}
	ck_assert_msg(!*failures, "%s", failures);
}

/* ---- Stages ---- */

void outside(struct world *w, const struct row *row) { judge(w, row); }

struct judged {
	struct world *w;
	const struct row *row;
	bool cancel;
};

static int judge_body(void *arg)
{
	struct judged *j = arg;

	if (j->cancel)
		ANSWERS(tend_task_cancel(tend_self(), -ECANCELED, "enough"), 0);
	judge(j->w, j->row);
	return 0;
}

static void judge_as(struct judged j, tend_scope s)
{
	tend_task t;

	ANSWERS(tend_spawn(s, judge_body, &j, TEND_TASK_OPTS(.name = "judge"), &t), 0);
	ANSWERS(tend_join(t, NULL, tend_after(PATIENCE_NS)), 0);
}

void judge_in_fiber(struct world *w, const struct row *row, tend_scope s)
{
	judge_as((struct judged){w, row, false}, s);
}

void in_fiber(struct world *w, const struct row *row) { judge_in_fiber(w, row, w->open); }

void canceled(struct world *w, const struct row *row)
{
	judge_as((struct judged){w, row, true}, w->open);
}

void in_thread(struct world *w, const struct row *row)
{
	struct judged j = {w, row, false};
	tend_task t;

	ANSWERS(tend_spawn_thread(w->open, judge_body, &j, TEND_TASK_OPTS(.name = "judge"), &t), 0);
	ANSWERS(tend_join(t, NULL, tend_after(PATIENCE_NS)), 0);
}

void open_other(struct world *w, uint32_t flags, uint32_t tasks_max)
{
	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "other", .workers = 1, .flags = flags,
	                                            .tasks_max = tasks_max, .events_max = 16),
	                          &w->other),
	        0);
	if (flags & TEND_HOSTED)
		return;
	/* Its worker has begun, and its thread holds no memory any more. */
	tend_scope root = tend_root(w->other);

	ANSWERS(tend_spawn(root, nothing, NULL, NULL, NULL), 0);
	ANSWERS(tend_scope_wait_empty(root, tend_after(PATIENCE_NS)), 0);
}

void close_other(struct world *w)
{
	ANSWERS(tend_runtime_close(w->other, tend_after(PATIENCE_NS)), 0);
	w->other = NULL;
}

void hosted(struct world *w, const struct row *row)
{
	open_other(w, TEND_HOSTED, 32);
	judge(w, row);
	close_other(w);
}

void gone(struct world *w, const struct row *row)
{
	open_other(w, 0, 32);
	w->gone = w->other;
	ANSWERS(tend_subscribe(w->other, &w->late), 0);
	close_other(w);
	judge(w, row);
	tend_unsubscribe(w->late);
}

void unique(struct world *w, const struct row *row)
{
	tend_scope used;

	ANSWERS(tend_scope_open(w->beside, "unique", TEND_SCOPE_OPTS(.unique = 1), &w->deep), 0);
	ANSWERS(tend_spawn(w->deep, wait_for_go, w, TEND_TASK_OPTS(.name = "taken"), NULL), 0);
	/* The memory of an ended scope stays with its slot, for the next scope. */
	ANSWERS(tend_scope_open(w->deep, "used", NULL, &used), 0);
	ANSWERS(tend_scope_close(used, 0, NULL), 0);
	settle(w->rt);
	judge(w, row);
}

void without_room(struct world *w, const struct row *row)
{
	tend_scope all = scope(w->beside, "all"), more;
	int error;

	while (!(error = tend_scope_open(all, "one", NULL, &more))) {}
	ANSWERS(error, -EAGAIN);
	judge(w, row);
	ANSWERS(tend_scope_close(all, 0, NULL), 0);
}
