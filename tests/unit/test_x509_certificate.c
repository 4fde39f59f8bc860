/* policy/x509_certificate.c and the fields that it shares, held against OpenSSL. */
#include "x509_samples.h"

static struct bytes written;

/* Reads a copy of exactly that size, so that a sanitizer sees each byte read beyond. */
static enum x509_form read_exactly(const struct bytes *bytes)
{
	uint8_t *copy = malloc(bytes->length ? bytes->length : 1);
	struct facts facts;
	enum x509_form form;

	assert_non_null(copy);
	memcpy(copy, bytes->at, bytes->length);
	form = x509_certificate_read(copy, bytes->length, &facts);
	if (form == X509_FORM_GOOD) {
		written.length =
		    x509_certificate_write(&facts, written.at, FACTS_DOCUMENT_MAX);
		assert_int_equal(written.length, bytes->length);
		assert_memory_equal(written.at, copy, written.length);
		assert_ptr_equal(copy + facts.serial_at, facts.x509_serial);
	} else {
		assert_null(facts.x509_serial);
		assert_null(facts.x509_issuer);
		assert_null(facts.subject_key);
	}
	free(copy);
	return form;
}

static void assert_same_key(const X509 *certificate, const struct facts *facts)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	uint8_t mine[2048], *theirs = NULL;
	int length;

	/* A point off its curve is refused elsewhere. */
	if (!key)
		return;
	length = i2d_PUBKEY(key, &theirs);
	assert_int_equal(x509_key_write(facts, mine, sizeof(mine)), length);
	assert_memory_equal(mine, theirs, (size_t)length);
	OPENSSL_free(theirs);
}

static void assert_same_alt_names(X509 *certificate, struct slice list)
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	struct x509_alt_name name;
	GENERAL_NAME *theirs;
	int i, kind;

	for (i = 0; x509_next_alt_name(&list, &name); i++) {
		assert_true(i < sk_GENERAL_NAME_num(names));
		theirs = sk_GENERAL_NAME_value(names, i);
		assert_same_string(GENERAL_NAME_get0_value(theirs, &kind), name.value);
		assert_int_equal(kind, name.kind);
	}
	assert_int_equal(list.length, 0);
	assert_int_equal(names ? sk_GENERAL_NAME_num(names) : 0, i);
	GENERAL_NAMES_free(names);
}

static void assert_same_crl_url(X509 *certificate, struct slice url)
{
	CRL_DIST_POINTS *points =
	    X509_get_ext_d2i(certificate, NID_crl_distribution_points, NULL, NULL);
	DIST_POINT *point;

	assert_int_equal(points ? sk_DIST_POINT_num(points) : 0, url.length > 0);
	if (points) {
		point = sk_DIST_POINT_value(points, 0);
		assert_int_equal(sk_GENERAL_NAME_num(point->distpoint->name.fullname), 1);
		assert_same_string(
		    sk_GENERAL_NAME_value(point->distpoint->name.fullname, 0)
			->d.uniformResourceIdentifier,
		    url);
	}
	CRL_DIST_POINTS_free(points);
}

static void assert_same_key_id(const ASN1_OCTET_STRING *id, struct slice value)
{
	assert_int_equal(id != NULL, value.length > 0);
	if (id)
		assert_same_string(id, value);
}

static void assert_same_extensions(X509 *certificate, const struct facts *facts)
{
	uint32_t usage = X509_get_key_usage(certificate);
	uint32_t extended = X509_get_extended_key_usage(certificate);

	assert_int_equal(usage == UINT32_MAX ? 0 : usage, facts->x509_key_usage);
	assert_int_equal(
	    extended == UINT32_MAX ? 0 : extended, facts->x509_extended_key_usage);
	assert_int_equal(
	    (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0, facts->x509_is_ca);
	assert_int_equal(X509_get_pathlen(certificate),
	    facts->x509_path_limited ? (long)facts->x509_path_length : -1);
	assert_same_key_id(X509_get0_subject_key_id(certificate),
	    FACTS_SLICE(facts, x509_subject_key_id));
	assert_same_key_id(X509_get0_authority_key_id(certificate),
	    FACTS_SLICE(facts, x509_authority_key_id));
	assert_same_alt_names(certificate, FACTS_SLICE(facts, x509_alt_names));
	assert_same_crl_url(certificate, FACTS_SLICE(facts, x509_crl_url));
}

/* OpenSSL takes no unstamped serial, so that is stamped first. */
static void assert_openssl_sees_the_same(const struct bytes *document)
{
	static struct bytes stamped, whole;
	const uint8_t *at = whole.at;
	struct facts facts;
	X509 *certificate;

	stamped = *document;
	assert_int_equal(
	    x509_certificate_read(stamped.at, stamped.length, &facts), X509_FORM_GOOD);
	if (x509_serial_unstamped(FACTS_SLICE(&facts, x509_serial)))
		x509_serial_fit(stamped.at + facts.serial_at);
	add_signature(&stamped, 2, &whole);
	certificate = d2i_X509(NULL, &at, (long)whole.length);
	assert_non_null(certificate);
	assert_ptr_equal(at, whole.at + whole.length);
	assert_int_equal(X509_get_version(certificate), X509_VERSION_3);
	assert_same_serial(
	    X509_get0_serialNumber(certificate), FACTS_SLICE(&facts, x509_serial));
	assert_same_signature(X509_get0_tbs_sigalg(certificate), facts.x509_signature);
	assert_same_name(
	    X509_get_issuer_name(certificate), FACTS_SLICE(&facts, x509_issuer));
	assert_same_name(
	    X509_get_subject_name(certificate), FACTS_SLICE(&facts, x509_subject));
	assert_int_equal(
	    seconds_of_time(X509_get0_notBefore(certificate)), facts.x509_not_before);
	assert_int_equal(
	    seconds_of_time(X509_get0_notAfter(certificate)), facts.x509_not_after);
	assert_same_key(certificate, &facts);
	assert_same_extensions(certificate, &facts);
	X509_free(certificate);
}

static void what_is_written_reads_and_is_what_openssl_sees(void **state)
{
	static struct bytes bytes;
	unsigned i;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		make_sample(i, &bytes);
		assert_int_equal(read_exactly(&bytes), X509_FORM_GOOD);
		assert_openssl_sees_the_same(&bytes);
	}
}

