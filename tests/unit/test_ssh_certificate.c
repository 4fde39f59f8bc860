#include "ssh_samples.h"

#include <unistd.h>

static uint8_t written[2 * FACTS_DOCUMENT_MAX];

static enum ssh_form read_bytes(const struct bytes *bytes, struct facts *out)
{
	return ssh_certificate_read(bytes->at, bytes->length, out);
}

static void write_sample(const struct sample *sample, struct bytes *out)
{
	out->length = ssh_certificate_write(&sample->facts, out->at, sizeof(out->at));
	assert_true(out->length > 0);
}

static void assert_same_slice(
    const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	assert_int_equal(a_length, b_length);
	if (a_length > 0)
		assert_memory_equal(a, b, a_length);
}

static void assert_same_facts(const struct facts *a, const struct facts *b)
{
	assert_int_equal(a->subject_kind, b->subject_kind);
	assert_same_slice(
	    a->subject_key, a->subject_key_length, b->subject_key, b->subject_key_length);
	assert_same_slice(a->subject_exponent, a->subject_exponent_length,
	    b->subject_exponent, b->subject_exponent_length);
	assert_same_slice(a->nonce, a->nonce_length, b->nonce, b->nonce_length);
	assert_int_equal(a->serial, b->serial);
	assert_int_equal(a->ssh_type, b->ssh_type);
	assert_same_slice(a->key_id, a->key_id_length, b->key_id, b->key_id_length);
	assert_same_slice(
	    a->principals, a->principals_length, b->principals, b->principals_length);
	assert_int_equal(a->valid_after, b->valid_after);
	assert_int_equal(a->valid_before, b->valid_before);
	assert_same_slice(a->critical_options, a->critical_options_length,
	    b->critical_options, b->critical_options_length);
	assert_same_slice(
	    a->extensions, a->extensions_length, b->extensions, b->extensions_length);
	assert_same_slice(a->signature_key, a->signature_key_length, b->signature_key,
	    b->signature_key_length);
}

/* Every kind of subject and CA key, with and without options, both types. */
static struct sample *variant(unsigned number)
{
	struct sample *sample =
	    sample_new(number % 2 ? DOCUMENT_SSH_HOST : DOCUMENT_SSH_USER);

	sample_key(&sample->facts, sample->key, sample->exponent,
	    (enum key_kind)(number / 2 % KEY_KIND_COUNT), (uint8_t)number);
	sample_signed_by(sample, (enum key_kind)(number / 10 % KEY_KIND_COUNT));
	if (number % 3 == 0) {
		add_option(&sample->critical_options, "force-command", "/bin/true");
		add_option(&sample->critical_options, "source-address", "10.0.0.0/8");
	}
	if (number % 4 == 0) {
		add_option(&sample->extensions, "permit-pty", NULL);
		add_option(&sample->extensions, "teleport-roles", "{}");
	}
	if (number % 5 == 0)
		add_text(&sample->principals, "second");
	sample_pack(sample);
	sample->facts.serial = UINT64_C(0x0102030405060708) * (number % 2);
	return sample;
}

#define VARIANTS 50

static void what_is_written_reads_as_the_same_facts(void **state)
{
	static struct bytes bytes;
	struct facts facts;
	unsigned i;

	(void)state;
	for (i = 0; i < VARIANTS; i++) {
		struct sample *sample = variant(i);

		write_sample(sample, &bytes);
		assert_int_equal(read_bytes(&bytes, &facts), SSH_FORM_GOOD);
		assert_same_facts(&facts, &sample->facts);
		assert_int_equal(facts.principals_count, i % 5 == 0 ? 2 : 1);
		assert_int_equal(facts.extensions_count, i % 4 == 0 ? 2 : 0);
		assert_int_equal(facts.critical_options_count, i % 3 == 0 ? 2 : 0);
		free(sample);
	}
}

