/* Reader and writer of CRLs; x509_crl.h has what is accepted. */
#include "policy/x509_crl.h"

#include "policy/bytes.h"

bool x509_next_revoked(struct slice *list, struct x509_revoked *out)
{
	struct slice entry;

	return der_take(list, DER_SEQUENCE, &entry) &&
	       der_take_positive(&entry, X509_SERIAL_MAX, &out->serial) &&
	       der_take_time(&entry, &out->date) && entry.length == 0;
}

void x509_put_revoked(struct der_sink *to, const struct x509_revoked *revoked)
{
	size_t opened = der_open(to);

	if (revoked->serial.length > X509_SERIAL_MAX ||
	    !der_is_positive(&revoked->serial))
		to->failed = true;
	der_put(to, DER_INTEGER, revoked->serial.at, revoked->serial.length);
	der_put_time(to, revoked->date);
	der_close(to, opened, DER_SEQUENCE);
}

/* Of minimal positive INTEGERs the longer is the larger. */
/*@ requires der_readable(a.at, a.length) && der_readable(b.at, b.length);
    assigns \nothing;
*/
static bool is_below(struct slice a, struct slice b)
{
	return a.length < b.length ||
	       (a.length == b.length && bytes_order(a.at, b.at, a.length) < 0);
}

/* The packed list, which is empty when there is none. */
/*@ requires \valid(from) && \valid(out) && \separated(from, out);
    requires der_readable(from->at, from->length);
    assigns *from, *out;
    ensures der_readable(from->at, from->length);
    ensures \result ==> der_readable(out->at, out->length);
*/
static bool take_revoked(struct slice *from, struct slice *out)
{
	struct x509_revoked revoked;
	struct slice list, last = { from->at, 0 };

	*out = last;
	if (!der_next_is(from, DER_SEQUENCE))
		return true;
	if (!der_take(from, DER_SEQUENCE, &list) || list.length == 0)
		return false;
	*out = list;
	/*@ loop invariant der_readable(list.at, list.length);
	    loop invariant der_readable(last.at, last.length);
	    loop assigns list, last, revoked;
	    loop variant list.length; */
	for (; list.length > 0; last = revoked.serial)
		if (!x509_next_revoked(&list, &revoked) ||
		    !is_below(last, revoked.serial))
			return false;
	return true;
}

/*@ requires der_readable(list.at, list.length) && \valid(facts);
    assigns facts->x509_authority_key_id, facts->x509_authority_key_id_length,
      facts->x509_crl_number;
    ensures \result == X509_FORM_GOOD ==>
      der_readable(facts->x509_authority_key_id, facts->x509_authority_key_id_length);
*/
static enum x509_form read_extensions(struct slice list, struct facts *facts)
{
	const struct slice authority_key_id =
	    x509_take_extension(&list, X509_CE_AUTHORITY_KEY_ID, false);
	const struct slice id = x509_read_authority_key_id(authority_key_id);
	struct slice number = x509_take_extension(&list, X509_CE_CRL_NUMBER, false);

	if (list.length > 0)
		return X509_FORM_EXTENSION;
	if (id.length == 0)
		return X509_FORM_AUTHORITY_KEY_ID;
	X509_SET(facts, x509_authority_key_id, id);
	if (!der_take_number(&number, &facts->x509_crl_number) || number.length != 0)
		return X509_FORM_CRL_NUMBER;
	return X509_FORM_GOOD;
}

/*@ requires der_readable(from.at, from.length) && \valid(facts);
    requires facts_without_ssh(facts);
    assigns *facts;
    ensures facts_without_ssh(facts);
    ensures \result == X509_FORM_GOOD ==> x509_crl_facts(facts);
*/
static enum x509_form read_fields(struct slice from, struct facts *facts)
{
	struct slice issuer, revoked, extensions;
	uint32_t version;

	if (!der_take_number(&from, &version) || version != 1)
		return X509_FORM_VERSION;
	if (!x509_take_signature(&from, &facts->x509_signature))
		return X509_FORM_SIGNATURE;
	if (!x509_take_name(&from, &issuer) || issuer.length == 0)
		return X509_FORM_ISSUER;
	if (!der_take_time(&from, &facts->x509_not_before) ||
	    !der_take_time(&from, &facts->x509_not_after))
		return X509_FORM_VALIDITY;
	if (!take_revoked(&from, &revoked))
		return X509_FORM_REVOKED;
	if (!x509_read_extensions(from, DER_EXPLICIT(0), &extensions))
		return X509_FORM_FRAME;
	X509_SET(facts, x509_issuer, issuer);
	X509_SET(facts, x509_revoked, revoked);
	return read_extensions(extensions, facts);
}

enum x509_form x509_crl_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	struct slice fields;
	enum x509_form form;

	facts_clear(out);
	if (length > FACTS_DOCUMENT_MAX)
		return X509_FORM_OVERSIZED;
	if (!der_take_whole((struct slice){ bytes, length }, DER_SEQUENCE, &fields))
		return X509_FORM_FRAME;
	form = read_fields(fields, out);
	if (form != X509_FORM_GOOD)
		facts_clear(out);
	return form;
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires der_readable(facts->x509_authority_key_id,
      facts->x509_authority_key_id_length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_extensions(struct der_sink *to, const struct facts *facts)
{
	const size_t opened = der_open(to), list = der_open(to);
	struct x509_opened number;

	x509_put_authority_key_id(to, FACTS_SLICE(facts, x509_authority_key_id));
	number = x509_open_extension(to, X509_CE_CRL_NUMBER, false);
	der_put_number(to, facts->x509_crl_number);
	x509_close_extension(to, number);
	der_close(to, list, DER_SEQUENCE);
	der_close(to, opened, DER_EXPLICIT(0));
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires x509_crl_parts(facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_fields(struct der_sink *to, const struct facts *facts)
{
	const size_t whole = der_open(to);

	der_put_number(to, 1); /* v2 */
	x509_put_signature(to, facts->x509_signature);
	der_put(to, DER_SEQUENCE, facts->x509_issuer, facts->x509_issuer_length);
	der_put_time(to, facts->x509_not_before);
	der_put_time(to, facts->x509_not_after);
	if (facts->x509_revoked_length != 0)
		der_put(
		    to, DER_SEQUENCE, facts->x509_revoked, facts->x509_revoked_length);
	put_extensions(to, facts);
	der_close(to, whole, DER_SEQUENCE);
}

size_t x509_crl_write(const struct facts *facts, uint8_t *out, size_t room)
{
	struct der_sink to = der_sink(out, room);

	put_fields(&to, facts);
	return to.failed ? 0 : to.used;
}
