/*
 * Reader and writer of OpenSSH certificates; ssh_certificate.h has what is accepted. The
 * reader runs in the broker over bytes of an untrusted worker. It is a list of fields:
 * each takes its bytes off the reader, and the first that is wrong stays its fault.
 */
#include "policy/ssh_certificate.h"

#include <string.h>

struct kind_row {
	const char *key;
	const char *certificate;
	const char *curve; /* RFC 5656; NULL for what is no ECDSA */
	size_t key_length; /* of the point, of Ed25519's key; 0 for RSA */
};

/* clang-format off */
static const struct kind_row kinds[KEY_KIND_COUNT] = {
	[KEY_RSA]     = { "ssh-rsa",             "ssh-rsa-cert-v01@openssh.com",             NULL,       0 },
	[KEY_P256]    = { "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "nistp256", 65 },
	[KEY_P384]    = { "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", "nistp384", 97 },
	[KEY_P521]    = { "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com", "nistp521", 133 },
	[KEY_ED25519] = { "ssh-ed25519",         "ssh-ed25519-cert-v01@openssh.com",         NULL,       32 },
};
/* clang-format on */

#define POINT_UNCOMPRESSED 0x04 /* SEC 1 2.3.3 */

struct reader {
	struct slice rest;
	enum ssh_form form; /* the first fault */
};

/*@ requires \valid(reader) && fault != SSH_FORM_GOOD;
    assigns reader->form;
    ensures reader->form == SSH_FORM_GOOD ==> good && \old(reader->form) == SSH_FORM_GOOD;
*/
static void expect(struct reader *reader, bool good, enum ssh_form fault)
{
	if (reader->form == SSH_FORM_GOOD && !good)
		reader->form = fault;
}

/*@ requires \valid(reader);
    requires 0 <= bytes <= 8;
    requires reader->rest.length <= FACTS_DOCUMENT_MAX;
    requires \valid_read(reader->rest.at + (0 .. reader->rest.length - 1));
    assigns *reader;
    ensures reader->rest.length <= \old(reader->rest.length);
    ensures \valid_read(reader->rest.at + (0 .. reader->rest.length - 1));
*/
static uint64_t take_number(struct reader *reader, unsigned bytes)
{
	uint64_t value = 0;
	unsigned i;

	expect(reader, reader->rest.length >= bytes, SSH_FORM_TRUNCATED);
	if (reader->form != SSH_FORM_GOOD)
		return 0;
	/*@ loop invariant 0 <= i <= bytes;
	    loop assigns value, i;
	    loop variant bytes - i; */
	for (i = 0; i < bytes; i++)
		value = 256u * value + reader->rest.at[i];
	reader->rest.at += bytes;
	reader->rest.length -= bytes;
	return value;
}

/* Empty once there is a fault. */
/*@ requires \valid(reader);
    requires reader->rest.length <= FACTS_DOCUMENT_MAX;
    requires \valid_read(reader->rest.at + (0 .. reader->rest.length - 1));
    assigns *reader;
    ensures reader->rest.length <= \old(reader->rest.length);
    ensures \valid_read(reader->rest.at + (0 .. reader->rest.length - 1));
    ensures \result.length <= FACTS_DOCUMENT_MAX;
    ensures \valid_read(\result.at + (0 .. \result.length - 1));
*/
static struct slice take_string(struct reader *reader)
{
	struct slice item = { reader->rest.at, 0 };

	if (reader->form == SSH_FORM_GOOD && !facts_next_item(&reader->rest, &item))
		reader->form = SSH_FORM_TRUNCATED;
	return item;
}

/* A positive mpint in its one minimal form (RFC 4251 section 5), without the zero byte
 * that keeps it positive. */
static struct slice take_mpint(struct reader *reader)
{
	struct slice mpint = take_string(reader);
	bool padded = mpint.length > 1 && mpint.at[0] == 0;

	if (padded) {
		mpint.at++;
		mpint.length--;
	}
	expect(reader,
	    mpint.length > 0 && mpint.at[0] != 0 && (mpint.at[0] >= 0x80) == padded,
	    SSH_FORM_SUBJECT_KEY);
	return mpint;
}

static enum key_kind take_kind(struct reader *reader, bool certificate)
{
	struct slice name = take_string(reader);
	unsigned i;

	for (i = 0; i < KEY_KIND_COUNT; i++)
		if (slice_is(name, certificate ? kinds[i].certificate : kinds[i].key))
			return (enum key_kind)i;
	expect(reader, false, SSH_FORM_KEY_TYPE);
	return KEY_RSA;
}

static void read_key(struct reader *reader, enum key_kind kind, struct facts *facts)
{
	struct slice exponent = { reader->rest.at, 0 }, key;

	facts->subject_kind = kind;
	if (kind == KEY_RSA) {
		exponent = take_mpint(reader);
		key = take_mpint(reader);
	} else {
		if (kinds[kind].curve)
			expect(reader, slice_is(take_string(reader), kinds[kind].curve),
			    SSH_FORM_SUBJECT_KEY);
		key = take_string(reader);
		expect(reader,
		    key.length == kinds[kind].key_length &&
			(!kinds[kind].curve || key.at[0] == POINT_UNCOMPRESSED),
		    SSH_FORM_SUBJECT_KEY);
	}
	facts->subject_exponent = exponent.at;
	facts->subject_exponent_length = exponent.length;
	facts->subject_key = key.at;
	facts->subject_key_length = key.length;
}

bool ssh_key_read(const uint8_t *blob, size_t length, struct facts *out)
{
	struct reader reader = { { blob, length }, SSH_FORM_GOOD };
	struct facts key;

	expect(&reader, length <= FACTS_DOCUMENT_MAX, SSH_FORM_OVERSIZED);
	read_key(&reader, take_kind(&reader, false), &key);
	expect(&reader, reader.rest.length == 0, SSH_FORM_TRAILING);
	if (reader.form != SSH_FORM_GOOD)
		return false;
	out->subject_kind = key.subject_kind;
	out->subject_key = key.subject_key;
	out->subject_key_length = key.subject_key_length;
	out->subject_exponent = key.subject_exponent;
	out->subject_exponent_length = key.subject_exponent_length;
	return true;
}

/*@ requires \valid(reader);
    requires list.length <= FACTS_DOCUMENT_MAX;
    requires \valid_read(list.at + (0 .. list.length - 1));
    assigns reader->form;
    ensures reader->form == SSH_FORM_GOOD ==> \result <= FACTS_PRINCIPALS_MAX;
*/
static uint32_t count_principals(struct reader *reader, struct slice list)
{
	struct slice item;
	uint32_t count = 0;

	/*@ loop invariant count <= FACTS_PRINCIPALS_MAX + 1;
	    loop invariant list.length <= FACTS_DOCUMENT_MAX;
	    loop invariant \valid_read(list.at + (0 .. list.length - 1));
	    loop assigns list, item, count;
	    loop variant list.length; */
	while (count <= FACTS_PRINCIPALS_MAX && facts_next_item(&list, &item))
		count++;
	expect(reader, list.length == 0 && count <= FACTS_PRINCIPALS_MAX,
	    SSH_FORM_PRINCIPALS);
	return count;
}

/* Bytewise, a prefix before what it begins. */
static bool precedes(struct slice a, struct slice b)
{
	size_t common = a.length < b.length ? a.length : b.length;
	int order = common > 0 ? memcmp(a.at, b.at, common) : 0;

	return order < 0 || (order == 0 && a.length < b.length);
}

static uint32_t count_options(
    struct reader *reader, struct slice list, enum ssh_form fault)
{
	struct slice last = { NULL, 0 };
	struct named_value option;
	uint32_t count = 0;

	while (count <= FACTS_OPTIONS_MAX && facts_next_option(&list, &option)) {
		expect(reader, count == 0 || precedes(last, option.name), fault);
		last = option.name;
		count++;
	}
	expect(reader, list.length == 0 && count <= FACTS_OPTIONS_MAX, fault);
	return count;
}

/* Takes a string into two members of the facts. */
#define TAKE_FACT(reader, facts, member)                                                 \
	do {                                                                             \
		const struct slice taken_ = take_string(reader);                         \
		(facts)->member = taken_.at;                                             \
		(facts)->member##_length = taken_.length;                                \
	} while (0)

/* From the serial through the end of validity. */
static void read_identity(struct reader *reader, struct facts *facts)
{
	facts->serial = take_number(reader, 8);
	facts->ssh_type = (uint32_t)take_number(reader, 4);
	expect(reader,
	    facts->ssh_type == SSH_CERTIFICATE_USER ||
		facts->ssh_type == SSH_CERTIFICATE_HOST,
	    SSH_FORM_TYPE);
	TAKE_FACT(reader, facts, key_id);
	TAKE_FACT(reader, facts, principals);
	facts->principals_count =
	    count_principals(reader, FACTS_SLICE(facts, principals));
	facts->valid_after = take_number(reader, 8);
	facts->valid_before = take_number(reader, 8);
}

/* From the critical options to the end. */
static void read_rest(struct reader *reader, struct facts *facts)
{
	struct facts key;

	TAKE_FACT(reader, facts, critical_options);
	facts->critical_options_count = count_options(
	    reader, FACTS_SLICE(facts, critical_options), SSH_FORM_CRITICAL_OPTIONS);
	TAKE_FACT(reader, facts, extensions);
	facts->extensions_count =
	    count_options(reader, FACTS_SLICE(facts, extensions), SSH_FORM_EXTENSIONS);
	expect(reader, take_string(reader).length == 0, SSH_FORM_RESERVED);
	TAKE_FACT(reader, facts, signature_key);
	expect(reader,
	    ssh_key_read(facts->signature_key, facts->signature_key_length, &key),
	    SSH_FORM_SIGNATURE_KEY);
	expect(reader, reader->rest.length == 0, SSH_FORM_TRAILING);
}

enum ssh_form ssh_certificate_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	struct reader reader = { { bytes, length }, SSH_FORM_GOOD };
	struct facts facts = { .subject_kind = KEY_RSA };
	enum key_kind kind;

	if (length > FACTS_DOCUMENT_MAX)
		return SSH_FORM_OVERSIZED;
	kind = take_kind(&reader, true);
	TAKE_FACT(&reader, &facts, nonce);
	expect(&reader, facts.nonce_length == SSH_NONCE_LENGTH, SSH_FORM_NONCE);
	read_key(&reader, kind, &facts);
	facts.serial_at = length - reader.rest.length;
	read_identity(&reader, &facts);
	read_rest(&reader, &facts);
	if (reader.form == SSH_FORM_GOOD)
		*out = facts;
	return reader.form;
}

