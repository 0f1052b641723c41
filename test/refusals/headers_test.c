/* Each error of a header has a row, and each row is of an error of a header. */
#include "refuse.h"

#include <stdio.h>

/* The headers themselves, as the compiler has found them. tend/sim.h is not among them:
 * its functions are in the simulator's build only, and test/sim has their refusals. */
/* In this order, because a row may refer to a row of an earlier header. */
#define HEADERS(X) \
	X(base) \
	X(runtime) \
	X(scope) X(task) X(supervise) X(service) X(sync) X(io) X(process) X(registry) X(text)
#define X(name) \
	__asm__(".pushsection .rodata\n" \
	        "text_of_" #name ":\n" \
	        ".incbin \"tend/" #name ".h\"\n" \
	        ".byte 0\n" \
	        ".popsection\n"); \
	extern const char text_of_##name[];
HEADERS(X)
#undef X

enum { PAIRS = 512, NAME = 48 };
static struct pair {
	char function[NAME], error[NAME];
} pairs[PAIRS];
static size_t count;

/* Found in place of an error where a row says "errors of read(2)". */
static const char ERRORS_OF[] = "errors of";

static bool promised(const char *function, const char *error)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i].function, function) == 0 && strcmp(pairs[i].error, error) == 0)
			return true;
	return false;
}

static void promise(const char *function, const char *error)
{
	if (promised(function, error))
		return;
	ck_assert_uint_lt(count, PAIRS);
	snprintf(pairs[count].function, NAME, "%s", function);
	snprintf(pairs[count].error, NAME, "%s", error);
	count++;
}

static size_t word(const char *text, char out[NAME])
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	ck_assert_uint_lt(n, NAME);
	memcpy(out, text, n);
	out[n] = 0;
	return n;
}

/* The `returns` row of a comment, its lines joined; "" without such a row. The next row
 * begins three columns in. */
static void returns_row(const char *comment, const char *end, char *out, size_t size)
{
	size_t n = 0;
	bool inside = false;

	for (const char *line = comment; line && line < end; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t indent = strncmp(line, " *", 2) ? 0 : strspn(line + 2, " ");
		const char *text = line + 2 + indent;

		if (indent == 3)
			inside = strncmp(text, "returns ", 8) == 0;
		else if (indent < 3)
			inside = false;
		for (text += inside && indent == 3 ? 8 : 0; inside && *text != '\n'; text++)
			if ((*text != ' ' || (n && out[n - 1] != ' ')) && n < size - 2)
				out[n++] = *text;
		if (inside && n)
			out[n++] = ' ';
	}
	out[n] = 0;
}

static void inherit(const char *function, const char *from)
{
	for (size_t i = 0, before = count; i < before; i++)
		if (strcmp(pairs[i].function, from) == 0)
			promise(function, pairs[i].error);
}

/* A row may refer to another row: "as tend_spawn()"; or "as above", meaning the row of the
 * last function before. */
static void read_row(const char *function, const char *row, const char *above)
{
	char name[NAME];

	for (const char *p = row; (p = strstr(p, "-E")); p++) {
		word(p + 1, name);
		promise(function, name);
	}
	if (strstr(row, ERRORS_OF))
		promise(function, ERRORS_OF);
	if (strstr(row, "as above"))
		inherit(function, above);
	for (const char *p = row; (p = strstr(p, "as tend_")); p++) {
		word(p + 3, name);
		inherit(function, name);
	}
}

/* The functions declared between two comments; and the macros, because a row may refer to
 * a macro's row. */
static void read_code(const char *code, const char *end, const char *row, char above[NAME])
{
	char name[NAME];

	for (const char *p = code; (p = strstr(p, "tend_")) && p < end; p += strlen(name)) {
		bool macro = p - code >= 8 && strncmp(p - 8, "#define ", 8) == 0;
		const char *line = p;

		while (line > code && line[-1] != '\n')
			line--;
		if (p[word(p, name)] != '(' || (!macro && strncmp(line, "TEND_API", 8) != 0))
			continue;
		read_row(name, row, above);
		if (*row)
			snprintf(above, NAME, "%s", name);
	}
}

static void read_header(const char *text)
{
	char row[2048], above[NAME] = "";

	for (const char *comment = strstr(text, "/*"); comment;) {
		const char *code = strstr(comment, "*/"), *next = strstr(code, "/*");

		returns_row(comment, code, row, sizeof(row));
		read_code(code, next ? next : code + strlen(code), row, above);
		comment = next;
	}
}

/* Drops the macros' pairs: the same are the pairs of the functions behind. */
static void forget_macros(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		char at[NAME + 4];

		snprintf(at, sizeof(at), "%.47s_at", pairs[i].function);
		if (!promised(at, pairs[i].error))
			pairs[kept++] = pairs[i];
	}
	count = kept;
}

static void read_headers(void)
{
	count = 0;
#define X(name) read_header(text_of_##name);
	HEADERS(X)
#undef X
	forget_macros();
}

/* Does the row cover the pair? "errors of read(2)" means any error without a pair. */
static bool is_of(const struct row *row, const struct pair *pair)
{
	if (strcmp(row->function, pair->function) != 0)
		return false;
	if (strcmp(pair->error, ERRORS_OF) == 0)
		return !promised(row->function, row->error);
	return strcmp(row->error, pair->error) == 0;
}

TEST(every_error_that_a_header_names_has_its_row)
{
	char missing[4096] = "";
	size_t n = 0;

	read_headers();
	ck_assert_uint_gt(count, 150);
	for (size_t i = 0; i < count; i++) {
		bool provoked = false, cannot = false;

		for (struct row *r = rows; r; r = r->next)
			if (is_of(r, &pairs[i]))
				*(r->table == UNPROVOKED ? &cannot : &provoked) = true;
		if (provoked == cannot && n < sizeof(missing) - 128)
			n += (size_t)snprintf(missing + n, sizeof(missing) - n, "\n  %s %s has %s",
			                      pairs[i].function, pairs[i].error,
			                      provoked ? "a row and a reason why not" : "no row");
	}
	ck_assert_msg(!*missing, "%s", missing);
}

/* Three are answered elsewhere: the error of an outcome, that of tend_sim_write(), and that of a
 * system call which the kernel lacks. */
TEST(every_error_with_a_sentence_is_answered_by_a_call)
{
	static const char *const errors[] = {
#define X(name, text) #name,
		TEND_ERRORS(X)
#undef X
	};

	read_headers();
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		bool named = !strcmp(errors[i], "ETIME") || !strcmp(errors[i], "EINTR") ||
		             !strcmp(errors[i], "ENOSYS");

		for (size_t k = 0; k < count; k++)
			named |= !strcmp(pairs[k].error, errors[i]);
		ck_assert_msg(named, "no call answers %s", errors[i]);
	}
}

TEST(every_row_is_of_an_error_that_a_header_names)
{
	char strange[4096] = "";
	size_t n = 0;

	read_headers();
	for (struct row *r = rows; r; r = r->next)
		if (!promised(r->function, r->error) && !promised(r->function, ERRORS_OF))
			n += (size_t)snprintf(strange + n,
			                      n < sizeof(strange) ? sizeof(strange) - n : 0,
			                      "\n  %s:%d: %s %s is not named by its header",
			                      r->file, r->line, r->function, r->error);
	ck_assert_msg(!*strange, "%s", strange);
}
