/* libuv: a timer for each sleep, and a TCP echo server. */
#include "peer.h"

#include <uv.h>

enum { BATCH = 1000 };

static uv_loop_t *loop;

static void need(int error, const char *what)
{
	if (error < 0) {
		fprintf(stderr, "%s: %s\n", what, uv_strerror(error));
		exit(1);
	}
}

static void *allocate(size_t bytes)
{
	void *p = malloc(bytes);

	if (!p)
		peer_fail("malloc");
	return p;
}

static void release(uv_handle_t *handle) { free(handle); }

/* W8 */
static uint64_t woken;

static void wake(uv_timer_t *timer)
{
	woken++;
	uv_close((uv_handle_t *)timer, release);
}

static void sleep_all(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uv_timer_t *timer = allocate(sizeof(*timer));

		/* The loop's clock stands still until its next turn: sleeps would be short. */
		if (i % BATCH == 0)
			uv_update_time(loop);
		need(uv_timer_init(loop, timer), "uv_timer_init");
		need(uv_timer_start(timer, wake, i * 7919 % 1000, 0), "uv_timer_start");
	}
	need(uv_run(loop, UV_RUN_DEFAULT), "uv_run");
}

static void sleeps(uint64_t n)
{
	int warm = strcmp(peer.value, "0") != 0;
	uint64_t cpu, wall;

	if (warm)
		sleep_all(n);
	woken = 0;
	cpu = peer_cpu();
	wall = peer_now();
	sleep_all(n);
	peer_metric("cpu_s", (double)(peer_cpu() - cpu) / 1e9);
	peer_metric("wall_s", (double)(peer_now() - wall) / 1e9);
	peer_check(woken == n, "a timer did not fire");
}

/* W9 */
struct connection {
	uv_tcp_t tcp;
	char buffer[4096];
};
struct rest {
	uv_write_t request;
	char bytes[];
};

static void buffer_of(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct connection *c = (struct connection *)handle;

	(void)suggested;
	*buffer = uv_buf_init(c->buffer, sizeof(c->buffer));
}

static void written(uv_write_t *request, int status)
{
	free(request);
	(void)status;
}

/* What the socket did not take at once. */
static void write_rest(uv_stream_t *stream, const char *bytes, size_t count)
{
	struct rest *rest = allocate(sizeof(*rest) + count);
	uv_buf_t buffer = uv_buf_init(rest->bytes, (unsigned)count);

	memcpy(rest->bytes, bytes, count);
	need(uv_write(&rest->request, stream, &buffer, 1, written), "uv_write");
}

static void echo(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	uv_buf_t out;
	int sent;

	if (count < 0) {
		uv_close((uv_handle_t *)stream, release);
		return;
	}
	if (count == 0)
		return;
	out = uv_buf_init(buffer->base, (unsigned)count);
	sent = uv_try_write(stream, &out, 1);
	if (sent < 0 && sent != UV_EAGAIN)
		return; /* the read that follows says that it is closed */
	if (sent < count)
		write_rest(stream, buffer->base + (sent > 0 ? sent : 0),
		           (size_t)(count - (sent > 0 ? sent : 0)));
}

static void accept_one(uv_stream_t *listener, int status)
{
	struct connection *c = allocate(sizeof(*c));

	need(status, "uv_listen");
	need(uv_tcp_init(loop, &c->tcp), "uv_tcp_init");
	need(uv_accept(listener, (uv_stream_t *)&c->tcp), "uv_accept");
	need(uv_read_start((uv_stream_t *)&c->tcp, buffer_of, echo), "uv_read_start");
}

static void stop_at_eof(uv_poll_t *input, int status, int events)
{
	char byte;

	(void)input, (void)status, (void)events;
	if (read(0, &byte, 1) <= 0)
		uv_stop(loop);
}

static void serve(uint64_t n)
{
	struct sockaddr_in address;
	int length = sizeof(address);
	uv_tcp_t listener;
	uv_poll_t input;
	uint64_t cpu;

	(void)n;
	need(uv_ip4_addr("127.0.0.1", 0, &address), "uv_ip4_addr");
	need(uv_tcp_init(loop, &listener), "uv_tcp_init");
	need(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
	need(uv_listen((uv_stream_t *)&listener, SOMAXCONN, accept_one), "uv_listen");
	need(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length), "getsockname");
	need(uv_poll_init(loop, &input, 0), "uv_poll_init");
	need(uv_poll_start(&input, UV_READABLE, stop_at_eof), "uv_poll_start");
	cpu = peer_cpu();
	peer_listening(ntohs(address.sin_port));
	uv_run(loop, UV_RUN_DEFAULT);
	peer_metric("cpu_s", (double)(peer_cpu() - cpu) / 1e9);
}

int main(int argc, char **argv)
{
	static const struct peer_case cases[] = {
		{"libuv", "w8", sleeps, 1000000, 1, "warm", "0"},
		{"libuv", "w9", serve, 1, 1, NULL, NULL},
		{NULL, NULL, NULL, 0, 0, NULL, NULL},
	};

	loop = uv_default_loop();
	return peer_main(argc, argv, uv_version_string(), cases);
}
