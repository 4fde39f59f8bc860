/*
 * What no line of the policy can switch off: what all documents share, and SSH
 * certificates; X.509's are in invariants_x509.c. Each function is one promise of a
 * permit; ssh_holds() and x509_holds() list them. They hold or the document is refused
 * with the fact, the value and a sentence.
 */
#include "policy/invariants.h"

#include "policy/record.h"
#include "policy/ssh_certificate.h"
#include "policy/teleport.h"

#include "policy/bytes.h"

#define RSA_BITS_MIN	   2048
#define RSA_BITS_MAX	   16384
#define RSA_EXPONENT_MIN   65537
#define RSA_EXPONENT_BYTES 8
#define KEY_ID_MAX	   1024
#define ED25519_LENGTH	   32

bool refuse_bytes(
    struct decision *out, enum fact fact, struct slice value, const char *why)
{
	decision_refuse(out, VERDICT_INVARIANT, fact, value, why);
	return false;
}

bool refuse_text(struct decision *out, enum fact fact, const char *value, const char *why)
{
	return refuse_bytes(out, fact, slice_of(value), why);
}

void append_number(struct decision *out, uint64_t number)
{
	uint8_t digits[NUMBER_DIGITS];
	const size_t at = text_digits(number, digits);

	decision_append(out, (struct slice){ digits + at, NUMBER_DIGITS - at });
}

