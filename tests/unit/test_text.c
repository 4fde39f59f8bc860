/* text.h: what is looked at in blocks is seen as byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/text.h"

/* A byte of 0x80 and above begins no character of UTF-8 between two letters. */
static void a_byte_counts_wherever_it_stands(void **state)
{
	uint8_t bytes[48];
	struct slice text = { bytes, 0 };
	unsigned byte;
	size_t at;

	(void)state;
	assert_true(text_visible(text) && text_printable(text));
	memset(bytes, 'a', sizeof(bytes));
	for (text.length = 1; text.length <= sizeof(bytes); text.length++)
		for (at = 0; at < text.length; at++) {
			for (byte = 0; byte < 256; byte++) {
				bytes[at] = (uint8_t)byte;
				assert_int_equal(
				    text_visible(text), byte > ' ' && byte <= '~');
				assert_int_equal(
				    text_printable(text), byte >= ' ' && byte <= '~');
			}
			bytes[at] = 'a';
		}
}

static void characters_are_printable_but_not_visible_ascii(void **state)
{
	static const char text[] =
	    "a name of 16 chr\xc3\xa9s, \xe2\x82\xac and \xf0\x9f\x94\x91";
	const struct slice whole = { (const uint8_t *)text, sizeof(text) - 1 };
	struct slice part = whole;

	(void)state;
	assert_true(text_printable(whole));
	assert_false(text_visible(whole));
	part.length--; /* the last character is cut */
	assert_false(text_printable(part));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_counts_wherever_it_stands),
		cmocka_unit_test(characters_are_printable_but_not_visible_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