static void facts_come_back_as_they_were_written(void **state)
{
	static struct sample sample;
	static struct bytes bytes;
	const struct facts *put = &sample.facts;
	struct facts facts;
	unsigned i;

	(void)state;
	for (i = 0; i < ISSUED; i++) {
		sample_leaf(&sample, i);
		write_sample(&sample, &bytes);
		assert_int_equal(x509_certificate_read(bytes.at, bytes.length, &facts),
		    X509_FORM_GOOD);
		assert_int_equal(facts.subject_kind, put->subject_kind);
		assert_true(slice_same(
		    FACTS_SLICE(&facts, subject_key), FACTS_SLICE(put, subject_key)));
		assert_true(slice_same(
		    FACTS_SLICE(&facts, x509_serial), FACTS_SLICE(put, x509_serial)));
		assert_true(slice_same(
		    FACTS_SLICE(&facts, x509_subject), FACTS_SLICE(put, x509_subject)));
		assert_true(slice_same(FACTS_SLICE(&facts, x509_alt_names),
		    FACTS_SLICE(put, x509_alt_names)));
		assert_int_equal(facts.x509_not_before, put->x509_not_before);
		assert_int_equal(facts.x509_not_after, put->x509_not_after);
		assert_int_equal(facts.x509_key_usage, put->x509_key_usage);
		assert_int_equal(
		    facts.x509_extended_key_usage, put->x509_extended_key_usage);
		assert_false(facts.x509_is_ca);
	}
}

static void add_extension(X509 *to, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(to, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void add_entry(X509_NAME *to, const char *oid, int type, const char *value)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);

	assert_int_equal(X509_NAME_add_entry_by_OBJ(
			     to, object, type, (const unsigned char *)value, -1, -1, 0),
	    1);
	ASN1_OBJECT_free(object);
}

static X509 *openssl_certificate(enum key_kind subject, enum key_kind issuer)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_NAME_new();

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	ASN1_INTEGER_set_uint64(
	    X509_get_serialNumber(certificate), UINT64_C(0xfedcba9876543210));
	ASN1_TIME_set(X509_getm_notBefore(certificate), 1760000000);
	ASN1_TIME_set(X509_getm_notAfter(certificate),
	    subject == KEY_P384 ? INT64_C(4102444800) : 1760003600);
	add_entry(name, "2.5.4.10", V_ASN1_PRINTABLESTRING, "example.com");
	assert_int_equal(X509_set_issuer_name(certificate, name), 1);
	add_entry(name, "2.5.4.3", V_ASN1_UTF8STRING, "alice@example.com");
	add_entry(name, "1.3.9999.1.9", V_ASN1_PRINTABLESTRING, "10.0.0.1");
	assert_int_equal(X509_set_subject_name(certificate, name), 1);
	assert_int_equal(X509_set_pubkey(certificate, sample_key(subject)), 1);
	add_extension(
	    certificate, NID_key_usage, "critical,digitalSignature,keyEncipherment");
	add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth");
	add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(certificate, NID_subject_alt_name,
	    "DNS:a.example.com,IP:10.0.0.1,URI:spiffe://example.com/"
	    "a,email:a@example.com");
	add_extension(
	    certificate, NID_crl_distribution_points, "URI:https://example.com/crl");
	assert_true(X509_sign(certificate, sample_key(issuer),
			issuer == KEY_ED25519 ? NULL : EVP_sha256()) > 0);
	X509_NAME_free(name);
	return certificate;
}

static void certificates_made_by_openssl_are_read(void **state)
{
	static struct bytes bytes;
	enum key_kind kind;
	X509 *certificate;
	uint8_t *at;

	(void)state;
	for (kind = KEY_RSA; kind < KEY_KIND_COUNT; kind++) {
		certificate =
		    openssl_certificate(kind, (enum key_kind)(KEY_ED25519 - kind));
		at = bytes.at;
		bytes.length = (size_t)i2d_re_X509_tbs(certificate, &at);
		assert_int_equal(read_exactly(&bytes), X509_FORM_GOOD);
		assert_openssl_sees_the_same(&bytes);
		X509_free(certificate);
	}
}

static void a_signed_certificate_verifies(void **state)
{
	static struct sample sample;
	static struct bytes bytes, content, whole;
	static struct parts parts;
	uint8_t signature[1 + 256] = { 0 };
	const uint8_t *at = whole.at;
	size_t length = sizeof(signature) - 1;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct slice inner;
	X509 *certificate;

	(void)state;
	sample_authority(&sample, 1);
	write_sample(&sample, &bytes);
	assert_int_equal(
	    EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, sample_key(KEY_RSA)),
	    1);
	assert_int_equal(
	    EVP_DigestSign(context, signature + 1, &length, bytes.at, bytes.length), 1);
	inner = content_of(&bytes);
	split(inner.at, inner.length, &parts);
	add_bytes(&content, bytes.at, bytes.length);
	add_bytes(&content, parts.part[2].at, parts.part[2].length);
	add_element(&content, DER_BIT_STRING, signature, 1 + length);
	add_element(&whole, DER_SEQUENCE, content.at, content.length);
	certificate = d2i_X509(NULL, &at, (long)whole.length);
	assert_non_null(certificate);
	assert_int_equal(X509_verify(certificate, sample_key(KEY_RSA)), 1);
	assert_int_equal(X509_check_ca(certificate), 1);
	X509_free(certificate);
	EVP_MD_CTX_free(context);
}

static void refuses_every_truncation(void **state)
{
	static struct bytes bytes;
	unsigned i;
	size_t whole;

	(void)state;
	for (i = 0; i < SAMPLES; i += 7) {
		make_sample(i, &bytes);
		for (whole = bytes.length; bytes.length-- > 0;)
			assert_int_not_equal(read_exactly(&bytes), X509_FORM_GOOD);
		assert_true(whole > 100);
	}
}

