#include "base/text.h"

#include "tend/text.h"

#include "base/error.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t tend_text_whole(const char *s, size_t n)
{
	/* A character has at most three bytes after the first, 10xxxxxx each. */
	for (size_t back = 1; back <= 4 && back <= n; back++) {
		unsigned char c = (unsigned char)s[n - back];

		if ((c & 0xc0) == 0x80)
			continue;
		size_t needs = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		return needs > back ? n - back : n;
	}
	return n;
}

void tend__text_copy(char *out, size_t size, const char *text)
{
	size_t n = strnlen(text, size);

	tend__assert(size > 0);
	if (n == size)
		n = tend_text_whole(text, size - 1);
	memcpy(out, text, n);
	out[n] = 0;
}

void tend__text_trim(char *s) { s[tend_text_whole(s, strlen(s))] = 0; }

void tend__text_bytes(struct tend__text *t, const char *bytes, size_t n)
{
	tend__assert(!t->size || t->buf);
	if (t->n + 1 < t->size) {
		size_t room = t->size - 1 - t->n, m = n <= room ? n : tend_text_whole(bytes, room);

		memcpy(t->buf + t->n, bytes, m);
		t->buf[t->n + m] = 0;
	}
	t->n += n;
}

void tend__text_s(struct tend__text *t, const char *s) { tend__text_bytes(t, s, strlen(s)); }

void tend__text_address(struct tend__text *t, const void *address)
{
	Dl_info info;

	if (dladdr(address, &info) && info.dli_fname) {
		const char *base = strrchr(info.dli_fname, '/');

		tend__text_f(t, "%s+%#tx", base ? base + 1 : info.dli_fname,
		             (const char *)address - (const char *)info.dli_fbase);
	} else
		tend__text_f(t, "%p", address);
}

void tend__text_number(struct tend__text *t, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	tend__text_bytes(t, digits + at, sizeof(digits) - at);
}

void tend__text_f(struct tend__text *t, const char *fmt, ...)
{
	char small[256];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (n <= 0)
		return;
	if ((size_t)n >= sizeof(small))
		tend__text_trim(small);
	tend__text_bytes(t, small, (size_t)n < sizeof(small) ? (size_t)n : strlen(small));
}

/* ---- Characters ---- */

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t tend_text_decode(const char *text, size_t n, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;

	if (n == 0 || s[0] > 0xf4 || (s[0] & 0xc0) == 0x80)
		return 0;
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	uint32_t value = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (s[i] & 0x3fu);
	}
	if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	if (code)
		*code = value;
	return len;
}

enum { CONTROL = 1, TURNS = 2, UNSEEN = 4 };

/* Characters that must not reach a terminal unchanged, in order. */
static const struct {
	uint32_t first, last, sort;
} unsafe[] = {
	{0x00, 0x1f, CONTROL},    {0x7f, 0x9f, CONTROL},
	{0x061c, 0x061c, TURNS},  /* Arabic letter mark */
	{0x200b, 0x200d, UNSEEN}, /* spaces without width, joiners */
	{0x200e, 0x200f, TURNS},  /* left-to-right and right-to-left marks */
	{0x2028, 0x202e, TURNS},  /* separators of lines, embeddings, overrides */
	{0x2060, 0x2065, UNSEEN}, {0x2066, 0x2069, TURNS}, /* isolates */
	{0xfeff, 0xfeff, UNSEEN}, {0xfff9, 0xfffb, UNSEEN},
};

/* Returns what makes the character unsafe; 0 if nothing does. */
static uint32_t sort_of(uint32_t code)
{
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(*unsafe) && code >= unsafe[i].first; i++)
		if (code <= unsafe[i].last)
			return unsafe[i].sort;
	return 0;
}

/* Writes a character as a terminal may show it. `len` is 0 for a byte that is not
 * UTF-8. Returns the number of bytes written. */
