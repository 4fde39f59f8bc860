#include "ssh_samples.h"

#define NOW ((uint64_t)SAMPLE_NOW)

static void honest_documents_hold(void **state)
{
	struct sample *user = sample_new(DOCUMENT_SSH_USER),
		      *host = sample_new(DOCUMENT_SSH_HOST);

	(void)state;
	assert_holds(user);
	assert_holds(host);
	user->issuer.ca = CA_OPENSSH;
	assert_holds(user);
	free(user);
	free(host);
}

static void refuses_a_document_of_another_ca_or_purpose(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->issuer.ca = CA_HOST;
	assert_refused(sample, FACT_CA, "host");
	sample->issuer.ca = CA_USER;
	sample->issuer.purpose = PURPOSE_TLS;
	assert_refused(sample, FACT_CA, "user");
	sample->issuer.purpose = PURPOSE_SSH;
	sample->request.document = DOCUMENT_X509_DB_SERVER;
	assert_refused(sample, FACT_CA, "user");
	sample->issuer.ca = CA_DB;
	sample->issuer.purpose = PURPOSE_TLS; /* fits, but there is no reader for it */
	assert_refused(sample, FACT_FORM, "x509-db-server");
	sample->request.document = DOCUMENT_COUNT;
	assert_refused(sample, FACT_CA, NULL);
	free(sample);
}

static void refuses_a_certificate_of_the_other_type(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->facts.ssh_type = SSH_CERTIFICATE_HOST;
	assert_refused(sample, FACT_FORM, "host certificate");
	free(sample);
	sample = sample_new(DOCUMENT_SSH_HOST);
	sample->facts.ssh_type = SSH_CERTIFICATE_USER;
	assert_refused(sample, FACT_FORM, "user certificate");
	free(sample);
}

static void refuses_another_issuers_key(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static struct bytes other;

	(void)state;
	other = sample->signature_key;
	other.at[other.length - 1] ^= 1;
	sample->facts.signature_key = other.at;
	assert_refused(sample, FACT_ISSUER, "user");
	sample->facts.signature_key = sample->signature_key.at;
	sample->facts.signature_key_length--;
	assert_refused(sample, FACT_ISSUER, "user");
	sample->facts.signature_key_length = sample->issuer.public_key_length = 0;
	assert_refused(sample, FACT_ISSUER, "user");
	free(sample);
}

static void refuses_an_issuer_whose_key_is_of_another_kind(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->issuer.key_kind = KEY_P256;
	assert_refused(sample, FACT_SIGNATURE_ALGORITHM, "ECDSA P-256");
	free(sample);
}

static void refuses_a_serial_that_the_worker_chose(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->facts.serial = 42;
	assert_refused(sample, FACT_SERIAL, "42");
	free(sample);
}

static void the_start_lies_close_to_now(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->facts.valid_after = NOW - 300;
	assert_holds(sample);
	sample->facts.valid_after = NOW - 301;
	assert_refused(sample, FACT_VALIDITY, "1759999699");
	sample->facts.valid_after = NOW + 60;
	assert_holds(sample);
	sample->facts.valid_after = NOW + 61;
	assert_refused(sample, FACT_VALIDITY, "1760000061");
	sample->facts.valid_after = 0;
	assert_refused(sample, FACT_VALIDITY, "0");
	sample->facts.valid_after = UINT64_MAX;
	assert_refused(sample, FACT_VALIDITY, "18446744073709551615");
	free(sample);
}

static void the_end_lies_behind_the_start(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->facts.valid_before = sample->facts.valid_after + 1;
	assert_holds(sample);
	sample->facts.valid_before = sample->facts.valid_after;
	assert_refused(sample, FACT_VALIDITY, NULL);
	sample->facts.valid_before = sample->facts.valid_after - 1;
	assert_refused(sample, FACT_VALIDITY, NULL);
	sample->facts.valid_before = 0;
	assert_refused(sample, FACT_VALIDITY, "0");
	free(sample);
}

static void refuses_a_certificate_without_end(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->facts.valid_before = SSH_FOREVER;
	assert_refused(sample, FACT_VALIDITY, "18446744073709551615");
	sample->facts.valid_before = UINT64_C(1) << 63;
	assert_refused(sample, FACT_VALIDITY, "9223372036854775808");
	free(sample);
}

static void refuses_a_certificate_that_outlives_its_ca(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->issuer.not_after = SAMPLE_NOW + 3600;
	assert_holds(sample);
	sample->issuer.not_after = SAMPLE_NOW + 3599;
	assert_refused(sample, FACT_VALIDITY, "1760003600");
	sample->issuer.not_after = -1;
	assert_refused(sample, FACT_VALIDITY, NULL);
	free(sample);
}

