/* cli/config/value.c - names, durations, signals, and what was probably meant. */
#include "config/reader.h"
#include "show/text.h"

#include "tend/text.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool config_name_valid(const char *s, size_t n)
{
	if (n == 0 || n > CONFIG_NAME_MAX || !is_letter(s[0]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_letter(s[i]) && !is_digit(s[i]) && (s[i] == 0 || !strchr("._-", s[i])))
			return false;
	return true;
}

bool config_name_of(const char *text, char name[CONFIG_NAME_MAX + 1])
{
	size_t n = 0;

	for (; *text && n < CONFIG_NAME_MAX; text++) {
		char tail[2] = {'a', *text};
		if (n > 0 && !config_name_valid(tail, 2))
			name[n++] = '-';
		else if (n > 0 || config_name_valid(text, 1))
			name[n++] = *text;
	}
	name[n] = 0;
	return n > 0;
}

/* Reads a whole number below `limit`. Returns its length, 0 if there is no
 * number. */
static size_t read_number(const char *s, size_t n, uint64_t limit, uint64_t *value)
{
	size_t i = 0;
	uint64_t number = 0;
	for (; i < n && is_digit(s[i]); i++) {
		number = number * 10 + (uint64_t)(s[i] - '0');
		if (number >= limit)
			return 0;
	}
	assert(i <= n && number < limit);
	*value = number;
	return i;
}

bool config_duration(const char *s, size_t n, uint64_t *ns)
{
	uint64_t value;

	/* A bare number is refused, because it could be of seconds or of milliseconds. */
	if (tend_duration_parse(s, n, 0, &value) != 0 || value > CONFIG_DURATION_MAX_NS)
		return false;
	*ns = value;
	return true;
}

bool config_number(const char *s, size_t n, uint64_t *number)
{
	return n > 0 && read_number(s, n, UINT64_MAX / 10 - 9, number) == n;
}

/* Reads 1 to 1000 with at most three digits behind a point. */
bool config_factor(const char *s, size_t n, uint32_t *thousandths)
{
	enum { DIGITS = 3, MOST = 1000, THOUSAND = 1000 };
	uint64_t whole, part = 0;

	size_t used = read_number(s, n, MOST + 1, &whole);
	if (!used)
		return false;
	whole *= THOUSAND;
	if (used < n) {
		size_t digits = n - used - 1;
		if (s[used] != '.' || digits == 0 || digits > DIGITS ||
		    read_number(s + used + 1, digits, THOUSAND, &part) != digits)
			return false;
		for (; digits < DIGITS; digits++)
			part *= 10;
	}
	if (whole + part < THOUSAND || whole + part > (uint64_t)MOST * THOUSAND)
		return false;
	*thousandths = (uint32_t)(whole + part);
	return true;
}

/* Reads "RTMIN", "RTMIN+3", "RTMAX-1". Returns 0 for anything else. */
static int real_time_signal(const char *s, size_t n)
{
	bool least = n >= 5 && strncasecmp(s, "RTMIN", 5) == 0;
	uint64_t distance = 0;

	if (!least && !(n >= 5 && strncasecmp(s, "RTMAX", 5) == 0))
		return 0;
	if (n > 5 &&
	    (n == 6 || s[5] != (least ? '+' : '-') ||
	     read_number(s + 6, n - 6, (uint64_t)(SIGRTMAX - SIGRTMIN) + 1, &distance) != n - 6))
		return 0;
	return least ? SIGRTMIN + (int)distance : SIGRTMAX - (int)distance;
}

int config_signal(const char *s, size_t n)
{
	uint64_t number;

	if (n && read_number(s, n, (uint64_t)SIGRTMAX + 1, &number) == n)
		return (int)number;
	if (n > 3 && strncasecmp(s, "SIG", 3) == 0) {
		s += 3;
		n -= 3;
	}
	for (int i = 1; i < NSIG; i++) {
		const char *name = sigabbrev_np(i);
		if (name && strlen(name) == n && strncasecmp(s, name, n) == 0)
			return i;
	}
	return real_time_signal(s, n);
}

/* Words of other tools, and the words of tend.yaml for them. */
static const char *translate(const char *s, size_t n)
{
	static const struct {
		const char *word, *ours;
	} words[] = {
		{"cmd", "command"},
		{"exec", "command"},
		{"run", "shell"},
		{"script", "shell"},
		{"environment", "env"},
		{"depends_on", "needs"},
		{"depends", "needs"},
		{"requires", "needs"},
		{"after", "needs"},
		{"dir", "cwd"},
		{"directory", "cwd"},
		{"working_dir", "cwd"},
		{"workdir", "cwd"},
		{"services", "tasks"},
		{"processes", "tasks"},
		{"programs", "tasks"},
		{"grace", "timeout"},
		{"backoff", "delay"},
		{"always", "permanent"},
		{"unless-stopped", "permanent"},
		{"on-failure", "transient"},
		{"on_failure", "transient"},
		{"never", "temporary"},
		{"no", "temporary"},
	};
	for (size_t i = 0; i < CONFIG_COUNT(words); i++)
		if (strlen(words[i].word) == n && memcmp(words[i].word, s, n) == 0)
			return words[i].ours;
	return NULL;
}

const char *config_suggest(const char *s, size_t n, const char *const *names, size_t count)
{
	const char *ours = translate(s, n), *best = NULL;
	/* One slip for each three letters is allowed, because a larger distance
	 * would match almost any word. */
	size_t limit = n < 3 ? 1 : (n + 2) / 3;

	if (n > TEXT_WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);
		if (ours && strcmp(ours, names[i]) == 0)
			return ours;
		if (len > TEXT_WORD_MAX || len > n + limit || n > len + limit)
			continue;
		size_t distance = text_distance(s, n, names[i], len);
		if (distance < len && distance <= limit && (!best || distance < limit)) {
			best = names[i];
			limit = distance;
		}
	}
	return best;
}
