/* The frame of a signed document; x509_signed.h has the contract. */
#include "policy/x509_signed.h"

bool x509_signed_read(const uint8_t *bytes, size_t length, struct x509_signed *out)
{
	struct slice document, from, content, signature;
	enum x509_signature algorithm;

	if (length > DER_MAX ||
	    !der_take_whole((struct slice){ bytes, length }, DER_SEQUENCE, &from))
		return false;
	document = from;
	if (!der_take(&from, DER_SEQUENCE, &content))
		return false;
	document.length -= from.length;
	if (!x509_take_signature(&from, &algorithm) ||
	    !der_take_bits(&from, &signature) || from.length > 0)
		return false;
	out->document = document;
	out->algorithm = algorithm;
	out->signature = signature;
	return true;
}

size_t x509_signed_write(const struct x509_signed *parts, uint8_t *out, size_t room)
{
	struct der_sink to = der_sink(out, room);
	const size_t opened = der_open(&to);

	der_put_bytes(&to, parts->document.at, parts->document.length);
	x509_put_signature(&to, parts->algorithm);
	der_put_bits(&to, parts->signature.at, parts->signature.length);
	der_close(&to, opened, DER_SEQUENCE);
	return to.failed ? 0 : to.used;
}
