/* test/cli/instance_test.c - the runtime directory, the lock, the socket. */
#include "suite.h"
#include "ask/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

static struct instance claimed_from(const char *name, const char *file)
{
	struct instance i;
	ck_assert_msg(instance_claim(name, file, &i, &error) == 0, "%s", error.text);
	return i;
}

/* Each name has a file of its own. */
static struct instance claimed(const char *name)
{
	char file[PATH_MAX];
	snprintf(file, sizeof(file), "/srv/%s/tend.yaml", name);
	return claimed_from(name, file);
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
	ck_assert_int_ne(instance_claim("shop", "/srv/shop/tend.yaml", &other, &error), 0);
	ck_assert_int_eq(error.exit_code, 1);
	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	ck_assert_ptr_nonnull(strstr(error.text, pid));
	ck_assert_int_eq(instance_owner(&i, NULL, 0), getpid());
	instance_release(&i);
	ck_assert_int_eq(instance_owner(&i, NULL, 0), 0);
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
	ck_assert_int_ne(instance_claim("shop", "/srv/shop/tend.yaml", &i, &error), 0);
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
	ck_assert_int_ne(instance_claim("shop", "/srv/shop/tend.yaml", &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
	ck_assert_ptr_nonnull(strstr(error.text, "chmod 700"));
}

TEST(a_directory_that_is_a_link_is_refused)
{
	char path[200];
	struct instance i;
	snprintf(path, sizeof(path), "%s/tend", dir);
	ck_assert_int_eq(symlink("/tmp", path), 0);
	ck_assert_int_ne(instance_claim("shop", "/srv/shop/tend.yaml", &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
}

TEST(a_path_too_long_for_a_socket_is_told_with_the_remedy)
{
	struct instance i;
	char name[INSTANCE_NAME_MAX + 1];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	setenv("XDG_RUNTIME_DIR", "/tmp/a-directory-with-a-name-that-is-rather-long-for-one", 1);
	ck_assert_int_ne(instance_claim(name, "/srv/n", &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
	ck_assert_ptr_nonnull(strstr(error.text, "shorter"));
}

TEST(the_only_stack_is_found)
{
	struct instance_choice any = {0};
	struct instance found, i;
	ck_assert_int_ne(instance_choose(&any, &found, &error), 0);
	ck_assert_int_eq(error.exit_code, 5);
	i = claimed("shop");
	ck_assert_int_eq(instance_choose(&any, &found, &error), 0);
	ck_assert_str_eq(found.name, "shop");
	ck_assert_str_eq(found.socket, i.socket);
	instance_release(&i);
}

TEST(of_several_the_one_of_this_directory_is_found_and_else_they_are_listed)
{
	struct instance_choice any = {0}, named = {.name = "b", .here = "a"};
	struct instance found, a = claimed("a"), b = claimed("b");
	ck_assert(instance_of_file("/srv/b/tend.yaml", &found));
	ck_assert_str_eq(found.name, "b");
	ck_assert(!instance_of_file("/srv/c/tend.yaml", &found));
	ck_assert_int_eq(instance_choose(&named, &found, &error), 0);
	ck_assert_str_eq(found.name, "b");
	ck_assert_int_ne(instance_choose(&any, &found, &error), 0);
	ck_assert_int_eq(error.exit_code, 2);
	ck_assert_ptr_nonnull(strstr(error.text, "a, b"));
	instance_release(&a);
	instance_release(&b);
}

TEST(a_command_that_changes_something_leaves_other_directories_alone)
{
	struct instance_choice strict = {.strict = true, .here = "here", .here_file = "/srv/h"};
	struct instance found, a = claimed("a");
	ck_assert_int_ne(instance_choose(&strict, &found, &error), 0);
	ck_assert_int_eq(error.exit_code, 5);
	strict.here = NULL;
	ck_assert_int_eq(instance_choose(&strict, &found, &error), 0);
	instance_release(&a);
}

TEST(a_socket_given_by_path_is_taken_as_it_is)
{
	struct instance_choice choice = {.socket = "/some/where/shop.sock", .here = "x"};
	struct instance found;
	ck_assert_int_eq(instance_choose(&choice, &found, &error), 0);
	ck_assert_str_eq(found.name, "shop");
	ck_assert_str_eq(found.lock, "/some/where/shop.lock");
}

/* ---- Two files of one name ---- */

TEST(a_stack_of_another_file_is_not_taken_for_the_one_of_this_directory)
{
	struct instance_choice here = {.here = "shop", .here_file = "/two/shop/tend.yaml"};
	struct instance found, i = claimed_from("shop", "/one/shop/tend.yaml");
	for (int strict = 0; strict < 2; strict++) {
		here.strict = strict;
		ck_assert_int_ne(instance_choose(&here, &found, &error), 0);
		ck_assert_int_eq(error.exit_code, 5);
		ck_assert_ptr_nonnull(strstr(error.text, "/one/shop/tend.yaml"));
		ck_assert_ptr_nonnull(strstr(error.text, "/two/shop/tend.yaml"));
	}
	ck_assert_int_ne(instance_claim("shop", "/two/shop/tend.yaml", &found, &error), 0);
	ck_assert_int_eq(error.exit_code, 1);
	ck_assert_ptr_nonnull(strstr(error.text, "from /one/shop/tend.yaml"));
	ck_assert_ptr_nonnull(strstr(error.text, "/two/shop/tend.yaml another name"));
	instance_release(&i);
}

TEST(a_file_that_runs_does_not_run_again_under_another_name)
{
	struct instance found, i = claimed_from("shop", "/srv/tend.yaml");
	ck_assert_int_ne(instance_claim("store", "/srv/tend.yaml", &found, &error), 0);
	ck_assert_int_eq(error.exit_code, 1);
	ck_assert_ptr_nonnull(strstr(error.text, "running as stack shop"));
	instance_release(&i);
}

/* ---- Files that were unlinked, and files of others ---- */

static void remove_all(void)
{
	char command[100];
	snprintf(command, sizeof(command), "rm -rf '%s/tend'", dir);
	ck_assert_int_eq(system(command), 0);
}

TEST(a_stack_whose_files_were_unlinked_is_not_claimed_again_and_makes_them_again)
{
	char file[PATH_MAX];
	struct instance other, i = claimed("shop");
	leave_socket(i.socket);
	instance_served(&i);
	ck_assert(!instance_swept(&i));
	remove_all();
	ck_assert_int_ne(instance_claim("shop", "/srv/shop/tend.yaml", &other, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.text, "stack shop is already running, pid"));
	ck_assert_int_ne(instance_claim("new-name", "/srv/shop/tend.yaml", &other, &error), 0);
	ck_assert_int_ne(instance_claim("shop", "/another/tend.yaml", &other, &error), 0);
	ck_assert(instance_swept(&i));
	ck_assert_int_eq(instance_owner(&i, file, sizeof(file)), getpid());
	ck_assert_str_eq(file, "/srv/shop/tend.yaml");
	leave_socket(i.socket);
	instance_served(&i);
	ck_assert(!instance_swept(&i));
	instance_release(&i);
	ck_assert(!exists(i.lock));
	ck_assert(!exists(i.socket));
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

TEST(an_end_leaves_what_is_not_its_own)
{
	struct instance i = claimed("shop");
	leave_socket(i.socket);
	instance_served(&i);
	unlink(i.socket);
	unlink(i.lock);
	write_file(i.lock, "mine\n");
	leave_socket(i.socket);
	ck_assert(!instance_swept(&i));
	instance_release(&i);
	ck_assert(exists(i.lock));
	ck_assert(exists(i.socket));
}

static void listen_at(const char *path, int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, type, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert(type != SOCK_STREAM || listen(fd, 5) == 0);
}

enum place {
	TEXT_LOCK,
	FIFO_LOCK,
	DIR_LOCK,
	LINK_LOCK,
	SOCK_LOCK,
	TEXT_SOCK,
	LIVE_SOCK,
	DGRAM_SOCK
};

TEST_EACH(what_stands_in_the_way_is_named_and_left, DGRAM_SOCK + 1)
{
	struct instance i;
	ck_assert_int_eq(instance_of("shop", &i, &error), 0);
	*strrchr(i.lock, '/') = 0;
	ck_assert_int_eq(mkdir(i.lock, 0700), 0);
	i.lock[strlen(i.lock)] = '/';
	switch ((enum place)_i) {
	case TEXT_LOCK:
		write_file(i.lock, "notes of mine\n");
		break;
	case FIFO_LOCK:
		ck_assert_int_eq(mkfifo(i.lock, 0600), 0);
		break;
	case DIR_LOCK:
		ck_assert_int_eq(mkdir(i.lock, 0700), 0);
		break;
	case LINK_LOCK:
		ck_assert_int_eq(symlink("/tmp/x", i.lock), 0);
		break;
	case SOCK_LOCK:
		leave_socket(i.lock);
		break;
	case TEXT_SOCK:
		write_file(i.socket, "notes of mine\n");
		break;
	case LIVE_SOCK:
		listen_at(i.socket, SOCK_STREAM);
		break;
	case DGRAM_SOCK:
		listen_at(i.socket, SOCK_DGRAM);
	}
	const char *path = _i < TEXT_SOCK ? i.lock : i.socket;
	struct stat before, after;
	ck_assert_int_eq(lstat(path, &before), 0);
	ck_assert_int_ne(instance_claim("shop", "/srv/shop/tend.yaml", &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
	ck_assert_ptr_nonnull(strstr(error.text, path));
	ck_assert_int_eq(lstat(path, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_uint_eq((uint64_t)before.st_size, (uint64_t)after.st_size);
}

/* ---- Without XDG_RUNTIME_DIR ---- */

TEST(without_a_runtime_directory_a_checked_one_in_tmp_is_used)
{
	enum { SOME_USER = 61234 };
	static const char path[] = "/tmp/tend-61234";
	struct instance_choice any = {0};
	struct instance i;
	struct stat st;

	if (geteuid() != 0)
		return; /* only root can be a user whose directory is nobody's */
	ck_assert_int_eq(mkdir(path, 0700), 0);
	unsetenv("XDG_RUNTIME_DIR");
	ck_assert_int_eq(seteuid(SOME_USER), 0);
	ck_assert_int_ne(instance_claim("shop", "/srv/shop", &i, &error), 0);
	ck_assert_int_eq(error.exit_code, 78);
	ck_assert_ptr_nonnull(strstr(error.text, "/tmp/tend-61234 belongs to another user"));
	ck_assert_ptr_nonnull(strstr(error.text, "set XDG_RUNTIME_DIR"));
	ck_assert_int_ne(instance_choose(&any, &i, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.text, "belongs to another user"));
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(seteuid(SOME_USER), 0);
	i = claimed("shop");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_uint_eq(st.st_uid, SOME_USER);
	instance_release(&i);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(seteuid(0), 0);
}
