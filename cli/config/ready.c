/* cli/config/ready.c - the probes of a task: the fields of `ready` and `alive`. */
#include "config/ready.h"
#include "config/pattern.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define ALIVE_TIMEOUT_NS (30 * TEND_SEC)
#define ALIVE_EVERY_NS   (10 * TEND_SEC)

struct draft {
	struct config_probe *probe;
	const char *owner;          /* "ready" or "alive" */
	const char *way;            /* the first key that names a way; NULL: none yet */
	struct config_place way_at; /* {0, 0}: no way yet */
	struct config_place every_at;
};

/* Notes a way. Returns false if there is a way already. */
static bool take_way(struct config_reader *r, const struct node_entry *e, struct draft *draft,
                     enum config_probe_kind kind)
{
	if (draft->way) {
		config_report(r->errors, node_place(e->key),
		              "'%s' has two ways, '%s' and, at %zu:%zu, '%s'; remove one",
		              draft->owner, node_show_key(e).text, draft->way_at.line,
		              draft->way_at.column, draft->way);
		return false;
	}
	draft->way = e->name;
	draft->way_at = node_place(e->key);
	draft->probe->kind = kind;
	return true;
}

/* ---- Addresses ---- */

static bool is_host(const char *host, size_t n)
{
	struct in6_addr address;
	char text[64];

	if (n == 9 && memcmp(host, "localhost", n) == 0)
		return true;
	bool v6 = n > 2 && host[0] == '[' && host[n - 1] == ']';
	if (v6) {
		host++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, host, n);
	text[n] = 0;
	return inet_pton(v6 ? AF_INET6 : AF_INET, text, &address) == 1;
}

static bool is_port(const char *s, size_t n)
{
	enum { PORT_MAX = 65535, DIGITS = 5 };
	uint64_t port;

	return n <= DIGITS && config_number(s, n, &port) && port >= 1 && port <= PORT_MAX;
}

bool config_tcp_address(const char *s, size_t n, char address[CONFIG_ADDRESS_SIZE])
{
	static const char here[] = "127.0.0.1";
	const char *colon = memrchr(s, ':', n), *port = colon ? colon + 1 : s;
	size_t host_n = colon ? (size_t)(colon - s) : sizeof(here) - 1;
	size_t port_n = (size_t)(s + n - port);

	if (!is_port(port, port_n) || (colon && !is_host(s, host_n)))
		return false;
	int used = snprintf(address, CONFIG_ADDRESS_SIZE, "tcp:%.*s:%.*s", (int)host_n,
	                    colon ? s : here, (int)port_n, port);
	assert(used > 0 && used < CONFIG_ADDRESS_SIZE);
	return true;
}

bool config_http_address(const char *url, size_t n, char address[CONFIG_ADDRESS_SIZE],
                         const char **path)
{
	static const char scheme[] = "http://";
	enum { SCHEME = sizeof(scheme) - 1 };
	char host[CONFIG_ADDRESS_SIZE];

	if (n <= SCHEME || memcmp(url, scheme, SCHEME) != 0)
		return false;
	url += SCHEME;
	n -= SCHEME;
	size_t used = strcspn(url, "/?#");
	for (size_t i = 0; i < n; i++)
		if (url[i] <= ' ' || url[i] == '#')
			return false;
	*path = url[used] == '/' ? url + used : url[used] ? NULL : "/";
	if (!*path || used == 0 || used >= sizeof(host) - sizeof(":80"))
		return false;
	/* A colon behind the last bracket begins a port. */
	const char *bracket = memrchr(url, ']', used), *colon = memrchr(url, ':', used);
	bool port = colon && (!bracket || colon > bracket);
	snprintf(host, sizeof(host), "%.*s%s", (int)used, url, port ? "" : ":80");
	return config_tcp_address(host, strlen(host), address);
}

/* ---- The fields ---- */

static void read_tcp(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct draft *draft = into;
	char address[CONFIG_ADDRESS_SIZE];

	if (!take_way(r, e, draft, CONFIG_PROBE_TCP) ||
	    !(draft->probe->text = node_keep_text(r, e)))
		return;
	if (config_tcp_address(node_text(e->value), node_length(e->value), address))
		draft->probe->address = config_keep_text(r, address, strlen(address));
	else
		config_report(
			r->errors, node_place(e->value),
			"'tcp' wants a port, or an address and a port, such as 5432, "
			"127.0.0.1:5432 or \"[::1]:5432\"; names but localhost are not looked "
			"up; this is '%s'",
			node_show(e->value).text);
}

