/* The programs of the scenarios, as functions. */
#include "scenario.h"

#include "tend/sim.h"

#include <signal.h>
#include <stdio.h>

static int exit_0(const char *const *argv)
{
	(void)argv;
	return 0;
}

static int exit_7(const char *const *argv)
{
	(void)argv;
	return 7;
}

static int die_by_segv(const char *const *argv)
{
	(void)argv;
	tend_sim_die(SIGSEGV);
}

/* Says that it is up, and waits for a signal. */
static int stay(void)
{
	ck_assert_int_eq((int)tend_sim_write(1, "up\n"), 3);
	return tend_sim_wait(TEND_FOREVER);
}

static int up(const char *const *argv)
{
	(void)argv;
	return stay();
}

static int exit_5_on_term(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_TAKE));
	ck_assert_int_eq(stay(), SIGTERM);
	return 5;
}

static int exit_9_on_usr1(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_on_signal(SIGUSR1, TEND_SIM_TAKE));
	ck_assert_int_eq(stay(), SIGUSR1);
	return 9;
}

static int segv_on_term(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_TAKE));
	ck_assert_int_eq(stay(), SIGTERM);
	tend_sim_die(SIGSEGV);
}

static int deaf(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_IGNORE));
	return stay();
}

static int deaf_without_output(const char *const *argv)
{
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_IGNORE));
	ck_assert_int_eq((int)tend_sim_write(1, "up\n"), 3);
	OK(tend_sim_close(1));
	OK(tend_sim_close(2));
	(void)argv;
	return tend_sim_wait(TEND_FOREVER);
}

static int sleep_long(const char *const *argv)
{
	(void)argv;
	return tend_sim_wait(1000 * TEND_SEC);
}

static int sleep_deaf(const char *const *argv)
{
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_IGNORE));
	return sleep_long(argv);
}

static int leave_a_child(const char *const *argv)
{
	(void)argv;
	ck_assert_int_gt(tend_sim_child(sleep_long), 0);
	return 0;
}

static int leave_a_deaf_child(const char *const *argv)
{
	(void)argv;
	/* Inherited, so that it is deaf from its first moment on. */
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_IGNORE));
	ck_assert_int_gt(tend_sim_child(sleep_deaf), 0);
	return 0;
}

static int leave_a_daemon(const char *const *argv)
{
	(void)argv;
	ck_assert_int_gt(tend_sim_daemon(sleep_long), 0);
	return 0;
}

static int leave_a_deaf_daemon(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_IGNORE));
	ck_assert_int_gt(tend_sim_daemon(sleep_deaf), 0);
	return 0;
}

static int flood(const char *const *argv)
{
	char lines[1024];

	(void)argv;
	for (int i = 1; i <= 30000;) {
		int n = 0;

		for (int end = i + 100; i < end; i++)
			n += snprintf(lines + n, sizeof(lines) - (size_t)n, "%d\n", i);
		ck_assert_int_eq((int)tend_sim_write(1, lines), n);
	}
	ck_assert_int_eq((int)tend_sim_write(1, "END\n"), 4);
	return tend_sim_wait(TEND_FOREVER);
}

static int talk(const char *const *argv)
{
	(void)argv;
	ck_assert_int_eq((int)tend_sim_write(1, "one\n"), 4);
	ck_assert_int_eq((int)tend_sim_write(2, "two\n"), 4);
	ck_assert_int_eq((int)tend_sim_write(1, "three\n"), 6);
	return 6;
}

static int say_child_on_term(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_on_signal(SIGUSR1, TEND_SIM_IGNORE));
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_TAKE));
	ck_assert_int_eq(stay(), SIGTERM);
	return tend_sim_write(1, "child\n") != 6;
}

static int end_before_a_child(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_on_signal(SIGUSR1, TEND_SIM_TAKE));
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_TAKE));
	ck_assert_int_gt(tend_sim_child(say_child_on_term), 0);
	ck_assert_int_eq(tend_sim_wait(TEND_FOREVER), SIGTERM);
	ck_assert_int_eq((int)tend_sim_write(1, "leader\n"), 7);
	ck_assert_int_eq(tend_sim_wait(TEND_FOREVER), SIGUSR1);
	return 5;
}

static int say_ready(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_ready());
	ANSWERS(tend_sim_ready(), -EINVAL);
	return stay();
}

static int say_ready_in_parts(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_on_signal(SIGUSR1, TEND_SIM_TAKE));
	ck_assert_int_eq((int)tend_sim_write(3, "start"), 5);
	ck_assert_int_eq(stay(), SIGUSR1);
	ck_assert_int_eq((int)tend_sim_write(3, "ed\n"), 3);
	return tend_sim_wait(TEND_FOREVER);
}

static int close_unready(const char *const *argv)
{
	(void)argv;
	ck_assert_int_eq((int)tend_sim_write(3, "ready"), 5);
	OK(tend_sim_close(3));
	return stay();
}

static int say_ready_twice(const char *const *argv)
{
	(void)argv;
	ck_assert_int_eq((int)tend_sim_write(3, "\n"), 1);
	ck_assert_int_eq((int)tend_sim_write(3, "\n"), 1);
	return stay();
}

static int say_ready_and_exit_7(const char *const *argv)
{
	(void)argv;
	OK(tend_sim_ready());
	return 7;
}

static const struct {
	const char *name;
	tend_sim_main *fn; /* NULL: it cannot be run */
} programs[] = {
	{"exit 0", exit_0},
	{"exit 7", exit_7},
	{"die by SEGV", die_by_segv},
	{"up", up},
	{"exit 5 on TERM", exit_5_on_term},
	{"exit 9 on USR1", exit_9_on_usr1},
	{"SEGV on TERM", segv_on_term},
	{"deaf", deaf},
	{"deaf without output", deaf_without_output},
	{"leave a child", leave_a_child},
	{"leave a deaf child", leave_a_deaf_child},
	{"leave a daemon", leave_a_daemon},
	{"leave a deaf daemon", leave_a_deaf_daemon},
	{"flood", flood},
	{"end before a child", end_before_a_child},
	{"say ready", say_ready},
	{"say ready in parts", say_ready_in_parts},
	{"close unready", close_unready},
	{"say ready twice", say_ready_twice},
	{"say ready and exit 7", say_ready_and_exit_7},
	{"talk", talk},
	{"not allowed", NULL},
};

const char *const *argv_of(const char *name)
{
	static const char *argv[] = {NULL, NULL};

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (strcmp(name, programs[i].name) == 0) {
			argv[0] = name;
			if (programs[i].fn)
				OK(tend_sim_program(name, programs[i].fn));
			else
				OK(tend_sim_no_program(name, -EACCES));
			return argv;
		}
	ck_abort_msg("no program %s", name);
}
