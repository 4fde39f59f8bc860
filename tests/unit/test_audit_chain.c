/* Which line of a spoilt chain is named, and that a whole one is not. */
#include "audit_sample.h"

#include "cli/audit_chain.h"

#define INSTANCE "0123456789abcdef0123456789abcdef"
#define FOREIGN	 "ffffffffffffffffffffffffffffffff"

static struct sample sample, foreign;
static struct audit_chain chain;
static uint64_t number;

static int begin(void **state)
{
	(void)state;
	sample_make(&sample, INSTANCE);
	sample_make(&foreign, FOREIGN);
	assert_true(audit_chain_start(&chain));
	number = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	audit_chain_free(&chain);
	return 0;
}

static bool take(const char *line)
{
	return audit_chain_take(
	    &chain, (struct audit_place){ "f", ++number }, line, strlen(line));
}

static void take_from(unsigned first, unsigned last)
{
	for (; first <= last; first++)
		take(sample.line[first]);
}

static void set_head(unsigned sequence, const char *hash)
{
	char text[256];

	snprintf(text, sizeof text,
	    "{\"instance\":\"" INSTANCE
	    "\",\"record\":{\"sequence\":%u,\"hash\":\"%s\"}}",
	    sequence, hash);
	assert_true(audit_chain_head(&chain, "state.json", text, strlen(text)));
}

static void assert_whole(uint64_t records)
{
	if (!audit_chain_end(&chain, (struct audit_place){ "f", number + 1 }))
		fail_msg("%s", chain.fault.text);
	assert_int_equal(chain.records, records);
}

static void assert_fault(uint64_t line, uint64_t sequence, const char *words)
{
	assert_false(audit_chain_end(&chain, (struct audit_place){ "f", number + 1 }));
	assert_says(chain.fault.text, words);
	assert_int_equal(chain.fault.place.line, line);
	assert_int_equal(chain.fault.sequence, sequence);
}

static void accepts_a_whole_chain_and_knows_its_ends(void **state)
{
	(void)state;
	set_head(10, sample.hash[10]);
	take_from(1, 12);
	assert_whole(12);
	assert_int_equal(chain.first.sequence, 1);
	assert_int_equal(chain.last.sequence, 12);
	assert_string_equal(chain.last.hash, sample.hash[12]);
}

static void accepts_files_from_the_middle_when_they_are_named(void **state)
{
	(void)state;
	take_from(5, 9);
	assert_whole(5);
}

static void numbers_a_first_line_that_is_no_record_by_the_second(void **state)
{
	(void)state;
	take("{");
	take_from(5, 9);
	assert_fault(1, 4, "is no record");
}

static void a_state_directory_must_hold_record_1(void **state)
{
	(void)state;
	set_head(9, sample.hash[9]);
	take_from(5, 9);
	assert_fault(1, 1, "with all up to record 4");
}

static void names_the_line_that_was_changed_not_the_one_that_tells(void **state)
{
	(void)state;
	take_from(1, 4);
	sample.line[5][strlen(sample.line[5]) - 3] ^= 1;
	take_from(5, 12);
	assert_fault(5, 5, "record 6 names another hash");
}

static void names_the_line_whose_own_prev_was_changed(void **state)
{
	char *prev = strstr(sample.line[5], "prev\":\"") + 7;

	(void)state;
	*prev = *prev == '0' ? '1' : '0';
	take_from(1, 12);
	assert_fault(5, 5, "neither the hash before it nor the one after");
}

static void names_the_line_whose_number_was_changed(void **state)
{
	(void)state;
	sample.line[5][7] = '3';
	take_from(1, 12);
	assert_fault(5, 5, "its number is 3");
}

static void only_the_head_tells_of_a_changed_last_line(void **state)
{
	(void)state;
	set_head(12, sample.hash[12]);
	sample.line[12][strlen(sample.line[12]) - 3] ^= 1;
	take_from(1, 12);
	assert_fault(12, 12, "state.json has another hash");
}