/* Where the writer is; once `failed`, nothing more is written. */
struct sink {
	uint8_t *at;
	size_t left;
	bool failed;
};

static void put_bytes(struct sink *to, const uint8_t *bytes, size_t length)
{
	if (to->failed || length > to->left) {
		to->failed = true;
		return;
	}
	if (length > 0)
		memcpy(to->at, bytes, length);
	to->at += length;
	to->left -= length;
}

static void put_number(struct sink *to, uint64_t value, unsigned bytes)
{
	uint8_t number[8];
	unsigned i;

	for (i = bytes; i-- > 0; value /= 256)
		number[i] = (uint8_t)(value % 256);
	put_bytes(to, number, bytes);
}

static void put_string(struct sink *to, struct slice string)
{
	if (string.length > FACTS_DOCUMENT_MAX)
		to->failed = true;
	put_number(to, string.length, 4);
	put_bytes(to, string.at, string.length);
}

static void put_text(struct sink *to, const char *text)
{
	put_string(to, slice_of(text));
}

static void put_mpint(struct sink *to, struct slice number)
{
	bool padded = number.length > 0 && number.at[0] >= 0x80;

	if (number.length == 0 || number.length > FACTS_DOCUMENT_MAX || number.at[0] == 0)
		to->failed = true;
	put_number(to, number.length + padded, 4);
	put_number(to, 0, padded);
	put_bytes(to, number.at, number.length);
}

