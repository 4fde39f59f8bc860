#include "ssh_samples.h"

struct walk {
	const uint8_t *list;
	size_t left;
	const uint8_t *item;
	size_t item_length;
	const uint8_t *value;
	size_t value_length;
};

static bool next(struct walk *walk)
{
	return facts_next(&walk->list, &walk->left, &walk->item, &walk->item_length);
}

static bool next_option(struct walk *walk)
{
	struct slice list = { walk->list, walk->left };
	struct named_value option = { 0 };
	bool found = facts_next_option(&list, &option);

	walk->list = list.at;
	walk->left = list.length;
	walk->item = option.name.at;
	walk->item_length = option.name.length;
	walk->value = option.value.at;
	walk->value_length = option.value.length;
	return found;
}

static struct walk walk_of(const struct bytes *bytes)
{
	return (struct walk){ .list = bytes->at, .left = bytes->length };
}

static void walks_a_packed_list_to_its_end(void **state)
{
	static struct bytes list;
	struct walk walk;

	(void)state;
	list.length = 0;
	add_text(&list, "one");
	add_text(&list, "");
	walk = walk_of(&list);
	assert_true(next(&walk));
	assert_int_equal(walk.item_length, 3);
	assert_memory_equal(walk.item, "one", 3);
	assert_true(next(&walk));
	assert_int_equal(walk.item_length, 0);
	assert_false(next(&walk));
	assert_int_equal(walk.left, 0);
}

static void stops_before_a_string_that_is_not_whole(void **state)
{
	static struct bytes list;
	struct walk walk;
	size_t length;

	(void)state;
	list.length = 0;
	add_text(&list, "four");
	for (length = 0; length < list.length; length++) {
		walk = walk_of(&list);
		walk.left = length;
		assert_false(next(&walk));
		assert_ptr_equal(walk.list, list.at);
		assert_int_equal(walk.left, length);
	}
	memset(list.at, 0xff, 4);
	walk = walk_of(&list);
	assert_false(next(&walk));
}

static void reads_options_with_and_without_value(void **state)
{
	static struct bytes list;
	struct walk walk;

	(void)state;
	list.length = 0;
	add_option(&list, "force-command", "/bin/true");
	add_option(&list, "permit-pty", NULL);
	walk = walk_of(&list);
	assert_true(next_option(&walk));
	assert_int_equal(walk.item_length, 13);
	assert_int_equal(walk.value_length, 9);
	assert_memory_equal(walk.value, "/bin/true", 9);
	assert_true(next_option(&walk));
	assert_memory_equal(walk.item, "permit-pty", 10);
	assert_int_equal(walk.value_length, 0);
	assert_false(next_option(&walk));
}

static void refuses_an_option_whose_value_is_not_one_string(void **state)
{
	static struct bytes list;
	struct walk walk;

	(void)state;
	list.length = 0; /* unpacked */
	add_text(&list, "name");
	add_text(&list, "value");
	walk = walk_of(&list);
	assert_false(next_option(&walk));

	list.length = 0; /* two strings */
	add_text(&list, "name");
	add_u32(&list, 10);
	add_text(&list, "a");
	add_text(&list, "b");
	walk = walk_of(&list);
	assert_false(next_option(&walk));

	list.length = 0; /* a second form of "no value" */
	add_text(&list, "name");
	add_u32(&list, 4);
	add_text(&list, "");
	walk = walk_of(&list);
	assert_false(next_option(&walk));
	assert_int_equal(walk.left, list.length);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_a_packed_list_to_its_end),
		cmocka_unit_test(stops_before_a_string_that_is_not_whole),
		cmocka_unit_test(reads_options_with_and_without_value),
		cmocka_unit_test(refuses_an_option_whose_value_is_not_one_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
