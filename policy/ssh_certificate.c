/*
 * Reader and writer of OpenSSH certificates; ssh_certificate.h has what is accepted. The
 * reader runs in the broker over bytes of an untrusted worker. It is a list of fields:
 * each takes its bytes off the reader, and the first that is wrong stays its fault.
 */
#include "policy/ssh_certificate.h"

#include "policy/der.h" /* its sink */

struct word {
	uint8_t text[48]; /* and a zero byte, which makes it a string of C's */
	size_t length;
};

struct kind_row {
	struct word key;
	struct word certificate;
	struct word curve; /* RFC 5656; empty for what is no ECDSA */
	size_t key_length; /* of the point, of Ed25519's key; 0 for RSA */
};

/* clang-format off */
#define WORD(text) { text, sizeof(text) - 1 }
#define NONE	   { "", 0 }
static const struct kind_row kinds[KEY_KIND_COUNT] = {
	[KEY_RSA]     = { WORD("ssh-rsa"),             WORD("ssh-rsa-cert-v01@openssh.com"),             NONE,       0 },
	[KEY_P256]    = { WORD("ecdsa-sha2-nistp256"), WORD("ecdsa-sha2-nistp256-cert-v01@openssh.com"), WORD("nistp256"), 65 },
	[KEY_P384]    = { WORD("ecdsa-sha2-nistp384"), WORD("ecdsa-sha2-nistp384-cert-v01@openssh.com"), WORD("nistp384"), 97 },
	[KEY_P521]    = { WORD("ecdsa-sha2-nistp521"), WORD("ecdsa-sha2-nistp521-cert-v01@openssh.com"), WORD("nistp521"), 133 },
	[KEY_ED25519] = { WORD("ssh-ed25519"),         WORD("ssh-ed25519-cert-v01@openssh.com"),         NONE,       32 },
};
/* clang-format on */

/*@ requires KEY_RSA <= kind < KEY_KIND_COUNT;
    assigns \nothing;
    ensures kind == KEY_RSA ==> \result.length <= 48;
    ensures kind == KEY_P256 ==> \result.length <= 48;
    ensures kind == KEY_P384 ==> \result.length <= 48;
    ensures kind == KEY_P521 ==> \result.length <= 48;
    ensures kind == KEY_ED25519 ==> \result.length <= 48;
    ensures \valid_read(\result.at + (0 .. 47));
    ensures !certificate && kind == KEY_RSA ==>
      names_kind(\result.at, \result.length, KEY_RSA);
    ensures !certificate && kind == KEY_P256 ==>
      names_kind(\result.at, \result.length, KEY_P256);
    ensures !certificate && kind == KEY_P384 ==>
      names_kind(\result.at, \result.length, KEY_P384);
    ensures !certificate && kind == KEY_P521 ==>
      names_kind(\result.at, \result.length, KEY_P521);
    ensures !certificate && kind == KEY_ED25519 ==>
      names_kind(\result.at, \result.length, KEY_ED25519);
*/
static struct slice type_name(enum key_kind kind, bool certificate)
{
	const struct word *word =
	    certificate ? &kinds[kind].certificate : &kinds[kind].key;

	return (struct slice){ word->text, word->length };
}

/*@ requires KEY_RSA <= kind < KEY_KIND_COUNT;
    assigns \nothing;
    ensures kind == KEY_RSA ==> \result.length <= 48;
    ensures kind == KEY_P256 ==> \result.length <= 48;
    ensures kind == KEY_P384 ==> \result.length <= 48;
    ensures kind == KEY_P521 ==> \result.length <= 48;
    ensures kind == KEY_ED25519 ==> \result.length <= 48;
    ensures \valid_read(\result.at + (0 .. 47));
*/
static struct slice curve_name(enum key_kind kind)
{
	return (struct slice){ kinds[kind].curve.text, kinds[kind].curve.length };
}

/*@ requires KEY_RSA < kind < KEY_KIND_COUNT;
    assigns \nothing;
    ensures 0 < \result <= 133;
*/
static size_t key_length(enum key_kind kind)
{
	return kinds[kind].key_length;
}

