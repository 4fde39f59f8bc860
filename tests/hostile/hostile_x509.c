/*
 * X.509 documents that must not be signed. Each row of `rows` takes a certificate that is
 * permitted and changes one thing: what it says (`change`), or its bytes (`damage`). That
 * the two without a change are signed shows that it is this one thing that is refused.
 */
#include "tests/hostile/hostile.h"

#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"
#include "policy/x509_signed.h"

#include <string.h>
#include <time.h>

#define LIST_ROOM (OP_DOCUMENT_MAX - 512)

struct draft {
	struct hostile *h;
	struct facts facts;
	struct facts user, host; /* the CAs' own certificates */
	enum ca ca;
	enum purpose purpose;
	enum document document;
	struct der_sink subject, names;
	uint8_t *bytes; /* the document */
	size_t length;
};

static const uint8_t zeros[X509_SERIAL_STAMPED];
static const uint8_t serial[X509_SERIAL_STAMPED] = { 0x41 };

static void put(struct draft *d, enum x509_attribute_kind kind, const char *value)
{
	const struct x509_attribute attribute = { .kind = kind,
		.value = slice_of(value) };

	x509_put_attribute(&d->subject, &attribute);
}

static void put_name(struct draft *d, uint8_t tag, const void *value, size_t length)
{
	der_put(&d->names, tag, value, length);
}

static void put_dns(struct draft *d, const char *name)
{
	put_name(d, DER_CONTEXT(X509_ALT_DNS), name, strlen(name));
}

static void begin_subject(struct draft *d, const char *common_name)
{
	static uint8_t room[LIST_ROOM];

	d->subject = der_sink(room, sizeof room);
	if (common_name)
		put(d, X509_COMMON_NAME, common_name);
}

/* ---- changes ---- */

static void foreign_issuer(struct draft *d)
{
	d->facts.x509_issuer = d->host.x509_subject;
	d->facts.x509_issuer_length = d->host.x509_subject_length;
}

static void foreign_key_id(struct draft *d)
{
	d->facts.x509_authority_key_id = d->host.x509_subject_key_id;
}

static void no_key_id(struct draft *d)
{
	d->facts.x509_authority_key_id_length = 0;
}

static void other_algorithm(struct draft *d)
{
	d->facts.x509_signature = X509_RSA_SHA256;
}

static void other_ca(struct draft *d)
{
	d->ca = CA_HOST;
}

static void other_document(struct draft *d)
{
	d->document = DOCUMENT_X509_HOST;
}

static void later_document(struct draft *d)
{
	d->ca = CA_SPIFFE;
	d->document = DOCUMENT_X509_SVID;
}

static void ssh_key(struct draft *d)
{
	d->purpose = PURPOSE_SSH;
}

static void be_ca(struct draft *d)
{
	d->facts.x509_is_ca = true;
}

/* All that the reader wants of a CA's certificate. */
static void be_whole_ca(struct draft *d)
{
	static const uint8_t id[20] = { 1 };
	static uint8_t decimal[X509_DECIMAL_MAX + 1];

	be_ca(d);
	d->facts.x509_serial = serial;
	d->facts.x509_key_usage |= X509_KEY_CERT_SIGN | X509_CRL_SIGN;
	d->facts.x509_extended_key_usage = 0;
	d->facts.x509_subject_key_id = id;
	d->facts.x509_subject_key_id_length = sizeof id;
	x509_serial_decimal((struct slice){ serial, sizeof serial }, decimal);
	put(d, X509_SERIAL_NUMBER, (const char *)decimal);
}

static void sign_certificates(struct draft *d)
{
	d->facts.x509_key_usage |= X509_KEY_CERT_SIGN;
}

static void agree_on_keys(struct draft *d)
{
	d->facts.x509_key_usage |= X509_KEY_AGREEMENT;
}

static void be_client_alone(struct draft *d)
{
	d->facts.x509_extended_key_usage = X509_CLIENT_AUTH;
}

static void be_good_for_all(struct draft *d)
{
	d->facts.x509_extended_key_usage = 0;
}

static void choose_serial(struct draft *d)
{
	d->facts.x509_serial = serial;
}

static void choose_short_serial(struct draft *d)
{
	choose_serial(d);
	d->facts.x509_serial_length = 1;
}

static void have_key_id(struct draft *d)
{
	d->facts.x509_subject_key_id = d->user.x509_subject_key_id;
	d->facts.x509_subject_key_id_length = d->user.x509_subject_key_id_length;
}

