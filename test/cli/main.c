/* test/cli/main.c - the parts of the tool that can be tested by themselves. */
#include "suites.h"

int main(void)
{
	SRunner *sr = srunner_create(graph_suite());
	srunner_add_suite(sr, print_suite());
	srunner_add_suite(sr, instance_suite());
	srunner_add_suite(sr, control_suite());
	srunner_add_suite(sr, tree_suite());
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