static void put_key(struct sink *to, const struct facts *facts)
{
	const struct kind_row *row = &kinds[facts->subject_kind];

	if (facts->subject_kind == KEY_RSA) {
		put_mpint(to, FACTS_SLICE(facts, subject_exponent));
		put_mpint(to, FACTS_SLICE(facts, subject_key));
		return;
	}
	if (facts->subject_key_length != row->key_length)
		to->failed = true;
	if (row->curve)
		put_text(to, row->curve);
	put_string(to, FACTS_SLICE(facts, subject_key));
}

size_t ssh_key_write(const struct facts *facts, uint8_t *out, size_t room)
{
	struct sink to = { out, room, false };

	if ((unsigned)facts->subject_kind >= KEY_KIND_COUNT)
		return 0;
	put_text(&to, kinds[facts->subject_kind].key);
	put_key(&to, facts);
	return to.failed ? 0 : room - to.left;
}

size_t ssh_certificate_write(const struct facts *facts, uint8_t *out, size_t room)
{
	struct sink to = { out, room, false };

	if ((unsigned)facts->subject_kind >= KEY_KIND_COUNT)
		return 0;
	put_text(&to, kinds[facts->subject_kind].certificate);
	put_string(&to, FACTS_SLICE(facts, nonce));
	put_key(&to, facts);
	put_number(&to, facts->serial, 8);
	put_number(&to, facts->ssh_type, 4);
	put_string(&to, FACTS_SLICE(facts, key_id));
	put_string(&to, FACTS_SLICE(facts, principals));
	put_number(&to, facts->valid_after, 8);
	put_number(&to, facts->valid_before, 8);
	put_string(&to, FACTS_SLICE(facts, critical_options));
	put_string(&to, FACTS_SLICE(facts, extensions));
	put_number(&to, 0, 4); /* reserved */
	put_string(&to, FACTS_SLICE(facts, signature_key));
	return to.failed ? 0 : room - to.left;
}