static void have_crl_url(struct draft *d)
{
	static const char url[] = "http://127.0.0.1/crl";

	d->facts.x509_crl_url = (const uint8_t *)url;
	d->facts.x509_crl_url_length = sizeof url - 1;
}

static void begin_tomorrow(struct draft *d)
{
	d->facts.x509_not_before += 86400;
	d->facts.x509_not_after += 86400;
}

static void begin_yesterday(struct draft *d)
{
	d->facts.x509_not_before -= 86400;
}

static void outlive_ca(struct draft *d)
{
	d->facts.x509_not_after = d->user.x509_not_after + 1;
}

static void last_long(struct draft *d)
{
	d->facts.x509_not_after += 31 * 3600;
}

static void name_host(struct draft *d)
{
	begin_subject(d, "www.example.com");
}

static void name_other_host(struct draft *d)
{
	begin_subject(d, "www.example.org");
}

static void name_twice(struct draft *d)
{
	put(d, X509_COMMON_NAME, "bob");
}

static void name_nobody(struct draft *d)
{
	begin_subject(d, NULL);
	put(d, X509_ORGANIZATION, "access");
}

static void name_ca(struct draft *d)
{
	begin_subject(d, NULL);
	der_put_bytes(&d->subject, d->user.x509_subject, d->user.x509_subject_length);
}

static void take_role(struct draft *d)
{
	put(d, X509_ORGANIZATION, "editor");
}

static void log_in_as_root(struct draft *d)
{
	put(d, X509_LOCALITY, "root");
}

static void log_in_as_anybody(struct draft *d)
{
	put(d, X509_LOCALITY, "*");
}

static void impersonate(struct draft *d)
{
	const struct x509_attribute attribute = {
		.branch = 1, .leaf = 20, .value = slice_of("somebody")
	};

	x509_put_attribute(&d->subject, &attribute);
}

static void any_host(struct draft *d)
{
	put_dns(d, "*.example.com");
}

static void upper_case_host(struct draft *d)
{
	put_dns(d, "ADMIN.example.com");
}

static void dotted_host(struct draft *d)
{
	put_dns(d, "web.example.com.");
}

static void mapped_address(struct draft *d)
{
	static const uint8_t address[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };

	put_name(d, DER_CONTEXT(X509_ALT_IP), address, sizeof address);
}

static void other_address(struct draft *d)
{
	put_name(d, DER_CONTEXT(X509_ALT_IP), "\x08\x08\x08\x08", 4);
}

static void other_name(struct draft *d)
{
	static const uint8_t name[] = { DER_OBJECT_ID, 3, 0x2b, 1, 1, DER_EXPLICIT(0), 3,
		DER_UTF8_STRING, 1, 'x' };

	put_name(d, DER_EXPLICIT(0), name, sizeof name);
}

static void spiffe_id(struct draft *d)
{
	static const char id[] = "SPIFFE://example.com/admin";

	put_name(d, DER_CONTEXT(X509_ALT_URI), id, sizeof id - 1);
}

/* `*` is within a label, and this one ends before the host's name does. */
static void host_in_fragment(struct draft *d)
{
	static const char uri[] = "https://localhost#.example.com/";

	put_name(d, DER_CONTEXT(X509_ALT_URI), uri, sizeof uri - 1);
}

static void host_behind_user(struct draft *d)
{
	static const char uri[] = "https://localhost:80?@www.example.com/";

	put_name(d, DER_CONTEXT(X509_ALT_URI), uri, sizeof uri - 1);
}

static void too_many_names(struct draft *d)
{
	unsigned i;

	for (i = 0; i <= X509_ALT_NAMES_MAX; i++)
		put_dns(d, "web.example.com");
}

/* As much as fits a document; the record has no room for it. */
static void as_long_as_can_be(struct draft *d)
{
	static char street[12001];
	unsigned i;

	memset(street, 'a', sizeof street - 1);
	for (i = 0; i < 5; i++)
		put(d, X509_STREET, street);
}

/* One RDN of two attributes, the larger one first. */
static void unsorted_set(struct draft *d)
{
	static const uint8_t set[] = { DER_SET, 24, 0x30, 10, 6, 3, 0x55, 4, 10, 0x13, 3,
		'b', 'b', 'b', 0x30, 10, 6, 3, 0x55, 4, 10, 0x13, 3, 'a', 'a', 'a' };

	der_put_bytes(&d->subject, set, sizeof set);
}