#define POINT_UNCOMPRESSED 0x04 /* SEC 1 2.3.3 */

/* Contracts name its members one by one: a struct that is assigned whole costs the
 * provers dearly. */
struct reader {
	struct slice rest;
	enum ssh_form form; /* the first fault */
};

/*@ predicate reader_ready{L}(struct reader *r) =
      \valid(r) && facts_slice(r->rest.at, r->rest.length);

    // It only goes on, in the same document.
    predicate reader_stays{L1,L2}(struct reader *r) =
      \at(r->rest.length, L2) <= \at(r->rest.length, L1) &&
      \base_addr{L2}(\at(r->rest.at, L2)) == \base_addr{L1}(\at(r->rest.at, L1)) &&
      (\at(r->form, L2) == SSH_FORM_GOOD ==> \at(r->form, L1) == SSH_FORM_GOOD);

    // It has taken this string.
    predicate reader_took{L1,L2}(struct reader *r, struct slice string) =
      string.at == \at(r->rest.at, L1) + 4 &&
      string.length == packed_length{L1}(\at(r->rest.at, L1)) &&
      \at(r->rest.at, L2) == string.at + string.length &&
      \at(r->rest.length, L2) + 4 + string.length == \at(r->rest.length, L1);

    // It went on by so many bytes.
    predicate reader_went{L1,L2}(struct reader *r, integer bytes) =
      \at(r->rest.at, L2) == \at(r->rest.at, L1) + bytes &&
      \at(r->rest.length, L2) + bytes == \at(r->rest.length, L1);
*/

/*@ requires \valid(reader) && fault != SSH_FORM_GOOD;
    assigns reader->form;
    ensures reader->form == SSH_FORM_GOOD ==> good && \old(reader->form) == SSH_FORM_GOOD;
*/
static void expect(struct reader *reader, bool good, enum ssh_form fault)
{
	if (reader->form == SSH_FORM_GOOD && !good)
		reader->form = fault;
}

/*@ requires reader_ready(reader) && bytes <= 8;
    assigns reader->rest.at, reader->rest.length, reader->form;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures reader->form == SSH_FORM_GOOD ==> \old(reader->form) == SSH_FORM_GOOD &&
      reader->rest.length + bytes == \old(reader->rest.length);
    ensures bytes <= 4 ==> \result <= UINT32_MAX;
*/
static uint64_t take_number(struct reader *reader, unsigned bytes)
{
	uint64_t value = 0;
	unsigned i;

	expect(reader, reader->rest.length >= bytes, SSH_FORM_TRUNCATED);
	if (reader->form != SSH_FORM_GOOD)
		return 0;
	/*@ loop invariant 0 <= i <= bytes;
	    loop invariant i == 0 ==> value == 0;
	    loop invariant i == 1 ==> value < 0x100;
	    loop invariant i == 2 ==> value < 0x10000;
	    loop invariant i == 3 ==> value < 0x1000000;
	    loop invariant i == 4 ==> value < 0x100000000;
	    loop invariant i == 5 ==> value < 0x10000000000;
	    loop invariant i == 6 ==> value < 0x1000000000000;
	    loop invariant i == 7 ==> value < 0x100000000000000;
	    loop assigns value, i;
	    loop variant bytes - i; */
	for (i = 0; i < bytes; i++)
		value = 256u * value + reader->rest.at[i];
	reader->rest.at += bytes;
	reader->rest.length -= bytes;
	return value;
}

/* Empty once there is a fault. */
/*@ requires reader_ready(reader);
    assigns reader->rest.at, reader->rest.length, reader->form;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures \result.length <= FACTS_DOCUMENT_MAX;
    ensures \valid_read(\result.at + (0 .. \result.length - 1));
    ensures \base_addr(\result.at) == \base_addr(\old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==> reader_took{Old,Here}(reader, \result);
*/
static struct slice take_string(struct reader *reader)
{
	struct slice rest = reader->rest, item = { rest.at, 0 };