static void the_head_tells_which_of_the_last_two_was_changed(void **state)
{
	(void)state;
	set_head(12, sample.hash[12]);
	sample.line[11][strlen(sample.line[11]) - 3] ^= 1;
	take_from(1, 12);
	assert_fault(11, 11, "record 12 names another hash");
}

static void finds_a_record_rewritten_with_all_after_it(void **state)
{
	char genuine[RECORD_HASH_TEXT + 1];

	(void)state;
	memcpy(genuine, sample.hash[9], sizeof genuine);
	set_head(9, genuine);
	sample_record(sample.line[8], 8, sample.hash[7], "refuse", "");
	sample_hash(sample.line[8], sample.hash[8]);
	sample_record(sample.line[9], 9, sample.hash[8], "sign", "");
	take_from(1, 9);
	assert_fault(9, 9, "state.json has another hash");
}

static void finds_a_missing_record_where_it_was(void **state)
{
	(void)state;
	take_from(1, 4);
	take_from(6, 12);
	assert_fault(5, 5, "is missing here");
}

static void finds_two_that_changed_places(void **state)
{
	(void)state;
	take_from(1, 4);
	take(sample.line[6]);
	take(sample.line[5]);
	take_from(7, 12);
	assert_fault(5, 6, "changed places");
}

static void finds_that_the_first_two_changed_places(void **state)
{
	(void)state;
	take(sample.line[2]);
	take(sample.line[1]);
	take_from(3, 12);
	assert_fault(1, 2, "changed places");
}

static void finds_that_the_first_has_another_number(void **state)
{
	char line[512];

	(void)state;
	sample_record(line, 7, sample.hash[0], "start", "");
	take(line);
	take_from(2, 12);
	assert_fault(1, 1, "its number is 7");
}

static void finds_a_record_that_is_there_twice(void **state)
{
	(void)state;
	take_from(1, 5);
	take_from(5, 12);
	assert_fault(6, 5, "was put in");
}

static void finds_a_record_that_was_put_in_with_the_right_hash(void **state)
{
	char line[512];

	(void)state;
	take_from(1, 4);
	sample_record(line, 5, sample.hash[4], "sign", ",\"ca\":\"host\"");
	take(line);
	take_from(5, 12);
	assert_fault(5, 5, "was put in");
}

static void finds_another_installations_record_in_the_middle(void **state)
{
	(void)state;
	take_from(1, 4);
	take(foreign.line[1]);
	take(foreign.line[2]);
	assert_fault(5, 5, "another record begins here");
}

static void finds_a_start_of_another_installation_that_is_chained_on(void **state)
{
	char line[512];

	(void)state;
	take_from(1, 4);
	sample_record(line, 5, sample.hash[4], "start", ",\"instance\":\"" FOREIGN "\"");
	take(line);
	assert_fault(5, 5, "another installation");
}

static void finds_a_record_of_another_installation_altogether(void **state)
{
	(void)state;
	set_head(1, foreign.hash[1]);
	take(foreign.line[1]);
	assert_fault(1, 1, "another installation");
}

static void finds_a_cut_end_when_the_state_knows_more(void **state)
{
	(void)state;
	set_head(12, sample.hash[12]);
	take_from(1, 9);
	assert_fault(10, 10, "state.json knows of 12");
}

/* What there is of record 5, and the start after it. */
static void take_torn(const char *rest, unsigned sequence)
{
	char hash[RECORD_HASH_TEXT + 1], line[512];

	sample.line[5][40] = '\0';
	sample_hash(sample.line[5], hash);
	sample_record(line, sequence, hash, "start", rest);
	take_from(1, 5);
	take(line);
}

static void accepts_a_torn_line_that_the_next_start_vouches_for(void **state)
{
	(void)state;
	take_torn(",\"torn\":\"true\"", 6);
	assert_whole(5);
	assert_int_equal(chain.torn_lines, 1);
	assert_int_equal(chain.last.sequence, 6);
}