/* read_exactly() compares what the facts give with the bytes that were read. */
static void a_flipped_bit_is_refused_or_is_other_facts(void **state)
{
	static struct bytes bytes;
	unsigned i, refused = 0, taken = 0;
	size_t bit;

	(void)state;
	for (i = 0; i < SAMPLES; i += 3) {
		make_sample(i, &bytes);
		for (bit = 0; bit < 8 * bytes.length; bit++) {
			bytes.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (read_exactly(&bytes) == X509_FORM_GOOD)
				taken++;
			else
				refused++;
			bytes.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	assert_true(refused > 10000 && taken > 10000);
}

static void random_changes_are_refused_or_mean_what_openssl_sees(void **state)
{
	static struct bytes samples[SAMPLES], bytes;
	const char *rounds = getenv("FUZZ_ROUNDS");
	unsigned long i, taken = 0, count = rounds ? strtoul(rounds, NULL, 10) : 100000;
	uint32_t random = 0x9e3779b9;

	(void)state;
	for (i = 0; i < SAMPLES; i++)
		make_sample((unsigned)i, &samples[i]);
	for (i = 0; i < count; i++) {
		bytes = samples[next_random(&random) % SAMPLES];
		mutate(&bytes, &random);
		if (read_exactly(&bytes) == X509_FORM_GOOD) {
			assert_openssl_sees_the_same(&bytes);
			taken++;
		}
	}
	assert_true(taken > 0 && taken < count);
}

/* The fields of a TBSCertificate, in their order. */
enum { VERSION, SERIAL, SIGNATURE, ISSUER, VALIDITY, SUBJECT, KEY, EXTENSIONS, FIELDS };

static struct parts fields, listed;

/* Sample 1 has all fields; sample 10 has no alternative names. */
static void take_apart(unsigned number)
{
	static struct bytes bytes;
	struct slice inner;

	make_sample(number, &bytes);
	inner = content_of(&bytes);
	split(inner.at, inner.length, &fields);
	assert_int_equal(fields.count, FIELDS);
	inner = content_of(&fields.part[EXTENSIONS]);
	bytes.length = 0;
	add_bytes(&bytes, inner.at, inner.length);
	inner = content_of(&bytes);
	split(inner.at, inner.length, &listed);
}

static enum x509_form read_fields_again(void)
{
	static struct bytes bytes;

	join(&fields, DER_SEQUENCE, &bytes);
	return read_exactly(&bytes);
}

static enum x509_form read_extensions_again(void)
{
	static struct bytes bytes;

	join(&listed, DER_SEQUENCE, &bytes);
	fields.part[EXTENSIONS].length = 0;
	add_element(&fields.part[EXTENSIONS], DER_EXPLICIT(3), bytes.at, bytes.length);
	return read_fields_again();
}

static enum x509_form with_field(unsigned field, const char *hex)
{
	take_apart(1);
	assert_int_equal(read_fields_again(), X509_FORM_GOOD);
	fields.part[field].length = 0;
	add_hex(&fields.part[field], hex);
	return read_fields_again();
}

/* Of sample 1, in its order. */
enum { USAGE, EXTENDED, CONSTRAINTS, AUTHORITY_ID, NAMES, CRL };

static enum x509_form with_extension(unsigned place, const char *hex)
{
	take_apart(1);
	assert_int_equal(listed.count, 6);
	assert_int_equal(read_extensions_again(), X509_FORM_GOOD);
	listed.part[place].length = 0;
	add_hex(&listed.part[place], hex);
	return read_extensions_again();
}

static void refuses_other_versions(void **state)
{
	(void)state;
	assert_int_equal(with_field(VERSION, "a0 03 02 01 02"), X509_FORM_GOOD);
	/* v1, the default, said aloud; v2; v1 as DER leaves it out */
	assert_int_equal(with_field(VERSION, "a0 03 02 01 00"), X509_FORM_VERSION);
	assert_int_equal(with_field(VERSION, "a0 03 02 01 01"), X509_FORM_VERSION);
	assert_int_equal(with_field(VERSION, "a0 03 02 01 03"), X509_FORM_VERSION);
	assert_int_equal(with_field(VERSION, ""), X509_FORM_VERSION);
	assert_int_equal(with_field(VERSION, "a0 04 02 02 00 02"), X509_FORM_VERSION);
}

static void refuses_serials_that_are_not_positive_minimal_and_short(void **state)
{
	(void)state;
	assert_int_equal(with_field(SERIAL, "02 01 7f"), X509_FORM_GOOD);
	assert_int_equal(with_field(SERIAL, "02 02 00 80"), X509_FORM_GOOD);
	assert_int_equal(with_field(SERIAL, "02 01 80"), X509_FORM_SERIAL);
	assert_int_equal(with_field(SERIAL, "02 01 00"), X509_FORM_SERIAL);
	assert_int_equal(with_field(SERIAL, "02 00"), X509_FORM_SERIAL);
	assert_int_equal(with_field(SERIAL, "02 02 00 7f"), X509_FORM_SERIAL);
	assert_int_equal(with_field(SERIAL, "02 02 ff 80"), X509_FORM_SERIAL);
	assert_int_equal(
	    with_field(SERIAL, "02 15 01 00000000 00000000 00000000 00000000 00000000"),
	    X509_FORM_SERIAL);
}

static void an_unstamped_serial_is_exactly_16_zero_bytes(void **state)
{
	uint8_t serial[X509_SERIAL_STAMPED];
	unsigned first;

	(void)state;
	assert_int_equal(with_field(SERIAL, "02 10 00000000 00000000 00000000 00000000"),
	    X509_FORM_GOOD);
	assert_int_equal(with_field(SERIAL, "02 0f 000000 00000000 00000000 00000000"),
	    X509_FORM_SERIAL);
	assert_int_equal(
	    with_field(SERIAL, "02 11 00 00000000 00000000 00000000 00000000"),
	    X509_FORM_SERIAL);
	assert_int_equal(with_field(SERIAL, "02 10 00000000 00000000 00000000 00000001"),
	    X509_FORM_SERIAL);
	for (first = 0; first < 256; first++) {
		memset(serial, 0, sizeof(serial));
		serial[0] = (uint8_t)first;
		x509_serial_fit(serial);
		assert_in_range(serial[0], 1, 0x7f);
	}
}

static void refuses_other_signature_algorithms(void **state)
{
	(void)state;
	assert_int_equal(
	    with_field(SIGNATURE, "30 0a 06 08 2a 86 48 ce 3d 04 03 02"), X509_FORM_GOOD);
	/* SHA-1, MD5; RSA without NULL; ECDSA with NULL; Ed448; PSS */
	assert_int_equal(
	    with_field(SIGNATURE, "30 0d 06 09 2a 86 48 86 f7 0d 01 01 05 05 00"),
	    X509_FORM_SIGNATURE);
	assert_int_equal(
	    with_field(SIGNATURE, "30 0d 06 09 2a 86 48 86 f7 0d 01 01 04 05 00"),
	    X509_FORM_SIGNATURE);
	assert_int_equal(with_field(SIGNATURE, "30 0b 06 09 2a 86 48 86 f7 0d 01 01 0b"),
	    X509_FORM_SIGNATURE);
	assert_int_equal(
	    with_field(SIGNATURE, "30 0c 06 08 2a 86 48 ce 3d 04 03 02 05 00"),
	    X509_FORM_SIGNATURE);
	assert_int_equal(
	    with_field(SIGNATURE, "30 05 06 03 2b 65 71"), X509_FORM_SIGNATURE);
	assert_int_equal(
	    with_field(SIGNATURE, "30 0d 06 09 2a 86 48 86 f7 0d 01 01 0a 30 00"),
	    X509_FORM_SIGNATURE);
}

static void a_string_has_the_one_type_that_its_characters_allow(void **state)
{
	(void)state;
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 03 13 02 61 62"),
	    X509_FORM_GOOD);
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 03 0c 02 61 62"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 03 0c 02 61 40"),
	    X509_FORM_GOOD);
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 03 13 02 61 40"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 03 0c 02 61 2a"),
	    X509_FORM_GOOD);
}

/* X.680 41.4 without what Go leaves out. */
static void printable_are_letters_digits_and_a_few_more(void **state)
{
	uint8_t byte[1], room[32];
	struct x509_attribute attribute = { X509_UNIT, 0, 0, { byte, 1 } };
	struct der_sink to;
	unsigned c;
	bool printable;

	(void)state;
	for (c = 0x20; c < 0x7f; c++) {
		byte[0] = (uint8_t)c;
		to = der_sink(room, sizeof(room));
		x509_put_attribute(&to, &attribute);
		assert_int_equal(to.used, 12);
		printable = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || strchr(" '()+,-./:=?", (int)c);
		assert_int_equal(
		    room[9], printable ? DER_PRINTABLE_STRING : DER_UTF8_STRING);
	}
}

