/* broker/profile.c: the grammar of AWS's shared files. */
#include "broker/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct profile_file config(const char *text)
{
	return (struct profile_file){ text, strlen(text), true };
}

static struct profile_file credentials(const char *text)
{
	return (struct profile_file){ text, strlen(text), false };
}

static void assert_value(const struct profile_file *file, const char *name,
    const char *property, const char *inner, const char *value)
{
	struct slice out;

	if (!value) {
		assert_false(
		    profile_get(file, PROFILE_PROFILE, name, property, inner, &out));
		return;
	}
	assert_true(profile_get(file, PROFILE_PROFILE, name, property, inner, &out));
	assert_int_equal(out.length, strlen(value));
	assert_memory_equal(out.at, value, out.length);
}

static void names_sections_as_each_file_does(void **state)
{
	const char *text = "[profile one]\na = 1\n[two]\na = 2\n[default]\na = 3\n"
			   "[sso-session one]\na = 4\n";
	const struct profile_file as_config = config(text),
				  as_credentials = credentials(text);
	struct slice out;

	(void)state;
	assert_value(&as_config, "one", "a", NULL, "1");
	assert_value(&as_config, "two", "a", NULL, NULL);
	assert_value(&as_config, "default", "a", NULL, "3");
	assert_true(profile_get(&as_config, PROFILE_SSO_SESSION, "one", "a", NULL, &out));
	assert_int_equal(out.at[0], '4');
	assert_false(profile_exists(&as_config, PROFILE_SERVICES, "one"));
	assert_value(&as_credentials, "one", "a", NULL, NULL);
	assert_value(&as_credentials, "two", "a", NULL, "2");
	assert_value(&as_credentials, "default", "a", NULL, "3");
}

static void the_long_default_outranks_the_short_one(void **state)
{
	const struct profile_file file = config(
	    "[default]\na = 1\nb = 1\n[profile default]\na = 2\n[default]\na = 3\n");

	(void)state;
	assert_value(&file, "default", "a", NULL, "2");
	assert_value(&file, "default", "b", NULL, NULL);
}

static void sections_of_a_name_are_one_and_the_last_value_counts(void **state)
{
	const struct profile_file file =
	    credentials("[a]\nx = 1\ny = 1\n[b]\nx = 2\n[ a ]\nx = 3\n");

	(void)state;
	assert_value(&file, "a", "x", NULL, "3");
	assert_value(&file, "a", "y", NULL, "1");
	assert_value(&file, "b", "x", NULL, "2");
}

static void comments_need_a_blank_before_them_on_a_propertys_line(void **state)
{
	const struct profile_file file =
	    credentials("# first\n; second\n[a] ; third\n\n   \nx = 1#2 # 3\ny=4 ;5\n"
			"[b]# sixth\nz = 7\n");

	(void)state;
	assert_value(&file, "a", "x", NULL, "1#2");
	assert_value(&file, "a", "y", NULL, "4");
	assert_value(&file, "b", "z", NULL, "7");
	assert_int_equal(profile_bad_line(&file), 0);
}

static void nested_properties_lie_below_an_empty_value(void **state)
{
	const struct profile_file file = config(
	    "[profile a]\nkms =\n  endpoint_url = https://x # not a comment\n"
	    "  region = r\ns3 = 1\n  endpoint_url = continued\nsts=\n endpoint_url=y\n");

	(void)state;
	assert_value(&file, "a", "kms", "endpoint_url", "https://x # not a comment");
	assert_value(&file, "a", "kms", "region", "r");
	assert_value(&file, "a", "kms", NULL, "");
	assert_value(&file, "a", "s3", NULL, "1");
	assert_value(&file, "a", "s3", "endpoint_url", NULL);
	assert_value(&file, "a", "sts", "endpoint_url", "y");
	assert_value(&file, "a", "endpoint_url", NULL, NULL);
}

static void line_ends_may_be_dos_or_missing(void **state)
{
	const struct profile_file file = credentials("[a]\r\nx = 1\r\n\r\ny = 2");

	(void)state;
	assert_value(&file, "a", "x", NULL, "1");
	assert_value(&file, "a", "y", NULL, "2");
}

static void a_section_that_is_not_understood_is_passed_over(void **state)
{
	const struct profile_file file =
	    credentials("[a]\nx = 1\n[b!]\nx = 2\n[c\nx = 3\n[a]\ny = 4\n");

	(void)state;
	assert_value(&file, "a", "x", NULL, "1");
	assert_value(&file, "a", "y", NULL, "4");
	assert_int_equal(profile_bad_line(&file), 5);
}

static void a_bad_line_is_named(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = { { "[a]\nx\n", 2 }, { "[a]\n= 1\n", 2 }, { "[a]\n\na b = 1\n", 3 },
		{ "[a] x\n", 1 }, { "[a]\n  x = 1\n", 2 }, { "[a\n", 1 }, { "", 0 },
		{ "[a]\nx = 1\n  more\n", 0 }, { "x = 1\n[a]\n", 0 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const struct profile_file file = credentials(bad[i].text);

		assert_int_equal(profile_bad_line(&file), bad[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_sections_as_each_file_does),
		cmocka_unit_test(the_long_default_outranks_the_short_one),
		cmocka_unit_test(sections_of_a_name_are_one_and_the_last_value_counts),
		cmocka_unit_test(comments_need_a_blank_before_them_on_a_propertys_line),
		cmocka_unit_test(nested_properties_lie_below_an_empty_value),
		cmocka_unit_test(line_ends_may_be_dos_or_missing),
		cmocka_unit_test(a_section_that_is_not_understood_is_passed_over),
		cmocka_unit_test(a_bad_line_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