static void refuses_a_torn_line_that_no_start_vouches_for(void **state)
{
	(void)state;
	take_torn("", 6);
	assert_fault(5, 5, "is no record");
}

static void refuses_a_torn_line_that_took_no_number(void **state)
{
	(void)state;
	take_torn(",\"torn\":\"true\"", 5);
	assert_fault(5, 5, "is no record");
}

static void refuses_a_torn_line_that_was_changed(void **state)
{
	char hash[RECORD_HASH_TEXT + 1], line[512];

	(void)state;
	sample.line[5][40] = '\0';
	sample_hash(sample.line[5], hash);
	sample.line[5][20] = '9';
	sample_record(line, 6, hash, "start", ",\"torn\":\"true\"");
	take_from(1, 5);
	take(line);
	assert_fault(5, 5, "is no record");
}

static void accepts_a_start_that_was_torn_itself(void **state)
{
	char hash[RECORD_HASH_TEXT + 1], line[512];

	(void)state;
	sample.line[5][40] = '\0';
	take_from(1, 5);
	take("{\"seq\":6,\"ti");
	sample_hash("{\"seq\":6,\"ti", hash);
	sample_record(line, 7, hash, "start", ",\"torn\":\"true\"");
	take(line);
	assert_whole(5);
	assert_int_equal(chain.torn_lines, 2);
}

/* Records 5 to 11, then one of `event` that tells of a cut. */
static void take_cut(const char *event, unsigned last, const char *hash)
{
	char line[512], rest[160];

	chain.whole = true;
	snprintf(rest, sizeof rest, ",\"last\":%u,\"hash\":\"%s\"", last, hash);
	sample_record(line, 12, sample.hash[11], event, rest);
	take_from(5, 11);
	take(line);
}

static void accepts_a_cut_that_is_on_record(void **state)
{
	(void)state;
	take_cut("prune", 4, sample.hash[4]);
	assert_whole(8);
	assert_int_equal(chain.lacking, 4);
	assert_int_equal(chain.cut.sequence, 12);
}

static void accepts_what_an_interrupted_pruning_has_left(void **state)
{
	(void)state;
	take_cut("prune", 9, sample.hash[9]);
	assert_whole(8);
}

static void refuses_a_cut_that_no_record_tells_of(void **state)
{
	(void)state;
	chain.whole = true;
	take_from(5, 12);
	assert_fault(1, 1, "no record tells of a cut");
}

static void refuses_a_cut_beyond_the_recorded_one(void **state)
{
	(void)state;
	take_cut("prune", 3, sample.hash[3]);
	assert_fault(1, 1, "no record tells of a cut");
}

static void refuses_a_cut_after_another_record_than_the_recorded(void **state)
{
	(void)state;
	take_cut("prune", 4, sample.hash[3]);
	assert_fault(1, 1, "no record tells of a cut");
}

static void believes_no_other_event_of_a_cut(void **state)
{
	(void)state;
	take_cut("sign", 4, sample.hash[4]);
	assert_fault(1, 1, "no record tells of a cut");
}

static void goes_on_from_where_a_backup_was_taken(void **state)
{
	(void)state;
	take_cut("restore", 4, sample.hash[4]);
	assert_whole(8);
	assert_int_equal(chain.restored.sequence, 12);
}

static void an_empty_record_is_none(void **state)
{
	(void)state;
	assert_fault(1, 1, "no record is here");
}