static void be_key(struct draft *d, const uint8_t *blob, size_t length)
{
	struct facts key;

	if (!ssh_key_read(blob, length, &key))
		return;
	d->facts.subject_kind = key.subject_kind;
	d->facts.subject_key = key.subject_key;
	d->facts.subject_key_length = key.subject_key_length;
	d->facts.subject_exponent = key.subject_exponent;
	d->facts.subject_exponent_length = key.subject_exponent_length;
}

static void certify_ssh_ca(struct draft *d)
{
	be_key(d, d->h->host_key, d->h->host_key_length);
}

static void certify_tls_ca(struct draft *d)
{
	d->facts.subject_kind = d->host.subject_kind;
	d->facts.subject_key = d->host.subject_key;
	d->facts.subject_key_length = d->host.subject_key_length;
	d->facts.subject_exponent = d->host.subject_exponent;
	d->facts.subject_exponent_length = d->host.subject_exponent_length;
}

static void rsa_key(struct draft *d, size_t length, const char *exponent, size_t bytes)
{
	static uint8_t modulus[256];

	memset(modulus, 0xfb, sizeof modulus);
	d->facts.subject_kind = KEY_RSA;
	d->facts.subject_key = modulus;
	d->facts.subject_key_length = length;
	d->facts.subject_exponent = (const uint8_t *)exponent;
	d->facts.subject_exponent_length = bytes;
}

static void short_key(struct draft *d)
{
	rsa_key(d, 128, "\x01\x00\x01", 3);
}

static void weak_exponent(struct draft *d)
{
	rsa_key(d, 256, "\x03", 1);
}

static void key_off_its_curve(struct draft *d)
{
	static uint8_t point[65];

	memset(point, 4, sizeof point);
	d->facts.subject_kind = KEY_P256;
	d->facts.subject_key = point;
	d->facts.subject_key_length = sizeof point;
}

/* ---- damages ---- */

static void trailing_byte(struct draft *d)
{
	d->bytes[d->length++] = 0;
}

/* A length of three bytes where two are enough. */
static void long_length(struct draft *d)
{
	memmove(d->bytes + 3, d->bytes + 2, d->length - 2);
	d->bytes[1] = 0x83;
	d->bytes[2] = 0;
	d->length++;
}

/* BER's. */
static void no_length(struct draft *d)
{
	d->bytes[1] = 0x80;
	memmove(d->bytes + 2, d->bytes + 4, d->length - 4);
	d->bytes[d->length - 2] = d->bytes[d->length - 1] = 0;
}

static void change_byte(
    struct draft *d, const void *before, size_t length, size_t at, uint8_t byte)
{
	uint8_t *found = memmem(d->bytes, d->length, before, length);

	if (found)
		found[at] = byte;
}

/* serverAuth becomes codeSigning. */
static void sign_code(struct draft *d)
{
	change_byte(d, "\x2b\6\1\5\5\7\3\1", 8, 7, 3);
}

static void be_version_1(struct draft *d)
{
	change_byte(d, "\xa0\3\2\1\2", 5, 4, 0);
}

/* basicConstraints, which are critical, and FALSE where DER says nothing. */
static void say_false(struct draft *d)
{
	change_byte(d, "\x55\x1d\x13\1\1\xff", 6, 5, 0);
}

static void be_ssh(struct draft *d)
{
	const struct facts facts = honest(d->h);

	d->length = ssh_certificate_write(&facts, d->bytes, OP_DOCUMENT_MAX);
}

static void be_digest(struct draft *d)
{
	memset(d->bytes, 1, 32);
	d->length = 32;
}

/* Of the CA's own documents, for which there is no asking. */
static void be_signed_part_of(struct draft *d, const char *member)
{
	static uint8_t bytes[8192];
	struct x509_signed parts;
	struct frame frame;
	size_t length;

	if (!ask_authority(d->h, CA_USER, &frame) ||
	    !take_member(&frame, member, bytes, sizeof bytes, &length) ||
	    !x509_signed_read(bytes, length, &parts))
		return;
	memcpy(d->bytes, parts.document.at, parts.document.length);
	d->length = parts.document.length;
}

static void be_crl(struct draft *d)
{
	be_signed_part_of(d, "\"crl\":\"");
}

/* ---- SSH documents by which TLS keys are misused ---- */

static void write_ssh(struct draft *d, const struct facts *facts)
{
	d->document = DOCUMENT_SSH_USER;
	d->purpose = PURPOSE_SSH;
	d->length = ssh_certificate_write(facts, d->bytes, OP_DOCUMENT_MAX);
}

