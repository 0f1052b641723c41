/* The client of every TCP echo server that is measured: each connection sends, waits for
 * its bytes to come back, and sends again. */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_BYTES = 4096, EVENTS = 64 };

struct connection {
	int fd;
	uint64_t sent_at, got; /* got: bytes of the answer so far */
	char out[MAX_BYTES], in[MAX_BYTES];
};

static uint64_t port, conns = 64, bytes = 64, seconds = 60, n = 100000;
static uint64_t done, *latencies; /* ns, a request */

static void send_request(struct connection *c)
{
	memcpy(c->out, &done, sizeof(done) < bytes ? sizeof(done) : bytes);
	c->got = 0;
	c->sent_at = peer_now();
	if (write(c->fd, c->out, bytes) != (ssize_t)bytes)
		peer_fail("write");
}

static void open_connection(struct connection *c, int poller)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) < 0)
		peer_fail("connect");
}

/* One read: what is still missing is told by the next event. */
static void receive(struct connection *c)
{
	ssize_t count = read(c->fd, c->in + c->got, bytes - c->got);

	if (count < 0)
		peer_fail("read");
	peer_check(count > 0, "the server closed a connection");
	c->got += (uint64_t)count;
	if (c->got < bytes || done == n)
		return;
	peer_check(memcmp(c->in, c->out, bytes) == 0, "an answer is not the request");
	latencies[done++] = peer_now() - c->sent_at;
	send_request(c);
}

static void ask(int poller, uint64_t until)
{
	struct epoll_event events[EVENTS];

	while (done < n && peer_now() < until) {
		int count = epoll_wait(poller, events, EVENTS, 1000);

		for (int i = 0; i < count; i++)
			receive(events[i].data.ptr);
	}
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double percentile(uint64_t of_100) { return (double)latencies[done * of_100 / 100] / 1e3; }

static void read_words(char **words)
{
	static const struct {
		const char *key;
		uint64_t *value;
	} keys[] = {
		{"port", &port},       {"conns", &conns}, {"bytes", &bytes},
		{"seconds", &seconds}, {"n", &n},
	};

	for (; *words; words++) {
		const char *value = NULL;

		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && !value; i++)
			if ((value = peer_value(*words, keys[i].key)))
				*keys[i].value = peer_number(value);
		if (!value)
			peer_unknown(*words);
	}
}

/* client w9 port=P [conns=64] [bytes=64] [n=100000] [seconds=60]: n requests, or as many
 * as are answered until then. */
int main(int argc, char **argv)
{
	struct connection *connections;
	uint64_t begun, ns;
	int poller = epoll_create1(EPOLL_CLOEXEC);

	if (argc < 3 || strcmp(argv[1], "w9") != 0)
		peer_unknown(argc < 2 ? "no case" : argv[1]);
	read_words(argv + 2);
	if (n == 0 || conns == 0 || conns > n || bytes == 0 || bytes > MAX_BYTES || port == 0)
		peer_unknown("a number that makes no sense");
	connections = calloc(conns, sizeof(*connections));
	latencies = calloc(n, sizeof(*latencies));
	if (!connections || !latencies || poller < 0)
		peer_fail("client");
	for (uint64_t i = 0; i < conns; i++)
		open_connection(&connections[i], poller);
	begun = peer_now();
	for (uint64_t i = 0; i < conns; i++)
		send_request(&connections[i]);
	ask(poller, begun + seconds * 1000000000);
	ns = peer_now() - begun;
	peer_check(done > 0, "no answer came");
	qsort(latencies, done, sizeof(*latencies), ascending);
	printf("{\"requests\":%" PRIu64 ",\"req_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", done,
	       (double)done * 1e9 / (double)ns, percentile(50), percentile(99));
	return 0;
}