static void a_clock_at_the_edges_permits_nothing(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const int64_t times[] = { INT64_MIN, -1, 0, 299, INT64_MAX,
		INT64_MAX - 59 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		sample->request.now = times[i];
		sample->facts.valid_after = (uint64_t)times[i];
		sample->facts.valid_before = (uint64_t)times[i] + 1;
		assert_refused(sample, FACT_VALIDITY, NULL);
	}
	sample->request.now = 300;
	sample->facts.valid_after = 0;
	sample->facts.valid_before = 1;
	assert_holds(sample);
	free(sample);
}

static void the_validity_is_not_asked_for_when_the_ttl_is_ignored(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->request.ignore_ttl = true;
	sample->facts.valid_after = sample->facts.valid_before = 0;
	assert_holds(sample);
	sample->facts.serial = 1; /* the rest is */
	assert_refused(sample, FACT_SERIAL, NULL);
	free(sample);
}

static void set_rsa(struct sample *sample, size_t bits)
{
	sample_key(&sample->facts, sample->key, sample->exponent, KEY_RSA, 5);
	memset(sample->key, 0xa5, sizeof(sample->key));
	sample->facts.subject_key_length = (bits + 7) / 8;
	sample->key[0] = (uint8_t)(1u << (bits + 7) % 8);
}

static void rsa_keys_have_2048_to_16384_bits(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	set_rsa(sample, 2048);
	assert_holds(sample);
	set_rsa(sample, 2047);
	assert_refused(sample, FACT_SUBJECT_KEY, "RSA 2047");
	set_rsa(sample, 1024);
	assert_refused(sample, FACT_SUBJECT_KEY, "RSA 1024");
	set_rsa(sample, 16384);
	assert_holds(sample);
	set_rsa(sample, 16385);
	assert_refused(sample, FACT_SUBJECT_KEY, "RSA 16385");
	sample->facts.subject_key_length = 0;
	assert_refused(sample, FACT_SUBJECT_KEY, "RSA 0");
	free(sample);
}

static void refuses_an_even_rsa_modulus(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	set_rsa(sample, 2048);
	sample->key[255] = 0xa4;
	assert_refused(sample, FACT_SUBJECT_KEY, "RSA 2048");
	free(sample);
}

static void refuses_weak_rsa_exponents(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		bool good;
	} rows[] = { { "\x01", 1, false }, { "\x03", 1, false }, { "\xff\xff", 2, false },
		{ "\x01\x00\x01", 3, true }, { "\x01\x00\x02", 3, false },
		{ "\x01\x00\x03", 3, true }, { "", 0, false },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff", 8, true },
		{ "\x01\0\0\0\0\0\0\0\x01", 9, false } };
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	size_t i;

	(void)state;
	set_rsa(sample, 2048);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sample->facts.subject_exponent = (const uint8_t *)rows[i].bytes;
		sample->facts.subject_exponent_length = rows[i].length;
		if (rows[i].good)
			assert_holds(sample);
		else
			assert_refused(sample, FACT_SUBJECT_KEY, NULL);
	}
	free(sample);
}

static void set_hex_key(struct sample *sample, const char *hex, bool sign)
{
	unsigned byte;
	size_t i;

	for (i = 0; i < 32; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		sample->key[i] = (uint8_t)byte;
	}
	if (sign)
		sample->key[31] |= 0x80;
}

#define F30 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define Z30 "000000000000000000000000000000000000000000000000000000000000"

static void refuses_ed25519_keys_of_small_order(void **state)
{
	static const char *const keys[] = { "00" Z30 "00", "01" Z30 "00", "ec" F30 "7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		/* not canonical: p, p + 1, and the largest */
		"ed" F30 "7f", "ee" F30 "7f", "ff" F30 "7f" };
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		set_hex_key(sample, keys[i], false);
		assert_refused(sample, FACT_SUBJECT_KEY, "Ed25519");
		set_hex_key(sample, keys[i], true);
		assert_refused(sample, FACT_SUBJECT_KEY, "Ed25519");
	}
	set_hex_key(sample, "02" Z30 "00", false);
	assert_holds(sample);
	set_hex_key(sample, "eb" F30 "7f", true);
	assert_holds(sample);
	free(sample);
}