static void read_http(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct draft *draft = into;
	char address[CONFIG_ADDRESS_SIZE];
	const char *path;

	if (!take_way(r, e, draft, CONFIG_PROBE_HTTP) ||
	    !(draft->probe->text = node_keep_text(r, e)))
		return;
	if (config_http_address(node_text(e->value), node_length(e->value), address, &path)) {
		draft->probe->address = config_keep_text(r, address, strlen(address));
		draft->probe->path = config_keep_text(r, path, strlen(path));
		return;
	}
	config_report(r->errors, node_place(e->value),
	              "'http' wants a URL with an address, such as http://127.0.0.1:8080/health; "
	              "for https or a name write exec: [curl, -f, URL]; this is '%s'",
	              node_show(e->value).text);
}

static void read_log(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct draft *draft = into;
	char why[128];

	if (!take_way(r, e, draft, CONFIG_PROBE_LOG) ||
	    !(draft->probe->text = node_keep_text(r, e)))
		return;
	if (!pattern_check(draft->probe->text, why, sizeof(why)))
		r->no_memory = true;
	else if (why[0])
		config_report(r->errors, node_place(e->value),
		              "'log' wants a regular expression that a line of the output matches, "
		              "such as 'listening on'; in this one: %s",
		              why);
}

static void read_exec(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct draft *draft = into;
	struct config_place *at;

	if (!take_way(r, e, draft, CONFIG_PROBE_EXEC))
		return;
	draft->probe->argv = node_keep_words(r, e, "exec: [pg_isready, -q]", &at);
	if (draft->probe->argv)
		draft->probe->text = draft->probe->argv[0];
}

static void read_notify(struct config_reader *r, const struct node_entry *e, void *into)
{
	static const char *const words[] = {"sd", "fd"};
	struct draft *draft = into;
	uint32_t which = 0;
	bool ready = strcmp(draft->owner, "ready") == 0;

	if (!take_way(r, e, draft, CONFIG_PROBE_NOTIFY))
		return;
	/* A descriptor says one thing, once. */
	node_read_word(r, e,
	               ready ? "sd (the program calls sd_notify) or fd (it writes a newline to "
	                       "descriptor 3)"
	                     : "sd (the program calls sd_notify)",
	               words, ready ? 2 : 1, &which);
	draft->probe->text = words[which];
	if (which == 1)
		draft->probe->kind = CONFIG_PROBE_FD;
}

static void read_every(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct draft *draft = into;

	draft->every_at = node_place(e->key);
	node_read_span(r, e, &draft->probe->every_ns);
}

static void read_timeout(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_span(r, e, &((struct draft *)into)->probe->timeout_ns);
}

static void read_after(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_duration(r, e, &((struct draft *)into)->probe->after_ns);
}

static const struct node_field PROBE[] = {
	{"notify", read_notify},   {"tcp", read_tcp},     {"http", read_http},
	{"log", read_log},         {"exec", read_exec},   {"every", read_every},
	{"timeout", read_timeout}, {"after", read_after},
};

static void read(struct config_reader *r, const struct node_entry *e, struct draft *draft,
                 const char *example)
{
	size_t n, before = r->errors->count;
	struct node_entry *entries = node_read_map_of(r, e, example, &n);

	if (!entries)
		return;
	node_read_fields(r, entries, n, PROBE, CONFIG_COUNT(PROBE), draft);
	if (!draft->way && r->errors->count == before)
		config_report(r->errors, node_place(e->key),
		              "'%s' has no way to find out; add notify, tcp, http, log or exec, "
		              "such as %s",
		              draft->owner, example);
	enum config_probe_kind kind = draft->probe->kind;
	bool told =
		kind == CONFIG_PROBE_LOG || kind == CONFIG_PROBE_NOTIFY || kind == CONFIG_PROBE_FD;
	if (told && draft->every_at.line)
		config_report(
			r->errors, draft->every_at,
			"'every' is for a way that is tried again; what comes from the task is "
			"seen as it comes; remove it");
}

void ready_read(struct config_reader *r, const struct node_entry *e, struct config_probe *probe)
{
	struct draft draft = {.probe = probe, .owner = "ready"};

	*probe = (struct config_probe){.every_ns = CONFIG_READY_EVERY_NS,
	                               .timeout_ns = CONFIG_READY_TIMEOUT_NS};
	read(r, e, &draft, "ready: {tcp: 127.0.0.1:8080}");
}

void alive_read(struct config_reader *r, const struct node_entry *e, struct config_probe *probe)
{
	struct draft draft = {.probe = probe, .owner = "alive"};

	*probe = (struct config_probe){.every_ns = ALIVE_EVERY_NS, .timeout_ns = ALIVE_TIMEOUT_NS};
	read(r, e, &draft, "alive: {tcp: 127.0.0.1:8080}");
}

void config_ready_fit(struct config_task *task)
{
	if (task->ready.kind)
		task->restart.ready_ns = task->ready.timeout_ns + TEND_SEC;
}
