#include "ssh_samples.h"

#include "policy/network.h"

static const char *read_text(const char *text, struct network *out)
{
	return network_read((const uint8_t *)text, strlen(text), out);
}

static struct network network_of(const char *text)
{
	struct network network;

	if (read_text(text, &network))
		fail_msg("refused `%s`", text);
	return network;
}

static void reads_addresses_and_ranges(void **state)
{
	static const struct {
		const char *text;
		uint8_t bytes, prefix, first;
	} rows[] = {
		{ "10.1.2.3", 4, 32, 10 },
		{ "10.0.0.0/8", 4, 8, 10 },
		{ "10.128.0.0/9", 4, 9, 10 },
		{ "0.0.0.0/0", 4, 0, 0 },
		{ "192.168.1.1/32", 4, 32, 192 },
		{ "::1", 16, 128, 0 },
		{ "::/0", 16, 0, 0 },
		{ "fe80::/10", 16, 10, 0xfe },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 16, 128, 0xff },
		{ "::fffe:0:0", 16, 128, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct network network = network_of(rows[i].text);

		assert_int_equal(network.bytes, rows[i].bytes);
		assert_int_equal(network.prefix, rows[i].prefix);
		assert_int_equal(network.address[0], rows[i].first);
	}
}

static void refuses_what_is_no_range(void **state)
{
	static const char *const texts[] = { "", "/", "/8", "ten", "10", "10.0.0",
		"010.0.0.0", " 10.0.0.0", "10.0.0.0 ", "10.0.0.0/", "10.0.0.0/33",
		"10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/-8", "10.0.0.0/8/8",
		"10.0.0.0/8x", "::/129", "::/340282366920938463463374607431768211456",
		":::", "::g", "::ffff:10.1.2.3", "::ffff:0:0/96",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128 and more" };
	struct network network;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!read_text(texts[i], &network))
			fail_msg("accepted `%s`", texts[i]);
	assert_non_null(network_read((const uint8_t *)"10.0.0.0\0x", 10, &network));
	assert_non_null(network_read((const uint8_t *)"10.0.0.0/8\0", 11, &network));
}

static void refuses_bits_behind_the_prefix(void **state)
{
	static const char *const texts[] = { "10.0.0.1/31", "10.0.0.1/8", "10.64.0.0/9",
		"128.0.0.0/0", "::1/127", "fe80::/8", "::1/0" };
	struct network network;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *expected = read_text(texts[i], &network);

		if (!expected || !strstr(expected, "behind the prefix"))
			fail_msg("`%s`", texts[i]);
	}
}

static bool bit_at(const struct network *network, unsigned at)
{
	return (network->address[at / 8] >> (7 - at % 8) & 1) != 0;
}

/* Each pair of prefixes, alike in as many bits as there are and then one less. */
static void a_range_contains_what_begins_with_its_bits(void **state)
{
	struct network outer = network_of("::/0"), inner = outer;
	unsigned prefix, same, at;

	(void)state;
	for (at = 0; at < 16; at++)
		outer.address[at] = (uint8_t)(0x5a + 37 * at);
	for (prefix = 0; prefix <= 128; prefix++)
		for (same = 0; same <= 128; same++) {
			inner = outer;
			outer.prefix = (uint8_t)prefix;
			inner.prefix = 128;
			if (same < 128)
				inner.address[same / 8] ^= (uint8_t)(0x80 >> same % 8);
			for (at = 0; at < prefix; at++)
				if (bit_at(&outer, at) != bit_at(&inner, at))
					break;
			assert_int_equal(network_contains(&outer, &inner), at == prefix);
			assert_int_equal(
			    network_contains(&outer, &inner), same >= prefix);
		}
}

static void a_range_contains_neither_a_wider_one_nor_another_family(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool contains;
	} rows[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.128.0.0/9", true },
		{ "10.0.0.0/9", "10.0.0.0/8", false },
		{ "0.0.0.0/0", "::/0", false },
		{ "::/0", "0.0.0.0/0", false },
		{ "::/0", "fd00::/8", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct network outer = network_of(rows[i].outer);
		struct network inner = network_of(rows[i].inner);

		if (network_contains(&outer, &inner) != rows[i].contains)
			fail_msg("%s and %s", rows[i].outer, rows[i].inner);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_addresses_and_ranges),
		cmocka_unit_test(refuses_what_is_no_range),
		cmocka_unit_test(refuses_bits_behind_the_prefix),
		cmocka_unit_test(a_range_contains_what_begins_with_its_bits),
		cmocka_unit_test(a_range_contains_neither_a_wider_one_nor_another_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
