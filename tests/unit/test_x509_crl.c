/* policy/x509_crl.c, held against OpenSSL. */
#include "x509_samples.h"

#include "policy/x509_crl.h"

static struct bytes written;

static enum x509_form read_exactly(const struct bytes *bytes)
{
	uint8_t *copy = malloc(bytes->length ? bytes->length : 1);
	struct facts facts;
	enum x509_form form;

	assert_non_null(copy);
	memcpy(copy, bytes->at, bytes->length);
	form = x509_crl_read(copy, bytes->length, &facts);
	if (form == X509_FORM_GOOD) {
		written.length = x509_crl_write(&facts, written.at, FACTS_DOCUMENT_MAX);
		assert_int_equal(written.length, bytes->length);
		assert_memory_equal(written.at, copy, written.length);
	} else {
		assert_null(facts.x509_issuer);
		assert_null(facts.x509_revoked);
	}
	free(copy);
	return form;
}

/* A CRL with so many serials on it. */
static void make_crl(unsigned count, struct bytes *out)
{
	static struct sample sample;
	static uint8_t list[FACTS_DOCUMENT_MAX];
	struct der_sink to = der_sink(list, sizeof(list));
	struct facts *facts = &sample.facts;
	uint8_t serial[4] = { 0x40 };
	struct x509_revoked revoked = { .serial = { serial, sizeof(serial) } };
	unsigned i;

	memset(&sample, 0, sizeof(sample));
	sample_issuer(&sample);
	for (i = 0; i < count; i++) {
		serial[2] = (uint8_t)(i / 256);
		serial[3] = (uint8_t)(i % 256);
		revoked.date = INT64_C(1760000000) + i;
		x509_put_revoked(&to, &revoked);
	}
	assert_false(to.failed);
	facts->x509_signature = (enum x509_signature)(count % X509_SIGNATURE_COUNT);
	facts->x509_not_before = INT64_C(1760000000);
	facts->x509_not_after = count % 2 ? INT64_C(4000000000) : INT64_C(1770000000);
	facts->x509_authority_key_id = (const uint8_t *)"authority's";
	facts->x509_authority_key_id_length = 11;
	facts->x509_crl_number = count * 0x1234;
	facts->x509_revoked = list;
	facts->x509_revoked_length = to.used;
	out->length = x509_crl_write(facts, out->at, FACTS_DOCUMENT_MAX);
	assert_true(out->length > 0);
}

static void assert_same_revoked(X509_CRL *crl, struct slice list)
{
	STACK_OF(X509_REVOKED) *theirs = X509_CRL_get_REVOKED(crl);
	struct x509_revoked revoked;
	const X509_REVOKED *entry;
	int i;

	for (i = 0; x509_next_revoked(&list, &revoked); i++) {
		assert_true(i < sk_X509_REVOKED_num(theirs));
		entry = sk_X509_REVOKED_value(theirs, i);
		assert_same_serial(X509_REVOKED_get0_serialNumber(entry), revoked.serial);
		assert_int_equal(seconds_of_time(X509_REVOKED_get0_revocationDate(entry)),
		    revoked.date);
	}
	assert_int_equal(list.length, 0);
	assert_int_equal(theirs ? sk_X509_REVOKED_num(theirs) : 0, i);
}

static void assert_openssl_sees_the_same(const struct bytes *document)
{
	static struct bytes whole;
	const uint8_t *at = whole.at;
	AUTHORITY_KEYID *authority;
	ASN1_INTEGER *number;
	struct facts facts;
	X509_CRL *crl;

	assert_int_equal(
	    x509_crl_read(document->at, document->length, &facts), X509_FORM_GOOD);
	add_signature(document, 1, &whole);
	crl = d2i_X509_CRL(NULL, &at, (long)whole.length);
	assert_non_null(crl);
	assert_ptr_equal(at, whole.at + whole.length);
	assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
	assert_same_name(X509_CRL_get_issuer(crl), FACTS_SLICE(&facts, x509_issuer));
	assert_int_equal(
	    seconds_of_time(X509_CRL_get0_lastUpdate(crl)), facts.x509_not_before);
	assert_int_equal(
	    seconds_of_time(X509_CRL_get0_nextUpdate(crl)), facts.x509_not_after);
	number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_int_equal(ASN1_INTEGER_get(number), facts.x509_crl_number);
	authority = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
	assert_same_string(authority->keyid, FACTS_SLICE(&facts, x509_authority_key_id));
	assert_same_revoked(crl, FACTS_SLICE(&facts, x509_revoked));
	ASN1_INTEGER_free(number);
	AUTHORITY_KEYID_free(authority);
	X509_CRL_free(crl);
}

