#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tend__text_bytes(struct tend__text *t, const char *bytes, size_t n)
{
	if (t->n + 1 < t->size) {
		size_t room = t->size - 1 - t->n, m = n < room ? n : room;

		memcpy(t->buf + t->n, bytes, m);
		t->buf[t->n + m] = 0;
	}
	t->n += n;
}

void tend__text_s(struct tend__text *t, const char *s) { tend__text_bytes(t, s, strlen(s)); }

void tend__text_number(struct tend__text *t, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	tend__text_bytes(t, digits + at, sizeof digits - at);
}

void tend__text_f(struct tend__text *t, const char *fmt, ...)
{
	char small[256];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(small, sizeof small, fmt, args);
	va_end(args);
	if (n > 0)
		tend__text_bytes(t, small, (size_t)n < sizeof small ? (size_t)n : sizeof small - 1);
}

/* The length of the UTF-8 sequence at s, or 0 if it is none (RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8(const unsigned char *s, size_t n)
{
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void tend__text_json(struct tend__text *t, const char *s, size_t n)
{
	tend__text_bytes(t, "\"", 1);
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		size_t len = utf8((const unsigned char *)s + i, n - i);

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

/* Eight bytes of a name at once: 0 if they are printable ASCII without a slash. A
 * borrow from the byte below may make more of it, and then they are looked at one by
 * one (H. S. Warren, Hacker's Delight, 6-1). */
static uint64_t odd_bytes(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t control = word - 0x20 * ones, del = (word ^ 0x7f * ones) - ones,
		 slash = (word ^ '/' * ones) - ones;

	return (word | control | del | slash) & 0x80 * ones;
}

/* Its bytes in whatever order: the words may overlap. */
static bool plain(const char *name, size_t n)
{
	uint64_t word, odd = 0;
	uint32_t first, last;

	if (n < sizeof first) {
		word = ' ' * UINT64_C(0x0101010101000000);
		return !odd_bytes(word | (uint64_t)(unsigned char)name[0] << 16 |
		                  (uint64_t)(unsigned char)name[n / 2] << 8 |
		                  (unsigned char)name[n - 1]);
	}
	if (n < sizeof word) {
		memcpy(&first, name, sizeof first);
		memcpy(&last, name + n - sizeof last, sizeof last);
		return !odd_bytes((uint64_t)first << 32 | last);
	}
	for (size_t i = 0; i + sizeof word < n; i += sizeof word) {
		memcpy(&word, name + i, sizeof word);
		odd |= odd_bytes(word);
	}
	memcpy(&word, name + n - sizeof word, sizeof word);
	return !(odd | odd_bytes(word));
}

bool tend__name_valid(const char *name, size_t n)
{
	if (n < 1 || n > TEND_NAME_MAX)
		return false;
	if (plain(name, n))
		return true;
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)name[i];
		size_t len = utf8((const unsigned char *)name + i, n - i);

		if (!len || c < 0x20 || c == 0x7f || c == '/')
			return false;
		/* U+0080 to U+009F are control characters as well. */
		if (c == 0xc2 && (unsigned char)name[i + 1] < 0xa0)
			return false;
		i += len;
	}
	return true;
}