static void be_ssh_of_tls_ca(struct draft *d)
{
	struct facts facts = honest(d->h);

	facts.subject_kind = d->user.subject_kind;
	facts.subject_key = d->user.subject_key;
	facts.subject_key_length = d->user.subject_key_length;
	facts.subject_exponent = d->user.subject_exponent;
	facts.subject_exponent_length = d->user.subject_exponent_length;
	write_ssh(d, &facts);
}

static void be_ssh_by_tls_key(struct draft *d)
{
	const struct facts facts = honest(d->h);

	write_ssh(d, &facts);
	d->purpose = PURPOSE_TLS;
}

static void be_called_ssh(struct draft *d)
{
	d->document = DOCUMENT_SSH_USER;
	d->purpose = PURPOSE_SSH;
}

/* ---- the table ---- */

static const struct row {
	const char *name;
	bool host; /* of a host's certificate instead of a user's */
	void (*change)(struct draft *);
	void (*damage)(struct draft *);
} rows[] = {
	{ "x509-honest-user", false, NULL, NULL },
	{ "x509-honest-host", true, NULL, NULL },
	{ "x509-foreign-issuer", false, foreign_issuer, NULL },
	{ "x509-foreign-key-id", false, foreign_key_id, NULL },
	{ "x509-no-key-id", false, no_key_id, NULL },
	{ "x509-other-algorithm", false, other_algorithm, NULL },
	{ "x509-other-ca", false, other_ca, NULL },
	{ "x509-other-document", false, other_document, NULL },
	{ "x509-later-document", false, later_document, NULL },
	{ "x509-by-ssh-key", false, ssh_key, NULL },
	{ "x509-ca", false, be_ca, NULL },
	{ "x509-whole-ca", false, be_whole_ca, NULL },
	{ "x509-certificate-sign", false, sign_certificates, NULL },
	{ "x509-key-agreement", false, agree_on_keys, NULL },
	{ "x509-client-alone", false, be_client_alone, NULL },
	{ "x509-any-use", false, be_good_for_all, NULL },
	{ "x509-own-serial", false, choose_serial, NULL },
	{ "x509-own-short-serial", false, choose_short_serial, NULL },
	{ "x509-subject-key-id", false, have_key_id, NULL },
	{ "x509-crl-url", false, have_crl_url, NULL },
	{ "x509-post-dated", false, begin_tomorrow, NULL },
	{ "x509-ante-dated", false, begin_yesterday, NULL },
	{ "x509-outlives-ca", false, outlive_ca, NULL },
	{ "x509-too-long", false, last_long, NULL },
	{ "x509-host-name-of-user", false, name_host, NULL },
	{ "x509-other-host", true, name_other_host, NULL },
	{ "x509-two-names", false, name_twice, NULL },
	{ "x509-no-name", false, name_nobody, NULL },
	{ "x509-name-of-ca", false, name_ca, NULL },
	{ "x509-other-role", false, take_role, NULL },
	{ "x509-forbidden-login", false, log_in_as_root, NULL },
	{ "x509-wildcard-login", false, log_in_as_anybody, NULL },
	{ "x509-attribute", false, impersonate, NULL },
	{ "x509-wildcard-dns", true, any_host, NULL },
	{ "x509-upper-case-dns", true, upper_case_host, NULL },
	{ "x509-dotted-dns", true, dotted_host, NULL },
	{ "x509-mapped-address", true, mapped_address, NULL },
	{ "x509-other-address", true, other_address, NULL },
	{ "x509-other-name", true, other_name, NULL },
	{ "x509-spiffe-id", false, spiffe_id, NULL },
	{ "x509-host-in-fragment", true, host_in_fragment, NULL },
	{ "x509-host-behind-user", true, host_behind_user, NULL },
	{ "x509-257-names", true, too_many_names, NULL },
	{ "x509-longest", false, as_long_as_can_be, NULL },
	{ "x509-unsorted-set", false, unsorted_set, NULL },
	{ "x509-of-ssh-ca-key", false, certify_ssh_ca, NULL },
	{ "x509-of-tls-ca-key", false, certify_tls_ca, NULL },
	{ "x509-short-key", false, short_key, NULL },
	{ "x509-weak-exponent", false, weak_exponent, NULL },
	{ "x509-off-curve", false, key_off_its_curve, NULL },
	{ "x509-trailing-byte", false, NULL, trailing_byte },
	{ "x509-long-length", false, NULL, long_length },
	{ "x509-no-length", false, NULL, no_length },
	{ "x509-code-signing", false, NULL, sign_code },
	{ "x509-version-1", false, NULL, be_version_1 },
	{ "x509-false-critical", false, NULL, say_false },
	{ "x509-ssh-inside", false, NULL, be_ssh },
	{ "x509-digest", false, NULL, be_digest },
	{ "x509-crl", false, NULL, be_crl },
	{ "ssh-x509-inside", false, NULL, be_called_ssh },
	{ "ssh-of-tls-ca-key", false, NULL, be_ssh_of_tls_ca },
	{ "ssh-by-tls-key", false, NULL, be_ssh_by_tls_key },
};

