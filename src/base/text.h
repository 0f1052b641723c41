/* base/text.h - writing into a caller's buffer as snprintf does: never past the
 * end, always ended, and the length it would have had is known. */
#ifndef TEND_BASE_TEXT_H
#define TEND_BASE_TEXT_H

#include "tend/base.h"

#include <stdbool.h>

struct tend__text {
	char *buf;
	size_t size; /* room in buf, with the NUL */
	size_t n;    /* the length so far, as if buf were endless */
};

static inline struct tend__text tend__text(char *buf, size_t size)
{
	if (size)
		buf[0] = 0;
	return (struct tend__text){buf, size, 0};
}

/* Copies text, cut between characters to a string of `size` bytes. */
void tend__text_copy(char *out, size_t size, const char *text);
/* Takes the part of a character from the end of a string that snprintf() may have cut. */
void tend__text_trim(char *s);

/* Text that does not fit is cut between characters. */
void tend__text_bytes(struct tend__text *t, const char *bytes, size_t n);
void tend__text_s(struct tend__text *t, const char *s);
void tend__text_number(struct tend__text *t, uint64_t number);
/* Costs ten times as much as the three functions above. */
void tend__text_f(struct tend__text *t, const char *fmt, ...) TEND_PRINTF(2, 3);

/* An address of code, as "program+0x1234" for addr2line(1). */
void tend__text_address(struct tend__text *t, const void *address);

/* As a JSON string, with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void tend__text_json(struct tend__text *t, const char *s, size_t n);

/* As tend_text_plain() of tend/text.h. */
void tend__text_plain(struct tend__text *t, const char *s, size_t n, uint32_t flags);

/* As tend_duration_text() of tend/text.h. */
void tend__text_duration(struct tend__text *t, uint64_t ns);
/* The same of a length that somebody has chosen: whole seconds have no fraction. */
void tend__text_period(struct tend__text *t, uint64_t ns);

/* True for 1 to 47 bytes of UTF-8 without '/' and control bytes. */
bool tend__name_valid(const char *name, size_t n);

#endif