static size_t show(char out[8], const char *s, size_t len, uint32_t code, uint32_t flags)
{
	uint32_t sort = len ? sort_of(code) : CONTROL;

	if ((flags & TEND_TEXT_LINE) && (sort == UNSEEN || code == '\t'))
		sort = 0;
	if ((flags & TEND_TEXT_MASK) && sort) {
		out[0] = '?';
		return 1;
	}
	if (!len)
		return (size_t)snprintf(out, 8, "\\x%02x", (unsigned)(unsigned char)s[0]);
	if (!flags && code == '\\')
		return (size_t)snprintf(out, 8, "\\\\");
	if (!flags && code >= '\a' && code <= '\r')
		return (size_t)snprintf(out, 8, "\\%c", "abtnvfr"[code - '\a']);
	if (sort)
		return (size_t)snprintf(out, 8, code < 0x80 ? "\\x%02x" : "\\u%04x",
		                        (unsigned)code & 0xffff);
	memcpy(out, s, len);
	return len;
}

/* Returns how many bytes at s are printable ASCII and shown unchanged. */
static size_t unchanged(const char *s, size_t n, uint32_t flags)
{
	size_t i = 0;

	while (i < n && s[i] >= ' ' && s[i] < 0x7f && (flags || s[i] != '\\'))
		i++;
	return i;
}

void tend__text_plain(struct tend__text *t, const char *s, size_t n, uint32_t flags)
{
	for (size_t i = 0, run; i < n;) {
		char shown[8];
		uint32_t code = 0;

		run = unchanged(s + i, n - i, flags);
		if (run) {
			tend__text_bytes(t, s + i, run);
			i += run;
			continue;
		}
		size_t len = tend_text_decode(s + i, n - i, &code);
		size_t bytes = show(shown, s + i, len, code, flags);

		tend__assert(bytes > 0 && bytes < sizeof(shown));
		if (t->n + bytes < t->size)
			tend__text_bytes(t, shown, bytes);
		else
			t->n += bytes; /* the rest does not fit either */
		i += len ? len : 1;
	}
}

size_t tend_text_plain(const char *text, size_t n, uint32_t flags, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);

	tend__text_plain(&t, text, n, flags);
	return t.n;
}

void tend__text_json(struct tend__text *t, const char *s, size_t n)
{
	tend__text_bytes(t, "\"", 1);
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		size_t len = tend_text_decode(s + i, n - i, NULL);

		if (c == '"' || c == '\\')
			tend__text_f(t, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			tend__text_f(t, "\\u%04x", c);
		else if (!len)
			tend__text_bytes(t, "\\ufffd", 6);
		else
			tend__text_bytes(t, s + i, len);
		i += len ? len : 1;
	}
	tend__text_bytes(t, "\"", 1);
}

/* ---- Lengths of time ---- */

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{"ms", TEND_MS},
	{"s", TEND_SEC},
	{"m", 60 * TEND_SEC},
	{"h", 3600 * TEND_SEC},
};

void tend__text_duration(struct tend__text *t, uint64_t ns)
{
	uint64_t s = ns / TEND_SEC;

	if (ns < TEND_SEC) {
		tend__text_number(t, ns / TEND_MS);
		tend__text_s(t, "ms");
	} else if (s < 60) {
		tend__text_number(t, s);
		tend__text_s(t, ".");
		tend__text_number(t, ns % TEND_SEC / (TEND_SEC / 10));
		tend__text_s(t, "s");
	} else if (s < 3600)
		tend__text_f(t, "%llum%02llus", (unsigned long long)(s / 60),
		             (unsigned long long)(s % 60));
	else
		tend__text_f(t, "%lluh%02llum", (unsigned long long)(s / 3600),
		             (unsigned long long)(s / 60 % 60));
}

void tend__text_period(struct tend__text *t, uint64_t ns)
{
	if (ns % TEND_SEC)
		tend__text_duration(t, ns);
	else
		tend__text_f(t, "%llus", (unsigned long long)(ns / TEND_SEC));
}

