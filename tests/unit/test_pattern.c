#include "ssh_samples.h"

#include "processor_time.h"

#include "policy/pattern.h"

struct row {
	const char *pattern;
	const char *value;
	bool match;
};

static const char *read_pattern(
    char *text, size_t length, enum pattern_fold fold, struct pattern *out)
{
	return pattern_read((uint8_t *)text, length, fold, out);
}

static bool match_text(const char *text, enum pattern_fold fold, const char *value)
{
	char copy[200];
	struct pattern pattern;

	snprintf(copy, sizeof(copy), "%s", text);
	assert_null(read_pattern(copy, strlen(copy), fold, &pattern));
	return pattern_match(&pattern, (const uint8_t *)value, strlen(value));
}

static void check_rows(const struct row *rows, size_t count, enum pattern_fold fold)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (match_text(rows[i].pattern, fold, rows[i].value) != rows[i].match)
			fail_msg("`%s` and `%s`", rows[i].pattern, rows[i].value);
}

#define CHECK(rows, fold) check_rows(rows, sizeof(rows) / sizeof(rows[0]), fold)

static void a_star_stays_within_its_label(void **state)
{
	static const struct row rows[] = {
		{ "*.example.com", "web.example.com", true },
		{ "*.example.com", ".example.com", true },
		{ "*.example.com", "a.b.example.com", false },
		{ "*.example.com", "example.com", false },
		{ "*.example.com", "web.example.com.", false },
		{ "*.example.com", "web.example.comx", false },
		{ "web*", "web1", true },
		{ "web*", "web", true },
		{ "web*", "web.1", false },
		{ "web*", "web/1", false },
		{ "a*c", "abbbc", true },
		{ "a*c", "ac", true },
		{ "a*c", "a.c", false },
		{ "aba*aba", "aba", false },
		{ "aba*aba", "ababa", false },
		{ "aba*aba", "abaaba", true },
		{ "*-*-*", "a-b-c", true },
		{ "*-*-*", "a-b-c-d", true },
		{ "*-*-*", "a-b", false },
		{ "*-*-*", "a-b.c-d", false },
		{ "*.*.com", "a.b.com", true },
		{ "*.*.com", "a.b.c.com", false },
		{ "*.*.com", "a.com", false },
		{ "x*.y*z", "x1.y2z", true },
		{ "x*.y*z", "x1.1.y2z", false },
	};

	(void)state;
	CHECK(rows, PATTERN_EXACT);
}

static void two_stars_go_across_labels(void **state)
{
	static const struct row rows[] = {
		{ "**", "a.b/c", true },
		{ "**", "", true },
		{ "**.example.com", "a.b.example.com", true },
		{ "**.example.com", "example.com", false },
		{ "https://*.example.com/**", "https://app.example.com/a/b", true },
		{ "https://*.example.com/**", "https://app.example.com/", true },
		{ "https://*.example.com/**", "https://app.example.com", false },
		{ "https://*.example.com/**", "https://a.b.example.com/x", false },
		{ "https://*.example.com/**", "https://evil.org/.example.com/", false },
		{ "**a*b**", "xx.aab.yy", true },
		{ "**a*b**", "a.b", false },
		{ "**a*b**", "a.ab", true },
		{ "**a.*b**c", "a.xa.yb.c", true },
		{ "a**b*c", "a.b.b.bc", true },
		{ "a**b*c", "a.bx.c", false },
	};

	(void)state;
	CHECK(rows, PATTERN_EXACT);
}

static void a_lone_star_matches_everything(void **state)
{
	static const struct row rows[] = {
		{ "*", "", true },
		{ "*", "a.b/c", true },
		{ "*", "*", true },
		{ "*", "*.example.com", true },
	};

	(void)state;
	CHECK(rows, PATTERN_EXACT);
}

static void a_star_in_a_value_is_matched_by_a_lone_star_only(void **state)
{
	static const struct row rows[] = {
		{ "*.example.com", "*.example.com", false },
		{ "**", "*", false },
		{ "**.example.com", "*.example.com", false },
		{ "a*", "a*", false },
		{ "*a*", "ba*", false },
	};

	(void)state;
	CHECK(rows, PATTERN_EXACT);
}