static void refuses_bmp_teletex_ia5_and_universal_strings(void **state)
{
	static const char *const tags[] = { "1e", "14", "16", "1c", "12", "1a", "04" };
	char hex[80];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		snprintf(hex, sizeof(hex),
		    "30 0f 31 0d 30 0b 06 03 55 04 03 %s 04 00 61 00 62", tags[i]);
		assert_int_equal(with_field(SUBJECT, hex), X509_FORM_SUBJECT);
		assert_int_equal(with_field(ISSUER, hex), X509_FORM_ISSUER);
	}
}

static void refuses_values_that_are_empty_controls_or_no_utf8(void **state)
{
	(void)state;
	assert_int_equal(with_field(SUBJECT, "30 0b 31 09 30 07 06 03 55 04 03 13 00"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 03 0c 02 61 00"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 03 0c 02 1b 61"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 03 0c 02 c0 80"),
	    X509_FORM_SUBJECT);
	/* a serialNumber that is no PrintableString */
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 05 0c 02 c3 bc"),
	    X509_FORM_SUBJECT);
}

/* X.690 8.1.5 has the tag 0 for ends of contents, which DER knows none of. */
static void refuses_values_under_the_tag_0(void **state)
{
	static const char *const values[] = { "02 61 00", "02 1b 61", "02 c0 80",
		"02 61 62" };
	char hex[80];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(hex, sizeof(hex), "30 0d 31 0b 30 09 06 03 55 04 03 00 %s",
		    values[i]);
		assert_int_equal(with_field(SUBJECT, hex), X509_FORM_SUBJECT);
		assert_int_equal(with_field(ISSUER, hex), X509_FORM_ISSUER);
	}
	assert_int_equal(with_field(SUBJECT, "30 0b 31 09 30 07 06 03 55 04 03 00 00"),
	    X509_FORM_SUBJECT);
}

static void refuses_other_attributes_and_empty_rdns(void **state)
{
	(void)state;
	/* country, domainComponent; Teleport's arc too short, too long, not minimal */
	assert_int_equal(
	    with_field(SUBJECT, "30 0d 31 0b 30 09 06 03 55 04 06 13 02 61 62"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT,
		"30 14 31 12 30 10 06 0a 09 92 26 89 93 f2 2c 64 01 19 13 02 61 62"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT, "30 0f 31 0d 30 0b 06 05 2b ce 0f 01 07 13 02 61 62"),
	    X509_FORM_GOOD);
	assert_int_equal(
	    with_field(SUBJECT, "30 0e 31 0c 30 0a 06 04 2b ce 0f 01 13 02 61 62"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT, "30 0f 31 0d 30 0b 06 05 2b ce 0f 81 07 13 02 61 62"),
	    X509_FORM_SUBJECT);
	assert_int_equal(
	    with_field(SUBJECT, "30 10 31 0e 30 0c 06 06 2b ce 0f 01 80 07 13 02 61 62"),
	    X509_FORM_SUBJECT);
	assert_int_equal(with_field(SUBJECT, "30 02 31 00"), X509_FORM_SUBJECT);
}

#define O_AB "30 09 06 03 55 04 0a 13 02 61 62 "
#define O_AC "30 09 06 03 55 04 0a 13 02 61 63 "
#define O_B  "30 08 06 03 55 04 0a 13 01 62 "
#define CN_A "30 08 06 03 55 04 03 13 01 61 "

static void an_rdn_of_several_values_is_sorted_and_without_repetition(void **state)
{
	static const char *const good[] = { "30 18 31 16 " O_AB O_AC,
		"30 22 31 20 " O_B O_AB O_AC, "30 2e 31 16 " O_AB O_AC "31 14 " CN_A O_B,
		"30 18 31 0a " CN_A "31 0a " CN_A };
	static const char *const bad[] = { "30 18 31 16 " O_AC O_AB,
		"30 18 31 16 " O_AB O_AB, "30 22 31 20 " O_B O_AC O_AB,
		"30 17 31 15 " O_AB O_B, "30 1a 31 16 " O_AB O_AC "31 00",
		"30 18 31 14 " O_AB O_AC, "30 16 " O_AB O_AC,
		"30 1a 31 18 31 16 " O_AB O_AC };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(with_field(SUBJECT, good[i]), X509_FORM_GOOD);
		assert_int_equal(with_field(ISSUER, good[i]), X509_FORM_GOOD);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(with_field(SUBJECT, bad[i]), X509_FORM_SUBJECT);
		assert_int_equal(with_field(ISSUER, bad[i]), X509_FORM_ISSUER);
	}
}

static void the_values_of_an_rdn_are_walked_one_by_one(void **state)
{
	static const char *const values[] = { "b", "ab", "a", "ac" };
	struct bytes name = { .length = 0 };
	struct x509_attribute attribute;
	struct slice list;
	size_t i;

	(void)state;
	add_hex(&name, "31 13 " O_B O_AB "31 0a " CN_A "31 0b " O_AC);
	list = (struct slice){ name.at, name.length };
	for (i = 0; i < 4; i++) {
		assert_true(x509_next_attribute(&list, &attribute));
		assert_true(slice_is(attribute.value, values[i]));
		assert_int_equal(
		    attribute.kind, i == 2 ? X509_COMMON_NAME : X509_ORGANIZATION);
	}
	assert_false(x509_next_attribute(&list, &attribute));
	assert_int_equal(list.length, 0);
}

static void refuses_an_empty_issuer_and_an_empty_subject_without_names(void **state)
{
	(void)state;
	assert_int_equal(with_field(ISSUER, "30 00"), X509_FORM_ISSUER);
	/* with alternative names, but these are not critical there */
	assert_int_equal(with_field(SUBJECT, "30 00"), X509_FORM_EXTENSION);
	take_apart(3);
	fields.part[SUBJECT].length = 0;
	add_hex(&fields.part[SUBJECT], "30 00");
	assert_int_equal(read_fields_again(), X509_FORM_SUBJECT);
}

static enum x509_form with_times(uint8_t tag, const char *text)
{
	struct bytes *field = &fields.part[VALIDITY];
	struct bytes content = { .length = 0 };

	take_apart(1);
	add_element(&content, DER_UTC_TIME, "251009080000Z", 13);
	add_element(&content, tag, text, strlen(text));
	field->length = 0;
	add_element(field, DER_SEQUENCE, content.at, content.length);
	return read_fields_again();
}

