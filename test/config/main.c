/* test/config/main.c - the suites of tend.yaml and `tend check`. */
#include "harness.h"

int main(void)
{
	SRunner *sr = srunner_create(value_suite());
	srunner_add_suite(sr, accept_suite());
	srunner_add_suite(sr, refuse_suite());
	srunner_add_suite(sr, file_suite());
	srunner_add_suite(sr, graph_suite());
	srunner_add_suite(sr, environment_suite());
	srunner_add_suite(sr, probe_suite());
	srunner_add_suite(sr, json_suite());
	srunner_add_suite(sr, memory_suite());
	srunner_add_suite(sr, check_suite());
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
