/* The programs of the scenarios, as lines for a shell. */
#include "scenario.h"

static const struct {
	const char *name, *line;
} lines[] = {
	{"exit 0", "exit 0"},
	{"exit 7", "exit 7"},
	{"die by SEGV", "kill -SEGV $$"},
	{"up", "echo up; while :; do sleep 0.01; done"},
	{"exit 5 on TERM", "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done"},
	{"exit 9 on USR1", "trap 'exit 9' USR1; echo up; while :; do sleep 0.01; done"},
	{"SEGV on TERM", "trap 'kill -SEGV $$' TERM; echo up; while :; do sleep 0.01; done"},
	{"deaf", "trap '' TERM; echo up; while :; do sleep 0.01; done"},
	{"leave a child", "sleep 1000 & exit 0"},
	{"leave a deaf child", "trap '' TERM; sleep 1000 & exit 0"},
	{"leave a daemon", "setsid sleep 1000 & exit 0"},
	{"leave a deaf daemon", "trap '' TERM; setsid sleep 1000 & exit 0"},
	{"flood", "seq 1 30000; echo END; while :; do sleep 0.01; done"},
	{"say ready", "echo >&3; exec 3>&-; echo up; while :; do sleep 0.01; done"},
	{"say ready in parts",
         "trap 'echo ed >&3' USR1; printf start >&3; echo up; while :; do sleep 0.01; done"},
	{"close unready", "printf ready >&3; exec 3>&-; echo up; while :; do sleep 0.01; done"},
	{"say ready twice", "echo >&3; echo >&3; echo up; while :; do sleep 0.01; done"},
	{"say ready and exit 7", "echo >&3; exit 7"},
	{"end before a child",
         "exec 2>/dev/null; trap 'echo leader' TERM; trap 'exit 5' USR1; "
         "(trap 'echo child; exit' TERM; trap '' USR1; echo up; while :; do sleep 0.01; done) & "
         "while :; do sleep 0.01; done"},
	{"talk", "echo one; echo two >&2; echo three; exit 6"},
};

const char *const *argv_of(const char *name)
{
	static const char *argv[] = {"sh", "-c", NULL, NULL}, *not_allowed[] = {"/tmp", NULL};

	if (strcmp(name, "not allowed") == 0)
		return not_allowed;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (strcmp(name, lines[i].name) == 0) {
			argv[2] = lines[i].line;
			return argv;
		}
	ck_abort_msg("no program %s", name);
}
