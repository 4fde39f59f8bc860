/* One row per document, one case per way of writing it; documents.h has the contract. */
#include "policy/documents.h"

#define SSH_SERIAL_LENGTH 8

enum form { FORM_NONE, FORM_SSH, FORM_X509 };

/*@ assigns \nothing;
    ensures \result == FORM_NONE || \result == FORM_SSH || \result == FORM_X509;
    ensures \result == FORM_SSH <==> document_in_ssh(document);
    ensures \result == FORM_X509 <==> document_in_x509(document);
*/
static enum form form_of(enum document document)
{
	static const enum form forms[DOCUMENT_COUNT] = {
		[DOCUMENT_SSH_USER] = FORM_SSH,
		[DOCUMENT_SSH_HOST] = FORM_SSH,
		[DOCUMENT_X509_USER] = FORM_X509,
		[DOCUMENT_X509_HOST] = FORM_X509,
	};

	return (unsigned)document < DOCUMENT_COUNT ? forms[document] : FORM_NONE;
}

/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns *out;
    ensures \result == \null ==> ssh_writable(out) && out->serial_at + 8 <= length;
    ensures \result == \null ==> facts_without_x509(out) && facts_readable(out);
*/
static const char *ssh_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	const enum ssh_form form = ssh_certificate_read(bytes, length, out);

	return form == SSH_FORM_GOOD ? NULL : ssh_form_text(form);
}

/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns *out;
    ensures \result == \null ==> x509_parts(out);
    ensures \result == \null ==> facts_without_ssh(out) && facts_readable(out);
    ensures \result == \null ==> out->serial_at + out->x509_serial_length <= length;
*/
static const char *x509_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	const enum x509_form form = x509_certificate_read(bytes, length, out);

	return form == X509_FORM_GOOD ? NULL : x509_form_text(form);
}

const char *document_read(
    enum document document, const uint8_t *bytes, size_t length, struct facts *out)
{
	switch (form_of(document)) {
	case FORM_SSH:
		return ssh_read(bytes, length, out);
	case FORM_X509:
		return x509_read(bytes, length, out);
	case FORM_NONE:
		break;
	}
	return "documents of this kind are not read by this version";
}

size_t document_write(
    enum document document, const struct facts *facts, uint8_t *out, size_t room)
{
	switch (form_of(document)) {
	case FORM_SSH:
		return ssh_certificate_write(facts, out, room);
	case FORM_X509:
		return x509_certificate_write(facts, out, room);
	case FORM_NONE:
		break;
	}
	return 0;
}

size_t document_serial_length(enum document document)
{
	switch (form_of(document)) {
	case FORM_SSH:
		return SSH_SERIAL_LENGTH;
	case FORM_X509:
		return X509_SERIAL_STAMPED;
	case FORM_NONE:
		break;
	}
	return 0;
}

bool document_serial_fit(enum document document, uint8_t *serial)
{
	/* Zero is what an unstamped certificate has. */
	static const uint8_t zero[SSH_SERIAL_LENGTH] = { 0 };

	switch (form_of(document)) {
	case FORM_SSH:
		return !bytes_same(serial, zero, sizeof(zero));
	case FORM_X509:
		x509_serial_fit(serial);
		return true;
	case FORM_NONE:
		break;
	}
	return false;
}
