/* worker/pem_text.c: what it writes, OpenSSL and itself read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "worker/pem_text.h"

static uint8_t bytes[300], out[300];

static bool reads(const char *text)
{
	size_t length;

	return pem_read(text, strlen(text), "X", out, sizeof(out), &length);
}

static void writes_what_openssl_and_it_read_again(void **state)
{
	char text[PEM_ROOM(sizeof(bytes))];
	unsigned char *data;
	char *name, *header;
	size_t length, i, n;
	long data_length;
	BIO *bio;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (n = 1; n <= sizeof(bytes); n++) {
		length = pem_write("X", bytes, n, text);
		assert_int_equal(length, strlen(text));
		assert_true(strlen(text) < PEM_ROOM(n));
		assert_true(pem_read(text, strlen(text), "X", out, sizeof(out), &length));
		assert_int_equal(length, n);
		assert_memory_equal(out, bytes, n);
		bio = BIO_new_mem_buf(text, -1);
		assert_int_equal(
		    PEM_read_bio(bio, &name, &header, &data, &data_length), 1);
		assert_int_equal(data_length, n);
		assert_memory_equal(data, bytes, n);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
		BIO_free(bio);
	}
}

static void reads_blocks_however_they_are_broken_into_lines(void **state)
{
	(void)state;
	assert_true(reads("-----BEGIN X-----\nAAAA\n-----END X-----\n"));
	assert_true(reads("-----BEGIN X-----\r\nAA\r\nAA\r\n-----END X-----\r\n"));
	assert_true(reads(" \n-----BEGIN X-----AAAA-----END X----- \n\n"));
}

#define BLOCK "-----BEGIN X-----\nAAAA\n-----END X-----\n"

static void refuses_what_is_not_one_whole_block(void **state)
{
	static const char *const bad[] = { "", "AAAA", "-----BEGIN X-----",
		"-----BEGIN X-----\nAAAA\n", "-----BEGIN X-----\nAAAA\n-----END Y-----\n",
		"-----BEGIN Y-----\nAAAA\n-----END Y-----\n",
		"-----BEGIN X-----\nAAA\n-----END X-----\n",
		"-----BEGIN X-----\nAA_A\n-----END X-----\n",
		"-----BEGIN X-----\nAAAA\n-----END X-----\nAAAA",
		"text\n-----BEGIN X-----\nAAAA\n-----END X-----\n", BLOCK BLOCK };
	size_t i, length;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(reads(bad[i]));
	assert_false(pem_read("-----BEGIN X-----AAAA-----END X-----", 36, "X", out, 2,
	    &length)); /* three bytes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_what_openssl_and_it_read_again),
		cmocka_unit_test(reads_blocks_however_they_are_broken_into_lines),
		cmocka_unit_test(refuses_what_is_not_one_whole_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
