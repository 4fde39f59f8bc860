/* policy/pattern.c against a matcher that is slow and plain. An input is a byte of how
 * case is compared, the pattern, a newline, and the value. */
#include "tests/fuzz/fuzz.h"

#include "policy/pattern.h"

#include <string.h>

static const char *const words[] = { "*", "**", ".", "/", "://", "@", "a", "A", "example",
	"EXAMPLE", ".com", "*.", "\n", NULL };

static const char *const texts[] = {
	"0abc\nabc",
	"0*\nanything at all",
	"0*.example.com\nweb.example.com",
	"1*.Example.com\nWEB.example.COM",
	"0a*b*c\naxbxc",
	"0a**c\na.b/c",
	"3https://*.example.com/**\nhttps://Web.example.com/A/b",
	"2*@Example.com\nA@EXAMPLE.com",
	"0**\n",
	"0a*\n*",
	"0x**y**z\nx..y..z",
	"1*.*.com\na.b.com",
};

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	return fuzz_seed_text(texts, sizeof(texts) / sizeof(texts[0]), number, out, room);
}

const struct fuzz_target fuzz_target = { words, NULL, seed };

#define SMALL 200 /* bytes of what the slow one is asked */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* What is compared without case, as pattern.h says, made lower-case. */
static void fold(uint8_t *text, size_t length, enum pattern_fold how)
{
	size_t from = 0, to = length, i;
	bool found = how == PATTERN_DNS;

	if (how == PATTERN_EMAIL)
		for (i = 0; i < length; i++)
			if (text[i] == '@') {
				found = true;
				from = i + 1;
			}
	if (how == PATTERN_URI)
		for (i = 0; i + 1 < length && !found; i++)
			if (text[i] == '/' && text[i + 1] == '/') {
				found = true;
				from = i + 2;
				for (to = from; to < length && text[to] != '/';)
					to++;
			}
	for (i = from; found && i < to; i++)
		text[i] = lower(text[i]);
}

/* match[i][j]: the pattern from i on matches the value from j on. */
static bool slow_match(const uint8_t *pattern, size_t p, const uint8_t *value, size_t v)
{
	static bool match[SMALL + 1][SMALL + 1];
	size_t i, j;

	for (i = p + 1; i-- > 0;)
		for (j = v + 1; j-- > 0;) {
			bool two =
			    i + 1 < p && pattern[i] == '*' && pattern[i + 1] == '*';
			bool one = i < p && pattern[i] == '*' && !two;

			if (i == p)
				match[i][j] = j == v;
			else if (two)
				match[i][j] =
				    match[i + 2][j] || (j < v && match[i][j + 1]);
			else if (one)
				match[i][j] = match[i + 1][j] ||
					      (j < v && value[j] != '.' &&
						  value[j] != '/' && match[i][j + 1]);
			else
				match[i][j] = j < v && pattern[i] == value[j] &&
					      match[i + 1][j + 1];
		}
	return match[0][0];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const uint8_t *newline = length > 0 ? memchr(bytes + 1, '\n', length - 1) : NULL;
	uint8_t text[SMALL], pattern[SMALL], value[SMALL];
	size_t p, v;
	enum pattern_fold how;
	struct pattern read;
	bool expected;

	if (!newline)
		return 0;
	p = (size_t)(newline - bytes) - 1;
	v = length - p - 2;
	how = (enum pattern_fold)(bytes[0] % 4);
	if (p > SMALL || v > SMALL)
		return 0;
	memcpy(text, bytes + 1, p);
	if (pattern_read(text, p, how, &read))
		return 0;
	fuzz_accepted++;
	memcpy(pattern, bytes + 1, p);
	memcpy(value, newline + 1, v);
	fold(pattern, p, how);
	fold(value, v, how);
	expected = slow_match(pattern, p, value, v);
	if (p == 1 && pattern[0] == '*')
		expected = true;
	else if (memchr(value, '*', v))
		expected = false;
	fuzz_require(pattern_match(&read, newline + 1, v) == expected);
	return 0;
}