	if (reader->form != SSH_FORM_GOOD)
		return item;
	if (!facts_next_item(&rest, &item))
		reader->form = SSH_FORM_TRUNCATED;
	reader->rest.at = rest.at;
	reader->rest.length = rest.length;
	return item;
}

/* A positive mpint in its one minimal form (RFC 4251 section 5), without the zero byte
 * that keeps it positive. */
/*@ requires reader_ready(reader);
    assigns reader->rest.at, reader->rest.length, reader->form;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures reader->form == SSH_FORM_GOOD ==> \result.length > 0 && \result.at[0] != 0;
    ensures facts_part(\result.at, \result.length, \old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==>
      reader_went{Old,Here}(reader, string_end(\old(reader->rest.at)));
    ensures reader->form == SSH_FORM_GOOD ==>
      key_string(\old(reader->rest.at), KEY_RSA, \result.at, \result.length);
*/
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

/*@ requires facts_slice(name.at, name.length) && KEY_RSA <= kind < KEY_KIND_COUNT;
    assigns \nothing;
    ensures \result && !certificate ==> names_kind(name.at, name.length, kind);
*/
static bool is_type_name(struct slice name, enum key_kind kind, bool certificate)
{
	return slice_same(name, type_name(kind, certificate));
}

/*@ requires reader_ready(reader);
    assigns reader->rest.at, reader->rest.length, reader->form;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures KEY_RSA <= \result < KEY_KIND_COUNT;
    ensures reader->form == SSH_FORM_GOOD ==>
      reader_went{Old,Here}(reader, string_end(\old(reader->rest.at)));
    ensures reader->form == SSH_FORM_GOOD && !certificate ==>
      blob_named(\old(reader->rest.at), \result);
*/
static enum key_kind take_kind(struct reader *reader, bool certificate)
{
	struct slice name = take_string(reader);
	unsigned i;

	/*@ loop invariant i <= KEY_KIND_COUNT;
	    loop assigns i;
	    loop variant KEY_KIND_COUNT - i; */
	for (i = 0; i < KEY_KIND_COUNT; i++)
		if (is_type_name(name, (enum key_kind)i, certificate))
			return (enum key_kind)i;
	expect(reader, false, SSH_FORM_KEY_TYPE);
	return KEY_RSA;
}

/* What stands before the key itself: RSA's exponent, which is returned, or a curve. */
/*@ requires reader_ready(reader) && KEY_RSA <= kind < KEY_KIND_COUNT;
    assigns reader->rest.at, reader->rest.length, reader->form;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures facts_part(\result.at, \result.length, \old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==>
      reader_went{Old,Here}(reader, key_offset(\old(reader->rest.at), kind));
*/
static struct slice take_parameter(struct reader *reader, enum key_kind kind)
{
	struct slice none = { reader->rest.at, 0 };

	if (kind == KEY_RSA)
		return take_mpint(reader);
	if (kind != KEY_ED25519)
		expect(reader, slice_same(take_string(reader), curve_name(kind)),
		    SSH_FORM_SUBJECT_KEY);
	return none;
}

/*@ requires reader_ready(reader) && KEY_RSA <= kind < KEY_KIND_COUNT;
    assigns reader->rest.at, reader->rest.length, reader->form;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures facts_part(\result.at, \result.length, \old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==>
      reader_went{Old,Here}(reader, string_end(\old(reader->rest.at)));
    ensures reader->form == SSH_FORM_GOOD ==>
      key_string(\old(reader->rest.at), kind, \result.at, \result.length);
*/
static struct slice take_key(struct reader *reader, enum key_kind kind)
{
	struct slice key;

	if (kind == KEY_RSA)
		return take_mpint(reader);
	key = take_string(reader);
	expect(reader,
	    key.length == key_length(kind) &&
		(kind == KEY_ED25519 || key.at[0] == POINT_UNCOMPRESSED),
	    SSH_FORM_SUBJECT_KEY);
	return key;
}