static void what_is_written_reads_and_is_what_openssl_sees(void **state)
{
	static const unsigned counts[] = { 0, 1, 2, 3, 100, 1000 };
	static struct bytes bytes;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		make_crl(counts[i], &bytes);
		assert_int_equal(read_exactly(&bytes), X509_FORM_GOOD);
		assert_openssl_sees_the_same(&bytes);
	}
}

static void refuses_every_truncation(void **state)
{
	static struct bytes bytes;

	(void)state;
	make_crl(3, &bytes);
	while (bytes.length-- > 0)
		assert_int_not_equal(read_exactly(&bytes), X509_FORM_GOOD);
}

static void a_flipped_bit_is_refused_or_is_other_facts(void **state)
{
	static struct bytes bytes;
	unsigned count, taken = 0, refused = 0;
	size_t bit;

	(void)state;
	for (count = 0; count < 5; count++) {
		make_crl(count, &bytes);
		for (bit = 0; bit < 8 * bytes.length; bit++) {
			bytes.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (read_exactly(&bytes) == X509_FORM_GOOD)
				taken++;
			else
				refused++;
			bytes.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	assert_true(taken > 1000 && refused > 1000);
}

static void random_changes_are_refused_or_mean_what_openssl_sees(void **state)
{
	static struct bytes samples[5], bytes;
	const char *rounds = getenv("FUZZ_ROUNDS");
	unsigned long i, taken = 0, count = rounds ? strtoul(rounds, NULL, 10) : 100000;
	uint32_t random = 0x9e3779b9;

	(void)state;
	for (i = 0; i < 5; i++)
		make_crl((unsigned)i, &samples[i]);
	for (i = 0; i < count; i++) {
		bytes = samples[next_random(&random) % 5];
		mutate(&bytes, &random);
		if (read_exactly(&bytes) == X509_FORM_GOOD) {
			assert_openssl_sees_the_same(&bytes);
			taken++;
		}
	}
	assert_true(taken > 0 && taken < count);
}

enum { VERSION, SIGNATURE, ISSUER, THIS, NEXT, REVOKED, EXTENSIONS };

static enum x509_form with_field(unsigned field, const char *hex)
{
	static struct parts fields;
	static struct bytes bytes;
	struct slice inner;

	make_crl(3, &bytes);
	inner = content_of(&bytes);
	split(inner.at, inner.length, &fields);
	assert_int_equal(fields.count, 7);
	fields.part[field].length = 0;
	add_hex(&fields.part[field], hex);
	join(&fields, DER_SEQUENCE, &bytes);
	return read_exactly(&bytes);
}

#define ENTRY(serial) "30 12 " serial " 17 0d 323531303039303830303030 5a "

static void refuses_other_versions_and_missing_dates(void **state)
{
	(void)state;
	assert_int_equal(with_field(VERSION, "02 01 01"), X509_FORM_GOOD);
	assert_int_equal(with_field(VERSION, ""), X509_FORM_VERSION);
	assert_int_equal(with_field(VERSION, "02 01 00"), X509_FORM_VERSION);
	assert_int_equal(with_field(VERSION, "02 02 00 01"), X509_FORM_VERSION);
	assert_int_equal(with_field(NEXT, ""), X509_FORM_VALIDITY);
	assert_int_equal(with_field(ISSUER, "30 00"), X509_FORM_ISSUER);
}

static void revoked_serials_ascend_and_none_comes_twice(void **state)
{
	(void)state;
	assert_int_equal(with_field(REVOKED, ""), X509_FORM_GOOD);
	assert_int_equal(with_field(REVOKED, "30 14 " ENTRY("02 01 05")), X509_FORM_GOOD);
	assert_int_equal(
	    with_field(REVOKED,
		"30 29 " ENTRY(
		    "02 01 7f") "30 13 02 02 00 80 17 0d 323531303039303830303030 5a"),
	    X509_FORM_GOOD);
	assert_int_equal(
	    with_field(REVOKED, "30 28 " ENTRY("02 01 05") ENTRY("02 01 06")),
	    X509_FORM_GOOD);
	assert_int_equal(
	    with_field(REVOKED, "30 28 " ENTRY("02 01 06") ENTRY("02 01 05")),
	    X509_FORM_REVOKED);
	assert_int_equal(
	    with_field(REVOKED, "30 28 " ENTRY("02 01 05") ENTRY("02 01 05")),
	    X509_FORM_REVOKED);
}

static void refuses_an_empty_list_unsound_serials_and_entry_extensions(void **state)
{
	(void)state;
	assert_int_equal(with_field(REVOKED, "30 00"), X509_FORM_REVOKED);
	assert_int_equal(
	    with_field(REVOKED, "30 14 " ENTRY("02 01 00")), X509_FORM_REVOKED);
	assert_int_equal(
	    with_field(REVOKED, "30 14 " ENTRY("02 01 85")), X509_FORM_REVOKED);
	assert_int_equal(
	    with_field(REVOKED, "30 22 30 20 02 01 05 17 0d 323531303039303830303030 5a"
				"30 0c 30 0a 06 03 55 1d 15 04 03 0a 01 01"),
	    X509_FORM_REVOKED);
}

#define KEY_ID "30 0c 06 03 55 1d 23 04 05 30 03 80 01 61 "
#define NUMBER "30 0a 06 03 55 1d 14 04 03 02 01 05 "

static void both_extensions_are_needed_once_in_order_and_uncritical(void **state)
{
	(void)state;
	assert_int_equal(
	    with_field(EXTENSIONS, "a0 1c 30 1a " KEY_ID NUMBER), X509_FORM_GOOD);
	assert_int_not_equal(
	    with_field(EXTENSIONS, "a0 1c 30 1a " NUMBER KEY_ID), X509_FORM_GOOD);
	assert_int_equal(
	    with_field(EXTENSIONS, "a0 10 30 0e " KEY_ID), X509_FORM_CRL_NUMBER);
	assert_int_equal(
	    with_field(EXTENSIONS, "a0 0e 30 0c " NUMBER), X509_FORM_AUTHORITY_KEY_ID);
	assert_int_equal(with_field(EXTENSIONS, ""), X509_FORM_AUTHORITY_KEY_ID);
	assert_int_equal(with_field(EXTENSIONS, "a0 28 30 26 " KEY_ID NUMBER NUMBER),
	    X509_FORM_EXTENSION);
	assert_int_equal(
	    with_field(EXTENSIONS,
		"a0 1f 30 1d " KEY_ID "30 0d 06 03 55 1d 14 01 01 ff 04 03 02 01 05"),
	    X509_FORM_EXTENSION);
	/* a delta CRL, and numbers that are negative, not minimal, too large */
	assert_int_equal(
	    with_field(EXTENSIONS, "a0 2b 30 29 " KEY_ID NUMBER
				   "30 0d 06 03 55 1d 1b 01 01 ff 04 03 02 01 05"),
	    X509_FORM_EXTENSION);
	assert_int_equal(with_field(EXTENSIONS,
			     "a0 1c 30 1a " KEY_ID "30 0a 06 03 55 1d 14 04 03 02 01 85"),
	    X509_FORM_CRL_NUMBER);
	assert_int_equal(with_field(EXTENSIONS, "a0 1d 30 1b " KEY_ID
						"30 0b 06 03 55 1d 14 04 04 02 02 00 05"),
	    X509_FORM_CRL_NUMBER);
	assert_int_equal(
	    with_field(EXTENSIONS,
		"a0 20 30 1e " KEY_ID "30 0e 06 03 55 1d 14 04 07 02 05 00 80 00 00 00"),
	    X509_FORM_CRL_NUMBER);
}

static void refuses_bytes_after_the_end_and_facts_without_encoding(void **state)
{
	static struct bytes bytes;
	struct facts facts, bad;

	(void)state;
	make_crl(2, &bytes);
	assert_int_equal(x509_crl_read(bytes.at, bytes.length, &facts), X509_FORM_GOOD);
	bad = facts;
	bad.x509_crl_number = 0x80000000;
	assert_int_equal(x509_crl_write(&bad, written.at, FACTS_DOCUMENT_MAX), 0);
	assert_int_equal(x509_crl_write(&facts, written.at, bytes.length - 1), 0);
	bytes.at[bytes.length++] = 0;
	assert_int_equal(read_exactly(&bytes), X509_FORM_FRAME);
	assert_int_equal(
	    x509_crl_read(bytes.at, FACTS_DOCUMENT_MAX + 1, &facts), X509_FORM_OVERSIZED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_and_is_what_openssl_sees),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(a_flipped_bit_is_refused_or_is_other_facts),
		cmocka_unit_test(random_changes_are_refused_or_mean_what_openssl_sees),
		cmocka_unit_test(refuses_other_versions_and_missing_dates),
		cmocka_unit_test(revoked_serials_ascend_and_none_comes_twice),
		cmocka_unit_test(
		    refuses_an_empty_list_unsound_serials_and_entry_extensions),
		cmocka_unit_test(both_extensions_are_needed_once_in_order_and_uncritical),
		cmocka_unit_test(refuses_bytes_after_the_end_and_facts_without_encoding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