/* This host's CA keys: one of each kind. */
static void add_ca_keys(struct sample *sample, struct bytes *list)
{
	uint8_t key[256], exponent[3], blob[600];
	unsigned kind;
	size_t length;

	list->length = 0;
	for (kind = 0; kind < KEY_KIND_COUNT; kind++) {
		struct facts facts = { 0 };

		sample_key(&facts, key, exponent, (enum key_kind)kind, 50);
		length = ssh_key_write(&facts, blob, sizeof(blob));
		add_string(list, blob, length);
	}
	sample->issuer.ca_keys = list->at;
	sample->issuer.ca_keys_length = list->length;
}

static void refuses_a_ca_key_as_subject(void **state)
{
	static struct bytes list;
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	unsigned kind;

	(void)state;
	add_ca_keys(sample, &list);
	assert_holds(sample);
	for (kind = 0; kind < KEY_KIND_COUNT; kind++) {
		sample_key(&sample->facts, sample->key, sample->exponent,
		    (enum key_kind)kind, 50);
		assert_refused(
		    sample, FACT_SUBJECT_KEY, key_kind_name((enum key_kind)kind));
		sample_key(&sample->facts, sample->key, sample->exponent,
		    (enum key_kind)kind, 51);
		assert_holds(sample);
	}
	free(sample);
}

static void refuses_a_ca_key_with_another_rsa_exponent(void **state)
{
	static struct bytes list;
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	add_ca_keys(sample, &list);
	sample_key(&sample->facts, sample->key, sample->exponent, KEY_RSA, 50);
	sample->exponent[2] = 3;
	assert_refused(sample, FACT_SUBJECT_KEY, "RSA");
	free(sample);
}

static void refuses_the_issuers_own_key_as_subject(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample_key(&sample->facts, sample->key, sample->exponent, KEY_ED25519, 91);
	assert_refused(sample, FACT_SUBJECT_KEY, "Ed25519");
	free(sample);
}

static void a_list_of_ca_keys_that_can_not_be_read_permits_nothing(void **state)
{
	static struct bytes list;
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	add_ca_keys(sample, &list);
	sample->issuer.ca_keys_length--;
	assert_refused(sample, FACT_SUBJECT_KEY, NULL);
	list.length = 0;
	add_text(&list, "no key");
	sample->issuer.ca_keys_length = list.length;
	assert_refused(sample, FACT_SUBJECT_KEY, NULL);
	free(sample);
}

static void needs_at_least_one_principal(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample_principals(sample, NULL, NULL);
	assert_refused(sample, FACT_PRINCIPALS, "");
	sample_principals(sample, "alice", "");
	assert_refused(sample, FACT_PRINCIPALS, "");
	free(sample);
}

static void allows_256_principals(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	unsigned i;

	(void)state;
	sample->principals.length = 0;
	for (i = 0; i < 256; i++)
		add_text(&sample->principals, "p");
	sample_pack(sample);
	assert_holds(sample);
	add_text(&sample->principals, "p");
	sample_pack(sample);
	assert_refused(sample, FACT_PRINCIPALS, NULL);
	free(sample);
}

static void a_principal_has_at_most_255_bytes(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	char name[257];

	(void)state;
	memset(name, 'p', sizeof(name));
	name[255] = '\0';
	sample_principals(sample, name, NULL);
	assert_holds(sample);
	name[255] = 'p';
	name[256] = '\0';
	sample_principals(sample, "alice", name);
	assert_refused(sample, FACT_PRINCIPALS, name);
	free(sample);
}

static void refuses_principals_that_are_not_plain(void **state)
{
	static const char *const bad[] = { "*", "a*", "a?b", "!root", "a,b", "a b",
		"a\tb", "a\n", "\x01", "\x7f", "\xc3\xa4", "a\x1b[0m", "\xff" };
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sample_principals(sample, "alice", bad[i]);
		assert_refused(sample, FACT_PRINCIPALS, bad[i]);
	}
	sample->principals.length = 0;
	add_string(&sample->principals, "a\0b", 3);
	sample_pack(sample);
	assert_refused(sample, FACT_PRINCIPALS, NULL);
	sample_principals(sample, "-teleport-internal-join", "::1");
	assert_holds(sample);
	sample_principals(sample, "DOMAIN\\user", "a@b.c");
	assert_holds(sample);
	free(sample);
}

static void refuses_a_key_id_that_is_not_printable(void **state)
{
	static const char *const bad[] = { "a\nb", "a\x1b[31m", "\x7f", "\xc2\x9b",
		"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82" };
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sample_key_id(sample, bad[i]);
		assert_refused(sample, FACT_KEY_ID, bad[i]);
	}
	sample_key_id(sample, "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x94\x91");
	assert_holds(sample);
	sample_key_id(sample, "");
	assert_holds(sample);
	free(sample);
}