static const struct row *row_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

bool x509_attack_named(const char *name)
{
	return row_named(name) != NULL;
}

/* ---- one that is permitted ---- */

/* The lines of a PEM between the first and the last. */
static bool read_pem(
    const char *text, size_t length, uint8_t *out, size_t room, size_t *got)
{
	const char *at = memchr(text, '\n', length), *end;
	char digits[8192];
	size_t n = 0;

	if (!at)
		return false;
	end = memmem(at, length - (size_t)(at - text), "\n-----END", 9);
	for (; end && at < end && n < sizeof digits; at++)
		if (*at != '\n')
			digits[n++] = *at;
	return end && decode_base64(digits, n, out, room, got);
}

static bool fetch_certificate(struct hostile *h, enum ca ca, struct facts *out)
{
	static uint8_t certificates[CA_COUNT][4096];
	struct x509_signed parts;
	struct frame frame;
	uint8_t pem[8192];
	size_t length;

	return ask_authority(h, ca, &frame) &&
	       take_member(&frame, "\"cert\":\"", pem, sizeof pem, &length) &&
	       read_pem((const char *)pem, length, certificates[ca],
		   sizeof certificates[ca], &length) &&
	       x509_signed_read(certificates[ca], length, &parts) &&
	       x509_certificate_read(parts.document.at, parts.document.length, out) ==
		   X509_FORM_GOOD;
}

static void begin(struct draft *d, bool host)
{
	static uint8_t names[LIST_ROOM];
	const struct facts *issuer = host ? &d->host : &d->user;

	d->ca = host ? CA_HOST : CA_USER;
	d->purpose = PURPOSE_TLS;
	d->document = host ? DOCUMENT_X509_HOST : DOCUMENT_X509_USER;
	d->names = der_sink(names, sizeof names);
	begin_subject(d, host ? "web.example.com" : "alice");
	if (host)
		put_dns(d, "web.example.com");
	else {
		put(d, X509_ORGANIZATION, "access");
		put(d, X509_LOCALITY, "deploy");
	}
	d->facts = (struct facts){ .subject_kind = KEY_ED25519,
		.subject_key = subject,
		.subject_key_length = sizeof subject,
		.x509_signature = issuer->x509_signature,
		.x509_serial = zeros,
		.x509_serial_length = sizeof zeros,
		.x509_issuer = issuer->x509_subject,
		.x509_issuer_length = issuer->x509_subject_length,
		.x509_not_before = time(NULL) - 60,
		.x509_not_after = time(NULL) + 600,
		.x509_key_usage = X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT,
		.x509_extended_key_usage = X509_SERVER_AUTH | X509_CLIENT_AUTH,
		.x509_authority_key_id = issuer->x509_subject_key_id,
		.x509_authority_key_id_length = issuer->x509_subject_key_id_length };
}

static void write_draft(struct draft *d)
{
	d->facts.x509_subject = d->subject.bytes;
	d->facts.x509_subject_length = d->subject.used;
	d->facts.x509_alt_names = d->names.bytes;
	d->facts.x509_alt_names_length = d->names.used;
	d->length = d->subject.failed || d->names.failed
			? 0
			: x509_certificate_write(&d->facts, d->bytes, OP_DOCUMENT_MAX);
}

void attack_x509(struct hostile *h)
{
	const struct row *row = row_named(h->attack);
	static struct draft d;

	d.h = h;
	d.bytes = h->document;
	if (!fetch_certificate(h, CA_USER, &d.user) ||
	    !fetch_certificate(h, CA_HOST, &d.host)) {
		say(h, "the CAs' certificates are not readable");
		return;
	}
	begin(&d, row->host);
	if (row->change)
		row->change(&d);
	write_draft(&d);
	if (d.length > 0 && row->damage)
		row->damage(&d);
	if (d.length == 0) {
		say(h, "the writer refused");
		return;
	}
	ask(h, 10, d.ca, d.purpose, d.document, d.bytes, d.length);
	say_answer(h);
}