/*@ requires reader_ready(reader) && \valid(facts) && \separated(reader, facts);
    requires KEY_RSA <= kind < KEY_KIND_COUNT;
    assigns reader->rest.at, reader->rest.length, reader->form, facts->subject_kind,
      facts->subject_key, facts->subject_key_length, facts->subject_exponent,
      facts->subject_exponent_length;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures facts->subject_kind == kind;
    ensures facts_part(facts->subject_key, facts->subject_key_length,
      \old(reader->rest.at));
    ensures facts_part(facts->subject_exponent, facts->subject_exponent_length,
      \old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==> key_behind_name(\old(reader->rest.at),
      \old(reader->rest.length) - reader->rest.length, kind, facts->subject_key,
      facts->subject_key_length);
*/
static void read_key(struct reader *reader, enum key_kind kind, struct facts *facts)
{
	struct slice exponent = take_parameter(reader, kind);
	struct slice key = take_key(reader, kind);

	facts->subject_kind = kind;
	facts->subject_exponent = exponent.at;
	facts->subject_exponent_length = exponent.length;
	facts->subject_key = key.at;
	facts->subject_key_length = key.length;
}

bool ssh_key_read(const uint8_t *blob, size_t length, struct facts *out)
{
	struct reader reader = { { blob, length }, SSH_FORM_GOOD };

	if (length > FACTS_DOCUMENT_MAX)
		return false;
	read_key(&reader, take_kind(&reader, false), out);
	return reader.form == SSH_FORM_GOOD && reader.rest.length == 0;
}

/* A list as it lies in the document, and how many it holds. */
struct list {
	const uint8_t *at;
	size_t length;
	uint32_t count;
};

/*@ requires reader_ready(reader);
    assigns reader->rest.at, reader->rest.length, reader->form;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures \result.length <= FACTS_DOCUMENT_MAX;
    ensures \valid_read(\result.at + (0 .. \result.length - 1));
    ensures \base_addr(\result.at) == \base_addr(\old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==> \result.count <= FACTS_PRINCIPALS_MAX;
*/
static struct list take_principals(struct reader *reader)
{
	struct slice principals = take_string(reader), rest = principals, item;
	uint32_t count = 0;

	/*@ loop invariant count <= FACTS_PRINCIPALS_MAX + 1;
	    loop invariant facts_slice(rest.at, rest.length);
	    loop assigns rest, item, count;
	    loop variant rest.length; */
	while (count <= FACTS_PRINCIPALS_MAX && facts_next_item(&rest, &item))
		count++;
	expect(reader, rest.length == 0 && count <= FACTS_PRINCIPALS_MAX,
	    SSH_FORM_PRINCIPALS);
	return (struct list){ principals.at, principals.length, count };
}

/*@ requires reader_ready(reader) && fault != SSH_FORM_GOOD;
    assigns reader->rest.at, reader->rest.length, reader->form;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures \result.length <= FACTS_DOCUMENT_MAX;
    ensures \valid_read(\result.at + (0 .. \result.length - 1));
    ensures \base_addr(\result.at) == \base_addr(\old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==> \result.count <= FACTS_OPTIONS_MAX;
*/
static struct list take_options(struct reader *reader, enum ssh_form fault)
{
	struct slice options = take_string(reader), rest = options, last = { NULL, 0 };
	struct named_value option;
	uint32_t count = 0;

	/*@ loop invariant count <= FACTS_OPTIONS_MAX + 1;
	    loop invariant facts_slice(rest.at, rest.length);
	    loop invariant facts_slice(last.at, last.length);
	    loop invariant reader->form == SSH_FORM_GOOD ==>
	      \at(reader->form, Pre) == SSH_FORM_GOOD;
	    loop assigns rest, option, count, last, reader->form;
	    loop variant rest.length; */
	while (count <= FACTS_OPTIONS_MAX && facts_next_option(&rest, &option)) {
		expect(reader, count == 0 || slice_before(last, option.name), fault);
		last = option.name;
		count++;
	}
	expect(reader, rest.length == 0 && count <= FACTS_OPTIONS_MAX, fault);
	return (struct list){ options.at, options.length, count };
}