static void a_time_is_utctime_until_2049_then_generalizedtime(void **state)
{
	(void)state;
	assert_int_equal(with_times(DER_UTC_TIME, "491231235959Z"), X509_FORM_GOOD);
	assert_int_equal(
	    with_times(DER_GENERALIZED_TIME, "20491231235959Z"), X509_FORM_VALIDITY);
	assert_int_equal(
	    with_times(DER_GENERALIZED_TIME, "20500101000000Z"), X509_FORM_GOOD);
	assert_int_equal(
	    with_times(DER_GENERALIZED_TIME, "99991231235959Z"), X509_FORM_GOOD);
	/* what UTCTime says for 2050 is 1950 */
	assert_int_equal(with_times(DER_UTC_TIME, "500101000000Z"), X509_FORM_GOOD);
	assert_int_equal(with_times(DER_UTC_TIME, "20500101000000Z"), X509_FORM_VALIDITY);
}

static void refuses_times_that_no_clock_shows(void **state)
{
	static const char *const times[] = { "251009080060Z", "251009086000Z",
		"251009240000Z", "250009080000Z", "251309080000Z", "251000080000Z",
		"250229080000Z", "250431080000Z", "2510090800Z", "251009080000",
		"251009080000+0000", "251009080000z", "25100908000 Z", "2510090800000Z",
		"" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_int_equal(with_times(DER_UTC_TIME, times[i]), X509_FORM_VALIDITY);
	assert_int_equal(with_times(DER_UTC_TIME, "240229080000Z"), X509_FORM_GOOD);
	assert_int_equal(
	    with_times(DER_GENERALIZED_TIME, "21000229000000Z"), X509_FORM_VALIDITY);
	assert_int_equal(
	    with_times(DER_GENERALIZED_TIME, "20500101000000.5Z"), X509_FORM_VALIDITY);
}

static void refuses_subject_keys_of_another_form(void **state)
{
	(void)state;
	/* an RSA key of toy numbers has the form */
	assert_int_equal(
	    with_field(KEY, "30 1b 30 0d 06 09 2a 86 48 86 f7 0d 01 01 01 05 00"
			    "03 0a 00 30 07 02 02 00 c5 02 01 03"),
	    X509_FORM_GOOD);
	/* no NULL; a negative modulus; a modulus that is not minimal; unused bits */
	assert_int_equal(with_field(KEY, "30 19 30 0b 06 09 2a 86 48 86 f7 0d 01 01 01"
					 "03 0a 00 30 07 02 02 00 c5 02 01 03"),
	    X509_FORM_SUBJECT_KEY);
	assert_int_equal(
	    with_field(KEY, "30 1a 30 0d 06 09 2a 86 48 86 f7 0d 01 01 01 05 00"
			    "03 09 00 30 06 02 01 c5 02 01 03"),
	    X509_FORM_SUBJECT_KEY);
	assert_int_equal(
	    with_field(KEY, "30 1b 30 0d 06 09 2a 86 48 86 f7 0d 01 01 01 05 00"
			    "03 0a 00 30 07 02 02 00 45 02 01 03"),
	    X509_FORM_SUBJECT_KEY);
	assert_int_equal(
	    with_field(KEY, "30 1b 30 0d 06 09 2a 86 48 86 f7 0d 01 01 01 05 00"
			    "03 0a 01 30 07 02 02 00 c5 02 01 03"),
	    X509_FORM_SUBJECT_KEY);
	/* bytes after the numbers; X25519; a compressed point */
	assert_int_equal(
	    with_field(KEY, "30 1d 30 0d 06 09 2a 86 48 86 f7 0d 01 01 01 05 00"
			    "03 0c 00 30 09 02 02 00 c5 02 01 03 05 00"),
	    X509_FORM_SUBJECT_KEY);
	assert_int_equal(with_field(KEY, "30 2a 30 05 06 03 2b 65 6e 03 21 00"
					 "00000000 00000000 00000000 00000000"
					 "00000000 00000000 00000000 00000000"),
	    X509_FORM_SUBJECT_KEY);
	assert_int_equal(
	    with_field(KEY,
		"30 39 30 13 06 07 2a 86 48 ce 3d 02 01 06 08 2a 86 48 ce 3d 03 "
		"01 07 03 22 00 02 00000000 00000000 00000000 00000000"
		"00000000 00000000 00000000 00000000"),
	    X509_FORM_SUBJECT_KEY);
}

static void refuses_points_that_are_not_uncompressed(void **state)
{
	static const uint8_t firsts[] = { 0x00, 0x02, 0x03, 0x05, 0x06, 0x07 };
	static struct sample sample;
	static struct bytes bytes;
	struct facts facts;
	enum key_kind kind;
	size_t i;

	(void)state;
	for (kind = KEY_P256; kind <= KEY_P521; kind++) {
		sample_leaf(&sample, (unsigned)kind);
		write_sample(&sample, &bytes);
		assert_int_equal(x509_certificate_read(bytes.at, bytes.length, &facts),
		    X509_FORM_GOOD);
		for (i = 0; i < sizeof(firsts); i++) {
			bytes.at[facts.subject_key - bytes.at] = firsts[i];
			assert_int_equal(read_exactly(&bytes), X509_FORM_SUBJECT_KEY);
		}
	}
}

static void refuses_unique_identifiers(void **state)
{
	struct bytes *extensions = &fields.part[EXTENSIONS];

	(void)state;
	take_apart(1);
	fields.part[EXTENSIONS + 1] = *extensions;
	fields.count++;
	extensions->length = 0;
	add_hex(extensions, "81 02 00 01");
	assert_int_equal(read_fields_again(), X509_FORM_FRAME);
}

static void refuses_unknown_and_critical_unknown_extensions(void **state)
{
	(void)state;
	/* certificatePolicies, nameConstraints, authorityInfoAccess, inhibitAnyPolicy */
	assert_int_equal(
	    with_extension(CRL, "30 08 06 03 55 1d 20 04 01 00"), X509_FORM_EXTENSION);
	assert_int_equal(with_extension(CRL, "30 0b 06 03 55 1d 1e 01 01 ff 04 01 00"),
	    X509_FORM_EXTENSION);
	assert_int_equal(
	    with_extension(CRL, "30 0d 06 08 2b 06 01 05 05 07 01 01 04 01 00"),
	    X509_FORM_EXTENSION);
	/* the CRL's number, which is no certificate's */
	assert_int_equal(with_extension(CRL, "30 0a 06 03 55 1d 14 04 03 02 01 01"),
	    X509_FORM_EXTENSION);
}

static void refuses_repeated_extensions(void **state)
{
	size_t place;

	(void)state;
	for (place = 0; place < 6; place++) {
		take_apart(1);
		memmove(&listed.part[place + 1], &listed.part[place],
		    (listed.count - place) * sizeof(listed.part[0]));
		listed.count++;
		assert_int_equal(read_extensions_again(), X509_FORM_EXTENSION);
	}
}

static void refuses_extensions_out_of_order(void **state)
{
	static struct bytes first;
	size_t place;

	(void)state;
	for (place = 0; place < 5; place++) {
		take_apart(1);
		first = listed.part[place];
		listed.part[place] = listed.part[place + 1];
		listed.part[place + 1] = first;
		assert_int_not_equal(read_extensions_again(), X509_FORM_GOOD);
	}
}

static void refuses_wrong_criticality(void **state)
{
	(void)state;
	assert_int_equal(
	    with_extension(USAGE, "30 0e 06 03 55 1d 0f 01 01 ff 04 04 03 02 05 a0"),
	    X509_FORM_GOOD);
	/* said not to be by leaving it out, and aloud; and not DER's true */
	assert_int_equal(with_extension(USAGE, "30 0b 06 03 55 1d 0f 04 04 03 02 05 a0"),
	    X509_FORM_EXTENSION);
	assert_int_equal(
	    with_extension(USAGE, "30 0e 06 03 55 1d 0f 01 01 00 04 04 03 02 05 a0"),
	    X509_FORM_EXTENSION);
	assert_int_equal(
	    with_extension(USAGE, "30 0e 06 03 55 1d 0f 01 01 01 04 04 03 02 05 a0"),
	    X509_FORM_EXTENSION);
	assert_int_equal(with_extension(CONSTRAINTS, "30 09 06 03 55 1d 13 04 02 30 00"),
	    X509_FORM_EXTENSION);
	assert_int_equal(
	    with_extension(EXTENDED,
		"30 16 06 03 55 1d 25 01 01 ff 04 0c 30 0a 06 08 2b 06 01 05 05 "
		"07 03 01"),
	    X509_FORM_EXTENSION);
	assert_int_equal(with_extension(EXTENDED, "30 16 06 03 55 1d 25 01 01 00 04 0c "
						  "30 0a 06 08 2b 06 01 05 05 07 03 01"),
	    X509_FORM_EXTENSION);
	assert_int_equal(
	    with_extension(NAMES, "30 0f 06 03 55 1d 11 01 01 ff 04 05 30 03 82 01 61"),
	    X509_FORM_EXTENSION);
}

static void refuses_key_usages_that_are_not_minimal_or_not_ours(void **state)
{
	static const char *const bits[] = { "03 02 04 a0", "03 02 06 a0", "03 02 05 a8",
		"03 02 07 00", "03 03 07 a0 80", "03 01 00", "03 02 08 a0",
		"03 03 00 a0 00", "03 02 06 40", "03 02 04 10", "03 02 00 01",
		"03 02 02 84", "03 02 01 82" };
	char hex[96];
	size_t i, size;

	(void)state;
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		size = (strlen(bits[i]) + 1) / 3;
		snprintf(hex, sizeof(hex), "30 %02zx 06 03 55 1d 0f 01 01 ff 04 %02zx %s",
		    10 + size, size, bits[i]);
		assert_int_equal(with_extension(USAGE, hex), X509_FORM_KEY_USAGE);
	}
}