static void a_key_id_has_at_most_1024_bytes(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	char key_id[1026];

	(void)state;
	memset(key_id, 'k', sizeof(key_id));
	key_id[1024] = '\0';
	sample_key_id(sample, key_id);
	assert_holds(sample);
	key_id[1024] = 'k';
	key_id[1025] = '\0';
	sample_key_id(sample, key_id);
	assert_refused(sample, FACT_KEY_ID, NULL);
	free(sample);
}

static void set_option(
    struct sample *sample, bool critical, const char *name, const char *value)
{
	sample->critical_options.length = sample->extensions.length = 0;
	add_option(
	    critical ? &sample->critical_options : &sample->extensions, name, value);
	sample_pack(sample);
}

static void option_names_are_visible_and_not_empty(void **state)
{
	static const char *const bad[] = { "", "a b", "a\n", "\x7f", "\xc3\xa4" };
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_option(sample, true, bad[i], NULL);
		assert_refused(sample, FACT_CRITICAL_OPTIONS, bad[i]);
		set_option(sample, false, bad[i], NULL);
		assert_refused(sample, FACT_EXTENSIONS, bad[i]);
	}
	free(sample);
}

static void add_options(struct sample *sample, bool critical, unsigned count)
{
	char name[16];
	unsigned i;

	sample->critical_options.length = sample->extensions.length = 0;
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "o%03u", i);
		add_option(critical ? &sample->critical_options : &sample->extensions,
		    name, NULL);
	}
	sample_pack(sample);
}

static void allows_256_options(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	add_options(sample, true, 256);
	assert_holds(sample);
	add_options(sample, true, 257);
	assert_refused(sample, FACT_CRITICAL_OPTIONS, "");
	add_options(sample, false, 256);
	assert_holds(sample);
	add_options(sample, false, 257);
	assert_refused(sample, FACT_EXTENSIONS, "");
	free(sample);
}

static void options_ascend_and_none_is_there_twice(void **state)
{
	static const struct {
		const char *first;
		const char *then;
		bool good;
	} rows[] = { { "a", "b", true }, { "b", "a", false }, { "a", "a", false },
		{ "a", "aa", true }, { "aa", "a", false }, { "ab", "b", true },
		{ "b", "ab", false }, { "B", "a", true }, { "a", "B", false } };
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_option(sample, true, rows[i].first, NULL);
		add_option(&sample->critical_options, rows[i].then, NULL);
		add_option(&sample->extensions, rows[i].first, NULL);
		sample_pack(sample);
		if (rows[i].good) {
			assert_holds(sample);
			add_option(&sample->extensions, rows[i].first, NULL);
			sample_pack(sample);
			assert_refused(sample, FACT_EXTENSIONS, rows[i].first);
		} else {
			assert_refused(sample, FACT_CRITICAL_OPTIONS, rows[i].then);
		}
	}
	free(sample);
}

static void a_permit_option_has_no_value(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	set_option(sample, false, "permit-pty", NULL);
	assert_holds(sample);
	set_option(sample, false, "permit-pty", "x");
	assert_refused(sample, FACT_EXTENSIONS, "permit-pty");
	set_option(sample, false, "permit-", "x");
	assert_refused(sample, FACT_EXTENSIONS, "permit-");
	set_option(sample, false, "permit", "x");
	assert_holds(sample);
	set_option(sample, true, "permit-x", "x");
	assert_refused(sample, FACT_CRITICAL_OPTIONS, "permit-x");
	free(sample);
}

static void refuses_lists_that_are_not_packed(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->facts.principals_length--;
	assert_refused(sample, FACT_FORM, NULL);
	sample_pack(sample);
	set_option(sample, true, "a", "b");
	sample->facts.critical_options_length--;
	assert_refused(sample, FACT_FORM, NULL);
	free(sample);
}