static void the_serial_lies_where_the_facts_say(void **state)
{
	static const uint8_t serial[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static struct bytes bytes;
	struct facts facts;
	unsigned i;

	(void)state;
	for (i = 1; i < VARIANTS; i += 2) {
		struct sample *sample = variant(i);

		write_sample(sample, &bytes);
		assert_int_equal(read_bytes(&bytes, &facts), SSH_FORM_GOOD);
		assert_memory_equal(bytes.at + facts.serial_at, serial, sizeof(serial));
		free(sample);
	}
}

static void refuses_every_truncation(void **state)
{
	static struct bytes bytes;
	struct facts facts;
	unsigned i;

	(void)state;
	for (i = 0; i < VARIANTS; i += 7) {
		struct sample *sample = variant(i);
		size_t length, whole;
		uint8_t *copy;

		write_sample(sample, &bytes);
		whole = bytes.length;
		for (length = 0; length < whole; length++) {
			/* a buffer of that length alone, so that reading on is seen */
			copy = malloc(length ? length : 1);
			assert_non_null(copy);
			memcpy(copy, bytes.at, length);
			assert_int_not_equal(
			    ssh_certificate_read(copy, length, &facts), SSH_FORM_GOOD);
			free(copy);
		}
		free(sample);
	}
}

/* What is accepted is written back as it came: no two encodings of the same facts. */
static void a_flipped_bit_is_refused_or_is_another_fact(void **state)
{
	static struct bytes bytes;
	struct facts facts;
	unsigned i, bit, refused = 0, accepted = 0;

	(void)state;
	for (i = 0; i < VARIANTS; i += 3) {
		struct sample *sample = variant(i);

		write_sample(sample, &bytes);
		for (bit = 0; bit < 8 * bytes.length; bit++) {
			bytes.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (read_bytes(&bytes, &facts) == SSH_FORM_GOOD) {
				assert_int_equal(ssh_certificate_write(
						     &facts, written, sizeof(written)),
				    bytes.length);
				assert_memory_equal(written, bytes.at, bytes.length);
				accepted++;
			} else
				refused++;
			bytes.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		free(sample);
	}
	assert_true(refused > 0 && accepted > 0);
}

static void random_bytes_never_read_as_what_they_are_not(void **state)
{
	static struct bytes bytes;
	struct facts facts;
	uint64_t seed = 42;
	unsigned i, j;

	(void)state;
	for (i = 0; i < 20000; i++) {
		struct sample *sample = variant(i % VARIANTS);

		write_sample(sample, &bytes);
		for (j = 0; j < 1 + i % 4; j++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes.at[(seed >> 33) % bytes.length] = (uint8_t)(seed >> 20);
		}
		if (read_bytes(&bytes, &facts) == SSH_FORM_GOOD) {
			assert_int_equal(
			    ssh_certificate_write(&facts, written, sizeof(written)),
			    bytes.length);
			assert_memory_equal(written, bytes.at, bytes.length);
		}
		free(sample);
	}
}

/* A certificate by hand, so that each field can be wrong alone. */
struct fields {
	const char *type;
	size_t nonce;
	const char *exponent; /* RSA */
	size_t exponent_length;
	const char *curve;
	const void *key;
	size_t key_length;
	uint32_t ssh_type;
	const struct bytes *principals;
	const struct bytes *critical_options;
	const struct bytes *extensions;
	size_t reserved;
	size_t trailing;
};

static enum ssh_form read_fields(const struct fields *fields)
{
	static const uint8_t zeros[128];
	static const struct bytes empty;
	static struct bytes bytes;
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	const struct bytes *list;
	struct facts facts;

	bytes.length = 0;
	add_text(
	    &bytes, fields->type ? fields->type : "ssh-ed25519-cert-v01@openssh.com");
	add_string(&bytes, zeros, fields->nonce ? fields->nonce : SSH_NONCE_LENGTH);
	if (fields->exponent)
		add_string(&bytes, fields->exponent, fields->exponent_length);
	if (fields->curve)
		add_text(&bytes, fields->curve);
	add_string(&bytes, fields->key ? fields->key : zeros,
	    fields->key_length ? fields->key_length : 32);
	add_bytes(&bytes, zeros, 8);
	add_u32(&bytes, fields->ssh_type ? fields->ssh_type : SSH_CERTIFICATE_USER);
	add_text(&bytes, "alice");
	list = fields->principals ? fields->principals : &sample->principals;
	add_string(&bytes, list->at, list->length);
	add_bytes(&bytes, zeros, 16);
	list = fields->critical_options ? fields->critical_options : &empty;
	add_string(&bytes, list->at, list->length);
	list = fields->extensions ? fields->extensions : &empty;
	add_string(&bytes, list->at, list->length);
	add_string(&bytes, zeros, fields->reserved);
	add_string(&bytes, sample->signature_key.at, sample->signature_key.length);
	add_bytes(&bytes, zeros, fields->trailing);
	free(sample);
	return read_bytes(&bytes, &facts);
}

static void names_the_field_that_is_wrong(void **state)
{
	(void)state;
	assert_int_equal(read_fields(&(struct fields){ 0 }), SSH_FORM_GOOD);
	assert_int_equal(read_fields(&(struct fields){ .nonce = 31 }), SSH_FORM_NONCE);
	assert_int_equal(read_fields(&(struct fields){ .nonce = 33 }), SSH_FORM_NONCE);
	assert_int_equal(read_fields(&(struct fields){ .ssh_type = 3 }), SSH_FORM_TYPE);
	assert_int_equal(
	    read_fields(&(struct fields){ .ssh_type = 0x01000000 }), SSH_FORM_TYPE);
	assert_int_equal(
	    read_fields(&(struct fields){ .reserved = 1 }), SSH_FORM_RESERVED);
	assert_int_equal(
	    read_fields(&(struct fields){ .trailing = 1 }), SSH_FORM_TRAILING);
	assert_int_equal(
	    read_fields(&(struct fields){ .key_length = 31 }), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(
	    read_fields(&(struct fields){ .key_length = 33 }), SSH_FORM_SUBJECT_KEY);
}

static void refuses_certificate_types_that_are_not_issued(void **state)
{
	static const char *const types[] = { "ssh-ed25519",
		"ssh-dss-cert-v01@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com",
		"ssh-rsa-cert-v00@openssh.com", "rsa-sha2-256-cert-v01@openssh.com",
		"ssh-ed25519-cert-v01@openssh.co", "ssh-ed25519-cert-v01@openssh.comm",
		"" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(
		    read_fields(&(struct fields){ .type = types[i] }), SSH_FORM_KEY_TYPE);
}

static enum ssh_form read_ecdsa(
    const char *type, const char *curve, uint8_t first, size_t length)
{
	uint8_t point[140];

	memset(point, 0x11, sizeof(point));
	point[0] = first;
	return read_fields(&(struct fields){
	    .type = type, .curve = curve, .key = point, .key_length = length });
}

static void refuses_points_of_another_form_or_curve(void **state)
{
	static const char p256[] = "ecdsa-sha2-nistp256-cert-v01@openssh.com";
	static const char p521[] = "ecdsa-sha2-nistp521-cert-v01@openssh.com";

	(void)state;
	assert_int_equal(read_ecdsa(p256, "nistp256", 4, 65), SSH_FORM_GOOD);
	assert_int_equal(read_ecdsa(p521, "nistp521", 4, 133), SSH_FORM_GOOD);
	assert_int_equal(read_ecdsa(p256, "nistp384", 4, 97), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_ecdsa(p256, "nistp384", 4, 65), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_ecdsa(p256, "nistp256", 4, 64), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_ecdsa(p256, "nistp256", 4, 66), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_ecdsa(p256, "nistp256", 2, 33), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_ecdsa(p256, "nistp256", 6, 65), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_ecdsa(p256, "nistp256", 0, 1), SSH_FORM_SUBJECT_KEY);
}

static enum ssh_form read_rsa(const char *exponent, size_t exponent_length,
    const char *modulus, size_t modulus_length)
{
	return read_fields(&(struct fields){ .type = "ssh-rsa-cert-v01@openssh.com",
	    .exponent = exponent,
	    .exponent_length = exponent_length,
	    .key = modulus,
	    .key_length = modulus_length });
}

static void refuses_mpints_that_are_not_minimal_and_positive(void **state)
{
	(void)state;
	assert_int_equal(read_rsa("\x03", 1, "\x7f\xff", 2), SSH_FORM_GOOD);
	assert_int_equal(read_rsa("\x03", 1, "\0\x80", 2), SSH_FORM_GOOD);
	assert_int_equal(read_rsa("\x03", 1, "\x80\xff", 2), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_rsa("\x03", 1, "\0\x7f", 2), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_rsa("\x03", 1, "\0\0\x80", 3), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_rsa("\x03", 1, "\0", 1), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_rsa("", 0, "\x7f", 1), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_rsa("\0\x03", 2, "\x7f", 1), SSH_FORM_SUBJECT_KEY);
	assert_int_equal(read_rsa("\xff", 1, "\x7f", 1), SSH_FORM_SUBJECT_KEY);
}

static void reads_an_empty_list_of_principals(void **state)
{
	static struct bytes list;

	(void)state;
	list.length = 0;
	assert_int_equal(
	    read_fields(&(struct fields){ .principals = &list }), SSH_FORM_GOOD);
}

static void refuses_principals_that_are_no_list_or_too_many(void **state)
{
	static struct bytes list;
	unsigned i;

	(void)state;
	list.length = 0;
	for (i = 0; i < FACTS_PRINCIPALS_MAX; i++)
		add_text(&list, "p");
	assert_int_equal(
	    read_fields(&(struct fields){ .principals = &list }), SSH_FORM_GOOD);
	add_text(&list, "p");
	assert_int_equal(
	    read_fields(&(struct fields){ .principals = &list }), SSH_FORM_PRINCIPALS);
	list.length = 0;
	add_bytes(&list, "\0\0\0", 3);
	assert_int_equal(
	    read_fields(&(struct fields){ .principals = &list }), SSH_FORM_PRINCIPALS);
	list.length = 0;
	add_bytes(&list, "\0\0\0\x05", 4);
	add_bytes(&list, "four", 4);
	assert_int_equal(
	    read_fields(&(struct fields){ .principals = &list }), SSH_FORM_PRINCIPALS);
}

static void assert_options(const struct bytes *list, bool good)
{
	assert_int_equal(read_fields(&(struct fields){ .critical_options = list }),
	    good ? SSH_FORM_GOOD : SSH_FORM_CRITICAL_OPTIONS);
	assert_int_equal(read_fields(&(struct fields){ .extensions = list }),
	    good ? SSH_FORM_GOOD : SSH_FORM_EXTENSIONS);
}

static void refuses_options_that_are_unsorted_or_repeated(void **state)
{
	static struct bytes list;

	(void)state;
	list.length = 0;
	add_option(&list, "a", NULL);
	add_option(&list, "aa", "x");
	add_option(&list, "b", NULL);
	assert_options(&list, true);
	add_option(&list, "b", "x");
	assert_options(&list, false);
	list.length = 0;
	add_option(&list, "aa", NULL);
	add_option(&list, "a", NULL);
	assert_options(&list, false);
	list.length = 0; /* bytewise, so upper case comes first */
	add_option(&list, "b", NULL);
	add_option(&list, "C", NULL);
	assert_options(&list, false);
	list.length = 0;
	add_option(&list, "C", NULL);
	add_option(&list, "b", NULL);
	add_option(&list, "\xc3\xa4", NULL);
	assert_options(&list, true);
}

static void refuses_options_that_are_not_packed_or_too_many(void **state)
{
	static struct bytes list;
	char name[8];
	unsigned i;

	(void)state;
	list.length = 0;
	add_text(&list, "name");
	assert_options(&list, false);
	add_text(&list, "value");
	assert_options(&list, false);
	list.length = 0;
	add_text(&list, "name");
	add_u32(&list, 4);
	add_u32(&list, 0);
	assert_options(&list, false);
	list.length = 0;
	for (i = 0; i < FACTS_OPTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "n%04u", i);
		add_option(&list, name, NULL);
	}
	assert_options(&list, true);
	add_option(&list, "o", NULL);
	assert_options(&list, false);
}

static void refuses_a_signature_key_that_is_no_plain_key(void **state)
{
	static struct bytes bytes, key;
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	struct facts facts;

	(void)state;
	key.length = 0;
	add_text(&key, "ssh-ed25519-cert-v01@openssh.com");
	add_string(&key, sample->key, 32);
	sample->facts.signature_key = key.at;
	sample->facts.signature_key_length = key.length;
	write_sample(sample, &bytes);
	assert_int_equal(read_bytes(&bytes, &facts), SSH_FORM_SIGNATURE_KEY);
	sample_signed_by(sample, KEY_P384);
	add_bytes(&sample->signature_key, "x", 1);
	sample->facts.signature_key_length = sample->signature_key.length;
	write_sample(sample, &bytes);
	assert_int_equal(read_bytes(&bytes, &facts), SSH_FORM_SIGNATURE_KEY);
	sample->facts.signature_key_length = 0;
	write_sample(sample, &bytes);
	assert_int_equal(read_bytes(&bytes, &facts), SSH_FORM_SIGNATURE_KEY);
	free(sample);
}

static void refuses_more_than_the_largest_document(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static char key_id[FACTS_DOCUMENT_MAX];
	struct facts facts = { 0 };
	size_t base, length;

	(void)state;
	memset(key_id, 'k', sizeof(key_id));
	sample->facts.key_id = (const uint8_t *)key_id;
	sample->facts.key_id_length = 0;
	base = ssh_certificate_write(&sample->facts, written, sizeof(written));
	sample->facts.key_id_length = FACTS_DOCUMENT_MAX - base;
	length = ssh_certificate_write(&sample->facts, written, sizeof(written));
	assert_int_equal(length, FACTS_DOCUMENT_MAX);
	assert_int_equal(ssh_certificate_read(written, length, &facts), SSH_FORM_GOOD);
	sample->facts.key_id_length++;
	assert_int_equal(
	    ssh_certificate_write(&sample->facts, written, sizeof(written)), 0);
	assert_int_equal(
	    ssh_certificate_read(written, length + 1, &facts), SSH_FORM_OVERSIZED);
	free(sample);
}

static void writes_nothing_that_does_not_fit(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	size_t length = ssh_certificate_write(&sample->facts, written, sizeof(written)),
	       room;

	(void)state;
	for (room = 0; room < length; room++) {
		uint8_t *small = malloc(room ? room : 1);

		assert_int_equal(ssh_certificate_write(&sample->facts, small, room), 0);
		free(small);
	}
	sample->facts.subject_key_length = 31;
	assert_int_equal(
	    ssh_certificate_write(&sample->facts, written, sizeof(written)), 0);
	sample->facts.subject_kind = KEY_KIND_COUNT;
	assert_int_equal(
	    ssh_certificate_write(&sample->facts, written, sizeof(written)), 0);
	assert_int_equal(ssh_key_write(&sample->facts, written, sizeof(written)), 0);
	free(sample);
}

static void empties_the_facts_when_it_refuses(void **state)
{
	static const struct facts none = { .subject_kind = KEY_RSA };
	struct facts facts;

	(void)state;
	memset(&facts, 0x77, sizeof(facts));
	assert_int_not_equal(
	    ssh_certificate_read((const uint8_t *)"\0\0\0\1x", 5, &facts), SSH_FORM_GOOD);
	assert_memory_equal(&facts, &none, sizeof(facts));
}

static void every_form_has_a_sentence(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < SSH_FORM_COUNT; i++)
		assert_string_not_equal(ssh_form_text((enum ssh_form)i), "unknown");
	assert_string_equal(ssh_form_text(SSH_FORM_COUNT), "unknown");
	assert_string_equal(ssh_key_type_name(KEY_P256), "ecdsa-sha2-nistp256");
	assert_string_equal(
	    ssh_certificate_type_name(KEY_RSA), "ssh-rsa-cert-v01@openssh.com");
}

/* ssh-keygen's own certificates, in a directory of their own. */

static int base64_value(char digit)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/";
	const char *at = strchr(digits, digit);

	return at && digit != '\0' ? (int)(at - digits) : -1;
}

static void read_base64(const char *text, struct bytes *out)
{
	uint32_t group = 0;
	unsigned bits = 0;

	out->length = 0;
	for (; base64_value(*text) >= 0; text++) {
		group = group * 64 + (uint32_t)base64_value(*text);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out->at[out->length++] = (uint8_t)(group >> bits);
		}
	}
}

