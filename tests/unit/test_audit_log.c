/* The record on disk: its chain, where it goes on after a stop, a crash or a cut. */
#include "broker_fixture.h"

static struct crypto crypto;
static struct directory audit;
static struct audit_log record;
static struct failure failure;
static char directory[64];

static int begin(void **state)
{
	(void)state;
	log_level_set(LOG_LEVEL_ERROR);
	snprintf(directory, sizeof directory, "/tmp/privyseal-unit-XXXXXX");
	assert_non_null(mkdtemp(directory));
	assert_true(crypto_start(&crypto, &failure));
	assert_true(directory_open(&audit, AT_FDCWD, directory, "audit", &failure));
	failure.text[0] = '\0';
	return 0;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	audit_log_free(&record);
	directory_close(&audit);
	crypto_stop(&crypto);
	snprintf(command, sizeof command, "rm -rf %s", directory);
	return system(command);
}

static int segment(uint32_t number)
{
	char name[32];

	snprintf(name, sizeof name, "audit-%06u.jsonl", number);
	return openat(audit.fd, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* A broker's start on what is there. */
static bool reopen(bool *torn)
{
	audit_log_free(&record);
	assert_true(audit_log_new(&record, &crypto, &failure));
	assert_true(audit_log_find(&record, &audit, &failure));
	if (!audit_log_tail(&record, &audit, &failure))
		return false;
	return audit_log_segment(&record, segment(record.segment ? record.segment : 1),
	    record.segment ? record.segment : 1, torn, &failure);
}

static uint64_t append(const char *event)
{
	audit_log_begin(&record, event);
	return audit_log_end(&record);
}

static void write_raw(const char *text)
{
	int fd = segment(1);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Every line's `prev` is the hash of the line before it. The number of lines. */
static unsigned verify_chain(void)
{
	static char text[1 << 20];
	char expected[SHA256_TEXT + 1], *line, *next, *prev;
	uint8_t digest[SHA256_LENGTH];
	unsigned lines = 0, number;
	ssize_t n;
	int fd;

	memset(expected, '0', SHA256_TEXT);
	expected[SHA256_TEXT] = '\0';
	for (number = 1; number <= 2; number++) {
		char name[32];

		snprintf(name, sizeof name, "audit-%06u.jsonl", number);
		fd = openat(audit.fd, name, O_RDONLY);
		if (fd < 0)
			break;
		n = read(fd, text, sizeof text - 1);
		close(fd);
		assert_true(n >= 0);
		text[n] = '\0';
		for (line = text; (next = strchr(line, '\n')) != NULL; line = next + 1) {
			*next = '\0';
			prev = strstr(line, "\"prev\":\"");
			if (prev)
				assert_memory_equal(prev + 8, expected, SHA256_TEXT);
			crypto_sha256(&crypto, line, (size_t)(next - line), digest);
			crypto_hex(expected, digest, sizeof digest);
			lines++;
		}
	}
	return lines;
}

static void chains_lines_over_restarts(void **state)
{
	bool torn;

	(void)state;
	assert_true(reopen(&torn));
	assert_int_equal(append("start"), 1);
	assert_int_equal(append("stop"), 2);
	assert_true(audit_log_commit(&record));
	assert_true(reopen(&torn));
	assert_false(torn);
	assert_int_equal(append("start"), 3);
	assert_true(audit_log_commit(&record));
	assert_int_equal(verify_chain(), 3);
}

static void is_durable_only_after_the_commit(void **state)
{
	bool torn;

	(void)state;
	assert_true(reopen(&torn));
	assert_int_equal(append("sign"), 1);
	assert_false(audit_log_durable(&record, 1));
	assert_true(audit_log_commit(&record));
	assert_true(audit_log_durable(&record, 1));
	assert_false(audit_log_durable(&record, 2));
	assert_false(audit_log_durable(&record, 0));
}

static void writes_nothing_without_a_segment(void **state)
{
	(void)state;
	audit_log_free(&record);
	assert_true(audit_log_new(&record, &crypto, &failure));
	assert_int_equal(append("sign"), 0);
	assert_false(audit_log_commit(&record));
}

static void closes_a_torn_line_and_chains_over_it(void **state)
{
	bool torn = false;

	(void)state;
	assert_true(reopen(&torn));
	append("start");
	assert_true(audit_log_commit(&record));
	write_raw("{\"seq\":2,\"time\":\"2026-01-");
	assert_true(reopen(&torn));
	assert_true(torn);
	assert_int_equal(append("start"), 3);
	assert_true(audit_log_commit(&record));
	assert_int_equal(verify_chain(), 3);
	assert_true(reopen(&torn));
	assert_false(torn);
	assert_int_equal(record.sequence, 3);
}

/* The start after a crash was torn too: of it only the newline, or a part, is on disk. */
static void crash_of_the_start_after_a_crash_is_vouched_for(void **state)
{
	static const char *const left[] = { "\n", "\n{\"seq\":3,\"ti", "\n{\"s",
		"\n{\"seq\":3,\"facts\":{\"a\":[1]}", "\n{\n{\"seq\":4,\"x\":\"}\n" };
	static const unsigned torn_lines[] = { 1, 2, 2, 2, 3 };
	char command[128];
	unsigned i;
	bool torn;

	(void)state;
	for (i = 0; i < sizeof left / sizeof left[0]; i++) {
		snprintf(command, sizeof command, "rm -f %s/*", directory);
		assert_int_equal(system(command), 0);
		assert_true(reopen(&torn));
		append("start");
		assert_true(audit_log_commit(&record));
		write_raw("{\"seq\":2,\"time\":\"2026-01-");
		write_raw(left[i]);
		if (!reopen(&torn))
			fail_msg("%s", failure.text);
		assert_true(torn);
		assert_int_equal(append("start"), 2 + torn_lines[i]);
		assert_true(audit_log_commit(&record));
		assert_int_equal(verify_chain(), 2 + torn_lines[i]);
		assert_true(reopen(&torn));
		assert_false(torn);
		assert_int_equal(record.sequence, 2 + torn_lines[i]);
	}
}

static void torn_first_line_of_a_segment_is_vouched_for(void **state)
{
	bool torn;
	int fd;

	(void)state;
	assert_true(reopen(&torn));
	append("start");
	assert_true(audit_log_commit(&record));
	fd = segment(2);
	assert_int_equal(write(fd, "{\"seq\":2,", 9), 9);
	close(fd);
	assert_true(reopen(&torn));
	assert_true(torn);
	assert_int_equal(append("start"), 3);
	assert_true(audit_log_commit(&record));
	assert_int_equal(verify_chain(), 3);
}

static void refuses_a_last_line_that_is_no_record(void **state)
{
	bool torn;

	(void)state;
	write_raw("hello\n");
	assert_false(reopen(&torn));
	assert_non_null(strstr(failure.text, "audit-000001.jsonl"));
}

static void refuses_an_endless_last_line(void **state)
{
	static char line[100000];
	bool torn;

	(void)state;
	memset(line, 'x', sizeof line - 1);
	write_raw(line);
	write_raw(line);
	assert_false(reopen(&torn));
}

static void finds_that_the_tail_was_cut(void **state)
{
	char hash[SHA256_TEXT + 1];
	bool torn;

	(void)state;
	assert_true(reopen(&torn));
	append("start");
	append("sign");
	assert_true(audit_log_commit(&record));
	memcpy(hash, record.hash, sizeof hash);
	assert_true(audit_log_reaches(&record, 2, hash, &failure));
	assert_true(audit_log_reaches(&record, 1, "earlier", &failure));
	assert_false(audit_log_reaches(&record, 3, hash, &failure));
	assert_non_null(strstr(failure.text, "cut"));
	hash[0] = hash[0] == 'a' ? 'b' : 'a';
	assert_false(audit_log_reaches(&record, 2, hash, &failure));
	assert_non_null(strstr(failure.text, "changed"));
}

static void goes_on_in_the_next_segment(void **state)
{
	bool torn;

	(void)state;
	assert_true(reopen(&torn));
	append("start");
	assert_true(audit_log_commit(&record));
	assert_int_equal(audit_log_next(&record), 0);
	record.size = AUDIT_SEGMENT_MAX;
	assert_int_equal(audit_log_next(&record), 2);
	assert_int_equal(audit_log_next(&record), 0); /* asked once */
	append("sign");				      /* still into the first */
	assert_true(audit_log_segment(&record, segment(2), 2, &torn, &failure));
	append("outcome");
	assert_true(audit_log_commit(&record));
	assert_int_equal(verify_chain(), 3);
	assert_true(reopen(&torn));
	assert_int_equal(record.segment, 2);
	assert_int_equal(record.sequence, 3);
}

/* A stop just after the next segment was made. */
static void chains_over_an_empty_last_segment(void **state)
{
	bool torn;

	(void)state;
	assert_true(reopen(&torn));
	append("start");
	append("sign");
	assert_true(audit_log_commit(&record));
	close(segment(2));
	assert_true(reopen(&torn));
	assert_int_equal(append("start"), 3);
	assert_true(audit_log_commit(&record));
	assert_int_equal(verify_chain(), 3);
}

static void refuses_a_segment_that_is_not_the_one(void **state)
{
	bool torn;
	int fd;

	(void)state;
	assert_true(reopen(&torn));
	append("start");
	assert_true(audit_log_commit(&record));
	audit_log_free(&record);
	assert_true(audit_log_new(&record, &crypto, &failure));
	assert_true(audit_log_find(&record, &audit, &failure));
	assert_true(audit_log_tail(&record, &audit, &failure));
	fd = segment(2);
	assert_false(audit_log_segment(&record, fd, 2, &torn, &failure));
	assert_false(
	    audit_log_segment(&record, fd, 1, &torn, &failure)); /* empty: was cut */
	close(fd);
}

/* The last line need not have the latest time: a start writes one too. */
static void latest_time_outlasts_restarts(void **state)
{
	bool torn;

	(void)state;
	write_raw("{\"seq\":1,\"time\":\"2199-12-31T23:59:59.000007Z\",\"x\":1}\n"
		  "{\"seq\":2,\"time\":\"2026-03-01T00:00:00.000000Z\",\"x\":1}\n"
		  "{\"seq\":3,\"x\":\"2299-01-01T00:00:00.000000Z\"}\n");
	assert_true(reopen(&torn));
	/* date -u -d 2199-12-31T23:59:59Z +%s */
	assert_int_equal(record.latest, UINT64_C(7258118399000007));
	assert_int_equal(append("start"), 4);
	assert_int_equal(record.latest, UINT64_C(7258118399000007));
	assert_true(audit_log_clock_behind(&record) > 0);
	assert_true(audit_log_commit(&record));
	assert_true(reopen(&torn));
	assert_int_equal(record.latest, UINT64_C(7258118399000007));
}

static void clock_is_not_behind_its_own_lines(void **state)
{
	bool torn;

	(void)state;
	assert_true(reopen(&torn));
	append("start");
	assert_true(audit_log_commit(&record));
	assert_int_equal(audit_log_clock_behind(&record), 0);
	assert_true(reopen(&torn));
	assert_int_equal(audit_log_clock_behind(&record), 0);
	assert_in_range(record.latest, clock_wall_us() - 60000000, clock_wall_us());
}

static void failed_write_is_final(void **state)
{
	bool torn;

	(void)state;
	assert_true(reopen(&torn));
	close(record.fd);
	record.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	append("sign");
	assert_false(audit_log_commit(&record));
	close(record.fd);
	record.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_false(audit_log_commit(&record));
	assert_int_equal(append("sign"), 0);
	assert_false(audit_log_durable(&record, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(chains_lines_over_restarts),
		TEST(is_durable_only_after_the_commit),
		TEST(writes_nothing_without_a_segment),
		TEST(closes_a_torn_line_and_chains_over_it),
		TEST(crash_of_the_start_after_a_crash_is_vouched_for),
		TEST(torn_first_line_of_a_segment_is_vouched_for),
		TEST(refuses_a_last_line_that_is_no_record),
		TEST(refuses_an_endless_last_line),
		TEST(finds_that_the_tail_was_cut),
		TEST(goes_on_in_the_next_segment),
		TEST(chains_over_an_empty_last_segment),
		TEST(refuses_a_segment_that_is_not_the_one),
		TEST(latest_time_outlasts_restarts),
		TEST(clock_is_not_behind_its_own_lines),
		TEST(failed_write_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