size_t tend_duration_text(uint64_t ns, char *buf, size_t size)
{
	struct tend__text t = tend__text(buf, size);

	tend__text_duration(&t, ns);
	return t.n;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Returns the length of the unit s[0..n); `bare` if n is 0, and 0 for an unknown unit. */
static uint64_t unit_of(const char *s, size_t n, uint64_t bare)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strlen(units[i].name) == n && memcmp(s, units[i].name, n) == 0)
			return units[i].ns;
	return n == 0 ? bare : 0;
}

/* Returns the fraction of a unit that the digits s[0..n) after a point are. */
static uint64_t fraction_of(const char *s, size_t n, uint64_t unit)
{
	uint64_t digits = 0, scale = 1;

	/* Nine digits: the product of two numbers below the scale has room in 64 bits. */
	for (size_t i = 0; i < n && scale < TEND_SEC; i++) {
		digits = digits * 10 + (uint64_t)(s[i] - '0');
		scale *= 10;
	}
	return unit / scale * digits + unit % scale * digits / scale;
}

int tend_duration_parse(const char *text, size_t n, uint64_t bare_ns, uint64_t *ns)
{
	uint64_t whole = 0;
	size_t i = 0, digits, point;
	bool over = false;

	for (; i < n && is_digit(text[i]); i++) {
		over |= whole > (UINT64_MAX - 9) / 10;
		whole = over ? 0 : whole * 10 + (uint64_t)(text[i] - '0');
	}
	digits = i;
	point = i < n && text[i] == '.' ? ++i : 0;
	while (point && i < n && is_digit(text[i]))
		i++;
	uint64_t unit = unit_of(text + i, n - i, bare_ns);
	if (unit == 0 || (digits == 0 && i == point))
		return -EINVAL;
	uint64_t part = point ? fraction_of(text + point, i - point, unit) : 0;
	if (over || whole > (INT64_MAX - part) / unit)
		return -EOVERFLOW;
	*ns = whole * unit + part;
	return 0;
}

/* ---- Names ---- */

/* Returns 0 if eight bytes of a name are printable ASCII without a slash. A borrow from
 * the byte below may make the answer nonzero without need; the caller then looks at each
 * byte (H. S. Warren, Hacker's Delight, 6-1). */
static uint64_t odd_bytes(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t control = word - 0x20 * ones, del = (word ^ 0x7f * ones) - ones,
		 slash = (word ^ '/' * ones) - ones;

	return (word | control | del | slash) & 0x80 * ones;
}

/* Returns true if no byte of the name is odd. The words may overlap. */
static bool plain(const char *name, size_t n)
{
	uint64_t word, odd = 0;
	uint32_t first, last;

	if (n < sizeof(first)) {
		word = ' ' * UINT64_C(0x0101010101000000);
		return !odd_bytes(word | (uint64_t)(unsigned char)name[0] << 16 |
		                  (uint64_t)(unsigned char)name[n / 2] << 8 |
		                  (unsigned char)name[n - 1]);
	}
	if (n < sizeof(word)) {
		memcpy(&first, name, sizeof(first));
		memcpy(&last, name + n - sizeof(last), sizeof(last));
		return !odd_bytes((uint64_t)first << 32 | last);
	}
	for (size_t i = 0; i + sizeof(word) < n; i += sizeof(word)) {
		memcpy(&word, name + i, sizeof(word));
		odd |= odd_bytes(word);
	}
	memcpy(&word, name + n - sizeof(word), sizeof(word));
	return !(odd | odd_bytes(word));
}

bool tend__name_valid(const char *name, size_t n)
{
	if (n < 1 || n > TEND_NAME_MAX)
		return false;
	if (plain(name, n))
		return true;
	for (size_t i = 0; i < n;) {
		uint32_t code;
		size_t len = tend_text_decode(name + i, n - i, &code);

		if (!len || sort_of(code) == CONTROL || code == '/')
			return false;
		i += len;
	}
	return true;
}