/* clang-format off */
static const char *const forms[SSH_FORM_COUNT] = {
	[SSH_FORM_GOOD]             = "good",
	[SSH_FORM_TRUNCATED]        = "the certificate ends too early",
	[SSH_FORM_OVERSIZED]        = "the certificate is longer than 65536 bytes",
	[SSH_FORM_KEY_TYPE]         = "the certificate type is none that is issued here",
	[SSH_FORM_NONCE]            = "the nonce is not 32 bytes long",
	[SSH_FORM_SUBJECT_KEY]      = "the subject's key is not in the one form of its kind",
	[SSH_FORM_TYPE]             = "the certificate is neither for a user nor for a host",
	[SSH_FORM_PRINCIPALS]       = "the principals are no list of at most 256 strings",
	[SSH_FORM_CRITICAL_OPTIONS] = "the critical options are no sorted list without repeats of at most 256",
	[SSH_FORM_EXTENSIONS]       = "the extensions are no sorted list without repeats of at most 256",
	[SSH_FORM_RESERVED]         = "the reserved field is not empty",
	[SSH_FORM_SIGNATURE_KEY]    = "the signature key is no RSA, ECDSA or Ed25519 public key",
	[SSH_FORM_TRAILING]         = "bytes follow the signature key",
};
/* clang-format on */

const char *ssh_form_text(enum ssh_form form)
{
	return (unsigned)form < SSH_FORM_COUNT ? forms[form] : "unknown";
}

const char *ssh_key_type_name(enum key_kind kind)
{
	return (unsigned)kind < KEY_KIND_COUNT ? kinds[kind].key : "unknown";
}

const char *ssh_certificate_type_name(enum key_kind kind)
{
	return (unsigned)kind < KEY_KIND_COUNT ? kinds[kind].certificate : "unknown";
}
