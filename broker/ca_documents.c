/* Writing and reading of a CA's own documents; ca_documents.h has the promises. */
#include "broker/ca_documents.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"
#include "policy/x509_crl.h"
#include "policy/x509_signed.h"

#include <string.h>

#define NAME_MAX_BYTES 1024
#define DAY_SECONDS    INT64_C(86400)
#define BACKDATED      60 /* seconds, for clocks that are behind */
#define USAGES                                                                           \
	(X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT | X509_KEY_CERT_SIGN |           \
	    X509_CRL_SIGN)

const char *ca_document_name(enum ca_document document)
{
	return document == CA_CERTIFICATE ? "ca-certificate" : "crl";
}

static enum x509_signature algorithm(const struct ca_signer *signer)
{
	const bool longer = signer->key->hash == signer->crypto->sha512;

	switch (signer->key->kind) {
	case KEY_RSA:
		return longer ? X509_RSA_SHA512 : X509_RSA_SHA256;
	case KEY_ED25519:
		return X509_ED25519;
	case KEY_P256:
	case KEY_P384:
	case KEY_P521:
	case KEY_KIND_COUNT:
		break;
	}
	return longer ? X509_ECDSA_SHA512 : X509_ECDSA_SHA256;
}

/* ---- writing ---- */

/* SHA-1 of the bits of the subjectPublicKey (RFC 5280 4.2.1.2, method 1). */
static bool key_id_of(
    const struct facts *key, const struct crypto *crypto, uint8_t out[SHA1_LENGTH])
{
	uint8_t encoded[KEY_BLOB_MAX + 64];
	struct slice whole = { encoded, x509_key_write(key, encoded, sizeof encoded) };
	struct slice content, bits;

	if (!der_take_whole(whole, DER_SEQUENCE, &content) ||
	    !der_take(&content, DER_SEQUENCE, &bits) || !der_take_bits(&content, &bits))
		return false;
	crypto_sha1(crypto, bits.at, bits.length, out);
	return true;
}

static void put_attribute(
    struct der_sink *to, enum x509_attribute_kind kind, const void *value, size_t length)
{
	const struct x509_attribute attribute = { .kind = kind,
		.value = { value, length } };

	x509_put_attribute(to, &attribute);
}

/* Teleport's, with the serial, so that two keys of one CA have two names. */
static size_t write_name(
    const char *cluster, const uint8_t serial[X509_SERIAL_STAMPED], uint8_t *out)
{
	struct der_sink to = der_sink(out, NAME_MAX_BYTES);
	uint8_t decimal[X509_DECIMAL_MAX];
	const size_t digits =
	    x509_serial_decimal((struct slice){ serial, X509_SERIAL_STAMPED }, decimal);

	put_attribute(&to, X509_ORGANIZATION, cluster, strlen(cluster));
	put_attribute(&to, X509_COMMON_NAME, cluster, strlen(cluster));
	put_attribute(&to, X509_SERIAL_NUMBER, decimal, digits);
	return to.failed ? 0 : to.used;
}

static size_t write_certificate(
    const struct ca_signer *signer, int64_t now, uint8_t *out, size_t room)
{
	uint8_t serial[X509_SERIAL_STAMPED], name[NAME_MAX_BYTES], id[SHA1_LENGTH];
	struct facts facts = { .x509_signature = algorithm(signer),
		.x509_not_before = now - BACKDATED,
		.x509_not_after = now + CA_DOCUMENT_DAYS * DAY_SECONDS,
		.x509_key_usage = USAGES,
		.x509_is_ca = true };

	crypto_random(serial, sizeof serial);
	x509_serial_fit(serial);
	if (!ssh_key_read(signer->key->blob, signer->key->blob_length, &facts) ||
	    !key_id_of(&facts, signer->crypto, id))
		return 0;
	facts.x509_serial = serial;
	facts.x509_serial_length = sizeof serial;
	facts.x509_issuer = facts.x509_subject = name;
	facts.x509_issuer_length = facts.x509_subject_length =
	    write_name(signer->cluster, serial, name);
	facts.x509_subject_key_id = facts.x509_authority_key_id = id;
	facts.x509_subject_key_id_length = facts.x509_authority_key_id_length = sizeof id;
	return x509_certificate_write(&facts, out, room);
}

