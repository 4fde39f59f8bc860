/* Signature blobs; ssh_signature.h has the contract. */
#include "worker/ssh_signature.h"

#include "worker/wire.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>

#define ED25519_SIGNATURE 64
#define P521_SCALAR	  66 /* bytes of the largest r and s */

size_t ssh_modulus_bits(const struct facts *key)
{
	size_t bits;
	uint8_t top;

	if (key->subject_kind != KEY_RSA || key->subject_key_length == 0)
		return 0;
	bits = key->subject_key_length * 8;
	for (top = key->subject_key[0]; top != 0 && (top & 0x80) == 0;
	     top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

static const char *algorithm(enum key_kind kind, size_t key_bits)
{
	switch (kind) {
	case KEY_RSA:
		return key_bits < 4096 ? "rsa-sha2-256" : "rsa-sha2-512";
	case KEY_P256:
		return "ecdsa-sha2-nistp256";
	case KEY_P384:
		return "ecdsa-sha2-nistp384";
	case KEY_P521:
		return "ecdsa-sha2-nistp521";
	case KEY_ED25519:
		return "ssh-ed25519";
	case KEY_KIND_COUNT:
		break;
	}
	return "";
}

static bool put_number(struct wire *wire, const BIGNUM *number)
{
	uint8_t bytes[P521_SCALAR];
	int length = BN_num_bytes(number);

	if (BN_is_negative(number) || length > (int)sizeof(bytes))
		return false;
	wire_mpint(wire, bytes, (size_t)BN_bn2bin(number, bytes));
	return true;
}

/* DER's SEQUENCE of two INTEGERs (RFC 3279 2.2.3) becomes two mpints. */
static bool put_ecdsa(struct wire *wire, const uint8_t *der, size_t length)
{
	uint8_t numbers[2 * (P521_SCALAR + 5)];
	struct wire pair = { .out = numbers, .room = sizeof(numbers) };
	const unsigned char *end = der;
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &end, (long)length);
	bool good;

	good = signature && end == der + length &&
	       put_number(&pair, ECDSA_SIG_get0_r(signature)) &&
	       put_number(&pair, ECDSA_SIG_get0_s(signature)) && !pair.failed;
	if (good)
		wire_string(wire, pair.out, pair.length);
	ECDSA_SIG_free(signature);
	return good;
}

size_t ssh_signature_write(enum key_kind kind, size_t key_bits, const uint8_t *signature,
    size_t length, uint8_t *out, size_t room)
{
	struct wire wire = { .out = out, .room = room };
	const char *name = algorithm(kind, key_bits);

	wire_string(&wire, name, strlen(name));
	if (kind == KEY_RSA || kind == KEY_ED25519) {
		if (length == 0 || (kind == KEY_ED25519 && length != ED25519_SIGNATURE))
			return 0;
		wire_string(&wire, signature, length);
	} else if (!put_ecdsa(&wire, signature, length)) {
		return 0;
	}
	return wire.failed ? 0 : wire.length;
}