static void a_wildcards_star_is_a_label_if_it_is_asked_for(void **state)
{
	/* clang-format off */
	static const struct { const char *pattern, *value; bool matches; } rows[] = {
		{ "*.a.b", "*.a.b", true }, { "*.A.b", "*.a.b", true },
		{ "*.*.b", "*.a.b", true }, { "**.b", "*.a.b", true }, { "**", "*.a", true },
		{ "*", "*.a", true }, { "*.a", "x.a", true },
		{ "*.b", "*.a.b", false }, { "x.a", "*.a", false }, { "x*.a", "*.a", false },
		{ "*x.a", "*.a", false }, { "*.a", "*.*.a", false }, { "**.a", "*.*.a", false },
		{ "**.a", "x.*.a", false }, { "*.a", "*a", false }, { "**", "*", false },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice value = slice_of(rows[i].value);
		struct pattern pattern;
		char text[16];

		snprintf(text, sizeof(text), "%s", rows[i].pattern);
		assert_null(read_pattern(text, strlen(text), PATTERN_DNS, &pattern));
		if (pattern_match_wildcard(&pattern, value.at, value.length) !=
		    rows[i].matches)
			fail_msg("%s on %s", rows[i].pattern, rows[i].value);
	}
}

static void everything_else_is_bytewise(void **state)
{
	static const struct row rows[] = {
		{ "root", "root", true },
		{ "root", "Root", false },
		{ "root", "roo", false },
		{ "root", "root ", false },
		{ "r?ot", "root", false },
		{ "[a-z]", "b", false },
		{ "r*T", "root", false },
	};

	(void)state;
	CHECK(rows, PATTERN_EXACT);
}

static void a_zero_byte_in_a_value_is_a_byte(void **state)
{
	char text[] = "root", star[] = "ro*";
	struct pattern pattern;

	(void)state;
	assert_null(read_pattern(text, 4, PATTERN_EXACT, &pattern));
	assert_false(pattern_match(&pattern, (const uint8_t *)"root\0x", 6));
	assert_null(read_pattern(star, 3, PATTERN_EXACT, &pattern));
	assert_true(pattern_match(&pattern, (const uint8_t *)"ro\0t", 4));
}

static void dns_names_have_no_case(void **state)
{
	static const struct row rows[] = {
		{ "*.Example.COM", "WEB.eXample.com", true },
		{ "Web.example.com", "web.EXAMPLE.com", true },
		{ "*.Example.COM", "web.example.org", false },
		{ "a*.B*.c", "AX.by.C", true },
	};

	(void)state;
	CHECK(rows, PATTERN_DNS);
}

static void an_address_has_no_case_behind_its_at_sign(void **state)
{
	static const struct row rows[] = {
		{ "*@Example.com", "bob@EXAMPLE.com", true },
		{ "Bob@example.com", "Bob@example.COM", true },
		{ "Bob@example.com", "bob@example.com", false },
		{ "*@example.com", "a@b@example.com", true },
	};

	(void)state;
	CHECK(rows, PATTERN_EMAIL);
}

static void a_uri_has_no_case_in_its_host(void **state)
{
	static const struct row rows[] = {
		{ "https://App.example.com/Path", "https://app.EXAMPLE.com/Path", true },
		{ "https://app.example.com/Path", "https://app.example.com/path", false },
		{ "spiffe://Example.com/**", "spiffe://example.COM/Ns/A", true },
		{ "https://*.example.com", "https://A.EXAMPLE.COM", true },
		{ "urn:A", "urn:a", false },
	};

	(void)state;
	CHECK(rows, PATTERN_URI);
}

static void refuses_patterns_that_it_could_not_match_in_one_pass(void **state)
{
	struct pattern pattern;
	char three[] = "a***b", text[200];

	(void)state;
	assert_non_null(
	    strstr(read_pattern(three, 5, PATTERN_EXACT, &pattern), "at most two stars"));
	memset(text, 'a', sizeof(text));
	text[0] = '*';
	text[PATTERN_MIDDLE_MAX + 1] = '*';
	assert_null(read_pattern(text, 199, PATTERN_EXACT, &pattern));
	text[PATTERN_MIDDLE_MAX + 1] = 'a';
	text[PATTERN_MIDDLE_MAX + 2] = '*';
	assert_non_null(
	    strstr(read_pattern(text, 199, PATTERN_EXACT, &pattern), "at most 63 bytes"));
}

