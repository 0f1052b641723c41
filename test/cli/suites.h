/* test/cli/suites.h - the suites of the tool's parts. */
#ifndef TEST_CLI_SUITES_H
#define TEST_CLI_SUITES_H

#include <check.h>

Suite *graph_suite(void);
Suite *print_suite(void);
Suite *instance_suite(void);
Suite *control_suite(void);
Suite *tree_suite(void);

#endif
