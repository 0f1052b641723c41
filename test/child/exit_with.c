/* test/child/exit_with.c - the child of a test that is about the status and nothing
 * else: static, so that its start costs a tenth of a shell's.
 *
 *   exit_with N   exits with N
 *   exit_with     stays until a signal ends it */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	while (argc < 2)
		pause();
	_exit(atoi(argv[1]));
}