/* The plain definition, with backtracking. */
static bool by_definition(const char *pattern, const char *value)
{
	bool across;

	if (*pattern == '\0')
		return *value == '\0';
	if (*pattern != '*')
		return *value == *pattern && by_definition(pattern + 1, value + 1);
	across = pattern[1] == '*';
	for (;; value++) {
		if (by_definition(pattern + (across ? 2 : 1), value))
			return true;
		if (*value == '\0' || (!across && (*value == '.' || *value == '/')))
			return false;
	}
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* Values of less than 64 bytes, and longer ones, which are taken in blocks. */
static void agree(unsigned rounds, unsigned longest, unsigned separators)
{
	static const char *const parts[] = { "a", "b", ".", "*", "**", "ab", "a/",
		"ba.b" };
	char pattern[64], value[256];
	uint64_t seed = longest;
	unsigned i, j, count, matches = 0, tried = 0;

	for (i = 0; i < rounds; i++) {
		pattern[0] = '\0';
		for (j = 0; j < 1 + i % 7; j++)
			strcat(pattern, parts[next_random(&seed) % 8]);
		count = (unsigned)next_random(&seed) % (longest + 1);
		for (j = 0; j < count; j++)
			value[j] = "./ab"[next_random(&seed) % separators
					      ? 2 + next_random(&seed) % 2
					      : next_random(&seed) % 2];
		value[j] = '\0';
		if (strstr(pattern, "***") || strcmp(pattern, "*") == 0)
			continue;
		tried++;
		matches += by_definition(pattern, value);
		if (match_text(pattern, PATTERN_EXACT, value) !=
		    by_definition(pattern, value))
			fail_msg("`%s` and `%s`", pattern, value);
	}
	assert_true(tried > rounds / 2);
	assert_true(matches > rounds / 100);
}

static void agrees_with_the_definition(void **state)
{
	(void)state;
	agree(200000, 8, 3);
	agree(50000, 40, 8);
	agree(30000, 100, 40);
	agree(2000, 200, 80);
}

static void assert_quick(const char *text, const uint8_t *value, size_t length)
{
	struct pattern pattern;
	char copy[200];
	double begun;

	snprintf(copy, sizeof(copy), "%s", text);
	assert_null(read_pattern(copy, strlen(copy), PATTERN_EXACT, &pattern));
	begun = processor_microseconds();
	assert_false(pattern_match(&pattern, value, length));
	assert_true(processor_microseconds() - begun < 50000);
}

/* Backtracking would take 2^50 steps, or 4 * 10^9, for these. */
static void hostile_values_take_linear_time(void **state)
{
	static const char *const patterns[] = { "**a**a**a**a**a**a**a**a**a**a**b",
		"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "**a*a*a*a*b*x",
		"**aaaaaaaaaaaaaaaaaab**c", "**a*ab**" };
	static uint8_t value[65536];
	size_t i;

	(void)state;
	memset(value, 'a', sizeof(value));
	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		assert_quick(patterns[i], value, sizeof(value));
	for (i = 1; i < sizeof(value); i += 2)
		value[i] = '.';
	assert_quick("**a.*.a.*.a.*b**", value, sizeof(value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_star_stays_within_its_label),
		cmocka_unit_test(two_stars_go_across_labels),
		cmocka_unit_test(a_lone_star_matches_everything),
		cmocka_unit_test(a_star_in_a_value_is_matched_by_a_lone_star_only),
		cmocka_unit_test(a_wildcards_star_is_a_label_if_it_is_asked_for),
		cmocka_unit_test(everything_else_is_bytewise),
		cmocka_unit_test(a_zero_byte_in_a_value_is_a_byte),
		cmocka_unit_test(dns_names_have_no_case),
		cmocka_unit_test(an_address_has_no_case_behind_its_at_sign),
		cmocka_unit_test(a_uri_has_no_case_in_its_host),
		cmocka_unit_test(refuses_patterns_that_it_could_not_match_in_one_pass),
		cmocka_unit_test(agrees_with_the_definition),
		cmocka_unit_test(hostile_values_take_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