static void refuses_other_extended_key_usages_orders_and_repeats(void **state)
{
	(void)state;
	/* codeSigning; clientAuth before serverAuth; serverAuth twice; none */
	assert_int_equal(
	    with_extension(EXTENDED,
		"30 13 06 03 55 1d 25 04 0c 30 0a 06 08 2b 06 01 05 05 07 03 03"),
	    X509_FORM_EXTENDED_KEY_USAGE);
	assert_int_equal(
	    with_extension(EXTENDED,
		"30 1d 06 03 55 1d 25 04 16 30 14 06 08 2b 06 01 05 05 07 03 02"
		"06 08 2b 06 01 05 05 07 03 01"),
	    X509_FORM_EXTENDED_KEY_USAGE);
	assert_int_equal(
	    with_extension(EXTENDED,
		"30 1d 06 03 55 1d 25 04 16 30 14 06 08 2b 06 01 05 05 07 03 01"
		"06 08 2b 06 01 05 05 07 03 01"),
	    X509_FORM_EXTENDED_KEY_USAGE);
	assert_int_equal(with_extension(EXTENDED, "30 09 06 03 55 1d 25 04 02 30 00"),
	    X509_FORM_EXTENDED_KEY_USAGE);
}

static void refuses_basic_constraints_that_are_missing_or_say_the_default(void **state)
{
	(void)state;
	assert_int_equal(with_extension(CONSTRAINTS, ""), X509_FORM_BASIC_CONSTRAINTS);
	/* CA:false said aloud; a path length without CA; a second flag */
	assert_int_equal(with_extension(CONSTRAINTS,
			     "30 0f 06 03 55 1d 13 01 01 ff 04 05 30 03 01 01 00"),
	    X509_FORM_BASIC_CONSTRAINTS);
	assert_int_equal(with_extension(CONSTRAINTS,
			     "30 0f 06 03 55 1d 13 01 01 ff 04 05 30 03 02 01 00"),
	    X509_FORM_BASIC_CONSTRAINTS);
	take_apart(1);
	fields.count--;
	assert_int_equal(read_fields_again(), X509_FORM_BASIC_CONSTRAINTS);
}

static void refuses_a_leaf_that_claims_to_be_a_ca(void **state)
{
	(void)state;
	assert_int_not_equal(with_extension(CONSTRAINTS,
				 "30 0f 06 03 55 1d 13 01 01 ff 04 05 30 03 01 01 ff"),
	    X509_FORM_GOOD);
	assert_int_equal(
	    with_extension(USAGE, "30 0e 06 03 55 1d 0f 01 01 ff 04 04 03 02 02 04"),
	    X509_FORM_KEY_USAGE);
}

static void refuses_alternative_names_of_other_kinds(void **state)
{
	(void)state;
	assert_int_equal(
	    with_extension(NAMES, "30 0c 06 03 55 1d 11 04 05 30 03 82 01 61"),
	    X509_FORM_GOOD);
	/* otherName, directoryName, registeredID; none; empty; blank; not ASCII; 5 bytes
	 */
	assert_int_equal(
	    with_extension(
		NAMES, "30 12 06 03 55 1d 11 04 0b 30 09 a0 07 06 01 2a a0 02 05 00"),
	    X509_FORM_ALT_NAMES);
	assert_int_equal(
	    with_extension(NAMES, "30 0d 06 03 55 1d 11 04 06 30 04 a4 02 30 00"),
	    X509_FORM_ALT_NAMES);
	assert_int_equal(
	    with_extension(NAMES, "30 0c 06 03 55 1d 11 04 05 30 03 88 01 2a"),
	    X509_FORM_ALT_NAMES);
	assert_int_equal(with_extension(NAMES, "30 09 06 03 55 1d 11 04 02 30 00"),
	    X509_FORM_ALT_NAMES);
	assert_int_equal(with_extension(NAMES, "30 0b 06 03 55 1d 11 04 04 30 02 82 00"),
	    X509_FORM_ALT_NAMES);
	assert_int_equal(
	    with_extension(NAMES, "30 0c 06 03 55 1d 11 04 05 30 03 82 01 20"),
	    X509_FORM_ALT_NAMES);
	assert_int_equal(
	    with_extension(NAMES, "30 0c 06 03 55 1d 11 04 05 30 03 82 01 e9"),
	    X509_FORM_ALT_NAMES);
	assert_int_equal(with_extension(NAMES,
			     "30 10 06 03 55 1d 11 04 09 30 07 87 05 0a 00 00 01 02"),
	    X509_FORM_ALT_NAMES);
}

