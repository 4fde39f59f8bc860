/* Reader and writer of CRLs; x509_crl.h has what is accepted. */
#include "policy/x509_crl.h"

#include <string.h>

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
static bool is_below(struct slice a, struct slice b)
{
	return a.length < b.length ||
	       (a.length == b.length && memcmp(a.at, b.at, a.length) < 0);
}

static bool take_revoked(struct slice *from, struct facts *facts)
{
	struct x509_revoked revoked;
	struct slice list, last = { from->at, 0 };

	if (!der_next_is(from, DER_SEQUENCE))
		return true;
	if (!der_take(from, DER_SEQUENCE, &list) || list.length == 0)
		return false;
	X509_SET(facts, x509_revoked, list);
	for (; list.length > 0; last = revoked.serial)
		if (!x509_next_revoked(&list, &revoked) ||
		    !is_below(last, revoked.serial))
			return false;
	return true;
}

static bool read_number(struct slice value, struct facts *facts)
{
	return der_take_number(&value, &facts->x509_crl_number) && value.length == 0;
}

static void put_number(struct der_sink *to, const struct facts *facts)
{
	der_put_number(to, facts->x509_crl_number);
}

/* clang-format off */
static const struct x509_extension extensions[] = {
	{ 35, X509_NEVER, true, X509_FORM_AUTHORITY_KEY_ID, x509_read_authority_key_id, x509_put_authority_key_id },
	{ 20, X509_NEVER, true, X509_FORM_CRL_NUMBER, read_number, put_number },
};
/* clang-format on */
#define EXTENSIONS (sizeof(extensions) / sizeof(extensions[0]))

static enum x509_form read_fields(struct slice from, struct facts *facts)
{
	uint32_t version;
	struct slice issuer;

	if (!der_take_number(&from, &version) || version != 1)
		return X509_FORM_VERSION;
	if (!x509_take_signature(&from, &facts->x509_signature))
		return X509_FORM_SIGNATURE;
	if (!x509_take_name(&from, &issuer) || issuer.length == 0)
		return X509_FORM_ISSUER;
	if (!der_take_time(&from, &facts->x509_not_before) ||
	    !der_take_time(&from, &facts->x509_not_after))
		return X509_FORM_VALIDITY;
	if (!take_revoked(&from, facts))
		return X509_FORM_REVOKED;
	X509_SET(facts, x509_issuer, issuer);
	return x509_read_extensions(from, DER_EXPLICIT(0), extensions, EXTENSIONS, facts);
}

enum x509_form x509_crl_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	struct slice fields;
	struct facts facts = { .subject_kind = KEY_RSA };
	enum x509_form form;

	if (length > FACTS_DOCUMENT_MAX)
		return X509_FORM_OVERSIZED;
	if (!der_take_whole((struct slice){ bytes, length }, DER_SEQUENCE, &fields))
		return X509_FORM_FRAME;
	form = read_fields(fields, &facts);
	if (form == X509_FORM_GOOD)
		*out = facts;
	return form;
}

size_t x509_crl_write(const struct facts *facts, uint8_t *out, size_t room)
{
	struct der_sink to = der_sink(out, room);
	size_t opened = der_open(&to);

	der_put_number(&to, 1); /* v2 */
	x509_put_signature(&to, facts->x509_signature);
	der_put(&to, DER_SEQUENCE, facts->x509_issuer, facts->x509_issuer_length);
	der_put_time(&to, facts->x509_not_before);
	der_put_time(&to, facts->x509_not_after);
	if (facts->x509_revoked_length != 0)
		der_put(
		    &to, DER_SEQUENCE, facts->x509_revoked, facts->x509_revoked_length);
	x509_put_extensions(&to, DER_EXPLICIT(0), extensions, EXTENSIONS, facts);
	der_close(&to, opened, DER_SEQUENCE);
	return to.failed ? 0 : to.used;
}