bool refuse_number(struct decision *out, enum fact fact, uint64_t value, const char *why)
{
	refuse_text(out, fact, "", why);
	append_number(out, value);
	return false;
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result && (check->request->document == DOCUMENT_SSH_USER ||
      check->request->document == DOCUMENT_SSH_HOST ||
      check->request->document == DOCUMENT_X509_USER ||
      check->request->document == DOCUMENT_X509_HOST) ==>
      promised_ca(check->issuer, check->request);
*/
static bool document_fits_ca(const struct check *check, struct decision *out)
{
	const struct issuer *issuer = check->issuer;

	return must(out,
	    document_fits(check->request->document, issuer->ca, issuer->purpose), FACT_CA,
	    ca_name(issuer->ca),
	    "this CA's key of this purpose does not sign such documents");
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_type(check->request, check->facts);
*/
static bool type_is_documents(const struct check *check, struct decision *out)
{
	uint32_t type = check->facts->ssh_type;
	bool host = check->request->document == DOCUMENT_SSH_HOST;

	return must(out, type == (host ? SSH_CERTIFICATE_HOST : SSH_CERTIFICATE_USER),
	    FACT_FORM,
	    type == SSH_CERTIFICATE_HOST ? "host certificate" : "user certificate",
	    "the certificate's type is not the document's");
}

bool issuer_key_fits(const struct check *check, struct decision *out)
{
	const struct issuer *issuer = check->issuer;
	struct facts read;

	return must(out,
	    ssh_key_read(issuer->public_key, issuer->public_key_length, &read) &&
		read.subject_kind == issuer->key_kind,
	    FACT_SIGNATURE_ALGORITHM, key_kind_name(issuer->key_kind),
	    "the CA's public key is not of the kind that its private key is");
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_signer(check->issuer, check->facts);
    ensures \result ==> promised_issuer_key(check->issuer);
*/
static bool signed_by_issuer(const struct check *check, struct decision *out)
{
	struct slice key = FACTS_SLICE(check->issuer, public_key);

	return must(out,
		   key.length > 0 &&
		       slice_same(key, FACTS_SLICE(check->facts, signature_key)),
		   FACT_ISSUER, ca_name(check->issuer->ca),
		   "the signature key is not the key that this CA signs with now") &&
	       issuer_key_fits(check, out);
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> check->facts->serial == 0;
*/
static bool serial_is_unstamped(const struct check *check, struct decision *out)
{
	return must_number(out, check->facts->serial == 0, FACT_SERIAL,
	    check->facts->serial, "the serial must be zero, the broker stamps it");
}

/* All comparisons are of seconds within 0 .. INT64_MAX, so that none can wrap. The worker
 * asks for a rule's ttl before it knows the validity. */
bool validity_holds(
    const struct check *check, struct decision *out, uint64_t start, uint64_t end)
{
	int64_t clock = check->request->now, ca_end = check->issuer->not_after;
	uint64_t now = (uint64_t)clock;

	if (check->request->ignore_ttl)
		return true;
	return must_number(out,
		   clock >= VALIDITY_PAST && clock <= INT64_MAX - VALIDITY_FUTURE,
		   FACT_VALIDITY, start,
		   "the clock is not at a time at which documents can be issued") &&
	       must_number(out, start >= now - VALIDITY_PAST, FACT_VALIDITY, start,
		   "the validity starts more than five minutes ago") &&
	       must_number(out, start <= now + VALIDITY_FUTURE, FACT_VALIDITY, start,
		   "the validity starts more than one minute ahead") &&
	       must_number(out, end <= INT64_MAX, FACT_VALIDITY, end,
		   "the validity has no end") &&
	       must_number(out, end > start, FACT_VALIDITY, end,
		   "the validity ends before it starts") &&
	       must_number(out, ca_end >= 0 && end <= (uint64_t)ca_end, FACT_VALIDITY,
		   end, "the validity ends after the CA's own certificate");
}

/* Of a number without leading zeros. */
/*@ requires facts_slice(number.at, number.length);
    assigns \nothing;
    ensures \result <= 8 * number.length;
    ensures number.length == 0 ==> \result == 0;
    ensures number.length > 0 && number.at[0] >= 0x80 ==> \result == 8 * number.length;
    ensures number.length > 0 && number.at[0] > 0 ==> \result > 8 * (number.length - 1);
    ensures number.length > 0 && 0 < number.at[0] < 0x80 ==> \result < 8 * number.length;
*/
static size_t bits_of(struct slice number)
{
	size_t bits = number.length * 8;
	unsigned top = number.length > 0 ? number.at[0] : 0x80;

	/*@ loop invariant top <= 0xff && bits <= number.length * 8;
	    loop invariant number.length == 0 ==> top == 0x80 && bits == 0;
	    loop invariant number.length > 0 && number.at[0] > 0 ==>
	      number.at[0] <= top && bits + 7 >= number.length * 8 &&
	      (top < 0x02 ==> bits == number.length * 8) &&
	      (top < 0x04 ==> bits + 1 >= number.length * 8) &&
	      (top < 0x08 ==> bits + 2 >= number.length * 8) &&
	      (top < 0x10 ==> bits + 3 >= number.length * 8) &&
	      (top < 0x20 ==> bits + 4 >= number.length * 8) &&
	      (top < 0x40 ==> bits + 5 >= number.length * 8) &&
	      (top < 0x80 ==> bits + 6 >= number.length * 8);
	    loop invariant number.length > 0 && 0 < number.at[0] < 0x80 ==>
	      top == number.at[0] || bits < number.length * 8;
	    loop invariant number.length > 0 && number.at[0] == 0 ==> top == 0;
	    loop invariant number.length > 0 && number.at[0] >= 0x80 ==>
	      top == number.at[0] && bits == number.length * 8;
	    loop assigns top, bits;
	    loop variant 0x80 - top; */
	for (; top > 0 && top < 0x80; top *= 2)
		bits--;
	return bits;
}

/*@ requires \valid(out);
    assigns *out;
    ensures !\result;
*/
static bool refuse_rsa(struct decision *out, size_t bits, const char *why)
{
	refuse_text(out, FACT_SUBJECT_KEY, "RSA ", why);
	append_number(out, bits);
	return false;
}

/* An exponent of at most eight bytes as a number. */
/*@ requires facts_slice(exponent.at, exponent.length);
    assigns \nothing;
    ensures exponent.length <= RSA_EXPONENT_BYTES && \result >= 0x10000 ==>
      exponent.length > 2;
    ensures exponent.length <= RSA_EXPONENT_BYTES && \result >= 0x10000 ==>
      !(\forall integer k; 0 <= k < exponent.length - 2 ==> exponent.at[k] == 0);
    ensures 0 < exponent.length <= RSA_EXPONENT_BYTES ==>
      \result % 2 == exponent.at[exponent.length - 1] % 2;
*/
static uint64_t exponent_of(struct slice exponent)
{
	uint64_t value = 0;
	size_t i;

	/*@ loop invariant i <= exponent.length && i <= RSA_EXPONENT_BYTES;
	    loop invariant i == 0 ==> value == 0;
	    loop invariant i == 1 ==> value < 0x100;
	    loop invariant i == 2 ==> value < 0x10000;
	    loop invariant i == 3 ==> value < 0x1000000;
	    loop invariant i == 4 ==> value < 0x100000000;
	    loop invariant i == 5 ==> value < 0x10000000000;
	    loop invariant i == 6 ==> value < 0x1000000000000;
	    loop invariant i == 7 ==> value < 0x100000000000000;
	    loop invariant i > 0 ==> value % 2 == exponent.at[i - 1] % 2;
	    loop invariant (\forall integer k; 0 <= k < i ==> exponent.at[k] == 0) ==>
	      value == 0;
	    loop invariant (\forall integer k; 0 <= k < i - 1 ==> exponent.at[k] == 0) ==>
	      value < 0x100;
	    loop invariant (\forall integer k; 0 <= k < i - 2 ==> exponent.at[k] == 0) ==>
	      value < 0x10000;
	    loop assigns i, value;
	    loop variant exponent.length - i; */
	for (i = 0; i < exponent.length && i < RSA_EXPONENT_BYTES; i++)
		value = 256u * value + exponent.at[i];
	return value;
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_rsa(check->facts);
*/
static bool rsa_is_sound(const struct check *check, struct decision *out)
{
	struct slice modulus = FACTS_SLICE(check->facts, subject_key);
	struct slice exponent = FACTS_SLICE(check->facts, subject_exponent);
	size_t bits = bits_of(modulus);
	uint64_t value = exponent_of(exponent);

	return ((bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && modulus.at[0] > 0) ||
		   refuse_rsa(out, bits, "an RSA key must have 2048 to 16384 bits")) &&
	       (modulus.at[modulus.length - 1] % 2 != 0 ||
		   refuse_rsa(out, bits, "the RSA modulus is even")) &&
	       (exponent.length <= RSA_EXPONENT_BYTES ||
		   refuse_rsa(out, bits, "the RSA exponent must have at most 64 bits")) &&
	       must_number(out, value >= RSA_EXPONENT_MIN && value % 2 != 0,
		   FACT_SUBJECT_KEY, value,
		   "the RSA exponent must be odd and at least 65537");
}

/* y, which the sign of x stands above, is at least 2^255 - 19: a second encoding of a
 * small number. */
/*@ requires \valid_read(y + (0 .. 31));
    assigns \nothing;
    ensures \result ==> !(y[31] % 128 == 127 && y[0] >= 0xed &&
      (\forall integer k; 1 <= k < 31 ==> y[k] == 0xff));
*/
static bool is_canonical(const uint8_t *y)
{
	size_t i;

	/*@ loop invariant 1 <= i <= ED25519_LENGTH - 1;
	    loop assigns i;
	    loop variant ED25519_LENGTH - i; */
	for (i = 1; i < ED25519_LENGTH - 1; i++)
		if (y[i] != 0xff)
			return true;
	return y[0] < 0xed || y[ED25519_LENGTH - 1] % 0x80 != 0x7f;
}

/*@ requires \valid_read(at + (0 .. 7));
    assigns \nothing;
    ensures \result == bytes_number(at);
*/
static uint64_t number_of(const uint8_t *at)
{
	const uint64_t low = at[0] + 256u * at[1] + 65536u * at[2] + 16777216u * at[3];
	const uint64_t high = at[4] + 256u * at[5] + 65536u * at[6] + 16777216u * at[7];

	return low + 4294967296u * high;
}

/*@ requires \valid_read(y + (0 .. 31)) && d < 0x8000000000000000;
    assigns \nothing;
    ensures \result <==> point(y, a, b, c, d);
*/
static bool is_point(const uint8_t *y, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return number_of(y) == a && number_of(y + 8) == b && number_of(y + 16) == c &&
	       number_of(y + 24) % 0x8000000000000000 == d;
}

/* The points whose order divides 8 (RFC 7748, RFC 8032): y is 0, 1, -1, or that of one of
 * order 8 or of its negative. */
/*@ requires \valid_read(y + (0 .. 31));
    assigns \nothing;
    ensures \result <==> small_order(y);
*/
static bool is_small_order(const uint8_t *y)
{
	return is_point(y, 0, 0, 0, 0) || is_point(y, 1, 0, 0, 0) ||
	       is_point(y, 0xffffffffffffffec, 0xffffffffffffffff, 0xffffffffffffffff,
		   0x7fffffffffffffff) ||
	       is_point(y, 0xb027b2c28f95e826, 0xf098eff289f4c345, 0x3933c6d305acdfd5,
		   0x05fc536d880238b1) ||
	       is_point(y, 0x4fd84d3d706a17c7, 0x0f67100d760b3cba, 0xc6cc392cfa53202a,
		   0x7a03ac9277fdc74e);
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_ed25519(check->facts);
*/
static bool ed25519_is_sound(const struct check *check, struct decision *out)
{
	const uint8_t *y = check->facts->subject_key;

	return must(out, check->facts->subject_key_length == ED25519_LENGTH,
		   FACT_SUBJECT_KEY, "Ed25519", "an Ed25519 key has 32 bytes") &&
	       must(out, is_canonical(y), FACT_SUBJECT_KEY, "Ed25519",
		   "the Ed25519 key is not in its canonical form") &&
	       must(out, !is_small_order(y), FACT_SUBJECT_KEY, "Ed25519",
		   "the Ed25519 key is a point of small order");
}

/* The curve itself is the broker's to check, with a library that knows it. */
bool subject_key_is_sound(const struct check *check, struct decision *out)
{
	switch (check->facts->subject_kind) {
	case KEY_RSA:
		return rsa_is_sound(check, out);
	case KEY_ED25519:
		return ed25519_is_sound(check, out);
	case KEY_P256:
	case KEY_P384:
	case KEY_P521:
		return true;
	case KEY_KIND_COUNT:
		break;
	}
	return must(out, false, FACT_SUBJECT_KEY, "unknown",
	    "the subject's key has no known kind");
}

/* For RSA the modulus alone decides: another exponent makes no other key pair. */
/*@ requires facts_slice(blob.at, blob.length) && facts_slice(subject.at, subject.length);
    assigns \nothing;
    ensures !\result ==>
      !blob_holds(blob.at, blob.length, kind, subject.at, subject.length);
*/
static bool is_subject(enum key_kind kind, struct slice subject, struct slice blob)
{
	struct facts key;

	/* A blob that can't be read could be any key. */
	if (!ssh_key_read(blob.at, blob.length, &key))
		return true;
	//@ assert key.subject_kind != kind ==> !blob_named(blob.at, kind);
	/*@ assert key.subject_kind == kind &&
	      blob_holds(blob.at, blob.length, kind, subject.at, subject.length) ==>
	      key.subject_key_length == subject.length &&
	      bytes_equal(key.subject_key, subject.at, subject.length); */
	return key.subject_kind == kind &&
	       slice_same(FACTS_SLICE(&key, subject_key), subject);
}

/* Takes the keys off the list's start that are not the subject's. */
/*@ requires \valid(list) && facts_slice(list->at, list->length);
    requires facts_slice(subject.at, subject.length);
    assigns *list;
    ensures facts_slice(list->at, list->length);
    ensures list->length <= \old(list->length);
    ensures list->at == \old(list->at) + (\old(list->length) - list->length);
    ensures other_keys(\old(list->at), \old(list->length) - list->length, kind,
      subject.at, subject.length);
*/
static void take_other_keys(enum key_kind kind, struct slice subject, struct slice *list)
{
	struct slice left = *list, blob;
	//@ ghost const uint8_t *all = list->at;
	//@ ghost size_t length = list->length;

	/*@ loop invariant facts_slice(list->at, list->length);
	    loop invariant left == *list && list->length <= length;
	    loop invariant list->at == all + (length - list->length);
	    loop invariant other_keys(all, length - list->length, kind, subject.at,
	      subject.length);
	    loop assigns *list, left, blob;
	    loop variant list->length; */
	while (facts_next_item(&left, &blob)) {
		//@ assert left.at == all + (length - left.length);
		//@ assert blob.at == all + ((length - list->length) + 4);
		if (is_subject(kind, subject, blob))
			break;
		/*@ assert other_key_between(all, length - list->length,
		      length - left.length, kind, subject.at, subject.length); */
		*list = left;
	}
}

bool subject_is_no_ca(const struct check *check, struct decision *out)
{
	enum key_kind kind = check->facts->subject_kind;
	struct slice subject = FACTS_SLICE(check->facts, subject_key);
	struct slice list = FACTS_SLICE(check->issuer, ca_keys), left, blob;
	bool found = is_subject(kind, subject, FACTS_SLICE(check->issuer, public_key));

	take_other_keys(kind, subject, &list);
	left = list;
	return must(out, !found && !facts_next_item(&left, &blob), FACT_SUBJECT_KEY,
		   key_kind_name(kind), "the subject's key is a CA key of this host") &&
	       must(out, list.length == 0, FACT_SUBJECT_KEY, key_kind_name(kind),
		   "the list of this host's CA keys can't be read");
}

/* `* ? ! ,` have a meaning in OpenSSH's lists of names; the rest can't be seen. */
/*@ requires facts_slice(principal.at, principal.length);
    assigns \nothing;
    ensures \result ==> plain_principal(principal.at, principal.length);
*/
static bool principal_is_plain(struct slice principal)
{
	size_t i = 0;

	/*@ loop invariant i <= principal.length;
	    loop invariant \forall integer k; 0 <= k < i ==> principal.at[k] != '*' &&
	      principal.at[k] != '?' && principal.at[k] != '!' && principal.at[k] != ',';
	    loop assigns i;
	    loop variant principal.length - i; */
	while (i < principal.length && principal.at[i] != '*' && principal.at[i] != '?' &&
	       principal.at[i] != '!' && principal.at[i] != ',')
		i++;
	return i == principal.length && text_visible(principal) && principal.length > 0 &&
	       principal.length <= FACTS_PRINCIPAL_MAX;
}

bool principal_holds(struct decision *out, struct slice principal)
{
	return principal_is_plain(principal) ||
	       refuse_bytes(out, FACT_PRINCIPALS, principal,
		   "a principal is empty, longer than 255 bytes, or has a character "
		   "other than visible ASCII or one of * ? ! ,");
}

/* Takes the plain principals off the list's start, one more than there may be at most,
 * and counts them. */
/*@ requires \valid(list) && facts_slice(list->at, list->length);
    assigns *list;
    ensures facts_slice(list->at, list->length);
    ensures list->length <= \old(list->length);
    ensures list->at == \old(list->at) + (\old(list->length) - list->length);
    ensures plain_principals(\old(list->at), \old(list->length) - list->length,
      \result);
    ensures \result <= FACTS_PRINCIPALS_MAX + 1;
*/
static unsigned take_plain_principals(struct slice *list)
{
	struct slice left = *list, principal;
	unsigned count = 0;
	//@ ghost const uint8_t *all = list->at;
	//@ ghost size_t length = list->length;

	/*@ loop invariant facts_slice(list->at, list->length);
	    loop invariant left == *list && list->length <= length;
	    loop invariant list->at == all + (length - list->length);
	    loop invariant plain_principals(all, length - list->length, count);
	    loop invariant count <= FACTS_PRINCIPALS_MAX + 1;
	    loop assigns *list, left, principal, count;
	    loop variant list->length; */
	while (count <= FACTS_PRINCIPALS_MAX && facts_next_item(&left, &principal) &&
	       principal_is_plain(principal)) {
		//@ assert left.at == all + (length - left.length);
		//@ assert principal.at == all + ((length - list->length) + 4);
		/*@ assert principal_between(all, length - list->length,
		      length - left.length); */
		*list = left;
		count++;
	}
	return count;
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_principals(check->facts);
*/
static bool principals_hold(const struct check *check, struct decision *out)
{
	struct slice list = FACTS_SLICE(check->facts, principals), left, principal;
	unsigned count = take_plain_principals(&list);

	/*@ assert list.length == 0 ==> plain_principals(check->facts->principals,
	      check->facts->principals_length, count); */
	left = list;
	return must(out, count <= FACTS_PRINCIPALS_MAX, FACT_PRINCIPALS, "",
		   "there are more than 256 principals") &&
	       (!facts_next_item(&left, &principal) || principal_holds(out, principal)) &&
	       must(out, list.length == 0, FACT_FORM, "",
		   "the principals are no packed list") &&
	       must(out, count > 0, FACT_PRINCIPALS, "",
		   "there is no principal, so the certificate would be good for every "
		   "name");
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_key_id(check->facts);
*/
static bool key_id_is_printable(const struct check *check, struct decision *out)
{
	struct slice key_id = FACTS_SLICE(check->facts, key_id);

	if (key_id.length > KEY_ID_MAX || !text_printable(key_id))
		return refuse_bytes(out, FACT_KEY_ID, key_id,
		    "the key id is longer than 1024 bytes, or not UTF-8 without control "
		    "characters");
	return true;
}

/*@ requires slice_readable(name);
    assigns \nothing;
    ensures \result <==> name.length >= 7 && begins_permit(name.at);
*/
static bool is_permit(struct slice name)
{
	const uint8_t *at = name.at;

	return name.length >= 7 && at[0] == 'p' && at[1] == 'e' && at[2] == 'r' &&
	       at[3] == 'm' && at[4] == 'i' && at[5] == 't' && at[6] == '-';
}

/* The names of roles or traits that an extension's value holds. */
/*@ requires \valid(out) && slice_readable(value);
    assigns *out;
    ensures \result && fact != FACT_NONE ==>
      value.length > 0 && teleport_form(fact, value.at, value.length);
*/
static bool names_hold(struct decision *out, enum fact fact, struct slice value)
{
	struct teleport_names unused;

	return fact == FACT_NONE || teleport_read(fact, value, &unused) ||
	       refuse_bytes(out, fact, value,
		   fact == FACT_ROLES
		       ? "teleport-roles must be {\"version\":\"v1\",\"roles\":"
			 "[\"name\"]} without blanks and escapes, of at most 256 roles"
		       : "teleport-traits must be {\"name\":[\"value\"]} without "
			 "blanks, of at most 256 names, these without escapes");
}

/*@ requires \valid(out) && slice_readable(name) && slice_readable(value);
    assigns *out;
    ensures \result ==>
      sound_option(fact, name.at, name.length, value.at, value.length);
*/
static bool option_holds(
    struct decision *out, enum fact fact, struct slice name, struct slice value)
{
	if (name.length == 0 || !text_visible(name))
		return refuse_bytes(
		    out, fact, name, "an option's name is empty or not visible ASCII");
	if (value.length > 0 && is_permit(name))
		return refuse_bytes(out, fact, name, "a permit- option has no value");
	return names_hold(
	    out, fact == FACT_EXTENSIONS ? teleport_fact(name) : FACT_NONE, value);
}

/*@ requires \valid(out) && facts_slice(all.at, all.length);
    assigns *out;
    ensures \result ==> sound_option_list(fact, all.at, all.length);
*/
static bool options_hold(struct decision *out, enum fact fact, struct slice all)
{
	struct slice list = all, left = all, last = { all.at, 0 };
	struct named_value option;
	unsigned count = 0;
	//@ ghost size_t at = 0;

	/*@ loop invariant left == list && list.length <= all.length;
	    loop invariant list.at == all.at + (all.length - list.length);
	    loop invariant count > 0 ==> last.at == all.at + (at + 4) &&
	      last.length == packed_length(all.at + at);
	    loop invariant slice_readable(last);
	    loop invariant sound_options(fact, all.at, at, all.length - list.length,
	      count);
	    loop invariant count <= FACTS_OPTIONS_MAX + 1;
	    loop assigns count, list, left, last, option, *out, at;
	    loop variant list.length; */
	while (count <= FACTS_OPTIONS_MAX && facts_next_option(&left, &option)) {
		//@ assert left.at == all.at + (all.length - left.length);
		//@ assert option.name.at == all.at + ((all.length - list.length) + 4);
		if (!option_holds(out, fact, option.name, option.value))
			return false;
		if (count > 0 && !slice_before(last, option.name))
			return refuse_bytes(out, fact, option.name,
			    "the options are not sorted by name, or have a name twice");
		/*@ assert option_of(fact, option.name.at, option.name.length,
		      option.name.at + option.name.length); */
		/*@ assert option_between(fact, all.at, all.length - list.length,
		      all.length - left.length); */
		/*@ assert count == 0 ||
		      names_ascend(all.at, at, all.length - list.length); */
		//@ ghost at = all.length - list.length;
		last = option.name;
		list = left;
		count++;
	}
	return must(out, count <= FACTS_OPTIONS_MAX, fact, "",
		   "there are more than 256 options") &&
	       must(out, list.length == 0, FACT_FORM, "",
		   "the options are no packed list");
}

bool record_line_holds(const struct check *check, struct decision *out)
{
	return must(out, record_fits(check->request->document, check->facts), FACT_FORM,
	    "", "it says more than one line of the record can hold");
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_ssh(check->issuer, check->request, check->facts);
*/
static bool ssh_holds(const struct check *check, struct decision *out)
{
	const struct facts *facts = check->facts;

	return principals_hold(check, out) && type_is_documents(check, out) &&
	       signed_by_issuer(check, out) && serial_is_unstamped(check, out) &&
	       validity_holds(check, out, facts->valid_after, facts->valid_before) &&
	       subject_key_is_sound(check, out) && subject_is_no_ca(check, out) &&
	       key_id_is_printable(check, out) &&
	       options_hold(
		   out, FACT_CRITICAL_OPTIONS, FACTS_SLICE(facts, critical_options)) &&
	       options_hold(out, FACT_EXTENSIONS, FACTS_SLICE(facts, extensions)) &&
	       record_line_holds(check, out);
}

bool policy_invariants(const struct issuer *issuer, const struct request *request,
    const struct facts *facts, struct decision *out)
{
	const struct check check = { issuer, request, facts };

	if (!document_fits_ca(&check, out))
		return false;
	if (document_is_ssh(request->document))
		return ssh_holds(&check, out);
	if (request->document == DOCUMENT_X509_USER ||
	    request->document == DOCUMENT_X509_HOST)
		return x509_holds(&check, out);
	return must(out, false, FACT_FORM, document_name(request->document),
	    "documents of this kind are not signed by this version");
}