static void refuses_crl_points_of_another_form(void **state)
{
	(void)state;
	assert_int_equal(
	    with_extension(
		CRL, "30 12 06 03 55 1d 1f 04 0b 30 09 30 07 a0 05 a0 03 86 01 61"),
	    X509_FORM_GOOD);
	/* a DNS name; two names; reasons; two points */
	assert_int_equal(
	    with_extension(
		CRL, "30 12 06 03 55 1d 1f 04 0b 30 09 30 07 a0 05 a0 03 82 01 61"),
	    X509_FORM_CRL_URL);
	assert_int_equal(
	    with_extension(CRL,
		"30 15 06 03 55 1d 1f 04 0e 30 0c 30 0a a0 08 a0 06 86 01 61 86 01 62"),
	    X509_FORM_CRL_URL);
	assert_int_equal(with_extension(CRL, "30 16 06 03 55 1d 1f 04 0f 30 0d 30 0b a0 "
					     "05 a0 03 86 01 61 81 02 00 01"),
	    X509_FORM_CRL_URL);
	assert_int_equal(with_extension(CRL,
			     "30 1b 06 03 55 1d 1f 04 14 30 12 30 07 a0 05 a0 03 86 01 61"
			     "30 07 a0 05 a0 03 86 01 61"),
	    X509_FORM_CRL_URL);
}

static void refuses_key_identifiers_with_more_than_the_identifier(void **state)
{
	(void)state;
	assert_int_equal(
	    with_extension(AUTHORITY_ID, "30 0c 06 03 55 1d 23 04 05 30 03 80 01 61"),
	    X509_FORM_GOOD);
	assert_int_equal(with_extension(AUTHORITY_ID,
			     "30 0f 06 03 55 1d 23 04 08 30 06 80 01 61 82 01 01"),
	    X509_FORM_AUTHORITY_KEY_ID);
	assert_int_equal(
	    with_extension(AUTHORITY_ID, "30 0b 06 03 55 1d 23 04 04 30 02 80 00"),
	    X509_FORM_AUTHORITY_KEY_ID);
	assert_int_equal(with_extension(AUTHORITY_ID, "30 09 06 03 55 1d 23 04 02 30 00"),
	    X509_FORM_AUTHORITY_KEY_ID);
}

static void refuses_indefinite_and_long_lengths(void **state)
{
	static struct bytes bytes, inner;
	struct slice content;

	(void)state;
	make_sample(1, &bytes);
	content = content_of(&bytes);
	add_hex(&inner, "30 80");
	add_bytes(&inner, content.at, content.length);
	add_hex(&inner, "00 00");
	assert_int_equal(read_exactly(&inner), X509_FORM_FRAME);
	inner.length = 0;
	add_hex(&inner, "30 83 00");
	add_bytes(&inner, bytes.at + 2, bytes.length - 2);
	assert_int_equal(read_exactly(&inner), X509_FORM_FRAME);
	assert_int_equal(with_field(SERIAL, "02 81 01 05"), X509_FORM_SERIAL);
	assert_int_equal(with_field(SERIAL, "02 82 00 01 05"), X509_FORM_SERIAL);
	assert_int_equal(with_field(SUBJECT, "30 80 00 00"), X509_FORM_SUBJECT);
}

static void refuses_bytes_after_the_end(void **state)
{
	static struct bytes bytes;
	struct facts facts;

	(void)state;
	make_sample(1, &bytes);
	bytes.at[bytes.length++] = 0;
	assert_int_equal(read_exactly(&bytes), X509_FORM_FRAME);
	take_apart(1);
	fields.part[fields.count].length = 0;
	add_hex(&fields.part[fields.count++], "05 00");
	assert_int_equal(read_fields_again(), X509_FORM_FRAME);
	assert_int_equal(x509_certificate_read(bytes.at, FACTS_DOCUMENT_MAX + 1, &facts),
	    X509_FORM_OVERSIZED);
	assert_int_equal(x509_certificate_read(NULL, 0, &facts), X509_FORM_FRAME);
}

static enum x509_form read_authority(const struct sample *sample)
{
	static struct bytes bytes;

	write_sample(sample, &bytes);
	return read_exactly(&bytes);
}

static void a_ca_needs_what_our_cas_have(void **state)
{
	static struct sample sample;
	struct facts *facts = &sample.facts;

	(void)state;
	sample_authority(&sample, 0);
	assert_int_equal(read_authority(&sample), X509_FORM_GOOD);
	facts->x509_key_usage = X509_DIGITAL_SIGNATURE | X509_CRL_SIGN;
	assert_int_equal(read_authority(&sample), X509_FORM_KEY_USAGE);
	facts->x509_key_usage = X509_KEY_CERT_SIGN | X509_KEY_AGREEMENT;
	assert_int_equal(read_authority(&sample), X509_FORM_KEY_USAGE);
	sample_authority(&sample, 0);
	facts->x509_extended_key_usage = X509_SERVER_AUTH;
	assert_int_equal(read_authority(&sample), X509_FORM_AUTHORITY);
	sample_authority(&sample, 0);
	facts->x509_subject_key_id_length = 0;
	assert_int_equal(read_authority(&sample), X509_FORM_AUTHORITY);
	sample_authority(&sample, 0);
	sample_alt_names(&sample, 1);
	assert_int_equal(read_authority(&sample), X509_FORM_AUTHORITY);
	sample_authority(&sample, 0);
	sample.serial[15]++;
	assert_int_equal(read_authority(&sample), X509_FORM_AUTHORITY);
	/* the serial's attribute is the last; without it, and with it twice */
	sample_authority(&sample, 0);
	facts->x509_subject_length -= 49;
	assert_int_equal(read_authority(&sample), X509_FORM_AUTHORITY);
	facts->x509_subject_length += 49;
	memcpy(sample.subject + facts->x509_subject_length,
	    sample.subject + facts->x509_subject_length - 49, 49);
	facts->x509_subject_length += 49;
	assert_int_equal(read_authority(&sample), X509_FORM_AUTHORITY);
	sample_authority(&sample, 0);
	memset(sample.serial, 0, sizeof(sample.serial));
	assert_int_equal(read_authority(&sample), X509_FORM_SERIAL);
}