static void refuses_teleport_values_in_another_form(void **state)
{
	static const char *const roles[] = { "", "{}", "[]",
		"{\"version\":\"v1\",\"roles\":[\"a\"]} ",
		"{\"version\":\"v2\",\"roles\":[\"a\"]}",
		"{\"version\":\"v1\", \"roles\":[\"a\"]}",
		"{\"version\":\"v1\",\"roles\":[\"a\"}",
		"{\"version\":\"v1\",\"roles\":[\"a\",]}",
		"{\"version\":\"v1\",\"roles\":[a]}",
		"{\"version\":\"v1\",\"roles\":[\"\\u0061\"]}",
		"{\"version\":\"v1\",\"roles\":[\"\"]}",
		"{\"version\":\"v1\",\"roles\":null}",
		"{\"version\":\"v1\",\"roles\":[\"a\"],\"roles\":[\"b\"]}",
		"{\"version\":\"v1\",\"roles\":[\"a\nb\"]}",
		"{\"version\":\"v1\",\"roles\":[\"a\" \"b\"]}" };
	static const char *const traits[] = { "", "[]", "{", "{\"a\"}", "{\"a\":\"b\"}",
		"{\"a\":[\"b\"]", "{\"a\":[\"b\",]}", "{\"a\":[\"b\"],}",
		"{\"\\u0061\":[]}", "{\"a\":[\"\\x\"]}", "{\"a\":[\"\\u12\"]}",
		"{\"a\":[1]}", "{\"a\":nul}", "{\"a\":[null]}", "{\"a\":[\"b\"]}}",
		"{ \"a\":[]}" };
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		set_option(
		    sample, false, "teleport-roles", roles[i][0] ? roles[i] : NULL);
		assert_refused(sample, FACT_ROLES, roles[i]);
	}
	for (i = 0; i < sizeof(traits) / sizeof(traits[0]); i++) {
		set_option(
		    sample, false, "teleport-traits", traits[i][0] ? traits[i] : NULL);
		assert_refused(sample, FACT_TRAITS, traits[i]);
	}
	set_option(sample, false, "teleport-traits", "{}");
	assert_holds(sample);
	set_option(sample, false, "teleport-traits", "{\"a\":null}");
	assert_holds(sample);
	set_option(sample, false, "teleport-traits",
	    "{\"a\":[],\"b\":[\"x\",\"\\\"\\\\\\u00e9\"]}");
	assert_holds(sample);
	free(sample);
}

static void teleport_roles_are_at_most_256(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	char value[2000] = "{\"version\":\"v1\",\"roles\":[\"a\"";
	unsigned i;

	(void)state;
	for (i = 1; i < 256; i++)
		strcat(value, ",\"a\"");
	strcat(value, "]}");
	set_option(sample, false, "teleport-roles", value);
	assert_holds(sample);
	strcpy(value + strlen(value) - 2, ",\"a\"]}");
	set_option(sample, false, "teleport-roles", value);
	assert_refused(sample, FACT_ROLES, NULL);
	free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_documents_hold),
		cmocka_unit_test(refuses_a_document_of_another_ca_or_purpose),
		cmocka_unit_test(refuses_a_certificate_of_the_other_type),
		cmocka_unit_test(refuses_another_issuers_key),
		cmocka_unit_test(refuses_an_issuer_whose_key_is_of_another_kind),
		cmocka_unit_test(refuses_a_serial_that_the_worker_chose),
		cmocka_unit_test(the_start_lies_close_to_now),
		cmocka_unit_test(the_end_lies_behind_the_start),
		cmocka_unit_test(refuses_a_certificate_without_end),
		cmocka_unit_test(refuses_a_certificate_that_outlives_its_ca),
		cmocka_unit_test(a_clock_at_the_edges_permits_nothing),
		cmocka_unit_test(the_validity_is_not_asked_for_when_the_ttl_is_ignored),
		cmocka_unit_test(rsa_keys_have_2048_to_16384_bits),
		cmocka_unit_test(refuses_an_even_rsa_modulus),
		cmocka_unit_test(refuses_weak_rsa_exponents),
		cmocka_unit_test(refuses_ed25519_keys_of_small_order),
		cmocka_unit_test(refuses_a_ca_key_as_subject),
		cmocka_unit_test(refuses_a_ca_key_with_another_rsa_exponent),
		cmocka_unit_test(refuses_the_issuers_own_key_as_subject),
		cmocka_unit_test(a_list_of_ca_keys_that_can_not_be_read_permits_nothing),
		cmocka_unit_test(needs_at_least_one_principal),
		cmocka_unit_test(allows_256_principals),
		cmocka_unit_test(a_principal_has_at_most_255_bytes),
		cmocka_unit_test(refuses_principals_that_are_not_plain),
		cmocka_unit_test(refuses_a_key_id_that_is_not_printable),
		cmocka_unit_test(a_key_id_has_at_most_1024_bytes),
		cmocka_unit_test(option_names_are_visible_and_not_empty),
		cmocka_unit_test(allows_256_options),
		cmocka_unit_test(options_ascend_and_none_is_there_twice),
		cmocka_unit_test(a_permit_option_has_no_value),
		cmocka_unit_test(refuses_lists_that_are_not_packed),
		cmocka_unit_test(refuses_teleport_values_in_another_form),
		cmocka_unit_test(teleport_roles_are_at_most_256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