static void read_openssh_line(const char *directory, const char *name, struct bytes *out)
{
	static char line[FACTS_DOCUMENT_MAX];
	char path[600], *blank;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	blank = strchr(line, ' ');
	assert_non_null(blank);
	read_base64(blank + 1, out);
}

/* The signature is the last string of a certificate, and begins with its algorithm. */
static void cut_signature(struct bytes *certificate)
{
	struct bytes *from = certificate;
	const uint8_t *list, *item, *algorithm;
	size_t at, left, length, algorithm_length;

	for (at = from->length - 60; at > 0; at--) {
		list = from->at + at;
		left = from->length - at;
		if (!facts_next(&list, &left, &item, &length) || left != 0 ||
		    !facts_next(&item, &length, &algorithm, &algorithm_length) ||
		    algorithm_length < 11 || algorithm_length > 19)
			continue;
		from->length = at;
		return;
	}
	fail_msg("no signature found");
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
	char command[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void check_openssh_certificate(
    const char *directory, enum key_kind kind, bool host)
{
	static struct bytes bytes, key;
	struct facts facts, plain = { 0 };

	read_openssh_line(directory, "subject-cert.pub", &bytes);
	cut_signature(&bytes);
	assert_int_equal(read_bytes(&bytes, &facts), SSH_FORM_GOOD);
	assert_int_equal(
	    ssh_certificate_write(&facts, written, sizeof(written)), bytes.length);
	assert_memory_equal(written, bytes.at, bytes.length);
	assert_int_equal(facts.subject_kind, kind);
	assert_int_equal(facts.serial, 4711);
	assert_int_equal(
	    facts.ssh_type, host ? SSH_CERTIFICATE_HOST : SSH_CERTIFICATE_USER);
	assert_int_equal(facts.principals_count, 2);
	assert_int_equal(facts.critical_options_count, host ? 0 : 2);
	assert_int_equal(facts.extensions_count, host ? 0 : 5);
	assert_int_equal(facts.valid_before - facts.valid_after, 3600);

	read_openssh_line(directory, "subject.pub", &key);
	assert_true(ssh_key_read(key.at, key.length, &plain));
	assert_same_slice(plain.subject_key, plain.subject_key_length, facts.subject_key,
	    facts.subject_key_length);
	assert_int_equal(ssh_key_write(&plain, written, sizeof(written)), key.length);
	assert_memory_equal(written, key.at, key.length);
	read_openssh_line(directory, "ca.pub", &key);
	assert_same_slice(
	    facts.signature_key, facts.signature_key_length, key.at, key.length);
}

struct keygen_row {
	const char *subject;
	const char *ca;
	enum key_kind kind;
};

static void reads_what_ssh_keygen_writes(void **state)
{
	static const struct keygen_row rows[] = {
		{ "-t ed25519", "-t ed25519", KEY_ED25519 },
		{ "-t rsa -b 2048", "-t ecdsa -b 256", KEY_RSA },
		{ "-t ecdsa -b 256", "-t rsa -b 3072", KEY_P256 },
		{ "-t ecdsa -b 384", "-t ecdsa -b 384", KEY_P384 },
		{ "-t ecdsa -b 521", "-t ecdsa -b 521", KEY_P521 },
	};
	char directory[] = "/tmp/privyseal-test-XXXXXX";
	size_t i;

	(void)state;
	if (system("command -v ssh-keygen >/dev/null") != 0)
		skip();
	assert_non_null(mkdtemp(directory));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run("cd %s && rm -f * && ssh-keygen -q -N '' -f ca %s && "
		    "ssh-keygen -q -N '' -f subject %s",
		    directory, rows[i].ca, rows[i].subject);
		run("cd %s && ssh-keygen -q -s ca -I alice -n alice,bob -z 4711 "
		    "-V 20300101000000:20300101010000 -O force-command=/bin/true "
		    "-O source-address=10.0.0.0/8 subject.pub",
		    directory);
		check_openssh_certificate(directory, rows[i].kind, false);
		run("cd %s && ssh-keygen -q -h -s ca -I web -n web,web.example.com -z "
		    "4711 "
		    "-V 20300101000000:20300101010000 subject.pub",
		    directory);
		check_openssh_certificate(directory, rows[i].kind, true);
	}
	run("rm -r %s", directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_as_the_same_facts),
		cmocka_unit_test(the_serial_lies_where_the_facts_say),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(a_flipped_bit_is_refused_or_is_another_fact),
		cmocka_unit_test(random_bytes_never_read_as_what_they_are_not),
		cmocka_unit_test(names_the_field_that_is_wrong),
		cmocka_unit_test(refuses_certificate_types_that_are_not_issued),
		cmocka_unit_test(refuses_points_of_another_form_or_curve),
		cmocka_unit_test(refuses_mpints_that_are_not_minimal_and_positive),
		cmocka_unit_test(reads_an_empty_list_of_principals),
		cmocka_unit_test(refuses_principals_that_are_no_list_or_too_many),
		cmocka_unit_test(refuses_options_that_are_unsorted_or_repeated),
		cmocka_unit_test(refuses_options_that_are_not_packed_or_too_many),
		cmocka_unit_test(refuses_a_signature_key_that_is_no_plain_key),
		cmocka_unit_test(refuses_more_than_the_largest_document),
		cmocka_unit_test(writes_nothing_that_does_not_fit),
		cmocka_unit_test(empties_the_facts_when_it_refuses),
		cmocka_unit_test(every_form_has_a_sentence),
		cmocka_unit_test(reads_what_ssh_keygen_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
