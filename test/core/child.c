#include "child.h"

#include "suite.h"

#include <sys/wait.h>
#include <unistd.h>

int in_child(int (*fn)(void), char *buf, size_t size)
{
	int ends[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		_exit(fn());
	}
	close(ends[1]);
	while (n < size - 1 && (got = read(ends[0], buf + n, size - 1 - n)) > 0)
		n += (size_t)got;
	buf[n] = 0;
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}
