/* One row per way of writing a document; documents.h has the contract. */
#include "policy/documents.h"

#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"

#include <string.h>

#define SSH_SERIAL_LENGTH 8

struct document_form {
	const char *(*read)(const uint8_t *bytes, size_t length, struct facts *out);
	size_t (*write)(const struct facts *facts, uint8_t *out, size_t room);
	size_t serial_length;
	bool (*serial_fit)(uint8_t *serial);
};

static const char *ssh_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	enum ssh_form form = ssh_certificate_read(bytes, length, out);

	return form == SSH_FORM_GOOD ? NULL : ssh_form_text(form);
}

/* Zero is what an unstamped certificate has. */
static bool ssh_serial_fit(uint8_t *serial)
{
	static const uint8_t zero[SSH_SERIAL_LENGTH];

	return memcmp(serial, zero, sizeof(zero)) != 0;
}

static const char *x509_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	enum x509_form form = x509_certificate_read(bytes, length, out);

	return form == X509_FORM_GOOD ? NULL : x509_form_text(form);
}

static bool positive_serial_fit(uint8_t *serial)
{
	x509_serial_fit(serial);
	return true;
}

/* clang-format off */
static const struct document_form
	ssh = { ssh_read, ssh_certificate_write, SSH_SERIAL_LENGTH, ssh_serial_fit },
	x509 = { x509_read, x509_certificate_write, X509_SERIAL_STAMPED, positive_serial_fit };

static const struct document_form *const forms[DOCUMENT_COUNT] = {
	[DOCUMENT_SSH_USER] = &ssh,
	[DOCUMENT_SSH_HOST] = &ssh,
	[DOCUMENT_X509_USER] = &x509,
	[DOCUMENT_X509_HOST] = &x509,
};
/* clang-format on */

static const struct document_form *form_of(enum document document)
{
	return (unsigned)document < DOCUMENT_COUNT ? forms[document] : NULL;
}

const char *document_read(
    enum document document, const uint8_t *bytes, size_t length, struct facts *out)
{
	const struct document_form *form = form_of(document);

	return form ? form->read(bytes, length, out)
		    : "documents of this kind are not read by this version";
}

size_t document_write(
    enum document document, const struct facts *facts, uint8_t *out, size_t room)
{
	const struct document_form *form = form_of(document);

	return form ? form->write(facts, out, room) : 0;
}

size_t document_serial_length(enum document document)
{
	const struct document_form *form = form_of(document);

	return form ? form->serial_length : 0;
}

bool document_serial_fit(enum document document, uint8_t *serial)
{
	const struct document_form *form = form_of(document);

	return form && form->serial_fit(serial);
}