static void refuses_lines_that_are_no_records(void **state)
{
	static const char *const lines[][2] = {
		{ "", "is empty" },
		{ "[]", "not a JSON object" },
		{ "{} {}", "not a JSON object" },
		{ "{}", "no sequence number" },
		{ "{\"seq\":0}", "no sequence number" },
		{ "{\"seq\":1.5}", "no sequence number" },
		{ "{\"seq\":1e300}", "no sequence number" },
		{ "{\"seq\":\"1\"}", "no sequence number" },
		{ "{\"seq\":1,\"time\":\"2026\"}", "no time" },
		{ "{\"seq\":1,\"time\":\"2026-01-02T03:04:05.000006Z\",\"prev\":\"0\"}",
		    "no hash" },
		{ "{\"seq\":1,\"a\":\"\x1b[2J\"}", "without control" },
		{ "{\"seq\":1,\"a\":\"\xc2\x9b\"}", "without control" },
		{ "{\"seq\":1,\"a\":\"\xff\"}", "not UTF-8" },
		{ "[[[[[[[[[[[[]]]]]]]]]]]]", "nested deeper" },
	};
	size_t i;

	for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		end(state);
		begin(state);
		take(lines[i][0]);
		take(sample.line[2]);
		assert_fault(1, 1, lines[i][1]);
	}
}

static void refuses_a_state_that_does_not_name_a_head(void **state)
{
	static const char *const texts[] = { "", "[]", "{\"record\":{}}",
		"{\"instance\":\"" INSTANCE
		"\",\"record\":{\"sequence\":-1,\"hash\":\"\"}}",
		"{\"instance\":\"" INSTANCE
		"\",\"record\":{\"sequence\":1,\"hash\":\"0\"}}" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_false(
		    audit_chain_head(&chain, "state.json", texts[i], strlen(texts[i])));
	assert_fault(1, 0, "restore it");
}

#define WITH_CHAIN(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CHAIN(accepts_a_whole_chain_and_knows_its_ends),
		WITH_CHAIN(accepts_files_from_the_middle_when_they_are_named),
		WITH_CHAIN(numbers_a_first_line_that_is_no_record_by_the_second),
		WITH_CHAIN(a_state_directory_must_hold_record_1),
		WITH_CHAIN(names_the_line_that_was_changed_not_the_one_that_tells),
		WITH_CHAIN(names_the_line_whose_own_prev_was_changed),
		WITH_CHAIN(names_the_line_whose_number_was_changed),
		WITH_CHAIN(only_the_head_tells_of_a_changed_last_line),
		WITH_CHAIN(the_head_tells_which_of_the_last_two_was_changed),
		WITH_CHAIN(finds_a_record_rewritten_with_all_after_it),
		WITH_CHAIN(finds_a_missing_record_where_it_was),
		WITH_CHAIN(finds_two_that_changed_places),
		WITH_CHAIN(finds_that_the_first_two_changed_places),
		WITH_CHAIN(finds_that_the_first_has_another_number),
		WITH_CHAIN(finds_a_record_that_is_there_twice),
		WITH_CHAIN(finds_a_record_that_was_put_in_with_the_right_hash),
		WITH_CHAIN(finds_another_installations_record_in_the_middle),
		WITH_CHAIN(finds_a_start_of_another_installation_that_is_chained_on),
		WITH_CHAIN(finds_a_record_of_another_installation_altogether),
		WITH_CHAIN(finds_a_cut_end_when_the_state_knows_more),
		WITH_CHAIN(accepts_a_torn_line_that_the_next_start_vouches_for),
		WITH_CHAIN(refuses_a_torn_line_that_no_start_vouches_for),
		WITH_CHAIN(refuses_a_torn_line_that_took_no_number),
		WITH_CHAIN(refuses_a_torn_line_that_was_changed),
		WITH_CHAIN(accepts_a_start_that_was_torn_itself),
		WITH_CHAIN(accepts_a_cut_that_is_on_record),
		WITH_CHAIN(accepts_what_an_interrupted_pruning_has_left),
		WITH_CHAIN(refuses_a_cut_that_no_record_tells_of),
		WITH_CHAIN(refuses_a_cut_beyond_the_recorded_one),
		WITH_CHAIN(refuses_a_cut_after_another_record_than_the_recorded),
		WITH_CHAIN(believes_no_other_event_of_a_cut),
		WITH_CHAIN(goes_on_from_where_a_backup_was_taken),
		WITH_CHAIN(an_empty_record_is_none),
		WITH_CHAIN(refuses_lines_that_are_no_records),
		WITH_CHAIN(refuses_a_state_that_does_not_name_a_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
