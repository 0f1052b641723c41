/* test/cli/instance_test.c - the runtime directory, the lock, the socket. */
#include "suite.h"
#include "ask/instance.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/tend-instance-XXXXXX";
static struct instance_error error;

static void make(void)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("XDG_RUNTIME_DIR", dir, 1);
}

static void unmake(void)
{
	char command[100];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct instance claimed(const char *name)
{
	struct instance i = {.lock_fd = -1};
	ck_assert_msg(instance_claim(name, &i, &error) == 0, "%s", error.text);
	return i;
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static void leave_socket(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
}

FIXTURE(make, unmake);

TEST(a_claim_makes_a_private_directory_and_a_release_leaves_no_file)
{
	struct stat st;
	struct instance i = claimed("shop");
	char path[200];
	snprintf(path, sizeof(path), "%s/tend", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(i.lock, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	instance_release(&i);
	ck_assert(!exists(i.lock));
	ck_assert(!exists(i.socket));
}

TEST(a_second_claim_is_refused_and_names_the_owner)
{
	char pid[32];
	struct instance i = claimed("shop"), other;
	ck_assert_int_ne(instance_claim("shop", &other, &error), 0);
	ck_assert_int_eq(error.exit_code, 1);
	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	ck_assert_ptr_nonnull(strstr(error.text, pid));
	ck_assert_int_eq(instance_owner(&i), getpid());
	instance_release(&i);
	ck_assert_int_eq(instance_owner(&i), 0);
	i = claimed("shop");
	instance_release(&i);
}

TEST(what_a_crash_left_is_replaced)
{
	pid_t child = fork();
	if (child == 0) {
		struct instance i = claimed("shop");
		leave_socket(i.socket);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	struct instance i;
	ck_assert_int_eq(instance_of("shop", &i, &error), 0);
	ck_assert(exists(i.lock) && exists(i.socket));
	ck_assert_int_lt(instance_connect(&i, &error), 0);
	ck_assert_int_eq(error.exit_code, 5);
	ck_assert_ptr_nonnull(strstr(error.text, "stale"));
	i = claimed("shop");
	ck_assert(!exists(i.socket));
	instance_release(&i);
}

TEST(a_directory_that_is_not_there_is_told_with_the_remedy)
{
	struct instance i;
	setenv("XDG_RUNTIME_DIR", "/nonexistent/run", 1);
	ck_assert_int_ne(instance_claim("shop", &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
	ck_assert_str_eq(error.text,
	                 "/nonexistent/run does not exist; create it, or set XDG_RUNTIME_DIR to a "
	                 "private directory of yours (mode 0700)");
}

TEST(a_directory_that_is_open_to_others_is_refused)
{
	char path[200];
	struct instance i;
	snprintf(path, sizeof(path), "%s/tend", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chmod(path, 0777), 0);
	ck_assert_int_ne(instance_claim("shop", &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
	ck_assert_ptr_nonnull(strstr(error.text, "chmod 700"));
}

TEST(a_directory_that_is_a_link_is_refused)
{
	char path[200];
	struct instance i;
	snprintf(path, sizeof(path), "%s/tend", dir);
	ck_assert_int_eq(symlink("/tmp", path), 0);
	ck_assert_int_ne(instance_claim("shop", &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
}

TEST(a_path_too_long_for_a_socket_is_told_with_the_remedy)
{
	struct instance i;
	char name[INSTANCE_NAME_MAX + 1];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	setenv("XDG_RUNTIME_DIR", "/tmp/a-directory-with-a-name-that-is-rather-long-for-one", 1);
	ck_assert_int_ne(instance_claim(name, &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
	ck_assert_ptr_nonnull(strstr(error.text, "shorter"));
}

TEST(the_only_stack_is_found)
{
	struct instance_choice any = {0};
	struct instance found, i;
	ck_assert_int_ne(instance_choose(&any, NULL, &found, &error), 0);
	ck_assert_int_eq(error.exit_code, 5);
	i = claimed("shop");
	ck_assert_int_eq(instance_choose(&any, NULL, &found, &error), 0);
	ck_assert_str_eq(found.name, "shop");
	ck_assert_str_eq(found.socket, i.socket);
	instance_release(&i);
}

TEST(of_several_the_one_of_this_directory_is_found_and_else_they_are_listed)
{
	struct instance_choice any = {0}, named = {.name = "b"};
	struct instance found, a = claimed("a"), b = claimed("b");
	ck_assert_int_eq(instance_choose(&any, "b", &found, &error), 0);
	ck_assert_str_eq(found.name, "b");
	ck_assert_int_eq(instance_choose(&named, "a", &found, &error), 0);
	ck_assert_str_eq(found.name, "b");
	ck_assert_int_ne(instance_choose(&any, NULL, &found, &error), 0);
	ck_assert_int_eq(error.exit_code, 2);
	ck_assert_ptr_nonnull(strstr(error.text, "a, b"));
	instance_release(&a);
	instance_release(&b);
}

TEST(a_command_that_changes_something_leaves_other_directories_alone)
{
	struct instance_choice strict = {.strict = true};
	struct instance found, a = claimed("a");
	ck_assert_int_ne(instance_choose(&strict, "here", &found, &error), 0);
	ck_assert_int_eq(error.exit_code, 5);
	ck_assert_int_eq(instance_choose(&strict, NULL, &found, &error), 0);
	instance_release(&a);
}

TEST(a_socket_given_by_path_is_taken_as_it_is)
{
	struct instance_choice choice = {.socket = "/some/where/shop.sock"};
	struct instance found;
	ck_assert_int_eq(instance_choose(&choice, "x", &found, &error), 0);
	ck_assert_str_eq(found.name, "shop");
	ck_assert_str_eq(found.lock, "/some/where/shop.lock");
}
