/* test/cli/control_test.c - requests and answers over a socket. */
#include "suite.h"
#include "ask/control.h"
#include "ask/envelope.h"
#include "show/json.h"
#include "up/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/tend-control-XXXXXX";
static struct instance instance;
static struct instance_error error;
static struct control_server server;
static tend_runtime *rt;

/* Answers the request, after a line of progress. */
static void echo(void *arg, const json_t *request, struct control_reply *reply)
{
	ck_assert_ptr_eq(arg, &server);
	control_send(reply, json_pack("{s:{s:i}}", "progress", "left", 1));
	control_send(reply, envelope_ok("test.echo/1", json_deep_copy(request)));
}

static void make(void)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("XDG_RUNTIME_DIR", dir, 1);
	ck_assert_int_eq(instance_claim("shop", "/srv/shop/tend.yaml", &instance, &error), 0);
	ck_assert_int_eq(
		tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .stack_bytes = 262144), &rt), 0);
	server = (struct control_server){.answer = echo, .arg = &server};
	ck_assert_int_eq(tend_scope_open(tend_root(rt), "listen", NULL, &server.listeners), 0);
	ck_assert_int_eq(tend_scope_open(tend_root(rt), "control", NULL, &server.connections), 0);
	ck_assert_int_eq(control_serve(&server, instance.socket, NULL), 0);
	instance_served(&instance);
}

static void unmake(void)
{
	char command[100];
	ck_assert_int_eq(tend_runtime_close(rt, tend_after(5 * TEND_SEC)), 0);
	instance_release(&instance);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strcpy(a.sun_path, instance.socket);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Reads until the other side hangs up or a line is there. */
static const char *line_of(int fd)
{
	static char text[4096];
	size_t n = 0;
	while (n < sizeof(text) - 1 && read(fd, text + n, 1) == 1 && text[n] != '\n')
		n++;
	text[n] = 0;
	return text;
}

static int progress_seen;

static void see_progress(void *arg, const json_t *progress)
{
	(void)arg;
	progress_seen += (int)json_integer_value(json_object_get(progress, "left"));
}

FIXTURE(make, unmake);

TEST(an_answer_comes_after_its_progress)
{
	json_t *answer =
		control_ask(&instance, json_pack("{s:s, s:s}", "cmd", "tree", "path", "a/b"),
	                    CONTROL_SILENCE_MS, see_progress, NULL, &error);
	ck_assert_msg(answer != NULL, "%s", error.text);
	ck_assert_int_eq(progress_seen, 1);
	ck_assert_str_eq(json_string_value(json_object_get(answer, "schema")), "test.echo/1");
	ck_assert(json_is_null(json_object_get(answer, "error")));
	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(answer, "data"), "path")), "a/b");
	json_decref(answer);
}

TEST(a_request_in_pieces_and_two_at_once_are_answered)
{
	int fd = dial();
	ck_assert_int_eq(write(fd, "{\"cmd\":", 7), 7);
	ck_assert_int_eq(write(fd, "\"a\"}\n{\"cmd\":\"b\"}\n", 17), 17);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(strstr(line_of(fd), "progress"));
		ck_assert_ptr_nonnull(strstr(line_of(fd), i ? "\"b\"" : "\"a\""));
	}
	close(fd);
}

static const char *const bad[] = {"\n",
                                  "{}\n",
                                  "[1]\n",
                                  "{\"cmd\":7}\n",
                                  "{\"cmd\":\"a\"\n",
                                  "\xff\xfe\n",
                                  "{\"cmd\":\"a\",\"cmd\":\"b\"}\n"};

TEST_EACH(what_is_not_a_request_is_answered_with_an_error, sizeof(bad) / sizeof(*bad))
{
	int fd = dial();
	size_t n = strlen(bad[_i]);
	ck_assert_int_eq(write(fd, bad[_i], n), (ssize_t)n);
	const char *line = line_of(fd);
	ck_assert_ptr_nonnull(strstr(line, "tend.error/1"));
	ck_assert_ptr_nonnull(strstr(line, "\"exit_code\":2"));
	close(fd);
}

TEST(a_request_without_an_end_is_refused_and_hung_up_on)
{
	static char flood[CONTROL_REQUEST_MAX];
	int fd = dial();
	memset(flood, 'x', sizeof(flood));
	ck_assert_int_eq(send(fd, flood, sizeof(flood), MSG_NOSIGNAL), (ssize_t)sizeof(flood));
	ck_assert_ptr_nonnull(strstr(line_of(fd), "longer than 64 KiB"));
	ck_assert_str_eq(line_of(fd), "");
	close(fd);
}

TEST(more_connections_than_there_may_be_are_told_so)
{
	int fds[CONTROL_CONNECTIONS_MAX];
	for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		fds[i] = dial();
		ck_assert_int_eq(write(fds[i], "{\"cmd\":\"a\"}\n", 12), 12);
		line_of(fds[i]);
		line_of(fds[i]);
	}
	int one_more = dial();
	ck_assert_ptr_nonnull(strstr(line_of(one_more), "too many connections"));
	close(one_more);
	for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		close(fds[i]);
}

TEST(the_socket_is_for_its_user_only)
{
	struct stat st;
	ck_assert_int_eq(stat(instance.socket, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}

/* An address lies in no directory, so any process may connect there. */
TEST(an_address_tells_the_process_and_answers_nothing)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);
	struct ucred cred;
	socklen_t size = sizeof(cred);
	int own = dup(instance.address_fds[INSTANCE_BY_NAME]);

	ck_assert_int_eq(getsockname(own, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(control_refuse(&server, own), 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size), 0);
	ck_assert_int_eq(cred.pid, getpid());
	send(fd, "{\"cmd\":\"a\"}\n", 12, MSG_NOSIGNAL);
	ck_assert_str_eq(line_of(fd), "");
	close(fd);
}

TEST(text_of_any_bytes_becomes_a_string)
{
	json_t *clean = text_json("a\xff\0b", 4), *whole = text_json("caf\xc3\xa9", 5);
	ck_assert_str_eq(json_string_value(clean), "a\xef\xbf\xbd\xef\xbf\xbd"
	                                           "b");
	ck_assert_str_eq(json_string_value(whole), "caf\xc3\xa9");
	json_decref(clean);
	json_decref(whole);
}
