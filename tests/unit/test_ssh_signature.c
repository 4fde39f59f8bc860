/* worker/ssh_signature.c and worker/wire.c: a keystore's signature in SSH's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "worker/ssh_signature.h"
#include "worker/wire.h"

static uint8_t out[SSH_SIGNATURE_MAX];

static void wraps_rsa_by_the_size_of_its_key(void **state)
{
	uint8_t raw[512] = { 1 };

	(void)state;
	assert_int_equal(
	    ssh_signature_write(KEY_RSA, 2048, raw, 256, out, sizeof(out)), 276);
	assert_memory_equal(out, "\0\0\0\x0crsa-sha2-256\0\0\1\0\1", 21);
	assert_int_equal(
	    ssh_signature_write(KEY_RSA, 4095, raw, 512, out, sizeof(out)), 532);
	assert_memory_equal(out + 4, "rsa-sha2-256", 12);
	assert_int_equal(
	    ssh_signature_write(KEY_RSA, 4096, raw, 512, out, sizeof(out)), 532);
	assert_memory_equal(out + 4, "rsa-sha2-512", 12);
}

static void wraps_ed25519_of_64_bytes_alone(void **state)
{
	const uint8_t raw[65] = { 7 };

	(void)state;
	assert_int_equal(
	    ssh_signature_write(KEY_ED25519, 0, raw, 64, out, sizeof(out)), 83);
	assert_int_equal(
	    ssh_signature_write(KEY_ED25519, 0, raw, 63, out, sizeof(out)), 0);
	assert_int_equal(
	    ssh_signature_write(KEY_ED25519, 0, raw, 65, out, sizeof(out)), 0);
	assert_int_equal(ssh_signature_write(KEY_ED25519, 0, raw, 64, out, 82), 0);
}

static void makes_mpints_of_ecdsa_der(void **state)
{
	/* SEQUENCE { INTEGER 0x80, INTEGER 0x7f } */
	const uint8_t der[] = { 0x30, 7, 2, 2, 0, 0x80, 2, 1, 0x7f };
	const uint8_t trailing[] = { 0x30, 7, 2, 2, 0, 0x80, 2, 1, 0x7f, 0 };
	const uint8_t negative[] = { 0x30, 6, 2, 1, 0x80, 2, 1, 0x7f };

	(void)state;
	assert_int_equal(
	    ssh_signature_write(KEY_P256, 0, der, sizeof(der), out, sizeof(out)), 38);
	assert_memory_equal(out,
	    "\0\0\0\x13"
	    "ecdsa-sha2-nistp256\0\0\0\x0b\0\0\0\2\0\x80\0\0\0\1\x7f",
	    38);
	assert_int_equal(ssh_signature_write(
			     KEY_P256, 0, trailing, sizeof(trailing), out, sizeof(out)),
	    0);
	assert_int_equal(ssh_signature_write(
			     KEY_P256, 0, negative, sizeof(negative), out, sizeof(out)),
	    0);
	assert_int_equal(ssh_signature_write(KEY_P256, 0, der, 3, out, sizeof(out)), 0);
}

static void counts_the_bits_of_a_modulus(void **state)
{
	const uint8_t modulus[] = { 0x01, 0xff };
	struct facts facts = {
		.subject_kind = KEY_RSA, .subject_key = modulus, .subject_key_length = 2
	};

	(void)state;
	assert_int_equal(ssh_modulus_bits(&facts), 9);
	facts.subject_kind = KEY_ED25519;
	assert_int_equal(ssh_modulus_bits(&facts), 0);
}

static void remembers_that_something_did_not_fit(void **state)
{
	uint8_t small[8];
	struct wire wire = { .out = small, .room = sizeof(small) };

	(void)state;
	wire_string(&wire, "abcd", 4);
	assert_false(wire.failed);
	assert_int_equal(wire.length, 8);
	wire_u32(&wire, 1);
	assert_true(wire.failed);
	assert_int_equal(wire.length, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wraps_rsa_by_the_size_of_its_key),
		cmocka_unit_test(wraps_ed25519_of_64_bytes_alone),
		cmocka_unit_test(makes_mpints_of_ecdsa_der),
		cmocka_unit_test(counts_the_bits_of_a_modulus),
		cmocka_unit_test(remembers_that_something_did_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