static void a_serial_is_said_in_decimal(void **state)
{
	static const uint8_t serials[][X509_SERIAL_MAX] = { { 1 }, { 10 }, { 0, 0xff },
		{ 1, 0 },
		{ 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	static const uint8_t lengths[] = { 1, 1, 2, 2, 20 };
	uint8_t decimal[X509_DECIMAL_MAX];
	size_t i, length;
	BIGNUM *number;
	char *wanted;

	(void)state;
	for (i = 0; i < sizeof(lengths); i++) {
		length = x509_serial_decimal(
		    (struct slice){ serials[i], lengths[i] }, decimal);
		number = BN_bin2bn(serials[i], lengths[i], NULL);
		wanted = BN_bn2dec(number);
		assert_int_equal(length, strlen(wanted));
		assert_memory_equal(decimal, wanted, length);
		OPENSSL_free(wanted);
		BN_free(number);
	}
	assert_int_equal(
	    x509_serial_decimal((struct slice){ decimal, X509_SERIAL_MAX + 1 }, decimal),
	    0);
}

static void lists_have_caps(void **state)
{
	static struct sample sample;
	static uint8_t names[8192], list[16384];
	struct der_sink to = der_sink(names, sizeof(names));
	struct der_sink attributes = der_sink(list, sizeof(list));
	static struct bytes bytes;
	unsigned i;

	(void)state;
	sample_leaf(&sample, 1);
	for (i = 0; i < X509_ALT_NAMES_MAX; i++)
		add_alt_name(&to, X509_ALT_DNS, "a", 1);
	sample.facts.x509_alt_names = names;
	sample.facts.x509_alt_names_length = to.used;
	write_sample(&sample, &bytes);
	assert_int_equal(read_exactly(&bytes), X509_FORM_GOOD);
	add_alt_name(&to, X509_ALT_DNS, "a", 1);
	sample.facts.x509_alt_names_length = to.used;
	write_sample(&sample, &bytes);
	assert_int_equal(read_exactly(&bytes), X509_FORM_ALT_NAMES);
	sample_leaf(&sample, 1);
	for (i = 0; i < X509_ATTRIBUTES_MAX; i++)
		add_attribute(&attributes, X509_ORGANIZATION, "a");
	sample.facts.x509_subject = list;
	sample.facts.x509_subject_length = attributes.used;
	write_sample(&sample, &bytes);
	assert_int_equal(read_exactly(&bytes), X509_FORM_GOOD);
	add_attribute(&attributes, X509_ORGANIZATION, "a");
	sample.facts.x509_subject_length = attributes.used;
	write_sample(&sample, &bytes);
	assert_int_equal(read_exactly(&bytes), X509_FORM_SUBJECT);
}

static void the_writer_refuses_facts_without_an_encoding(void **state)
{
	static struct sample good, bad;
	static struct bytes bytes;
	size_t room;

	(void)state;
	sample_leaf(&good, 1);
	write_sample(&good, &bytes);
	for (room = 0; room < bytes.length; room++)
		assert_int_equal(
		    x509_certificate_write(&good.facts, written.at, room), 0);
	assert_int_equal(
	    x509_certificate_write(&good.facts, written.at, bytes.length), bytes.length);
#define REFUSED(member, value)                                                           \
	do {                                                                             \
		bad = good;                                                              \
		bad.facts.member = (value);                                              \
		assert_int_equal(                                                        \
		    x509_certificate_write(&bad.facts, written.at, FACTS_DOCUMENT_MAX),  \
		    0);                                                                  \
	} while (0)
	REFUSED(x509_serial_length, 0);
	REFUSED(x509_signature, X509_SIGNATURE_COUNT);
	REFUSED(subject_kind, KEY_KIND_COUNT);
	REFUSED(subject_key_length, 31);
	REFUSED(x509_key_usage, 0x100);
	REFUSED(x509_key_usage, 0x40);
	REFUSED(x509_extended_key_usage, 4);
	REFUSED(x509_not_after, DER_TIME_MAX + 1);
	REFUSED(x509_not_before, INT64_MIN);
#undef REFUSED
}

static void every_fault_has_a_text(void **state)
{
	unsigned form;

	(void)state;
	for (form = 0; form < X509_FORM_COUNT; form++)
		assert_true(strlen(x509_form_text((enum x509_form)form)) > 3);
	assert_string_equal(x509_form_text(X509_FORM_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_and_is_what_openssl_sees),
		cmocka_unit_test(facts_come_back_as_they_were_written),
		cmocka_unit_test(certificates_made_by_openssl_are_read),
		cmocka_unit_test(a_signed_certificate_verifies),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(a_flipped_bit_is_refused_or_is_other_facts),
		cmocka_unit_test(random_changes_are_refused_or_mean_what_openssl_sees),
		cmocka_unit_test(refuses_other_versions),
		cmocka_unit_test(refuses_serials_that_are_not_positive_minimal_and_short),
		cmocka_unit_test(an_unstamped_serial_is_exactly_16_zero_bytes),
		cmocka_unit_test(refuses_other_signature_algorithms),
		cmocka_unit_test(a_string_has_the_one_type_that_its_characters_allow),
		cmocka_unit_test(printable_are_letters_digits_and_a_few_more),
		cmocka_unit_test(refuses_bmp_teletex_ia5_and_universal_strings),
		cmocka_unit_test(refuses_values_that_are_empty_controls_or_no_utf8),
		cmocka_unit_test(refuses_values_under_the_tag_0),
		cmocka_unit_test(refuses_other_attributes_and_empty_rdns),
		cmocka_unit_test(an_rdn_of_several_values_is_sorted_and_without_repetition),
		cmocka_unit_test(the_values_of_an_rdn_are_walked_one_by_one),
		cmocka_unit_test(
		    refuses_an_empty_issuer_and_an_empty_subject_without_names),
		cmocka_unit_test(a_time_is_utctime_until_2049_then_generalizedtime),
		cmocka_unit_test(refuses_times_that_no_clock_shows),
		cmocka_unit_test(refuses_subject_keys_of_another_form),
		cmocka_unit_test(refuses_points_that_are_not_uncompressed),
		cmocka_unit_test(refuses_unique_identifiers),
		cmocka_unit_test(refuses_unknown_and_critical_unknown_extensions),
		cmocka_unit_test(refuses_repeated_extensions),
		cmocka_unit_test(refuses_extensions_out_of_order),
		cmocka_unit_test(refuses_wrong_criticality),
		cmocka_unit_test(refuses_key_usages_that_are_not_minimal_or_not_ours),
		cmocka_unit_test(refuses_other_extended_key_usages_orders_and_repeats),
		cmocka_unit_test(
		    refuses_basic_constraints_that_are_missing_or_say_the_default),
		cmocka_unit_test(refuses_a_leaf_that_claims_to_be_a_ca),
		cmocka_unit_test(refuses_alternative_names_of_other_kinds),
		cmocka_unit_test(refuses_crl_points_of_another_form),
		cmocka_unit_test(refuses_key_identifiers_with_more_than_the_identifier),
		cmocka_unit_test(refuses_indefinite_and_long_lengths),
		cmocka_unit_test(refuses_bytes_after_the_end),
		cmocka_unit_test(a_ca_needs_what_our_cas_have),
		cmocka_unit_test(a_serial_is_said_in_decimal),
		cmocka_unit_test(lists_have_caps),
		cmocka_unit_test(the_writer_refuses_facts_without_an_encoding),
		cmocka_unit_test(every_fault_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