#define SET_SLICE(facts, member, slice)                                                  \
	((facts)->member = (slice).at, (facts)->member##_length = (slice).length)
#define SET_LIST(facts, member, list)                                                    \
	(SET_SLICE(facts, member, list), (facts)->member##_count = (list).count)

/* From the type through the end of validity. */
/*@ requires reader_ready(reader) && \valid(facts) && \separated(reader, facts);
    assigns reader->rest.at, reader->rest.length, reader->form, facts->ssh_type,
      facts->key_id, facts->key_id_length, facts->principals, facts->principals_length,
      facts->principals_count, facts->valid_after, facts->valid_before;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures facts_part(facts->key_id, facts->key_id_length, \old(reader->rest.at));
    ensures facts_part(facts->principals, facts->principals_length,
      \old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==>
      facts->ssh_type == SSH_CERTIFICATE_USER || facts->ssh_type == SSH_CERTIFICATE_HOST;
    ensures reader->form == SSH_FORM_GOOD ==>
      facts->principals_count <= FACTS_PRINCIPALS_MAX;
*/
static void read_identity(struct reader *reader, struct facts *facts)
{
	uint32_t type = (uint32_t)take_number(reader, 4);
	struct slice key_id;
	struct list principals;

	expect(reader, type == SSH_CERTIFICATE_USER || type == SSH_CERTIFICATE_HOST,
	    SSH_FORM_TYPE);
	key_id = take_string(reader);
	principals = take_principals(reader);
	facts->valid_after = take_number(reader, 8);
	facts->valid_before = take_number(reader, 8);
	facts->ssh_type = type;
	SET_SLICE(facts, key_id, key_id);
	SET_LIST(facts, principals, principals);
}

/*@ requires facts_slice(blob.at, blob.length);
    assigns \nothing;
*/
static bool is_key(struct slice blob)
{
	struct facts key;

	return ssh_key_read(blob.at, blob.length, &key);
}

/* From the critical options to the end. */
/*@ requires reader_ready(reader) && \valid(facts) && \separated(reader, facts);
    assigns reader->rest.at, reader->rest.length, reader->form,
      facts->critical_options, facts->critical_options_length,
      facts->critical_options_count, facts->extensions, facts->extensions_length,
      facts->extensions_count, facts->signature_key, facts->signature_key_length;
    ensures facts_part(facts->critical_options, facts->critical_options_length,
      \old(reader->rest.at));
    ensures facts_part(facts->extensions, facts->extensions_length,
      \old(reader->rest.at));
    ensures facts_part(facts->signature_key, facts->signature_key_length,
      \old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==> \old(reader->form) == SSH_FORM_GOOD;
    ensures reader->form == SSH_FORM_GOOD ==> reader->rest.length == 0;
    ensures reader->form == SSH_FORM_GOOD ==>
      facts->critical_options_count <= FACTS_OPTIONS_MAX;
    ensures reader->form == SSH_FORM_GOOD ==>
      facts->extensions_count <= FACTS_OPTIONS_MAX;
*/
static void read_rest(struct reader *reader, struct facts *facts)
{
	struct list critical_options = take_options(reader, SSH_FORM_CRITICAL_OPTIONS);
	struct list extensions = take_options(reader, SSH_FORM_EXTENSIONS);
	struct slice key;

	expect(reader, take_string(reader).length == 0, SSH_FORM_RESERVED);
	key = take_string(reader);
	expect(reader, is_key(key), SSH_FORM_SIGNATURE_KEY);
	expect(reader, reader->rest.length == 0, SSH_FORM_TRAILING);
	SET_LIST(facts, critical_options, critical_options);
	SET_LIST(facts, extensions, extensions);
	SET_SLICE(facts, signature_key, key);
}

/* From the certificate's kind through the serial. */
/*@ requires reader_ready(reader) && \valid(facts) && \separated(reader, facts);
    requires reader->rest.length == length;
    assigns reader->rest.at, reader->rest.length, reader->form, facts->subject_kind,
      facts->subject_key, facts->subject_key_length, facts->subject_exponent,
      facts->subject_exponent_length, facts->nonce, facts->nonce_length,
      facts->serial, facts->serial_at;
    ensures reader_ready(reader) && reader_stays{Old,Here}(reader);
    ensures KEY_RSA <= facts->subject_kind < KEY_KIND_COUNT;
    ensures facts_part(facts->subject_key, facts->subject_key_length,
      \old(reader->rest.at));
    ensures facts_part(facts->subject_exponent, facts->subject_exponent_length,
      \old(reader->rest.at));
    ensures facts_part(facts->nonce, facts->nonce_length, \old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==> facts->nonce_length == SSH_NONCE_LENGTH;
    ensures reader->form == SSH_FORM_GOOD ==> facts->serial_at + 8 <= length;
*/
static void read_subject(struct reader *reader, size_t length, struct facts *facts)
{
	enum key_kind kind = take_kind(reader, true);
	struct slice nonce = take_string(reader);

	expect(reader, nonce.length == SSH_NONCE_LENGTH, SSH_FORM_NONCE);
	read_key(reader, kind, facts);
	facts->serial_at = length - reader->rest.length;
	facts->serial = take_number(reader, 8);
	SET_SLICE(facts, nonce, nonce);
}

/*@ requires reader_ready(reader) && \valid(facts) && \separated(reader, facts);
    requires reader->rest.length == length && facts_without_x509(facts);
    assigns reader->rest.at, reader->rest.length, reader->form, *facts;
    ensures facts_without_x509(facts);
    ensures KEY_RSA <= facts->subject_kind < KEY_KIND_COUNT;
    ensures facts_part(facts->subject_key, facts->subject_key_length,
      \old(reader->rest.at));
    ensures facts_part(facts->subject_exponent, facts->subject_exponent_length,
      \old(reader->rest.at));
    ensures facts_part(facts->nonce, facts->nonce_length, \old(reader->rest.at));
    ensures facts_part(facts->key_id, facts->key_id_length, \old(reader->rest.at));
    ensures facts_part(facts->principals, facts->principals_length,
      \old(reader->rest.at));
    ensures facts_part(facts->critical_options, facts->critical_options_length,
      \old(reader->rest.at));
    ensures facts_part(facts->extensions, facts->extensions_length,
      \old(reader->rest.at));
    ensures facts_part(facts->signature_key, facts->signature_key_length,
      \old(reader->rest.at));
    ensures reader->form == SSH_FORM_GOOD ==> facts->nonce_length == SSH_NONCE_LENGTH;
    ensures reader->form == SSH_FORM_GOOD ==>
      facts->ssh_type == SSH_CERTIFICATE_USER || facts->ssh_type == SSH_CERTIFICATE_HOST;
    ensures reader->form == SSH_FORM_GOOD ==>
      facts->principals_count <= FACTS_PRINCIPALS_MAX;
    ensures reader->form == SSH_FORM_GOOD ==>
      facts->critical_options_count <= FACTS_OPTIONS_MAX;
    ensures reader->form == SSH_FORM_GOOD ==>
      facts->extensions_count <= FACTS_OPTIONS_MAX;
    ensures reader->form == SSH_FORM_GOOD ==> facts->serial_at + 8 <= length;
*/
static void read_fields(struct reader *reader, size_t length, struct facts *facts)
{
	read_subject(reader, length, facts);
	/*@ assert facts_without_x509(facts); */
	read_identity(reader, facts);
	/*@ assert facts_without_x509(facts); */
	read_rest(reader, facts);
	/*@ assert facts_without_x509(facts); */
}

enum ssh_form ssh_certificate_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	struct reader reader = { { bytes, length }, SSH_FORM_GOOD };
	enum ssh_form form;

	facts_clear(out);
	if (length > FACTS_DOCUMENT_MAX)
		return SSH_FORM_OVERSIZED;
	read_fields(&reader, length, out);
	form = reader.form;
	if (form != SSH_FORM_GOOD)
		facts_clear(out);
	return form;
}

/*@ requires der_writable(to) && bytes <= 8;
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to);
*/
static void put_number(struct der_sink *to, uint64_t value, unsigned bytes)
{
	uint8_t number[8];
	unsigned i;

	/*@ loop invariant i <= bytes;
	    loop assigns i, value, number[0 .. 7];
	    loop variant i; */
	for (i = bytes; i > 0; value /= 256)
		number[--i] = (uint8_t)(value % 256);
	der_put_bytes(to, number, bytes);
}

/*@ requires der_writable(to) && facts_slice(string.at, string.length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to);
*/
static void put_string(struct der_sink *to, struct slice string)
{
	put_number(to, string.length, 4);
	der_put_bytes(to, string.at, string.length);
}

/*@ requires der_writable(to) && facts_slice(number.at, number.length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to);
*/
static void put_mpint(struct der_sink *to, struct slice number)
{
	bool padded = number.length > 0 && number.at[0] >= 0x80;

	if (number.length == 0 || number.at[0] == 0)
		to->failed = true;
	put_number(to, number.length + padded, 4);
	put_number(to, 0, padded);
	der_put_bytes(to, number.at, number.length);
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires key_writable(facts) && KEY_RSA <= facts->subject_kind < KEY_KIND_COUNT;
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to);
*/
static void put_key(struct der_sink *to, const struct facts *facts)
{
	if (facts->subject_kind == KEY_RSA) {
		put_mpint(to, FACTS_SLICE(facts, subject_exponent));
		put_mpint(to, FACTS_SLICE(facts, subject_key));
		return;
	}
	if (facts->subject_key_length != key_length(facts->subject_kind))
		to->failed = true;
	if (facts->subject_kind != KEY_ED25519)
		put_string(to, curve_name(facts->subject_kind));
	put_string(to, FACTS_SLICE(facts, subject_key));
}

size_t ssh_key_write(const struct facts *facts, uint8_t *out, size_t room)
{
	struct der_sink to = der_sink(out, room);

	if ((unsigned)facts->subject_kind >= KEY_KIND_COUNT)
		return 0;
	put_string(&to, type_name(facts->subject_kind, false));
	put_key(&to, facts);
	return to.failed ? 0 : to.used;
}

/* The same fields as read_identity(). */
/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires facts_slice(facts->key_id, facts->key_id_length);
    requires facts_slice(facts->principals, facts->principals_length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to);
*/
static void put_identity(struct der_sink *to, const struct facts *facts)
{
	put_number(to, facts->ssh_type, 4);
	put_string(to, FACTS_SLICE(facts, key_id));
	put_string(to, FACTS_SLICE(facts, principals));
	put_number(to, facts->valid_after, 8);
	put_number(to, facts->valid_before, 8);
}

/* The same fields as read_rest(). */
/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires facts_slice(facts->critical_options, facts->critical_options_length);
    requires facts_slice(facts->extensions, facts->extensions_length);
    requires facts_slice(facts->signature_key, facts->signature_key_length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to);
*/
static void put_rest(struct der_sink *to, const struct facts *facts)
{
	put_string(to, FACTS_SLICE(facts, critical_options));
	put_string(to, FACTS_SLICE(facts, extensions));
	put_number(to, 0, 4); /* reserved */
	put_string(to, FACTS_SLICE(facts, signature_key));
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires ssh_writable(facts) && KEY_RSA <= facts->subject_kind < KEY_KIND_COUNT;
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to);
*/
static void put_fields(struct der_sink *to, const struct facts *facts)
{
	put_string(to, type_name(facts->subject_kind, true));
	put_string(to, FACTS_SLICE(facts, nonce));
	put_key(to, facts);
	put_number(to, facts->serial, 8);
	put_identity(to, facts);
	put_rest(to, facts);
}

size_t ssh_certificate_write(const struct facts *facts, uint8_t *out, size_t room)
{
	struct der_sink to = der_sink(out, room);

	if ((unsigned)facts->subject_kind >= KEY_KIND_COUNT)
		return 0;
	put_fields(&to, facts);
	return to.failed ? 0 : to.used;
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
	return (unsigned)kind < KEY_KIND_COUNT ? (const char *)kinds[kind].key.text
					       : "unknown";
}

const char *ssh_certificate_type_name(enum key_kind kind)
{
	return (unsigned)kind < KEY_KIND_COUNT
		   ? (const char *)kinds[kind].certificate.text
		   : "unknown";
}
