/* Lines of plain and of compressed files, whole, torn and in motion. */
#include "supervisor_said.h"

#include "cli/audit_lines.h"

#include <fcntl.h>
#include <sys/wait.h>

static struct audit_lines lines;
static struct audit_file file;
static uint8_t bytes[400000];

static void hold(const void *content, size_t length)
{
	FILE *out = tmpfile();

	assert_non_null(out);
	file = (struct audit_file){ .fd = dup(fileno(out)), .size = length };
	assert_int_equal(fwrite(content, 1, length, out), length);
	fclose(out);
}

static void hold_text(const char *text)
{
	hold(text, strlen(text));
}

static size_t compress_into(uint8_t *out, size_t room, const void *content, size_t length)
{
	z_stream stream = { 0 };

	assert_int_equal(
	    deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	/* zlib does not write to it, and says so only to those who define ZLIB_CONST. */
	memcpy(&stream.next_in, &content, sizeof content);
	stream.avail_in = (uInt)length;
	stream.next_out = out;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return room - stream.avail_out;
}

static void open_lines(bool live)
{
	audit_lines_open(&lines, &file, live);
}

static int close_lines(void **state)
{
	(void)state;
	audit_lines_close(&lines);
	close(file.fd);
	return 0;
}

static void assert_line(const char *text)
{
	assert_int_equal(audit_lines_next(&lines), AUDIT_LINE);
	assert_int_equal(lines.length, strlen(text));
	assert_memory_equal(lines.line, text, lines.length);
}

static void reads_lines_and_counts_them(void **state)
{
	(void)state;
	hold_text("one\n\nthree\n");
	open_lines(true);
	assert_line("one");
	assert_line("");
	assert_line("three");
	assert_int_equal(lines.number, 3);
	assert_int_equal(audit_lines_next(&lines), AUDIT_END);
	assert_int_equal(lines.number, 4);
}

static void reads_several_members_of_gzip_as_one_file(void **state)
{
	static char long_line[100000];
	size_t n;

	(void)state;
	memset(long_line, 'a', sizeof long_line);
	long_line[60000] = '\n';
	n = compress_into(bytes, sizeof bytes, "one\ntw", 6);
	n += compress_into(bytes + n, sizeof bytes - n, "o\n", 2);
	n += compress_into(bytes + n, sizeof bytes - n, long_line, 60001);
	hold(bytes, n);
	open_lines(true);
	assert_line("one");
	assert_line("two");
	assert_int_equal(audit_lines_next(&lines), AUDIT_LINE);
	assert_int_equal(lines.length, 60000);
	assert_int_equal(audit_lines_next(&lines), AUDIT_END);
}

/* The end of a member may come with the last byte that there is room for. */
static void reads_compressed_files_of_any_length(void **state)
{
	static char content[66000];
	size_t length, n, read;

	(void)state;
	memset(content, '\n', sizeof content);
	for (length = 32766; length <= 65538; length += length == 32770 ? 32764 : 1) {
		n = compress_into(bytes, sizeof bytes, content, length);
		hold(bytes, n);
		open_lines(false);
		for (read = 0; audit_lines_next(&lines) == AUDIT_LINE; read++)
			;
		assert_null(lines.problem);
		assert_int_equal(read, length);
		close_lines(NULL);
	}
	hold(bytes, 0);
}

static void finds_compressed_files_that_are_cut_at_any_byte(void **state)
{
	size_t n = compress_into(bytes, sizeof bytes, "one\ntwo\n", 8), cut;
	enum audit_next next;

	(void)state;
	/* Of two bytes the kind of file is known. */
	for (cut = 2; cut < n; cut++) {
		hold(bytes, cut);
		open_lines(false);
		do
			next = audit_lines_next(&lines);
		while (next == AUDIT_LINE);
		assert_int_equal(next, AUDIT_BROKEN);
		assert_says(lines.problem, "cut short");
		close_lines(NULL);
	}
	hold(bytes, 0);
}

static void finds_compressed_files_that_are_damaged(void **state)
{
	size_t n = compress_into(bytes, sizeof bytes, "one\ntwo\n", 8), at;
	enum audit_next next;

	(void)state;
	for (at = 10; at < n; at++) {
		bytes[at] ^= 0x55;
		hold(bytes, n);
		open_lines(false);
		do
			next = audit_lines_next(&lines);
		while (next == AUDIT_LINE);
		assert_int_equal(next, AUDIT_BROKEN);
		close_lines(NULL);
		bytes[at] ^= 0x55;
	}
	hold(bytes, 0);
}

static void says_that_zstd_must_be_unpacked(void **state)
{
	(void)state;
	hold_text("\x28\xb5\x2f\xfd and so on");
	open_lines(false);
	assert_int_equal(audit_lines_next(&lines), AUDIT_BROKEN);
	assert_says(lines.problem, "zstd");
}

static void cuts_lines_that_no_broker_would_close_and_goes_on(void **state)
{
	(void)state;
	memset(bytes, 'x', AUDIT_LINE_MAX + 5000);
	memcpy(bytes + AUDIT_LINE_MAX + 5000, "\nnext\n", 6);
	hold(bytes, AUDIT_LINE_MAX + 5006);
	open_lines(false);
	assert_int_equal(audit_lines_next(&lines), AUDIT_LINE);
	assert_int_equal(lines.length, AUDIT_LINE_MAX);
	assert_line("next");
}

static void a_line_without_newline_is_unfinished(void **state)
{
	(void)state;
	hold_text("one\ntwo");
	open_lines(true);
	assert_line("one");
	assert_int_equal(audit_lines_next(&lines), AUDIT_UNFINISHED);
	assert_false(lines.beyond);
}

/* What is opened ends within a line; the writer has more. */
static void waits_for_a_line_in_the_making_and_for_no_other(void **state)
{
	pid_t writer;

	(void)state;
	hold_text("one\nha");
	open_lines(true);
	writer = fork();
	if (writer == 0) {
		usleep(50000);
		lseek(file.fd, 0, SEEK_END);
		_exit(pwrite(file.fd, "lf\nlater\n", 9, 6) == 9 ? 0 : 1);
	}
	assert_line("one");
	assert_line("half");
	assert_int_equal(audit_lines_next(&lines), AUDIT_END);
	waitpid(writer, NULL, 0);
}

static void leaves_lines_that_came_after_it_was_opened(void **state)
{
	(void)state;
	hold_text("one\ntwo\n");
	file.size = 4;
	open_lines(true);
	assert_line("one");
	assert_int_equal(audit_lines_next(&lines), AUDIT_END);
}

static void finds_a_file_that_became_shorter(void **state)
{
	(void)state;
	hold_text("one\n");
	file.size = 400;
	open_lines(false);
	assert_line("one");
	assert_int_equal(audit_lines_next(&lines), AUDIT_BROKEN);
	assert_says(lines.problem, "shorter");
}

#define WITH_FILE(test) cmocka_unit_test_teardown(test, close_lines)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(reads_lines_and_counts_them),
		WITH_FILE(reads_several_members_of_gzip_as_one_file),
		WITH_FILE(reads_compressed_files_of_any_length),
		WITH_FILE(finds_compressed_files_that_are_cut_at_any_byte),
		WITH_FILE(finds_compressed_files_that_are_damaged),
		WITH_FILE(says_that_zstd_must_be_unpacked),
		WITH_FILE(cuts_lines_that_no_broker_would_close_and_goes_on),
		WITH_FILE(a_line_without_newline_is_unfinished),
		WITH_FILE(waits_for_a_line_in_the_making_and_for_no_other),
		WITH_FILE(leaves_lines_that_came_after_it_was_opened),
		WITH_FILE(finds_a_file_that_became_shorter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