/* Made with the certificate, and good as long as it. */
static size_t write_crl(const struct ca_signer *signer, uint8_t *out, size_t room)
{
	const struct facts *certificate = &signer->certificate;
	const struct facts facts = { .x509_signature = algorithm(signer),
		.x509_issuer = certificate->x509_subject,
		.x509_issuer_length = certificate->x509_subject_length,
		.x509_not_before = certificate->x509_not_before,
		.x509_not_after = certificate->x509_not_after,
		.x509_authority_key_id = certificate->x509_subject_key_id,
		.x509_authority_key_id_length = certificate->x509_subject_key_id_length,
		.x509_crl_number = 1 };

	return x509_crl_write(&facts, out, room);
}

size_t ca_document_write(enum ca_document document, const struct ca_signer *signer,
    int64_t now, uint8_t *out, size_t room)
{
	return document == CA_CERTIFICATE ? write_certificate(signer, now, out, room)
					  : write_crl(signer, out, room);
}

size_t ca_document_join(const struct ca_signer *signer, const uint8_t *bytes,
    size_t length, const uint8_t *signature, size_t signature_length, uint8_t *out,
    size_t room)
{
	const struct x509_signed parts = { .document = { bytes, length },
		.algorithm = algorithm(signer),
		.signature = { signature, signature_length } };

	return x509_signed_write(&parts, out, room);
}

/* ---- reading ---- */

static bool is_of_key(const struct facts *facts, const struct key *key)
{
	uint8_t blob[KEY_BLOB_MAX];

	return ssh_key_write(facts, blob, sizeof blob) == key->blob_length &&
	       memcmp(blob, key->blob, key->blob_length) == 0;
}

/* Organization and common name are the cluster's; that there is nothing else but the
 * serial number is not for us to say of certificates that others made. */
static bool names_cluster(struct slice name, const char *cluster)
{
	struct x509_attribute attribute;
	bool organization = false, common = false;

	while (x509_next_attribute(&name, &attribute)) {
		if (attribute.kind != X509_ORGANIZATION &&
		    attribute.kind != X509_COMMON_NAME)
			continue;
		if (!slice_is(attribute.value, cluster))
			return false;
		organization = organization || attribute.kind == X509_ORGANIZATION;
		common = common || attribute.kind == X509_COMMON_NAME;
	}
	return organization && common;
}

static const char *certificate_fault(
    const struct ca_signer *signer, const struct facts *facts)
{
	if (!facts->x509_is_ca)
		return "is no CA's certificate";
	if (!is_of_key(facts, signer->key))
		return "is of another key";
	if (!slice_same(
		FACTS_SLICE(facts, x509_issuer), FACTS_SLICE(facts, x509_subject)))
		return "is not self-signed";
	if (!names_cluster(FACTS_SLICE(facts, x509_subject), signer->cluster))
		return "does not name this cluster";
	return NULL;
}

static const char *crl_fault(const struct ca_signer *signer, const struct facts *facts)
{
	const struct facts *certificate = &signer->certificate;

	if (!slice_same(FACTS_SLICE(facts, x509_issuer),
		FACTS_SLICE(certificate, x509_subject)) ||
	    !slice_same(FACTS_SLICE(facts, x509_authority_key_id),
		FACTS_SLICE(certificate, x509_subject_key_id)))
		return "is another CA's";
	return NULL;
}

const char *ca_document_fault(enum ca_document document, struct ca_signer *signer,
    const uint8_t *bytes, size_t length)
{
	struct facts facts;
	enum x509_form form = document == CA_CERTIFICATE
				  ? x509_certificate_read(bytes, length, &facts)
				  : x509_crl_read(bytes, length, &facts);
	const char *fault;

	if (form != X509_FORM_GOOD)
		return x509_form_text(form);
	if (facts.x509_signature != algorithm(signer))
		return "has another signature algorithm than its key";
	fault = document == CA_CERTIFICATE ? certificate_fault(signer, &facts)
					   : crl_fault(signer, &facts);
	if (!fault && document == CA_CERTIFICATE)
		signer->certificate = facts;
	return fault;
}

const char *ca_signed_fault(enum ca_document document, struct ca_signer *signer,
    const uint8_t *bytes, size_t length)
{
	struct x509_signed parts;
	struct approval approval = { .length = 0 };

	if (!x509_signed_read(bytes, length, &parts) ||
	    parts.algorithm != algorithm(signer))
		return "is no signed document of this key";
	approval.bytes = parts.document.at;
	approval.length = parts.document.length;
	crypto_sha256(signer->crypto, approval.bytes, approval.length, approval.digest);
	if (!key_verify(signer->key, signer->crypto, &approval, parts.signature.at,
		parts.signature.length))
		return "is not signed by the CA's own key";
	return ca_document_fault(
	    document, signer, parts.document.at, parts.document.length);
}
